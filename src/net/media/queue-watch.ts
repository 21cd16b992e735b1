/**
 * Is there a queue on the way, and is it of our own making? The sender's half of congestion control, on what the other
 * end's reports say of delay (`delay-trend.ts`); of an older peer only the round trip is known. The rate control asks.
 * Jitter that is always there, and a way that has become longer, are learnt as usual. Pure.
 */
import type { Millis } from '../protocol/core.ts';
import {
  DELAY_STANDING_PACKETS,
  DELAY_TREND_ERRORS,
  QUEUE_EMPTY_MS,
  QUEUE_GROWS_MS,
  QUEUE_GROWTH,
  QUEUE_GROWTH_SLOW,
  QUEUE_REPORTS,
  QUEUE_STANDS_MS,
  QUEUE_STANDS_REPORTS,
  QUEUE_USUAL_FACTOR,
  QUEUE_USUAL_GAIN,
  QUEUE_USUAL_GROWTH_MAX,
  QUEUE_USUAL_MS_MAX,
  STEP_CAUTION,
} from '../protocol/params.ts';
import { surelyRising } from './trend-line.ts';

/** What a report of the other end says, bounded. */
export interface Feedback {
  /** Totals: packets that should have come, that came, runs of missing ones; the newest number that came. */
  readonly expected: number;
  readonly received: number;
  readonly gaps: number;
  readonly highest: number;
  /** Round trip that this report has measured; undefined: none. */
  readonly rttMs: number | undefined;
  /** Of an end that measures delay. */
  readonly delay:
    | { readonly standingMs: number; readonly growth: number /** Its clock, ms. */; readonly atMs: Millis }
    | undefined;
}

export interface Seen {
  /** Standing queue, ms, and its growth, ms a second. */
  readonly queueMs: number;
  readonly growth: number;
  /** Number of the newest packet that came. */
  readonly highest: number;
}

export class QueueWatch {
  #usualMs = 0;
  /** Of the newest reports, oldest first. */
  #recent: { readonly at: Millis; readonly queueMs: number }[] = [];
  /** Growth over these, ms a second: what grows in small steps is not seen from packet to packet. */
  #slowGrowth = 0;
  /** Reports in a row with a long queue. */
  #standing = 0;
  #lastRtt: { readonly at: Millis; readonly excessMs: number } | undefined;
  /** The least round trip of this way; Infinity before the first. */
  rttLeastMs = Number.POSITIVE_INFINITY;
  /** How far the newest round trip was above it. */
  rttExcessMs = 0;

  see(now: Millis, { highest, rttMs, delay }: Feedback): Seen {
    if (rttMs !== undefined) {
      this.rttLeastMs = Math.min(this.rttLeastMs, rttMs);
      this.rttExcessMs = rttMs - this.rttLeastMs;
    }
    const { standingMs, growth } = delay ?? this.#fromRoundTrip(now, rttMs);
    this.#recent.push({ at: now, queueMs: standingMs });
    if (this.#recent.length > QUEUE_REPORTS) this.#recent.shift();
    this.#slowGrowth = this.#recent.length < QUEUE_REPORTS ? 0 : 1000 * this.#line();
    return { queueMs: standingMs, growth, highest };
  }

  /** `sinceStep`: number of the first packet after a step up that is being tried; less is too much then. */
  isCongested({ queueMs, growth, highest }: Seen, sinceStep: number | undefined): boolean {
    const usualMs = this.#usualMs * QUEUE_USUAL_FACTOR;
    this.#standing = queueMs >= QUEUE_STANDS_MS + usualMs && growth > -QUEUE_GROWTH ? this.#standing + 1 : 0;
    const isTried = sinceStep !== undefined && highest >= sinceStep + DELAY_STANDING_PACKETS;
    const share = isTried ? STEP_CAUTION : 1;
    if (queueMs < QUEUE_GROWS_MS * share + usualMs) return false;
    return growth >= QUEUE_GROWTH * share + this.#usualMs / 2 || this.#slowGrowth >= QUEUE_GROWTH_SLOW;
  }

  /** A long queue that does not grow is too much as well, if it stays. */
  get stands(): boolean {
    return this.#standing >= QUEUE_STANDS_REPORTS;
  }

  /** Nothing of it is our doing: this is how the way is. */
  learn({ queueMs, growth }: Seen): void {
    if (Math.max(growth, this.#slowGrowth) > QUEUE_USUAL_GROWTH_MAX) return;
    this.#usualMs = Math.min(QUEUE_USUAL_MS_MAX, this.#usualMs + (queueMs - this.#usualMs) * QUEUE_USUAL_GAIN);
  }

  /** All that still stands, after all that we could do, is usual. */
  resign({ queueMs }: Seen): void {
    this.#usualMs = Math.min(QUEUE_USUAL_MS_MAX, Math.max(this.#usualMs, queueMs));
  }

  /** A queue below this is none, ms. */
  get emptyMs(): number {
    return QUEUE_EMPTY_MS + this.#usualMs * QUEUE_USUAL_FACTOR;
  }

  /** Another way, or after a pause. */
  forget(): void {
    this.#usualMs = 0;
    this.#standing = 0;
    this.#recent = [];
    this.#lastRtt = undefined;
    this.rttExcessMs = 0;
  }

  #line(): number {
    const of = (index: number) => this.#recent[index] ?? { at: 0, queueMs: 0 };
    return surelyRising(
      this.#recent.length,
      (index) => of(index).at,
      (index) => of(index).queueMs,
      DELAY_TREND_ERRORS,
    );
  }

  #fromRoundTrip(now: Millis, rttMs: number | undefined): { standingMs: number; growth: number } {
    if (rttMs === undefined) return { standingMs: 0, growth: 0 };
    const before = this.#lastRtt;
    this.#lastRtt = { at: now, excessMs: this.rttExcessMs };
    if (!before || now <= before.at) return { standingMs: 0, growth: 0 };
    const growth = ((this.rttExcessMs - before.excessMs) * 1000) / (now - before.at);
    return { standingMs: Math.min(this.rttExcessMs, before.excessMs), growth };
  }
}
