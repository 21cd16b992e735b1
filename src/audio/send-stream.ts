/**
 * The way out: 20, 40 or 60 ms of microphone become one voice body, and while the rung stays always of one size:
 * speech, silence and mute cannot be told apart from outside. Pure but for the codec; `voice-engine.ts` calls it once
 * a tick. Copies of older frames in a body are those that were encoded then; nothing is encoded twice.
 */
import type { OpusCodec } from './opus.ts';
import {
  FRAME_MS,
  FRAME_SAMPLES,
  OPUS_DECODED_SAMPLES_MAX,
  SILENCE_DB,
  VOICE_DISTANCE_MAX,
  VOICE_FRAMES_MAX,
} from './params.ts';
import { levelDb, SILENCE } from './pcm.ts';
import {
  type BodyShape,
  encodeVoiceBody,
  type FrameDurationMs,
  isBodyShape,
  NORMAL_SHAPE,
  unitsOf,
} from './voice-body.ts';

/** The oldest frame that a body can carry is so many frames old. */
const PAST_MAX = (VOICE_FRAMES_MAX - 1) * VOICE_DISTANCE_MAX;

export class SendStream {
  readonly #codec: OpusCodec;
  #mediaTime = 0;
  #muted = false;
  #levelDb: number = SILENCE_DB;
  #shape: BodyShape = NORMAL_SHAPE;
  #next: BodyShape = NORMAL_SHAPE;
  /** Ticks of the frame that is being gathered. */
  readonly #samples = new Int16Array(OPUS_DECODED_SAMPLES_MAX);
  #gathered = 0;
  /** Encoded frames of the present length and size, newest first. */
  readonly #past: Uint8Array[] = [];

  constructor(codec: OpusCodec) {
    this.#codec = codec;
  }

  /** Level of the 20 ms that were captured last, dBFS; -96 while muted. */
  get levelDb(): number {
    return this.#levelDb;
  }

  get muted(): boolean {
    return this.#muted;
  }

  /** What bodies consist of from the next frame on. */
  get shape(): BodyShape {
    return this.#next;
  }

  /** Bodies have this shape from the next frame on; one that the encoder must not be asked for is ignored. */
  reshape(shape: BodyShape): void {
    if (isBodyShape(shape)) this.#next = shape;
  }

  /** Mute encodes silence in place of the microphone, also for what of a frame was gathered already. */
  mute(on: boolean): void {
    this.#muted = on;
    if (on) this.#samples.fill(0);
  }

  /**
   * 20 ms (320 samples; undefined or another length counts as silence). Gives a body that the caller owns when they
   * complete a frame. Its media time is that of its first sample, so it follows the samples, not a clock.
   */
  frame(pcm: Int16Array | undefined): Buffer | undefined {
    const usable = pcm !== undefined && pcm.length === FRAME_SAMPLES && !this.#muted;
    const sound = usable ? pcm : SILENCE;
    this.#levelDb = levelDb(sound);
    if (this.#gathered === 0) this.#adopt();
    this.#samples.set(sound, this.#gathered * FRAME_SAMPLES);
    this.#gathered += 1;
    this.#mediaTime = (this.#mediaTime + unitsOf(FRAME_MS)) & 0xffff;
    return this.#gathered * FRAME_MS < this.#shape.frameMs ? undefined : this.#body();
  }

  /** 20 ms pass unsent (on hold): media time goes on, so that the far end sees a pause, not a jump back. */
  skip(): void {
    this.#mediaTime = (this.#mediaTime + unitsOf(FRAME_MS)) & 0xffff;
    this.#gathered = 0;
    this.#past.length = 0;
  }

  /** Frames of another length or size can be no copies of the new ones. */
  #adopt(): void {
    const { frameMs, frameBytes } = this.#shape;
    if (this.#next.frameMs !== frameMs || this.#next.frameBytes !== frameBytes) this.#past.length = 0;
    this.#shape = this.#next;
  }

  #body(): Buffer {
    const { frameMs, frameBytes, copies, distance } = this.#shape;
    const newest = this.#codec.encode(this.#samples.subarray(0, this.#gathered * FRAME_SAMPLES), frameBytes);
    const frames = [newest];
    // Where there is no older frame yet, the newest takes its place: the size must not tell of the change, and whoever
    // lost the frame that belongs there hears something near to it.
    for (let copy = 1; copy <= copies; copy++) frames.push(this.#past[copy * distance - 1] ?? newest);
    this.#past.unshift(newest);
    if (this.#past.length > PAST_MAX) this.#past.pop();
    this.#gathered = 0;
    return encodeVoiceBody({
      mediaTime: this.#mediaTime - unitsOf(frameMs),
      durationMs: frameMs as FrameDurationMs,
      distance,
      muted: this.#muted,
      held: false,
      frames,
    });
  }
}
