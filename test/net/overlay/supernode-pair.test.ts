/** Two supernodes seen as one link: the second found calmly, taking over at once, left politely, exchanged by and by. */
import { describe, expect, it } from 'vitest';
import { type PairOutput, SupernodePair } from '../../../src/net/overlay/supernode-pair.ts';
import { type Endpoint, parseEndpoint, printEndpoint } from '../../../src/net/protocol/endpoint.ts';
import {
  GATHER_AFTER_MS,
  GATHER_LOOK_MS,
  KEEP_ALIVE_HURRIED_RETRY_MS,
  KEEP_ALIVE_MISSES_MAX,
  KEEP_ALIVE_OF_TWO_MS,
  LEAVE_LINGER_MS,
  STANDBY_AFTER_MS,
} from '../../../src/net/protocol/params.ts';
import { decodeMessage, encodeMessage, type Message, message } from '../../../src/net/wire/messages.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const DETAILS = { displayName: 'Alice', listed: true, hiddenFrom: [], watch: ['bobby1'], software: 'wren test' };
const ONE = 'udp:192.0.2.1:4000';
const TWO = 'udp:198.51.100.2:4000';
const THREE = 'udp:203.0.113.3:4000';
const at = (...texts: string[]): Endpoint[] => texts.map((text) => parseEndpoint(text) as Endpoint);

/** As it comes out of a packet, with every field. */
const travelled = (value: Message): Message => decodeMessage(encodeMessage(value)) as Message;

/** Supernodes that answer by UDP at once, unless they are dead; `names` gives the node id of each place. */
class Scene {
  now = 1_000;
  readonly pair = new SupernodePair(seededRandom('pair'));
  readonly dead = new Set<string>();
  readonly names = new Map<string, string>();
  /** attempt -> where */
  readonly sessions = new Map<number, string>();
  told: string[] = [];
  sent: { readonly to: string; readonly message: Message }[] = [];
  #steps = 0;

  starts(...supernodes: string[]): this {
    this.pair.start(this.now, at(...supernodes), DETAILS);
    return this.settle();
  }

  passes(ms: number): this {
    const end = this.now + ms;
    while (this.pair.wakeAt() <= end) {
      if (++this.#steps > 200_000) throw new Error('the pair never rests');
      this.now = Math.max(this.now, this.pair.wakeAt());
      this.pair.wake(this.now);
      this.settle();
    }
    this.now = end;
    return this;
  }

  /** Until the second one is there. */
  settled(...supernodes: string[]): this {
    this.starts(...supernodes).passes(2 * STANDBY_AFTER_MS);
    this.told = [];
    this.sent = [];
    return this;
  }

  dies(place: string): this {
    this.dead.add(place);
    return this;
  }

  hears(place: string, value: Message): this {
    const attempt = [...this.sessions].find(([, where]) => where === place)?.[0] ?? -1;
    this.pair.receive(this.now, attempt, travelled(value));
    return this.settle();
  }

  get first(): string {
    const endpoint = this.pair.endpointAt();
    return endpoint ? printEndpoint(endpoint) : 'nowhere';
  }

  attaches(to: string): boolean[] {
    return this.sent.flatMap((one) =>
      one.to === to && one.message.kind === 'attach' ? [one.message.body.standby] : [],
    );
  }

  settle(): this {
    for (let said = this.pair.drain(); said.length > 0; said = this.pair.drain())
      for (const one of said) this.#act(one);
    return this;
  }

  #act(output: PairOutput): void {
    if (output.type === 'connect') this.#connect(output.attempt, printEndpoint(output.endpoint));
    else if (output.type === 'abandon') this.sessions.delete(output.attempt);
    else if (output.type === 'send') this.#answer(output.attempt, output.message);
    else if (output.type === 'relays') this.told.push(`relays ${output.nodes.join(' ')}`);
    else if (output.type === 'moved' || output.type === 'attached')
      this.told.push(`${output.type} ${printEndpoint(output.endpoint)}`);
    else if (output.type !== 'rtt' && output.type !== 'present') this.told.push(output.type);
  }

