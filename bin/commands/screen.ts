/** `wren` without a command: the screen. It needs a terminal; on a first run it walks the person in by itself. */
import type { ExitCode } from './exit-codes.ts';
import type { Invocation } from './invocation.ts';
import { runProgram } from './programs.ts';
import { UsageProblem } from './usage.ts';

/** `hint` is one line shown below, for a person who is here for the first time. */
export function openScreen(invocation: Invocation, hint?: string): Promise<ExitCode> {
  const { output, audio, sessionTrouble } = invocation;
  const words = hint ?? sessionTrouble;
  if (output.json) throw new UsageProblem('the screen has no JSON', 'wren status --json, or wren help');
  if (!hasTerminal()) throw new UsageProblem('the screen needs a terminal', 'wren status, or wren help');
  return runProgram(invocation, 'screen', [
    ...(audio === undefined ? [] : ['--audio', audio]),
    ...(words === undefined ? [] : ['--hint', words]),
  ]);
}

export function hasTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}
