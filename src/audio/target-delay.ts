/**
 * How much delay the jitter buffer should hold, learnt from when frames come: after NetEQ's delay manager and reorder
 * optimiser (libwebrtc `neteq/delay_manager`, `neteq/reorder_optimizer`; realtime.md 3.4). Pure; the jitter buffer hands
 * it arrivals, both in ms.
 *
 * Relative delay of a frame = (arrival - end of its media time) - the smallest such difference of the last two seconds,
 * so the clocks of sender and receiver need not agree and may drift, and frames of 20 and of 60 ms can be compared.
 * The target is the delay at which delay + 20 ms for each percent of late frames is least: over 30 s, or, if that asks
 * for more, over the last four. A frame that came in a copy counts with the copy's delay, so the target waits for
 * copies when, and only when, more frames are lost than waiting costs. A delay of 40 ms nobody feels: where that much or
 * less makes 95 of 100 half seconds whole (NetEQ's own rule), it is held in any case.
 */

import { DelayHistogram } from './delay-histogram.ts';
import {
  BUFFER_MS_MAX,
  BUFFER_MS_MIN,
  BUFFER_START_MS,
  DELAY_BASE_WINDOW_MS,
  DELAY_BUCKET_MS,
  DELAY_CHANGE_GAINS_MS,
  DELAY_CHEAP_MS,
  DELAY_FORGET,
  DELAY_FORGET_FRAME,
  DELAY_FORGET_SOON,
  DELAY_INTERVAL_MS,
  DELAY_QUANTILE,
  DELAY_START_FRAMES,
  DELAY_STEP_BUCKETS,
  FRAME_MS,
  SLACK_BELOW_MS,
  SLACK_SWING_MS,
  STREAM_BUFFER_MS_MAX,
  STREAM_BUFFER_MS_MIN,
} from './params.ts';

const INTERVALS = DELAY_BASE_WINDOW_MS / DELAY_INTERVAL_MS;

export class TargetDelay {
  readonly #long = new DelayHistogram(DELAY_FORGET_FRAME);
  readonly #soon = new DelayHistogram(DELAY_FORGET_SOON);
  /** Of the worst of each half second. */
  readonly #worsts = new DelayHistogram(DELAY_FORGET);
  /** Smallest arrival - media end of the interval that runs and of those that make the window, ms. */
  readonly #minima = new Float64Array(INTERVALS + 1);
  #intervalStart = 0;
  #started = false;
  #worst = 0;
  /** The zero when the histograms were last moved, ms. */
  #zero = 0;
  #targetMs: number = BUFFER_START_MS;
  #stale = false;
  #leastMs: number = BUFFER_MS_MIN;
  #mostMs: number = BUFFER_MS_MAX;

