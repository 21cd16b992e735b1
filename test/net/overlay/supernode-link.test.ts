/** Finding a supernode, staying with it, noticing its death, and not being a burden to one that is full or falling. */
import { describe, expect, it } from 'vitest';
import { type LinkOutput, SupernodeLink, type Tried } from '../../../src/net/overlay/supernode-link.ts';
import { type Endpoint, parseEndpoint, printEndpoint } from '../../../src/net/protocol/endpoint.ts';
import { bytesOf } from '../../../src/net/protocol/ids.ts';
import { REDIRECTS_MAX } from '../../../src/net/protocol/overlay-params.ts';
import {
  ATTACH_STAGGER_AT_FIRST_MS,
  ATTACH_STAGGER_MS,
  ATTACH_TIMEOUT_MS,
  ATTACHMENT_BRIEF_MS,
  KEEP_ALIVE_MISSES_MAX,
  KEEP_ALIVE_MS,
  KEEP_ALIVE_RETRY_MS,
  REATTACH_BACKOFF_MS,
  SUPERNODE_REFUSED_MS,
} from '../../../src/net/protocol/params.ts';
import type { WayName } from '../../../src/net/protocol/ways.ts';
import {
  type Body,
  decodeMessage,
  encodeMessage,
  type Message,
  type MessageKind,
  type MessageOf,
  message,
} from '../../../src/net/wire/messages.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const DETAILS = { displayName: 'Alice', listed: true, hiddenFrom: [], watch: ['bobby1'], software: 'wren test' };
const ONE = 'udp:192.0.2.1:4000';
const TWO = 'udp:192.0.2.2:4000';
const THREE = 'udp:192.0.2.3:4000';
const TCP_ONE = ['tcp:192.0.2.1:4000', 'tcp:192.0.2.1:443', 'tls:192.0.2.1:443', 'tcp:192.0.2.1:80'];
const at = (...texts: string[]): Endpoint[] => texts.map((text) => parseEndpoint(text) as Endpoint);

class Scene {
  now = 1_000;
  readonly link: SupernodeLink;
  /** Attempts under way: number -> where to. */
  readonly trying = new Map<number, string>();
  /** In the order they began, since the last look. */
  tried: string[] = [];
  /** What the agent is told, as words. */
  told: string[] = [];
  sent: Message[] = [];
  present: string[][] = [];
  readonly nobody: Tried[] = [];
  /** Where we have said who we are, of what was begun before we knew. */
  proven: string[] = [];

  constructor(worked?: WayName) {
    this.link = new SupernodeLink(seededRandom('link'), worked);
  }

  starts(...supernodes: string[]): this {
    this.link.start(this.now, at(...supernodes), DETAILS);
    return this.settle();
  }

  prepares(...supernodes: string[]): this {
    this.link.prepare(this.now, at(...supernodes));
    return this.settle();
  }

