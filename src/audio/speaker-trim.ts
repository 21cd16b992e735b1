/**
 * Keeps the queue before a speaker at its length. Two things change it: every pause of ours (a busy machine, a late
 * tick) leaves sound in it that would stay as delay for the rest of the call, and no two crystals agree, so the speaker
 * plays a little faster or slower than the microphone, which is our pace, brings frames. Pure; `device-*.ts` use it.
 *
 * - More than a frame too much even in the shortest moment of half a second: pitch periods are left out of each frame
 *   until half of it is gone; a queue as after a sleep of the machine is cut in one go. How much is needed is learnt
 *   from underruns: each asks for one more frame of reserve, five calm seconds give it back.
 * - The mean of ten seconds has moved by 5 ms from what it was: a drift. One pitch period is left out or repeated.
 */
import {
  FRAME_MS,
  FRAME_SAMPLES,
  PITCH_LAG_MAX,
  SAMPLE_RATE_HZ,
  TRIM_ALL_ABOVE_FRAMES,
  TRIM_ANY_ABOVE_MS,
  TRIM_CALM_FRAMES,
  TRIM_DRIFT_FRAMES,
  TRIM_DRIFT_MS,
  TRIM_RESERVE_MS_MAX,
  TRIM_START_FRAMES,
  TRIM_WINDOW_FRAMES,
} from './params.ts';
import { crossfade } from './pcm.ts';
import { SoundQueue } from './sound-queue.ts';
import { type StretchMode, TimeStretch } from './time-stretch.ts';

const SAMPLES_PER_MS = SAMPLE_RATE_HZ / 1000;

export interface TrimOptions {
  /** What is always to wait, ms. */
  readonly reserveMs: number;
  /** More of it for each underrun, less after calm, ms. */
  readonly stepMs: number;
  /** So much above the reserve is left alone, ms. */
  readonly toleranceMs: number;
}

/** For a device of which we see whole frames alone. */
const BY_FRAMES: TrimOptions = { reserveMs: 0, stepMs: FRAME_MS, toleranceMs: FRAME_MS };

export class SpeakerTrim {
  readonly #options: TrimOptions;
  readonly #queue = new SoundQueue();
  readonly #stretch = new TimeStretch();
  readonly #out = new Int16Array(FRAME_SAMPLES + PITCH_LAG_MAX);
  #queueMs = 0;
  #leastMs = Number.POSITIVE_INFINITY;
  #frames = 0;
  #startFrames = TRIM_START_FRAMES;
  #calmFrames = 0;
  #reserveMs: number;
  /** Whole frames to leave out. */
  #skips = 0;
  #folded: Int16Array | undefined;
  /** Samples to leave out, or below zero to put in. */
  #surplus = 0;
  #mode: StretchMode = 'calm';
  /** Of the level of the present ten seconds. */
  #levelSum = 0;
  #levelCount = 0;
  #levelFrames = 0;
  #usualMs = Number.NaN;

  constructor(options: TrimOptions = BY_FRAMES) {
    this.#options = options;
    this.#reserveMs = options.reserveMs;
  }

  /** What is to wait when a frame comes, ms: grows with underruns. */
  get reserveMs(): number {
    return this.#reserveMs;
  }

  /** What waits beyond that which the device holds in any case, ms. */
  queued(queueMs: number): void {
    this.#queueMs = queueMs;
  }

  /** All that was sent and not heard yet, ms, where the device can tell: for the drift. */
  level(levelMs: number): void {
    this.#levelSum += levelMs;
    this.#levelCount++;
  }

  /** The device had nothing to play. */
  ranDry(): void {
    this.#calmFrames = 0;
    this.#forgetLevel();
    if (this.#startFrames > 0) return;
    this.#reserveMs = Math.min(TRIM_RESERVE_MS_MAX, this.#reserveMs + this.#options.stepMs);
  }

  /**
   * The next frame on its way: what to send, a little more or less than 20 ms now and then, or undefined when it goes
   * into the next one. Valid until the next call. `pcm` is changed.
   */
  pass(pcm: Int16Array): Int16Array | undefined {
    this.#look();
    this.#watchDrift();
    if (this.#folded) {
      crossfade(this.#folded, pcm);
      this.#folded = undefined;
    }
    if (this.#skips > 0) {
      this.#skips--;
      this.#folded = pcm.slice();
      return undefined;
    }
    this.#queue.append(pcm);
    if (this.#surplus > 0) this.#surplus = Math.max(0, this.#surplus - this.#shrink());
    else if (this.#surplus < 0)
      this.#surplus = Math.min(0, this.#surplus + this.#stretch.grow(this.#queue, this.#mode));
    const out = this.#out.subarray(0, this.#queue.count);
    this.#queue.take(out);
    return out;
  }

  /** Never so much that it would have to be put in again. */
  #shrink(): number {
    const { toleranceMs } = this.#options;
    const most = Math.min(PITCH_LAG_MAX, Math.max(this.#surplus, toleranceMs * SAMPLES_PER_MS));
    return this.#stretch.shrink(this.#queue, this.#mode, most);
  }

  #look(): void {
    this.#leastMs = Math.min(this.#leastMs, this.#queueMs);
    if (this.#startFrames > 0) this.#startFrames--;
    if (++this.#calmFrames >= TRIM_CALM_FRAMES) {
      this.#calmFrames = 0;
      this.#reserveMs = Math.max(this.#options.reserveMs, this.#reserveMs - this.#options.stepMs);
    }
    if (++this.#frames < TRIM_WINDOW_FRAMES) return;
    this.#frames = 0;
    const excessMs = this.#leastMs - this.#reserveMs;
    this.#leastMs = Number.POSITIVE_INFINITY;
    if (excessMs < this.#options.toleranceMs) {
      // What is left of a shortening is done with; a drift is not judged by this.
      if (this.#mode !== 'calm') this.#surplus = 0;
      this.#mode = 'calm';
      return;
    }
    this.#forgetLevel();
    const frames = Math.floor(excessMs / FRAME_MS);
    if (frames > TRIM_ALL_ABOVE_FRAMES) this.#skips = frames;
    else this.#surplus = (excessMs / 2) * SAMPLES_PER_MS;
    this.#mode = excessMs > TRIM_ANY_ABOVE_MS ? 'any' : 'hurried';
  }

  #watchDrift(): void {
    if (this.#startFrames > 0 || ++this.#levelFrames < TRIM_DRIFT_FRAMES) return;
    const meanMs = this.#levelSum / this.#levelCount;
    this.#levelFrames = 0;
    this.#levelSum = 0;
    this.#levelCount = 0;
    if (!Number.isFinite(meanMs)) return;
    if (Number.isNaN(this.#usualMs)) this.#usualMs = meanMs;
    const driftMs = meanMs - this.#usualMs;
    // One period, whatever its length: as much as half of the drift would ask for too.
    this.#surplus = Math.abs(driftMs) < TRIM_DRIFT_MS ? 0 : Math.sign(driftMs);
  }

  /** What comes has another length for another reason than a drift. */
  #forgetLevel(): void {
    this.#usualMs = Number.NaN;
    this.#levelFrames = 0;
    this.#levelSum = 0;
    this.#levelCount = 0;
  }
}
