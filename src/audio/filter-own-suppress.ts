/**
 * Turns down, bin by bin, what is noise, and what the echo canceller left over. Noise is followed by the probability of
 * speech (Gerkmann and Hendriks, "Unbiased MMSE-based noise power estimation with low complexity and low tracking
 * delay", 2012); the left-over echo is a share of the echo that was taken away, found by regression as in speexdsp
 * (Valin, "On adjusting the learning rate in frequency domain echo cancellation with double-talk", 2007); the gain is
 * Wiener's with the decision-directed SNR of Ephraim and Malah, never under a floor. Pure; `filter-own.ts` owns one.
 *
 * Blocks of 10 ms in windows of 16: the sound comes 6 ms later.
 */
import { RealFft } from './fft.ts';
import { ECHO_SUPPRESS_DB, FRAME_SAMPLES, NOISE_SUPPRESS_DB } from './params.ts';
import { sampleOf } from './pcm.ts';
import type { FilterParts } from './voice-filter.ts';

const SIZE = 256;
const BLOCK = FRAME_SAMPLES / 2;
/** By so many samples the result lags. */
const OVERLAP = SIZE - BLOCK;
/** Bins that share one estimate of left-over echo: 500 Hz. */
const BAND = 8;

const NOISE_FLOOR = 10 ** (NOISE_SUPPRESS_DB / 10);
const ECHO_FLOOR = 10 ** (ECHO_SUPPRESS_DB / 10);
/** SNR at which the estimator of noise thinks that speech is, 15 dB. */
const SPEECH_SNR = 31.6;
const NOISE_MEMORY = 0.85;
const PRESENCE_MEMORY = 0.9;
/** Blocks whose mean is the first estimate of the noise. */
const FIRST_BLOCKS = 10;
const SNR_MEMORY = 0.92;
/** Echo dies away in the room: share of the last block's that is still there. */
const ECHO_DECAY = 0.75;
/** Left-over echo is taken for more than the regression says: bins differ. */
const ECHO_OVER = 2;
const TINY = 1e-12;

export class Suppressor {
  #parts: FilterParts = { echo: false, noise: false };
  readonly #fft = new RealFft(SIZE);
  readonly #window: Float64Array;
  readonly #in = new Float64Array(SIZE);
  readonly #echoIn = new Float64Array(SIZE);
  readonly #time = new Float64Array(SIZE);
  /** What the last blocks add to the next. */
  readonly #tail = new Float64Array(OVERLAP);
  readonly #re: Float64Array;
  readonly #im: Float64Array;
  readonly #echoRe: Float64Array;
  readonly #echoIm: Float64Array;
  readonly #noise: NoiseFollower;
  readonly #leak: LeakFollower;
  readonly #power: Float64Array;
  readonly #clean: Float64Array;
  readonly #gain: Float64Array;

  constructor() {
    const { bins } = this.#fft;
    this.#window = Float64Array.from({ length: SIZE }, (_, at) => {
      const edge = Math.min(at + 0.5, SIZE - at - 0.5) / OVERLAP;
      return edge >= 1 ? 1 : Math.sin((Math.PI / 2) * edge);
    });
    const row = () => new Float64Array(bins);
    [this.#re, this.#im, this.#echoRe, this.#echoIm] = [row(), row(), row(), row()];
    [this.#power, this.#clean, this.#gain] = [row(), row(), row().fill(1)];
    this.#noise = new NoiseFollower(bins);
    this.#leak = new LeakFollower(bins);
  }

  /** What is turned down from the next frame on. */
  use(parts: FilterParts): void {
    if (parts.echo && !this.#parts.echo) this.forget();
    this.#parts = parts;
  }

  /** One frame (-1..1) and the echo that was taken out of it, to 320 samples in `out`. */
  process(cleaned: Float64Array, echo: Float64Array, out: Int16Array): void {
    for (let at = 0; at < FRAME_SAMPLES; at += BLOCK) {
      this.#block(cleaned.subarray(at, at + BLOCK), echo.subarray(at, at + BLOCK), out.subarray(at, at + BLOCK));
    }
  }

  /** The echo is another: how much of it is left over is not known. */
  forget(): void {
    this.#leak.forget();
  }

  #block(cleaned: Float64Array, echo: Float64Array, out: Int16Array): void {
    this.#analyse(this.#in, cleaned, this.#re, this.#im);
    const power = this.#power;
    for (let bin = 0; bin < power.length; bin++) power[bin] = this.#re[bin]! ** 2 + this.#im[bin]! ** 2 + TINY;
    this.#noise.follow(power);
    if (this.#parts.echo) {
      this.#analyse(this.#echoIn, echo, this.#echoRe, this.#echoIm);
      this.#leak.follow(power, this.#echoRe, this.#echoIm);
    }
    this.#decide();
    this.#synthesise(out);
  }

  #analyse(buffer: Float64Array, block: Float64Array, re: Float64Array, im: Float64Array): void {
    buffer.copyWithin(0, BLOCK);
    buffer.set(block, OVERLAP);
    for (let at = 0; at < SIZE; at++) this.#time[at] = buffer[at]! * this.#window[at]!;
    this.#fft.forward(this.#time, re, im);
  }

  #decide(): void {
    const { echo: hidesEcho, noise: hidesNoise } = this.#parts;
    for (let bin = 0; bin < this.#gain.length; bin++) {
      const noise = this.#noise.power[bin]!;
      const leftOver = hidesEcho ? this.#leak.power[bin]! : 0;
      const unwanted = (hidesNoise ? noise : 0) + leftOver + TINY;
      const power = this.#power[bin]!;
      const now = Math.max(0, power / unwanted - 1);
      const snr = SNR_MEMORY * (this.#clean[bin]! / unwanted) + (1 - SNR_MEMORY) * now;
      const wiener = snr / (1 + snr);
      this.#clean[bin] = wiener * wiener * power;
      const kept = hidesNoise ? NOISE_FLOOR * noise : 0;
      let floor = (kept + ECHO_FLOOR * leftOver + TINY) / unwanted;
      // Behind a hidden echo the background goes on as before, or every word of the far end would punch a hole in it.
      if (leftOver > 0) floor = Math.max(floor, Math.min(1, ((hidesNoise ? NOISE_FLOOR : 1) * noise) / power));
      this.#gain[bin] = Math.max(wiener, Math.sqrt(floor));
    }
  }

  #synthesise(out: Int16Array): void {
    for (let bin = 0; bin < this.#gain.length; bin++) {
      this.#re[bin] = this.#re[bin]! * this.#gain[bin]!;
      this.#im[bin] = this.#im[bin]! * this.#gain[bin]!;
    }
    this.#fft.inverse(this.#re, this.#im, this.#time);
    for (let at = 0; at < SIZE; at++) this.#time[at] = this.#time[at]! * this.#window[at]!;
    for (let at = 0; at < OVERLAP; at++) this.#time[at] = this.#time[at]! + this.#tail[at]!;
    this.#tail.set(this.#time.subarray(BLOCK));
    for (let at = 0; at < BLOCK; at++) out[at] = sampleOf(this.#time[at]!);
  }
}

