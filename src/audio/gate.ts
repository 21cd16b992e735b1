/**
 * Lets sound through or not, and never clicks: the frame in which it turns is faded, 20 ms long. Pure; a leg has one for
 * being heard at all and one for being heard by us.
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

  /** It lets sound through, or does so for the last time. */
  get passes(): boolean {
    return this.#open || this.#before;
  }

  /** From the next frame on; that one is faded. */
  turn(open: boolean): void {
    this.#open = open;
  }

  /** The frame itself, silence, or a faded copy in `room`; all 320 samples. */
  pass(frame: Int16Array, room: Int16Array): Int16Array {
    if (this.#open === this.#before) return this.#open ? frame : SILENCE;
    for (let at = 0; at < FRAME_SAMPLES; at++) {
      const share = (at + 1) / (FRAME_SAMPLES + 1);
      room[at] = Math.round(frame[at]! * (this.#open ? share : 1 - share));
    }
    return room;
  }

  /** The frame is over. */
  settle(): void {
    this.#before = this.#open;
  }
}
