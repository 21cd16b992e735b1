/**
 * A stream that died without a word: no sign of it comes, and nobody says why. Looked at each 25 ms; six looks in time and in vain
 * are a death. A look that comes late tells that the machine stalls, which takes the signs with it, so the count
 * begins anew; and where signs come in bursts the longest pause of late teaches patience. Pure but for `watchStream`,
 * which looks; `device-pulse-stream.ts` says what it heard. PortAudio gives sound in bursts of up to seconds, so it has a slower
 * watch of its own.
 */
import {
  STREAM_LATE_LOOK_MS,
  STREAM_LOOK_MS,
  STREAM_LOOKS_LIMIT,
  STREAM_LOOKS_MAX,
  STREAM_PAUSE_FORGET,
  STREAM_PAUSES,
} from './params.ts';

export class StreamWatch {
  #heard = false;
  #began = false;
  /** Looks in vain, without and with those that came late. */
  #vain = 0;
  #silent = 0;
  /** The longest pause of late, looks. */
  #pause = 0;
  #lookedAt: number;

  constructor(nowMs: number) {
    this.#lookedAt = nowMs;
  }

  /** A sign of life. Before the first one nothing is a death: slow cards take seconds. */
  heard(): void {
    this.#heard = true;
    this.#began = true;
  }

  /** True when the stream is dead. */
  look(nowMs: number): boolean {
    const late = nowMs - this.#lookedAt > STREAM_LOOK_MS + STREAM_LATE_LOOK_MS;
    this.#lookedAt = nowMs;
    this.#silent = this.#began ? this.#silent + 1 : 0;
    if (this.#heard) {
      this.#pause = Math.max(this.#silent, this.#pause * STREAM_PAUSE_FORGET);
      this.#silent = 0;
    }
    this.#vain = this.#heard || late || !this.#began ? 0 : this.#vain + 1;
    this.#heard = false;
    return this.#vain >= Math.min(STREAM_LOOKS_LIMIT, Math.max(STREAM_LOOKS_MAX, STREAM_PAUSES * this.#pause));
  }
}

/** Calls `onDead` once when nothing is heard any more. Gives what to call with each sign, and how to end it. */
export function watchStream(onDead: () => void): { heard(): void; end(): void } {
  const watch = new StreamWatch(performance.now());
  const timer = setInterval(() => {
    if (!watch.look(performance.now())) return;
    clearInterval(timer);
    onDead();
  }, STREAM_LOOK_MS);
  return { heard: () => watch.heard(), end: () => clearInterval(timer) };
}
