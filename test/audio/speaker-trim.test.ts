import { describe, expect, it } from 'vitest';
import { SpeakerTrim } from '../../src/audio/speaker-trim.ts';

/** Passes `frames` frames while `queuedMs` wait; gives how many went through. */
function pass(trim: SpeakerTrim, frames: number, queuedMs: number): number {
  let sent = 0;
  for (let n = 0; n < frames; n++) {
    trim.queued(queuedMs);
    if (trim.pass(new Int16Array(320).fill(1000))) sent++;
  }
  return sent;
}

describe('the queue before a speaker', () => {
  it('is left alone while less than a frame waits', () => {
    expect(pass(new SpeakerTrim(), 500, 19)).toBe(500);
  });

  it('loses half of what is too much each half second, and a long one at once', () => {
    expect(pass(new SpeakerTrim(), 250, 39)).toBe(250 - 10);
    expect(pass(new SpeakerTrim(), 250, 80)).toBe(250 - 19);
    const slept = new SpeakerTrim();
    pass(slept, 25, 1000);
    expect(pass(slept, 24, 500)).toBe(0);
  });

  it('is judged by its shortest moment, not by a burst', () => {
    const trim = new SpeakerTrim();
    let sent = 0;
    for (let n = 0; n < 500; n++) sent += pass(trim, 1, n % 20 === 0 ? 0 : 200);
    expect(sent).toBe(500);
  });

  it('keeps a frame of reserve for each underrun and gives it back when all is calm', () => {
    const trim = new SpeakerTrim();
    pass(trim, 60, 0);
    trim.ranDry();
    expect(pass(trim, 200, 35)).toBe(200);
    expect(pass(trim, 200, 35)).toBeLessThan(200);
  });

  it('blends what it gives up into what follows, so that nothing clicks', () => {
    const trim = new SpeakerTrim();
    pass(trim, 24, 25);
    trim.queued(25);
    expect(trim.pass(new Int16Array(320).fill(1000))).toBeUndefined();
    const next = trim.pass(new Int16Array(320).fill(3000))!;
    expect(next[0]).toBeLessThan(1100);
    expect(next[160]).toBeCloseTo(2000, -2);
    expect(next[319]).toBe(3000);
  });
});
