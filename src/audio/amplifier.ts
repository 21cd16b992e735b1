/**
 * Makes a frame louder or quieter without ever clipping: a gain that glides, under a limiter that looks at the whole
 * frame before it touches the first sample, so it adds no delay. Pure. `microphone-chain.ts` has one for the input gain,
 * `gain-control.ts` one for its own.
 */
import { FRAME_SAMPLES, LIMIT_DB } from './params.ts';

/** The limiter's gain bends at the edges of pieces of 2 ms. */
const PIECE = 32;
const PIECES = FRAME_SAMPLES / PIECE;
const LIMIT = 32_768 * 10 ** (LIMIT_DB / 20);
/** After a peak the gain comes back at 50 dB a second: 0.1 dB a piece. */
const RECOVERY = 10 ** (0.1 / 20);

export class Amplifier {
  #last = 1;
  readonly #allowed = new Float64Array(PIECES);

  /** The gain at the end of the last frame, as a factor. */
  get gain(): number {
    return this.#last;
  }

  /** Scales 320 samples in place, by `gain` (a factor) or what the limiter leaves of it. */
  apply(pcm: Int16Array, gain: number): void {
    for (let piece = 0; piece < PIECES; piece++) {
      let peak = 1;
      for (let at = piece * PIECE; at < (piece + 1) * PIECE; at++) peak = Math.max(peak, Math.abs(pcm[at]!));
      this.#allowed[piece] = Math.min(gain, LIMIT / peak);
    }
    // The first piece has no room before it in which the gain could glide down.
    let from = Math.min(this.#last, this.#allowed[0]!);
    for (let piece = 0; piece < PIECES; piece++) {
      const allowed = this.#allowed[piece]!;
      const to = Math.min(allowed, this.#allowed[piece + 1] ?? allowed, from * RECOVERY);
      this.#scale(pcm, piece * PIECE, from, to);
      from = to;
    }
    this.#last = from;
  }

  #scale(pcm: Int16Array, start: number, from: number, to: number): void {
    const slope = (to - from) / PIECE;
    for (let at = 0; at < PIECE; at++) {
      pcm[start + at] = Math.round(pcm[start + at]! * (from + slope * (at + 1)));
    }
  }
}
