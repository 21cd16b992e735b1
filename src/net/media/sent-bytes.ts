/**
 * What was sent when, by number: so that a report's highest sequence says how many bytes are still under way, and two
 * reports say how many bytes a second come through. The rate control writes and asks. Pure, constant memory.
 */
import { SENT_PACKETS_KEPT } from '../protocol/params.ts';

export class SentBytes {
  /** Bytes of all packets up to and with this one, by number modulo SENT_PACKETS_KEPT. */
  readonly #upTo = new Float64Array(SENT_PACKETS_KEPT);
  #count = 0;
  #total = 0;

  add(bytes: number): void {
    this.#total += bytes;
    this.#upTo[this.#count % SENT_PACKETS_KEPT] = this.#total;
    this.#count += 1;
  }

  /** Packets so far; the next one has this number. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of all packets up to and with this number; undefined for one that is forgotten or was never sent. */
  upTo(number: number): number | undefined {
    if (number < 0 || number >= this.#count || number < this.#count - SENT_PACKETS_KEPT) return undefined;
    return this.#upTo[number % SENT_PACKETS_KEPT];
  }

  /** Bytes of the packets after this number; 0 for one that was never sent. */
  after(number: number): number {
    if (number >= this.#count) return 0;
    return this.#total - (this.upTo(number) ?? 0);
  }
}
