/**
 * The login server's accounts in PostgreSQL, through `pg`: the `AccountStore` of `wren login-server --database`. Two login
 * servers or more share one database; whoever comes first to a name, or to the next version of a list, is decided there.
 *
 * Everything stands in a schema of its own, `wren`. Each change is one statement, and is on the database's disk before its
 * promise resolves (`synchronous_commit`). A lost connection fails the calls that wait on it, which the server answers
 * `server-fault`; the next call connects anew. The database is told whose accounts it keeps: a server with another authority
 * would hand out certificates that no member believes, so it is refused at its start.
 */
import pg from 'pg';
import type {
  Account,
  AccountStore,
  StoredBuddyList,
  StoredDevices,
  StoredSupernode,
} from '../net/login/account-store.ts';
import { type Endpoint, parseEndpoint, printEndpoint } from '../net/protocol/endpoint.ts';
import { Refusal } from '../net/protocol/failures.ts';
import {
  ACCOUNT_DB_BUSY_MS,
  ACCOUNT_DB_CONNECTIONS_MAX,
  LOGIN_SERVERS_NAMED_MAX,
  SUPERNODES_STORED_MAX,
} from '../net/protocol/params.ts';
import { accountOf, buddyListOf, type Row, supernodeOf } from './account-rows.ts';

export interface PostgresOptions {
  /** SHA-256 of the authority's key, as invites pin it. */
  readonly authorityPin: Buffer;
  /** Told when a connection is lost that nobody was using; the next call opens another. */
  readonly onLost?: (error: Error) => void;
  readonly supernodesMax?: number;
}

/** Accounts that several login servers share. */
export interface SharedAccountStore extends AccountStore {
  /** Notes where this login server is reached; answers where all are that share the accounts, itself first. */
  announce(nodeId: string, endpoints: readonly Endpoint[], nowMs: number): Promise<readonly Endpoint[]>;
}

/** One script for each version of the schema; a script that was released is never changed. */
const SCHEMA: readonly string[] = [
  `CREATE TABLE wren.accounts (
     key TEXT COLLATE "C" PRIMARY KEY,
     name TEXT NOT NULL,
     display_name TEXT NOT NULL,
     password_hash TEXT NOT NULL,
     created_at_ms BIGINT NOT NULL,
     last_sign_in_at_ms BIGINT NOT NULL
   );
   CREATE TABLE wren.buddy_lists (
     key TEXT COLLATE "C" PRIMARY KEY REFERENCES wren.accounts(key),
     version BIGINT NOT NULL,
     xml TEXT NOT NULL
   );
   CREATE TABLE wren.device_lists (
     key TEXT COLLATE "C" PRIMARY KEY REFERENCES wren.accounts(key),
     version BIGINT NOT NULL,
     list BYTEA NOT NULL,
     signature BYTEA NOT NULL,
     sealed_key BYTEA NOT NULL
   );
   CREATE TABLE wren.supernodes (
     node_id TEXT COLLATE "C" PRIMARY KEY,
     endpoints TEXT NOT NULL,
     enrolled_at_ms BIGINT NOT NULL,
     entry BYTEA
   );
   CREATE INDEX supernodes_by_enrolment ON wren.supernodes (enrolled_at_ms DESC, node_id);
   CREATE TABLE wren.login_servers (
     node_id TEXT COLLATE "C" PRIMARY KEY,
     endpoints TEXT NOT NULL,
     started_at_ms BIGINT NOT NULL
   );
   CREATE TABLE wren.authority (
     only_one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_one),
     pin BYTEA NOT NULL
   );`,
];

/** Any number: whoever holds the lock of it brings the schema up to date, others wait. */
const SCHEMA_LOCK = 0x7772656e;

/**
 * Connects to `url` (postgres://USER@HOST/DATABASE; a password may stand in it, in PGPASSWORD or in ~/.pgpass), and makes the
 * schema or brings it up to date. Throws `Refusal('database-unusable')` when nobody answers or the database refuses us, and
 * `Refusal('usage')` with a sentence for the operator when it holds the accounts of another authority, or was written by a later version.
 */
