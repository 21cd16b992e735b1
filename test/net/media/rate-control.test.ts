/** The rate of a call, end to end: two media sessions over simulated links, in virtual time, on several seeds. */
import { describe, expect, it } from 'vitest';
import { LEVEL, RUNGS, type Rung } from '../../../src/net/media/rungs.ts';
import { isVoiceBodySize } from '../../../src/net/media/voice-packet.ts';
import { CALM } from '../../sim/link.ts';
import { type Talker, TwoTalkers } from '../../support/two-talkers.ts';

const KBIT = 125;
const SEEDS = [1, 2, 3, 4, 5];
const COPIES = ['R1', 'R1 far', 'R2', 'R2 near'];
const costs = (rung: Rung): number => (rung.frameBytes * (1 + rung.copies)) / rung.frameMs;

/** Share of this time on rungs of these names. */
function shareOn(end: Talker, names: readonly string[], from: number, until: number): number {
  let on = 0;
  for (let at = from; at < until; at += 20) if (names.includes(end.rungAt(at).name)) on += 20;
  return on / (until - from);
}

/** The first moment from which on this holds, until `until`. */
function since(from: number, until: number, holds: (at: number) => boolean): number {
  let first = until;
  for (let at = until - 20; at >= from && holds(at); at -= 20) first = at;
  return first;
}

describe('a link that goes from 64 to 16 kbit/s and back (figure V7)', () => {
  const scenes = new Map<number, TwoTalkers>();
  const scene = (seed: number) => {
    const known = scenes.get(seed);
    if (known) return known;
    const queueBytes = 16_000;
    const settings = { bytesPerSecond: 64 * KBIT, queueBytes };
    const talk = new TwoTalkers({ seed, toB: settings, toA: settings }).runs(20_000);
    talk.links({ bytesPerSecond: 16 * KBIT });
    talk.runs(45_000).links({ bytesPerSecond: 64 * KBIT });
    scenes.set(seed, talk.runs(58_000));
    return talk;
  };

  it('is followed down within 2 s, its queue is short again within 4 s, and it is used again within 10 s', () => {
    for (const seed of SEEDS) {
      const { a, b } = scene(seed);
      for (const end of [a, b]) {
        const adapted = since(20_000, 24_000, (at) => costs(end.rungAt(at)) <= costs(RUNGS.E2));
        expect(adapted - 20_000, `seed ${seed}: down`).toBeLessThanOrEqual(2_000);
        expect(end.queueMs(24_000, 30_000), `seed ${seed}: queue`).toBeLessThan(200);
        expect(end.queueMs(23_600, 24_000), `seed ${seed}: queue`).toBeLessThan(150);
        const back = end.rungs.find(({ at, rung }) => at > 45_000 && costs(rung) >= costs(RUNGS.N));
        expect((back?.at ?? 99_000) - 45_000, `seed ${seed}: up`).toBeLessThanOrEqual(10_000);
      }
    }
  });

  it('takes at most 1.95 kB/s while it is at 16, reports and all', () => {
    for (const seed of SEEDS) expect(scene(seed).a.bytesPerSecond(25_000, 45_000)).toBeLessThanOrEqual(1_950);
  });
});

describe('loss without a queue', () => {
  it('of 10 % brings copies within 4 s, and no lower rung', () => {
    for (const seed of SEEDS) {
      const { a } = new TwoTalkers({ seed, toB: { loss: 0.1 } }).runs(30_000);
      expect(shareOn(a, COPIES, 4_000, 30_000), `seed ${seed}`).toBe(1);
      // One copy is enough: two take bytes from the frame, and the listener waits for both.
      expect(shareOn(a, ['R1', 'R1 far'], 10_000, 30_000), `seed ${seed}`).toBeGreaterThan(0.8);
      expect(Math.min(...a.rungs.map(({ rung }) => rung.frameMs))).toBe(20);
    }
  });

  it('of 2 to 5 % is met by one copy, of 20 % and bursts by two', () => {
    for (const seed of SEEDS) {
      const mild = new TwoTalkers({ seed, toB: { loss: 0.03 } }).runs(40_000);
      expect(shareOn(mild.a, ['R1', 'R1 far'], 10_000, 40_000), `seed ${seed}`).toBeGreaterThan(0.8);
      const heavy = new TwoTalkers({ seed, toB: { loss: 0.2 } }).runs(20_000);
      expect(shareOn(heavy.a, ['R2', 'R2 near'], 4_000, 20_000), `seed ${seed}`).toBe(1);
      const bursts = new TwoTalkers({ seed, toB: { loss: 0.1, lossBurst: 3 } }).runs(60_000);
      expect(shareOn(bursts.a, ['R2'], 10_000, 60_000), `seed ${seed}`).toBeGreaterThan(0.7);
    }
  });

  it('that ends lets the copies end', () => {
    const talk = new TwoTalkers({ toB: { loss: 0.1 } }).runs(20_000);
    talk.links({ loss: 0 });
    talk.runs(45_000);
    expect(talk.a.rung).toBe(RUNGS.H);
  });

  it('of a link that drops what is too much for it makes the call smaller, not its packets', () => {
    for (const seed of SEEDS) {
      const toB = { bytesPerSecond: 40 * KBIT, queueBytes: 300 };
      const { a } = new TwoTalkers({ seed, toB }).runs(60_000);
      const sent = a.voiceSent(20_000, 60_000);
      const lost = sent.filter(({ queuedMs }) => queuedMs === undefined).length;
      expect(lost / sent.length, `seed ${seed}`).toBeLessThan(0.12);
      expect(shareOn(a, [...COPIES, 'H'], 20_000, 60_000), `seed ${seed}`).toBeLessThan(0.05);
    }
  });
});

