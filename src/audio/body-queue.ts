/**
 * A jitter buffer of voice bodies that are passed on as they are: HOST's end of `wren ssh`, where nothing decodes. Bodies
 * come by ssh in order and at uneven times; they leave when they are due, so that the pace of the call stays even. Pure;
 * `endpoint-call.ts` puts what the laptop sends and takes what is due.
 *
 *   due = media time + the smallest (arrival - media time) of the last two seconds + hold
 *
 * The hold follows `target-delay.ts`. It can grow by what comes late, and a little while nobody speaks; it shrinks by
 * leaving out frames, in pauses where there are any. So a stall of ssh is delay first, and pauses give it back (PROTOCOL.md 10.4).
 */
import {
  BODY_HASTE_ABOVE_MS,
  BODY_HASTE_GAP_MS,
  BODY_LATE_MS,
  BODY_LEAVE_OUT_GAP_MS,
  BODY_PATIENCE_MS,
  BODY_WAIT_MS_MAX,
  BODY_WAITING_MAX,
  BUFFER_MS_MIN,
  FRAME_MS,
  MEDIA_JUMP_MS_MAX,
  MEDIA_UNIT_MS,
} from './params.ts';
import { TargetDelay } from './target-delay.ts';
import { parseVoiceBody } from './voice-body.ts';

interface Waiting {
  /** Media time of its first sample, ms, not wrapped. */
  readonly timeMs: number;
  readonly durationMs: number;
  readonly arrivalMs: number;
  readonly bytes: Buffer;
}

export class BodyQueue {
  #target = new TargetDelay();
  #waiting: Waiting[] = [];
  /** Media time of the newest body, ms; undefined before the first. */
  #newestMs: number | undefined;
  #holdMs: number = BUFFER_MS_MIN;
  #waitedMs = 0;
  #changedAt = Number.NEGATIVE_INFINITY;
  #overSince = Number.POSITIVE_INFINITY;
  /** Nobody speaks at the laptop: a frame more or less is not missed. */
  quiet = false;
  readonly counts = { passed: 0, late: 0, leftOut: 0, refused: 0 };

  /** What it adds, of the bodies that left lately, smoothed, ms. */
  get delayMs(): number {
    return this.#waitedMs;
  }

  /** Bytes of any content from the laptop, copied. */
  put(nowMs: number, bytes: Uint8Array): 'queued' | 'late' | 'refused' {
    const body = parseVoiceBody(bytes);
    if (!body) {
      this.counts.refused++;
      return 'refused';
    }
    const { durationMs } = body;
    const timeMs = this.#place(body.mediaTime);
    this.#newestMs = timeMs;
    this.#target.arrived(nowMs, timeMs, durationMs, false);
    const overMs = nowMs - timeMs - this.#target.baseMs(durationMs);
    const lateMs = overMs - this.#holdMs;
    if (overMs > BODY_WAIT_MS_MAX) {
      this.counts.late++;
      return 'late';
    }
    // It has no place any more unless the hold makes room for it; the gap is there already.
    if (lateMs > BODY_LATE_MS) this.#holdMs = overMs;
    this.#waiting.push({ timeMs, durationMs, arrivalMs: nowMs, bytes: Buffer.from(bytes) });
    if (this.#waiting.length > BODY_WAITING_MAX) {
      this.#waiting.shift();
      this.counts.late++;
    }
    return 'queued';
  }

  /** The bodies that are due, oldest first; whoever calls owns them. */
  take(nowMs: number): Buffer[] {
    const due: Buffer[] = [];
    for (let first = this.#waiting[0]; first && nowMs >= this.#dueAt(first); first = this.#waiting[0]) {
      this.#waiting.shift();
      // After a stall of two seconds the zero is learnt anew, from a backlog whose newest body tells it last.
      if (nowMs - this.#dueAt(first) > BODY_WAIT_MS_MAX) {
        this.counts.late++;
        continue;
      }
      this.#follow(nowMs);
      if (this.#leavesOut(nowMs, first.durationMs)) {
        this.counts.leftOut++;
        continue;
      }
      this.counts.passed++;
      const waitedMs = nowMs - first.arrivalMs;
      this.#waitedMs += (waitedMs - this.#waitedMs) / 16;
      due.push(first.bytes);
    }
    return due;
  }

  /** When the next one is due; Infinity while none waits. */
  wakeAt(): number {
    const first = this.#waiting[0];
    return first ? this.#dueAt(first) : Number.POSITIVE_INFINITY;
  }

  /** Another stream will come, by another connection: nothing of the old one is true of it. */
  clear(): void {
    this.#waiting = [];
    this.#newestMs = undefined;
    this.#target = new TargetDelay();
    this.#holdMs = BUFFER_MS_MIN;
    this.#waitedMs = 0;
    this.#overSince = Number.POSITIVE_INFINITY;
  }

  #dueAt({ timeMs, durationMs }: Waiting): number {
    return timeMs + this.#target.baseMs(durationMs) + this.#holdMs;
  }

  /** Unwraps the media time. A step back, or one of more than two seconds, is a new stream: a voice process was started again. */
  #place(mediaTime: number): number {
    const newest = this.#newestMs;
    if (newest === undefined) return mediaTime * MEDIA_UNIT_MS;
    const step = (((mediaTime - newest / MEDIA_UNIT_MS) << 16) >> 16) * MEDIA_UNIT_MS;
    if (step > 0 && step <= MEDIA_JUMP_MS_MAX) return newest + step;
    this.clear();
    return mediaTime * MEDIA_UNIT_MS;
  }

  /** A hold that is too short grows by a frame while nobody speaks: the slot that stays empty is filled with silence. */
  #follow(nowMs: number): void {
    const overMs = this.#holdMs - this.#target.targetMs;
    this.#overSince = overMs > BODY_HASTE_ABOVE_MS ? Math.min(this.#overSince, nowMs) : Number.POSITIVE_INFINITY;
    const restless = nowMs - this.#changedAt < BODY_LEAVE_OUT_GAP_MS;
    if (restless || !this.quiet || this.#holdMs + FRAME_MS > BODY_WAIT_MS_MAX) return;
    if (!this.#target.isTooShort(this.#holdMs)) return;
    this.#holdMs += FRAME_MS;
    this.#changedAt = nowMs;
  }

  #leavesOut(nowMs: number, durationMs: number): boolean {
    const afterMs = this.#holdMs - durationMs;
    if (afterMs < BUFFER_MS_MIN || !this.#target.isTooLong(this.#holdMs)) return false;
    const sinceMs = nowMs - this.#changedAt;
    const haste = nowMs - this.#overSince >= BODY_PATIENCE_MS && sinceMs >= BODY_HASTE_GAP_MS;
    if (!haste && !(this.quiet && sinceMs >= BODY_LEAVE_OUT_GAP_MS)) return false;
    this.#holdMs = afterMs;
    this.#changedAt = nowMs;
    return true;
  }
}
