/**
 * The listener's half of congestion control: is the way getting longer? Each voice packet says by its media time when
 * it was sent, so arrival less sending is the one-way delay, but for an unknown constant; what it is above the least
 * of the last ten seconds is time spent in queues. The media session feeds it and puts two numbers into its reports.
 * Pure; constant memory and, between reports, constant time.
 *
 * After libwebrtc's trendline estimator (goog_cc): a straight line through the newest packets tells a queue that grows
 * from jitter, which has no direction; of its rise that is counted of which its error leaves no doubt. Two lines, over 400 ms and over the last three or four packets, must agree: a burst after
 * a stall (Wi-Fi) raises the long one, but falls itself.
 */
import type { Millis } from '../protocol/core.ts';
import {
  DELAY_BASE_SLICE_MS,
  DELAY_BASE_SLICES,
  DELAY_STANDING_MS,
  DELAY_STANDING_PACKETS,
  DELAY_TREND_ERRORS,
  DELAY_TREND_MS,
  DELAY_TREND_PACKETS,
  MEDIA_TIME_JUMP_MS_MAX,
  MEDIA_TIME_UNIT_MS,
} from '../protocol/params.ts';
import { surelyRising } from './trend-line.ts';

export class DelayTrend {
  /** Of the newest packets, in a ring: when they were sent by media time, and their delay, ms. */
  readonly #sentMs = new Float64Array(DELAY_TREND_PACKETS);
  readonly #delayMs = new Float64Array(DELAY_TREND_PACKETS);
  readonly #sentBack = (back: number) => this.#at(this.#sentMs, back);
  readonly #delayBack = (back: number) => this.#at(this.#delayMs, back);
  #count = 0;
  #lastUnits = 0;
  /** The least delay of each slice of the window; the first is the one that runs. */
  readonly #least = new Float64Array(DELAY_BASE_SLICES).fill(Number.POSITIVE_INFINITY);
  #sliceAt: Millis = 0;
  /** Of all slices. */
  #baseMs = Number.POSITIVE_INFINITY;

  /** A packet that was sent at this media time (units of 10 ms, 16 bits) has come. Only newer ones than all before count. */
  arrived(now: Millis, sentUnits: number): void {
    const stepMs = (((sentUnits - this.#lastUnits) << 16) >> 16) * MEDIA_TIME_UNIT_MS;
    if (this.#count > 0 && Math.abs(stepMs) > MEDIA_TIME_JUMP_MS_MAX) this.reset();
    if (this.#count > 0 && stepMs <= 0) return;
    const sentMs = this.#count === 0 ? 0 : this.#at(this.#sentMs, 0) + stepMs;
    this.#lastUnits = sentUnits;
    const delayMs = now - sentMs;
    const place = this.#count % DELAY_TREND_PACKETS;
    this.#sentMs[place] = sentMs;
    this.#delayMs[place] = delayMs;
    this.#count += 1;
    this.#learn(now, delayMs);
  }

  /** Another way, or another time: what was learnt does not hold any more. */
  reset(): void {
    this.#count = 0;
    this.#least.fill(Number.POSITIVE_INFINITY);
    this.#baseMs = Number.POSITIVE_INFINITY;
  }

  /** The least queueing among the newest packets, ms: jitter does not reach it, a standing queue does. */
  get standingMs(): number {
    if (this.#count < DELAY_STANDING_PACKETS) return 0;
    let least = Number.POSITIVE_INFINITY;
    const count = this.#within(DELAY_STANDING_MS);
    for (let back = 0; back < count; back++) least = Math.min(least, this.#at(this.#delayMs, back));
    return Math.max(0, least - this.#baseMs);
  }

  /** By how much the delay grows, ms in a second of sending; below zero while it falls. 0 while nothing is known. */
  get growth(): number {
    if (this.#count < DELAY_STANDING_PACKETS) return 0;
    const long = this.#slope(this.#within(DELAY_TREND_MS), DELAY_TREND_ERRORS);
    return 1000 * Math.min(long, this.#slope(this.#within(DELAY_STANDING_MS), 0));
  }

  /** How many of the newest packets were sent within this time; three at least. */
  #within(spanMs: number): number {
    let count = DELAY_STANDING_PACKETS;
    const most = Math.min(this.#count, DELAY_TREND_PACKETS);
    const newest = this.#at(this.#sentMs, 0);
    while (count < most && newest - this.#at(this.#sentMs, count) <= spanMs) count++;
    return count;
  }

  #slope(count: number, errors: number): number {
    return surelyRising(count, this.#sentBack, this.#delayBack, errors);
  }

  #at(ring: Float64Array, back: number): number {
    return ring[(this.#count - 1 - back) % DELAY_TREND_PACKETS] ?? 0;
  }

  #learn(now: Millis, delayMs: number): void {
    if (this.#count === 1) this.#sliceAt = now;
    const passed = Math.floor((now - this.#sliceAt) / DELAY_BASE_SLICE_MS);
    if (passed > 0) {
      const moves = Math.min(passed, DELAY_BASE_SLICES);
      this.#least.copyWithin(moves, 0);
      this.#least.fill(Number.POSITIVE_INFINITY, 0, moves);
      this.#sliceAt += passed * DELAY_BASE_SLICE_MS;
      this.#baseMs = Math.min(...this.#least);
    }
    this.#least[0] = Math.min(this.#least[0] ?? delayMs, delayMs);
    this.#baseMs = Math.min(this.#baseMs, delayMs);
  }
}
