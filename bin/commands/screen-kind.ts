/**
 * Which face `wren` shows, judged from flags, environment, setting and terminal: for the command `wren` alone, and for the launcher,
 * which opens the screen before any command is loaded (`bin/launch.ts`).
 */
import type { ScreenSettings } from '../../src/store/screen-settings.ts';

export type ScreenKind = 'full' | 'plain' | 'screen-reader';

export interface ScreenFlags {
  readonly plain?: boolean;
  readonly screenReader?: boolean;
}

/** A flag decides, then the environment, then the setting; where nothing can be drawn there are lines in any case. */
export function screenKind(
  { plain, screenReader }: ScreenFlags,
  env: NodeJS.ProcessEnv,
  setting: ScreenSettings['screenMode'],
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
