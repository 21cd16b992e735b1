/**
 * Lets sound through or not, and never clicks: the frame in which it turns is faded, 20 ms long. Pure; a leg has one for
 * being heard at all and one for being heard by other legs.
 */
import { FRAME_SAMPLES } from './params.ts';
import { SILENCE } from './pcm.ts';

export class Gate {
  #before: boolean;
  #open: boolean;

  constructor(open: boolean) {
    this.#before = open;
    this.#open = open;
  }

  /** It turned this frame, or lets sound through. */
  get passes(): boolean {
    return this.#open || this.#before;
  }

  get isTurning(): boolean {
    return this.#open !== this.#before;
  }

  /** From the next frame on; that one is faded. */
  turn(open: boolean): void {
    this.#open = open;
  }

  /** The frame itself, silence, or a faded copy in `room`; all 320 samples. */
  pass(frame: Int16Array, room: Int16Array): Int16Array {
    if (!this.isTurning) return this.#open ? frame : SILENCE;
    for (let at = 0; at < FRAME_SAMPLES; at++) room[at] = Math.round(frame[at]! * this.#shareAt(at));
    return room;
  }

  /** The same of a sum, in place. */
  scale(sum: Int32Array): void {
    if (!this.passes) sum.fill(0);
    else if (this.isTurning)
      for (let at = 0; at < FRAME_SAMPLES; at++) sum[at] = Math.round(sum[at]! * this.#shareAt(at));
  }

  /** The frame is over. */
  settle(): void {
    this.#before = this.#open;
  }

  #shareAt(at: number): number {
    const share = (at + 1) / (FRAME_SAMPLES + 1);
    return this.#open ? share : 1 - share;
  }
}
