/** How an ordinary node comes to know supernodes, whom it asks when, and what it has stored. */
import { describe, expect, it } from 'vitest';
import { type KnownOutput, KnownSupernodes, type Remembered } from '../../../src/net/overlay/known-supernodes.ts';
import { signRecord } from '../../../src/net/overlay/supernode-entry.ts';
import { type Endpoint, parseEndpoint, printEndpoint } from '../../../src/net/protocol/endpoint.ts';
import { bytesOf } from '../../../src/net/protocol/ids.ts';
import {
  ATTACH_ROUND_MS_MAX,
  ENTRIES_ASK_FIRST_MS,
  ENTRIES_PER_ANSWER_MAX,
  REMEMBER_SOON_MS,
  SUPERNODES_ASK_AFTER_MS,
  SUPERNODES_ASK_SPREAD_MS,
} from '../../../src/net/protocol/params.ts';
import { message } from '../../../src/net/wire/messages.ts';
import { makeAuthority, WALL_MS } from '../../support/identities.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const authority = makeAuthority();
const at = (text: string): Endpoint => parseEndpoint(text) as Endpoint;
const ONE = at('udp:203.0.113.1:4000');

function entry(number: number, text = `udp:203.0.113.${number}:4000`, label = `super${number}`) {
  const { nodeId, certificateDer, privateKey } = authority.issue('supernode', label, undefined, [at(text).host]);
  const signed = signRecord({ nodeId, endpoints: [at(text)], issuedAtMs: WALL_MS }, privateKey);
  return { nodeId: bytesOf(nodeId), endpoints: [text], certificate: certificateDer, ...signed };
}

class Scene {
  now = 1_000;
  readonly known: KnownSupernodes;
  readonly said: KnownOutput['type'][] = [];
  stored: Remembered | undefined;

  constructor(invite: Endpoint[] = [], remembered?: Remembered) {
    const trust = authority.trust();
    const wallClock = () => WALL_MS + this.now;
    const judge = (der: Uint8Array) => trust.judge(der, undefined);
    this.known = new KnownSupernodes({ random: seededRandom('known'), wallClock, invite, remembered, judge });
    this.known.enter('home');
  }

  passes(ms: number): this {
    const end = this.now + ms;
    while (this.known.wakeAt() <= end) {
      this.now = Math.max(this.now, this.known.wakeAt());
      this.known.wake(this.now);
      this.settle();
    }
    this.now = end;
    return this;
  }

  settle(): this {
    for (const output of this.known.drain()) {
      this.said.push(output.type);
      if (output.type === 'remember') this.stored = output.remembered;
    }
    return this;
  }

  attached(server = ONE): this {
    this.known.attached(this.now, { server, way: 'udp' }, []);
    return this.settle();
  }

  fromLogin(...entries: object[]): this {
    this.known.fromLogin(this.now, message('supernodes', { entries }).body);
    return this.settle();
  }

  fromSupernode(from: Endpoint, ...entries: object[]): this {
    this.known.fromSupernode(this.now, message('entries', { entries }).body, from);
    return this.settle();
  }

  count(type: KnownOutput['type']): number {
    return this.said.filter((one) => one === type).length;
  }

  get order(): string[] {
    return this.known.order().map(printEndpoint);
  }
}

describe('the login server', () => {
  it('is asked at once when nobody is known, else after a moment, then ever more rarely, until we are attached', () => {
    const nobody = new Scene();
    nobody.known.looking(nobody.now);
    expect(nobody.passes(0).count('ask-login')).toBe(1);
    const scene = new Scene([ONE]);
    scene.known.looking(scene.now);
    expect(scene.passes(SUPERNODES_ASK_AFTER_MS - 1).count('ask-login')).toBe(0);
    expect(scene.passes(SUPERNODES_ASK_SPREAD_MS + 1).count('ask-login')).toBe(1);
    for (let i = 0; i < 60; i++) {
      scene.known.looking(scene.now);
      scene.passes(10_000);
    }
    expect(scene.count('ask-login')).toBeLessThan(14);
    const before = scene.attached().count('ask-login');
    expect(scene.passes(600_000).count('ask-login')).toBe(before);
  });

  it('is believed with and without signatures; the same word again is no news', () => {
    const scene = new Scene();
    scene.fromLogin(entry(1), { nodeId: bytesOf('ab'.repeat(16)), endpoints: ['udp:203.0.113.9:1', 'garbage'] });
    expect(new Set(scene.order)).toEqual(new Set(['udp:203.0.113.1:4000', 'udp:203.0.113.9:1']));
    expect(scene.count('named')).toBe(1);
    scene.fromLogin(entry(1));
    expect(scene.count('named')).toBe(1);
    expect(scene.known.loginServer).toBe('answers');
  });

  it('that hands on a forged entry names nobody by it', () => {
    const scene = new Scene();
    scene.fromLogin({ ...entry(1), signature: entry(2).signature });
    expect([scene.order, scene.known.dropped]).toEqual([[], 1]);
  });
});

