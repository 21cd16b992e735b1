/**
 * Takes the echo of the speaker out of the microphone: an adaptive filter in the frequency domain, partitioned into
 * blocks, whose step is that of a Kalman filter (Enzner and Vary, "Frequency-domain adaptive Kalman filter for acoustic
 * echo control", 2006; partitioned as in Kuech, Mabande and Enzner, 2014). It needs no detector of double talk: whatever
 * the filter cannot explain counts as near-end speech and makes the step small, bin by bin. Pure; `filter-own.ts` feeds
 * it and hides what it leaves over.
 *
 * A block is one frame of 320 samples; spectra have 1024 points, so one partition holds 640 taps.
 */
import { RealFft } from './fft.ts';
import { ECHO_KALMAN_MEMORY, ECHO_PARTITIONS, FRAME_SAMPLES } from './params.ts';

const SIZE = 1024;
/** Taps of a partition: two frames, so that SIZE holds it and a frame (640 + 320 - 1 points) without wrapping round. */
const TAPS = 2 * FRAME_SAMPLES;
/** Share of a spectrum's energy that one frame in it has. */
const SHARE = FRAME_SAMPLES / SIZE;
/** Square of the gain that an unknown room may have, a partition and bin. */
const UNKNOWN = 1;
/** Far-end power a bin, squared full scale, below which nothing is learnt: about -80 dBFS. */
const FAR_POWER_MIN = 1e-8 * SIZE;

