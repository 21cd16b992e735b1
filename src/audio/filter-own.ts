/**
 * Echo and noise without any library: an adaptive filter takes the echo out (`filter-own-echo.ts`), a spectral gain
 * hides what that leaves over and the noise (`filter-own-suppress.ts`). Always there; `filter-choice.ts` opens it where
 * speexdsp is not. Pure.
 */
import { EchoCanceller } from './filter-own-echo.ts';
import { Suppressor } from './filter-own-suppress.ts';
import { FRAME_SAMPLES } from './params.ts';
import type { FilterParts, VoiceFilter } from './voice-filter.ts';

const FULL_SCALE = 32_768;

export function openOwnFilter(parts: FilterParts): VoiceFilter {
  return new OwnFilter(parts);
}

class OwnFilter implements VoiceFilter {
  readonly kind = 'own';
  #canceller: EchoCanceller | undefined;
  readonly #suppressor = new Suppressor();
  readonly #mic = new Float64Array(FRAME_SAMPLES);
  readonly #far = new Float64Array(FRAME_SAMPLES);
  readonly #noEcho = new Float64Array(FRAME_SAMPLES);

  constructor(parts: FilterParts) {
    this.use(parts);
  }

  use(parts: FilterParts): void {
    if (!parts.echo) this.#canceller = undefined;
    else this.#canceller ??= new EchoCanceller();
    this.#suppressor.use(parts);
  }

  process(mic: Int16Array, far: Int16Array): void {
    if (mic.length !== FRAME_SAMPLES || far.length !== FRAME_SAMPLES) return;
    for (let at = 0; at < FRAME_SAMPLES; at++) this.#mic[at] = mic[at]! / FULL_SCALE;
    const canceller = this.#canceller;
    if (!canceller) {
      this.#suppressor.process(this.#mic, this.#noEcho, mic);
      return;
    }
    for (let at = 0; at < FRAME_SAMPLES; at++) this.#far[at] = far[at]! / FULL_SCALE;
    canceller.process(this.#mic, this.#far);
    this.#suppressor.process(canceller.cleaned, canceller.echo, mic);
  }

  forget(): void {
    this.#canceller?.forget();
    this.#suppressor.forget();
  }

  close(): void {
    // Nothing but memory, which goes with it.
  }
}
