/**
 * `host-cache.json` of the profile: supernodes and what became of them, and the networks that this machine was on, as
 * `net/overlay/known-supernodes.ts` hands them out and takes them back. Losing it costs a second at the next start: so a
 * file that is damaged, unreadable or of another network counts as not there, and nothing here keeps wren from starting.
 */
import * as v from 'valibot';
import type { Remembered } from '../net/index.ts';
import { isIdHex } from '../net/protocol/ids.ts';
import { HOST_CACHE_ENTRIES_MAX } from '../net/protocol/paper.ts';
import { HOST_VISITS_MAX, NETWORKS_REMEMBERED_MAX, SUPERNODE_ENDPOINTS_MAX } from '../net/protocol/params.ts';
import { WAY_NAMES } from '../net/protocol/ways.ts';
import type { ProfileNotice } from './damaged-file.ts';
import { readJsonFile, writeJsonFile } from './json-file.ts';

/** Of the ladder of rungs, from 0. */
const LEVEL_MAX = 9;
const Whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const Short = v.pipe(v.string(), v.maxLength(300));
const VisitShape = v.object({
  network: Short,
  way: v.picklist(WAY_NAMES),
  okAtMs: Whole,
  missedAtMs: Whole,
  misses: Whole,
});
const SupernodeShape = v.object({
  node: v.pipe(
    v.string(),
    v.check((text) => text === '' || isIdHex(text)),
  ),
  endpoints: v.pipe(v.array(Short), v.maxLength(SUPERNODE_ENDPOINTS_MAX)),
  origin: v.picklist(['invite', 'login', 'heard']),
  issuedAtMs: Whole,
  visits: v.pipe(v.array(VisitShape), v.maxLength(HOST_VISITS_MAX)),
});
const NetworkShape = v.object({
  print: Short,
  lastUsedAtMs: Whole,
  way: v.optional(v.picklist(WAY_NAMES)),
  supernode: v.optional(Short),
  connectivity: v.optional(Short),
  level: v.optional(v.pipe(Whole, v.maxValue(LEVEL_MAX))),
  levelAtMs: v.optional(Whole),
});
/** What the first version wrote has an empty list in it, and reads as one. */
const FileShape = v.object({
  authorityPin: v.optional(v.string(), ''),
  supernodes: v.pipe(v.array(SupernodeShape), v.maxLength(HOST_CACHE_ENTRIES_MAX)),
  networks: v.optional(v.pipe(v.array(NetworkShape), v.maxLength(NETWORKS_REMEMBERED_MAX)), []),
});

export interface HostCacheFile {
  /** What is there of the network with this pin; undefined when there is nothing. */
  read(authorityPin: Buffer): Remembered | undefined;
  /** Replaces the file. Throws what `writeJsonFile` throws. */
  write(authorityPin: Buffer, remembered: Remembered): void;
}

/** `notice`: why the old file was no use. */
export function openHostCache(path: string): {
  readonly file: HostCacheFile;
  readonly notice: ProfileNotice | undefined;
} {
  const { stored, notice } = load(path);
  let current = stored;
  return {
    notice,
    file: {
      read: (pin) => (current?.pin === pin.toString('base64') ? current.remembered : undefined),
      write(pin, remembered) {
        writeJsonFile(path, { authorityPin: pin.toString('base64'), ...remembered });
        current = { pin: pin.toString('base64'), remembered };
      },
    },
  };
}

interface Stored {
  readonly pin: string;
  readonly remembered: Remembered;
}

function load(path: string): { readonly stored: Stored | undefined; readonly notice: ProfileNotice | undefined } {
  try {
    const { value, notice } = readJsonFile(path, FileShape);
    if (!value) return { stored: undefined, notice };
    return {
      stored: { pin: value.authorityPin, remembered: { supernodes: value.supernodes, networks: value.networks } },
      notice,
    };
  } catch (error) {
    const detail = `host-cache.json: ${error instanceof Error ? error.message : String(error)}`;
    return { stored: undefined, notice: { code: 'profile-unwritable', detail } };
  }
}