  answers(place: string): this {
    this.link.answered(this.#attempt(place));
    return this.settle();
  }

  passes(ms: number): this {
    const end = this.now + ms;
    for (let steps = 0; this.link.wakeAt() <= end; steps++) {
      if (steps > 10_000) throw new Error('the link never rests');
      this.now = Math.max(this.now, this.link.wakeAt());
      this.link.wake(this.now);
      this.settle();
    }
    this.now = end;
    return this;
  }

  /** The session to this place is up. */
  up(place: string): this {
    this.link.connected(this.now, this.#attempt(place));
    return this.settle();
  }

  fails(place: string): this {
    const attempt = this.#attempt(place);
    this.trying.delete(attempt);
    this.link.failed(this.now, attempt);
    return this.settle();
  }

  /** The supernode says something in the session that we chose. */
  hears(value: Message): this {
    const [attempt] = [...this.trying.keys()];
    this.link.receive(this.now, attempt ?? -1, decodeMessage(encodeMessage(value)) as Message);
    return this.settle();
  }

  isAccepted(): this {
    return this.hears(message('attached', { requestId: this.last('attach').requestId, observed: ONE }));
  }

  isRefused(retryAfterMs = 5_000): this {
    const { requestId } = this.last('attach');
    return this.hears(message('failure', { requestId, code: 'busy', retryAfterMs }));
  }

  isSentOn(to: string, retryAfterMs = 4_000): this {
    const { requestId } = this.last('attach');
    const [attempt = -1] = this.trying.keys();
    const { body } = message('redirect', { requestId, retryAfterMs }) as MessageOf<'redirect'>;
    this.link.redirected(this.now, attempt, body, at(to));
    return this.settle();
  }

  attached(...supernodes: string[]): this {
    this.starts(...supernodes)
      .up(supernodes[0] ?? ONE)
      .isAccepted();
    this.tried = [];
    this.told = [];
    this.sent = [];
    return this;
  }

  /** Until the first keep-alive, which comes at a moment of its own. */
  asks(): this {
    while (this.count('keepAlive') === 0) this.passes(10);
    return this;
  }

  /** Answers every keep-alive after a round trip, as a living supernode does. */
  livesFor(ms: number, roundTripMs = 20): this {
    const answers: { readonly at: number; readonly id: number }[] = [];
    for (const end = this.now + ms; this.now < end; this.passes(10)) {
      for (const one of this.sent.splice(0)) {
        if (one.kind === 'keepAlive') answers.push({ at: this.now + roundTripMs, id: one.body.id });
      }
      while (answers[0] && answers[0].at <= this.now) {
        this.hears(message('keepAliveReply', { id: answers.shift()?.id ?? 0, attached: true }));
      }
    }
    return this;
  }

  /** Round trips that were told, to the step of `livesFor`. */
  get roundTrips(): Set<number> {
    const told = this.told.filter((word) => word.startsWith('rtt'));
    return new Set(told.map((word) => 10 * Math.floor(Number(word.slice(4)) / 10)));
  }

  last<K extends MessageKind>(kind: K): Body<K> {
    const found = this.sent.findLast((one) => one.kind === kind);
    if (!found) throw new Error(`no ${kind} was sent`);
    return found.body as Body<K>;
  }

  count(kind: MessageKind): number {
    return this.sent.filter((one) => one.kind === kind).length;
  }

  settle(): this {
    for (const output of this.link.drain()) this.#note(output);
    return this;
  }

  #note(output: LinkOutput): void {
    if (output.type === 'connect') {
      const place = printEndpoint(output.endpoint);
      const where = output.tls ? place.replace('tcp:', 'tls:') : place;
      this.trying.set(output.attempt, where);
      this.tried.push(output.inAdvance ? `${where} in advance` : where);
    } else if (output.type === 'prove') this.proven.push(this.trying.get(output.attempt) ?? 'nowhere');
    else if (output.type === 'abandon') this.trying.delete(output.attempt);
    else if (output.type === 'send') this.sent.push(output.message);
    else if (output.type === 'present') this.present.push(output.present.map((one) => one.name));
    else if (output.type === 'detached') this.told.push(`detached ${output.code}`);
    else if (output.type === 'attached') this.told.push(`attached ${printEndpoint(output.endpoint)}`);
    else if (output.type === 'observed') this.told.push(`observed ${output.observed}`);
    else if (output.type === 'rtt') this.told.push(`rtt ${output.rttMs}`);
    else if (output.type === 'limited') this.told.push(`limited ${output.cap} ${output.dropped}`);
    else this.nobody.push(output.tried);
  }

  #attempt(place: string): number {
    const found = [...this.trying].find(([, where]) => where === place);
    if (!found) throw new Error(`nobody tries ${place}: ${[...this.trying.values()]}`);
    return found[0];
  }
}

