import { afterAll, describe, expect, it } from 'vitest';
import { type OpusCodec, openOpus } from '../../src/audio/opus.ts';
import { levelDb } from '../../src/audio/pcm.ts';
import { aligned, findDelay, stoi } from '../support/likeness.ts';
import { chance } from '../support/seeded-random.ts';
import { syntheticSpeech } from '../support/speech.ts';
import { runLoop } from '../support/voice-loop.ts';

/** With real Opus: what stretching, concealing and joining do to the sound of speech. */

const RATE_HZ = 16_000;
/** A room with a fan in it, and a talker. */
const source = roomy(syntheticSpeech(8));

function roomy(speech: Int16Array): Int16Array {
  const random = chance(21);
  const all = new Int16Array(speech.length + RATE_HZ);
  all.set(speech, RATE_HZ);
  return all.map((sample) => Math.max(-32_768, Math.min(32_767, sample + Math.round((random() - 0.5) * 160))));
}

const codecs: OpusCodec[] = [];
afterAll(() => {
  for (const codec of codecs) codec.close();
});
function codec(): OpusCodec {
  const opened = openOpus();
  codecs.push(opened);
  return opened;
}

const heardOver = (network: (n: number) => number | undefined) =>
  runLoop({ codecA: codec(), codecB: codec(), samples: source, seconds: 9, network });

/** The sharpest corners: the largest second differences, and how many are above `limit`. */
function corners(pcm: Int16Array, limit: number): { readonly most: number; readonly above: number } {
  let [most, above] = [0, 0];
  for (let at = 2; at < pcm.length; at++) {
    const corner = Math.abs(pcm[at]! - 2 * pcm[at - 1]! + pcm[at - 2]!);
    most = Math.max(most, corner);
    if (corner > limit) above++;
  }
  return { most, above };
}

/** STOI of each second at its own delay: the delay may change in between. Mean of all seconds. */
function likeness(heard: Int16Array): number {
  const found: number[] = [];
  for (let start = RATE_HZ; start + RATE_HZ <= source.length; start += RATE_HZ / 2) {
    const piece = source.subarray(start, start + RATE_HZ);
    const around = heard.subarray(start, start + 2 * RATE_HZ);
    const [a, b] = aligned(piece, around, findDelay(piece, around));
    const alike = a.length > RATE_HZ / 2 ? stoi(a, b) : Number.NaN;
    if (!Number.isNaN(alike)) found.push(alike);
  }
  return found.reduce((sum, one) => sum + one, 0) / found.length;
}

const clean = heardOver(() => 5);
const cleanCorner = corners(clean.heard, 0).most;

describe('speech through real Opus', () => {
  it('arrives whole over an even network, and what is stretched in the first second is silence', () => {
    expect(likeness(clean.heard)).toBeGreaterThan(0.97);
    expect(clean.b.stats()).toMatchObject({ concealed: 0, late: 0, targetMs: 20 });
    expect(clean.b.stats().stretchedMs).toBeLessThan(80);
  });

  it('has no clicks and stays the same speech while its delay goes up and down', () => {
    const random = chance(17);
    const { heard, b } = heardOver((n) => 5 + (n % 150 >= 75 ? random() * 70 : random() * 5));
    const stats = b.stats();
    expect(stats.stretchedMs).toBeGreaterThan(20);
    expect(stats.concealed).toBeLessThan(25);
    expect(corners(heard, cleanCorner * 1.1).above).toBe(0);
    expect(likeness(heard)).toBeGreaterThan(0.9);
    expect(Math.abs(levelDb(heard) - levelDb(clean.heard))).toBeLessThan(0.7);
  });

  it('has no clicks after stalls of 250 ms, and loses none of what was said', () => {
    const { heard, b } = heardOver((n) => 5 + (n % 200 >= 120 && n % 200 < 132 ? (132 - (n % 200)) * 20 : 0));
    expect(b.stats().stretchedMs).toBeGreaterThan(250);
    expect(b.stats().late).toBe(0);
    expect(corners(heard, cleanCorner * 1.1).above).toBe(0);
    expect(likeness(heard)).toBeGreaterThan(0.8);
  });

  it('has no clicks where a tenth of it is lost', () => {
    const random = chance(5);
    const { heard, b } = heardOver(() => (random() < 0.1 ? undefined : 5));
    expect(b.stats().concealed).toBeGreaterThan(20);
    expect(corners(heard, cleanCorner * 1.1).above).toBe(0);
    expect(likeness(heard)).toBeGreaterThan(0.85);
  });

  it('has no clicks when its frames become longer, shorter or carry copies in mid-call', () => {
    const shapes = new Map([
      [120, { frameMs: 60, frameBytes: 117, copies: 0, distance: 1 }],
      [210, { frameMs: 20, frameBytes: 58, copies: 1, distance: 1 }],
      [280, { frameMs: 40, frameBytes: 77, copies: 0, distance: 1 }],
      [350, { frameMs: 20, frameBytes: 39, copies: 2, distance: 2 }],
    ]);
    const { heard, b } = runLoop({
      codecA: codec(),
      codecB: codec(),
      samples: source,
      seconds: 9,
      network: () => 5,
      before: (n, a) => {
        const shape = shapes.get(n);
        if (shape) a.reshape(shape);
      },
    });
    // Twice frames become longer: up to two of 20 ms are waited for then.
    expect(b.stats()).toMatchObject({ late: 0, refused: 0 });
    expect(b.stats().concealed).toBeLessThanOrEqual(5);
    expect(corners(heard, cleanCorner * 1.2).above).toBe(0);
    expect(likeness(heard)).toBeGreaterThan(0.9);
  });

  it('keeps the noise of the room in a gap of 600 ms', () => {
    const { heard } = heardOver((n) => (n >= 300 && n < 330 ? undefined : 5));
    const gap = heard.subarray(6.25 * RATE_HZ, 6.5 * RATE_HZ);
    const room = levelDb(clean.heard.subarray(0.5 * RATE_HZ, 0.9 * RATE_HZ));
    expect(Math.abs(levelDb(gap) - room)).toBeLessThan(4);
    expect(corners(heard, cleanCorner * 1.1).above).toBe(0);
  });
});
