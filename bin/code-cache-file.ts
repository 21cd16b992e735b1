/**
 * Where compiled code lies between two starts: one file for each program and kind of Node, in a folder of the user's under the
 * system's place for caches. Whoever could write there would be us, so nothing is read, and nothing written, unless folder and file
 * are ours alone; and what has been damaged is not what we wrote. None of it is ever worth a word to anybody: the program starts
 * without it as it did before.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { crc32 } from 'node:zlib';
import envPaths from 'env-paths';

/** Magic, then the checksum of what follows. V8 itself does not look whether its data are as it wrote them. */
const MAGIC = 0x77637631;
const HEADER_BYTES = 16;
/** The largest of our programs makes 2 MB. */
const FILE_BYTES_MAX = 16_777_216;
/** Some kinds of Node, and the versions of wren before this one. Older files go when one is written. */
const FILES_MAX = 12;
const SUFFIX = '.code';
const OTHERS_ANY = 0o077;
const OTHERS_WRITE = 0o022;
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

/** By the convention of the system; undefined where that would depend on where we were started. */
export function codeCacheFolder(): string | undefined {
  const folder = join(envPaths('wren', { suffix: '' }).cache, 'code');
  return isAbsolute(folder) ? folder : undefined;
}

/** What was written under this name; undefined when there is nothing, or nothing to be trusted. Never throws. */
export function readCode(folder: string, name: string): Buffer | undefined {
  let file: number | undefined;
  try {
    if (!isOursAlone(lstatSync(folder), OTHERS_ANY)) return undefined;
    file = openSync(join(folder, name + SUFFIX), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const found = fstatSync(file);
    // A second name would be somebody's link to another file of ours.
    if (!found.isFile() || found.nlink !== 1 || !isOursAlone(found, OTHERS_WRITE)) return undefined;
    if (found.size <= HEADER_BYTES || found.size > FILE_BYTES_MAX) return undefined;
    const bytes = Buffer.allocUnsafeSlow(found.size);
    for (let at = 0, got = 1; at < bytes.length && got > 0; at += got)
      got = readSync(file, bytes, at, bytes.length - at, at);
    const code = bytes.subarray(HEADER_BYTES);
    return bytes.readUInt32LE(0) === MAGIC && bytes.readUInt32LE(4) === crc32(code) ? code : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * Puts there what `make` gives, whole or not at all, and takes away what is old; where nothing can be written nothing is made.
 * Never throws.
 */
export function writeCode(folder: string, name: string, make: () => Buffer): void {
  const path = join(folder, name + SUFFIX);
  const aside = `${path}.${process.pid}`;
  try {
    if (!makeFolder(folder)) return;
    // Not synced: what a power cut leaves behind fails its checksum.
    writeWhole(aside, make);
    renameSync(aside, path);
    removeOld(folder);
  } catch {
    quietly(() => unlinkSync(aside));
  }
}

/**
 * Makes what is missing of the folder, if that is in a place of ours: `root` with somebody else's home must leave nothing there that its
 * owner could never replace. One by one, since Node's own way never ends where a folder cannot be made (in /proc).
 */
function makeFolder(folder: string): boolean {
  const missing: string[] = [];
  let there = folder;
  let found: Stats | undefined;
  for (;;) {
    found = statSync(there, { throwIfNoEntry: false });
    if (found !== undefined || dirname(there) === there) break;
    missing.unshift(there);
    there = dirname(there);
  }
  if (missing.length > 0 && !(found && isOursAlone(found, 0))) return false;
  for (const path of missing) mkdirSync(path, { mode: 0o700 });
  return isOursAlone(lstatSync(folder), OTHERS_ANY);
}

/** Windows has no user numbers; there the user's own folders are closed to others by default. */
function isOursAlone({ uid, mode }: Stats, rightsOfOthers: number): boolean {
  return process.getuid === undefined || (uid === process.getuid() && (mode & rightsOfOthers) === 0);
}

function writeWhole(path: string, make: () => Buffer): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    const code = make();
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(MAGIC, 0);
    header.writeUInt32LE(crc32(code), 4);
    const bytes = Buffer.concat([header, code]);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at);
  } finally {
    closeSync(file);
  }
}

/** All but the newest; what a process that was killed left half written is old too, some day. */
function removeOld(folder: string): void {
  const files = readdirSync(folder)
    .filter((name) => name.includes(SUFFIX))
    .map((name) => ({ path: join(folder, name), atMs: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.atMs - a.atMs);
  for (const { path } of files.slice(FILES_MAX)) quietly(() => unlinkSync(path));
}

function quietly(act: () => void): void {
  try {
    act();
  } catch {
    // Another process was first, or will be.
  }
}