describe('the race', () => {
  it('tries each supernode by UDP, then by its TCP ports, then the next, one step at a time', () => {
    const scene = new Scene().starts(ONE, TWO);
    const steps = [scene.tried.length];
    for (let i = 0; i < 10; i++) steps.push(scene.passes(ATTACH_STAGGER_MS).tried.length);
    expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10]);
    const second = TCP_ONE.map((place) => place.replace('2.1', '2.2'));
    expect(scene.tried).toEqual([ONE, ...TCP_ONE, TWO, ...second]);
  });

  it('begins by the way that worked last beside UDP, until the network changes', () => {
    const scene = new Scene().starts(ONE).passes(2 * ATTACH_STAGGER_MS);
    scene.up('tcp:192.0.2.1:443').isAccepted().livesFor(ATTACHMENT_BRIEF_MS).tried = [];
    scene.fails('tcp:192.0.2.1:443');
    expect(scene.tried).toEqual([ONE, 'tcp:192.0.2.1:443']);
    scene.passes(2 * ATTACH_STAGGER_MS);
    expect(scene.tried).toEqual([ONE, 'tcp:192.0.2.1:443', 'tcp:192.0.2.1:4000', 'tls:192.0.2.1:443']);
    scene.tried = [];
    scene.link.setWorked(undefined);
    scene.link.restart(scene.now);
    scene.settle();
    expect(scene.tried).toEqual([ONE]);
  });

  it('begins by the way that is remembered from the last run beside UDP', () => {
    const scene = new Scene('tcp80').starts(ONE);
    expect(scene.tried).toEqual([ONE, 'tcp:192.0.2.1:80']);
  });

  it('goes on at once when a step fails', () => {
    const scene = new Scene().starts(ONE, TWO).fails(ONE);
    expect(scene.tried).toEqual([ONE, 'tcp:192.0.2.1:4000']);
  });

  it('is won by whoever answers first; the others are let go', () => {
    const scene = new Scene().starts(ONE, TWO).passes(5 * ATTACH_STAGGER_MS);
    scene.up(TWO);
    expect([...scene.trying.values()]).toEqual([TWO]);
    expect(scene.last('attach')).toMatchObject({ displayName: 'Alice', watch: ['bobby1'] });
    scene.isAccepted();
    expect(scene.told).toEqual([`attached ${TWO}`]);
    expect(scene.link.attached).toBe(true);
  });

  it('that is lost ends in a pause, longer each time, never in step with others', () => {
    const scene = new Scene().starts(ONE);
    const pauses: number[] = [];
    for (let round = 0; round < REATTACH_BACKOFF_MS.length + 2; round++) {
      scene.passes(4 * ATTACH_STAGGER_MS).fails(ONE);
      for (const place of TCP_ONE) scene.fails(place);
      const from = scene.now;
      scene.tried = [];
      while (scene.tried.length === 0) scene.passes(1);
      pauses.push(scene.now - from);
    }
    pauses.forEach((pause, round) => {
      const base = REATTACH_BACKOFF_MS[Math.min(round, REATTACH_BACKOFF_MS.length - 1)] ?? 0;
      expect(pause).toBeGreaterThanOrEqual(0.8 * base);
      expect(pause).toBeLessThanOrEqual(1.2 * base + 1);
    });
    expect(new Set(pauses.map((pause, i) => pause / (REATTACH_BACKOFF_MS[Math.min(i, 8)] ?? 1))).size).toBeGreaterThan(
      3,
    );
  });

  it('is told of once, not at each round', () => {
    const scene = new Scene().starts(ONE);
    scene.passes(10 * ATTACH_TIMEOUT_MS);
    expect(scene.told).toEqual(['detached unreachable-network']);
  });

  it('without anybody to try waits, and does not spin', () => {
    const scene = new Scene().starts();
    scene.passes(300_000);
    expect(scene.tried).toEqual([]);
  });

  it('ignores a session that comes up when it is over', () => {
    const scene = new Scene().starts(ONE, TWO).passes(4 * ATTACH_STAGGER_MS);
    const late = [...scene.trying].find(([, where]) => where === TWO)?.[0] ?? -1;
    scene.up(ONE).isAccepted();
    scene.link.connected(scene.now, late);
    expect(scene.link.drain()).toEqual([{ type: 'abandon', attempt: late }]);
    expect(scene.link.attached).toBe(true);
  });
});

describe('a list of many', () => {
  const MANY = Array.from({ length: 700 }, (_, i) => `udp:198.18.${i >> 7}.${(i & 127) + 1}:4000`);

  it('is gone through over the rounds: who was not asked yet comes before who was', () => {
    const scene = new Scene().starts(...MANY);
    scene.passes(20 * 60_000);
    const asked = new Set(scene.tried.map((text) => text.split(':')[1]));
    expect(asked.size).toBeGreaterThan(600);
    expect(scene.nobody.length).toBeGreaterThan(10);
    expect(scene.nobody[0]?.supernodes).toBeGreaterThan(500);
  });

  it('gets those that are named while it waits at once, and those known already not again', () => {
    const scene = new Scene().starts(ONE).passes(10_000);
    scene.tried = [];
    scene.link.setSupernodes(scene.now, at(ONE));
    expect(scene.settle().tried).toEqual([]);
    scene.link.setSupernodes(scene.now, at(TWO, ONE));
    expect(scene.settle().tried).toContain(TWO);
  });
});

