/**
 * Sums voices: everybody hears everybody else, and nobody himself. What a leg gets is the sum of all less its own voice,
 * in whole numbers, so nothing of it is left; each sum has a limiter of its own, for what one is too loud for must not turn
 * down another's. Pure; `voice-engine.ts` hands in the legs of the tick after each has been heard.
 *
 *   legs' voices -+-> sum of all ------------------------------> speaker (and the echo canceller's far end)
 *                 +-> sum of all less its own, plus microphone -> each leg
 */
import type { Leg } from './leg.ts';
import { MixLimiter } from './mix-limiter.ts';
import { FRAME_SAMPLES } from './params.ts';
import { SILENCE } from './pcm.ts';

export class Mix {
  readonly #shared = new Int32Array(FRAME_SAMPLES);
  readonly #sum = new Int32Array(FRAME_SAMPLES);
  readonly #speaker = new MixLimiter();
  #legs: readonly Leg[] = [];

  /** The legs of this tick, those too that say their last word. */
  gather(legs: readonly Leg[]): void {
    this.#legs = legs;
    if (legs.length < 2) return;
    this.#shared.fill(0);
    for (const leg of legs) addTo(this.#shared, leg.shared);
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
    const [sum, shared] = [this.#sum, this.#shared];
    if (this.#legs.length < 2) {
      if (leg.limiter.isIdle) return microphone;
      sum.fill(0);
      addTo(sum, microphone);
      return leg.limiter.limit(sum);
    }
    for (let at = 0; at < FRAME_SAMPLES; at++) sum[at] = shared[at]! - leg.shared[at]!;
    leg.scaleOthers(sum);
    addTo(sum, microphone);
    return leg.limiter.limit(sum);
  }
}

function addTo(sum: Int32Array, pcm: Int16Array): void {
  if (pcm === SILENCE) return;
  for (let at = 0; at < FRAME_SAMPLES; at++) sum[at]! += pcm[at]!;
}
