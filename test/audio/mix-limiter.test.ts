import { describe, expect, it } from 'vitest';
import { MixLimiter } from '../../src/audio/mix-limiter.ts';
import { toneDb } from '../support/round-table.ts';
import { speech, syntheticSpeech, tone } from '../support/speech.ts';

const { samples, source } = speech();
console.log(`speech of these tests: ${source}`);
const RATE_HZ = 16_000;
const LIMIT = 32_768 * 10 ** (-1 / 20);

interface Limited {
  readonly out: Int16Array;
  /** After each frame, dB. */
  readonly gains: readonly number[];
}

function limited(voices: readonly Int16Array[]): Limited {
  const limiter = new MixLimiter();
  const frames = Math.floor(Math.min(...voices.map(({ length }) => length)) / 320);
  const out = new Int16Array(frames * 320);
  const gains: number[] = [];
  const sum = new Int32Array(320);
  for (let n = 0; n < frames; n++) {
    sum.fill(0);
    for (const voice of voices) for (let at = 0; at < 320; at++) sum[at]! += voice[n * 320 + at]!;
    out.set(limiter.limit(sum), n * 320);
    gains.push(limiter.gainDb);
  }
  return { out, gains };
}

/** Six seconds of speech with this peak. */
function shout(from: number, peak = 30_000, voice = samples): Int16Array {
  const piece = voice.subarray(from * RATE_HZ, (from + 6) * RATE_HZ);
  const loudest = piece.reduce((most, one) => Math.max(most, Math.abs(one)), 1);
  return piece.map((one) => Math.round((one * peak) / loudest));
}

describe('the limiter of a mix', () => {
  it('leaves what fits bit by bit as it is, and so several people who talk as loud as people do', () => {
    const two = [shout(0, 8000), shout(2, 8000), shout(3, 8000)];
    const { out, gains } = limited(two);
    expect(gains.every((gain) => gain === 0)).toBe(true);
    expect(out.every((sample, at) => sample === two.reduce((sum, voice) => sum + voice[at]!, 0))).toBe(true);
  });

  it('lets nothing over -1 dBFS, at whatever moment of a frame it gets loud', () => {
    for (let shift = 0; shift < 320; shift += 23) {
      const burst = new Int16Array(3200);
      for (let at = 960 + shift; at < 1600; at++) burst[at] = at % 40 < 20 ? 32_767 : -32_768;
      const { out } = limited([burst, burst, burst, tone(440, 0.2, 9000)]);
      expect(out.reduce((most, one) => Math.max(most, Math.abs(one)), 0)).toBeLessThanOrEqual(Math.ceil(LIMIT));
    }
  });

  it('does not breathe: under four who shout at once a quiet voice keeps its loudness', () => {
    const synthetic = syntheticSpeech(12);
    const voices = [shout(0), shout(2), shout(1, 30_000, synthetic), shout(4, 30_000, synthetic)];
    const { out, gains } = limited([...voices, tone(7900, 6, 300)]);
    expect(Math.min(...gains)).toBeLessThan(-3);
    const levels = Array.from({ length: 20 }, (_, n) =>
      toneDb(out.subarray((2 + n * 0.2) * RATE_HZ, (2.2 + n * 0.2) * RATE_HZ), 7900),
    );
    expect(Math.max(...levels) - Math.min(...levels)).toBeLessThan(3);
  });

  it('gives back what a single cough took within a quarter of a second, but for what nobody hears', () => {
    const cough = new Int16Array(RATE_HZ);
    for (let at = 4000; at < 5600; at++) cough[at] = Math.round(30_000 * Math.sin(at * at * 0.0007));
    const { gains } = limited([cough, cough, tone(440, 1, 2000)]);
    expect(Math.min(...gains)).toBeLessThan(-5);
    expect(gains[Math.ceil(5600 / 320) + 12]).toBeGreaterThan(-1.5);
  });

  it('never grows louder than the sum, nor silent', () => {
    const { gains } = limited(Array.from({ length: 7 }, () => tone(440, 2, 32_767)));
    for (const gain of gains.slice(2)) expect(gain).toBeCloseTo(-17.9, 0);
  });
});
