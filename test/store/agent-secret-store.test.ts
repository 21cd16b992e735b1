import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SecretStoreTrouble } from '../../src/store/secret-store.ts';
import { systemSecretStore } from '../../src/store/secret-store-io.ts';

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
    });
  } finally {
    await first.end();
  }
  const second = await keyring(home, 'password');
  try {
    await withEnvironment(second.env, async () => {
      expect(await systemSecretStore(entry, process.env).read('profile-0123456789abcdef')).toEqual(key);
    });
  } finally {
    await second.end();
  }
  const locked = await keyring(home, undefined);
  try {
    await withEnvironment(locked.env, async () => {
      const read = systemSecretStore(entry, process.env).read('profile-0123456789abcdef');
      await expect(read).rejects.toBeInstanceOf(SecretStoreTrouble);
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
