/**
 * The two forms of a history file, plain and encrypted, and the way from one to the other. The new form is written beside
 * the old one, whole and on the disk, and takes its name in one step: whatever moment the machine dies in, the file under
 * the name is one of the two, complete. What is left of a copy that was not finished is removed by the next one.
 *
 *   NAME.db (old form, its log worked in)   NAME.db.new (copied, checked, synced)
 *                     <------- rename -------/         the old blocks are overwritten afterwards
 *
 * Overwriting is a courtesy: a disk that writes elsewhere (most that are not magnetic) may keep old blocks for a while.
 */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'libsql';
import { HISTORY_DB_BUSY_MS } from '../net/protocol/params.ts';
import { migrate } from './account-db.ts';
import { syncFolder } from './atomic-file.ts';
import { HISTORY_SCHEMA, type Row } from './history-sql.ts';
import { type DatabaseKey, openDatabase, refusalOf, SQLITE_SIDECARS } from './sqlite-db.ts';

export type HistoryForm = 'absent' | 'plain' | 'encrypted' | 'damaged';

/** SQLite, "Database File Format", section 1.3. */
const PLAIN_MAGIC = 'SQLite format 3\0';
/** Offset 21 of the same header; SQLite3MultipleCiphers leaves offsets 16 to 23 readable. */
const PAYLOAD_FRACTIONS = [64, 32, 32];
const HEADER_BYTES = 24;
const ZEROS = Buffer.alloc(65_536);

/** What the file is, by its first bytes. */
export function historyForm(path: string): HistoryForm {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'absent';
    throw error;
  }
  try {
    const start = Buffer.alloc(HEADER_BYTES);
    if (readSync(file, start, 0, start.length, 0) === 0) return 'absent';
    if (start.toString('latin1', 0, PLAIN_MAGIC.length) === PLAIN_MAGIC) return 'plain';
    return start.subarray(21).equals(Buffer.from(PAYLOAD_FRACTIONS)) ? 'encrypted' : 'damaged';
  } finally {
    closeSync(file);
  }
}

/** Removes what a copy left that was cut off. */
export function removeUnfinished(path: string): void {
  for (const suffix of ['', ...SQLITE_SIDECARS]) rmSync(`${path}.new${suffix}`, { force: true });
}

/**
 * From one form to the other; nobody else may have the file open. Undefined is the key of a plain file. Throws
 * `Refusal('disk-full')` and SQLite's errors, among them those of a damaged file; the old form is then as it was.
 */
export function changeForm(path: string, from: DatabaseKey | undefined, to: DatabaseKey | undefined): void {
  removeUnfinished(path);
  const aside = `${path}.new`;
  try {
    workLogIn(path, from);
    copy(path, from, aside, to);
  } catch (error) {
    removeUnfinished(path);
    throw refusalOf(error, path);
  }
  const old = openSync(path, 'r+');
  try {
    renameSync(aside, path);
    syncFolder(dirname(path));
    overwrite(old);
  } finally {
    closeSync(old);
  }
}

/** Without its log the file is complete by itself, and no log waits under the name that the new form takes. */
function workLogIn(path: string, key: DatabaseKey | undefined): void {
  const database = openDatabase(path, { waitMs: HISTORY_DB_BUSY_MS, key });
  try {
    database.exec('PRAGMA journal_mode = DELETE');
    migrate(database, HISTORY_SCHEMA);
  } finally {
    database.close();
  }
}

function copy(path: string, from: DatabaseKey | undefined, aside: string, to: DatabaseKey | undefined): void {
  const database = openDatabase(aside, { waitMs: HISTORY_DB_BUSY_MS, key: to });
  try {
    database.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL');
    migrate(database, HISTORY_SCHEMA);
    database.exec(`ATTACH DATABASE ${quoted(path)} AS old KEY ${quoted(from ?? '')}`);
    const tables = ownTables(database);
    database.exec('BEGIN');
    for (const table of tables) database.exec(`INSERT INTO main.${table} SELECT * FROM old.${table}`);
    for (const table of tables) {
      const [copied, there] = [countOf(database, `main.${table}`), countOf(database, `old.${table}`)];
      if (copied !== there) throw new Error(`${copied} of ${there} rows of ${table} were copied`);
    }
    database.exec('COMMIT; DETACH DATABASE old');
    const found = database.prepare('PRAGMA quick_check(1)').get() as Row | undefined;
    if (found?.quick_check !== 'ok') throw new Error(`the copy is not sound: ${String(found?.quick_check)}`);
  } finally {
    database.close();
  }
}

/** Not those of the index of words, which the triggers fill. */
function ownTables(database: Database.Database): string[] {
  const tables = database.prepare(`SELECT name, sql FROM old.sqlite_master WHERE type = 'table'`).all() as Row[];
  const virtual = tables.filter(({ sql }) => /^CREATE VIRTUAL/i.test(String(sql))).map(({ name }) => String(name));
  return tables
    .map(({ name }) => String(name))
    .filter((name) => name !== 'schema_version' && !name.startsWith('sqlite_'))
    .filter((name) => !virtual.some((index) => name === index || name.startsWith(`${index}_`)));
}

function countOf(database: Database.Database, table: string): number {
  return Number((database.prepare(`SELECT count(*) AS count FROM ${table}`).get() as Row).count);
}

/** A failure here costs nobody anything: the file has no name any more. */
function overwrite(file: number): void {
  try {
    const { size } = fstatSync(file);
    for (let at = 0; at < size; at += ZEROS.length) writeSync(file, ZEROS, 0, Math.min(ZEROS.length, size - at), at);
    fsyncSync(file);
  } catch {
    // A disk that fails is met at the next write of ours.
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