  #connect(attempt: number, place: string): void {
    if (!place.startsWith('udp') || this.dead.has(place)) return;
    this.sessions.set(attempt, place);
    this.pair.connected(this.now, attempt, this.names.get(place) ?? place);
  }

  #answer(attempt: number, value: Message): void {
    const to = this.sessions.get(attempt) ?? '';
    this.sent.push({ to, message: value });
    if (this.dead.has(to)) return;
    if (value.kind === 'attach') {
      const { requestId } = value.body;
      this.pair.receive(this.now, attempt, travelled(message('attached', { requestId, observed: ONE })));
    } else if (value.kind === 'keepAlive') {
      const { id } = value.body;
      this.pair.receive(this.now, attempt, travelled(message('keepAliveReply', { id, attached: true })));
    }
  }
}

describe('the second supernode', () => {
  it('is found some seconds after the first, in standby, and told of as a relay', () => {
    const scene = new Scene().starts(ONE, TWO, THREE);
    expect(scene.told).toEqual([`attached ${ONE}`, `relays ${ONE}`]);
    scene.passes(STANDBY_AFTER_MS / 2 - 1);
    expect([...scene.sessions.values()]).toEqual([ONE]);
    scene.passes(STANDBY_AFTER_MS + 1);
    expect([...scene.sessions.values()]).toEqual([ONE, TWO]);
    expect([scene.attaches(ONE), scene.attaches(TWO)]).toEqual([[false], [true]]);
    expect(scene.told.at(-1)).toBe(`relays ${ONE} ${TWO}`);
    expect(scene.pair.attemptAt(TWO)).not.toBe(scene.pair.attemptAt(ONE));
    expect(scene.pair.attemptAt('nobody')).toBe(scene.pair.attemptAt());
  });

  it('is in another network than the first where there is one', () => {
    const scene = new Scene().starts(ONE, 'udp:192.0.9.9:4000', TWO).passes(2 * STANDBY_AFTER_MS);
    expect([...scene.sessions.values()]).toEqual([ONE, TWO]);
  });

  it('is never the first one at another of its addresses', () => {
    const scene = new Scene();
    for (const place of [ONE, TWO]) scene.names.set(place, 'same');
    scene.starts(ONE, TWO, THREE).passes(2 * STANDBY_AFTER_MS);
    expect([...scene.sessions.values()]).toEqual([ONE, THREE]);
    expect(scene.attaches(TWO)).toEqual([]);
  });

  it('is asked for when none is known, and sought when one becomes known', () => {
    const scene = new Scene().starts(ONE).passes(2 * STANDBY_AFTER_MS);
    expect(scene.told.at(-1)).toBe('wants-supernodes');
    scene.pair.setSupernodes(scene.now, at(ONE, TWO));
    scene.passes(2 * STANDBY_AFTER_MS);
    expect([...scene.sessions.values()]).toEqual([ONE, TWO]);
  });

  it('costs a keep-alive every 32 s', () => {
    const scene = new Scene().settled(ONE, TWO).passes(10 * KEEP_ALIVE_OF_TWO_MS);
    const toSecond = scene.sent.filter((one) => one.to === TWO && one.message.kind === 'keepAlive');
    expect(Math.abs(toSecond.length - 10)).toBeLessThanOrEqual(1);
  });
});

