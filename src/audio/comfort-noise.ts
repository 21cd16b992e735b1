/**
 * The room of the far end, as it sounds when nobody speaks: learnt from the quietest moments of what was received, and
 * played where a gap is too long to invent speech, because sudden silence sounds like a dropped call. Pure;
 * `receive-stream.ts` shows it all received sound.
 *
 * The quietest 20 ms of the last seconds are kept as they are; pieces of them, begun at random places and overlapped,
 * have the same level and colour without end. What is not well below the loudest heard (a tone, music) is no room.
 */
import {
  FRAME_SAMPLES,
  NOISE_BELOW_PEAK_DB,
  NOISE_HOP_SAMPLES,
  NOISE_WINDOW_FRAMES,
  PEAK_FALL_DB,
  SILENCE_DB,
} from './params.ts';
import { levelDb } from './pcm.ts';

const PIECE = 2 * NOISE_HOP_SAMPLES;
/** Squares of neighbouring pieces add up to one: unlike sounds keep their level. */
const WINDOW = Float64Array.from({ length: PIECE }, (_, at) => Math.sin((Math.PI * (at + 0.5)) / PIECE));

interface Moment {
  levelDb: number;
  readonly pcm: Int16Array;
}

const moment = (): Moment => ({ levelDb: 0, pcm: new Int16Array(FRAME_SAMPLES) });

export class ComfortNoise {
  #quietest = moment();
  #before = moment();
  #frames = 0;
  #peakDb = SILENCE_DB;
  readonly #tail = new Float64Array(NOISE_HOP_SAMPLES);
  readonly #made = new Float64Array(NOISE_HOP_SAMPLES);
  #left = 0;
  #seed = 1;

  /** Level of the room, dBFS; -96 when it is not known or there is none. */
  get floorDb(): number {
    const { levelDb } = this.#room();
    return levelDb < this.#peakDb - NOISE_BELOW_PEAK_DB ? levelDb : SILENCE_DB;
  }

  /** One frame of 20 ms that was received. */
  learn(pcm: Int16Array): void {
    if (pcm.length !== FRAME_SAMPLES) return;
    const level = levelDb(pcm);
    this.#peakDb = Math.max(level, this.#peakDb - PEAK_FALL_DB / 4);
    if (this.#frames === 0 || level < this.#quietest.levelDb) {
      this.#quietest.levelDb = level;
      this.#quietest.pcm.set(pcm);
    }
    if (++this.#frames < NOISE_WINDOW_FRAMES) return;
    this.#frames = 0;
    [this.#before, this.#quietest] = [this.#quietest, this.#before];
  }

  /** Fills `into` with the room. */
  make(into: Int16Array): void {
    if (this.floorDb <= SILENCE_DB) {
      into.fill(0);
      return;
    }
    for (let at = 0; at < into.length; at++) {
      if (this.#left === 0) this.#piece();
      into[at] = Math.round(this.#made[NOISE_HOP_SAMPLES - this.#left--]!);
    }
  }

  #room(): Moment {
    if (this.#frames === 0) return this.#before;
    return this.#quietest.levelDb <= this.#before.levelDb ? this.#quietest : this.#before;
  }

  /** The end of the last piece and the start of the next. */
  #piece(): void {
    const { pcm } = this.#room();
    this.#seed = (this.#seed * 48_271) % 0x7fff_ffff;
    const start = this.#seed % (FRAME_SAMPLES - PIECE);
    for (let at = 0; at < NOISE_HOP_SAMPLES; at++) {
      this.#made[at] = this.#tail[at]! + pcm[start + at]! * WINDOW[at]!;
      const later = NOISE_HOP_SAMPLES + at;
      this.#tail[at] = pcm[start + later]! * WINDOW[later]!;
    }
    this.#left = NOISE_HOP_SAMPLES;
  }
}
