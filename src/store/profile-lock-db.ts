/**
 * One agent a profile. The lock is an open exclusive transaction on `lock.db`: SQLite holds it by a lock of the
 * operating system, which ends with the process however that dies, so there is never a stale lock to judge (no pid
 * file, no time-out). The agent takes it before it opens anything else of the profile.
 *
 * Nothing in this process may open `lock.db` by other means: closing any handle on it would let go of the lock (the
 * rule of POSIX record locks, fcntl(2)).
 */
import { join } from 'node:path';
import type Database from 'libsql';
import { Refusal } from '../net/protocol/failures.ts';
import { keepAside } from './damaged-file.ts';
import { openPrivateFolder } from './private-folder-file.ts';
import { isDamage, openDatabase, refusalOf } from './sqlite-db.ts';

export const LOCK_FILE = 'lock.db';

export interface ProfileLock {
  /** Harmless when repeated. */
  release(): void;
}

/** Databases that are held: a lock must not end because somebody forgot the handle and it was collected. */
const held = new Set<Database.Database>();

/**
 * Takes the lock of the profile, making its folder when needed. Throws `Refusal('profile-locked')` at once when
 * another process (or this one) holds it, `Refusal('disk-full')`, `Refusal('folder-unwritable')`, `Refusal('profile-unsafe')`.
 */
export function holdProfileLock(profileDir: string): ProfileLock {
  const path = join(openPrivateFolder(profileDir), LOCK_FILE);
  const database = lockOrReplace(path);
  held.add(database);
  return {
    release() {
      if (held.delete(database)) database.close();
    },
  };
}

/** Nobody can hold a file that is no database, so a damaged one is moved away. */
function lockOrReplace(path: string): Database.Database {
  try {
    return lock(path);
  } catch (error) {
    if (!isDamage(error)) throw error;
    keepAside(path, 'no lock');
    return lock(path);
  }
}

function lock(path: string): Database.Database {
  const database = openDatabase(path, { waitMs: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    const code = String((error as { code?: unknown }).code ?? '');
    if (code === 'SQLITE_BUSY') throw new Refusal('profile-locked', path);
    if (/^SQLITE_(READONLY|CANTOPEN)/.test(code)) throw new Refusal('folder-unwritable', path);
    throw refusalOf(error, path);
  }
}
