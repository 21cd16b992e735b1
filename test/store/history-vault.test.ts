import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type HistoryDb, historyFile, openHistory } from '../../src/store/history-db.ts';
import { changeForm, historyForm } from '../../src/store/history-form-db.ts';
import { HISTORY_SCHEMA } from '../../src/store/history-sql.ts';
import type { HistoryVault } from '../../src/store/history-vault.ts';
import { openHistoryVault } from '../../src/store/history-vault-io.ts';
import { noSecretStore } from '../../src/store/secret-store.ts';
import { openSettings, type SettingsFile } from '../../src/store/settings-file.ts';
import { openDatabase } from '../../src/store/sqlite-db.ts';
import { MemorySecretStore } from '../support/memory-secret-store.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { bundleProgram, runProgram } from '../support/store-child.ts';

let folder: string;
let store: MemorySecretStore;
let settings: SettingsFile;
let opened: HistoryDb[];
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'wren-vault-')));
  store = new MemorySecretStore();
  ({ settings } = openSettings(folder));
  opened = [];
});
afterEach(() => {
  for (const history of opened) history.close();
  rmSync(folder, { recursive: true, force: true });
});

const SECRET = 'rhubarb';
const log = { info: () => {}, warn: () => {} };
const path = (account = 'alice1') => join(folder, historyFile(account));
const vaultOf = (change: Partial<Parameters<typeof openHistoryVault>[0]> = {}): Promise<HistoryVault> =>
  openHistoryVault({ folder, settings, store, random: seededRandom('key'), log, startWaitMs: 50, ...change });
const open = (vault: HistoryVault, account = 'alice1'): HistoryDb => {
  const history = vault.open(account);
  opened.push(history);
  return history;
};
let ids = 0;
const line = (text: string, who = 'bobby1') => ({
  ...{ id: (ids++).toString(16).padStart(32, '0'), with: who, text, sentAtMs: 5 },
});
const texts = (history: HistoryDb, search?: string) =>
  history.history({ with: 'bobby1', limit: 100, ...(search === undefined ? {} : { search }) }).map(({ text }) => text);
/** Names of the files in which the word can be read. */
const readable = () => readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(SECRET));

function fill(history: HistoryDb): void {
  history.storeIncoming(line(`${SECRET} one`), 1);
  const { line: sent } = history.storeOutgoing(line('two'), 2);
  history.markDelivered('bobby1', [sent.id]);
  history.storeOutgoing(line(`${SECRET} three`), 3);
  history.storeIncoming(line('four', 'carol1'), 4);
  history.markRead('carol1');
  const times = { startedAtMs: 5, answeredAtMs: 6, endedAtMs: 7 } as const;
  history.logCall({ call: 'c1', peer: SECRET, direction: 'in', ...times, reason: 'hangup', path: 'direct' });
}

function expectFilled(history: HistoryDb): void {
  expect(texts(history)).toEqual([`${SECRET} one`, 'two', `${SECRET} three`]);
  expect(texts(history, SECRET)).toEqual([`${SECRET} one`, `${SECRET} three`]);
  expect(history.outbox().map(({ line: { text }, sequence }) => [text, sequence])).toEqual([[`${SECRET} three`, 2]]);
  expect([...history.unread()]).toEqual([['bobby1', 1]]);
  expect(history.calls({ limit: 9 })).toMatchObject([{ call: 'c1', peer: SECRET, reason: 'hangup', missed: false }]);
}

test('where a secret store keeps the key, nothing that was said can be read in any file of the profile', async () => {
  const vault = await vaultOf();
  const history = open(vault);
  fill(history);
  expect(readable()).toEqual([]);
  expect(vault.report()).toEqual({ protection: 'secret-store', why: expect.stringContaining('secret store') });
  history.close();
  expectFilled(open(await vaultOf()));
  expect(readable()).toEqual([]);
  const [key] = [...store.secrets.values()];
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  expect(key).toHaveLength(32);
  for (const form of ['latin1', 'hex', 'base64'] as const) {
    const text = (key as Buffer).toString(form);
    expect(files.some((bytes) => bytes.toString('latin1').includes(text))).toBe(false);
  }
});

test('without a secret store the file is plain and for its owner only, and the reason is said', async () => {
  const vault = await vaultOf({ store: noSecretStore('no D-Bus session here') });
  fill(open(vault));
  expect(readable()).not.toEqual([]);
  expect(statSync(path()).mode & 0o777).toBe(0o600);
  expect(vault.report()).toEqual({
    protection: 'file-permissions',
    why: 'no key from a secret store: no D-Bus session here',
  });
});

