/**
 * Loss as the other end's reports tell it: totals go in, shares of the last seconds come out, with the mean number of
 * packets that are lost in a row. The rate control asks. Pure; keeps no more than the reports of its window.
 */
import type { Millis } from '../protocol/core.ts';
import { LOSS_LONG_MS } from '../protocol/params.ts';

export interface LossTotals {
  /** Packets that should have come, packets that came, runs of packets that were missing. */
  readonly expected: number;
  readonly received: number;
  readonly gaps: number;
}

export interface Loss {
  /** 0 to 1. */
  readonly share: number;
  /** Mean packets lost in a row; 1 when none were. */
  readonly burst: number;
  /** Packets that were lost. */
  readonly lost: number;
}

interface Mark extends LossTotals {
  readonly at: Millis;
}

const NOTHING: Loss = { share: 0, burst: 1, lost: 0 };

export class LossWindow {
  #marks: Mark[] = [];

  add(now: Millis, { expected, received, gaps }: LossTotals): void {
    while (this.#marks.length > 1 && (this.#marks[1]?.at ?? now) <= now - LOSS_LONG_MS) this.#marks.shift();
    this.#marks.push({ at: now, expected, received, gaps });
  }

  clear(): void {
    this.#marks = [];
  }

  /** Over the last `windowMs`, at most LOSS_LONG_MS. */
  over(now: Millis, windowMs: number): Loss {
    const last = this.#marks.at(-1);
    const first = this.#marks.findLast((mark) => mark.at <= now - windowMs) ?? this.#marks[0];
    if (!first || !last) return NOTHING;
    const packets = last.expected - first.expected;
    if (packets <= 0) return NOTHING;
    // What came late counts against what is missing, so this may be below zero for a moment.
    const lost = Math.min(packets, Math.max(0, packets - (last.received - first.received)));
    return { share: lost / packets, burst: lost > 0 ? lost / Math.max(1, last.gaps - first.gaps) : 1, lost };
  }
}
