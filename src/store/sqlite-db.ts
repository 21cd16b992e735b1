/**
 * What every SQLite file of ours has in common: it is made for its owner only, waits a bounded time for another
 * process, and its errors are of three kinds (disk full, file damaged, our own mistake). `history-db.ts` and
 * `profile-lock-db.ts` build on it.
 */
import { closeSync, openSync } from 'node:fs';
import Database from 'libsql';
import { Refusal } from '../net/protocol/failures.ts';
import { isDiskFull } from './atomic-file.ts';
import { refusingUnwritable } from './private-folder-file.ts';

/** Suffixes of the files that SQLite keeps beside a database. */
export const SQLITE_SIDECARS = ['-wal', '-shm', '-journal'] as const;

/**
 * Opens or makes the file (mode 0600, and so its sidecars). `waitMs` is how long to wait for another's lock. With `key` every
 * page of it, of its log and of its journal is encrypted (AES-256-CBC of SQLite3MultipleCiphers, a key of its own a page): no
 * more than noise to whoever reads the disk, but nothing that would notice a page that was changed on purpose.
 */
export function openDatabase(
  path: string,
  options: { readonly waitMs: number; readonly key?: DatabaseKey | undefined },
): Database.Database {
  try {
    // Only when it is not there: opening and closing a file that is locked here would let go of the lock.
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') refusingUnwritable(path, () => raise(error));
  }
  return new Database(path, {
    timeout: options.waitMs,
    ...(options.key === undefined ? {} : { encryptionKey: options.key }),
  } as Database.Options);
}

function raise(error: unknown): never {
  throw error;
}

/** 64 hex digits. */
export type DatabaseKey = string;

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

/** Another connection has a lock that we need. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error));
}

/** What to throw for an error of SQLite: a refusal for a full disk, else the error itself. */
export function refusalOf(error: unknown, path: string): unknown {
  return /^SQLITE_FULL/.test(codeOf(error)) || isDiskFull(error) ? new Refusal('disk-full', path) : error;
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '');
}
