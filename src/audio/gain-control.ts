/**
 * Automatic gain: brings whoever talks to one loudness, near or far from the microphone, and leaves pauses, noise and
 * echo as they are. The level is the mean power of the frames that are speech; a frame is speech when it stands out of
 * the quietest of the last seconds and the filters before let most of it pass. Pure; `microphone-chain.ts` owns one.
 */
import { Amplifier } from './amplifier.ts';
import {
  GAIN_DB_MAX,
  GAIN_DB_MIN,
  GAIN_FALL_DB,
  GAIN_FLOOR_FRAMES,
  GAIN_MEAN_FRAMES,
  GAIN_OVER_FAR_DB,
  GAIN_RISE_DB,
  GAIN_SPEECH_ABOVE_DB,
  GAIN_SPEECH_DB_MIN,
  GAIN_TAKEN_DB_MAX,
  GAIN_TARGET_DB,
} from './params.ts';
import { levelDb } from './pcm.ts';

/** Parts of the stretch in which the quietest frame is looked for: the oldest part is forgotten at once. */
const FLOOR_PARTS = 4;
/** Frames this far under the mean of the speech are its ends and pauses. */
const SPEECH_BELOW_MEAN_DB = 20;

export class GainControl {
  readonly #amplifier = new Amplifier();
  #gainDb = 0;
  /** Mean power of speech, relative to full scale, and of how many frames. */
  #power = 0;
  #frames = 0;
  readonly #floors: number[] = new Array(FLOOR_PARTS).fill(0);
  #floorFrames = 0;

  /** What is wanted now, dB. */
  get gainDb(): number {
    return this.#gainDb;
  }

  /**
   * One frame of 320 samples, in place. `beforeDb`: its level before echo and noise were taken out; `farDb`: that of the
   * speaker, whose echo may be in it, -96 where there is none.
   */
  process(pcm: Int16Array, beforeDb: number, farDb: number): void {
    const level = levelDb(pcm);
    const floor = this.#follow(level);
    // A canceller that still learns leaves most of the echo: not to be made loud.
    const isOurs = level > beforeDb - GAIN_TAKEN_DB_MAX && level > farDb + GAIN_OVER_FAR_DB;
    if (isOurs && this.#isSpeech(level, floor)) this.#learn(level);
    this.#amplifier.apply(pcm, 10 ** (this.#gainDb / 20));
  }

  #isSpeech(level: number, floor: number): boolean {
    if (level < GAIN_SPEECH_DB_MIN || level < floor + GAIN_SPEECH_ABOVE_DB) return false;
    return this.#frames === 0 || level > 10 * Math.log10(this.#power) - SPEECH_BELOW_MEAN_DB;
  }

  #learn(level: number): void {
    this.#frames = Math.min(GAIN_MEAN_FRAMES, this.#frames + 1);
    this.#power += (10 ** (level / 10) - this.#power) / this.#frames;
    const wanted = Math.max(GAIN_DB_MIN, Math.min(GAIN_DB_MAX, GAIN_TARGET_DB - 10 * Math.log10(this.#power)));
    this.#gainDb += Math.max(-GAIN_FALL_DB, Math.min(GAIN_RISE_DB, wanted - this.#gainDb));
  }

  /** The quietest frame of the last two seconds or so. */
  #follow(level: number): number {
    if (this.#floorFrames++ % GAIN_FLOOR_FRAMES === 0) {
      this.#floors.shift();
      this.#floors.push(level);
    }
    const last = FLOOR_PARTS - 1;
    this.#floors[last] = Math.min(this.#floors[last]!, level);
    return Math.min(...this.#floors);
  }
}
