/**
 * Which screen a profile wants: one setting of `settings-file.ts`, read without that file's libraries, since `wren` asks before
 * it has loaded anything.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROFILE_FILE_BYTES_MAX } from '../net/protocol/params.ts';
import { SETTINGS_FILE } from './profile-folder.ts';
import { DEFAULT_SCREEN_SETTINGS, SCREEN_MODES, type ScreenSettings } from './screen-settings.ts';

/** For whoever is about to open a screen; the default where there is no setting, or none that makes sense. Never throws. */
export function screenModeOf(profileDir: string): ScreenSettings['screenMode'] {
  let stored: unknown;
  try {
    const text = readFileSync(join(profileDir, SETTINGS_FILE), 'utf8');
    if (text.length <= PROFILE_FILE_BYTES_MAX) stored = JSON.parse(text)?.screenMode;
  } catch {
    // A file that cannot be read is told of by the agent.
  }
  return SCREEN_MODES.find((mode) => mode === stored) ?? DEFAULT_SCREEN_SETTINGS.screenMode;
}
