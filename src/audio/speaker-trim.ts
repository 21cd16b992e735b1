/**
 * Keeps the queue before a speaker short. Every pause of ours (a busy machine, a late tick) and every slow crystal
 * leaves sound in the queue that would stay as delay for the rest of the call. So when even the shortest moment of
 * half a second had more in it than needed, a frame or two are blended into the next. How much is needed is learnt from
 * underruns: each asks for one more frame of reserve, five calm seconds give it back. Pure; `device-*.ts` use it.
 */
import {
  FRAME_MS,
  TRIM_ALL_ABOVE_FRAMES,
  TRIM_CALM_FRAMES,
  TRIM_RESERVE_MS_MAX,
  TRIM_START_FRAMES,
  TRIM_WINDOW_FRAMES,
} from './params.ts';
import { crossfade } from './pcm.ts';

export class SpeakerTrim {
  #queueMs = 0;
  #leastMs = Number.POSITIVE_INFINITY;
  #frames = 0;
  #startFrames = TRIM_START_FRAMES;
  #calmFrames = 0;
  #reserveMs = 0;
  #skips = 0;
  #folded: Int16Array | undefined;

  /** What waits beyond that which the device holds in any case, ms. */
  queued(queueMs: number): void {
    this.#queueMs = queueMs;
  }

  /** The device had nothing to play. */
  ranDry(): void {
    this.#calmFrames = 0;
    if (this.#startFrames > 0) return;
    this.#reserveMs = Math.min(TRIM_RESERVE_MS_MAX, this.#reserveMs + FRAME_MS);
  }

  /** The next frame on its way: what to send, or undefined when it goes into the next one. `pcm` is changed. */
  pass(pcm: Int16Array): Int16Array | undefined {
    this.#look();
    if (this.#folded) {
      crossfade(this.#folded, pcm);
      this.#folded = undefined;
    }
    if (this.#skips === 0) return pcm;
    this.#skips--;
    this.#folded = pcm.slice();
    return undefined;
  }

  #look(): void {
    this.#leastMs = Math.min(this.#leastMs, this.#queueMs);
    if (this.#startFrames > 0) this.#startFrames--;
    if (++this.#calmFrames >= TRIM_CALM_FRAMES) {
      this.#calmFrames = 0;
      this.#reserveMs = Math.max(0, this.#reserveMs - FRAME_MS);
    }
    if (++this.#frames < TRIM_WINDOW_FRAMES) return;
    this.#frames = 0;
    const excess = Math.floor((this.#leastMs - this.#reserveMs) / FRAME_MS);
    // Half of it in each half second; a long queue, as after a sleep of the machine, in one go.
    this.#skips = excess > TRIM_ALL_ABOVE_FRAMES ? excess : Math.max(0, Math.ceil(excess / 2));
    this.#leastMs = Number.POSITIVE_INFINITY;
  }
}