class NoiseFollower {
  /** Estimated power of the noise, a bin. */
  readonly power: Float64Array;
  readonly #presence: Float64Array;
  #blocks = 0;

  constructor(bins: number) {
    this.power = new Float64Array(bins);
    this.#presence = new Float64Array(bins);
  }

  follow(power: Float64Array): void {
    this.#blocks++;
    for (let bin = 0; bin < power.length; bin++) {
      const seen = power[bin]!;
      const before = this.power[bin]!;
      if (this.#blocks <= FIRST_BLOCKS) {
        this.power[bin] = before + (seen - before) / this.#blocks;
        continue;
      }
      const likely = 1 / (1 + (1 + SPEECH_SNR) * Math.exp((-seen / (before + TINY)) * (SPEECH_SNR / (1 + SPEECH_SNR))));
      const presence = PRESENCE_MEMORY * this.#presence[bin]! + (1 - PRESENCE_MEMORY) * likely;
      this.#presence[bin] = presence;
      // Something that goes on for ever is noise after all: never quite believe in speech.
      const speech = presence > 0.99 ? Math.min(0.99, likely) : likely;
      const guess = speech * before + (1 - speech) * seen;
      this.power[bin] = NOISE_MEMORY * before + (1 - NOISE_MEMORY) * guess;
    }
  }
}

class LeakFollower {
  /** Estimated power of the echo that is left over, a bin. */
  readonly power: Float64Array;
  readonly #echo: Float64Array;
  /** Of bands: means, and the sums of the regression of what is heard on the echo. */
  readonly #bands: { heard: number; echo: number; both: number; square: number }[];

  constructor(bins: number) {
    this.power = new Float64Array(bins);
    this.#echo = new Float64Array(bins);
    this.#bands = Array.from({ length: Math.ceil(bins / BAND) }, fresh);
  }

  forget(): void {
    for (const band of this.#bands) Object.assign(band, fresh());
  }

  follow(heard: Float64Array, re: Float64Array, im: Float64Array): void {
    for (const [index, band] of this.#bands.entries()) {
      const first = index * BAND;
      const end = Math.min(heard.length, first + BAND);
      let echoSum = 0;
      let heardSum = 0;
      for (let bin = first; bin < end; bin++) {
        const now = re[bin]! ** 2 + im[bin]! ** 2;
        echoSum += now;
        heardSum += heard[bin]!;
        this.#echo[bin] = Math.max(now, ECHO_DECAY * this.#echo[bin]!);
      }
      const share = regress(band, heardSum, echoSum);
      for (let bin = first; bin < end; bin++) this.power[bin] = Math.min(1, ECHO_OVER * share) * this.#echo[bin]!;
    }
  }
}

const fresh = () => ({ heard: 0, echo: 0, both: LEAK_AT_START * TINY, square: TINY });
/** Before anything is known a tenth of the echo is taken to be left. */
const LEAK_AT_START = 0.1;
const LEAK_MIN = 0.005;
const MEAN_SPEED = 0.05;
const LEAK_SPEED = 0.02;

/** Share of the echo in what is heard: their powers rise and fall together as far as one is part of the other. */
function regress(band: ReturnType<typeof fresh>, heard: number, echo: number): number {
  const [offHeard, offEcho] = [heard - band.heard, echo - band.echo];
  band.heard += MEAN_SPEED * offHeard;
  band.echo += MEAN_SPEED * offEcho;
  // The louder the near end, the less this block says.
  const speed = LEAK_SPEED * Math.min(1, echo / (heard + TINY));
  band.both += speed * (offHeard * offEcho - band.both);
  band.square += speed * (offEcho * offEcho - band.square);
  band.both = Math.max(band.both, LEAK_MIN * band.square);
  return Math.min(1, band.both / (band.square + TINY * TINY));
}
