/**
 * From the SPEC of the contract to an open microphone and speaker. Nothing here fails: a side that cannot be opened
 * becomes silence and one failure with the true cause, and the call goes on. Where a chosen device is not there, the default
 * is opened, and that is said too.
 *
 * `default` and `device:NAME` take a PulseAudio or PipeWire server if one answers, else PortAudio, else nothing;
 * `WREN_AUDIO_BACKEND=pulse|portaudio|none` forces one of them. `call-devices-io.ts` calls this at the start of a call and
 * again when a device was lost or has come back.
 */
import {
  type Capture,
  type DeviceEvents,
  namesIn,
  type Playback,
  parseAudioSpec,
  type Wanted,
  wantedIn,
} from './device.ts';
import { openFileCapture, openFilePlayback } from './device-file.ts';
import { noCapture, noPlayback } from './device-none.ts';
import { findPortAudioDevice, hasPortAudio, openPortAudioCapture, openPortAudioPlayback } from './device-portaudio.ts';
import { findPulse, lookAtPulse, openPulseCapture, openPulsePlayback, type Pulse, watchPulse } from './device-pulse.ts';
import { chosenPair } from './device-pulse-devices.ts';
import { AudioFailure, asAudioFailure } from './failure.ts';

/** How to open the two sides; either may throw or reject with AudioFailure. */
interface Way {
  capture(events: DeviceEvents): Capture | Promise<Capture>;
  playback(events: DeviceEvents): Playback | Promise<Playback>;
  readonly found?: FoundSides;
}

interface FoundSides {
  /** Sides that a chosen device is there for. */
  readonly chosen: readonly Side[];
  /** Sides on which the default stands in for a chosen device that is not there. */
  readonly absent: readonly Side[];
}

type Environment = { readonly [name: string]: string | undefined };
export type Side = 'capture' | 'playback';
export const SIDES: readonly Side[] = ['capture', 'playback'];

/** The sides that were asked for. */
export interface OpenedDevices extends FoundSides {
  readonly capture: Capture | undefined;
  readonly playback: Playback | undefined;
  /** What was asked for and could not be had, each cause once. */
  readonly failures: readonly AudioFailure[];
}

/** Where the sound server has what was chosen, and what it takes otherwise; undefined where nothing is. */
export interface Places {
  readonly chosen: { readonly [side in Side]: string | undefined };
  readonly defaults: { readonly [side in Side]: string | undefined };
}

const SILENT: Way = { capture: noCapture, playback: noPlayback };

/** Opens the sides for which there are `events`. Never rejects. */
export async function openDevices(
  specText: string,
  env: Environment,
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
    way = await findWay(specText, env, resumeMs);
  } catch (thrown) {
    note(thrown);
  }
  // One after the other: PortAudio blocks while it opens, and two refusals of one cause shall be told once.
  const { capture: forCapture, playback: forPlayback } = events;
  const capture = forCapture && (await attempt(() => way.capture(forCapture), noCapture, note));
  const playback = forPlayback && (await attempt(() => way.playback(forPlayback), noPlayback, note));
  return { capture, playback, failures, chosen: [], absent: [], ...way.found };
}

async function attempt<T>(open: () => T | Promise<T>, otherwise: () => T, note: (thrown: unknown) => void): Promise<T> {
  try {
    return await open();
  } catch (thrown) {
    note(thrown);
    return otherwise();
  }
}

async function findWay(specText: string, env: Environment, resumeMs: number): Promise<Way> {
  const spec = parseAudioSpec(specText);
  switch (spec.type) {
    case 'none':
      return SILENT;
    case 'file':
      return fileWay(spec.input, spec.output, resumeMs);
    case 'socket':
      // `voice-io.ts` takes it before: there are no devices here.
      return SILENT;
    default:
      return cardWay(wantedIn(specText), env);
  }
}

