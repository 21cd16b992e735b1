/**
 * What sound would be made with, found out without a call: which Opus loads, and which way to cards there is. Runs in a
 * voice child of its own (`voice.cjs --probe`), because looking loads native code and makes drivers print.
 */
import { devicesExist, hasPortAudio } from './device-portaudio.ts';
import { findPulse } from './device-pulse.ts';
import { filterFound } from './filter-choice.ts';
import { hasNativeOpus } from './opus.ts';
import type { BackendKind, CodecKind, FilterKind } from './port.ts';

export interface SoundFound {
  readonly codec: CodecKind;
  /** What `default` would use; `none` when there is no card that may be opened. */
  readonly backend: BackendKind;
  /** What would take out echo and noise. */
  readonly filter: FilterKind;
  /** Whether the system serves such a process before others; whoever runs this asks it. */
  readonly raised?: boolean;
}

export async function probeSound(env: { readonly [name: string]: string | undefined }): Promise<SoundFound> {
  const codec = env.WREN_OPUS !== 'wasm' && hasNativeOpus() ? 'native' : 'wasm';
  return { codec, backend: await backendOf(env), filter: filterFound(env) };
}

async function backendOf(env: { readonly [name: string]: string | undefined }): Promise<BackendKind> {
  const forced = env.WREN_AUDIO_BACKEND;
  if (forced === 'none') return 'none';
  if (forced !== 'portaudio' && (await findPulse(env))) return 'pulse';
  return forced !== 'pulse' && hasPortAudio() && devicesExist() ? 'portaudio' : 'none';
}