describe('an attempt to attach', () => {
  it('that is not answered ends in a pause and another race', () => {
    const scene = new Scene().starts(ONE).up(ONE);
    scene.tried = [];
    scene.passes(ATTACH_TIMEOUT_MS + 2 * (REATTACH_BACKOFF_MS[0] ?? 0));
    expect(scene.tried[0]).toBe(ONE);
  });

  it('at a full supernode goes on at once to the next one, and leaves the full one alone for a while', () => {
    const scene = new Scene().starts(ONE, TWO).up(ONE).isRefused();
    expect(scene.tried.at(-1)).toBe(TWO);
    scene.up(TWO).isAccepted();
    expect(scene.told).toEqual([`attached ${TWO}`]);
    scene.livesFor(SUPERNODE_REFUSED_MS / 2).tried = [];
    scene.fails(TWO);
    expect(scene.tried).toEqual([TWO]);
    scene.up(TWO).isAccepted().livesFor(SUPERNODE_REFUSED_MS).tried = [];
    scene.fails(TWO);
    expect(scene.tried).toEqual([ONE]);
  });

  it('that every supernode refuses ends in a pause, as long as they say, not in a round without end', () => {
    const scene = new Scene().starts(ONE, TWO).up(ONE).isRefused().up(TWO).isRefused(4_000);
    expect(scene.trying.size).toBe(0);
    expect(scene.told).toEqual(['detached unreachable-network']);
    scene.passes(3_900);
    expect(scene.trying.size).toBe(0);
    scene.passes(200);
    expect(scene.trying.size).toBeGreaterThan(0);
  });

  it('that is sent on goes to whom it was sent, known or not, and last to whoever sent it', () => {
    const scene = new Scene().starts(ONE, TWO).up(ONE).isSentOn(THREE);
    expect(scene.tried.at(-1)).toBe(THREE);
    scene.up(THREE).isAccepted();
    expect(scene.told).toEqual([`attached ${THREE}`]);
    scene.livesFor(SUPERNODE_REFUSED_MS / 2).tried = [];
    scene.fails(THREE);
    expect(scene.tried[0]).not.toBe(ONE);
  });

  it('that is sent on in a circle, or on and on, waits in the end', () => {
    const circle = new Scene().starts(ONE).up(ONE).isSentOn(TWO).up(TWO).isSentOn(ONE);
    expect(circle.trying.size).toBe(0);
    const places = Array.from({ length: 10 }, (_, i) => `udp:192.0.2.${i + 10}:4000`);
    const scene = new Scene().starts(ONE).up(ONE);
    let sentOn = 0;
    for (const [i, place] of places.entries()) {
      if (i > 0 && scene.trying.size === 0) break;
      if (i > 0) scene.up(places[i - 1] as string);
      scene.isSentOn(place);
      sentOn += 1;
    }
    expect(sentOn).toBe(REDIRECTS_MAX + 1);
  });

  it('is not ended by a refusal that answers somebody else’s question', () => {
    const scene = new Scene().starts(ONE).up(ONE);
    expect(scene.last('attach').requestId).toBeGreaterThanOrEqual(2 ** 31);
    scene.hears(message('failure', { requestId: 1, code: 'busy' }));
    scene.isAccepted();
    expect(scene.link.attached).toBe(true);
  });
});

