/**
 * What arrives of the other end's voice packets, counted after RFC 3550: extended sequence and loss as in its A.1 and
 * A.3, interarrival jitter as in A.8. Also refuses doubles, because a packet may come by two paths. Pure.
 */
import type { Millis } from '../protocol/core.ts';
import { MEDIA_TIME_UNIT_MS, SEQUENCE_DROPOUT_MAX, SEQUENCES_KEPT } from '../protocol/params.ts';

export class Reception {
  #first: number | undefined;
  #highest = 0;
  #received = 0;
  #gaps = 0;
  #jitterMs = 0;
  #previous: { readonly at: Millis; readonly mediaTime: number } | undefined;
  /** The sequence that would confirm a jump. */
  #confirms: number | undefined;
  readonly #seen = new Int32Array(SEQUENCES_KEPT).fill(-1);

  /**
   * Counts a packet that was sent at this media time (16 bits); false when it is a double, too late to tell, or the
   * first of a wild jump.
   */
  arrived(now: Millis, sequence: number, mediaTime: number): boolean {
    const extended = this.#extend(sequence);
    if (extended === undefined) return false;
    const place = extended % SEQUENCES_KEPT;
    if (extended <= this.#highest - SEQUENCES_KEPT || this.#seen[place] === extended) return false;
    this.#seen[place] = extended;
    if (this.#received > 0 && extended > this.#highest + 1) this.#gaps += 1;
    this.#highest = Math.max(this.#highest, extended);
    this.#first = Math.min(this.#first ?? extended, extended);
    this.#received += 1;
    this.#measure(now, mediaTime);
    return true;
  }

  /** Highest sequence so far, extended by the wraps of its 16 bits; 0 before the first packet. */
  get highest(): number {
    return this.#highest;
  }

  /** Packets that should have come by now. */
  get expected(): number {
    return this.#first === undefined ? 0 : this.#highest - this.#first + 1;
  }

  get received(): number {
    return this.#received;
  }

  /** Times that a packet came before the one ahead of it: runs of lost packets, and what overtakes. */
  get gaps(): number {
    return this.#gaps;
  }

  get lost(): number {
    return Math.max(0, this.expected - this.#received);
  }

  /** Smoothed deviation of the spacing, ms. */
  get jitterMs(): number {
    return this.#jitterMs;
  }

  /** RFC 3550 A.1: small steps ahead, small steps back, and jumps that a second packet must confirm. */
  #extend(sequence: number): number | undefined {
    if (this.#first === undefined) {
      this.#highest = sequence;
      return sequence;
    }
    const ahead = (sequence - this.#highest) & 0xffff;
    if (ahead < SEQUENCE_DROPOUT_MAX) {
      this.#confirms = undefined;
      return this.#highest + ahead;
    }
    const back = 0x1_0000 - ahead;
    if (back <= SEQUENCES_KEPT) return this.#highest >= back ? this.#highest - back : undefined;
    if (sequence !== this.#confirms) {
      this.#confirms = (sequence + 1) & 0xffff;
      return undefined;
    }
    this.#confirms = undefined;
    // The sender was away or restarted: what lies between was never sent to us, and is no loss.
    this.#first += ahead - 1;
    return this.#highest + ahead;
  }

  #measure(now: Millis, mediaTime: number): void {
    const before = this.#previous;
    this.#previous = { at: now, mediaTime };
    if (!before) return;
    const sentMs = (((mediaTime - before.mediaTime) << 16) >> 16) * MEDIA_TIME_UNIT_MS;
    this.#jitterMs += (Math.abs(now - before.at - sentMs) - this.#jitterMs) / 16;
  }
}
