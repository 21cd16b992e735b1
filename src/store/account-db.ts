/**
 * The login server's accounts in one SQLite file, through `libsql`: the `AccountStore` that `wren up` and
 * `wren login-server` use. Handed accounts, buddy lists and enrolments by `net/login/login-effects-io.ts`.
 *
 * Write-ahead log with synchronous=FULL: a commit is on the disk before its promise resolves. Every change is one
 * statement, so it happens whole or not at all, also between several servers on one file; SQLite's own lock decides
 * who was first. Statements run in this thread: a commit takes a fraction of a millisecond on a good disk, some on a
 * slow one, while the password hash before it takes 140 ms elsewhere.
 */
import { closeSync, openSync } from 'node:fs';
import Database from 'libsql';
import type {
  Account,
  AccountStore,
  StoredBuddyList,
  StoredDevices,
  StoredSupernode,
} from '../net/login/account-store.ts';
import { Refusal } from '../net/protocol/failures.ts';
import { ACCOUNT_DB_AGAIN_MS, ACCOUNT_DB_BUSY_MS, SUPERNODES_STORED_MAX } from '../net/protocol/params.ts';
import { accountOf, buddyListOf, type Row, supernodeOf } from './account-rows.ts';

export interface AccountDbOptions {
  /** The file grows no further than this; beyond, writes are refused `disk-full`. Default: the disk decides. */
  readonly bytesMax?: number;
  readonly supernodesMax?: number;
}

/**
 * One script for each version of the schema, in order. A script that was released is never changed: what changes is
 * a new one at the end, and it finds the data of all before it.
 */
export const ACCOUNT_SCHEMA: readonly string[] = [
  `CREATE TABLE accounts (
     key TEXT PRIMARY KEY,
     name TEXT NOT NULL,
     display_name TEXT NOT NULL,
     password_hash TEXT NOT NULL,
     created_at_ms INTEGER NOT NULL,
     last_sign_in_at_ms INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE buddy_lists (
     key TEXT PRIMARY KEY REFERENCES accounts(key),
     version INTEGER NOT NULL,
     xml TEXT NOT NULL
   );
   CREATE TABLE supernodes (
     node_id TEXT PRIMARY KEY,
     endpoints TEXT NOT NULL,
     enrolled_at_ms INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX supernodes_by_enrolment ON supernodes (enrolled_at_ms DESC, node_id);`,
  // base64: this libsql takes a Buffer for a list of named values, and falls.
  'ALTER TABLE supernodes ADD COLUMN entry TEXT',
  // An older account has none until it signs in again. base64, as above.
  `CREATE TABLE device_lists (
     key TEXT PRIMARY KEY REFERENCES accounts(key),
     version INTEGER NOT NULL,
     list TEXT NOT NULL,
     signature TEXT NOT NULL,
     sealed_key TEXT NOT NULL
   );`,
];

