/**
 * One far end of a call or of a conference: its stream in, its stream out, and whether it is on hold or muted by us.
 * `conversation.ts` owns the legs: each tick it has each listen, has the mix made, and hands each what it is to hear (`say`).
 * Whatever a leg sends or fails to send, it takes the same time and harms no other.
 */
import { Gate } from './gate.ts';
import { MixLimiter } from './mix-limiter.ts';
import type { OpusCodec } from './opus.ts';
import { FRAME_SAMPLES, SILENCE_DB } from './params.ts';
import { SILENCE } from './pcm.ts';
import type { LegLevel } from './port.ts';
import { ReceiveStream } from './receive-stream.ts';
import { SendStream } from './send-stream.ts';
import { VoiceActivity } from './voice-activity.ts';

export interface LegOptions {
  /** 0 to 7. */
  readonly talker: number;
  readonly codec: OpusCodec;
  /** The leg closes its codec when it is closed. */
  readonly ownsCodec: boolean;
  /** Legs of one mix hear one another. */
  readonly mix: number;
}

export class Leg {
  readonly talker: number;
  readonly send: SendStream;
  readonly receive: ReceiveStream;
  readonly limiter = new MixLimiter();
  readonly #codec: OpusCodec;
  readonly #ownsCodec: boolean;
  readonly #open: Gate = new Gate(true);
  readonly #openToUs: Gate = new Gate(true);
  readonly #activity = new VoiceActivity();
  readonly #voiceRoom = new Int16Array(FRAME_SAMPLES);
  readonly #soundRoom = new Int16Array(FRAME_SAMPLES);
  /** What it says in this tick, as the other legs hear it, and as we do. Never to be written to. */
  voice: Int16Array = SILENCE;
  sound: Int16Array = SILENCE;
  mix: number;
  /** Something real has been played of it. */
  hasSounded = false;
  #firstTold = false;
  #held = false;
  #muted = false;
  #levelDb: number = SILENCE_DB;
  #spoke = false;

  constructor({ talker, codec, ownsCodec, mix }: LegOptions) {
    this.talker = talker;
    this.#codec = codec;
    this.#ownsCodec = ownsCodec;
    this.mix = mix;
    this.send = new SendStream(codec);
    this.receive = new ReceiveStream(codec);
  }

  /** On hold it takes no bodies and gets none. */
  hold(on: boolean): void {
    this.#held = on;
    this.#open.turn(!this.#held && !this.#muted);
  }

  /** Nobody hears it. */
  mute(on: boolean): void {
    this.#muted = on;
    this.#open.turn(!this.#held && !this.#muted);
  }

  /** It goes: one more tick, in which it fades. */
  leave(): void {
    this.#open.turn(false);
  }

  /** A body of any content. */
  take(arrivalMs: number, bytes: Uint8Array): void {
    if (!this.#held) this.receive.receive(arrivalMs, bytes);
  }

  /** The next 20 ms of what it says, into `voice`. */
  listen(nowMs: number): void {
    if (this.#held && !this.#open.passes) {
      this.voice = SILENCE;
      this.#activity.hear(SILENCE_DB);
      return;
    }
    this.voice = this.#open.pass(this.receive.play(nowMs), this.#voiceRoom);
    this.hasSounded ||= this.receive.playedReal;
    this.#levelDb = Math.max(this.#levelDb, this.receive.levelDb);
    this.#activity.hear(this.receive.levelDb);
    this.#spoke ||= this.#activity.speaking;
    if (this.#held) this.receive.flush();
  }

  /** Whether we hear it, into `sound`. */
  reachUs(does: boolean): void {
    this.#openToUs.turn(does);
    this.sound = this.#openToUs.pass(this.voice, this.#soundRoom);
  }

  /** 20 ms that it is to hear; gives a body when they complete a frame. On hold time passes unsent. */
  say(pcm: Int16Array, muted: boolean): Buffer | undefined {
    if (muted !== this.send.muted) this.send.mute(muted);
    if (!this.#held) return this.send.frame(pcm);
    this.send.skip();
    return undefined;
  }

  /** The tick is over. */
  settle(): void {
    this.#open.settle();
    this.#openToUs.settle();
  }

  /** True once: its first sound has been played. */
  takeFirstSound(): boolean {
    if (this.#firstTold || !this.hasSounded) return false;
    this.#firstTold = true;
    return true;
  }

  /** What it said since this was asked last. */
  takeLevel(): LegLevel {
    const level = { talker: this.talker, db: Math.round(this.#levelDb), speaking: this.#spoke };
    this.#levelDb = SILENCE_DB;
    this.#spoke = false;
    return level;
  }

  close(): void {
    if (this.#ownsCodec) this.#codec.close();
  }
}
