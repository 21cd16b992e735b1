/**
 * Which microphones and speakers this machine has, by which name each can be chosen (`device:NAME`), and which is the
 * default. Of the backend that a call would use. Runs in a voice child of its own (`voice.cjs --devices`), because PortAudio is
 * native code and prints; the agent asks for `wren sound devices` and for the screen.
 */
import { namesIn, wantedIn } from './device.ts';
import { listPortAudio } from './device-portaudio.ts';
import { findPulse, lookAtPulse } from './device-pulse.ts';
import { chosenOf, chosenPair, microphonesFirst, type PulseDevices } from './device-pulse-devices.ts';
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
    if (pulse) return ofPulse(await lookAtPulse(pulse), spec);
    if (forced === 'pulse') return nothing;
    return ofPortAudio(listPortAudio(), spec);
  } catch {
    return nothing;
  }
}

function ofPulse(devices: PulseDevices, spec: string): SoundDevices {
  const chosen = chosenPair(devices, wantedIn(spec));
  const { source, sink } = devices.defaults;
  return {
    backend: 'pulse',
    inputs: short(microphonesFirst(devices.sources), chosen.capture, source),
    outputs: short(devices.sinks, chosen.playback, sink),
  };
}

function ofPortAudio({ inputs, outputs }: Pick<SoundDevices, 'inputs' | 'outputs'>, spec: string): SoundDevices {
  const { capture, playback } = namesIn(spec);
  const nameOf = (side: readonly SoundDevice[], wanted: string | undefined): string | undefined =>
    wanted === undefined ? undefined : chosenOf(side, wanted)?.name;
  return {
    backend: 'portaudio',
    inputs: short(inputs, nameOf(inputs, capture)),
    outputs: short(outputs, nameOf(outputs, playback)),
  };
}

/** `theDefault`: where it is not told with the devices. */
function short(devices: readonly SoundDevice[], chosen: string | undefined, theDefault?: string): SoundDevice[] {
  const cut = (text: string): string => text.slice(0, DEVICE_NAME_LENGTH_MAX);
  return devices.slice(0, DEVICES_LISTED_MAX).map(({ name, description, isDefault, isMonitor }) => ({
    name: cut(name),
    description: cut(description),
    isDefault: theDefault === undefined ? isDefault : name === theDefault,
    isMonitor,
    isChosen: name === chosen,
  }));
}
