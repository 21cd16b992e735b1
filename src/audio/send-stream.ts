/**
 * The way out: 20 ms of microphone become one voice body, always of the same size: speech, silence and mute cannot
 * be told apart from outside. Pure but for the codec; `voice-engine.ts` calls it once a tick.
 */
import type { OpusCodec } from './opus.ts';
import { FRAME_MS, FRAME_SAMPLES, SILENCE_DB } from './params.ts';
import { levelDb, SILENCE } from './pcm.ts';
import { encodeVoiceBody, unitsOf } from './voice-body.ts';

export class SendStream {
  readonly #codec: OpusCodec;
  #mediaTime = 0;
  #muted = false;
  #levelDb: number = SILENCE_DB;

  constructor(codec: OpusCodec) {
    this.#codec = codec;
  }

  /** Level of the frame that was captured last, dBFS; -96 while muted. */
  get levelDb(): number {
    return this.#levelDb;
  }

  get muted(): boolean {
    return this.#muted;
  }

  /** Mute encodes silence in place of the microphone. */
  mute(on: boolean): void {
    this.#muted = on;
  }

  /**
   * One frame (320 samples; undefined or another length counts as silence) to one body of 60 bytes that the caller
   * owns. Its media time is the number of frames so far, so it follows the samples, not a clock.
   */
  frame(pcm: Int16Array | undefined): Buffer {
    const usable = pcm !== undefined && pcm.length === FRAME_SAMPLES && !this.#muted;
    const sound = usable ? pcm : SILENCE;
    this.#levelDb = levelDb(sound);
    const body = encodeVoiceBody({
      mediaTime: this.#mediaTime,
      durationMs: FRAME_MS,
      distance: 1,
      muted: this.#muted,
      held: false,
      frames: [this.#codec.encode(sound)],
    });
    this.skip();
    return body;
  }

  /** One frame passes unsent (on hold): media time goes on, so that the far end sees a pause, not a jump back. */
  skip(): void {
    this.#mediaTime = (this.#mediaTime + unitsOf(FRAME_MS)) & 0xffff;
  }
}
