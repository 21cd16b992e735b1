/** Reads the probe's answer (`audio/device-probe.ts`): one JSON line from our own program, checked all the same. */
import * as v from 'valibot';
import type { SoundFound } from '../audio/device-probe.ts';

const Found = v.object({
  codec: v.picklist(['native', 'wasm']),
  backend: v.picklist(['portaudio', 'pulse', 'file', 'none', 'socket']),
  filter: v.picklist(['speex', 'own', 'none']),
  raised: v.exactOptional(v.boolean()),
});

export function readSoundFound(line: string): SoundFound | undefined {
  try {
    const parsed = v.safeParse(Found, JSON.parse(line));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