export class EchoCanceller {
  /** The microphone without the echo that the filter knows, -1..1; of the frame processed last. */
  readonly cleaned = new Float64Array(FRAME_SAMPLES);
  /** The echo that was taken away. */
  readonly echo = new Float64Array(FRAME_SAMPLES);
  readonly #fft = new RealFft(SIZE);
  /** The last SIZE samples of the far end. */
  readonly #far = new Float64Array(SIZE);
  /** Their spectra, newest first, one a frame: partition k looks two k frames back. */
  readonly #history: { readonly re: Float64Array; readonly im: Float64Array }[];
  readonly #partitions: {
    readonly re: Float64Array;
    readonly im: Float64Array;
    /** Expected square of the error of this partition. */
    readonly doubt: Float64Array;
  }[];
  readonly #near: Float64Array;
  readonly #re: Float64Array;
  readonly #im: Float64Array;
  readonly #errorRe: Float64Array;
  readonly #errorIm: Float64Array;
  readonly #time = new Float64Array(SIZE);
  readonly #power: Float64Array;
  #turn = 0;
  /** Mean energies of a frame before and after the echo is taken out, and of that; and frames since the last judgement. */
  #before = 0;
  #after = 0;
  #taken = 0;
  #judged = 0;

  constructor() {
    const { bins } = this.#fft;
    const empty = () => ({ re: new Float64Array(bins), im: new Float64Array(bins) });
    this.#history = Array.from({ length: 2 * ECHO_PARTITIONS - 1 }, empty);
    this.#partitions = Array.from({ length: ECHO_PARTITIONS }, () => ({
      ...empty(),
      doubt: new Float64Array(bins).fill(UNKNOWN),
    }));
    this.#near = new Float64Array(bins);
    this.#re = new Float64Array(bins);
    this.#im = new Float64Array(bins);
    this.#errorRe = new Float64Array(bins);
    this.#errorIm = new Float64Array(bins);
    this.#power = new Float64Array(bins);
  }

  /** 320 samples of the microphone and of what the speaker played at that time. Results: `cleaned`, `echo`. */
  process(mic: Float64Array, far: Float64Array): void {
    this.#remember(far);
    this.#predict();
    for (let at = 0; at < FRAME_SAMPLES; at++) this.cleaned[at] = mic[at]! - this.echo[at]!;
    if (this.#isWrong(mic)) this.forget();
    this.#learn();
  }

  /** Where the echo comes in has changed: everything learnt is void. */
  forget(): void {
    for (const { re, im, doubt } of this.#partitions) {
      re.fill(0);
      im.fill(0);
      doubt.fill(UNKNOWN);
    }
    this.#judged = 0;
  }

  /**
   * Somebody moved the microphone, and the filter takes away an echo that is no more: what it takes is a good part of
   * the sound, and yet the sound becomes no quieter. A right one makes it quieter by what it takes, whoever else talks.
   */
  #isWrong(mic: Float64Array): boolean {
    let [before, after, taken] = [0, 0, 0];
    for (let at = 0; at < FRAME_SAMPLES; at++) {
      before += mic[at]! * mic[at]!;
      after += this.cleaned[at]! * this.cleaned[at]!;
      taken += this.echo[at]! * this.echo[at]!;
    }
    this.#before += JUDGED_SPEED * (before - this.#before);
    this.#after += JUDGED_SPEED * (after - this.#after);
    this.#taken += JUDGED_SPEED * (taken - this.#taken);
    this.#judged++;
    return (
      this.#judged > JUDGED_FRAMES &&
      this.#taken > TAKEN_SHARE * this.#before &&
      this.#after > LEFT_SHARE * this.#before
    );
  }

  #remember(far: Float64Array): void {
    this.#far.copyWithin(0, FRAME_SAMPLES);
    this.#far.set(far, SIZE - FRAME_SAMPLES);
    const oldest = this.#history.pop()!;
    this.#history.unshift(oldest);
    this.#fft.forward(this.#far, oldest.re, oldest.im);
  }

  #predict(): void {
    const [sumRe, sumIm] = [this.#re, this.#im];
    sumRe.fill(0);
    sumIm.fill(0);
    for (let k = 0; k < ECHO_PARTITIONS; k++) {
      const { re, im } = this.#partitions[k]!;
      const { re: farRe, im: farIm } = this.#history[2 * k]!;
      for (let bin = 0; bin < sumRe.length; bin++) {
        sumRe[bin] = sumRe[bin]! + re[bin]! * farRe[bin]! - im[bin]! * farIm[bin]!;
        sumIm[bin] = sumIm[bin]! + re[bin]! * farIm[bin]! + im[bin]! * farRe[bin]!;
      }
    }
    this.#fft.inverse(sumRe, sumIm, this.#time);
    // Only the last frame is free of what wraps round.
    this.echo.set(this.#time.subarray(SIZE - FRAME_SAMPLES));
  }

  #learn(): void {
    const [power, near, errorRe, errorIm] = [this.#power, this.#near, this.#errorRe, this.#errorIm];
    this.#time.fill(0);
    this.#time.set(this.cleaned, SIZE - FRAME_SAMPLES);
    this.#fft.forward(this.#time, errorRe, errorIm);
    power.fill(0);
    for (let k = 0; k < ECHO_PARTITIONS; k++) {
      const { doubt } = this.#partitions[k]!;
      const { re, im } = this.#history[2 * k]!;
      for (let bin = 0; bin < power.length; bin++) {
        power[bin] = power[bin]! + doubt[bin]! * (re[bin]! * re[bin]! + im[bin]! * im[bin]!);
      }
    }
    for (let bin = 0; bin < power.length; bin++) {
      const error = errorRe[bin]! * errorRe[bin]! + errorIm[bin]! * errorIm[bin]!;
      near[bin] = NEAR_MEMORY * near[bin]! + (1 - NEAR_MEMORY) * error;
      // `near` is of a frame, `power` of SIZE samples.
      power[bin] = power[bin]! + near[bin]! / SHARE + FAR_POWER_MIN;
    }
    this.#turn = (this.#turn + 1) % ECHO_PARTITIONS;
    for (let k = 0; k < ECHO_PARTITIONS; k++) this.#learnPartition(k);
  }

  #learnPartition(k: number): void {
    const { re, im, doubt } = this.#partitions[k]!;
    const { re: farRe, im: farIm } = this.#history[2 * k]!;
    const [power, errorRe, errorIm, stepRe, stepIm] = [this.#power, this.#errorRe, this.#errorIm, this.#re, this.#im];
    for (let bin = 0; bin < power.length; bin++) {
      const x = farRe[bin]!;
      const y = farIm[bin]!;
      const step = doubt[bin]! / power[bin]!;
      stepRe[bin] = step * (x * errorRe[bin]! + y * errorIm[bin]!);
      stepIm[bin] = step * (x * errorIm[bin]! - y * errorRe[bin]!);
      const square = re[bin]! * re[bin]! + im[bin]! * im[bin]!;
      const left = 1 - SHARE * step * (x * x + y * y);
      doubt[bin] = ECHO_KALMAN_MEMORY * left * doubt[bin]! + (1 - ECHO_KALMAN_MEMORY) * square;
    }
    for (let bin = 0; bin < power.length; bin++) {
      re[bin] = re[bin]! + stepRe[bin]!;
      im[bin] = im[bin]! + stepIm[bin]!;
    }
    // A partition has TAPS taps; what a step puts beyond is an artefact of the circle. One partition a frame is enough.
    if (k !== this.#turn) return;
    this.#fft.inverse(re, im, this.#time);
    this.#time.fill(0, TAPS);
    this.#fft.forward(this.#time, re, im);
  }
}

/** The judgement looks at the last 400 ms, and gives a filter that began anew a second. */
const JUDGED_SPEED = 0.05;
const JUDGED_FRAMES = 50;
const TAKEN_SHARE = 0.25;
const LEFT_SHARE = 0.9;
/** Share of the last error spectra in the estimate of near-end power: about 60 ms. */
const NEAR_MEMORY = 0.7;
