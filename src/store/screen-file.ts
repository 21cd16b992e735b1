/**
 * What a person chose for the screen: `screen.json` in the profile, which they may edit. Kept apart from the agent's
 * settings, for the screen alone reads it (`tui/preferences.ts` judges what stands in it). Two screens at once: each
 * change is put into what the file holds then.
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { readJsonFile, writeJsonFile } from './json-file.ts';

const SCREEN_FILE = 'screen.json';

const Stored = v.record(v.string(), v.unknown());

/** Reads and changes the file. A file that is no JSON is kept aside, once, and counts as empty. */
export function openScreenFile(profileDir: string): {
  /** `problem`: one sentence on a file that was kept aside; else empty. */
  read(): { readonly stored: unknown; readonly problem: string };
  /** Throws `Refusal('disk-full')`; the old file is then untouched. */
  write(change: Readonly<Record<string, unknown>>): void;
} {
  const path = join(profileDir, SCREEN_FILE);
  return {
    read: () => {
      const { value, notice } = readJsonFile(path, Stored);
      return { stored: value ?? {}, problem: notice === undefined ? '' : `A damaged file: ${notice.detail}.` };
    },
    write: (change) => writeJsonFile(path, { ...readJsonFile(path, Stored).value, ...change }),
  };
}
