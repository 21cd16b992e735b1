import { describe, expect, it } from 'vitest';
import { crossfade, fadeIn, levelDb, SILENCE, sampleOf, samplesIn, samplesOf } from '../../src/audio/pcm.ts';

describe('frames of sound', () => {
  it('are 320 samples for 20 ms, and silence is -96 dBFS', () => {
    expect(SILENCE.length).toBe(320);
    expect(samplesIn(20)).toBe(320);
    expect(levelDb(SILENCE)).toBe(-96);
    expect(levelDb(new Int16Array(0))).toBe(-96);
  });

  it('have their level against full scale', () => {
    expect(levelDb(new Int16Array(320).fill(-32_768))).toBeCloseTo(0, 6);
    expect(levelDb(new Int16Array(320).fill(3277))).toBeCloseTo(-20, 1);
    expect(levelDb(new Int16Array(320).fill(1))).toBeCloseTo(-90.3, 1);
  });

  it('are clipped, never wrapped, when a value is too loud', () => {
    expect([sampleOf(2), sampleOf(-2), sampleOf(0.5), sampleOf(-1)]).toEqual([32_767, -32_768, 16_384, -32_768]);
  });

  it('fade in and into one another without a step', () => {
    const up = new Int16Array(100).fill(1000);
    fadeIn(up, 10);
    expect([up[0], up[5], up[10]]).toEqual([0, 500, 1000]);
    const into = new Int16Array(100).fill(2000);
    crossfade(new Int16Array(100).fill(1000), into);
    expect([into[0], into[49], into[99]]).toEqual([1010, 1500, 2000]);
  });

  it('can be read from bytes at any address', () => {
    const bytes = Buffer.from([9, 1, 0, 255, 255]);
    expect([...samplesOf(bytes.subarray(1))]).toEqual([1, -1]);
  });
});
