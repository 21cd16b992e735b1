/** The SQLite account store: the contract, what outlives crashes, and what happens to a full, damaged or foreign file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildSync } from 'esbuild';
import fc from 'fast-check';
import Database from 'libsql';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccountStore } from '../../src/net/login/account-store.ts';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { ACCOUNT_SCHEMA, migrate, openAccountDb } from '../../src/store/account-db.ts';
import { account, accountStoreContract, CONTRACT_SUPERNODES_MAX } from '../support/account-store-contract.ts';
import { MemoryAccountStore, MemoryAccounts } from '../support/memory-account-store.ts';
import { mountSmallDisk } from '../support/small-disk.ts';

let folder = '';
let path = '';
const stores: AccountStore[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-accounts-'));
  path = join(folder, 'accounts.db');
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  rmSync(folder, { recursive: true, force: true });
});
afterAll(() => stopChildren());

function open(options = {}): AccountStore {
  const store = openAccountDb(path, options);
  stores.push(store);
  return store;
}

accountStoreContract('SQLite', async () => open({ supernodesMax: CONTRACT_SUPERNODES_MAX }));
accountStoreContract('memory', async () => new MemoryAccountStore(new MemoryAccounts(CONTRACT_SUPERNODES_MAX)));

describe('an account file', () => {
  it('is for its owner only, with all that SQLite puts beside it', async () => {
    await open().create(account('alice1'));
    for (const suffix of ['', '-wal', '-shm']) expect(statSync(path + suffix).mode & 0o777).toBe(0o600);
  });

  it('has everything when it is opened again', async () => {
    const store = open();
    await store.create(account('alice1'));
    await store.putBuddyList('alice1', 0, '<list/>');
    await store.close();
    expect(await open().find('alice1')).toEqual(account('alice1'));
    expect(await open().buddyList('alice1')).toEqual({ version: 1, xml: '<list/>' });
  });

  it('is complete without its log once it is closed', async () => {
    const store = open();
    await store.create(account('alice1'));
    await store.close();
    const copy = join(folder, 'copy.db');
    copyFileSync(path, copy);
    const copied = openAccountDb(copy);
    stores.push(copied);
    expect(await copied.find('alice1')).toEqual(account('alice1'));
  });

  it('behaves as memory does, whatever the order of calls', async () => {
    const key = fc.constantFrom('alice1', 'bobby1', 'carol1');
    const call = fc.oneof(
      fc.record({ call: fc.constant('create' as const), key, text: fc.string() }),
      fc.record({ call: fc.constant('touch' as const), key, at: fc.nat() }),
      fc.record({ call: fc.constant('put' as const), key, base: fc.nat(3), text: fc.string({ unit: 'binary' }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 25 }), async (calls) => {
        const real = openAccountDb(join(mkdtempSync(join(folder, 'run-')), 'accounts.db'));
        const model = new MemoryAccountStore();
        for (const step of calls) {
          const [told, expected] = await Promise.all([apply(real, step), apply(model, step)]);
          expect(told).toEqual(expected);
        }
        for (const name of ['alice1', 'bobby1', 'carol1']) {
          expect(await real.find(name)).toEqual(await model.find(name));
          expect(await real.buddyList(name)).toEqual(await model.buddyList(name));
        }
        await real.close();
      }),
      { numRuns: 40 },
    );
  });

  it('that is full refuses with disk-full, changes nothing, and serves on', async () => {
    const store = open({ bytesMax: 100_000 });
    await store.create(account('alice1'));
    const big = 'x'.repeat(150_000);
    await expect(store.putBuddyList('alice1', 0, big)).rejects.toMatchObject(new Refusal('disk-full'));
    expect(await store.buddyList('alice1')).toEqual({ version: 0, xml: '' });
    await expect(store.create(account('bobby1', { displayName: big }))).rejects.toMatchObject({ code: 'disk-full' });
    expect(await store.find('bobby1')).toBeUndefined();
    expect(await store.create(account('carol1'))).toBe(true);
    expect(await store.putBuddyList('alice1', 0, '<small/>')).toBe(1);
  });

  it('on a full disk refuses with disk-full, and loses nothing', async (context) => {
    const disk = mountSmallDisk(600_000);
    if (!disk) return context.skip();
    path = join(disk.folder, 'accounts.db');
    try {
      const store = open();
      await store.create(account('alice1'));
      disk.fill();
      const tries: string[] = [];
      for (let n = 0; n < 50; n++) {
        const key = `filler${n}`;
        await store.create(account(key, { displayName: 'x'.repeat(5000) })).then(
          () => tries.push(key),
          (error) => expect(error).toMatchObject({ code: 'disk-full' }),
        );
      }
      expect(tries.length).toBeLessThan(50);
      rmSync(join(disk.folder, 'ballast'));
      expect(await store.create(account('bobby1'))).toBe(true);
      await store.close();
      for (const key of ['alice1', 'bobby1', ...tries]) expect((await open().find(key))?.key).toBe(key);
    } finally {
      for (const store of stores.splice(0)) await store.close();
      disk.unmount();
    }
  });

  it('that is damaged is not opened, and not replaced', () => {
    writeFileSync(path, 'this is no database, but somebody may need it. '.repeat(200));
    expect(() => openAccountDb(path)).toThrow(path);
    expect(statSync(path).size).toBe(9400);
  });

  it('that another holds locked rejects after a while instead of waiting for ever', async () => {
    const store = open();
    const other = new Database(path);
    other.exec('BEGIN IMMEDIATE');
    await expect(store.create(account('alice1'))).rejects.toThrow(/locked/);
    other.exec('ROLLBACK');
    other.close();
    expect(await store.create(account('alice1'))).toBe(true);
  });
});

type Call =
  | { call: 'create'; key: string; text: string }
  | { call: 'touch'; key: string; at: number }
  | { call: 'put'; key: string; base: number; text: string };

/** A NUL is not stored by contract; the server never lets one through. */
function apply(store: AccountStore, step: Call): Promise<unknown> {
  if (step.call === 'touch') return store.touch(step.key, step.at);
  const text = step.text.replaceAll('\0', '');
  if (step.call === 'create') return store.create(account(step.key, { displayName: text }));
  return store.putBuddyList(step.key, step.base, text);
}

