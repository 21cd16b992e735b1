/**
 * What takes echo and noise out of a microphone, as the rest of this room sees it. Two implement it: `filter-speex.ts`
 * (the system's speexdsp) and `filter-own.ts` (in TypeScript, so that it is always there); `filter-choice.ts` opens the
 * best that is here, `microphone-chain.ts` owns one and lines the far end up for it.
 */
import type { FilterKind } from './port.ts';

/** The two halves of a filter; both may be on. */
export interface FilterParts {
  readonly echo: boolean;
  readonly noise: boolean;
}

export interface VoiceFilter {
  readonly kind: Exclude<FilterKind, 'none'>;
  /** These parts from the next frame on; what was learnt for a part that stays on is kept. */
  use(parts: FilterParts): void;
  /**
   * Cleans one frame, 320 samples in place. `far` is what left the speaker while these were captured: the frames given
   * to the device, delayed by what device and air take (`FarEnd` measures it and keeps the difference below 80 ms).
   * The result comes 5 or 6 ms later than the input. Frames of another length are left alone.
   */
  process(mic: Int16Array, far: Int16Array): void;
  /** The far end is lined up anew: what was learnt of the room is void. */
  forget(): void;
  /** Gives memory back. The filter must not be used afterwards. */
  close(): void;
}
