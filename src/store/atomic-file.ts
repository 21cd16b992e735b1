/**
 * Replacing a file so that a reader, a crash or a full disk never meets half of it: the new content is written
 * aside in the same folder, synced, renamed over the old name, and the folder is synced (the order that the LWN
 * article "Ensuring data reaches disk" and the rename(2) manual give). Profile, settings, buddy list and server
 * files come here; nothing is handed on but bytes.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Refusal } from '../net/protocol/failures.ts';

/** Unless told otherwise a file of the profile is for its owner only. */
const OWNER_ONLY = 0o600;

/**
 * Puts `data` at `path`, whole or not at all. The folder must exist. `mode` (default 0600) is the mode of the new
 * file, whatever the old one had; the umask may only take bits away.
 *
 * Throws `Refusal('disk-full')` when the disk or the quota is used up, and the error of the system otherwise; in
 * both cases the old file is untouched and nothing is left beside it.
 */
export function writeFileAtomic(path: string, data: string | Buffer, options: { readonly mode?: number } = {}): void {
  const folder = dirname(path);
  const aside = join(folder, `.${basename(path)}.${crypto.randomUUID()}.new`);
  try {
    writeSynced(aside, typeof data === 'string' ? Buffer.from(data, 'utf8') : data, options.mode ?? OWNER_ONLY);
    renameSync(aside, path);
  } catch (error) {
    removeQuietly(aside);
    throw isDiskFull(error) ? new Refusal('disk-full', path) : error;
  }
  syncFolder(folder);
}

/** The whole file, or undefined when there is none. Throws the system's error when it is there but unreadable. */
export function readFileIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** True for the two ways in which a system says that no room is left: disk full, quota used up. */
export function isDiskFull(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOSPC' || errno === 'EDQUOT';
}

function writeSynced(path: string, bytes: Buffer, mode: number): void {
  const file = openSync(path, 'wx', mode);
  try {
    // A nearly full disk takes a part and says so by the count; the next write then fails with ENOSPC.
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The rename itself is only safe from a power cut once the folder is on the disk. */
export function syncFolder(folder: string): void {
  let handle: number;
  try {
    handle = openSync(folder, 'r');
  } catch {
    return;
  }
  try {
    fsyncSync(handle);
  } catch {
    // Some file systems (network, FUSE) refuse to sync a folder; the rename has happened all the same.
  } finally {
    closeSync(handle);
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The first error is the one worth telling.
  }
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
