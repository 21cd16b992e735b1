/**
 * Folders that belong to one user alone: the profile, and the place of a socket whose path would be too long. Keys,
 * passwords and messages pass through them, so a folder that somebody else owns or could have planted is refused.
 */
import { chmodSync, lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Refusal } from '../net/protocol/failures.ts';
import { isDiskFull } from './atomic-file.ts';

/** What the system says where a folder cannot be made, or holds nothing new. */
const UNWRITABLE: ReadonlySet<string | undefined> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
  'EEXIST',
  'ENOENT',
]);

const OWNER_ONLY = 0o700;
const STICKY = 0o1000;

/**
 * Makes the folder (and its parents) when it is not there, takes away the rights of others when it is, and returns
 * its true path. Throws `Refusal('profile-unsafe')` for somebody else's folder, a shared one like /tmp or the root
 * of the file system, `Refusal('folder-unwritable')` where none can be made, and `Refusal('disk-full')`.
 */
export function openPrivateFolder(path: string): string {
  try {
    makeFolders(resolve(path));
  } catch (error) {
    if (isDiskFull(error)) throw new Refusal('disk-full', path);
    throw isUnwritable(error) ? new Refusal('folder-unwritable', whereAndWhy(path, error)) : error;
  }
  const real = realpathSync(path);
  const { uid, mode } = statSync(real);
  if (dirname(real) === real || (mode & STICKY) !== 0)
    throw new Refusal('profile-unsafe', `${path} is a shared folder`);
  if (!isOurs(uid)) throw new Refusal('profile-unsafe', `${path} belongs to another user`);
  if ((mode & 0o777) !== OWNER_ONLY) chmodSync(real, OWNER_ONLY);
  return real;
}

/**
 * `path` (absolute) and the parents that are missing. Not by `recursive` of `mkdirSync`, which tries for ever where a folder is there
 * and nothing can be made in it, as in /proc (Node 20 to 24).
 */
function makeFolders(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(path) !== path) makeFolders(dirname(path));
  try {
    mkdirSync(path, { mode: OWNER_ONLY });
  } catch (error) {
    // Another process was quicker.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

/** Something cannot be written, as the system says it, and not for want of room. */
export function isUnwritable(error: unknown): boolean {
  return UNWRITABLE.has((error as NodeJS.ErrnoException).code);
}

/** `/etc/wren (EACCES)`. */
export function whereAndWhy(path: string, error: unknown): string {
  return `${path} (${(error as NodeJS.ErrnoException).code})`;
}

/** Changes nothing; true when `path` is a folder, no symbolic link, that only this user may enter. */
export function isPrivateFolder(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && isOurs(found.uid) && (found.mode & 0o077) === 0;
}

/** Windows has no user numbers; there the user's own folders are closed to others by default. */
function isOurs(uid: number): boolean {
  return process.getuid === undefined || uid === process.getuid();
}
