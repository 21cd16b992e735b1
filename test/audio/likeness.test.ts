import { describe, expect, it } from 'vitest';
import {
  bandEdges,
  compare,
  comparePieces,
  correlation,
  fft,
  findDelay,
  segmentLikeness,
  stoi,
} from '../support/likeness.ts';
import { noise, speech, syntheticSpeech } from '../support/speech.ts';

const { samples, source } = speech();
console.log(`speech of these tests: ${source}`);

function mixed(a: Int16Array, b: Int16Array): Int16Array {
  return a.map((sample, at) => Math.max(-32_768, Math.min(32_767, sample + b[at]!)));
}

function late(pcm: Int16Array, by: number): Int16Array {
  const shifted = new Int16Array(pcm.length + by);
  shifted.set(pcm, by);
  return shifted;
}

describe('fft', () => {
  it('turns an impulse into a flat spectrum and a constant into its first bin', () => {
    const [re, im] = [new Float64Array(8), new Float64Array(8)];
    re[0] = 1;
    fft(re, im);
    expect([...re]).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    const [ones, zeros] = [new Float64Array(8).fill(1), new Float64Array(8)];
    fft(ones, zeros);
    expect(ones[0]).toBeCloseTo(8);
    expect(ones.slice(1).every((bin) => Math.abs(bin) < 1e-9)).toBe(true);
  });
});

describe('delay and correlation', () => {
  it('finds the lag that was put in, either way', () => {
    expect(findDelay(samples, late(samples, 1234))).toBe(1234);
    expect(findDelay(late(samples, 777), samples)).toBe(-777);
  });

  it('is 1 for itself at any loudness, -1 for its negative, near 0 for noise', () => {
    expect(correlation(samples, samples)).toBeCloseTo(1, 6);
    expect(
      correlation(
        samples,
        samples.map((sample) => sample >> 1),
      ),
    ).toBeGreaterThan(0.999);
    expect(
      correlation(
        samples,
        samples.map((sample) => -sample),
      ),
    ).toBeCloseTo(-1, 4);
    expect(Math.abs(correlation(samples, noise(samples.length, 8000)))).toBeLessThan(0.02);
  });

  it('compares after taking the delay out', () => {
    const alike = compare(samples, late(samples, 3200));
    expect(alike.delayMs).toBe(200);
    expect(alike.correlation).toBeCloseTo(1, 6);
    expect(alike.stoi).toBeCloseTo(1, 6);
  });
});

describe('piece by piece', () => {
  it('finds the same speech though the delay changed in between', () => {
    const changed = new Int16Array(samples.length + 3200);
    changed.set(samples.subarray(0, 48_000), 1600);
    changed.set(samples.subarray(48_000), 48_000 + 3200);
    expect(comparePieces(samples, changed).correlation).toBeGreaterThan(0.99);
    expect(compare(samples, changed).correlation).toBeLessThan(0.9);
    expect(comparePieces(samples, noise(samples.length, 8000)).correlation).toBeLessThan(0.1);
  });
});

