import { describe, expect, it } from 'vitest';
import { RealFft } from '../../src/audio/fft.ts';
import { chance } from '../support/seeded-random.ts';

function spectrum(fft: RealFft, samples: Float64Array): { re: Float64Array; im: Float64Array } {
  const [re, im] = [new Float64Array(fft.bins), new Float64Array(fft.bins)];
  fft.forward(samples, re, im);
  return { re, im };
}

describe('the Fourier transform', () => {
  it.each([8, 64, 1024])('of %i samples is the sum that defines it, and is undone by the inverse', (size) => {
    const random = chance(size);
    const samples = Float64Array.from({ length: size }, () => random() - 0.5);
    const fft = new RealFft(size);
    const { re, im } = spectrum(fft, samples);
    for (const bin of [0, 1, size / 4, size / 2 - 1, size / 2]) {
      let [sumRe, sumIm] = [0, 0];
      for (let at = 0; at < size; at++) {
        sumRe += samples[at]! * Math.cos((2 * Math.PI * bin * at) / size);
        sumIm -= samples[at]! * Math.sin((2 * Math.PI * bin * at) / size);
      }
      expect(re[bin]).toBeCloseTo(sumRe, 9);
      expect(im[bin]).toBeCloseTo(sumIm, 9);
    }
    const back = new Float64Array(size);
    fft.inverse(re, im, back);
    for (let at = 0; at < size; at++) expect(Math.abs(back[at]! - samples[at]!)).toBeLessThan(1e-12);
  });

  it('takes powers of two only', () => {
    for (const size of [0, 4, 12, 320, 131_072, Number.NaN]) expect(() => new RealFft(size)).toThrow(RangeError);
  });
});
