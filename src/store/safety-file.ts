/**
 * Which account keys this account has met, and which of them its person has compared: `keys-NAME.json` of the profile. It
 * outlives a sign-out, so that a key that changed meanwhile is noticed. A file that is damaged is kept aside; keys are then
 * met for the first time again, and nobody counts as verified.
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { foldName, isName } from '../net/protocol/ids.ts';
import { SAFETY_PEOPLE_MAX } from '../net/protocol/params.ts';
import type { ProfileNotice } from './damaged-file.ts';
import { readJsonFile, writeJsonFile } from './json-file.ts';

export interface KnownKey {
  readonly name: string;
  /** Ed25519, 64 hex digits. */
  readonly key: string;
  /** Wall clock, ms: since when it is this key. */
  readonly sinceMs: number;
  /** The person has compared the words. */
  readonly verified: boolean;
  /** Wall clock, ms: when that was said, or taken back, on whichever device. */
  readonly markedAtMs?: number | undefined;
  /** There was another key before, and nobody has compared the words since. */
  readonly changed: boolean;
  /** The change has not been told and written into the conversation yet. */
  readonly due: boolean;
}

/** What the person has said of somebody's key, on one of their devices. */
export interface SafetyMark {
  readonly name: string;
  /** Ed25519, 64 hex digits. */
  readonly key: string;
  readonly verified: boolean;
  /** Wall clock, ms. */
  readonly atMs: number;
}

const Known = v.object({
  name: v.pipe(v.string(), v.check(isName)),
  key: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  sinceMs: v.pipe(v.number(), v.integer(), v.minValue(0)),
  verified: v.boolean(),
  markedAtMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  changed: v.boolean(),
  due: v.boolean(),
});
const Stored = v.object({ people: v.pipe(v.array(Known), v.maxLength(SAFETY_PEOPLE_MAX)) });

/** By folded name. */
export function readKnownKeys(
  folder: string,
  owner: string,
): { readonly keys: ReadonlyMap<string, KnownKey>; readonly notice: ProfileNotice | undefined } {
  const { value, notice } = readJsonFile(pathOf(folder, owner), Stored);
  return { keys: new Map((value?.people ?? []).map((one) => [foldName(one.name), one])), notice };
}

/** Throws `Refusal('disk-full')`; the file is then as before. Of too many, who was met first and never compared goes. */
export function writeKnownKeys(folder: string, owner: string, keys: Iterable<KnownKey>): void {
  const people = [...keys];
  for (let over = people.length - SAFETY_PEOPLE_MAX; over > 0; over--) {
    const unverified = people.findIndex(({ verified }) => !verified);
    people.splice(Math.max(0, unverified), 1);
  }
  writeJsonFile(pathOf(folder, owner), { people });
}

function pathOf(folder: string, owner: string): string {
  return join(folder, `keys-${foldName(owner)}.json`);
}
