/**
 * Which folder is the profile, and where its settings stand: what whoever opens a screen asks before anything else is loaded. So
 * nothing is imported here that the first picture could do without. The profile itself is `profile-file.ts`.
 */
import { resolve } from 'node:path';
import envPaths from 'env-paths';

/** In the profile (`settings-file.ts`). */
export const SETTINGS_FILE = 'settings.json';

/** The folder that `--profile`, `WREN_PROFILE` or the system's convention names, in this order; absolute. */
export function profileFolder(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const asked = flag || env.WREN_PROFILE;
  return asked ? resolve(asked) : envPaths('wren', { suffix: '' }).config;
}
