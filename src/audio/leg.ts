/**
 * One far end of a call or of a conference: its stream in, its stream out, and whether it is on hold, muted by us or
 * apart from the others. `voice-engine.ts` owns the legs: each tick it asks each what it says (`hear`), has the mix made, and
 * hands each what it is to hear (`say`). Whatever a leg sends or fails to send, it takes the same time and harms no other.
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
  readonly apart: boolean;
}

export class Leg {
  readonly talker: number;
  readonly send: SendStream;
  readonly receive: ReceiveStream;
  readonly limiter = new MixLimiter();
  readonly #codec: OpusCodec;
  readonly #ownsCodec: boolean;
  #heard: Gate = new Gate(true);
  readonly #shared: Gate;
  readonly #activity = new VoiceActivity();
  readonly #soundRoom = new Int16Array(FRAME_SAMPLES);
  readonly #sharedRoom = new Int16Array(FRAME_SAMPLES);
  /** What it says in this tick, as we hear it, and as the other legs do. Never to be written to. */
  sound: Int16Array = SILENCE;
  shared: Int16Array = SILENCE;
  #held = false;
  #muted = false;
  /** The mixer that was, which is heard until our first sound comes. */
  #waitsFor: Leg | undefined;
  /** A new mixer is heard in its place. */
  #replaced = false;
  #leaves = false;
  #levelDb: number = SILENCE_DB;
  #spoke = false;
  #first = false;

  constructor({ talker, codec, ownsCodec, apart }: LegOptions) {
    this.talker = talker;
    this.#codec = codec;
    this.#ownsCodec = ownsCodec;
    this.send = new SendStream(codec);
    this.receive = new ReceiveStream(codec);
    this.#shared = new Gate(!apart);
  }

  /** It takes no bodies and gets none. */
  get held(): boolean {
    return this.#held;
  }

  hold(on: boolean): void {
    this.#held = on;
    this.#arrange();
  }

  /** Nobody hears it. */
  mute(on: boolean): void {
    this.#muted = on;
    this.#arrange();
  }

  /** The other legs do not hear it, nor it them. */
  stayApart(on: boolean): void {
    this.#shared.turn(!on);
  }

  /** It is not heard before it has sound, and then that one no longer is. */
  waitFor(before: Leg): void {
    this.#waitsFor = before;
    this.#heard = new Gate(false);
  }

  /** That one is heard no longer; if this one waited for it, it is from the next frame on. */
  takeOver(before: Leg): void {
    if (this.#waitsFor !== before) return;
    this.#waitsFor = undefined;
    this.#arrange();
    before.#replaced = true;
    before.#arrange();
  }

  /** It goes: one more tick, in which it fades. */
  leave(): void {
    this.#leaves = true;
    this.#arrange();
  }

  /** A body of any content. */
  take(arrivalMs: number, bytes: Uint8Array): void {
    if (!this.#held) this.receive.receive(arrivalMs, bytes);
  }

  /** The next 20 ms of what it says, into `sound` and `shared`. */
  hear(nowMs: number): void {
    if (this.#held && !this.#heard.isTurning) {
      this.sound = SILENCE;
      this.#activity.hear(SILENCE_DB);
    } else {
      this.sound = this.#heard.pass(this.receive.play(nowMs), this.#soundRoom);
      this.#levelDb = Math.max(this.#levelDb, this.receive.levelDb);
      this.#activity.hear(this.receive.levelDb);
      this.#spoke ||= this.#activity.speaking;
      if (this.#held) this.receive.flush();
    }
    this.shared = this.#shared.pass(this.sound, this.#sharedRoom);
  }

  /** What the other legs share, as far as this one hears them; in place. */
  scaleOthers(sum: Int32Array): void {
    this.#shared.scale(sum);
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
    this.#heard.settle();
    this.#shared.settle();
  }

  /** After all have settled: if it has had sound, it need not wait any longer. */
  succeed(): void {
    if (this.#waitsFor && this.receive.playedReal) this.takeOver(this.#waitsFor);
  }

  /** True once: the first sound of it has been played. */
  takeFirstSound(): boolean {
    if (this.#first || !this.receive.playedReal) return false;
    this.#first = true;
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

  #arrange(): void {
    this.#heard.turn(!this.#held && !this.#muted && !this.#replaced && !this.#waitsFor && !this.#leaves);
  }
}
