/**
 * The pace of what one end sends: one slot every 20 ms, each sent exactly once, whoever fills it. The voice child's
 * bodies fill slots as they come; when none came for 30 ms past a slot's due time (the child is missing, starting or
 * dead) the media session fills the slot itself. A child that comes back finds its slots taken up to now, so nothing
 * is doubled; its backlog, if it brings one, is surplus.
 *
 * The due times lean towards the child's own clock (its sound card's), or a hundred millionths of difference would
 * cost a frame every five minutes. The number of a slot gives the media time, so that is continuous by itself.
 */
import type { Millis } from '../protocol/core.ts';
import {
  VOICE_ABSENT_SLOTS,
  VOICE_EARLY_MS_MAX,
  VOICE_LATE_MS_MAX,
  VOICE_PACE_GAIN,
  VOICE_PACE_MS,
} from '../protocol/params.ts';

export class VoicePace {
  #dueAt: Millis;
  #slot = 0;
  /** Slots filled by others since the child was last heard, and when the last of them was. */
  #missing = 0;
  #filledAt: Millis = 0;

  /** The first slot is due at `now`. */
  constructor(now: Millis) {
    this.#dueAt = now;
  }

  /** When the next slot must be filled by somebody else than the child. */
  get fillAt(): Millis {
    return this.#dueAt + VOICE_LATE_MS_MAX;
  }

  /** The slot that a body from the child fills, or undefined when the body is surplus. */
  take(now: Millis): number | undefined {
    const absent = this.#missing >= VOICE_ABSENT_SLOTS;
    this.#missing = 0;
    if (absent) return this.#comeBack(now);
    const deviationMs = now - this.#dueAt;
    if (deviationMs < -VOICE_EARLY_MS_MAX) return undefined;
    // A body from a backlog says nothing of the clock.
    return this.#advance(deviationMs <= VOICE_LATE_MS_MAX ? deviationMs * VOICE_PACE_GAIN : 0);
  }

  /** The slot that is overdue, to be filled now; call until undefined. */
  overdue(now: Millis): number | undefined {
    if (now < this.fillAt) return undefined;
    this.#missing += 1;
    this.#filledAt = now;
    return this.#advance(0);
  }

  /** A new child has a phase of its own. Its first body is passed over when it comes right behind a filler. */
  #comeBack(now: Millis): number | undefined {
    const tooSoon = now - this.#filledAt < VOICE_PACE_MS / 2;
    this.#dueAt = tooSoon ? now + VOICE_PACE_MS : now;
    return tooSoon ? undefined : this.#advance(0);
  }

  /** Leaves slots empty up to the one that is due now, and takes that: after a hold or a stall of our own. */
  skipTo(now: Millis): number {
    const skipped = Math.max(0, Math.floor((now - this.#dueAt) / VOICE_PACE_MS));
    this.#slot += skipped;
    this.#dueAt += skipped * VOICE_PACE_MS;
    return this.#advance(0);
  }

  #advance(leanMs: number): number {
    this.#dueAt += VOICE_PACE_MS + leanMs;
    this.#slot += 1;
    return this.#slot - 1;
  }
}