describe('a way of its own', () => {
  it('with room for it carries 47 kbit/s after a try with copies, and a relay never more than N', () => {
    const { a } = new TwoTalkers().runs(20_000);
    expect(a.rungs.map(({ rung }) => rung.name)).toEqual(['N', 'R1', 'H']);
    expect(new TwoTalkers({ path: 'relay' }).runs(30_000).a.rungs).toHaveLength(1);
  });

  it('with jitter and reordering does not make the call smaller', () => {
    for (const seed of SEEDS) {
      const rough = { delayMs: 40, jitterMs: 30, reorder: 0.01 };
      const { a } = new TwoTalkers({ seed, toB: rough, toA: rough }).runs(30_000);
      expect(shareOn(a, ['N', 'R1', 'R1 far', 'H'], 0, 30_000), `seed ${seed}`).toBe(1);
    }
  });

  it('that becomes longer is not taken for a queue for long', () => {
    const talk = new TwoTalkers().runs(10_000);
    talk.links({ delayMs: CALM.delayMs + 130 });
    talk.runs(30_000);
    expect(talk.a.rung).toBe(RUNGS.H);
    expect(shareOn(talk.a, ['E', 'E2', 'F'], 10_000, 30_000)).toBe(0);
  });

  it('keeps to what it carries, whatever that is, without a long queue', () => {
    for (const kbit of [20, 24, 32, 40, 48, 56, 72, 80]) {
      const toB = { bytesPerSecond: kbit * KBIT, queueBytes: 16_000 };
      const { a } = new TwoTalkers({ seed: kbit, toB }).runs(40_000);
      expect(a.queueMs(10_000, 40_000), `${kbit} kbit/s`).toBeLessThan(400);
      expect(a.bytesPerSecond(10_000, 40_000), `${kbit} kbit/s`).toBeGreaterThan(Math.min(0.6 * kbit * KBIT, 5_000));
    }
  });
});

describe('when nothing is heard of the other end', () => {
  it('goes to the floor, and up again at once when it is back', () => {
    const talk = new TwoTalkers().runs(10_000);
    talk.links({ loss: 1 });
    talk.runs(15_000);
    expect(talk.a.rungAt(11_500).name).toBe('F');
    expect(talk.a.rung.name).toBe('E');
    talk.links({ loss: 0 });
    // On the floor there is one report a second.
    talk.runs(16_100);
    expect(talk.a.rung.frameMs).toBe(20);
  });

  it('an older peer, which reports no delays, is served by loss and round trip', () => {
    const loss = new TwoTalkers({ toB: { loss: 0.1 } });
    loss.b.measures = false;
    expect(shareOn(loss.runs(20_000).a, COPIES, 5_000, 20_000)).toBe(1);
    const narrow = new TwoTalkers({ toB: { bytesPerSecond: 32 * KBIT, queueBytes: 16_000 } });
    narrow.b.measures = false;
    expect(narrow.runs(40_000).a.queueMs(10_000, 40_000)).toBeLessThan(1_000);
  });
});

describe('what a supernode says', () => {
  it('of dropped packets makes a relayed call smaller at once and for ten seconds, a direct one not', () => {
    const talk = new TwoTalkers({ path: 'relay' }).runs(5_000);
    talk.a.command(5_000, { type: 'quota' });
    talk.runs(14_000);
    expect(talk.a.rung).toBe(RUNGS.F40);
    expect(talk.runs(30_000).a.rung).toBe(RUNGS.N);
    const direct = new TwoTalkers().runs(8_000);
    direct.a.command(8_000, { type: 'quota' });
    expect(direct.runs(8_500).a.rung).toBe(RUNGS.H);
  });
});

