/**
 * Encoded frames that wait to be played, in the order of their media time, each once, in memory that is used again.
 * Pure; `jitter-buffer.ts` decides what comes in and goes out.
 */
import { BUFFER_FRAMES_MAX, VOICE_BODY_BYTES_MAX } from './params.ts';
import { unitsOf } from './voice-body.ts';

export interface WaitingFrame {
  /** Media time, unwrapped, units of 10 ms. */
  time: number;
  durationMs: number;
  arrivalMs: number;
  length: number;
  readonly bytes: Buffer;
}

/** Media times of frames taken or noted lately, to tell a duplicate from a late one; a power of two. */
const TAKEN = 256;

export class WaitingFrames {
  readonly #queue: WaitingFrame[] = [];
  readonly #spare: WaitingFrame[] = [];
  readonly #taken = new Float64Array(TAKEN).fill(-1);

  get size(): number {
    return this.#queue.length;
  }

  get first(): WaitingFrame | undefined {
    return this.#queue[0];
  }

  get last(): WaitingFrame | undefined {
    return this.#queue.at(-1);
  }

  /** True when a frame of that time waits, was taken lately, or came too late by a copy. */
  knows(time: number): boolean {
    if (this.#taken[time & (TAKEN - 1)] === time) return true;
    for (let at = this.size - 1; at >= 0; at--) {
      if (this.#queue[at]!.time <= time) return this.#queue[at]!.time === time;
    }
    return false;
  }

  /** A frame of that time came, too late to be added. */
  note(time: number): void {
    this.#taken[time & (TAKEN - 1)] = time;
  }

  /** Copies a frame in; false when one of that time waits already. */
  add(time: number, durationMs: number, arrivalMs: number, packet: Uint8Array): boolean {
    const queue = this.#queue;
    let at = queue.length;
    while (at > 0 && queue[at - 1]!.time > time) at--;
    if (at > 0 && queue[at - 1]!.time === time) return false;
    const frame = this.#spare.pop() ?? {
      time: 0,
      durationMs: 0,
      arrivalMs: 0,
      length: 0,
      bytes: Buffer.alloc(VOICE_BODY_BYTES_MAX),
    };
    frame.time = time;
    frame.durationMs = durationMs;
    frame.arrivalMs = arrivalMs;
    frame.length = packet.length;
    frame.bytes.set(packet);
    queue.splice(at, 0, frame);
    return true;
  }

  /** Takes the first one to be played; it must be there. Valid until the next `add`. */
  take(): WaitingFrame {
    const frame = this.#drop();
    this.note(frame.time);
    return frame;
  }

  /** Gives up what ends at `time` or before. */
  dropUntil(time: number): void {
    for (let first = this.first; first && first.time + unitsOf(first.durationMs) <= time; first = this.first) {
      this.#drop();
    }
  }

  /** Gives up the oldest beyond `spanMs` of media, or beyond the number of frames that may wait. */
  bound(spanMs: number): void {
    const span = unitsOf(spanMs);
    while (this.size > BUFFER_FRAMES_MAX || (this.size > 1 && this.last!.time - this.first!.time > span)) this.#drop();
  }

  clear(): void {
    while (this.size > 0) this.#drop();
    this.#taken.fill(-1);
  }

  #drop(): WaitingFrame {
    const frame = this.#queue.shift()!;
    this.#spare.push(frame);
    return frame;
  }
}