describe('an attachment', () => {
  it('is kept alive, and the round trip is told', () => {
    const scene = new Scene().attached(ONE).livesFor(10 * KEEP_ALIVE_MS);
    expect(scene.told.length).toBeGreaterThanOrEqual(9);
    expect(scene.roundTrips).toEqual(new Set([20]));
  });

  it('tells once when the supernode sees us elsewhere than before', () => {
    const scene = new Scene().attached(ONE);
    scene.told = [];
    for (const observed of [ONE, '', TWO, TWO])
      scene.hears(message('keepAliveReply', { id: 99, attached: true, observed }));
    expect(scene.told).toEqual([`observed ${TWO}`]);
  });

  it('lives on a link whose round trip is longer than the pause between two tries', () => {
    const scene = new Scene().attached(ONE);
    scene.livesFor(5 * KEEP_ALIVE_MS, 1_300);
    expect(scene.link.attached).toBe(true);
    expect(scene.roundTrips).toEqual(new Set([1_300]));
    expect(scene.told.length).toBeLessThanOrEqual(5);
  });

  it('tells by which cap the supernode drops what we want forwarded; a cap that we do not know is its own', () => {
    const scene = new Scene().attached(ONE);
    scene.hears(message('quota', { cap: 'person', bytesPerSecond: 16_000, dropped: 7 }));
    scene.hears(message('quota', { cap: 'weather', dropped: 1 }));
    expect(scene.told).toEqual(['limited person 7', 'limited supernode 1']);
  });

  it('is given up when keep-alives stay unanswered, and the race begins at once', () => {
    const scene = new Scene().attached(ONE).livesFor(4 * KEEP_ALIVE_MS);
    scene.told = [];
    scene.passes(KEEP_ALIVE_MS + (KEEP_ALIVE_MISSES_MAX + 1) * KEEP_ALIVE_RETRY_MS);
    expect(scene.told).toEqual(['detached unreachable-network']);
    expect(scene.tried[0]).toBe(ONE);
  });

  it('is not given up while the supernode says anything at all', () => {
    const scene = new Scene().attached(ONE);
    for (let i = 0; i < 100; i++) scene.passes(400).hears(message('forwarded', { packet: Buffer.alloc(1) }));
    expect(scene.link.attached).toBe(true);
  });

  it('that is closed under us is sought anew at once; a brief one only after a pause', () => {
    const scene = new Scene().attached(ONE).livesFor(ATTACHMENT_BRIEF_MS);
    scene.fails(ONE);
    expect(scene.tried).toEqual([ONE]);
    scene.up(ONE).isAccepted().tried = [];
    scene.fails(ONE);
    expect(scene.tried).toEqual([]);
    scene.passes(1.2 * (REATTACH_BACKOFF_MS[0] ?? 0));
    expect(scene.tried).toEqual([ONE]);
  });

  it('to a supernode that takes us and drops us again and again is sought ever more rarely', () => {
    const scene = new Scene().attached(ONE).fails(ONE);
    let times = 0;
    for (const end = scene.now + 60_000; scene.now < end; scene.passes(10)) {
      if (![...scene.trying.values()].includes(ONE)) continue;
      scene.up(ONE).isAccepted().fails(ONE);
      times += 1;
    }
    expect(times).toBeLessThan(10);
  });

  it('that the supernode has forgotten is asked for again, in the same session', () => {
    const scene = new Scene().attached(ONE).asks();
    scene.hears(message('keepAliveReply', { id: 1, attached: false }));
    expect(scene.count('attach')).toBe(1);
    const seen = { name: 'bobby1', nodeId: bytesOf('ab'.repeat(16)) };
    scene.hears(message('attached', { requestId: scene.last('attach').requestId, present: [seen] }));
    expect(scene.present).toEqual([['bobby1']]);
    expect(scene.link.attached).toBe(true);
  });

  it('that is forgotten and refused ends: we do not believe to be there when we are not', () => {
    const scene = new Scene().attached(ONE, TWO).asks();
    scene.hears(message('keepAliveReply', { id: 1, attached: false })).isRefused();
    expect(scene.told).toContain('detached unreachable-network');
    expect(scene.tried).toEqual([TWO]);
  });

  it('changes its lists by a new request', () => {
    const scene = new Scene().attached(ONE);
    scene.link.update({ ...DETAILS, watch: ['bobby1', 'carol1'] });
    scene.settle();
    expect(scene.last('attach').watch).toEqual(['bobby1', 'carol1']);
    scene.isAccepted();
    expect(scene.told).toEqual([]);
  });

  it('tells who is there only of its newest lists', () => {
    const scene = new Scene().attached(ONE);
    const { link } = scene;
    for (const watch of [['bobby1'], ['bobby1', 'carol1']]) link.update({ ...DETAILS, watch });
    scene.settle();
    const [older, newer] = scene.sent.map((value) => (value.kind === 'attach' ? value.body.requestId : 0));
    scene.hears(message('attached', { requestId: older ?? 0 }));
    expect(scene.present).toEqual([]);
    scene.hears(message('attached', { requestId: newer ?? 0 }));
    expect(scene.present).toEqual([[]]);
  });

  it('is left at once on a restart, whatever came before', () => {
    const scene = new Scene().attached(ONE);
    scene.link.restart(scene.now);
    scene.settle();
    expect(scene.told).toEqual(['detached unreachable-network']);
    expect([...scene.trying.values()]).toEqual([ONE]);
  });
});

