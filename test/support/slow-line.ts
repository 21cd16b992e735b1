/**
 * A bad line between a person's terminal and the program, as ssh over TCP makes it: every byte half a round trip late,
 * some segments lost and sent again after a timeout, and everything behind them held up, for TCP keeps the order.
 */
import type { Random } from '../../src/net/protocol/core.ts';

export interface LineQuality {
  readonly roundTripMs: number;
  /** Of a hundred segments. */
  readonly lossPct: number;
  /** Until a lost segment is sent again. */
  readonly retransmitMs: number;
}

/** One direction of the line. */
export class SlowLine {
  #freeAtMs = 0;
  /** Segments that were lost once. */
  lost = 0;
  readonly #quality: LineQuality;
  readonly #random: Pick<Random, 'fraction'>;
  readonly #deliver: (data: string) => void;

  constructor(quality: LineQuality, random: Pick<Random, 'fraction'>, deliver: (data: string) => void) {
    this.#quality = quality;
    this.#random = random;
    this.#deliver = deliver;
  }

  send(data: string): void {
    const { roundTripMs, lossPct, retransmitMs } = this.#quality;
    const isLost = this.#random.fraction() * 100 < lossPct;
    if (isLost) this.lost += 1;
    const arrivesAtMs = Math.max(this.#freeAtMs, Date.now() + roundTripMs / 2 + (isLost ? retransmitMs : 0));
    this.#freeAtMs = arrivesAtMs;
    setTimeout(() => this.#deliver(data), arrivesAtMs - Date.now());
  }
}