function fileWay(input: string | undefined, output: string | undefined, resumeMs: number): Way {
  return {
    capture: (events) => (input === undefined ? noCapture() : openFileCapture(input, events, resumeMs)),
    playback: (events) => (output === undefined ? noPlayback() : openFilePlayback(output, input, events, resumeMs)),
  };
}

async function cardWay(wanted: Wanted, env: Environment): Promise<Way> {
  const forced = env.WREN_AUDIO_BACKEND;
  if (forced === 'none') return SILENT;
  if (forced !== 'portaudio') {
    const pulse = await findPulse(env);
    if (pulse) return pulseWay(pulse, wanted);
    if (forced === 'pulse') throw new AudioFailure('audio-no-device', 'no PulseAudio or PipeWire server answers');
  }
  if (!hasPortAudio()) {
    throw new AudioFailure(
      'audio-no-device',
      'no PulseAudio or PipeWire server answers, and PortAudio (the optional package naudiodon) is not installed',
    );
  }
  return portAudioWay(wanted);
}

async function pulseWay(pulse: Pulse, wanted: Wanted): Promise<Way> {
  const isChosen = wanted.capture !== undefined || wanted.playback !== undefined;
  const { capture, playback } = isChosen ? chosenPair(await lookAtPulse(pulse), wanted) : wanted;
  return {
    capture: (events) => openPulseCapture(pulse, { capture, playback }, events),
    playback: (events) => openPulsePlayback(pulse, playback, events),
    found: foundSides(wanted, { capture, playback }),
  };
}

function portAudioWay(wanted: Wanted): Way {
  const capture = wanted.capture === undefined ? undefined : findPortAudioDevice('source', wanted.capture);
  const playback = wanted.playback === undefined ? undefined : findPortAudioDevice('sink', wanted.playback);
  return {
    capture: (events) => openPortAudioCapture(capture, events),
    playback: (events) => openPortAudioPlayback(playback, events),
    found: foundSides(wanted, { capture, playback }),
  };
}

function foundSides(wanted: Wanted, found: { readonly [side in Side]: unknown }): FoundSides {
  const chosen = SIDES.filter((side) => wanted[side] !== undefined && found[side] !== undefined);
  const absent = SIDES.filter((side) => wanted[side] !== undefined && found[side] === undefined);
  return { chosen, absent: wanted.either && chosen.length > 0 ? [] : absent };
}

/** What a person reads after the sentence on an absent device: what was chosen for these sides. */
export function chosenWords(specText: string, sides: readonly Side[]): string {
  const { capture, playback } = namesIn(specText);
  const names = sides.map((side) => (side === 'capture' ? capture : playback));
  return [...new Set(names)].map((name) => `"${name}"`).join(', ');
}

/** Looks at the sound server; undefined without one, or where no card is meant. Never rejects. */
export async function findPlaces(specText: string, env: Environment): Promise<Places | undefined> {
  const pulse = await pulseOf(specText, env);
  if (!pulse) return undefined;
  try {
    const devices = await lookAtPulse(pulse);
    const { source: capture, sink: playback } = devices.defaults;
    return { chosen: chosenPair(devices, wantedIn(specText)), defaults: { capture, playback } };
  } catch {
    return undefined;
  }
}

/** Watches the sound server for devices that come and go; undefined where there is none. Never rejects. */
export async function watchPlaces(
  specText: string,
  env: Environment,
  told: { readonly onChange: () => void; readonly onEnd: () => void },
): Promise<{ end(): void } | undefined> {
  const pulse = await pulseOf(specText, env);
  return pulse && (await watchPulse(pulse, told).catch(() => undefined));
}

/** True for SPECs that mean a sound card. */
export function isCardSpec(specText: string): boolean {
  return /^(default$|device:)/.test(specText);
}

async function pulseOf(specText: string, env: Environment): Promise<Pulse | undefined> {
  const forced = env.WREN_AUDIO_BACKEND;
  if (!isCardSpec(specText) || forced === 'portaudio' || forced === 'none') return undefined;
  return findPulse(env);
}
