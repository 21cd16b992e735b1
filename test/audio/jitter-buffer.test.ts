import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JitterBuffer, type Pull, type PutOutcome } from '../../src/audio/jitter-buffer.ts';
import { parseVoiceBody, silenceBody, type VoiceBody, withMediaTime } from '../../src/audio/voice-body.ts';

/** Frame number n is sent at 20 n ms; its bytes carry n, so that what is played can be told. */
function frame(n: number, firstTime = 0): VoiceBody {
  const body = parseVoiceBody(withMediaTime(silenceBody(0), firstTime + n * 2))!;
  return { ...body, frames: [numbered(n)] };
}

function numbered(n: number): Buffer {
  const bytes = Buffer.alloc(57);
  bytes.writeUInt32BE(n, 4);
  return bytes;
}

function numberOf(pull: Pull): number | string {
  if (pull.kind === 'frame') return Buffer.from(pull.packet).readUInt32BE(4);
  return pull.kind === 'conceal' ? pull.why : '-';
}

/** A period of the sound that is stretched here, ms. */
const PERIOD_MS = 8;

/**
 * Frames arrive as `arrivals` tells, the speaker takes 20 ms each 20 ms; gives what was pulled for it. Wishes are
 * granted by periods of 8 ms.
 */
class Scene {
  readonly buffer = new JitterBuffer();
  readonly played: (number | string)[] = [];
  readonly outcomes: PutOutcome[] = [];
  takenOutMs = 0;
  putInMs = 0;
  #heldMs = 0;
  #now = 0;
  #firstTime: number;

  constructor(firstTime = 0) {
    this.#firstTime = firstTime;
  }

