/**
 * Decoded sound on its way to the speaker, sample by sample: what was played lately, then what is to be played. Media
 * comes in by frames of any length and leaves at the speaker's pace; between the two a stretch may be cut out or put
 * in. `receive-stream.ts` and `speaker-trim.ts` own one each; `time-stretch.ts` works on it. Pure.
 *
 *   samples:  [ history: 30 ms, played | waiting: `count` samples | free ]
 */
import { OPUS_DECODED_SAMPLES_MAX, SOUND_HISTORY_SAMPLES } from './params.ts';

/** Room for three of the longest frames: no caller asks for more before it plays. */
const WAITING_MAX = 3 * OPUS_DECODED_SAMPLES_MAX;

export class SoundQueue {
  /** Played and waiting samples; index `next` is played next. For `time-stretch.ts`, which may rewrite what waits. */
  readonly samples = new Int16Array(SOUND_HISTORY_SAMPLES + WAITING_MAX);
  readonly next = SOUND_HISTORY_SAMPLES;
  #count = 0;

  /** Samples that wait. */
  get count(): number {
    return this.#count;
  }

  /** Samples that can still be appended. */
  get room(): number {
    return WAITING_MAX - this.#count;
  }

  /** Adds sound behind all that waits; what does not fit is cut off. Copied. */
  append(pcm: Int16Array): void {
    const fitting = pcm.length > this.room ? pcm.subarray(0, this.room) : pcm;
    this.samples.set(fitting, this.next + this.#count);
    this.#count += fitting.length;
  }

  /** Takes as many samples as `into` holds, silence where none wait; they become history. */
  take(into: Int16Array): void {
    const length = Math.min(into.length, WAITING_MAX);
    if (this.#count < length) this.samples.fill(0, this.next + this.#count, this.next + length);
    into.set(this.samples.subarray(this.next, this.next + length));
    this.samples.copyWithin(0, length, this.next + Math.max(length, this.#count));
    this.#count = Math.max(0, this.#count - length);
  }

  /** Moves what waits from `at` samples after `next` on by `by`: earlier (negative) or later, for a rewrite there. */
  shift(at: number, by: number): void {
    const from = this.next + at;
    this.samples.copyWithin(from + by, from, this.next + this.#count);
    this.#count += by;
  }

  /** Forgets what waits and what was played. */
  clear(): void {
    this.samples.fill(0);
    this.#count = 0;
  }
}
