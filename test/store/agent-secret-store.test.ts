import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HistoryDb } from '../../src/store/history-face.ts';
import { openHistoryVault } from '../../src/store/history-vault-io.ts';
import { SecretStoreTrouble } from '../../src/store/secret-store.ts';
import { systemSecretStore } from '../../src/store/secret-store-io.ts';
import { openSettings } from '../../src/store/settings-file.ts';
import type { HistoryReport } from '../../src/store/state.ts';
import { seededRandom } from '../support/seeded-random.ts';

const ROOT = join(import.meta.dirname, '../..');
let folder: string;
let entry: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-secrets-'));
  // Inside the repository, so that the library is found.
  entry = join(mkdtempSync(join(ROOT, 'node_modules', '.secret-test-')), 'secret-store.cjs');
  execFileSync(process.execPath, ['bin/build.mjs', 'bin/secret-store.ts', entry], { cwd: ROOT, stdio: 'pipe' });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(join(entry, '..'), { recursive: true, force: true });
});

/** Why there is no real one here; empty when there is. */
function missing(): string {
  if (process.platform !== 'linux') return 'only the Secret Service of Linux is started by this test';
  for (const program of ['dbus-daemon', 'gnome-keyring-daemon']) {
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return `${program} is not installed`;
  }
  try {
    createRequire(import.meta.url).resolve('@napi-rs/keyring');
    return '';
  } catch {
    return 'the optional library @napi-rs/keyring is not installed';
  }
}

/** A session bus and a GNOME Keyring of its own; the environment to reach it, and its end. */
async function keyring(home: string, password: string | undefined) {
  const runtime = join(home, 'run');
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  const env = { PATH: process.env.PATH ?? '', HOME: home, XDG_RUNTIME_DIR: runtime };
  const bus = spawn('dbus-daemon', ['--session', '--nofork', '--print-address=1'], {
    ...{ env, stdio: ['ignore', 'pipe', 'ignore'] },
  });
  const address = await new Promise<string>((resolve, reject) => {
    bus.stdout.once('data', (bytes: Buffer) => resolve(bytes.toString().trim()));
    bus.once('exit', () => reject(new Error('no session bus')));
  });
  const there = { ...env, DBUS_SESSION_BUS_ADDRESS: address };
  const flags = password === undefined ? ['--start'] : ['--unlock'];
  const daemon = spawn('gnome-keyring-daemon', ['--foreground', '--components=secrets', ...flags], {
    ...{ env: there, stdio: ['pipe', 'ignore', 'ignore'] },
  });
  daemon.stdin.end(password ?? '');
  const reached = () =>
    spawnSync(
      'dbus-send',
      ['--session', '--print-reply', '--dest=org.freedesktop.DBus', '/', 'org.freedesktop.DBus.ListNames'],
      { env: there },
    ).stdout.includes('org.freedesktop.secrets');
  for (let tries = 0; !reached() && tries < 50; tries++) await new Promise((resolve) => setTimeout(resolve, 100));
  const end = async () => {
    for (const child of [daemon, bus]) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGKILL')) await gone;
    }
  };
  return { env: there, end };
}

/** The history of a profile whose key is in the store of the environment. */
async function withHistory(look: (history: HistoryDb, report: HistoryReport) => void): Promise<void> {
  const profile = join(folder, 'profile');
  mkdirSync(profile, { recursive: true, mode: 0o700 });
  const vault = await openHistoryVault({
    ...{ folder: profile, settings: openSettings(profile).settings, random: seededRandom('key') },
    ...{ store: systemSecretStore(entry, process.env), log: { info: () => {}, warn: () => {} }, startWaitMs: 10_000 },
  });
  const history = vault.open('alice1');
  try {
    look(history, vault.report());
  } finally {
    history.close();
  }
}

async function withEnvironment<T>(env: NodeJS.ProcessEnv, work: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, { WREN_NO_SECRET_STORE: '' }, env);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(env)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

test('a real Secret Service keeps a key, gives it back after its own restart, and says when it is locked', async (context) => {
  const why = missing();
  if (why !== '') {
    console.log(`skipped: a real secret store: ${why}`);
    return context.skip();
  }
  const home = join(folder, 'home');
  const key = Buffer.alloc(32, 7);
  const first = await keyring(home, 'password');
  try {
    await withEnvironment(first.env, async () => {
      const store = systemSecretStore(entry, process.env);
      expect(await store.read('profile-0123456789abcdef')).toBeNull();
      await store.write('profile-0123456789abcdef', key);
      expect(await store.read('profile-0123456789abcdef')).toEqual(key);
      await withHistory((history, { protection }) => {
        expect(protection).toBe('secret-store');
        history.storeIncoming({ id: 'ab'.repeat(16), with: 'bobby1', text: 'rhubarb', sentAtMs: 1 }, 1);
      });
    });
  } finally {
    await first.end();
  }
  const second = await keyring(home, 'password');
  try {
    await withEnvironment(second.env, async () => {
      expect(await systemSecretStore(entry, process.env).read('profile-0123456789abcdef')).toEqual(key);
      await withHistory((history) => expect(history.newest({ limit: 9, search: 'rhubarb' })).toHaveLength(1));
    });
  } finally {
    await second.end();
  }
  const locked = await keyring(home, undefined);
  try {
    await withEnvironment(locked.env, async () => {
      const read = systemSecretStore(entry, process.env).read('profile-0123456789abcdef');
      await expect(read).rejects.toBeInstanceOf(SecretStoreTrouble);
      await withHistory((_history, report) => expect(report.protection).toBe('locked'));
    });
  } finally {
    await locked.end();
  }
});

test('where there is no session bus, no library, no child, or no wish for it, that is said and nothing hangs', async () => {
  const bare = { PATH: process.env.PATH ?? '', HOME: folder };
  const whyOf = async (store: ReturnType<typeof systemSecretStore>) =>
    store.read('profile-0123456789abcdef').then(
      () => 'an answer',
      (error: Error) => `${error instanceof SecretStoreTrouble} ${error.message}`,
    );
  expect(await whyOf(systemSecretStore(entry, { ...bare, WREN_NO_SECRET_STORE: '1' }))).toBe(
    'true WREN_NO_SECRET_STORE=1',
  );
  if (process.platform === 'linux') expect(await whyOf(systemSecretStore(entry, bare))).toContain('no D-Bus session');
  const nowhere = { ...bare, DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(folder, 'nobody')}` };
  await withEnvironment(nowhere, async () => {
    expect(await whyOf(systemSecretStore(entry, process.env))).toMatch(/^true \S/);
    expect(await whyOf(systemSecretStore(join(folder, 'gone.cjs'), process.env))).toBe(
      'true the secret store could not be asked',
    );
  });
  expect(existsSync(entry)).toBe(true);
});