export async function openAccountPostgres(url: string, options: PostgresOptions): Promise<SharedAccountStore> {
  const pool = new pg.Pool({
    connectionString: url,
    max: ACCOUNT_DB_CONNECTIONS_MAX,
    connectionTimeoutMillis: ACCOUNT_DB_BUSY_MS,
    statement_timeout: ACCOUNT_DB_BUSY_MS,
    query_timeout: 2 * ACCOUNT_DB_BUSY_MS,
    keepAlive: true,
    application_name: 'wren login-server',
    // Awaited before the connection is used, though its type does not say so.
    onConnect: (client) => client.query('SET synchronous_commit = on') as unknown as undefined,
  });
  pool.on('error', (error) => options.onLost?.(error));
  try {
    await prepareSchema(pool, options.authorityPin);
  } catch (error) {
    await pool.end();
    if (error instanceof Refusal) throw error;
    throw new Refusal('database-unusable', reasonOf(error));
  }
  return new AccountPostgres(pool, options.supernodesMax ?? SUPERNODES_STORED_MAX);
}

async function prepareSchema(pool: pg.Pool, pin: Buffer): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
    await client.query('CREATE SCHEMA IF NOT EXISTS wren');
    await client.query('CREATE TABLE IF NOT EXISTS wren.schema_version (version INTEGER NOT NULL)');
    const { rows } = await client.query('SELECT max(version) AS version FROM wren.schema_version');
    const version = Number((rows[0] as Row).version ?? 0);
    if (version > SCHEMA.length) {
      throw new Refusal('usage', 'the database of --database was written by a later version of wren; update this one');
    }
    for (const script of SCHEMA.slice(version)) await client.query(script);
    if (version < SCHEMA.length) await client.query('INSERT INTO wren.schema_version VALUES ($1)', [SCHEMA.length]);
    await client.query('INSERT INTO wren.authority (pin) VALUES ($1) ON CONFLICT (only_one) DO NOTHING', [pin]);
    const { rows: known } = await client.query('SELECT pin FROM wren.authority');
    if (!pin.equals((known[0] as { pin: Buffer }).pin)) {
      throw new Refusal(
        'usage',
        'the database of --database keeps the accounts of another authority; ' +
          'copy authority.pem from the folder of the login server that made it into the folder of --dir',
      );
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

/** Several addresses that all refused are one error without words of its own. */
function reasonOf(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first.message : String(first);
}

class AccountPostgres implements SharedAccountStore {
  readonly #pool: pg.Pool;
  readonly #supernodesMax: number;

  constructor(pool: pg.Pool, supernodesMax: number) {
    this.#pool = pool;
    this.#supernodesMax = supernodesMax;
  }

  async create(account: Account): Promise<boolean> {
    const { key, name, displayName, passwordHash, createdAtMs, lastSignInAtMs } = account;
    const changed = await this.#change(
      `INSERT INTO wren.accounts (key, name, display_name, password_hash, created_at_ms, last_sign_in_at_ms)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key) DO NOTHING`,
      [key, name, displayName, passwordHash, createdAtMs, lastSignInAtMs],
    );
    return changed === 1;
  }

  async find(key: string): Promise<Account | undefined> {
    const [row] = await this.#rows('SELECT * FROM wren.accounts WHERE key = $1', [key]);
    return row && accountOf(row);
  }

  async touch(key: string, lastSignInAtMs: number): Promise<void> {
    await this.#change('UPDATE wren.accounts SET last_sign_in_at_ms = $1 WHERE key = $2', [lastSignInAtMs, key]);
  }

  async buddyList(key: string): Promise<StoredBuddyList> {
    const [row] = await this.#rows('SELECT version, xml FROM wren.buddy_lists WHERE key = $1', [key]);
    return buddyListOf(row);
  }

  async putBuddyList(key: string, baseVersion: number, xml: string): Promise<number | undefined> {
    const changed =
      baseVersion === 0
        ? await this.#change(
            `INSERT INTO wren.buddy_lists (key, version, xml) SELECT key, 1, $1 FROM wren.accounts WHERE key = $2
             ON CONFLICT (key) DO NOTHING`,
            [xml, key],
          )
        : await this.#change(
            'UPDATE wren.buddy_lists SET xml = $1, version = version + 1 WHERE key = $2 AND version = $3',
            [xml, key, baseVersion],
          );
    return changed === 1 ? baseVersion + 1 : undefined;
  }

  async deviceList(key: string): Promise<StoredDevices | undefined> {
    const [row] = await this.#rows('SELECT * FROM wren.device_lists WHERE key = $1', [key]);
    return row && devicesOf(row);
  }

  async putDeviceList(key: string, { version, list, signature, sealedKey }: StoredDevices): Promise<boolean> {
    const changed =
      version === 1
        ? await this.#change(
            `INSERT INTO wren.device_lists (version, list, signature, sealed_key, key)
             SELECT $1::bigint, $2::bytea, $3::bytea, $4::bytea, key FROM wren.accounts WHERE key = $5
             ON CONFLICT (key) DO NOTHING`,
            [version, list, signature, sealedKey, key],
          )
        : await this.#change(
            `UPDATE wren.device_lists SET version = $1, list = $2, signature = $3, sealed_key = $4
             WHERE key = $5 AND version = $1::bigint - 1`,
            [version, list, signature, sealedKey, key],
          );
    return changed === 1;
  }

  async putSupernode({ nodeId, endpoints, enrolledAtMs, entry }: StoredSupernode): Promise<void> {
    await this.#change(
      `INSERT INTO wren.supernodes (node_id, endpoints, enrolled_at_ms, entry) VALUES ($1, $2, $3, $4)
       ON CONFLICT (node_id) DO UPDATE
       SET endpoints = excluded.endpoints, enrolled_at_ms = excluded.enrolled_at_ms, entry = excluded.entry`,
      [nodeId, JSON.stringify(endpoints), enrolledAtMs, entry ?? null],
    );
    await this.#change(
      `DELETE FROM wren.supernodes WHERE node_id IN
       (SELECT node_id FROM wren.supernodes ORDER BY enrolled_at_ms DESC, node_id OFFSET $1)`,
      [this.#supernodesMax],
    );
  }

  async findSupernode(nodeId: string): Promise<StoredSupernode | undefined> {
    const [row] = await this.#rows('SELECT * FROM wren.supernodes WHERE node_id = $1', [nodeId]);
    return row && enrolledOf(row);
  }

  async supernodes(limit: number): Promise<readonly StoredSupernode[]> {
    const rows = await this.#rows('SELECT * FROM wren.supernodes ORDER BY enrolled_at_ms DESC, node_id LIMIT $1', [
      limit,
    ]);
    return rows.map(enrolledOf);
  }

  async announce(nodeId: string, endpoints: readonly Endpoint[], nowMs: number): Promise<readonly Endpoint[]> {
    await this.#change(
      `INSERT INTO wren.login_servers (node_id, endpoints, started_at_ms) VALUES ($1, $2, $3)
       ON CONFLICT (node_id) DO UPDATE SET endpoints = excluded.endpoints, started_at_ms = excluded.started_at_ms`,
      [nodeId, JSON.stringify(endpoints.map(printEndpoint)), nowMs],
    );
    const rows = await this.#rows(
      'SELECT endpoints FROM wren.login_servers ORDER BY node_id = $1 DESC, started_at_ms DESC LIMIT $2',
      [nodeId, LOGIN_SERVERS_NAMED_MAX],
    );
    const lists = rows.map((row) =>
      (JSON.parse(String(row.endpoints)) as string[]).flatMap((text) => parseEndpoint(text) ?? []),
    );
    return inTurns(lists).slice(0, LOGIN_SERVERS_NAMED_MAX);
  }

  /** Waits for calls under way. Afterwards every call rejects. */
  async close(): Promise<void> {
    if (!this.#pool.ending) await this.#pool.end();
  }

  /** Rows changed. */
  async #change(statement: string, values: readonly unknown[]): Promise<number> {
    return (await this.#attempt(statement, values)).rowCount ?? 0;
  }

  async #rows(statement: string, values: readonly unknown[]): Promise<Row[]> {
    return (await this.#attempt(statement, values)).rows as Row[];
  }

  async #attempt(statement: string, values: readonly unknown[]): Promise<pg.QueryResult> {
    try {
      return await this.#pool.query(statement, [...values]);
    } catch (error) {
      if ((error as { code?: string }).code === DISK_FULL) throw new Refusal('disk-full');
      throw error;
    }
  }
}

/** SQLSTATE of class 53, insufficient resources. */
const DISK_FULL = '53100';

/** The first of each, then the second of each: whoever tries them in order meets every server early. */
function inTurns<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, turn) => lists.flatMap((list) => list.slice(turn, turn + 1))).flat();
}

function devicesOf(row: Row): StoredDevices {
  const { list, signature, sealed_key: sealedKey } = row as { list: Buffer; signature: Buffer; sealed_key: Buffer };
  return { version: Number(row.version), list, signature, sealedKey };
}

function enrolledOf(row: Row): StoredSupernode {
  return supernodeOf(row, (row.entry as Buffer | null) ?? undefined);
}