test('a history of the first version becomes encrypted without loss when a secret store appears, and plain again when that is wanted', async () => {
  const old = openDatabase(path(), { waitMs: 100 });
  old.exec('PRAGMA journal_mode = WAL; CREATE TABLE schema_version (version INTEGER NOT NULL)');
  old.exec(`${HISTORY_SCHEMA[0]}; INSERT INTO schema_version VALUES (1)`);
  old.exec(`INSERT INTO message VALUES (7, 'bobby1', 'in', 'ab', 'bobby1', '${SECRET} of old', 5, 5, 0, 0, 1)`);
  old.close();
  const vault = await vaultOf();
  const history = open(vault);
  expect(texts(history, SECRET)).toEqual([`${SECRET} of old`]);
  expect([historyForm(path()), readable()]).toEqual(['encrypted', []]);
  expect(history.closeForGood()).toBe(true);
  settings.set({ historyEncryption: 'off' });
  const plain = open(vault);
  expect(texts(plain, SECRET)).toEqual([`${SECRET} of old`]);
  expect(historyForm(path())).toBe('plain');
  expect(vault.report()).toEqual({ protection: 'file-permissions', why: 'you have turned encryption off' });
  expect(history.takeNotices()).toEqual([]);
});

test('every kind of row survives the way there and back, whatever was written', async () => {
  const key = 'ab'.repeat(32);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ text: fc.string({ unit: 'grapheme', minLength: 1 }), out: fc.boolean() }), {
        maxLength: 12,
      }),
      async (said) => {
        rmSync(path(), { force: true });
        const before = openHistory(path());
        fill(before);
        said.forEach(({ text, out }, i) => {
          if (out) before.storeOutgoing(line(text, 'dave12'), 10 + i);
          else before.storeIncoming(line(text, 'dave12'), 10 + i);
        });
        before.markRead('dave12');
        const rows = before.linesAfter({ after: 0, limit: 100 });
        const waiting = before.outbox();
        expect(before.closeForGood()).toBe(true);
        changeForm(path(), undefined, key);
        changeForm(path(), key, undefined);
        const after = openHistory(path());
        expect(after.linesAfter({ after: 0, limit: 100 })).toEqual(rows);
        expect(after.outbox()).toEqual(waiting);
        expect(texts(after, SECRET)).toHaveLength(2);
        expect(after.calls({ limit: 9 })).toHaveLength(1);
        expect(after.closeForGood()).toBe(true);
      },
    ),
    { numRuns: 8 },
  );
});

test('while the secret store is locked nothing is lost or written over: it is said, and read again once it opens', async () => {
  fill(open(await vaultOf()));
  opened.pop()?.close();
  const size = statSync(path()).size;
  store.isLocked = true;
  const vault = await vaultOf();
  const history = open(vault);
  expect(vault.report()).toEqual({ protection: 'locked', why: 'it is locked' });
  const locked = expect.objectContaining({ code: 'history-locked' });
  expect(() => history.storeIncoming(line('lost?'), 9)).toThrow(locked);
  expect(() => history.storeOutgoing(line('lost?'), 9)).toThrow(locked);
  expect(() => texts(history)).toThrow(locked);
  expect([[...history.unread()], history.outbox()]).toEqual([[], []]);
  expect([statSync(path()).size, readdirSync(folder).some((name) => name.includes('damaged'))]).toEqual([size, false]);
  store.isLocked = false;
  await vault.ask();
  expectFilled(open(vault));
  expect(vault.report().protection).toBe('secret-store');
});

test('a store that answers late does not hold up the start, and what it brings is told', async () => {
  let answer = () => {};
  store.gate = new Promise((resolve) => {
    answer = resolve;
  });
  const vault = await vaultOf({ startWaitMs: 1 });
  expect(vault.report().protection).toBe('file-permissions');
  const late = new Promise<void>((resolve) => vault.onLateKey(resolve));
  answer();
  await late;
  open(vault);
  expect(vault.report().protection).toBe('secret-store');
});

test('a key that is not the one of this profile opens nothing and replaces nothing', async () => {
  fill(open(await vaultOf()));
  opened.pop()?.close();
  const [entry, key] = [...store.secrets][0] as [string, Buffer];
  store.secrets.clear();
  const gone = await vaultOf();
  expect(() => texts(open(gone))).toThrow(expect.objectContaining({ code: 'history-locked' }));
  expect(gone.report().why).toBe('it does not hold the key of this profile');
  expect(store.secrets.size).toBe(0);
  store.secrets.set(entry, Buffer.alloc(32, 1));
  const wrong = await vaultOf();
  expect(() => texts(open(wrong))).toThrow(expect.objectContaining({ code: 'history-locked' }));
  store.secrets.set(entry, key);
  expectFilled(open(await vaultOf()));
});

test('a folder that moved is still read, and so is one whose file with the name of the key is damaged', async () => {
  fill(open(await vaultOf()));
  opened.pop()?.close();
  writeFileSync(join(folder, 'history-key.json'), '{"cut off');
  const vault = await vaultOf();
  const history = open(vault);
  expectFilled(history);
  expect(history.takeNotices()).toEqual([
    { code: 'profile-damaged', detail: expect.stringContaining('history-key.json.damaged-1') },
  ]);
  history.close();
  const moved = `${folder}-moved`;
  renameSync(folder, moved);
  folder = moved;
  ({ settings } = openSettings(folder));
  expectFilled(open(await vaultOf()));
  // Where both happened, nothing is guessed and nothing is thrown away.
  opened.pop()?.close();
  renameSync(folder, `${moved}-twice`);
  folder = `${moved}-twice`;
  writeFileSync(join(folder, 'history-key.json'), 'garbage');
  const lost = await vaultOf();
  expect(() => texts(open(lost))).toThrow(expect.objectContaining({ code: 'history-locked' }));
  expect([lost.report().why, store.secrets.size]).toEqual(['the name of the key was lost', 1]);
});

