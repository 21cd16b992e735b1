/**
 * Sound as the agent keeps it: echo, noise and gain that a person wants are settings of the profile; what is done now,
 * and with which devices, is told by the voice end of the running call; which there are, by a process that looks. All stands in `AppState.audio`. `agent.ts` hands in the command
 * `sound.set`, `agent-calls.ts` what a voice end tells.
 */
import type { DevicesInUse, FromVoice, SoundDevice, SoundFilters, SoundSettings } from '../audio/port.ts';
import type { AgentCore } from './agent-core.ts';
import { adviceFor } from './audio-advice.ts';
import type { AgentCommand, SoundDevicesReport } from './port.ts';
import { type Settings, soundOf } from './settings-file.ts';
import type { AudioReport } from './state.ts';

type SoundChange = Omit<Extract<AgentCommand, { type: 'sound.set' }>, 'type'>;

export function soundSettings(core: AgentCore): SoundSettings {
  return soundOf(core.options.profile.settings.get());
}

/** Remembers the change and tells it; gives all as it is now. Throws `Refusal('disk-full')`. */
export function changeSound(
  core: AgentCore,
  { echo, noise, gain, headphones, inputGainDb }: SoundChange,
): SoundSettings {
  const change: Partial<Settings> = {
    ...(echo === undefined ? {} : { echo }),
    ...(noise === undefined ? {} : { noise }),
    ...(gain === undefined ? {} : { gain }),
    ...(headphones === undefined ? {} : { headphones }),
    ...(inputGainDb === undefined ? {} : { inputGainDb }),
  };
  if (Object.keys(change).length > 0) core.options.profile.settings.set(change);
  const sound = soundSettings(core);
  core.emit({ type: 'audio.changed', audio: { ...core.state.audio, sound } });
  return sound;
}

/** A voice end told whether the system serves it before others. */
export function priorityTold(core: AgentCore, { raised }: Extract<FromVoice, { type: 'hello' }>): void {
  if (raised === undefined) return;
  core.emit({ type: 'audio.changed', audio: { ...core.state.audio, priority: raised ? 'raised' : 'not allowed' } });
}

/** A voice end told which devices and codec it has. */
export function devicesTold(core: AgentCore, ready: Extract<FromVoice, { type: 'ready' }>): void {
  const { codec, capture, playback } = ready;
  const backend = playback === 'none' ? capture : playback;
  const advice = adviceFor({ codec, backend });
  core.emit({ type: 'audio.changed', audio: { ...core.state.audio, codec, backend, advice, problem: '' } });
}

/** A voice end told what it does with the sound, or through which devices it goes. */
export function soundTold(core: AgentCore, message: Extract<FromVoice, { type: 'filters' | 'using' }>): void {
  const { audio } = core.state;
  const { type, ...told } = message;
  if (type === 'using') core.emit({ type: 'audio.changed', audio: { ...audio, using: told as DevicesInUse } });
  else core.emit({ type: 'audio.changed', audio: { ...audio, ...filtersOf(audio, told as SoundFilters) } });
}

function filtersOf(audio: AudioReport, { filter, ...filters }: SoundFilters): Pick<AudioReport, 'filter' | 'filters'> {
  // A call from a file uses none, which says nothing of what the next one would use.
  const known = filter === 'none' ? audio.filter : filter;
  return { ...(known === undefined ? {} : { filter: known }), filters };
}

/** Asks what there is, and marks what the running call uses. */
export async function listDevices(core: AgentCore): Promise<SoundDevicesReport> {
  const { spec } = core.state.audio;
  const found = await core.options.listDevices?.(spec);
  const { backend, inputs, outputs } = found ?? { backend: 'none', inputs: [], outputs: [] };
  const { using } = core.state.audio;
  const marked = (devices: readonly SoundDevice[], name: string | null | undefined) =>
    devices.map((device) => ({ ...device, inUse: device.name === name }));
  return { spec, backend, inputs: marked(inputs, using?.input), outputs: marked(outputs, using?.output) };
}

/** No call is left: nothing is done with any sound. */
export function soundEnded(core: AgentCore): void {
  const { filters, using, ...audio } = core.state.audio;
  if (filters || using) core.emit({ type: 'audio.changed', audio });
}
