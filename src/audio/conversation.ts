/**
 * The legs of a call: who is there, who comes and goes, and 20 ms of everybody hearing everybody else. `voice-engine.ts`
 * owns one, hands it the microphone's frame each tick and gets the bodies and what the speaker plays. A call of two is a
 * conversation with one leg. Codecs are the bound: each leg has an encoder and a decoder of its own, because both remember
 * what they heard; a body for two legs at once would make the voice of one of them crackle, or tell when he is silent.
 */
import { Leg } from './leg.ts';
import { Mix } from './mix.ts';
import type { OpusCodec } from './opus.ts';
import { LEGS_MAX, type LegLevel } from './port.ts';

/** One voice body for this talker. */
export interface BodyFor {
  readonly talker: number;
  readonly bytes: Buffer;
}

export class Conversation {
  readonly #openCodec: () => OpusCodec | undefined;
  /** By talker, in the order in which they came. */
  readonly #legs = new Map<number, Leg>();
  /** Legs that fade in the next tick and are then gone. */
  #leaving: Leg[] = [];
  readonly #mix = new Mix();

  /** `codec` is for talker 0 and stays the caller's; those of `openCodec` are closed here. */
  constructor(codec: OpusCodec, openCodec: () => OpusCodec | undefined) {
    this.#openCodec = openCodec;
    this.#legs.set(0, new Leg({ talker: 0, codec, ownsCodec: false, mix: 0 }));
  }

  get legs(): IterableIterator<Leg> {
    return this.#legs.values();
  }

  of(talker: number): Leg | undefined {
    return this.#legs.get(talker);
  }

  /** As `leg` of the port says; no more than eight. Who is there stays, in another mix if one is said. */
  join(talker: number, mix?: number): void {
    const known = this.#legs.get(talker);
    if (known) known.mix = mix ?? known.mix;
    if (known || this.#legs.size >= LEGS_MAX) return;
    // Who comes while another goes need not wait for it, but there are never more codecs than that.
    while (this.#legs.size + this.#leaving.length >= LEGS_MAX) this.#leaving.shift()!.close();
    const codec = this.#openCodec();
    if (codec) this.#legs.set(talker, new Leg({ talker, codec, ownsCodec: true, mix: mix ?? 0 }));
  }

  leave(talker: number): void {
    const leg = this.#legs.get(talker);
    if (!leg) return;
    this.#legs.delete(talker);
    leg.leave();
    this.#leaving.push(leg);
  }

  /**
   * 20 ms pass. `microphone`: 320 samples of ours, silence while `muted`. Gives what we hear, which is valid until the next
   * tick, and calls `send` with each body that is complete.
   */
  tick(nowMs: number, microphone: Int16Array, muted: boolean, send: (body: BodyFor) => void): Int16Array {
    const legs = [...this.#legs.values(), ...this.#leaving];
    for (const leg of legs) leg.listen(nowMs);
    // The newest mix that has sound is the one we hear, and one that has none yet is not in its way.
    const newest = Math.max(...legs.map((leg) => (leg.hasSounded ? leg.mix : Number.NEGATIVE_INFINITY)));
    for (const leg of legs) leg.reachUs(leg.mix >= newest);
    this.#mix.gather(legs);
    for (const leg of this.#legs.values()) {
      // A body says that it is muted only when there is nobody else in it.
      const bytes = leg.say(this.#mix.forLeg(leg, microphone), muted && this.#mix.isAlone(leg));
      if (bytes) send({ talker: leg.talker, bytes });
    }
    const heard = this.#mix.forSpeaker();
    this.#settle();
    return heard;
  }

  /** So many ticks pass unsent and unplayed. */
  skip(ticks: number): void {
    if (ticks === 0) return;
    for (const leg of this.#legs.values()) for (let tick = 0; tick < ticks; tick++) leg.send.skip();
    this.#settle();
  }

  /** Ticks come by another device's pace now. */
  paceChanged(): void {
    for (const leg of this.#legs.values()) leg.receive.paceChanged();
  }

  /** All streams are paused on purpose. */
  flush(): void {
    for (const leg of this.#legs.values()) leg.receive.flush();
  }

  /** What each leg said since this was asked last; undefined in a call of two. */
  takeLevels(): readonly LegLevel[] | undefined {
    const levels = [...this.#legs.values()].map((leg) => leg.takeLevel());
    return levels.length > 1 || levels.some(({ talker }) => talker !== 0) ? levels : undefined;
  }

  close(): void {
    for (const leg of [...this.#legs.values(), ...this.#leaving]) leg.close();
  }

  #settle(): void {
    for (const leg of this.#leaving) leg.close();
    this.#leaving = [];
    for (const leg of this.#legs.values()) leg.settle();
  }
}
