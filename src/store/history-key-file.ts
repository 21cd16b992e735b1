/**
 * Which entry of the system's secret store holds the key of this profile's histories: `history-key.json`. The key itself is
 * never in a file. The name of the entry follows from the place of the folder, so a file that is lost or damaged costs
 * nothing as long as the folder stays where it is; the file is what lets the folder move.
 */
import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import type { ProfileNotice } from './damaged-file.ts';
import { readJsonFile, writeJsonFile } from './json-file.ts';
import type { DatabaseKey } from './sqlite-db.ts';

export const HISTORY_KEY_FILE = 'history-key.json';
export const HISTORY_KEY_BYTES = 32;
const CHECK_BYTES = 8;

const Stored = v.object({
  entry: v.pipe(v.string(), v.regex(/^profile-[0-9a-f]{16}$/)),
  /** Tells the right key from another one, and tells nothing of it. */
  check: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
});
export type HistoryKeyName = v.InferOutput<typeof Stored>;

export function readHistoryKeyName(folder: string): {
  readonly value: HistoryKeyName | undefined;
  readonly notice: ProfileNotice | undefined;
} {
  return readJsonFile(join(folder, HISTORY_KEY_FILE), Stored);
}

/** Throws `Refusal('disk-full')`. */
export function writeHistoryKeyName(folder: string, name: HistoryKeyName): void {
  writeJsonFile(join(folder, HISTORY_KEY_FILE), name);
}

/** Of a profile that has no file yet. `folder`: its true path. */
export function entryOf(folder: string): string {
  return `profile-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`;
}

export function checkOf(key: Buffer): string {
  return createHmac('sha256', key)
    .update('wren history key')
    .digest('hex')
    .slice(0, CHECK_BYTES * 2);
}

export function isKey(key: Buffer, check: string): boolean {
  const [ours, theirs] = [Buffer.from(checkOf(key), 'hex'), Buffer.from(check, 'hex')];
  return key.length === HISTORY_KEY_BYTES && theirs.length === ours.length && timingSafeEqual(ours, theirs);
}

/** A key for each account's file: pages of two files never share one. */
export function databaseKeyOf(key: Buffer, account: string): DatabaseKey {
  return Buffer.from(hkdfSync('sha256', key, '', `wren history ${account}`, HISTORY_KEY_BYTES)).toString('hex');
}
