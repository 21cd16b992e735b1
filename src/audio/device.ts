/**
 * What a microphone and a speaker are to the rest of this room, and the SPEC of the contract that chooses them.
 * `device-*.ts` implement the two interfaces, `device-choice.ts` opens them, `voice-engine.ts` reads and writes.
 */
import { AudioFailure } from './failure.ts';
import { DEVICE_NAME_LENGTH_MAX } from './params.ts';
import type { BackendKind } from './port.ts';

export interface Capture {
  readonly kind: BackendKind;
  /**
   * True: the device has a clock of its own and calls `onFrame` each time a frame is ready; that is the pace of the
   * call. False: a frame can be read at any time, and the clock of the machine is the pace.
   */
  readonly paced: boolean;
  /** The next 20 ms (320 samples), or undefined when there is none yet or any more. Valid until the next call. */
  read(): Int16Array | undefined;
  /** Estimated delay from the air to `read`, ms. */
  readonly delayMs: number;
  /** Name of the device as its backend tells it now; undefined where it does not. */
  readonly name?: string | undefined;
  /** Frames thrown away because nobody read them in time. */
  readonly overruns: number;
  /** Lets go of the device. Never rejects. */
  close(): Promise<void>;
}

export interface Playback {
  readonly kind: BackendKind;
  /** 20 ms (320 samples) for the speaker, once a tick; copied. */
  write(pcm: Int16Array): void;
  /**
   * Where a device makes frames longer or shorter or leaves some out: what the last `write` really sent, undefined when
   * nothing.
   * Absent: always what it was given. Valid until the next `write`.
   */
  sent?(): Int16Array | undefined;
  /** Estimated delay from `write` to the air, ms. */
  readonly delayMs: number;
  readonly name?: string | undefined;
  /** Times that the speaker had nothing to play. */
  readonly underruns: number;
  /** Plays or writes what it has and lets go of the device. Never rejects. */
  close(): Promise<void>;
}

/** What devices tell while open. Each is called from the event loop, never from inside `read` or `write`. */
export interface DeviceEvents {
  /** A paced capture has another frame. */
  onFrame(): void;
  /** The IN file has been played to its end. */
  onInputEnded(): void;
  /** The device is gone or failed, once; it stays silent from here and should be closed. */
  onLost(failure: AudioFailure): void;
  /** The sound server moved the stream to another device; `name` of it has changed. */
  onMoved?(): void;
}

export type AudioSpec =
  | { readonly type: 'default' }
  | { readonly type: 'none' }
  /** Of a name that fits one side only the other side is the default. */
  | { readonly type: 'device'; readonly name: string }
  /** Undefined: the default. */
  | { readonly type: 'devices'; readonly input: string | undefined; readonly output: string | undefined }
  /** One of the two may be undefined. */
  | { readonly type: 'file'; readonly input: string | undefined; readonly output: string | undefined }
  | { readonly type: 'socket'; readonly path: string };

/**
 * Reads `default`, `none`, `device:NAME`, `device:MIC|SPEAKER`, `file:IN.wav[,OUT.wav]`, `socket:PATH`. The first comma parts
 * IN from OUT; either of two may be empty.
 * Throws AudioFailure 'audio-spec-malformed'.
 */
export function parseAudioSpec(text: string): AudioSpec {
  if (text === 'default' || text === 'none') return { type: text };
  const colon = text.indexOf(':');
  const kind = text.slice(0, Math.max(0, colon));
  const rest = text.slice(colon + 1);
  if (colon < 0 || rest === '' || rest.includes('\0')) throw malformed(text);
  if (kind === 'device' && rest.length <= DEVICE_NAME_LENGTH_MAX) return deviceSpec(text, rest);
  if (kind === 'socket') return { type: 'socket', path: rest };
  if (kind !== 'file') throw malformed(text);
  const comma = rest.indexOf(',');
  const input = comma < 0 ? rest : rest.slice(0, comma);
  const output = comma < 0 ? '' : rest.slice(comma + 1);
  if (input === '' && output === '') throw malformed(text);
  return { type: 'file', input: input === '' ? undefined : input, output: output === '' ? undefined : output };
}

/** The names that a SPEC chooses for the two sides; undefined: none, also of a SPEC that is none. */
export function namesIn(text: string): { readonly capture: string | undefined; readonly playback: string | undefined } {
  try {
    const spec = parseAudioSpec(text);
    if (spec.type === 'device') return { capture: spec.name, playback: spec.name };
    if (spec.type === 'devices') return { capture: spec.input, playback: spec.output };
  } catch {
    // Told when it is opened.
  }
  return { capture: undefined, playback: undefined };
}

/** Names as a SPEC chooses them; undefined: the default. */
export interface Wanted {
  readonly capture: string | undefined;
  readonly playback: string | undefined;
  /** One name for both: where it fits one side only (a USB microphone) the other is meant to be the default. */
  readonly either: boolean;
}

export function wantedIn(text: string): Wanted {
  return { ...namesIn(text), either: !text.includes('|') };
}

/** The place of a forwarded endpoint that the SPEC names; undefined of every other SPEC. */
export function socketIn(text: string): string | undefined {
  return /^socket:[^\0]+$/.test(text) ? text.slice(7) : undefined;
}

function deviceSpec(text: string, rest: string): AudioSpec {
  const bar = rest.indexOf('|');
  if (bar < 0) return { type: 'device', name: rest };
  const [input, output] = [rest.slice(0, bar), rest.slice(bar + 1)];
  if (input === '' && output === '') throw malformed(text);
  return { type: 'devices', input: input || undefined, output: output || undefined };
}

function malformed(text: string): AudioFailure {
  return new AudioFailure('audio-spec-malformed', `"${text.slice(0, 200)}"`);
}
