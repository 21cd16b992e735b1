/**
 * Opens the best filter that is here: the system's speexdsp, which costs half as much, else our own, which is as good.
 * `WREN_AUDIO_FILTER=speex|own|none` forces one of them, `WREN_SPEEXDSP=FILE` names the library. Nothing is loaded before somebody wants echo or noise taken
 * out. `microphone-chain.ts` calls it.
 */
import { openOwnFilter } from './filter-own.ts';
import { hasSpeexDsp, openSpeexFilter } from './filter-speex.ts';
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

/** What `openFilter` would open. */
export function filterFound(env: Environment): FilterKind {
  const forced = env.WREN_AUDIO_FILTER;
  if (forced === 'none') return 'none';
  return forced !== 'own' && hasSpeexDsp(env.WREN_SPEEXDSP) ? 'speex' : 'own';
}
