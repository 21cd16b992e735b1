import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { levelDb } from '../../src/audio/pcm.ts';
import { SoundQueue } from '../../src/audio/sound-queue.ts';
import { fadeBetween, TimeStretch } from '../../src/audio/time-stretch.ts';
import { fft } from '../support/likeness.ts';
import { syntheticSpeech, tone } from '../support/speech.ts';

const RATE_HZ = 16_000;
type Turn = (stretch: TimeStretch, queue: SoundQueue) => number;

/** Plays `pcm` 20 ms at a time; every third time `turn` may stretch what waits. */
function played(pcm: Int16Array, turn: Turn): { readonly sound: Int16Array; readonly changed: number } {
  const [queue, stretch] = [new SoundQueue(), new TimeStretch()];
  const frame = new Int16Array(320);
  const heard: Int16Array[] = [];
  let changed = 0;
  let at = 0;
  for (let n = 0; at < pcm.length || queue.count >= 320; n++) {
    while (queue.count < 640 && at < pcm.length) {
      queue.append(pcm.subarray(at, at + 320));
      at += 320;
    }
    // From the second frame on: there is a period behind.
    if (n > 2 && n % 3 === 0) changed += turn(stretch, queue);
    if (queue.count < 320) break;
    queue.take(frame);
    heard.push(frame.slice());
  }
  const sound = new Int16Array(heard.length * 320);
  for (const [index, one] of heard.entries()) sound.set(one, index * 320);
  return { sound, changed };
}

/** Frequency of a tone, by its strongest line and the two beside it. */
function frequencyOf(pcm: Int16Array): number {
  const size = 32_768;
  const [re, im] = [new Float64Array(size), new Float64Array(size)];
  const middle = pcm.subarray(4000, 4000 + size);
  for (let at = 0; at < middle.length; at++) {
    re[at] = middle[at]! * (0.5 - 0.5 * Math.cos((2 * Math.PI * at) / middle.length));
  }
  fft(re, im);
  const power = (bin: number): number => Math.hypot(re[bin]!, im[bin]!);
  let best = 1;
  for (let bin = 1; bin < size / 2; bin++) if (power(bin) > power(best)) best = bin;
  const [low, mid, high] = [power(best - 1), power(best), power(best + 1)];
  return ((best + (high - low) / (2 * (2 * mid - low - high))) * RATE_HZ) / size;
}

/** The sharpest corner: the largest second difference. */
function corner(pcm: Int16Array): number {
  let most = 0;
  for (let at = 2; at < pcm.length; at++) {
    most = Math.max(most, Math.abs(pcm[at]! - 2 * pcm[at - 1]! + pcm[at - 2]!));
  }
  return most;
}

/** Mean power in each of 40 bands of 200 Hz, dB. */
function spectrum(pcm: Int16Array): number[] {
  const bands = new Float64Array(40);
  for (let start = 0; start + 512 <= pcm.length; start += 256) {
    const [re, im] = [new Float64Array(512), new Float64Array(512)];
    for (let at = 0; at < 512; at++) re[at] = pcm[start + at]! * (0.5 - 0.5 * Math.cos((2 * Math.PI * at) / 512));
    fft(re, im);
    for (let bin = 1; bin < 256; bin++) bands[Math.floor((bin * 40) / 256)]! += re[bin]! ** 2 + im[bin]! ** 2;
  }
  return [...bands].map((power) => 10 * Math.log10(power / pcm.length + 1e-9));
}

const shrink: Turn = (stretch, queue) => stretch.shrink(queue, 'calm');
const hurry: Turn = (stretch, queue) => stretch.shrink(queue, 'hurried');
const grow: Turn = (stretch, queue) => stretch.grow(queue, 'calm');

describe('a tone', () => {
  it.each([100, 220, 440, 1000, 1733])('of %i Hz keeps its frequency, level and shape, shorter and longer', (hz) => {
    const source = tone(hz, 4);
    for (const turn of [shrink, hurry, grow]) {
      const { sound, changed } = played(source, turn);
      expect(changed).toBeGreaterThan(source.length / 40);
      const expected = source.length + (turn === grow ? changed : -changed);
      expect(Math.abs(sound.length - expected)).toBeLessThanOrEqual(640);
      expect(frequencyOf(sound)).toBeCloseTo(hz, 0);
      expect(levelDb(sound)).toBeCloseTo(levelDb(source), 0);
      // Samples lie where they lie: the period is found to half of one.
      expect(corner(sound)).toBeLessThan(corner(source) + 2 * Math.PI * 8000 * (hz / RATE_HZ) * 0.5);
    }
  });
});

