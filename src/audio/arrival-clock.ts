/**
 * Puts the agent's arrival times on our own clock. Both are `performance.timeOrigin + performance.now()`, and
 * `timeOrigin` is read from the wall clock when a process starts: had that been set in between, the two differ by
 * just as much, for good. The smallest (now - arrival) of the last seconds is that difference plus the shortest trip
 * through the port, which is far below a millisecond. Pure.
 */
import { CLOCK_WINDOW_MS } from './params.ts';

export class ArrivalClock {
  #windowStart = Number.NEGATIVE_INFINITY;
  #current = Number.POSITIVE_INFINITY;
  #previous = Number.POSITIVE_INFINITY;

  /**
   * `arrivalMs` of the agent as ms of our clock, never later than `nowMs`. An arrival that is no number is now. `waited`: it lay
   * for a while before it was read, so that it says how much the clocks differ at most; what was learnt before stays.
   */
  map(nowMs: number, arrivalMs: number, waited = false): number {
    if (!Number.isFinite(arrivalMs)) return nowMs;
    if (waited) this.#windowStart = nowMs;
    else if (nowMs - this.#windowStart >= CLOCK_WINDOW_MS) {
      this.#previous = nowMs - this.#windowStart >= 2 * CLOCK_WINDOW_MS ? Number.POSITIVE_INFINITY : this.#current;
      this.#current = Number.POSITIVE_INFINITY;
      this.#windowStart = nowMs;
    }
    this.#current = Math.min(this.#current, nowMs - arrivalMs);
    return Math.min(nowMs, arrivalMs + Math.min(this.#current, this.#previous));
  }
}
