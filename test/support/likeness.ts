/**
 * How alike two recordings are: the delay between them by cross-correlation, the correlation at that delay, and STOI
 * (Taal and others, "An algorithm for intelligibility prediction of time-frequency weighted noisy speech", 2011;
 * the steps and constants are those of the authors' reference). Samples are 16 kHz mono; everything is pure.
 */
import { Resampler } from '../../src/audio/resampler.ts';

const RATE_HZ = 16_000;

export interface Likeness {
  /** By how much `heard` lags behind `reference`, ms; negative when it leads. */
  readonly delayMs: number;
  /** Normalised cross-correlation at that delay, -1..1. */
  readonly correlation: number;
  /** Intelligibility, about 0..1, of the stretch that both have, after the delay is taken out. */
  readonly stoi: number;
}

/** Compares what was played with what was recorded. The delay is searched over the whole length of both. */
export function compare(reference: Int16Array, heard: Int16Array): Likeness {
  const delay = findDelay(reference, heard);
  const [a, b] = aligned(reference, heard, delay);
  return { delayMs: (delay * 1000) / RATE_HZ, correlation: correlation(a, b), stoi: stoi(a, b) };
}

export interface Piecewise {
  /** Median over the pieces, each at its own delay: a jitter buffer may change its delay in between. */
  readonly correlation: number;
  readonly delayMs: number;
  readonly pieces: number;
}

/**
 * Compares piece by piece (half a second each, those with sound only). Each piece is searched for within a second of
 * where the whole lies.
 */
export function comparePieces(reference: Int16Array, heard: Int16Array, pieceMs = 500): Piecewise {
  const whole = findDelay(reference, heard);
  const length = (pieceMs * RATE_HZ) / 1000;
  const found: { readonly correlation: number; readonly delay: number }[] = [];
  for (let start = 0; start + length <= reference.length; start += length) {
    const piece = reference.subarray(start, start + length);
    if (quiet(piece)) continue;
    const from = Math.max(0, start + whole - RATE_HZ);
    const around = heard.subarray(from, start + whole + length + RATE_HZ);
    const delay = findDelay(piece, around);
    const [a, b] = aligned(piece, around, delay);
    found.push({ correlation: a.length < length / 2 ? 0 : correlation(a, b), delay: from + delay - start });
  }
  const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  return {
    correlation: median(found.map((one) => one.correlation)),
    delayMs: (median(found.map((one) => one.delay)) * 1000) / RATE_HZ,
    pieces: found.length,
  };
}

/** Less than a fifth of it sounds. */
function quiet(piece: Int16Array): boolean {
  let loud = 0;
  for (const sample of piece) if (Math.abs(sample) > 500) loud++;
  return loud < piece.length / 5;
}

/** Samples by which `heard` lags behind `reference`: where their cross-correlation is greatest. */
export function findDelay(reference: Int16Array, heard: Int16Array): number {
  const size = 2 ** Math.ceil(Math.log2(reference.length + heard.length));
  const a = { re: new Float64Array(size), im: new Float64Array(size) };
  const b = { re: new Float64Array(size), im: new Float64Array(size) };
  a.re.set(reference);
  b.re.set(heard);
  fft(a.re, a.im);
  fft(b.re, b.im);
  for (let at = 0; at < size; at++) {
    const re = a.re[at]! * b.re[at]! + a.im[at]! * b.im[at]!;
    // Conjugated once more, so that a forward transform serves as the inverse one.
    const im = -(a.re[at]! * b.im[at]! - a.im[at]! * b.re[at]!);
    a.re[at] = re;
    a.im[at] = im;
  }
  fft(a.re, a.im);
  let best = 0;
  for (let at = 1; at < size; at++) if (a.re[at]! > a.re[best]!) best = at;
  return best < heard.length ? best : best - size;
}

