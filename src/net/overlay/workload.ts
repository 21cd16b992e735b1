/**
 * How much a supernode works for others, and what it leaves undone when that is too much (pure). Every kind of work
 * costs so much of a core, and is refused when less than its reserve is left: first searches and the handing out of
 * entries, then records and newcomers, look-ups last. Keep-alives and all that supernodes say to one another are never
 * asked for here: whoever is overloaded sheds work and stays a member (in 2010 supernodes switched themselves off one
 * after the other, OUT10).
 *
 *   admits(work)   costs against a budget; false: refuse it, and say where else to go
 *   late(lag)      the program itself was woken late, whoever eats its time: for a while only what cannot wait is done
 */
import type { Millis } from '../protocol/core.ts';
import {
  OVERLOAD_LAG_MS,
  OVERLOAD_LASTS_MS,
  WORK_BURST_MS,
  WORK_COST_MS,
  WORK_MS_PER_SECOND,
  WORK_RESERVE,
  type Work,
} from '../protocol/overlay-params.ts';

export class Workload {
  #leftMs = WORK_BURST_MS;
  #at: Millis | undefined;
  #strainedUntil: Millis = Number.NEGATIVE_INFINITY;
  /** Refused so far, by kind. Only rises. */
  readonly shed: Record<Work, number> = { attach: 0, search: 0, lookup: 0, publish: 0, entries: 0 };

  /** May this be done now? It is counted if so. */
  admits(now: Millis, work: Work): boolean {
    this.#refill(now);
    const isRefused = this.#leftMs < WORK_COST_MS[work] + WORK_RESERVE[work] * WORK_BURST_MS;
    if (isRefused || (work !== 'lookup' && this.strained(now))) {
      this.shed[work] += 1;
      return false;
    }
    this.#leftMs -= WORK_COST_MS[work];
    return true;
  }

  /** The program was woken so much later than it had asked for. */
  late(now: Millis, lagMs: number): void {
    if (lagMs >= OVERLOAD_LAG_MS) this.#strainedUntil = now + OVERLOAD_LASTS_MS;
  }

  strained(now: Millis): boolean {
    return now < this.#strainedUntil;
  }

  /** From 0, nothing to do, to 1000, newcomers are refused. */
  permille(now: Millis): number {
    if (this.strained(now)) return 1_000;
    this.#refill(now);
    const usable = (1 - WORK_RESERVE.attach) * WORK_BURST_MS;
    return Math.max(0, Math.min(1_000, Math.round((1_000 * (WORK_BURST_MS - this.#leftMs)) / usable)));
  }

  #refill(now: Millis): void {
    if (this.#at !== undefined) {
      this.#leftMs = Math.min(WORK_BURST_MS, this.#leftMs + ((now - this.#at) * WORK_MS_PER_SECOND) / 1_000);
    }
    this.#at = now;
  }
}
