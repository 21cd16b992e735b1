/**
 * One small JSON file of the profile: read whole, checked against its schema, replaced whole. `profile-file.ts` owns
 * which files there are. A file that is not what it should be is kept aside and counts as not there.
 */
import * as v from 'valibot';
import { PROFILE_FILE_BYTES_MAX } from '../net/protocol/params.ts';
import { readFileIfThere, writeFileAtomic } from './atomic-file.ts';
import { keepAside, type ProfileNotice } from './damaged-file.ts';

/** Value and notice are both undefined when there is no such file. Throws only the system's errors. */
export function readJsonFile<S extends v.GenericSchema>(
  path: string,
  schema: S,
): { readonly value: v.InferOutput<S> | undefined; readonly notice: ProfileNotice | undefined } {
  const bytes = readFileIfThere(path);
  if (bytes === undefined) return { value: undefined, notice: undefined };
  const read = v.safeParse(schema, parseJson(bytes));
  if (read.success) return { value: read.output, notice: undefined };
  return { value: undefined, notice: keepAside(path, read.issues[0].message) };
}

/** Throws `Refusal('disk-full')`; the old file is then untouched. */
export function writeJsonFile(path: string, value: unknown): void {
  writeFileAtomic(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** Undefined for what is no JSON or too large; JSON itself has no undefined. Never throws. */
export function parseJson(bytes: Buffer | string): unknown {
  if (bytes.length > PROFILE_FILE_BYTES_MAX) return undefined;
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