/** The stretches of both that belong together when `heard` lags by `delay` samples. */
export function aligned(reference: Int16Array, heard: Int16Array, delay: number): [Int16Array, Int16Array] {
  const a = reference.subarray(Math.max(0, -delay));
  const b = heard.subarray(Math.max(0, delay));
  const length = Math.min(a.length, b.length);
  return [a.subarray(0, length), b.subarray(0, length)];
}

/** Normalised correlation of two recordings of one length; 0 when one of them is silent. */
export function correlation(a: Int16Array, b: Int16Array): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let at = 0; at < a.length; at++) {
    ab += a[at]! * b[at]!;
    aa += a[at]! * a[at]!;
    bb += b[at]! * b[at]!;
  }
  return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
}

// --- STOI

const STOI_RATE_HZ = 10_000;
const FRAME = 256;
const HOP = 128;
const FFT_SIZE = 512;
const BANDS = 15;
const LOWEST_BAND_HZ = 150;
/** 384 ms. */
const SEGMENT = 30;
const CLIP = 1 + 10 ** (15 / 20);
const SILENT_BELOW_DB = 40;
const WINDOW = Float64Array.from(
  { length: FRAME },
  (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (at + 1)) / (FRAME + 1)),
);

/** Short-time objective intelligibility of `degraded` against `clean`; NaN for less than 0.4 s of speech. */
export function stoi(clean: Int16Array, degraded: Int16Array): number {
  const [x, y] = withoutSilence(toStoiRate(clean), toStoiRate(degraded));
  const a = bandEnvelopes(x);
  const b = bandEnvelopes(y);
  let sum = 0;
  let count = 0;
  for (let end = SEGMENT; end <= a.length; end++) {
    for (let band = 0; band < BANDS; band++) {
      sum += segmentLikeness(column(a, band, end), column(b, band, end));
      count++;
    }
  }
  return sum / count;
}

function toStoiRate(pcm: Int16Array): Float32Array {
  // The resampler knows only the ratio to 16 kHz.
  const resampler = new Resampler(RATE_HZ * (RATE_HZ / STOI_RATE_HZ));
  const input = Float32Array.from(pcm, (sample) => sample / 32_768);
  const first = resampler.push(input);
  const rest = resampler.end();
  const all = new Float32Array(first.length + rest.length);
  all.set(first);
  all.set(rest, first.length);
  return all;
}

/** Frames of `clean` more than 40 dB under its loudest are taken out of both, the rest joined by overlap-add. */
function withoutSilence(clean: Float32Array, degraded: Float32Array): [Float64Array, Float64Array] {
  const starts: number[] = [];
  for (let at = 0; at + FRAME <= clean.length; at += HOP) starts.push(at);
  const levels = starts.map((start) => {
    let energy = 0;
    for (let at = 0; at < FRAME; at++) energy += (clean[start + at]! * WINDOW[at]!) ** 2;
    return 10 * Math.log10(energy + 1e-20);
  });
  const loudest = Math.max(...levels);
  const kept = starts.filter((_, index) => levels[index]! > loudest - SILENT_BELOW_DB);
  const join = (from: Float32Array): Float64Array => {
    const joined = new Float64Array(Math.max(0, (kept.length - 1) * HOP + FRAME));
    kept.forEach((start, index) => {
      for (let at = 0; at < FRAME; at++) joined[index * HOP + at]! += from[start + at]! * WINDOW[at]!;
    });
    return joined;
  };
  return [join(clean), join(degraded)];
}

/** First bin of each third-octave band, and the one after its last. */
export function bandEdges(): readonly (readonly [number, number])[] {
  return Array.from({ length: BANDS }, (_, band) => {
    const centre = LOWEST_BAND_HZ * 2 ** (band / 3);
    const bin = (hz: number): number => Math.round((hz * FFT_SIZE) / STOI_RATE_HZ);
    return [bin(centre * 2 ** (-1 / 6)), bin(centre * 2 ** (1 / 6))] as const;
  });
}

