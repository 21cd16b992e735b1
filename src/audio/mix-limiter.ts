/**
 * Keeps a sum of voices within 16 bits. Voices are summed as loud as they are, so that nobody gets quieter because
 * somebody joins; only where the sum would overflow does this turn it down. Pure; each mix has one of its own.
 *
 * The gain bends down before a peak that it sees within the frame, so no delay is added. It comes back at two speeds: fast
 * after a single peak, a cough or a laugh, and so slowly that nobody hears it breathe while several go on talking at once:
 * what was taken on average lately is given back last.
 */
import {
  FRAME_SAMPLES,
  LIMIT_DB,
  MIX_LIMIT_FAST_DB,
  MIX_LIMIT_LEARN,
  MIX_LIMIT_PIECE_SAMPLES,
  MIX_LIMIT_SLOW_DB,
  MIX_LIMIT_UNLEARN,
} from './params.ts';

const PIECE = MIX_LIMIT_PIECE_SAMPLES;
const PIECES = FRAME_SAMPLES / PIECE;
const LIMIT = 32_768 * 10 ** (LIMIT_DB / 20);

export class MixLimiter {
  readonly #out = new Int16Array(FRAME_SAMPLES);
  readonly #allowed = new Float64Array(PIECES);
  /** At the end of the last frame, a factor. */
  #gain = 1;
  /** What was taken on average lately, dB, 0 or more. */
  #takenDb = 0;

  /** True while it leaves everything as it is. */
  get isIdle(): boolean {
    return this.#gain === 1;
  }

  /** The gain at the end of the last frame, dB, 0 or less. */
  get gainDb(): number {
    return 20 * Math.log10(this.#gain);
  }

  /** 320 samples of any size; gives a frame that is valid until the next call. Bit by bit the same while all is within -1 dBFS. */
  limit(sum: Int32Array): Int16Array {
    const [out, allowed] = [this.#out, this.#allowed];
    let least = 1;
    for (let piece = 0; piece < PIECES; piece++) {
      let peak = 1;
      for (let at = piece * PIECE; at < (piece + 1) * PIECE; at++) peak = Math.max(peak, Math.abs(sum[at]!));
      allowed[piece] = Math.min(1, LIMIT / peak);
      least = Math.min(least, allowed[piece]!);
    }
    if (least === 1 && this.isIdle) {
      this.#learn(PIECES);
      out.set(sum);
      return out;
    }
    for (let piece = 0; piece < PIECES; piece++) {
      const now = allowed[piece]!;
      const to = Math.min(now, allowed[piece + 1] ?? now, this.#recovered());
      this.#bend(sum, piece * PIECE, now, to);
      this.#learn(1);
    }
    return out;
  }

  /** One piece, from the gain that was to `to`; `allowed` is what its loudest sample takes. */
  #bend(sum: Int32Array, start: number, allowed: number, to: number): void {
    const from = this.#gain;
    // Only at the start of a frame was there no room to bend down before the peak: then as gently as there is.
    let at = from > allowed ? this.#duck(sum, start, from, allowed) : 0;
    const begin = Math.min(from, allowed);
    const slope = (to - begin) / (PIECE - at);
    for (let step = 1; at < PIECE; at++, step++)
      this.#out[start + at] = Math.round(sum[start + at]! * (begin + slope * step));
    this.#gain = to;
  }

  /** Bends down to `allowed` on the way to the first sample that is too loud; gives how many samples that took. */
  #duck(sum: Int32Array, start: number, from: number, allowed: number): number {
    let end = 0;
    while (end < PIECE - 1 && Math.abs(sum[start + end]!) * from <= LIMIT) end++;
    const slope = (allowed - from) / (end + 1);
    for (let at = 0; at < end; at++) this.#out[start + at] = Math.round(sum[start + at]! * (from + slope * (at + 1)));
    return end;
  }

  /** The gain after a piece without a peak. */
  #recovered(): number {
    if (this.#gain >= 1) return 1;
    const isLast = -this.gainDb <= this.#takenDb;
    return Math.min(1, this.#gain * 10 ** ((isLast ? MIX_LIMIT_SLOW_DB : MIX_LIMIT_FAST_DB) / 20));
  }

  /** So many pieces at the present gain. */
  #learn(pieces: number): void {
    const taken = -this.gainDb;
    const share = taken > this.#takenDb ? MIX_LIMIT_LEARN : MIX_LIMIT_UNLEARN;
    this.#takenDb += (taken - this.#takenDb) * Math.min(1, share * pieces);
  }
}
