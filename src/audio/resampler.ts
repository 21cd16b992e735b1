/**
 * Any sample rate to 16 kHz: windowed-sinc interpolation as in J. O. Smith's "Digital Audio Resampling" (the method of
 * libresample), streaming, in floating point. Pure. `wav-file.ts` feeds it what it reads.
 *
 * Output sample n is the input at the time n / 16000 s: no delay is added, the edges are taken as silence. Going down
 * in rate the sinc is widened, so that what 16 kHz cannot carry is filtered out first.
 */
import { SAMPLE_RATE_HZ, SINC_CROSSINGS, SINC_STEPS } from './params.ts';

/** Share of the smaller Nyquist frequency that is kept; the rest is the slope of the filter. */
const PASS_BAND = 0.93;
/** Kaiser window of about 80 dB. */
const KAISER_BETA = 8;

/** Right half of the windowed sinc, SINC_STEPS points for each zero crossing, and one to interpolate to. */
const TABLE = makeTable();

export class Resampler {
  readonly #ratio: number;
  /** Cut-off in units of the input's Nyquist frequency. */
  readonly #cutoff: number;
  readonly #half: number;
  /** Input not yet out of reach; the next output lies at `#position` in it. */
  #input: Float32Array;
  #position: number;

  /** `rateHz` of the input, above 0. */
  constructor(rateHz: number) {
    this.#ratio = rateHz / SAMPLE_RATE_HZ;
    this.#cutoff = PASS_BAND / Math.max(1, this.#ratio);
    this.#half = Math.ceil(SINC_CROSSINGS / this.#cutoff);
    this.#input = new Float32Array(this.#half);
    this.#position = this.#half;
  }

  /** The output that `samples` (-1..1) make possible, -1..1 (slightly more at peaks). A new array. */
  push(samples: Float32Array): Float32Array {
    if (this.#ratio === 1) return samples.slice();
    const input = new Float32Array(this.#input.length + samples.length);
    input.set(this.#input);
    input.set(samples, this.#input.length);
    const last = input.length - this.#half - 1;
    const count = Math.max(0, Math.floor((last - this.#position) / this.#ratio) + 1);
    const output = new Float32Array(count);
    for (let at = 0; at < count; at++) output[at] = this.#at(input, this.#position + at * this.#ratio);
    this.#position += count * this.#ratio;
    const passed = Math.min(input.length, Math.floor(this.#position) - this.#half);
    this.#input = input.slice(passed);
    this.#position -= passed;
    return output;
  }

  /** What is left when the input has ended. */
  end(): Float32Array {
    return this.#ratio === 1 ? new Float32Array(0) : this.push(new Float32Array(this.#half));
  }

  #at(input: Float32Array, position: number): number {
    const cutoff = this.#cutoff;
    const first = Math.max(0, Math.ceil(position - this.#half));
    const end = Math.min(input.length - 1, Math.floor(position + this.#half));
    let sum = 0;
    for (let at = first; at <= end; at++) {
      const place = Math.abs(at - position) * cutoff * SINC_STEPS;
      const step = Math.floor(place);
      if (step >= TABLE.length - 1) continue;
      const low = TABLE[step]!;
      sum += input[at]! * (low + (TABLE[step + 1]! - low) * (place - step));
    }
    return sum * cutoff;
  }
}

function makeTable(): Float64Array {
  const length = SINC_CROSSINGS * SINC_STEPS;
  const table = new Float64Array(length + 1);
  for (let at = 0; at <= length; at++) {
    const x = at / SINC_STEPS;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    const window = bessel(KAISER_BETA * Math.sqrt(1 - (at / length) ** 2)) / bessel(KAISER_BETA);
    table[at] = sinc * window;
  }
  return table;
}

/** Modified Bessel function of the first kind, order 0, by its series. */
function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