describe('when the first dies', () => {
  it('the second takes its place without a moment of being detached, and another second is sought', () => {
    const scene = new Scene().settled(ONE, TWO, THREE).dies(ONE).passes(20_000);
    expect(scene.told.filter((word) => !word.startsWith('relays'))).toEqual([`moved ${TWO}`]);
    expect(scene.attaches(TWO)).toEqual([false]);
    expect(scene.first).toBe(TWO);
    expect([...scene.sessions.values()]).toEqual([TWO, THREE]);
    expect(scene.told.at(-1)).toBe(`relays ${TWO} ${THREE}`);
  });

  it('a hint shortens that to about a second', () => {
    const scene = new Scene().settled(ONE, TWO).dies(ONE);
    scene.pair.hint(scene.now);
    scene.passes(300 + KEEP_ALIVE_MISSES_MAX * KEEP_ALIVE_HURRIED_RETRY_MS);
    expect(scene.first).toBe(TWO);
  });

  it('together with the second, it is told, and both are sought anew', () => {
    const scene = new Scene().settled(ONE, TWO).dies(ONE).dies(TWO);
    scene.pair.check(scene.now);
    scene.passes(2_000);
    expect(scene.told).toContain('detached');
    scene.dead.clear();
    scene.passes(30_000);
    expect(scene.first).not.toBe('nowhere');
    expect([...scene.sessions.values()].toSorted()).toEqual([ONE, TWO].toSorted());
  });

  it('without a second, it is told and looked for again', () => {
    const scene = new Scene().settled(ONE).dies(ONE).passes(20_000);
    expect(scene.told).toContain('detached');
    scene.dead.clear();
    scene.passes(30_000);
    expect(scene.first).toBe(ONE);
  });
});

describe('a supernode that says that it stops', () => {
  it('is left for the second when its time has come, and let go a second later', () => {
    const scene = new Scene().settled(ONE, TWO, THREE).hears(ONE, message('leaving', { afterMs: 700 }));
    expect(scene.told).toEqual([`relays ${TWO}`]);
    scene.passes(699);
    expect(scene.first).toBe(ONE);
    scene.passes(1);
    expect(scene.first).toBe(TWO);
    expect([...scene.sessions.values()]).toContain(ONE);
    scene.passes(LEAVE_LINGER_MS);
    expect([...scene.sessions.values()].toSorted()).toEqual([TWO, THREE].toSorted());
    expect(scene.sent.filter((one) => one.to === ONE).at(-1)?.message.kind).toBe('detach');
  });

  it('has us look for another at once when we have none', () => {
    const scene = new Scene().starts(ONE, TWO).hears(ONE, message('leaving', { afterMs: 0 }));
    expect(scene.first).toBe(TWO);
    expect(scene.told).not.toContain('detached');
  });

  it('is replaced when it is the second', () => {
    const scene = new Scene().settled(ONE, TWO, THREE).hears(TWO, message('leaving', { afterMs: 0 }));
    scene.passes(1);
    expect(scene.first).toBe(ONE);
    expect([...scene.sessions.values()].toSorted()).toEqual([ONE, THREE].toSorted());
  });
});

describe('gathering', () => {
  it('brings everybody back to the earliest supernode of the list, some minutes after it is there again', () => {
    const scene = new Scene().settled(ONE, TWO).dies(ONE).passes(20_000);
    expect(scene.first).toBe(TWO);
    scene.dead.clear();
    scene.passes(90_000).told = [];
    scene.passes(1.5 * GATHER_AFTER_MS + 60_000);
    expect(scene.first).toBe(ONE);
    expect(scene.told.filter((word) => word.startsWith('detached'))).toEqual([]);
    expect(scene.attaches(TWO).at(-1)).toBe(true);
  });

  it('looks for the first of the list now and then when another is the second', () => {
    const scene = new Scene().settled(ONE, TWO, THREE).dies(ONE).passes(20_000);
    scene.dead.clear();
    scene.passes(1.5 * (GATHER_LOOK_MS + GATHER_AFTER_MS) + 1_000);
    expect(scene.first).toBe(ONE);
  });

  it('waits for the end of a call', () => {
    const scene = new Scene().settled(ONE, TWO).dies(ONE).passes(20_000);
    scene.pair.setInCall(scene.now, true);
    scene.dead.clear();
    scene.passes(20 * GATHER_AFTER_MS);
    expect(scene.first).toBe(TWO);
    scene.pair.setInCall(scene.now, false);
    scene.passes(1.5 * (GATHER_AFTER_MS + GATHER_LOOK_MS));
    expect(scene.first).toBe(ONE);
  });
});