describe('speech', () => {
  const source = syntheticSpeech(10);

  it('becomes shorter or longer with its spectrum, its level and no sharper corner', () => {
    for (const turn of [shrink, hurry, grow]) {
      const { sound, changed } = played(source, turn);
      expect(changed).toBeGreaterThan(source.length / 40);
      expect(Math.abs(levelDb(sound) - levelDb(source))).toBeLessThan(0.7);
      expect(corner(sound)).toBeLessThanOrEqual(corner(source) * 1.05);
      const [before, after] = [spectrum(source), spectrum(sound)];
      const distance = Math.sqrt(before.reduce((sum, db, band) => sum + (db - after[band]!) ** 2, 0) / before.length);
      expect(distance).toBeLessThan(1);
    }
  });

  it('is left alone where no two periods are alike, unless it cannot wait', () => {
    const queue = new SoundQueue();
    const stretch = new TimeStretch();
    let seed = 7;
    const noise = Int16Array.from({ length: 640 }, () => {
      seed = (seed * 48_271) % 0x7fff_ffff;
      return (seed % 16_000) - 8000;
    });
    queue.append(noise);
    expect(stretch.shrink(queue, 'calm')).toBe(0);
    expect(stretch.shrink(queue, 'hurried')).toBe(0);
    expect(stretch.grow(queue, 'calm')).toBe(0);
    const taken = stretch.shrink(queue, 'any');
    expect(taken).toBeGreaterThanOrEqual(40);
    expect(queue.count).toBe(640 - taken);
  });
});

describe('noise', () => {
  it('keeps its level when exactly so much is cut out of it', () => {
    let seed = 3;
    const noise = Int16Array.from({ length: 48_000 }, () => {
      seed = (seed * 48_271) % 0x7fff_ffff;
      return (seed % 1000) - 500;
    });
    const { sound, changed } = played(noise, (stretch, queue) => stretch.cut(queue, 150));
    expect(changed).toBe(150 * Math.floor(changed / 150));
    expect(changed).toBeGreaterThan(5000);
    expect(levelDb(sound)).toBeCloseTo(levelDb(noise), 0);
  });

  it('is not cut by more than half of what waits, nor by nothing', () => {
    const queue = new SoundQueue();
    queue.append(new Int16Array(320).fill(5));
    const stretch = new TimeStretch();
    expect([stretch.cut(queue, 161), stretch.cut(queue, 0), stretch.cut(queue, 1000)]).toEqual([0, 0, 0]);
    expect(stretch.cut(queue, 160)).toBe(160);
    expect(queue.count).toBe(160);
  });
});

describe('a fade', () => {
  it('of unlike sounds does not sink in the middle, of like ones does not swell', () => {
    const one = tone(500, 0.1);
    const other = tone(1300, 0.1);
    const into = new Int16Array(one.length);
    fadeBetween(one, other, into, 0);
    expect(levelDb(into.subarray(600, 1000))).toBeCloseTo(levelDb(one), 0);
    fadeBetween(one, one, into, 1);
    expect(levelDb(into.subarray(600, 1000))).toBeCloseTo(levelDb(one), 0);
  });
});

describe('a merge', () => {
  it('leaves no step between invented and real sound', () => {
    const queue = new SoundQueue();
    const frame = new Int16Array(320);
    for (let n = 0; n < 4; n++) {
      queue.append(tone(200, 0.08).subarray(n * 320, n * 320 + 320));
      if (n < 3) queue.take(frame);
    }
    const stepped = tone(200, 0.02).map((sample) => -sample - 3000);
    new TimeStretch().merge(queue, stepped);
    const joined = queue.samples.subarray(queue.next + 200, queue.next + 500);
    let most = 0;
    for (let at = 1; at < joined.length; at++) most = Math.max(most, Math.abs(joined[at]! - joined[at - 1]!));
    // The tone alone moves 628 a sample.
    expect(most).toBeLessThan(1000);
    expect(queue.count).toBe(640);
  });
});

describe('whatever waits', () => {
  it('never comes to more or fewer samples than are told', () => {
    const step = fc.record({
      append: fc.integer({ min: 0, max: 960 }),
      take: fc.integer({ min: 0, max: 400 }),
      what: fc.constantFrom('shrink', 'grow', 'cut', 'merge'),
      mode: fc.constantFrom('calm', 'hurried', 'any'),
      length: fc.integer({ min: -10, max: 300 }),
      value: fc.integer({ min: -32_768, max: 32_767 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const [queue, stretch] = [new SoundQueue(), new TimeStretch()];
        for (const { append, take, what, mode, length, value } of steps) {
          queue.append(Int16Array.from({ length: append }, (_, at) => (at % 7 === 0 ? value : at * 31) as number));
          const before = queue.count;
          let by = 0;
          if (what === 'shrink') by = -stretch.shrink(queue, mode as 'calm');
          else if (what === 'grow') by = stretch.grow(queue, mode as 'calm');
          else if (what === 'cut') by = -stretch.cut(queue, length);
          else if (queue.room >= 100) {
            stretch.merge(queue, new Int16Array(100).fill(value));
            by = 100;
          }
          expect(queue.count).toBe(before + by);
          queue.take(new Int16Array(take));
          expect(queue.count).toBe(Math.max(0, before + by - take));
        }
      }),
      { numRuns: 150 },
    );
  });
});
