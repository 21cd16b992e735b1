/**
 * Captured bytes as whole frames: a device gives chunks of any length, a tick takes 20 ms. Bounded; when nobody reads,
 * the oldest frame is given up, because old sound is worth less than new. Pure; `device-*.ts` own one each.
 */
import { CAPTURE_FRAMES_MAX, FRAME_BYTES, FRAME_SAMPLES } from './params.ts';
import { samplesOf } from './pcm.ts';

export class FrameQueue {
  readonly #bytes = Buffer.alloc(FRAME_BYTES * CAPTURE_FRAMES_MAX);
  #count = 0;
  #lost = 0;
  readonly #frame = new Int16Array(FRAME_SAMPLES);

  /** Whole frames waiting. */
  get ready(): number {
    return Math.floor(this.#count / FRAME_BYTES);
  }

  /** Frames given up so far. */
  get lost(): number {
    return this.#lost;
  }

  /** Copies `chunk` (16-bit little-endian) in. Gives the number of frames that became whole by it. */
  push(chunk: Uint8Array): number {
    const before = this.ready;
    const lostBefore = this.#lost;
    let at = 0;
    while (at < chunk.length) {
      if (this.#count === this.#bytes.length) this.#dropOldest();
      const take = Math.min(chunk.length - at, this.#bytes.length - this.#count);
      this.#bytes.set(chunk.subarray(at, at + take), this.#count);
      this.#count += take;
      at += take;
    }
    return this.ready - before + (this.#lost - lostBefore);
  }

  /** The oldest frame, or undefined. Valid until the next call. */
  take(): Int16Array | undefined {
    if (this.#count < FRAME_BYTES) return undefined;
    this.#frame.set(samplesOf(this.#bytes.subarray(0, FRAME_BYTES)));
    this.#remove();
    return this.#frame;
  }

  #dropOldest(): void {
    this.#lost++;
    this.#remove();
  }

  #remove(): void {
    this.#bytes.copyWithin(0, FRAME_BYTES, this.#count);
    this.#count -= FRAME_BYTES;
  }
}
