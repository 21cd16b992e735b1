import { describe, expect, it } from 'vitest';
import { logSpectralDistance } from '../support/log-spectrum.ts';
import { noise, speech } from '../support/speech.ts';

const { samples, source } = speech();
console.log(`speech of these tests: ${source}`);
const spoken = samples.subarray(0, 48_000);

/** One frame with these samples about its middle. */
function clicks(...heights: readonly number[]): Int16Array {
  const frame = new Int16Array(512);
  frame.set(heights, 256 - (heights.length >> 1));
  return frame;
}

describe('log-spectral distance', () => {
  it('is 0 for the same recording', () => {
    expect(logSpectralDistance(spoken, spoken)).toBe(0);
  });

  it('is the gain, where one is louder and nothing is too faint', () => {
    const quiet = noise(16_000, 8_000);
    const loud = quiet.map((sample) => 2 * sample);
    expect(logSpectralDistance(quiet, loud)).toBeCloseTo(20 * Math.log10(2), 3);
    expect(logSpectralDistance(loud, quiet)).toBeCloseTo(20 * Math.log10(2), 1);
  });

  it('is pi / sqrt 12 nepers between one click and two neighbours, as the integral of ln^2 (2 cos w/2) has it', () => {
    const worked = (20 / Math.log(10)) * Math.sqrt(Math.PI ** 2 / 12);
    expect(worked).toBeCloseTo(7.88, 2);
    expect(logSpectralDistance(clicks(10_000), clicks(10_000, 10_000))).toBeCloseTo(worked, 0);
  });

  it('grows with noise that is added', () => {
    const distances = [30, 20, 10, 0].map((snrDb) => {
      const energy = (pcm: Int16Array): number => pcm.reduce((sum, sample) => sum + sample * sample, 0);
      const hiss = noise(spoken.length, 10_000);
      const scale = Math.sqrt(energy(spoken) / energy(hiss)) * 10 ** (-snrDb / 20);
      return logSpectralDistance(
        spoken,
        spoken.map((sample, at) => Math.max(-32_768, Math.min(32_767, sample + scale * hiss[at]!))),
      );
    });
    expect(distances).toEqual(distances.toSorted((a, b) => a - b));
    expect(distances[0]).toBeGreaterThan(1);
  });

  it('leaves silence out, and cannot be told of nothing but silence', () => {
    const pause = new Int16Array(16_000);
    const hum = new Int16Array(64_000);
    hum.set(spoken);
    hum.set(noise(16_000, 3), 48_000);
    const withPause = new Int16Array(64_000);
    withPause.set(spoken);
    expect(logSpectralDistance(withPause, hum)).toBeLessThan(0.1);
    expect(logSpectralDistance(pause, hum)).toBeNaN();
    expect(logSpectralDistance(new Int16Array(100), new Int16Array(100))).toBeNaN();
  });
});
