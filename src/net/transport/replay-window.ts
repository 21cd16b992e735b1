/**
 * Refuses a counter that was seen before, or that is too old to tell (RFC 6479 in spirit): a ring of bits behind
 * the highest counter. Look before opening a packet, mark after its tag was found good; never the other way round,
 * or a forger could burn counters.
 */
import { REPLAY_WINDOW_PACKETS } from '../protocol/params.ts';

export class ReplayWindow {
  readonly #seen = new Uint8Array(REPLAY_WINDOW_PACKETS);
  /** One above the highest counter marked; 0 when none. */
  #next = 0;

  /** May a packet of this counter still be opened? */
  fresh(counter: number): boolean {
    if (counter >= this.#next) return true;
    if (this.#next - counter > REPLAY_WINDOW_PACKETS) return false;
    return this.#seen[counter % REPLAY_WINDOW_PACKETS] === 0;
  }

  mark(counter: number): void {
    if (counter >= this.#next) {
      const gap = counter - this.#next;
      if (gap >= REPLAY_WINDOW_PACKETS) this.#seen.fill(0);
      else for (let c = this.#next; c < counter; c++) this.#seen[c % REPLAY_WINDOW_PACKETS] = 0;
      this.#next = counter + 1;
    }
    this.#seen[counter % REPLAY_WINDOW_PACKETS] = 1;
  }

  /** Highest counter marked, -1 when none. */
  get highest(): number {
    return this.#next - 1;
  }
}
