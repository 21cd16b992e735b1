/**
 * Sums voices: everybody hears everybody else, and nobody himself. What a leg gets is the sum of all others, in whole
 * numbers, so nothing of its own voice is left; each sum has a limiter of its own, for what one is too loud for must not turn
 * down another's. Pure; `conversation.ts` hands in the legs of the tick after each has listened.
 *
 *   legs' voices -+-> sum of all -----------------------------------------> speaker (the echo canceller's far end)
 *                 +-> sum of its mix less its own, plus the microphone ---> each leg
 */
import type { Leg } from './leg.ts';
import { MixLimiter } from './mix-limiter.ts';
import { FRAME_SAMPLES } from './params.ts';
import { SILENCE } from './pcm.ts';

export class Mix {
  /** Of each mix that has more than one leg: what they say together. While the mix moves there are two. */
  readonly #together = new Map<number, Int32Array>();
  readonly #sum = new Int32Array(FRAME_SAMPLES);
  readonly #speaker = new MixLimiter();
  #legs: readonly Leg[] = [];

  /** The legs of this tick, those too that say their last word. */
  gather(legs: readonly Leg[]): void {
    this.#legs = legs;
    for (const mix of this.#together.keys()) if (!legs.some((leg) => leg.mix === mix)) this.#together.delete(mix);
    for (const leg of legs) {
      const together = this.#together.get(leg.mix);
      if (together) together.fill(0);
      else this.#together.set(leg.mix, new Int32Array(FRAME_SAMPLES));
    }
    for (const leg of legs) addTo(this.#together.get(leg.mix)!, leg.voice);
  }

  /** Nobody else is in what this leg hears. */
  isAlone(leg: Leg): boolean {
    return !this.#legs.some((other) => other !== leg && other.mix === leg.mix);
  }

  /** What we hear; valid until the next tick. The voice of a call of two passes untouched. */
  forSpeaker(): Int16Array {
    const [first] = this.#legs;
    if (!first) return SILENCE;
    if (this.#legs.length === 1 && this.#speaker.isIdle) return first.sound;
    this.#sum.fill(0);
    for (const leg of this.#legs) addTo(this.#sum, leg.sound);
    return this.#speaker.limit(this.#sum);
  }

  /** What this leg hears of the others and of our microphone; valid until it is asked again for the same leg. */
  forLeg(leg: Leg, microphone: Int16Array): Int16Array {
    if (leg.limiter.isIdle && this.isAlone(leg)) return microphone;
    const [sum, together] = [this.#sum, this.#together.get(leg.mix)!];
    for (let at = 0; at < FRAME_SAMPLES; at++) sum[at] = together[at]! - leg.voice[at]!;
    addTo(sum, microphone);
    return leg.limiter.limit(sum);
  }
}

function addTo(sum: Int32Array, pcm: Int16Array): void {
  if (pcm === SILENCE) return;
  for (let at = 0; at < FRAME_SAMPLES; at++) sum[at]! += pcm[at]!;
}
