/**
 * When the next 20 ms of a call are due. Pure; `voice-io.ts` asks it on timers and when a device brings a frame.
 *
 * Without a device that has a clock, tick n is due 20 ms * n after the start, so nothing drifts. With one, each frame
 * it brings is a tick, and the clock only watches: a device that lags three frames behind gets a tick of silence in
 * its place, one that leads by three loses a frame. What a crystal gains or loses meanwhile is slowly forgiven.
 */
import { FRAME_MS, PACE_ASLEEP_MS, PACE_FORGIVE, PACE_SLACK_FRAMES } from './params.ts';

const SLACK_MS = PACE_SLACK_FRAMES * FRAME_MS;

export class Pacer {
  /** When the next tick is due by the clock. */
  #dueAt: number;
  /** True: a device brings the frames. */
  paced = false;

  constructor(nowMs: number) {
    this.#dueAt = nowMs;
  }

  /** When `clock` should be asked next. */
  wakeAt(): number {
    return this.paced ? this.#dueAt + SLACK_MS : this.#dueAt;
  }

  /** The clock asks: true when a tick is due now. Ask again until it is false. */
  clock(nowMs: number): boolean {
    if (nowMs < this.wakeAt()) return false;
    this.#dueAt += FRAME_MS;
    return true;
  }

  /** A device has a frame: true when it makes a tick, false when it is to be thrown away. */
  offer(nowMs: number): boolean {
    const lagMs = nowMs - this.#dueAt;
    if (lagMs < -SLACK_MS) return false;
    this.#dueAt += FRAME_MS + lagMs * PACE_FORGIVE;
    return true;
  }

  /**
   * Whole frames by which the clock is further behind than anybody wants to catch up (the machine slept, or a device
   * blocked us while it opened). They are given up: the next tick is due now.
   */
  overslept(nowMs: number, limitMs: number = PACE_ASLEEP_MS): number {
    const behindMs = nowMs - this.#dueAt;
    if (behindMs <= limitMs) return 0;
    const frames = Math.floor(behindMs / FRAME_MS);
    this.#dueAt += frames * FRAME_MS;
    return frames;
  }
}