describe('the schema', () => {
  it('of a later version is refused and left alone', async () => {
    await open().close();
    const database = new Database(path);
    database.prepare('INSERT INTO schema_version VALUES (?)').run(ACCOUNT_SCHEMA.length + 1);
    database.close();
    expect(() => openAccountDb(path)).toThrow(/later version/);
  });

  it('is brought up to date with the data in it, once', async () => {
    const store = open();
    await store.create(account('alice1'));
    const next = [...ACCOUNT_SCHEMA, "ALTER TABLE accounts ADD COLUMN country TEXT NOT NULL DEFAULT '?'"];
    const database = new Database(path);
    migrate(database, next);
    migrate(database, next);
    expect(database.prepare('SELECT key, country FROM accounts').raw().get()).toEqual(['alice1', '?']);
    database.close();
  });

  it('stays as it was when a script fails half-way', async () => {
    await open().create(account('alice1'));
    const database = new Database(path);
    expect(() => migrate(database, [...ACCOUNT_SCHEMA, 'CREATE TABLE half (x); CREATE TABLE accounts (y)'])).toThrow();
    expect(() => database.prepare('SELECT * FROM half')).toThrow();
    migrate(database, ACCOUNT_SCHEMA);
    database.close();
    expect(await open().find('alice1')).toEqual(account('alice1'));
  });
});

describe('several processes', () => {
  it('that sign one name up at once have one winner', async () => {
    const names = Array.from({ length: 200 }, (_, n) => `same${n}`);
    const runs = ['left', 'middle', 'right'].map((label) => run(label, names));
    const lines = (await Promise.all(runs)).flat();
    expect(lines.filter((line) => line.startsWith('error'))).toEqual([]);
    const won = lines.filter((line) => line.startsWith('won '));
    expect(won.map((line) => line.split(' ')[1]).sort()).toEqual([...names].sort());
  });

  it('that open a new file at the same moment wait for one another', async () => {
    const locker = `
      const database = new (require('libsql'))(process.argv[1]);
      database.exec('BEGIN IMMEDIATE');
      console.log('locked');
      setTimeout(() => database.exec('COMMIT'), 200);`;
    const child = spawn(process.execPath, ['-e', locker, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(child);
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    const store = openAccountDb(path);
    expect(await store.find('nobody1')).toBeUndefined();
    await store.close();
    expect(await ended).toEqual([0, null]);
  });

  it('lose no account that was told to be there, when one is killed in the middle', async () => {
    for (const killAfter of [1, 40, 333]) {
      const told = await runUntilKilled(`crash${killAfter}-`, killAfter);
      expect(told.length).toBeGreaterThanOrEqual(killAfter);
      const store = openAccountDb(path);
      for (const name of told) expect((await store.find(name))?.displayName).toBe('crash');
      await store.close();
    }
  });
});

/** Creates the names on its standard input, or an endless row of them, and says so line by line. */
const WRITER = `
  import { writeSync } from 'node:fs';
  import { openAccountDb } from './src/store/account-db.ts';
  const [path, label, ...names] = process.argv.slice(1);
  const say = (line) => writeSync(1, line + '\\n');
  try {
    const store = openAccountDb(path);
    const make = (key) => store.create({ key, name: key, displayName: label, passwordHash: 'x', createdAtMs: 1, lastSignInAtMs: 1 });
    if (names[0] === '--prefix') for (let n = 0; ; n++) {
      const key = names[1] + n;
      if (await make(key)) say('won ' + key);
    }
    for (const key of names) say((await make(key) ? 'won ' : 'lost ') + key);
  } catch (error) { say('error ' + error.message); }
`;

let writerCode = '';
const children = new Set<ChildProcess>();

/** Node reads the program from its arguments, so `libsql` is found from the working directory. */
function startWriter(...args: string[]): ChildProcess {
  if (writerCode === '') {
    const built = buildSync({
      stdin: { contents: WRITER, resolveDir: process.cwd(), loader: 'ts' },
      bundle: true,
      write: false,
      platform: 'node',
      format: 'esm',
      external: ['libsql'],
    });
    writerCode = built.outputFiles[0]?.text ?? '';
  }
  const child = spawn(process.execPath, ['--input-type=module', '-e', writerCode, '--', path, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

function stopChildren(): void {
  for (const child of children) child.kill('SIGKILL');
}

async function run(label: string, names: readonly string[]): Promise<string[]> {
  const lines: string[] = [];
  const child = startWriter(label, ...names);
  for await (const line of createInterface({ input: child.stdout! })) lines.push(line);
  return lines;
}

/** The names that were told before the process was gone; it is killed at the `count`th. */
async function runUntilKilled(prefix: string, count: number): Promise<string[]> {
  const told: string[] = [];
  const child = startWriter('crash', '--prefix', prefix);
  for await (const line of createInterface({ input: child.stdout! })) {
    told.push(line.replace('won ', ''));
    if (told.length === count) child.kill('SIGKILL');
  }
  return told;
}
