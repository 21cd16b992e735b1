/** A token bucket in virtual time: `take` asks for tokens, and they come back at a steady rate up to the burst. */
import type { Millis } from './core.ts';

export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: Millis | undefined;

  /** `perSecond` tokens come back each second; at most `burst` are kept. Starts full. */
  constructor(perSecond: number, burst: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** True when `count` tokens were there; they are gone then. */
  take(now: Millis, count = 1): boolean {
    this.#refill(now);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** How long until `count` tokens will be there, ms; Infinity when more than the burst is asked for. */
  waitMs(now: Millis, count = 1): number {
    this.#refill(now);
    if (count > this.#burst) return Number.POSITIVE_INFINITY;
    return Math.max(0, Math.ceil((count - this.#tokens) / this.#perMs));
  }

  #refill(now: Millis): void {
    if (this.#at !== undefined) this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
  }
}