const STATEMENTS = {
  create: `INSERT INTO accounts (key, name, display_name, password_hash, created_at_ms, last_sign_in_at_ms)
           VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`,
  find: 'SELECT * FROM accounts WHERE key = ?',
  touch: 'UPDATE accounts SET last_sign_in_at_ms = ? WHERE key = ?',
  buddyList: 'SELECT version, xml FROM buddy_lists WHERE key = ?',
  firstBuddyList: `INSERT INTO buddy_lists (key, version, xml) SELECT key, 1, ? FROM accounts WHERE key = ?
                   ON CONFLICT (key) DO NOTHING`,
  nextBuddyList: 'UPDATE buddy_lists SET xml = ?, version = version + 1 WHERE key = ? AND version = ?',
  deviceList: 'SELECT version, list, signature, sealed_key FROM device_lists WHERE key = ?',
  firstDeviceList: `INSERT INTO device_lists (version, list, signature, sealed_key, key)
                    SELECT ?, ?, ?, ?, key FROM accounts WHERE key = ? ON CONFLICT (key) DO NOTHING`,
  nextDeviceList: `UPDATE device_lists SET version = ?, list = ?, signature = ?, sealed_key = ?
                   WHERE key = ? AND version = ?`,
  putSupernode: `INSERT INTO supernodes (node_id, endpoints, enrolled_at_ms, entry) VALUES (?, ?, ?, ?)
                 ON CONFLICT (node_id) DO UPDATE
                 SET endpoints = excluded.endpoints, enrolled_at_ms = excluded.enrolled_at_ms, entry = excluded.entry`,
  forgetSupernodes: `DELETE FROM supernodes WHERE node_id IN
                     (SELECT node_id FROM supernodes ORDER BY enrolled_at_ms DESC, node_id LIMIT -1 OFFSET ?)`,
  findSupernode: 'SELECT * FROM supernodes WHERE node_id = ?',
  supernodes: 'SELECT * FROM supernodes ORDER BY enrolled_at_ms DESC, node_id LIMIT ?',
} as const;

type StatementName = keyof typeof STATEMENTS;
type Value = string | number | null;

/**
 * Opens the accounts at `path`, making the file (mode 0600) and bringing its schema up to date. Throws when the file
 * is damaged, or was written by a later version: an operator has to look, a new empty one would lose every account.
 */
export function openAccountDb(path: string, options: AccountDbOptions = {}): AccountStore {
  // SQLite gives its -wal and -shm files the mode of the main one.
  closeSync(openSync(path, 'a', 0o600));
  const database = new Database(path, { timeout: ACCOUNT_DB_BUSY_MS });
  try {
    keepWriteAheadLog(database);
    database.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    migrate(database, ACCOUNT_SCHEMA);
    if (options.bytesMax !== undefined) limitPages(database, options.bytesMax);
    return new AccountDb(database, options.supernodesMax ?? SUPERNODES_STORED_MAX);
  } catch (error) {
    database.close();
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Another server that opens a new file at this moment holds a lock for which SQLite does not wait here, whatever the
 * busy timeout: two that wait for one another could wait for ever (sqlite.org/lang_transaction). It is asked again.
 */
function keepWriteAheadLog(database: Database.Database): void {
  for (const deadlineMs = performance.now() + ACCOUNT_DB_BUSY_MS; ; ) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== 'SQLITE_BUSY' || performance.now() > deadlineMs) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ACCOUNT_DB_AGAIN_MS);
    }
  }
}

/**
 * Runs the scripts that the database has not seen, all in one transaction. Two servers that start together are
 * ordered by the write lock, and the second finds nothing left to do.
 */
