/** What line mode is given: the way to the agent, the streams, and the voice in which it speaks. `bin/lines.ts` makes it. */
import type { FailureCode } from '../../net/protocol/failures.ts';
import type { AgentConnection } from '../../store/agent-client.ts';
import type { PreferencesStore } from '../preferences.ts';
import type { Voice } from './voice.ts';

export interface LineInput {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
  resume(): unknown;
  pause(): unknown;
  on(event: 'data', listener: (bytes: Buffer) => void): unknown;
  on(event: 'end' | 'close' | 'error', listener: () => void): unknown;
}

export interface LineOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
  on(event: 'error', listener: () => void): unknown;
}

export interface LinesOptions {
  /** Gives a connection whose `hello` is done; asked again, after a pause, whenever the agent goes away. */
  readonly connect: () => Promise<AgentConnection>;
  /** What the screen keeps: who stands in which group of the list. */
  readonly preferences?: PreferencesStore;
  readonly stdin: LineInput;
  readonly stdout: LineOutput;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly voice: Voice;
  readonly initialHint?: string | undefined;
  readonly audio?: string | undefined;
  /** The exit code of the contract for a refusal. */
  readonly exitOf: (code: FailureCode) => number;
}
