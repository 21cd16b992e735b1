/**
 * A microphone's stream that died without a word: no samples come, and nobody says why. Looked at each 50 ms; four looks in
 * time and in vain are a death. A look that comes late tells that the machine stalls, which takes the samples with it, so the
 * count begins anew. Pure but for `watchStream`, which looks; `device-pulse.ts` says what it heard. PortAudio gives sound in bursts of up to seconds, so it has a slower watch of its own.
 */
import { STREAM_LATE_LOOK_MS, STREAM_LOOK_MS, STREAM_LOOKS_MAX } from './params.ts';

export class StreamWatch {
  #heard = false;
  #began = false;
  #vain = 0;
  #lookedAt: number;

  constructor(nowMs: number) {
    this.#lookedAt = nowMs;
  }

  /** Samples came. Before the first ones nothing is a death: slow cards take seconds. */
  heard(): void {
    this.#heard = true;
    this.#began = true;
  }

  /** True when the stream is dead. */
  look(nowMs: number): boolean {
    const late = nowMs - this.#lookedAt > STREAM_LOOK_MS + STREAM_LATE_LOOK_MS;
    this.#lookedAt = nowMs;
    this.#vain = this.#heard || late || !this.#began ? 0 : this.#vain + 1;
    this.#heard = false;
    return this.#vain >= STREAM_LOOKS_MAX;
  }
}

/** Calls `onDead` once when nothing is heard any more. Gives what to call with each chunk, and how to end it. */
export function watchStream(onDead: () => void): { heard(): void; end(): void } {
  const watch = new StreamWatch(performance.now());
  const timer = setInterval(() => {
    if (!watch.look(performance.now())) return;
    clearInterval(timer);
    onDead();
  }, STREAM_LOOK_MS);
  return { heard: () => watch.heard(), end: () => clearInterval(timer) };
}