export function migrate(database: Database.Database, scripts: readonly string[]): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)');
    const row = database.prepare('SELECT max(version) AS version FROM schema_version').get() as Row;
    const version = Number(row.version ?? 0);
    if (version > scripts.length) throw new Error(`schema ${version} is of a later version than this program`);
    for (const script of scripts.slice(version)) database.exec(script);
    if (version < scripts.length) database.prepare('INSERT INTO schema_version VALUES (?)').run(scripts.length);
    database.exec('COMMIT');
  } catch (error) {
    // A full disk makes SQLite roll back by itself.
    if (database.inTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

class AccountDb implements AccountStore {
  readonly #database: Database.Database;
  readonly #supernodesMax: number;
  readonly #prepared = new Map<StatementName, Database.Statement>();

  constructor(database: Database.Database, supernodesMax: number) {
    this.#database = database;
    this.#supernodesMax = supernodesMax;
  }

  async create(account: Account): Promise<boolean> {
    const { key, name, displayName, passwordHash, createdAtMs, lastSignInAtMs } = account;
    return this.#change('create', key, name, displayName, passwordHash, createdAtMs, lastSignInAtMs) === 1;
  }

  async find(key: string): Promise<Account | undefined> {
    const row = this.#rows('find', key)[0];
    return row && accountOf(row);
  }

  async touch(key: string, lastSignInAtMs: number): Promise<void> {
    this.#change('touch', lastSignInAtMs, key);
  }

  async buddyList(key: string): Promise<StoredBuddyList> {
    return buddyListOf(this.#rows('buddyList', key)[0]);
  }

  async putBuddyList(key: string, baseVersion: number, xml: string): Promise<number | undefined> {
    const changed =
      baseVersion === 0
        ? this.#change('firstBuddyList', xml, key)
        : this.#change('nextBuddyList', xml, key, baseVersion);
    return changed === 1 ? baseVersion + 1 : undefined;
  }

  async deviceList(key: string): Promise<StoredDevices | undefined> {
    const row = this.#rows('deviceList', key)[0];
    return row && devicesOf(row);
  }

  async putDeviceList(key: string, devices: StoredDevices): Promise<boolean> {
    const { version } = devices;
    const bytes = [devices.list, devices.signature, devices.sealedKey].map((one) => one.toString('base64'));
    const changed =
      version === 1
        ? this.#change('firstDeviceList', version, ...bytes, key)
        : this.#change('nextDeviceList', version, ...bytes, key, version - 1);
    return changed === 1;
  }

  async putSupernode({ nodeId, endpoints, enrolledAtMs, entry }: StoredSupernode): Promise<void> {
    this.#change('putSupernode', nodeId, JSON.stringify(endpoints), enrolledAtMs, entry?.toString('base64') ?? null);
    this.#change('forgetSupernodes', this.#supernodesMax);
  }

  async findSupernode(nodeId: string): Promise<StoredSupernode | undefined> {
    const row = this.#rows('findSupernode', nodeId)[0];
    return row && enrolledOf(row);
  }

  async supernodes(limit: number): Promise<readonly StoredSupernode[]> {
    return this.#rows('supernodes', limit).map(enrolledOf);
  }

  /** Afterwards every call rejects, and the one file holds everything, as a person who copies it would expect. */
  async close(): Promise<void> {
    if (!this.#database.open) return;
    try {
      // libsql keeps the file open until the statements are garbage collected, so SQLite's own checkpoint comes late.
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // A full disk, or another server reading: what is in the log stays safe there, and the next opening finds it.
    }
    this.#prepared.clear();
    this.#database.close();
  }

  /** Rows changed by a statement that is a transaction of its own. */
  #change(name: StatementName, ...values: Value[]): number {
    return this.#attempt(() => this.#statement(name).run(...values).changes);
  }

  #rows(name: StatementName, ...values: Value[]): Row[] {
    return this.#attempt(() => this.#statement(name).all(...values) as Row[]);
  }

  #statement(name: StatementName): Database.Statement {
    if (!this.#database.open) throw new Error('the account store is closed');
    const statement = this.#prepared.get(name) ?? this.#database.prepare(STATEMENTS[name]);
    this.#prepared.set(name, statement);
    return statement;
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if ((error as { code?: string }).code === 'SQLITE_FULL') throw new Refusal('disk-full');
      throw error;
    }
  }
}

function devicesOf(row: Row): StoredDevices {
  const bytes = (value: unknown): Buffer => Buffer.from(String(value), 'base64');
  const { list, signature, sealed_key: sealedKey } = row;
  return {
    version: Number(row.version),
    list: bytes(list),
    signature: bytes(signature),
    sealedKey: bytes(sealedKey),
  };
}

function enrolledOf(row: Row): StoredSupernode {
  return supernodeOf(row, typeof row.entry === 'string' ? Buffer.from(row.entry, 'base64') : undefined);
}

function limitPages(database: Database.Database, bytesMax: number): void {
  const row = database.prepare('PRAGMA page_size').get() as Row;
  database.exec(`PRAGMA max_page_count = ${Math.floor(bytesMax / Number(row.page_size))}`);
}
