/**
 * Which microphones and speakers this machine has, by which name each can be chosen (`device:NAME`), and which is the
 * default. Of the backend that a call would use. Runs in a voice child of its own (`voice.cjs --devices`), because PortAudio is
 * native code and prints; the agent asks for `wren sound devices` and for the screen.
 */
import { namesIn } from './device.ts';
import { listPortAudio } from './device-portaudio.ts';
import { findPulse, listPulse } from './device-pulse.ts';
import { chosenOf } from './device-pulse-words.ts';
import { DEVICE_NAME_LENGTH_MAX, DEVICES_LISTED_MAX } from './params.ts';
import type { SoundDevice, SoundDevices } from './port.ts';

/** Marks what `spec` chooses. Never rejects; no backend gives empty lists. */
export async function listDevices(
  env: { readonly [name: string]: string | undefined },
  spec: string,
): Promise<SoundDevices> {
  const forced = env.WREN_AUDIO_BACKEND;
  const nothing: SoundDevices = { backend: 'none', inputs: [], outputs: [] };
  if (forced === 'none') return nothing;
  try {
    const pulse = forced === 'portaudio' ? undefined : await findPulse(env);
    if (pulse) return bounded('pulse', await listPulse(pulse), spec);
    if (forced === 'pulse') return nothing;
    return bounded('portaudio', listPortAudio(), spec);
  } catch {
    return nothing;
  }
}

function bounded(
  backend: SoundDevices['backend'],
  { inputs, outputs }: Pick<SoundDevices, 'inputs' | 'outputs'>,
  spec: string,
): SoundDevices {
  const { capture, playback } = namesIn(spec);
  return { backend, inputs: short(inputs, capture), outputs: short(outputs, playback) };
}

/** What hears a speaker comes last: few people mean it. */
function short(devices: readonly SoundDevice[], wanted: string | undefined): SoundDevice[] {
  const chosen = wanted === undefined ? undefined : chosenOf(devices, wanted)?.name;
  const sorted = [...devices].sort((a, b) => Number(a.isMonitor) - Number(b.isMonitor));
  const cut = (text: string): string => text.slice(0, DEVICE_NAME_LENGTH_MAX);
  return sorted.slice(0, DEVICES_LISTED_MAX).map((one) => ({
    ...one,
    name: cut(one.name),
    description: cut(one.description),
    isChosen: one.name === chosen,
  }));
}
