/**
 * What the agent knows of sound: somebody who makes voice bodies and takes them. Usually that is the voice child
 * (`agent-voice-io.ts`); for a service it is an echo without a sound card (`agent-echo-io.ts`); in tests a script.
 */
import type { FromVoice, ToVoice } from '../audio/port.ts';
import type { Call } from './state.ts';

export interface VoiceEvents {
  /** A voice body to send to this talker (0 in a call of two); the receiver owns the buffer. */
  readonly onBody: (body: Buffer, talker: number) => void;
  readonly onMessage: (message: FromVoice) => void;
  /** It died without being told to. `why`: the signal, the exit code, or why it could not begin. */
  readonly onDeath: (why: string) => void;
}

export interface VoiceEnd {
  /** Of the process; null for one that is none. */
  readonly pid: number | null;
  tell(message: ToVoice): void;
  /** `arrivalMs` on the clock of `performance.timeOrigin + performance.now()`; of this talker, 0 when not said. The body is copied. */
  play(arrivalMs: number, body: Buffer, talker?: number): void;
  /** Finishes recordings and ends; resolves when it is gone. No event follows. */
  stop(): Promise<void>;
}

export type MakeVoice = (events: VoiceEvents) => VoiceEnd;

/** What a voice end must know of the way its call takes. */
export function wayOf(path: NonNullable<Call['path']>): Extract<ToVoice, { type: 'way' }> {
  return { type: 'way', stream: path === 'tcp' || path === 'tcp443' };
}

/** Tells a voice end that starts in the middle of a call how that stands. */
export function tellState(voice: VoiceEnd, call: Pick<Call, 'phase' | 'path'>): void {
  if (call.phase === 'held') voice.tell({ type: 'hold', on: true });
  if (call.path) voice.tell(wayOf(call.path));
}