describe('our supernode', () => {
  it('is asked long after we attached, and only then believed', () => {
    const scene = new Scene([ONE]).attached();
    scene.fromSupernode(ONE, entry(2));
    expect(scene.order).toHaveLength(1);
    expect(scene.passes(ENTRIES_ASK_FIRST_MS / 2).count('ask-supernode')).toBe(0);
    expect(scene.passes(ENTRIES_ASK_FIRST_MS).count('ask-supernode')).toBe(1);
    scene.fromSupernode(ONE, entry(2));
    expect(scene.order).toHaveLength(2);
    scene.fromSupernode(ONE, entry(3));
    expect(scene.order).toHaveLength(2);
  });

  it('that refuses us says where else to go: four at most, and nothing in our own house', () => {
    const scene = new Scene([ONE]);
    scene.known.looking(scene.now);
    const many = Array.from({ length: ENTRIES_PER_ANSWER_MAX + 1 }, (_, i) => entry(i + 2));
    scene.fromSupernode(ONE, ...many);
    expect(scene.order).toHaveLength(1 + ENTRIES_PER_ANSWER_MAX);
    expect(scene.count('named')).toBe(1);
    scene.fromSupernode(ONE, entry(9, 'udp:192.168.1.1:4000'));
    expect(scene.known.dropped).toBe(1);
    scene.fromSupernode(at('udp:192.168.1.5:4000'), entry(9, 'udp:192.168.1.1:4000'));
    expect(scene.order).toContain('udp:192.168.1.1:4000');
  });
});

describe('what was learned', () => {
  it('is stored soon after an attachment, and comes back at the next start', () => {
    const scene = new Scene([ONE]).attached();
    expect(scene.count('remember')).toBe(0);
    expect(scene.passes(REMEMBER_SOON_MS).count('remember')).toBe(1);
    expect(scene.passes(60_000).count('remember')).toBe(1);
    const again = new Scene([ONE], scene.stored);
    expect(again.known.way).toBe('udp');
    expect(again.known.enter('elsewhere')).toBe(true);
    expect(again.known.way).toBeUndefined();
  });

  it('is stored at once when we leave', () => {
    const scene = new Scene([ONE]).attached();
    scene.known.stop();
    expect(scene.settle().count('remember')).toBe(1);
  });

  it('holds where we stand on this network, as somebody found out', () => {
    const scene = new Scene([ONE]);
    scene.known.setConnectivity(scene.now, 'symmetric');
    scene.passes(REMEMBER_SOON_MS);
    expect(new Scene([ONE], scene.stored).known.connectivity).toBe('symmetric');
  });
});

it('somebody whom nobody names anybody is told within 8 s, and not again and again', () => {
  const scene = new Scene();
  scene.known.looking(scene.now);
  expect(scene.passes(ATTACH_ROUND_MS_MAX).count('nobody')).toBe(1);
  expect(scene.passes(60_000).count('nobody')).toBeLessThan(8);
});

describe('a supernode that sends us on', () => {
  const words = (...entries: object[]) => message('redirect', { requestId: 1, entries, retryAfterMs: 4_000 }).body;
  const sentTo = (scene: Scene, ...entries: object[]): string[] =>
    scene.known.redirected(scene.now, words(...entries), ONE).map(printEndpoint);

  it('names where, whether we knew of it or not, and it is remembered', () => {
    const scene = new Scene([ONE]);
    expect(sentTo(scene, entry(2), entry(3))).toEqual(['udp:203.0.113.2:4000', 'udp:203.0.113.3:4000']);
    expect(sentTo(scene, entry(2))).toEqual(['udp:203.0.113.2:4000']);
    expect(scene.order).toContain('udp:203.0.113.3:4000');
    expect(scene.passes(REMEMBER_SOON_MS).count('remember')).toBe(1);
  });

  it('sends us to nobody who did not sign that, nor to private places, nor to a crowd', () => {
    const scene = new Scene([ONE]);
    const elsewhere = entry(3, 'udp:203.0.113.66:4000').record;
    expect(sentTo(scene, { ...entry(3), record: elsewhere })).toEqual([]);
    expect(sentTo(scene, { endpoints: ['udp:203.0.113.66:4000'], nodeId: entry(3).nodeId })).toEqual([]);
    const person = authority.issue({ name: 'mallory' }, 'mallory');
    const own = { nodeId: person.nodeId, endpoints: [at('udp:203.0.113.66:4000')], issuedAtMs: WALL_MS };
    expect(sentTo(scene, { certificate: person.certificateDer, ...signRecord(own, person.privateKey) })).toEqual([]);
    expect(sentTo(scene, entry(4, 'udp:192.168.1.1:53'))).toEqual([]);
    expect(sentTo(scene, ...[5, 6, 7, 8, 9].map((number) => entry(number)))).toHaveLength(2);
    expect(scene.known.dropped).toBeGreaterThanOrEqual(3);
  });
});