test('an encrypted file that is damaged is moved aside as a plain one is, and the fresh one is encrypted', async () => {
  fill(open(await vaultOf()));
  opened.pop()?.closeForGood();
  const bytes = readFileSync(path());
  bytes.fill(0x55, 64);
  writeFileSync(path(), bytes);
  const history = open(await vaultOf());
  expect(history.takeNotices()).toEqual([
    { code: 'profile-damaged', detail: expect.stringContaining('history-alice1.db.damaged-1') },
  ]);
  fill(history);
  expectFilled(history);
  expect(readable()).toEqual([]);
});

test('noise is damage, not a locked history, and does not keep anybody out', async () => {
  writeFileSync(path(), 'x'.repeat(20_000));
  const vault = await vaultOf({ store: noSecretStore('none here') });
  const history = open(vault);
  expect(history.takeNotices()).toHaveLength(1);
  fill(history);
  expectFilled(history);
});

test('two accounts of one profile have keys of their own', async () => {
  const vault = await vaultOf();
  fill(open(vault));
  opened.pop()?.closeForGood();
  copyFileSync(path(), path('malice'));
  const other = open(vault, 'malice');
  expect(other.takeNotices()).toMatchObject([{ code: 'profile-damaged' }]);
});

test('what is left of a change that was cut off is removed', async () => {
  for (const suffix of ['', '-wal', '-shm', '-journal']) writeFileSync(`${path()}.new${suffix}`, SECRET);
  fill(open(await vaultOf()));
  expect(readable()).toEqual([]);
  expect(existsSync(`${path()}.new`)).toBe(false);
});

test('a full disk leaves the form as it was, and says so', async (context) => {
  const disk = mountSmallDisk(1_000_000);
  if (disk === undefined) return context.skip();
  const { settings: there } = openSettings(disk.folder);
  const options = { folder: disk.folder, settings: there, store, random: seededRandom('key'), log };
  const file = join(disk.folder, historyFile('alice1'));
  const plain = openHistory(file);
  fill(plain);
  for (let i = 0; i < 5; i++) plain.storeIncoming(line('x'.repeat(16_000)), 10 + i);
  plain.closeForGood();
  await openHistoryVault(options);
  // Room to open the file, but not for another of it.
  disk.fill(180_000);
  try {
    const vault = await openHistoryVault(options);
    const history = vault.open('alice1');
    expect(history.history({ with: 'bobby1', limit: 3 })).toHaveLength(3);
    expect([historyForm(file), vault.report().protection]).toEqual(['plain', 'file-permissions']);
    expect(vault.report().why).toContain('disk is full');
    history.close();
  } finally {
    disk.unmount();
  }
});

test('whenever a machine dies in a change of form, every line is there afterwards', async () => {
  const program = await bundleProgram(`
    import { changeForm } from '#store/history-form-db.ts';
    const [, , path, key] = process.argv;
    let [from, to] = [undefined, key];
    for (;;) {
      require('node:fs').writeSync(1, 'begin\\n');
      changeForm(path, from, to);
      [from, to] = [to, from];
    }
  `);
  const key = 'cd'.repeat(32);
  try {
    const history = openHistory(path());
    fill(history);
    for (let i = 0; i < 60; i++) history.storeIncoming(line('x'.repeat(4_000)), 10 + i);
    const { lines } = history.linesAfter({ after: 0, limit: 1_000 });
    expect(history.closeForGood()).toBe(true);
    const pristine = readFileSync(path());
    const startedAt = performance.now();
    changeForm(path(), undefined, key);
    const tookMs = performance.now() - startedAt;
    const forms = new Set<string>();
    for (let round = 0; round < 12; round++) {
      rmSync(path());
      writeFileSync(path(), pristine);
      const child = runProgram(program.path, [path(), key]);
      // From the second change on, which leads back.
      for (let begun = 0; begun <= round % 2; begun++) await child.line();
      await new Promise((resolve) => setTimeout(resolve, Math.floor(round / 2) * (tookMs / 4)));
      await child.kill();
      const form = historyForm(path());
      forms.add(form);
      const after = openHistory(path(), { key: form === 'encrypted' ? key : undefined });
      expect(after.takeNotices()).toEqual([]);
      expect(after.linesAfter({ after: 0, limit: 1_000 }).lines).toEqual(lines);
      expect(after.history({ with: 'bobby1', limit: 9, search: SECRET })).toHaveLength(2);
      after.close();
      for (const suffix of ['-wal', '-shm']) rmSync(path() + suffix, { force: true });
    }
    expect(forms.size, 'kills before and after the step were among them').toBe(2);
  } finally {
    program.remove();
  }
});
