/**
 * `wren` without a command: the screen, or line mode for whoever wants it, or where no screen can be drawn. On a first run both
 * walk the person in by themselves.
 */
import { screenModeOf } from '../../src/store/screen-mode-file.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Invocation } from './invocation.ts';
import { runProgram } from './programs.ts';
import { hasTerminal, type ScreenFlags, screenKind } from './screen-kind.ts';
import { UsageProblem } from './usage.ts';

/** One line shown below, for a person who is here for the first time: at the screen, and in line mode. */
export interface FirstHint {
  readonly keys: string;
  readonly words: string;
}

export function openScreen(invocation: Invocation, flags: ScreenFlags, hint?: FirstHint): Promise<ExitCode> {
  const { output, audio, profileDir, env, sessionTrouble } = invocation;
  if (output.json) throw new UsageProblem('the screen has no JSON', 'wren status --json, or wren help');
  const kind = screenKind(flags, env, screenModeOf(profileDir), hasTerminal());
  const isFull = kind === 'full';
  const words = hint === undefined ? sessionTrouble : isFull ? hint.keys : hint.words;
  return runProgram(invocation, isFull ? 'screen' : 'lines', [
    ...(isFull ? [] : ['--voice', kind]),
    ...(audio === undefined ? [] : ['--audio', audio]),
    ...(words === undefined ? [] : ['--hint', words]),
  ]);
}
