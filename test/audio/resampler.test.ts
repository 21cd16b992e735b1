import { describe, expect, it } from 'vitest';
import { Resampler } from '../../src/audio/resampler.ts';

function sine(hz: number, rateHz: number, seconds: number): Float32Array {
  return Float32Array.from({ length: Math.round(rateHz * seconds) }, (_, at) =>
    Math.sin((2 * Math.PI * hz * at) / rateHz),
  );
}

/** In pieces of odd lengths, as a file is read. */
function resampled(input: Float32Array, rateHz: number, piece = 997): Float32Array {
  const resampler = new Resampler(rateHz);
  const parts: Float32Array[] = [];
  for (let at = 0; at < input.length; at += piece) parts.push(resampler.push(input.subarray(at, at + piece)));
  parts.push(resampler.end());
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

function rms(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

describe.each([8000, 11_025, 22_050, 44_100, 48_000, 96_000])('from %i Hz to 16 kHz', (rateHz) => {
  it('keeps length, phase and loudness of a tone in the band', () => {
    const output = resampled(sine(1000, rateHz, 1), rateHz);
    expect(Math.abs(output.length - 16_000)).toBeLessThanOrEqual(2);
    const wanted = sine(1000, 16_000, 1);
    let worst = 0;
    for (let at = 400; at < 15_600; at++) worst = Math.max(worst, Math.abs(output[at]! - wanted[at]!));
    expect(worst).toBeLessThan(0.003);
  });

  it('keeps what the band holds and takes out what it cannot', () => {
    const edge = Math.min(6500, rateHz * 0.4);
    expect(rms(resampled(sine(edge, rateHz, 0.5), rateHz).subarray(400, 7600))).toBeCloseTo(Math.SQRT1_2, 2);
    if (rateHz <= 22_050) return;
    expect(rms(resampled(sine(10_000, rateHz, 0.5), rateHz).subarray(400, 7600))).toBeLessThan(0.001);
  });
});

describe('the resampler', () => {
  it('changes nothing at 16 kHz', () => {
    const input = sine(3000, 16_000, 0.1);
    expect(resampled(input, 16_000)).toEqual(input);
  });

  it('gives the same whatever the pieces are', () => {
    const input = sine(700, 44_100, 0.3);
    const [whole, pieces] = [resampled(input, 44_100, 1e9), resampled(input, 44_100, 13)];
    expect(pieces.length).toBe(whole.length);
    for (let at = 0; at < whole.length; at++) expect(pieces[at]).toBeCloseTo(whole[at]!, 5);
  });
});
