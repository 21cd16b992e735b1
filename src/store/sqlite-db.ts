/**
 * What every SQLite file of ours has in common: it is made for its owner only, waits a bounded time for another
 * process, and its errors are of three kinds (disk full, file damaged, our own mistake). `history-db.ts` and
 * `profile-lock-db.ts` build on it.
 */
import { closeSync, openSync } from 'node:fs';
import Database from 'libsql';
import { Refusal } from '../net/protocol/failures.ts';
import { isDiskFull } from './atomic-file.ts';

/** Suffixes of the files that SQLite keeps beside a database. */
export const SQLITE_SIDECARS = ['-wal', '-shm', '-journal'] as const;

/** Opens or makes the file (mode 0600, and so its sidecars). `waitMs` is how long to wait for another's lock. */
export function openDatabase(path: string, options: { readonly waitMs: number }): Database.Database {
  try {
    // Only when it is not there: opening and closing a file that is locked here would let go of the lock.
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (isDiskFull(error)) throw new Refusal('disk-full', path);
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return new Database(path, { timeout: options.waitMs });
}

/** All of `work` or nothing of it; what it throws comes out. */
export function inTransaction<T>(database: Database.Database, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // A full disk makes SQLite roll back by itself.
    if (database.inTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** The file is not a database, or not a sound one. */
export function isDamage(error: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error));
}

/** What to throw for an error of SQLite: a refusal for a full disk, else the error itself. */
export function refusalOf(error: unknown, path: string): unknown {
  return /^SQLITE_FULL/.test(codeOf(error)) || isDiskFull(error) ? new Refusal('disk-full', path) : error;
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '');
}
