/**
 * From the SPEC of the contract to an open microphone and speaker. Nothing here fails: a side that cannot be opened
 * becomes silence and one failure with the true cause, and the call goes on.
 *
 * `default` and `device:NAME` take a PulseAudio or PipeWire server if one answers, else PortAudio, else nothing;
 * `WREN_AUDIO_BACKEND=pulse|portaudio|none` forces one of them. `voice-io.ts` calls this at the start of a call and
 * again when a device was lost.
 */
import { type AudioSpec, type Capture, type DeviceEvents, type Playback, parseAudioSpec } from './device.ts';
import { openFileCapture, openFilePlayback } from './device-file.ts';
import { noCapture, noPlayback } from './device-none.ts';
import { findPortAudioDevice, hasPortAudio, openPortAudioCapture, openPortAudioPlayback } from './device-portaudio.ts';
import { findPulse, findPulseDevice, openPulseCapture, openPulsePlayback } from './device-pulse.ts';
import { AudioFailure, asAudioFailure } from './failure.ts';

/** How to open the two sides; either may throw or reject with AudioFailure. */
interface Way {
  capture(events: DeviceEvents): Capture | Promise<Capture>;
  playback(events: DeviceEvents): Playback | Promise<Playback>;
}

export type Side = 'capture' | 'playback';

/** The sides that were asked for. */
export interface OpenedDevices {
  readonly capture: Capture | undefined;
  readonly playback: Playback | undefined;
  /** What was asked for and could not be had, each cause once. */
  readonly failures: readonly AudioFailure[];
}

const SILENT: Way = { capture: noCapture, playback: noPlayback };

/** Opens the sides for which there are `events`. Never rejects. */
export async function openDevices(
  specText: string,
  env: { readonly [name: string]: string | undefined },
  events: { readonly [side in Side]: DeviceEvents | undefined },
  resumeMs = 0,
): Promise<OpenedDevices> {
  const failures: AudioFailure[] = [];
  const note = (thrown: unknown): void => {
    const failure = asAudioFailure(thrown, 'audio-no-device');
    if (failures.every((known) => known.message !== failure.message)) failures.push(failure);
  };
  let way = SILENT;
  try {
    way = await findWay(parseAudioSpec(specText), env, resumeMs);
  } catch (thrown) {
    note(thrown);
  }
  // One after the other: PortAudio blocks while it opens, and two refusals of one cause shall be told once.
  const { capture: forCapture, playback: forPlayback } = events;
  const capture = forCapture && (await attempt(() => way.capture(forCapture), noCapture, note));
  const playback = forPlayback && (await attempt(() => way.playback(forPlayback), noPlayback, note));
  return { capture, playback, failures };
}

async function attempt<T>(open: () => T | Promise<T>, otherwise: () => T, note: (thrown: unknown) => void): Promise<T> {
  try {
    return await open();
  } catch (thrown) {
    note(thrown);
    return otherwise();
  }
}

async function findWay(
  spec: AudioSpec,
  env: { readonly [name: string]: string | undefined },
  resumeMs: number,
): Promise<Way> {
  switch (spec.type) {
    case 'none':
      return SILENT;
    case 'file':
      return fileWay(spec.input, spec.output, resumeMs);
    case 'socket':
      throw new AudioFailure('audio-unsupported', `socket:${spec.path}: forwarded audio is not in this version`);
    case 'default':
      return cardWay(undefined, env);
    case 'device':
      return cardWay(spec.name, env);
  }
}

function fileWay(input: string | undefined, output: string | undefined, resumeMs: number): Way {
  return {
    capture: (events) => (input === undefined ? noCapture() : openFileCapture(input, events, resumeMs)),
    playback: (events) => (output === undefined ? noPlayback() : openFilePlayback(output, input, events, resumeMs)),
  };
}

async function cardWay(name: string | undefined, env: { readonly [name: string]: string | undefined }): Promise<Way> {
  const forced = env.WREN_AUDIO_BACKEND;
  if (forced === 'none') return SILENT;
  if (forced !== 'portaudio') {
    const way = await pulseWay(name, env);
    if (way) return way;
    if (forced === 'pulse') throw new AudioFailure('audio-no-device', 'no PulseAudio or PipeWire server answers');
  }
  if (!hasPortAudio()) {
    throw new AudioFailure(
      'audio-no-device',
      'no PulseAudio or PipeWire server answers, and PortAudio (the optional package naudiodon) is not installed',
    );
  }
  return portAudioWay(name);
}

async function pulseWay(
  name: string | undefined,
  env: { readonly [name: string]: string | undefined },
): Promise<Way | undefined> {
  const pulse = await findPulse(env);
  if (!pulse) return undefined;
  const source = name === undefined ? undefined : await findPulseDevice(pulse, 'source', name);
  const sink = name === undefined ? undefined : await findPulseDevice(pulse, 'sink', name);
  if (name !== undefined && source === undefined && sink === undefined) throw unknownDevice(name);
  return {
    capture: (events) => openPulseCapture(pulse, source, events),
    playback: (events) => openPulsePlayback(pulse, sink, events),
  };
}

function portAudioWay(name: string | undefined): Way {
  const source = name === undefined ? undefined : findPortAudioDevice('source', name);
  const sink = name === undefined ? undefined : findPortAudioDevice('sink', name);
  if (name !== undefined && source === undefined && sink === undefined) throw unknownDevice(name);
  return {
    capture: (events) => openPortAudioCapture(source, events),
    playback: (events) => openPortAudioPlayback(sink, events),
  };
}

/** A name that fits one side only (a USB microphone) leaves the other side its default. */
function unknownDevice(name: string): AudioFailure {
  return new AudioFailure('audio-no-device', `no microphone or speaker is called "${name}"`);
}
