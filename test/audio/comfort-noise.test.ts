import { describe, expect, it } from 'vitest';
import { ComfortNoise } from '../../src/audio/comfort-noise.ts';
import { levelDb } from '../../src/audio/pcm.ts';
import { framesOf, tone, noise as whiteNoise } from '../support/speech.ts';

const room = (length: number, peak: number): Int16Array => whiteNoise(length, peak, 5);

function learnt(...parts: Int16Array[]): ComfortNoise {
  const noise = new ComfortNoise();
  for (const part of parts) for (const frame of framesOf(part)) noise.learn(frame);
  return noise;
}

const made = (noise: ComfortNoise, length: number): Int16Array => {
  const into = new Int16Array(length);
  noise.make(into);
  return into;
};

describe('the noise of the room', () => {
  it('is silence before anything was heard, and when only a tone was', () => {
    expect(levelDb(made(new ComfortNoise(), 3200))).toBe(-96);
    expect(levelDb(made(learnt(tone(440, 5)), 3200))).toBe(-96);
  });

  it('is as loud as the quiet moments between the words', () => {
    const quiet = room(16_000, 200);
    const noise = learnt(tone(300, 1), quiet, tone(300, 1), quiet);
    expect(levelDb(made(noise, 32_000))).toBeCloseTo(levelDb(quiet), -0.5);
    expect(noise.floorDb).toBeLessThan(-45);
  });

  it('does not repeat itself and has no steps', () => {
    const sound = made(learnt(tone(300, 1), room(16_000, 200)), 16_000);
    expect(sound.subarray(0, 320)).not.toEqual(sound.subarray(320, 640));
    let most = 0;
    for (let at = 1; at < sound.length; at++) most = Math.max(most, Math.abs(sound[at]! - sound[at - 1]!));
    expect(most).toBeLessThan(600);
  });

  it('follows a room that becomes louder within eight seconds', () => {
    const noise = learnt(tone(300, 1), room(16_000, 50), tone(300, 1));
    const louder = room(16_000, 400);
    for (let n = 0; n < 9; n++) for (const frame of framesOf(n % 2 ? tone(300, 1) : louder)) noise.learn(frame);
    expect(levelDb(made(noise, 16_000))).toBeCloseTo(levelDb(louder), -0.5);
  });
});
