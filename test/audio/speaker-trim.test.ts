import { describe, expect, it } from 'vitest';
import { SpeakerTrim } from '../../src/audio/speaker-trim.ts';
import { framesOf, tone } from '../support/speech.ts';

const hum = framesOf(tone(125, 20));
const frame = (n: number): Int16Array => hum[n % 1000]!.slice();

/** Passes `frames` frames while `queuedMs` wait; gives how many samples went through. */
function pass(trim: SpeakerTrim, frames: number, queuedMs: number): number {
  let sent = 0;
  for (let n = 0; n < frames; n++) {
    trim.queued(queuedMs);
    sent += trim.pass(frame(n))?.length ?? 0;
  }
  return sent;
}

/** A speaker whose crystal runs `ppm` faster than our pace, for so long; gives the length of its queue each second. */
function drifting(ppm: number, seconds: number): { readonly levelsMs: number[]; readonly steps: number } {
  const trim = new SpeakerTrim();
  const levelsMs: number[] = [];
  let levelMs = 40;
  let last = 0;
  let steps = 0;
  for (let n = 0; n < seconds * 50; n++) {
    levelMs -= 20 * (1 + ppm / 1e6);
    trim.queued(0);
    trim.level(levelMs + (n % 7));
    for (const sample of trim.pass(frame(n))!) {
      if (Math.abs(sample - last) > 800) steps++;
      last = sample;
      levelMs += 1 / 16;
    }
    if (n % 50 === 49) levelsMs.push(levelMs);
  }
  return { levelsMs, steps };
}

describe('the queue before a speaker', () => {
  it('is left alone while less than a frame waits', () => {
    expect(pass(new SpeakerTrim(), 500, 19)).toBe(500 * 320);
  });

  it('loses half of what is too much each half second by pitch periods, and a long one at once', () => {
    const trim = new SpeakerTrim();
    expect(pass(trim, 25, 80)).toBeGreaterThan(25 * 320 - 320);
    const after = pass(trim, 24, 40);
    expect(24 * 320 - after).toBeGreaterThanOrEqual(480);
    expect(24 * 320 - after).toBeLessThan(1000);
    const slept = new SpeakerTrim();
    pass(slept, 25, 1000);
    expect(pass(slept, 24, 500)).toBe(0);
  });

  it('is judged by its shortest moment, not by a burst', () => {
    const trim = new SpeakerTrim();
    let sent = 0;
    for (let n = 0; n < 500; n++) sent += pass(trim, 1, n % 20 === 0 ? 0 : 200);
    expect(sent).toBe(500 * 320);
  });

  it('keeps a frame of reserve for each underrun and gives it back when all is calm', () => {
    const trim = new SpeakerTrim();
    pass(trim, 60, 0);
    trim.ranDry();
    expect(pass(trim, 200, 35)).toBe(200 * 320);
    expect(pass(trim, 200, 35)).toBeLessThan(200 * 320);
  });

  it('leaves out nothing that would click', () => {
    const trim = new SpeakerTrim();
    let last = 0;
    let most = 0;
    let sent = 0;
    for (let n = 0; n < 100; n++) {
      trim.queued(60);
      for (const sample of trim.pass(frame(n))!) {
        most = Math.max(most, Math.abs(sample - last));
        last = sample;
        sent++;
      }
    }
    expect(sent).toBeLessThan(100 * 320 - 640);
    expect(most).toBeLessThan(500);
  });
});

describe('a speaker with a crystal of its own', () => {
  it.each([100, -100, 300])('of %i millionths is followed without a click for five minutes', (ppm) => {
    const { levelsMs, steps } = drifting(ppm, 300);
    expect(steps).toBe(0);
    // Alone the queue would have moved by 30 to 90 ms.
    for (const levelMs of levelsMs) expect(Math.abs(levelMs - 40)).toBeLessThan(12);
  });

  it('of the same pace is left alone', () => {
    const { levelsMs } = drifting(0, 120);
    for (const levelMs of levelsMs) expect(levelMs).toBeCloseTo(40, 3);
  });
});