  run(until: number, arrivals: readonly { readonly n: number; readonly at: number }[], quiet = false): this {
    const waiting = [...arrivals].sort((a, b) => a.at - b.at);
    for (; this.#now < until; this.#now += 20) {
      while (waiting[0] && waiting[0].at <= this.#now) {
        const { n, at } = waiting.shift()!;
        this.outcomes.push(this.buffer.put(at, frame(n, this.#firstTime)));
      }
      if (!this.#fill(20)) continue;
      this.#grant(quiet);
      this.#fill(20);
      this.#heldMs -= 20;
    }
    return this;
  }

  #fill(ms: number): boolean {
    while (this.#heldMs < ms) {
      const pull = this.buffer.pull(this.#now, this.#heldMs);
      this.played.push(numberOf(pull));
      if (pull.kind === 'nothing') return false;
      this.#heldMs += pull.durationMs;
    }
    return true;
  }

  #grant(quiet: boolean): void {
    const wish = this.buffer.wish(this.#now, this.#heldMs, quiet);
    if (wish.change === 'none') return;
    if (wish.change === 'grow') this.putInMs += PERIOD_MS;
    else if (!this.buffer.ready || (wish.change === 'shrink' && wish.most < PERIOD_MS * 16)) return;
    else this.#fill(30);
    const ms = wish.change === 'cut' ? wish.samples / 16 : PERIOD_MS;
    if (wish.change !== 'grow') this.takenOutMs += ms;
    this.#heldMs += wish.change === 'grow' ? ms : -ms;
    this.buffer.stretched(this.#now);
  }

  count(what: string): number {
    return this.played.filter((one) => one === what).length;
  }

  get frames(): number[] {
    return this.played.filter((one) => typeof one === 'number');
  }
}

const even = (count: number, delayMs = 15): { n: number; at: number }[] =>
  Array.from({ length: count }, (_, n) => ({ n, at: n * 20 + delayMs }));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('on an even network', () => {
  it('waits 60 ms, then plays every frame in order', () => {
    const scene = new Scene().run(400, even(15));
    expect(scene.played.slice(0, 5)).toEqual(['-', '-', '-', '-', 0]);
    expect(scene.frames).toEqual(upTo(15));
  });

  it('comes down to one frame of delay by pitch periods and plays each frame', () => {
    for (const quiet of [false, true]) {
      const scene = new Scene().run(4040, even(200), quiet);
      expect(scene.buffer.delayMs).toBeLessThan(30);
      expect(scene.takenOutMs).toBeGreaterThanOrEqual(38);
      expect(scene.takenOutMs).toBeLessThan(60);
      expect(scene.frames).toEqual(upTo(200));
    }
  });

  it('starts at its target however many packets wait already', () => {
    const scene = new Scene();
    for (let n = 0; n < 40; n++) scene.buffer.put(n * 20 + 5, frame(n));
    const first = [800, 820].map((now) => numberOf(scene.buffer.pull(now, 0)));
    expect(first).toEqual([38, 39]);
  });

  it('puts reordered frames in order and drops copies', () => {
    const arrivals = even(50).map(({ n, at }) => ({ n, at: n % 5 === 2 ? at + 25 : at }));
    const scene = new Scene().run(1300, [...arrivals, { n: 10, at: 230 }, { n: 3, at: 400 }]);
    expect(scene.frames).toEqual(upTo(50));
    expect(scene.outcomes.filter((outcome) => outcome === 'duplicate').length).toBe(2);
  });

  it('conceals a lost frame once and keeps its delay', () => {
    const scene = new Scene().run(
      1300,
      even(50).filter(({ n }) => n !== 20 && n !== 21),
    );
    expect(scene.count('lost') + scene.played.slice(0, 51).filter((one) => one === 'dry').length).toBe(2);
    expect(scene.frames.length).toBe(48);
    expect(scene.frames.at(-1)).toBe(49);
  });
});

describe('on an uneven network', () => {
  it('grows by what a stall was late, loses nothing, and is back within two seconds', () => {
    const stalled = even(300).map(({ n, at }) => ({ n, at: n >= 100 && n < 110 ? 2215 : at }));
    const scene = new Scene().run(2220, stalled.slice(0, 100));
    expect(scene.count('dry')).toBeGreaterThanOrEqual(7);
    scene.run(4220, stalled.slice(100));
    expect(scene.buffer.delayMs).toBeLessThan(45);
    expect(scene.frames).toEqual(upTo(scene.frames.length));
    expect(scene.frames.length).toBeGreaterThan(200);
    expect(scene.count('lost')).toBe(0);
  });

  it('learns a delay that makes nearly every frame of a jittery path in time', () => {
    const jittery = even(1500).map(({ n, at }) => ({ n, at: at + ((n * 61) % 80) }));
    const scene = new Scene().run(30_200, jittery);
    expect(scene.outcomes.filter((outcome) => outcome === 'late').length).toBeLessThan(15);
    expect(scene.played.slice(500, 1490).filter((one) => one === 'dry' || one === 'lost').length).toBeLessThan(10);
    expect(scene.buffer.delayMs).toBeLessThan(110);
    expect(scene.buffer.latePct).toBeLessThan(1);
  });

  it('never holds more than 400 ms however much comes at once, or 600 over a TCP stream', () => {
    for (const stream of [false, true]) {
      const buffer = new JitterBuffer();
      buffer.overStream(stream);
      for (let n = 0; n < 60; n++) buffer.put(n, frame(n));
      buffer.pull(60, 0);
      for (let n = 60; n < 90; n++) {
        buffer.put(100, frame(n));
        expect(buffer.size).toBeLessThanOrEqual(stream ? 32 : 22);
      }
    }
  });

  it('goes on after a second of nothing with all of what then comes at once, within its bounds', () => {
    const stalled = even(150).map(({ n, at }) => ({ n, at: n >= 50 && n < 105 ? 2115 : at }));
    const scene = new Scene().run(2120, stalled.slice(0, 50));
    expect(scene.played.at(-1)).toBe('-');
    scene.run(3100, stalled.slice(50));
    const after = scene.frames.filter((n) => n >= 50);
    expect(after[0]).toBeLessThanOrEqual(104 - 19);
    expect(after).toEqual(upTo(150).slice(after[0], after[0]! + after.length));
  });

  it('follows a sender whose clock is half a percent off, either way', () => {
    for (const pace of [20.1, 19.9]) {
      const arrivals = Array.from({ length: 3000 }, (_, n) => ({ n, at: n * pace + 15 }));
      const scene = new Scene().run(60_000, arrivals, true);
      expect(scene.buffer.delayMs).toBeLessThan(60);
      expect(scene.frames).toEqual(upTo(scene.frames.length));
    }
  });
});

describe('when the stream is not one stream', () => {
  it('goes through the wrap of the 16-bit media time without a dent', () => {
    const scene = new Scene(0x1_0000 - 40).run(2000, even(80));
    expect(scene.frames).toEqual(upTo(80));
    expect(scene.outcomes.every((outcome) => outcome === 'queued')).toBe(true);
  });

  it('refuses one odd media time and follows two', () => {
    const scene = new Scene().run(1000, even(50));
    expect(scene.buffer.put(1001, frame(0, 30_000))).toBe('refused');
    expect(scene.buffer.put(1015, frame(50))).toBe('queued');
    expect(scene.buffer.put(1021, frame(0, 30_000))).toBe('refused');
    expect(scene.buffer.put(1041, frame(1, 30_000))).toBe('queued');
    expect(scene.buffer.pull(1040, 0)).toEqual({ kind: 'nothing' });
    expect(numberOf(scene.buffer.pull(1100, 0))).toBe(1);
  });

  it('follows a sender that starts again a little in the past', () => {
    const scene = new Scene().run(1200, even(60));
    const again = even(100).map(({ n, at }) => ({ n, at: 1200 + at }));
    scene.run(3600, again);
    expect(scene.outcomes.filter((outcome) => outcome === 'late' || outcome === 'duplicate').length).toBeLessThan(15);
    expect(scene.frames.slice(-50)).toEqual(upTo(100).slice(-50));
    expect(scene.count('-')).toBeLessThan(20);
  });

  it('goes idle after a second of nothing and starts afresh with the next packet, at any media time', () => {
    const scene = new Scene().run(3000, even(50));
    expect(scene.played.at(-1)).toBe('-');
    expect(scene.count('dry')).toBeLessThan(55);
    expect(scene.buffer.put(3000, frame(7, 44_444))).toBe('queued');
    const pulls = [3000, 3020, 3040, 3060, 3080].map((now) => numberOf(scene.buffer.pull(now, 0)));
    expect(pulls).toContain(7);
  });

  it('forgets what waits when it is flushed', () => {
    const scene = new Scene().run(300, even(20, 0));
    scene.buffer.flush();
    expect(scene.buffer.size).toBe(0);
    expect(scene.buffer.pull(320, 0)).toEqual({ kind: 'nothing' });
  });
});

describe('a hole in a delay that is too long', () => {
  it('is closed, and the frame after it says that it does not go on from the one before', () => {
    const buffer = new JitterBuffer();
    for (let n = 0; n < 50; n++) buffer.put(n * 20 + 5, frame(n));
    for (let n = 0; n < 13; n++) buffer.pull(1000 + n * 20, 0);
    // All that follow come at once, 300 ms late, and two are missing.
    for (let n = 50; n < 66; n++) if (n < 54 || n > 55) buffer.put(1600, frame(n));
    const pulls = Array.from({ length: 8 }, () => buffer.pull(1610, 0));
    expect(pulls.map(numberOf)).toEqual([50, 51, 52, 53, 56, 57, 58, 59]);
    expect(pulls.map((pull) => pull.kind === 'frame' && pull.jumps)).toEqual([...upTo(8)].map((n) => n === 4));
  });
});

describe('bodies with copies of older frames', () => {
  it('begin with their newest: a sender that has nothing older yet repeats that', () => {
    const scene = new JitterBuffer();
    for (let n = 0; n < 6; n++) {
      scene.put(n * 20 + 5, { ...frame(n), distance: 2, frames: [numbered(n), numbered(n < 2 ? n : n - 2)] });
    }
    expect([105, 125].map((now) => numberOf(scene.pull(now, 0)))).toEqual([2, 3]);
    const first = new JitterBuffer();
    first.put(5, { ...frame(0), distance: 2, frames: [numbered(0), numbered(99)] });
    expect(first.size).toBe(1);
  });

  it('fill the hole of a lost packet with the copy', () => {
    const buffer = new JitterBuffer();
    const played: (number | string)[] = [];
    for (let n = 0; n < 40; n++) {
      const copies = { ...frame(n), distance: 2, frames: [numbered(n), numbered(Math.max(0, n - 2))] };
      if (n % 7 !== 6) buffer.put(n * 20 + 5, n < 2 ? frame(n) : copies);
      played.push(numberOf(buffer.pull(n * 20 + 10, 0)));
    }
    expect(played.filter((one) => typeof one === 'string' && one !== '-').length).toBeLessThanOrEqual(1);
    expect(played).toContain(6);
    expect(played).toContain(13);
  });
});

describe('whatever is put in', () => {
  it('holds a bounded number of frames and always answers', () => {
    const steps = fc.array(
      fc.record({
        arrival: fc.oneof(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), fc.integer({ min: 0, max: 5000 })),
        time: fc.integer({ min: 0, max: 0xffff }),
        durationMs: fc.constantFrom(10, 20, 40, 60),
        copies: fc.integer({ min: 1, max: 4 }),
        quiet: fc.boolean(),
      }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const buffer = new JitterBuffer();
        let now = 0;
        for (const { arrival, time, durationMs, copies, quiet } of all) {
          const frames = Array.from({ length: copies }, () => Buffer.alloc(40));
          buffer.put(arrival, { ...frame(0), mediaTime: time, durationMs: durationMs as 20, distance: 3, frames });
          buffer.pull(now, 0);
          buffer.wish(now, 20, quiet);
          now += 20;
          expect(buffer.size).toBeLessThanOrEqual(64);
          expect(Number.isFinite(buffer.delayMs)).toBe(true);
          expect(buffer.targetMs).toBeGreaterThanOrEqual(20);
          expect(buffer.targetMs).toBeLessThanOrEqual(400);
        }
      }),
      { numRuns: 200 },
    );
  });
});
