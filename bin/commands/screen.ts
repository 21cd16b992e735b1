/**
 * `wren` without a command: the screen, or line mode for whoever wants it, or where no screen can be drawn. On a first run both
 * walk the person in by themselves.
 */
import { screenModeOf } from '../../src/store/settings-file.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Invocation } from './invocation.ts';
import { runProgram } from './programs.ts';
import { UsageProblem } from './usage.ts';

/** Which face `wren` shows. */
export type ScreenKind = 'full' | 'plain' | 'screen-reader';

export interface ScreenFlags {
  readonly plain?: boolean;
  readonly screenReader?: boolean;
}

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

/** A flag decides, then the environment, then the setting; where nothing can be drawn there are lines in any case. */
export function screenKind(
  { plain, screenReader }: ScreenFlags,
  env: NodeJS.ProcessEnv,
  setting: ScreenKind | 'auto',
  isTerminal: boolean,
): ScreenKind {
  if (screenReader) return 'screen-reader';
  if (plain) return 'plain';
  if (isOn(env.WREN_SCREEN_READER) || isOn(env.INK_SCREEN_READER)) return 'screen-reader';
  if (setting === 'screen-reader' || setting === 'plain') return setting;
  return isTerminal && env.TERM !== 'dumb' ? 'full' : 'plain';
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !/^(|0|false|no|off)$/i.test(value);
}

export function hasTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}