/** For each frame the magnitude in each third-octave band. */
function bandEnvelopes(samples: Float64Array): Float64Array[] {
  const edges = bandEdges();
  return powerSpectra(samples, WINDOW, HOP, FFT_SIZE).map((power) =>
    Float64Array.from(edges, ([low, high]) => {
      let energy = 0;
      for (let bin = low; bin < high; bin++) energy += power[bin]!;
      return Math.sqrt(energy);
    }),
  );
}

/** Power of each bin from 0 to half the rate, for each whole window; `size`: of the transform, a power of two. */
export function powerSpectra(
  samples: ArrayLike<number>,
  window: Float64Array,
  hop: number,
  size: number,
): Float64Array[] {
  const spectra: Float64Array[] = [];
  for (let start = 0; start + window.length <= samples.length; start += hop) {
    const [re, im] = [new Float64Array(size), new Float64Array(size)];
    for (let at = 0; at < window.length; at++) re[at] = samples[start + at]! * window[at]!;
    fft(re, im);
    spectra.push(Float64Array.from({ length: size / 2 + 1 }, (_, bin) => re[bin]! ** 2 + im[bin]! ** 2));
  }
  return spectra;
}

function column(frames: readonly Float64Array[], band: number, end: number): Float64Array {
  return Float64Array.from({ length: SEGMENT }, (_, at) => frames[end - SEGMENT + at]![band]!);
}

/** Correlation of one band over 384 ms (30 magnitudes), after the degraded one is scaled to the clean one and clipped. */
export function segmentLikeness(clean: Float64Array, degraded: Float64Array): number {
  const scale = norm(clean) / (norm(degraded) + 1e-20);
  const clipped = degraded.map((value, at) => Math.min(value * scale, clean[at]! * CLIP));
  const [a, b] = [centred(clean), centred(clipped)];
  let sum = 0;
  for (let at = 0; at < SEGMENT; at++) sum += a[at]! * b[at]!;
  return sum / (norm(a) * norm(b) + 1e-20);
}

function norm(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

function centred(values: Float64Array): Float64Array {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  return values.map((value) => value - mean);
}

/** Radix-2, in place; the length is a power of two. */
export function fft(re: Float64Array, im: Float64Array): void {
  const size = re.length;
  for (let at = 1, mirror = 0; at < size; at++) {
    let bit = size >> 1;
    for (; mirror & bit; bit >>= 1) mirror ^= bit;
    mirror ^= bit;
    if (at < mirror) {
      [re[at], re[mirror]] = [re[mirror]!, re[at]!];
      [im[at], im[mirror]] = [im[mirror]!, im[at]!];
    }
  }
  const { cos, sin } = turns(size);
  for (let span = 2; span <= size; span *= 2) {
    const [half, stride] = [span / 2, size / span];
    for (let block = 0; block < size; block += span) {
      for (let low = block, turn = 0; low < block + half; low++, turn += stride) {
        const high = low + half;
        const xr = re[high]! * cos[turn]! - im[high]! * sin[turn]!;
        const xi = re[high]! * sin[turn]! + im[high]! * cos[turn]!;
        re[high] = re[low]! - xr;
        im[high] = im[low]! - xi;
        re[low]! += xr;
        im[low]! += xi;
      }
    }
  }
}

const knownTurns = new Map<number, { readonly cos: Float64Array; readonly sin: Float64Array }>();

function turns(size: number): { readonly cos: Float64Array; readonly sin: Float64Array } {
  let known = knownTurns.get(size);
  if (!known) {
    const angle = (_: unknown, turn: number): number => (-2 * Math.PI * turn) / size;
    known = {
      cos: Float64Array.from({ length: size / 2 }, (_, turn) => Math.cos(angle(_, turn))),
      sin: Float64Array.from({ length: size / 2 }, (_, turn) => Math.sin(angle(_, turn))),
    };
    knownTurns.set(size, known);
  }
  return known;
}
