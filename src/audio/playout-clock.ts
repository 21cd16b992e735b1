/**
 * The clock of the speaker: 20 ms a tick, on the time scale of the machine. A tick that comes late (a busy machine)
 * says nothing of the speaker, whose own buffer plays on; only the earliest ticks of the last second do. A drift
 * between speaker and machine moves them slowly and is followed; a speaker that really stopped is believed after that
 * second, or at once when it was long. Pure; `receive-stream.ts` ticks it and reads all its times from it.
 */
import { FRAME_MS, PLAYOUT_STOP_MS, PLAYOUT_WINDOW_TICKS } from './params.ts';

export class PlayoutClock {
  #ticks = 0;
  #current = Number.POSITIVE_INFINITY;
  #previous = Number.POSITIVE_INFINITY;
  #inWindow = 0;

  /** A tick comes at `nowMs` of the machine. Gives when it should have come, ms of the same clock, never later. */
  tick(nowMs: number): number {
    const playedMs = this.#ticks++ * FRAME_MS;
    const offsetMs = nowMs - playedMs;
    if (offsetMs - Math.min(this.#current, this.#previous) > PLAYOUT_STOP_MS) this.restart();
    this.#current = Math.min(this.#current, offsetMs);
    const steadyMs = playedMs + Math.min(this.#current, this.#previous);
    if (++this.#inWindow >= PLAYOUT_WINDOW_TICKS) {
      this.#previous = this.#current;
      this.#current = Number.POSITIVE_INFINITY;
      this.#inWindow = 0;
    }
    return steadyMs;
  }

  /** The next tick is on time, whenever it comes. */
  restart(): void {
    this.#current = Number.POSITIVE_INFINITY;
    this.#previous = Number.POSITIVE_INFINITY;
    this.#inWindow = 0;
  }
}
