/**
 * Opens the best filter that is here: the system's speexdsp, proven for years in real rooms, else our own, which costs
 * the same and does better in those of our tests. `WREN_AUDIO_FILTER=speex|own|none` forces one of them,
 * `WREN_SPEEXDSP=FILE` names the library. Nothing is loaded before somebody wants echo or noise taken out.
 * `microphone-chain.ts` calls it.
 */
import { openOwnFilter } from './filter-own.ts';
import { openDenoiser } from './filter-rnnoise.ts';
import { hasSpeexDsp, openSpeexFilter } from './filter-speex.ts';
import type { FilterSource } from './microphone-chain.ts';
import type { FilterKind } from './port.ts';
import type { FilterParts, VoiceFilter } from './voice-filter.ts';

type Environment = { readonly [name: string]: string | undefined };

/** Undefined when none may be used. Never throws: where a library is missing or fails, our own stands in. */
export function openFilter(parts: FilterParts, env: Environment): VoiceFilter | undefined {
  const forced = env.WREN_AUDIO_FILTER;
  if (forced === 'none') return undefined;
  if (forced !== 'own') {
    try {
      return openSpeexFilter(parts, env.WREN_SPEEXDSP);
    } catch {
      // Told by the kind of what is opened instead.
    }
  }
  return openOwnFilter(parts);
}

/** Where the chain of a call gets its filters from. */
export function filtersIn(env: Environment): FilterSource {
  return {
    filter: (parts) => openFilter(parts, env),
    denoiser: () => (env.WREN_AUDIO_FILTER === 'none' ? undefined : openDenoiser()),
  };
}

/** What `openFilter` would open. */
export function filterFound(env: Environment): FilterKind {
  const forced = env.WREN_AUDIO_FILTER;
  if (forced === 'none') return 'none';
  return forced !== 'own' && hasSpeexDsp(env.WREN_SPEEXDSP) ? 'speex' : 'own';
}