describe('the end', () => {
  it('is polite from an attachment, and nothing stirs afterwards', () => {
    const scene = new Scene().attached(ONE);
    scene.link.stop('signed out');
    scene.settle();
    expect(scene.count('detach')).toBe(1);
    expect(scene.trying.size).toBe(0);
    expect(scene.link.wakeAt()).toBe(Number.POSITIVE_INFINITY);
    scene.link.restart(scene.now);
    scene.passes(600_000);
    expect(scene.tried).toEqual([]);
  });

  it('during a race lets every attempt go', () => {
    const scene = new Scene().starts(ONE, TWO).passes(ATTACH_STAGGER_MS);
    scene.link.stop('signed out');
    scene.settle();
    expect(scene.trying.size).toBe(0);
  });

  it('is forgotten by the next start, which is told of its own trouble', () => {
    const scene = new Scene().starts(ONE).passes(3 * ATTACH_TIMEOUT_MS);
    scene.link.stop('signed out');
    scene.told = [];
    scene.starts(ONE).passes(3 * ATTACH_TIMEOUT_MS);
    expect(scene.told).toEqual(['detached unreachable-network']);
  });
});

describe('a race that is prepared before we know who we are', () => {
  const inAdvance = (place: string): string => `${place} in advance`;

  it('has a winner who waits, tells nobody, and is attached to with the first packet', () => {
    const scene = new Scene().prepares(ONE, TWO).answers(ONE).passes(2_000);
    expect(scene.tried).toEqual([inAdvance(ONE)]);
    expect([scene.sent, scene.told, scene.proven]).toEqual([[], [], []]);
    scene.starts(ONE, TWO);
    expect(scene.proven).toEqual([ONE]);
    scene.up(ONE).isAccepted();
    expect(scene.tried).toEqual([inAdvance(ONE)]);
    expect(scene.told).toEqual([`attached ${ONE}`]);
  });

  it('lets the others go when one answers, and goes on with all of them when none has', () => {
    const scene = new Scene().prepares(ONE).passes(ATTACH_STAGGER_AT_FIRST_MS);
    expect(scene.tried).toEqual([inAdvance(ONE), inAdvance(TCP_ONE[0]!)]);
    const slow = new Scene().prepares(ONE).passes(ATTACH_STAGGER_AT_FIRST_MS).starts(ONE);
    expect(slow.proven).toEqual([ONE, TCP_ONE[0]]);
    expect(slow.passes(ATTACH_STAGGER_MS).tried.at(-1)).toBe(TCP_ONE[1]);
    scene.answers(TCP_ONE[0]!);
    expect([...scene.trying.values()]).toEqual([TCP_ONE[0]]);
    scene.starts(ONE).up(TCP_ONE[0]!).isAccepted();
    expect(scene.told).toEqual([`attached ${TCP_ONE[0]}`]);
  });

  it('is one round, of which nobody hears; then everything begins as if nothing had been', () => {
    const silent = new Scene().prepares(ONE).passes(60_000);
    expect([silent.told, silent.nobody, silent.link.idle, silent.trying.size]).toEqual([[], [], true, 0]);
    silent.tried = [];
    expect(silent.starts(ONE).tried).toEqual([ONE]);
    const lost = new Scene().prepares(ONE).answers(ONE).fails(ONE);
    expect(lost.link.idle).toBe(true);
    expect(lost.starts(TWO, ONE).tried).toEqual([inAdvance(ONE), TWO]);
    const stopped = new Scene().prepares(ONE).answers(ONE);
    stopped.link.stop('nobody signs in');
    expect(stopped.settle().trying.size).toBe(0);
  });
});
