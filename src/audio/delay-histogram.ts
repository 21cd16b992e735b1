/**
 * A histogram of delays that forgets, as in NetEQ's delay manager (libwebrtc `neteq/histogram`): each new delay takes
 * its share from all older ones. In the beginning shares are larger, so that the first delays average evenly. Pure;
 * `target-delay.ts` owns some with memories of different length.
 *
 * Instead of making all older shares smaller, each new one is made larger by as much: that costs the same whatever the
 * number of buckets.
 */
import { DELAY_BUCKET_MS, DELAY_MS_MAX, DELAY_START_WEIGHT, LATE_PERCENT_COSTS_MS } from './params.ts';

const BUCKETS = DELAY_MS_MAX / DELAY_BUCKET_MS;
/** Far below what a number holds. */
const TOTAL_MAX = 1e60;

export class DelayHistogram {
  readonly #shares = new Float64Array(BUCKETS);
  readonly #forget: number;
  #count = 0;
  /** Sum of all shares. */
  #total = 0;

  /** `forget`: what is left of a share after one more delay, 0 to 1. */
  constructor(forget: number) {
    this.#forget = forget;
  }

  /** Delays seen so far. */
  get count(): number {
    return this.#count;
  }

  /** A delay in ms; below zero counts as zero, beyond the last bucket as the last. */
  add(delayMs: number): void {
    this.#count++;
    const keep = Math.min(this.#forget, Math.max(0, 1 - DELAY_START_WEIGHT / (this.#count + 1)));
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.floor(delayMs / DELAY_BUCKET_MS)));
    const share = keep === 0 ? 1 : (this.#total * (1 - keep)) / keep;
    if (keep === 0) this.#scale(0);
    this.#shares[bucket]! += share;
    this.#total += share;
    if (this.#total > TOTAL_MAX) this.#scale(1 / this.#total);
  }

  /** The zero of all delays has risen by so many buckets: what was seen moves towards zero. */
  lower(buckets: number): void {
    const shares = this.#shares;
    const moved = Math.min(BUCKETS, buckets);
    let under = 0;
    for (let at = 0; at < moved; at++) under += shares[at]!;
    shares.copyWithin(0, moved);
    shares.fill(0, BUCKETS - moved);
    shares[0]! += under;
  }

  /** Upper edge of the bucket below which `quantile` (0 to 1) of all delays are, ms. */
  quantileMs(quantile: number): number {
    let above = this.#total * (1 - quantile);
    for (let at = BUCKETS - 1; at >= 0; at--) {
      above -= this.#shares[at]!;
      if (above < 0) return (at + 1) * DELAY_BUCKET_MS;
    }
    return DELAY_BUCKET_MS;
  }

  /** The delay at which waiting longer costs more than what would still come is worth, ms. */
  cheapestMs(): number {
    if (this.#total === 0) return DELAY_BUCKET_MS;
    const costOfAll = (100 * LATE_PERCENT_COSTS_MS) / this.#total;
    let late = this.#total;
    let cheapest = Number.POSITIVE_INFINITY;
    let found = 0;
    for (let at = 0; at < BUCKETS; at++) {
      late -= this.#shares[at]!;
      const delayMs = (at + 1) * DELAY_BUCKET_MS;
      if (delayMs >= cheapest) break;
      const cost = delayMs + Math.max(0, late) * costOfAll;
      if (cost >= cheapest - 1e-9) continue;
      cheapest = cost;
      found = delayMs;
    }
    return found;
  }

  /** What holding `delayMs` (0 or more) costs: that delay, and 20 ms for each percent of frames that would be late, ms. */
  costMs(delayMs: number): number {
    if (this.#total === 0) return delayMs;
    // A bucket is late as a whole when its middle is.
    let late = 0;
    for (let at = Math.round(delayMs / DELAY_BUCKET_MS); at < BUCKETS; at++) late += this.#shares[at]!;
    return delayMs + (100 * LATE_PERCENT_COSTS_MS * late) / this.#total;
  }

  #scale(by: number): void {
    for (let at = 0; at < BUCKETS; at++) this.#shares[at]! *= by;
    this.#total *= by;
  }
}
