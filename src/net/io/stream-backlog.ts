/**
 * When a core is told how much waits in the process for one stream: each STREAM_BACKLOG_TOLD_MS while the system takes less
 * than is written, and once when nothing waits any more. `streams.ts` keeps one for each stream and asks it.
 */
import { STREAM_BACKLOG_TOLD_MS } from '../protocol/params.ts';

export class StreamBacklog {
  #toldAt: number | undefined;

  /** Something waits, as far as was told. */
  get isTold(): boolean {
    return this.#toldAt !== undefined;
  }

  /** Is this worth telling now? `nowMs` is monotonic. */
  isNews(waitingBytes: number, nowMs: number): boolean {
    if (waitingBytes === 0 && this.#toldAt === undefined) return false;
    if (waitingBytes > 0 && this.#toldAt !== undefined && nowMs < this.#toldAt + STREAM_BACKLOG_TOLD_MS) return false;
    this.#toldAt = waitingBytes > 0 ? nowMs : undefined;
    return true;
  }
}
