/**
 * The pace of what one end sends: one body after another, each as long as its frame (20, 40 or 60 ms), whoever makes it.
 * The voice child's bodies fill slots as they come; when none came for 30 ms past a slot's due time (the child is
 * missing, starting or dead) the media session fills the slot itself. A child that comes back finds its slots taken up
 * to now, so nothing is doubled; its backlog, if it brings one, is surplus.
 *
 * The due times lean towards the child's own clock (its sound card's), or a hundred millionths of difference would
 * cost a frame every five minutes. The number of a slot is its media time, so that is continuous by itself.
 */
import type { Millis } from '../protocol/core.ts';
import {
  MEDIA_TIME_UNIT_MS,
  VOICE_ABSENT_SLOTS,
  VOICE_EARLY_MS_MAX,
  VOICE_LATE_MS_MAX,
  VOICE_PACE_GAIN,
  VOICE_PACE_MS,
  VOICE_STEADY_BODIES,
} from '../protocol/params.ts';

export class VoicePace {
  /** When the last slot was due; the next one is due as long after as its frame is long. */
  #lastDue: Millis;
  /** Media time at which the next slot begins, units of 10 ms, not wrapped. */
  #time = 0;
  /** Length of the frames that are asked for, and of the one that was sent last, ms. */
  #frameMs = VOICE_PACE_MS;
  #lastMs = VOICE_PACE_MS;
  /** Slots filled by others since the child was last heard, and when the last of them was. */
  #missing = 0;
  #filledAt: Millis = 0;
  /** Bodies of the child since a slot was filled by others. */
  #inARow = 0;

  /** The first slot is due at `now`. */
  constructor(now: Millis) {
    this.#lastDue = now - VOICE_PACE_MS;
  }

  /** When the next slot must be filled by somebody else than the child: it may still be at a longer frame. */
  get fillAt(): Millis {
    return this.#lastDue + Math.max(this.#frameMs, this.#lastMs) + VOICE_LATE_MS_MAX;
  }

  /** Its bodies have come for so long that the next one may be expected. */
  get hasChild(): boolean {
    return this.#inARow >= VOICE_STEADY_BODIES;
  }

  /** The child was asked for frames of this length; 20, 40 or 60 ms. */
  setFrame(frameMs: number): void {
    this.#frameMs = frameMs;
  }

  /** Media time of the slot that a body from the child fills, or undefined when the body is surplus. */
  take(now: Millis, frameMs: number): number | undefined {
    const absent = this.#missing >= VOICE_ABSENT_SLOTS;
    this.#missing = 0;
    this.#inARow += 1;
    if (absent) return this.#comeBack(now, frameMs);
    const deviationMs = now - this.#lastDue - frameMs;
    if (deviationMs < -VOICE_EARLY_MS_MAX) return undefined;
    // A body from a backlog says nothing of the clock.
    return this.#advance(frameMs, deviationMs <= VOICE_LATE_MS_MAX ? deviationMs * VOICE_PACE_GAIN : 0);
  }

  /** Media time of the slot that is overdue, to be filled now; call until undefined. */
  overdue(now: Millis): number | undefined {
    if (now < this.fillAt) return undefined;
    this.#missing += 1;
    this.#inARow = 0;
    this.#filledAt = now;
    return this.#advance(this.#frameMs, 0);
  }

  /** A new child has a phase of its own. Its first body is passed over when it comes right behind a filler. */
  #comeBack(now: Millis, frameMs: number): number | undefined {
    const tooSoon = now - this.#filledAt < frameMs / 2;
    this.#lastDue = tooSoon ? now : now - frameMs;
    return tooSoon ? undefined : this.#advance(frameMs, 0);
  }

  /** Leaves slots empty up to the one that is due now, and takes that: after a hold or a stall of our own. */
  skipTo(now: Millis): number {
    const skippedMs = Math.max(0, Math.floor((now - this.#lastDue) / this.#frameMs) - 1) * this.#frameMs;
    this.#time += skippedMs / MEDIA_TIME_UNIT_MS;
    this.#lastDue += skippedMs;
    return this.#advance(this.#frameMs, 0);
  }

  #advance(frameMs: number, leanMs: number): number {
    const time = this.#time;
    this.#lastDue += frameMs + leanMs;
    this.#lastMs = frameMs;
    this.#time += frameMs / MEDIA_TIME_UNIT_MS;
    return time;
  }
}