describe('another way', () => {
  it('keeps the rung, within what it may be, and forgets what the old one could carry', () => {
    const talk = new TwoTalkers().runs(20_000);
    talk.a.command(20_000, { type: 'path', path: 'relay' });
    expect(talk.runs(20_100).a.rung).toBe(RUNGS.N);
    const narrow = { bytesPerSecond: 24 * KBIT, queueBytes: 16_000 };
    const slow = new TwoTalkers({ path: 'relay', toB: narrow }).runs(20_000);
    slow.links({ bytesPerSecond: Number.POSITIVE_INFINITY });
    slow.a.command(20_000, { type: 'path', path: 'direct' });
    slow.runs(32_000);
    expect(costs(slow.a.rung)).toBeGreaterThanOrEqual(costs(RUNGS.N));
  });
});

describe('a stream', () => {
  it('takes no copies', () => {
    expect(new TwoTalkers({ path: 'tcp', toB: { loss: 0.1 } }).runs(30_000).a.rungs).toHaveLength(1);
  });

  it('that takes less than we send, as our own end of it tells, makes the call smaller at once, and stops what would only wait', () => {
    const talk = new TwoTalkers({ path: 'tcp' }).runs(10_000);
    talk.a.command(10_000, { type: 'backlog', bytes: 200 });
    expect(talk.runs(10_100).a.rung).toBe(RUNGS.N);
    talk.a.command(10_100, { type: 'backlog', bytes: 700 });
    expect(talk.runs(10_200).a.rung).toBe(RUNGS.F);
    talk.a.command(10_200, { type: 'backlog', bytes: 900 });
    expect(talk.runs(10_300).a.rung).toBe(RUNGS.E);
    // More than a second of the floor waits: nothing is added, and all goes on when that has gone.
    talk.a.command(10_300, { type: 'backlog', bytes: 6_000 });
    talk.runs(11_300);
    expect(talk.a.voiceSent(10_360, 11_300)).toEqual([]);
    talk.a.command(11_300, { type: 'backlog', bytes: 0 });
    talk.runs(12_100);
    expect(talk.a.voiceSent(11_300, 12_100).length).toBeGreaterThan(9);
    talk.runs(25_000);
    expect(talk.a.rung).toBe(RUNGS.N);
    // From 60 ms frames straight to 20.
    expect(talk.a.rungs.map(({ rung }) => rung.name)).not.toContain('F40');
  });

  it('is no concern of a call that goes by datagrams', () => {
    const talk = new TwoTalkers().runs(10_000);
    talk.a.command(10_000, { type: 'backlog', bytes: 60_000 });
    expect(talk.runs(10_100).a.rung).toBe(RUNGS.H);
  });
});

describe('a later call', () => {
  const carries = { bytesPerSecond: 24 * KBIT, queueBytes: 16_000 };

  it('begins on what the one before ended on, on the same slow network, without the queue of the first', () => {
    const first = new TwoTalkers({ toB: carries, toA: carries }).runs(40_000);
    const begin = first.a.session.level(40_000);
    expect(begin).toBeLessThan(LEVEL.N);
    const [cold, warm] = [undefined, begin].map((level) =>
      new TwoTalkers({ toB: carries, toA: carries, begin: level }).runs(3_000),
    );
    expect(costs(warm!.a.rungAt(100))).toBeLessThan(costs(RUNGS.N));
    expect(warm!.a.queueMs(0, 3_000)).toBeLessThan(0.5 * cold!.a.queueMs(0, 3_000));
  });

  it('never begins above N, and is not taught by a short one', () => {
    expect(new TwoTalkers({ begin: LEVEL.top }).runs(100).a.rung).toBe(RUNGS.N);
    expect(new TwoTalkers({ toB: carries }).runs(5_000).a.session.level(5_000)).toBeUndefined();
  });
});

describe('the size of packets', () => {
  it('is one for each rung, and the pace even but for the breaths that let a queue run off', () => {
    const settings = { bytesPerSecond: 30 * KBIT, queueBytes: 16_000, loss: 0.02 };
    const { a } = new TwoTalkers({ toB: settings }).runs(60_000);
    const sizes = new Map<string, Set<number>>();
    for (const { body } of a.voiceSent(0, 60_000)) {
      expect(isVoiceBodySize(body?.length ?? 0)).toBe(true);
      const rung = `${(body?.[0] ?? 0) & 0xfc}`;
      sizes.set(rung, (sizes.get(rung) ?? new Set()).add(body?.length ?? 0));
    }
    expect(sizes.size).toBeGreaterThan(2);
    for (const [, each] of sizes) expect(each.size).toBeLessThanOrEqual(3);
  });
});
