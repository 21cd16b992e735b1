/**
 * Fourier transform of real signals whose length is a power of two (Cooley and Tukey, radix 2; the real one through a
 * complex one of half the length, as in "Numerical Recipes", 12.3). Pure; the filters and the delay finder own one
 * each. Half spectra: bins 0 to size/2, real and imaginary parts in two arrays.
 */
export class RealFft {
  readonly size: number;
  /** Bins of a spectrum: size / 2 + 1. */
  readonly bins: number;
  readonly #half: number;
  readonly #re: Float64Array;
  readonly #im: Float64Array;
  readonly #reversed: Uint32Array;
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;

  /** `size`: a power of two from 8 to 65536; RangeError otherwise. */
  constructor(size: number) {
    if (!Number.isInteger(Math.log2(size)) || size < 8 || size > 65_536) throw new RangeError(`fft: size ${size}`);
    this.size = size;
    this.#half = size / 2;
    this.bins = this.#half + 1;
    this.#re = new Float64Array(this.#half);
    this.#im = new Float64Array(this.#half);
    this.#reversed = reversedBits(this.#half);
    this.#cos = Float64Array.from({ length: this.bins }, (_, k) => Math.cos((2 * Math.PI * k) / size));
    this.#sin = Float64Array.from({ length: this.bins }, (_, k) => Math.sin((2 * Math.PI * k) / size));
  }

  /** Spectrum of `size` samples into `re` and `im` (room for `bins` each). Unscaled. */
  forward(samples: Float64Array, re: Float64Array, im: Float64Array): void {
    const half = this.#half;
    const [a, b, order] = [this.#re, this.#im, this.#reversed];
    for (let at = 0; at < half; at++) {
      const from = order[at]! * 2;
      a[at] = samples[from]!;
      b[at] = samples[from + 1]!;
    }
    this.#complex();
    re[0] = a[0]! + b[0]!;
    re[half] = a[0]! - b[0]!;
    im[0] = 0;
    im[half] = 0;
    for (let k = 1; k <= half / 2; k++) {
      const other = half - k;
      const evenRe = (a[k]! + a[other]!) / 2;
      const evenIm = (b[k]! - b[other]!) / 2;
      const oddRe = (b[k]! + b[other]!) / 2;
      const oddIm = (a[other]! - a[k]!) / 2;
      const cos = this.#cos[k]!;
      const sin = this.#sin[k]!;
      const turnedRe = oddRe * cos + oddIm * sin;
      const turnedIm = oddIm * cos - oddRe * sin;
      re[k] = evenRe + turnedRe;
      im[k] = evenIm + turnedIm;
      re[other] = evenRe - turnedRe;
      im[other] = turnedIm - evenIm;
    }
  }

  /** The `size` samples of a spectrum, scaled so that it undoes `forward`. Leaves the spectrum as it is. */
  inverse(re: Float64Array, im: Float64Array, samples: Float64Array): void {
    const half = this.#half;
    const [a, b, order] = [this.#re, this.#im, this.#reversed];
    // A forward transform of the conjugate is the conjugate of the inverse.
    for (let k = 0; k < half; k++) {
      const other = half - k;
      const evenRe = re[k]! + re[other]!;
      const evenIm = im[k]! - im[other]!;
      const turnedRe = re[k]! - re[other]!;
      const turnedIm = im[k]! + im[other]!;
      const cos = this.#cos[k]!;
      const sin = this.#sin[k]!;
      const oddRe = turnedRe * cos - turnedIm * sin;
      const oddIm = turnedIm * cos + turnedRe * sin;
      const to = order[k]!;
      a[to] = evenRe - oddIm;
      b[to] = -(evenIm + oddRe);
    }
    this.#complex();
    const scale = 1 / this.size;
    for (let at = 0; at < half; at++) {
      samples[2 * at] = a[at]! * scale;
      samples[2 * at + 1] = -b[at]! * scale;
    }
  }

  /** In place, input in bit-reversed order. */
  #complex(): void {
    const half = this.#half;
    const [re, im, cosines, sines] = [this.#re, this.#im, this.#cos, this.#sin];
    for (let span = 1; span < half; span *= 2) {
      const step = half / span;
      for (let offset = 0, turn = 0; offset < span; offset++, turn += step) {
        const cos = cosines[turn]!;
        const sin = sines[turn]!;
        for (let at = offset; at < half; at += 2 * span) {
          const to = at + span;
          const x = re[to]! * cos + im[to]! * sin;
          const y = im[to]! * cos - re[to]! * sin;
          re[to] = re[at]! - x;
          im[to] = im[at]! - y;
          re[at] = re[at]! + x;
          im[at] = im[at]! + y;
        }
      }
    }
  }
}

function reversedBits(length: number): Uint32Array {
  const bits = Math.log2(length);
  return Uint32Array.from({ length }, (_, at) => {
    let reversed = 0;
    for (let bit = 0; bit < bits; bit++) reversed |= ((at >> bit) & 1) << (bits - 1 - bit);
    return reversed;
  });
}
