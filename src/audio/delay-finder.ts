/**
 * How long a sample takes from the speaker's queue to the microphone: the generalised cross-correlation with phase
 * transform (Knapp and Carter, 1976) of the last second of both, at 4 kHz, where speech has its strength. Pure;
 * `far-end.ts` feeds it and asks now and then (2 ms of work).
 */
import { RealFft } from './fft.ts';
import { ECHO_DELAY_MS_MAX, FRAME_SAMPLES, SAMPLE_RATE_HZ } from './params.ts';

/** 16 kHz to 4. */
const STEP = 4;
const RATE_HZ = SAMPLE_RATE_HZ / STEP;
const FRAME = FRAME_SAMPLES / STEP;
const SIZE = 8192;
/** Of the microphone; the rest of SIZE is for the far end, which is looked at further back. */
const LENGTH = 4096;
const LAGS = (ECHO_DELAY_MS_MAX * RATE_HZ) / 1000;
/** Speech of the far end below this power is not heard in any room: -50 dBFS. */
const FAR_POWER_MIN = 32_768 ** 2 * 1e-5;
/** Share of frames with such speech without which there is nothing to find. */
const FAR_SHARE_MIN = 0.3;
/** A peak this many times the RMS of the correlation is no accident: among 2000 accidents the highest is 4. */
const PEAK_MIN = 7;

export class DelayFinder {
  readonly #fft = new RealFft(SIZE);
  readonly #mic = new Track(LENGTH);
  readonly #far = new Track(LENGTH + LAGS);
  readonly #time = new Float64Array(SIZE);
  readonly #spectra = Array.from({ length: 4 }, () => new Float64Array(this.#fft.bins));

  /** 320 samples of the microphone. */
  captured(pcm: Int16Array): void {
    this.#mic.push(pcm);
  }

  /** 320 samples that the speaker was given. */
  played(pcm: Int16Array): void {
    this.#far.push(pcm);
  }

  /** A frame of the microphone was lost. */
  missed(): void {
    this.#mic.push(undefined);
  }

  /** Forgets what was heard, so that the two count from the same moment again. */
  restart(): void {
    this.#mic.clear();
    this.#far.clear();
  }

  /** True when a second of both is there, and somebody spoke at the far end. */
  get ready(): boolean {
    return this.#mic.full && this.#far.share >= FAR_SHARE_MIN;
  }

  /**
   * The delay in samples at 16 kHz, counting the samples of each side since `restart`; undefined when no echo stands
   * out.
   */
  find(): number | undefined {
    const [micRe, micIm, farRe, farIm] = this.#spectra as [Float64Array, Float64Array, Float64Array, Float64Array];
    this.#time.fill(0);
    const micEnd = this.#mic.copy(this.#time, 0);
    this.#fft.forward(this.#time, micRe, micIm);
    this.#time.fill(0);
    const farEnd = this.#far.copy(this.#time, 0);
    this.#fft.forward(this.#time, farRe, farIm);
    for (let bin = 0; bin < micRe.length; bin++) {
      const re = micRe[bin]! * farRe[bin]! + micIm[bin]! * farIm[bin]!;
      const im = micIm[bin]! * farRe[bin]! - micRe[bin]! * farIm[bin]!;
      const weight = 1 / (Math.hypot(re, im) + 1);
      micRe[bin] = re * weight;
      micIm[bin] = im * weight;
    }
    this.#fft.inverse(micRe, micIm, this.#time);
    // Sample i of the microphone met sample i - shift of the far end's stretch: back to counts of each side.
    const offset = micEnd - LENGTH - (farEnd - LENGTH - LAGS);
    return peak(this.#time, offset);
  }
}

/** The highest peak among the lags that a device can have. `offset`: of the lag at place 0. */
function peak(correlation: Float64Array, offset: number): number | undefined {
  let best = -1;
  let energy = 0;
  let count = 0;
  for (let lag = 0; lag <= LAGS; lag++) {
    // A place beyond what the stretches hold is wrapped round and means nothing.
    const place = lag - offset;
    if (place > LENGTH || place < -(LENGTH + LAGS)) continue;
    const at = (place + SIZE) % SIZE;
    energy += correlation[at]! ** 2;
    count++;
    if (best < 0 || Math.abs(correlation[at]!) > Math.abs(correlation[best]!)) best = at;
  }
  if (best < 0 || Math.abs(correlation[best]!) <= PEAK_MIN * Math.sqrt(energy / count)) return undefined;
  const place = best > SIZE / 2 ? best - SIZE : best;
  return Math.max(0, (place + offset) * STEP);
}

/** The last samples of one side at 4 kHz, and how many there were in all. */
class Track {
  readonly #samples: Float64Array;
  readonly #loud: Uint8Array;
  #count = 0;

  constructor(length: number) {
    this.#samples = new Float64Array(length);
    this.#loud = new Uint8Array(Math.ceil(length / FRAME));
  }

  get full(): boolean {
    return this.#count >= this.#samples.length;
  }

  /** Share of the last frames that are loud enough to be heard in a room. */
  get share(): number {
    let sum = 0;
    for (const one of this.#loud) sum += one;
    return sum / this.#loud.length;
  }

  push(pcm: Int16Array | undefined): void {
    this.#samples.copyWithin(0, FRAME);
    const start = this.#samples.length - FRAME;
    let power = 0;
    for (let at = 0; at < FRAME; at++) {
      let sum = 0;
      if (pcm) for (let step = 0; step < STEP; step++) sum += pcm[at * STEP + step]!;
      this.#samples[start + at] = sum / STEP;
      power += (sum / STEP) ** 2;
    }
    this.#loud.copyWithin(0, 1);
    this.#loud[this.#loud.length - 1] = power / FRAME > FAR_POWER_MIN ? 1 : 0;
    this.#count += FRAME;
  }

  clear(): void {
    this.#samples.fill(0);
    this.#loud.fill(0);
    this.#count = 0;
  }

  /** Copies all to `into` and gives the count of samples so far. */
  copy(into: Float64Array, at: number): number {
    into.set(this.#samples, at);
    return this.#count;
  }
}
