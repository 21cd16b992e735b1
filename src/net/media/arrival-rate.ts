/**
 * How many bytes a second of ours come through, from two or more of the other end's reports: while a queue stands, that
 * is what the narrowest place of the way passes. The rate control asks. Pure; keeps the reports of two seconds.
 */
import type { Millis } from '../protocol/core.ts';
import { ARRIVAL_MARKS_MAX } from '../protocol/params.ts';
import type { SentBytes } from './sent-bytes.ts';

interface Mark {
  /** On the clock of whoever received. */
  readonly at: Millis;
  readonly highest: number;
  readonly received: number;
}

export class ArrivalRate {
  readonly #sent: SentBytes;
  #marks: Mark[] = [];

  constructor(sent: SentBytes) {
    this.#sent = sent;
  }

  add(mark: Mark): void {
    this.#marks.push(mark);
    if (this.#marks.length > ARRIVAL_MARKS_MAX) this.#marks.shift();
  }

  clear(): void {
    this.#marks = [];
  }

  /** Bytes a second over at least so many ms before the newest report, or all that is kept; undefined: not known. */
  over(spanMs: number): number | undefined {
    const last = this.#marks.at(-1);
    if (!last) return undefined;
    const first = this.#marks.findLast((mark) => last.at - mark.at >= spanMs) ?? this.#marks[0];
    return first && this.#between(first, last);
  }

  /** The same since the packet of this number, by the reports that came since; undefined: too few. */
  since(number: number, spanMs: number): number | undefined {
    const last = this.#marks.at(-1);
    const first = this.#marks.find((mark) => mark.highest >= number);
    return first && last && last.at - first.at >= spanMs ? this.#between(first, last) : undefined;
  }

  #between(first: Mark, last: Mark): number | undefined {
    const spanMs = last.at - first.at;
    const packets = last.highest - first.highest;
    const [from, to] = [this.#sent.upTo(first.highest), this.#sent.upTo(last.highest)];
    if (spanMs <= 0 || packets < 0 || from === undefined || to === undefined) return undefined;
    const came = packets === 0 ? 0 : Math.min(1, Math.max(0, (last.received - first.received) / packets));
    return ((to - from) * came * 1000) / spanMs;
  }
}