describe('STOI', () => {
  it('is 1 for the same recording, also quieter', () => {
    expect(stoi(samples, samples)).toBeCloseTo(1, 6);
    expect(
      stoi(
        samples,
        samples.map((sample) => Math.round(sample / 4)),
      ),
    ).toBeGreaterThan(0.99);
  });

  it('is low for noise and falls as more noise is added', () => {
    const alone = stoi(samples, noise(samples.length, 8000));
    const little = stoi(samples, mixed(samples, noise(samples.length, 300)));
    const much = stoi(samples, mixed(samples, noise(samples.length, 6000)));
    expect(alone).toBeLessThan(0.45);
    expect(little).toBeGreaterThan(0.85);
    expect(much).toBeLessThan(little - 0.15);
    expect(much).toBeGreaterThan(alone);
  });

  it('falls with the ratio of speech to white noise, from 1 for none of it', () => {
    const said = samples.subarray(0, 48_000);
    const hiss = noise(said.length, 10_000);
    const energy = (pcm: Int16Array): number => pcm.reduce((sum, sample) => sum + sample * sample, 0);
    const at = (snrDb: number): number => {
      const scale = Math.sqrt(energy(said) / energy(hiss)) * 10 ** (-snrDb / 20);
      return stoi(
        said,
        mixed(
          said,
          hiss.map((sample) => Math.round(sample * scale)),
        ),
      );
    };
    const values = [40, 20, 10, 0, -10].map(at);
    expect(values).toEqual(values.toSorted((a, b) => b - a));
    expect(values[0]).toBeGreaterThan(0.99);
    expect(values.at(-1)).toBeLessThan(0.6);
  });

  it('has the bands of the paper: 15 thirds of an octave from 150 Hz, up to about 4.3 kHz', () => {
    const edges = bandEdges();
    // 150 Hz times 2^(-1/6) and 2^(1/6) are 133.6 and 168.4 Hz, in bins of 19.53 Hz 6.84 and 8.62.
    expect(edges[0]).toEqual([7, 9]);
    expect(edges.slice(1).every(([low], at) => low === edges[at]![1])).toBe(true);
    expect(edges).toHaveLength(15);
    expect((edges.at(-1)![1] * 10_000) / 512).toBeCloseTo(150 * 2 ** (14 / 3 + 1 / 6), -1);
    expect(150 * 2 ** (14 / 3 + 1 / 6)).toBeCloseTo(4_276, 0);
  });

  it('is the cosine of the angle between two slow envelopes of one carrier, worked by hand through all of it', () => {
    // A carrier of 78.125 Hz and its multiples is the same in each frame (a hop is 12.8 ms), so a band's magnitude is the
    // envelope; over 384 ms, three whole waves of it, two sines have a correlation of the cosine of their angle.
    const waved = (degrees: number): Int16Array =>
      Int16Array.from({ length: 32_000 }, (_, at) => {
        const turn = (2 * Math.PI * at) / 16_000;
        let carrier = 0;
        for (let k = 1; k <= 60; k++) carrier += Math.cos(k * k + 78.125 * k * turn);
        return 600 * (1 + 0.5 * Math.sin(7.8125 * turn + (degrees * Math.PI) / 180)) * carrier;
      });
    const clean = waved(0);
    for (const degrees of [0, 60, 90, 120, 180]) {
      const worked = Math.cos((degrees * Math.PI) / 180);
      expect(Math.abs(stoi(clean, waved(degrees)) - worked), `${degrees} degrees`).toBeLessThan(0.02);
    }
  });

  it('weighs one band over 384 ms as worked by hand from equations 3 to 5 of the paper', () => {
    // 15 magnitudes of 1 and 15 of 2: the mean is 1.5, the energy 75.
    const clean = Float64Array.from({ length: 30 }, (_, at) => (at < 15 ? 1 : 2));
    const of = (heights: { readonly [at: number]: number }) =>
      segmentLikeness(
        clean,
        Float64Array.from({ length: 30 }, (_, at) => heights[at] ?? 0),
      );
    expect(
      segmentLikeness(
        clean,
        clean.map((value) => 7 * value),
      ),
    ).toBeCloseTo(1, 9);
    expect(
      segmentLikeness(
        clean,
        clean.map((value) => 3 - value),
      ),
    ).toBeCloseTo(-1, 9);
    // One peak where the clean one is low: -0.5 / sqrt(7.5) / sqrt(29 / 30), however high.
    expect(of({ 0: 5 })).toBeCloseTo(-0.5 / Math.sqrt(7.5) / Math.sqrt(29 / 30), 9);
    // Two of 9 and 1 are scaled by sqrt(75 / 82) to 8.607 and 0.956; the first is clipped at 1 + 10^(15/20) = 6.623.
    expect(of({ 0: 9, 15: 1 })).toBeCloseTo(-0.158, 3);
  });

  it('tells two different recordings apart', () => {
    const other = syntheticSpeech(12).subarray(0, samples.length);
    expect(stoi(samples.subarray(0, other.length), other)).toBeLessThan(0.5);
  });
});
