/**
 * A PostgreSQL server of our own for tests: a cluster in a temporary folder, which listens on a Unix socket alone. Root may not
 * run it, so it runs as `postgres` or `nobody` then. Debian keeps the programs off the PATH.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import pg from 'pg';

const DEBIAN = '/usr/lib/postgresql';

/** Undefined, with the reason printed, where PostgreSQL is not installed. */
export async function startPostgres(): Promise<PostgresServer | undefined> {
  const installed = existsSync(DEBIAN) ? readdirSync(DEBIAN).map((version) => join(DEBIAN, version, 'bin')) : [];
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...installed];
  const programs = folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))));
  if (programs === undefined) {
    console.log('skipped: accounts in PostgreSQL need its programs (package postgresql)');
    return undefined;
  }
  const server = new PostgresServer(programs, ordinaryUser());
  await server.start();
  return server;
}

interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/** Whom root lets run the server; undefined for an ordinary user, who runs it himself. */
function ordinaryUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string) => {
    for (const name of ['postgres', 'nobody']) {
      try {
        return Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
      } catch {
        // The next one.
      }
    }
    throw new Error('no user that could run PostgreSQL');
  };
  return { uid: idOf('-u'), gid: idOf('-g') };
}

export class PostgresServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'wren-postgres-'));
  readonly #programs: string;
  readonly #user: SystemUser | undefined;
  #process: ChildProcess | undefined;
  #databases = 0;

  constructor(programs: string, user: SystemUser | undefined) {
    this.#programs = programs;
    this.#user = user;
    if (user) chownSync(this.#folder, user.uid, user.gid);
    execFileSync(
      join(programs, 'initdb'),
      ['-D', join(this.#folder, 'data'), '-U', 'wren', '-A', 'trust', '-E', 'UTF8', '--no-sync', '--locale=C'],
      { ...this.#user, cwd: this.#folder, stdio: ['ignore', 'ignore', 'inherit'] },
    );
  }

  async start(): Promise<void> {
    const flags = ['-D', join(this.#folder, 'data'), '-k', this.#folder, '-h', '', '-F'];
    this.#process = spawn(join(this.#programs, 'postgres'), flags, {
      ...this.#user,
      cwd: this.#folder,
      stdio: 'ignore',
    });
    for (;;) {
      try {
        await this.asked('postgres', 'SELECT 1');
        return;
      } catch (error) {
        if (this.#process.exitCode !== null) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** The address of a database that is new and empty. */
  async database(): Promise<string> {
    const name = `wren${++this.#databases}`;
    await this.asked('postgres', `CREATE DATABASE ${name}`);
    return this.#url(name);
  }

  /** Ends all connections to all databases but the one that asks, in the middle of whatever they do. */
  async cutConnections(): Promise<void> {
    const others = "pid <> pg_backend_pid() AND backend_type = 'client backend'";
    await this.asked('postgres', `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${others}`);
  }

  async asked(database: string, statement: string): Promise<readonly unknown[]> {
    const client = new pg.Client({ connectionString: this.#url(database) });
    try {
      await client.connect();
      return (await client.query(statement)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** `SIGQUIT`: at once, without waiting for anybody, as after a loss of power. */
  async stop(): Promise<void> {
    const running = this.#process;
    if (!running || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGQUIT');
    await gone;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #url(database: string): string {
    return `postgres://wren@${encodeURIComponent(this.#folder)}/${database}`;
  }
}
