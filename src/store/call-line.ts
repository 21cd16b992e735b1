/**
 * What the agent knows of a call besides what the screen shows: its voice end and what a new one must be told. Kept by
 * `agent-calls.ts`, from the first word of a call to its last.
 */
import type { OrdinaryNodeEvent } from '../net/index.ts';
import type { Refusal } from '../net/protocol/failures.ts';
import type { LegTalkers } from './agent-legs.ts';
import { MicrophoneWatch } from './microphone-watch.ts';
import type { VoiceEnd } from './voice-end.ts';

export type Totals = Extract<OrdinaryNodeEvent, { type: 'media-totals' }>['totals'];

/** Kept by `agent-recording.ts`. */
export interface Recording {
  readonly path: string;
  /** Monotonic ms. */
  readonly startedAt: number;
  /** A voice end has opened the file. */
  confirmed: boolean;
  /** For whoever waits for that. */
  opened: ((refusal: Refusal | undefined) => void) | undefined;
}

export interface Line {
  spec: string;
  voice: VoiceEnd | undefined;
  started: boolean;
  /** When voice ends were made, oldest first, monotonic ms. */
  readonly made: number[];
  /** Monotonic ms since the epoch, as the voice child counts. */
  answeredAt: number;
  /** How long sound was already made before a restart, ms: a file goes on from there. */
  voiceStartedAt: number;
  heardFirst: boolean;
  /** The voice end has a real one: a file plays on whoever listens. */
  hasMicrophone: boolean;
  readonly watch: MicrophoneWatch;
  recording: Recording | undefined;
  /** What bodies are to consist of; undefined: what they begin with. */
  rung: Extract<OrdinaryNodeEvent, { type: 'rung' }>['rung'] | undefined;
  totals: Totals | undefined;
  /** Of a conference: its legs. */
  talkers: LegTalkers | undefined;
  /** What was done because the laptop of `wren ssh` went away, to be undone when one comes. */
  parted: 'mute' | 'hold' | undefined;
}

/** The words of the port, as the node knows them. */
export const NODE_COMMAND = {
  'call.hang-up': 'hang-up',
  'call.hold': 'hold',
  'call.resume': 'resume',
  'call.mute': 'mute',
  'call.unmute': 'unmute',
} as const;

/** A call that has no voice end yet. */
export function newLine(spec: string): Line {
  return {
    spec,
    voice: undefined,
    started: false,
    made: [],
    answeredAt: 0,
    voiceStartedAt: 0,
    heardFirst: false,
    hasMicrophone: false,
    watch: new MicrophoneWatch(),
    recording: undefined,
    rung: undefined,
    totals: undefined,
    talkers: undefined,
    parted: undefined,
  };
}

/** Another card was chosen: calls that went by the old choice, or by a laptop, move there. A file belongs to the call that began with it. */
export function moveLines(lines: ReadonlyMap<string, Line>, spec: string, before: string): void {
  if (!isCard(spec)) return;
  for (const [call, line] of lines) {
    const moves = line.spec.startsWith('socket:') || (line.spec === before && isCard(before));
    if (!moves || line.spec === spec) continue;
    line.spec = spec;
    if (line.started) line.voice?.tell({ type: 'start', spec, call });
  }
}

function isCard(spec: string): boolean {
  return spec === 'default' || spec.startsWith('device:');
}