  /** Delay to aim at, ms: 20 to 400, over a TCP stream 60 to 600. */
  get targetMs(): number {
    if (this.#stale) this.#choose();
    return Math.min(this.#mostMs, Math.max(this.#leastMs, this.#targetMs));
  }

  /** Whether a slack of one frame less than `slackMs` would be better. */
  isTooLong(slackMs: number): boolean {
    const shorterMs = slackMs - FRAME_MS;
    if (shorterMs < this.#leastSlackMs() + SLACK_SWING_MS) return false;
    if (shorterMs >= this.targetMs) return true;
    const better = (histogram: DelayHistogram): boolean =>
      histogram.costMs(shorterMs) < histogram.costMs(slackMs) - DELAY_CHANGE_GAINS_MS;
    return better(this.#long) && better(this.#soon);
  }

  /** Whether a slack of one frame more than `slackMs` would be better. */
  isTooShort(slackMs: number): boolean {
    if (slackMs < this.#leastSlackMs()) return true;
    const longerMs = slackMs + FRAME_MS;
    if (longerMs > this.#mostMs) return false;
    const better = (histogram: DelayHistogram): boolean =>
      histogram.costMs(longerMs) < histogram.costMs(slackMs) - DELAY_CHANGE_GAINS_MS;
    return better(this.#long) || better(this.#soon);
  }

  /** Slack that is never cut into: on an even network there is nothing else to go by. */
  #leastSlackMs(): number {
    const leastMs = this.#long.count < DELAY_START_FRAMES ? BUFFER_START_MS : this.#leastMs;
    return Math.max(leastMs - SLACK_BELOW_MS, this.#cheapMs());
  }

  /** What makes 95 of 100 half seconds whole, if nobody feels that; 0 if it would be felt. */
  #cheapMs(): number {
    const enoughMs = this.#worsts.count > 0 ? this.#worsts.quantileMs(DELAY_QUANTILE) : 0;
    return enoughMs <= DELAY_CHEAP_MS ? enoughMs : 0;
  }

  /** The most that may wait, ms. */
  get mostMs(): number {
    return this.#mostMs;
  }

  /** Whether the voice comes through a TCP stream, where a lost segment holds up all that follow. */
  overStream(on: boolean): void {
    this.#leastMs = on ? STREAM_BUFFER_MS_MIN : BUFFER_MS_MIN;
    this.#mostMs = on ? STREAM_BUFFER_MS_MAX : BUFFER_MS_MAX;
  }

  /**
   * Smallest arrival - media time that a frame of `durationMs` had in the window: the zero of relative delay.
   * `Infinity` before the first arrival.
   */
  baseMs(durationMs: number): number {
    return this.#started ? Math.min(...this.#minima) + durationMs : Number.POSITIVE_INFINITY;
  }

  /** A frame came at `arrivalMs` whose media time is `mediaMs` (unwrapped). `known`: a copy of it had come before. */
  arrived(arrivalMs: number, mediaMs: number, durationMs: number, known: boolean): void {
    if (!this.#started) {
      this.#started = true;
      this.#intervalStart = arrivalMs;
      this.#minima.fill(Number.POSITIVE_INFINITY);
      this.#zero = arrivalMs - mediaMs - durationMs;
    }
    if (arrivalMs - this.#intervalStart >= DELAY_INTERVAL_MS) this.#closeInterval(arrivalMs);
    const difference = arrivalMs - mediaMs - durationMs;
    this.#minima[0] = Math.min(this.#minima[0]!, difference);
    if (known) return;
    const delayMs = difference - Math.min(...this.#minima);
    this.#worst = Math.max(this.#worst, delayMs);
    this.#learn(delayMs);
  }

  /** A copy brought a frame at `arrivalMs` that had not come by itself. */
  repaired(arrivalMs: number, mediaMs: number, durationMs: number): void {
    if (this.#started) this.#learn(arrivalMs - mediaMs - this.baseMs(durationMs));
  }

  /** Another stream begins: its clock has another zero. What was learnt about the network stays. */
  rebase(): void {
    this.#started = false;
    this.#worst = 0;
  }

  #learn(delayMs: number): void {
    this.#long.add(delayMs);
    this.#soon.add(delayMs);
    this.#stale = true;
  }

  #choose(): void {
    this.#stale = false;
    const cheapestMs = Math.max(this.#cheapMs(), this.#soon.cheapestMs(), this.#long.cheapestMs());
    this.#targetMs = this.#long.count < DELAY_START_FRAMES ? Math.max(BUFFER_START_MS, cheapestMs) : cheapestMs;
  }

  #closeInterval(arrivalMs: number): void {
    this.#worsts.add(this.#worst);
    this.#worst = 0;
    // After a pause of many intervals the whole window is out of date, so all of it is moved out.
    const passed = Math.floor((arrivalMs - this.#intervalStart) / DELAY_INTERVAL_MS);
    this.#intervalStart += passed * DELAY_INTERVAL_MS;
    const moves = Math.min(passed, this.#minima.length);
    this.#minima.copyWithin(moves, 0);
    this.#minima.fill(Number.POSITIVE_INFINITY, 0, moves);
    this.#moveZero();
  }

  /**
   * A path that became slower for good raises the zero in one step: the delays seen before belong nearer to it. A
   * drift of clocks raises it too, but slowly, and changes no delay. A fall needs no move: frames come sooner now.
   */
  #moveZero(): void {
    const zero = Math.min(...this.#minima);
    if (!Number.isFinite(zero)) return;
    const buckets = Math.floor((zero - this.#zero) / DELAY_BUCKET_MS);
    this.#zero = zero;
    if (buckets < DELAY_STEP_BUCKETS) return;
    for (const histogram of [this.#long, this.#soon, this.#worsts]) histogram.lower(buckets);
  }
}
