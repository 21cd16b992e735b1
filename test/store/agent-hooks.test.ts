/** Hooks with real programs: what runs, with what, how many at once and how long; and a whole agent that runs them. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AgentHooks } from '../../src/store/agent-hooks.ts';
import { HookRunner, hookFiles } from '../../src/store/hook-runner-io.ts';
import { type AppState, LOST_AFTER_MS } from '../../src/store/state.ts';
import { AgentScene } from '../support/agent-scene.ts';
import { PrivateNetwork, until } from '../support/private-network.ts';
import { buddy, chatLine } from '../support/scripted-agent.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-hooks-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const out = (): string => join(folder, 'out');
const heard = (file = out()): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};
function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0) && !/^\S+ \S+ Z/.test(heard(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}
function script(path: string, body: string, mode = 0o700): string {
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, mode);
  return path;
}

test('programs run a few at once, end when their time is up, and what goes wrong is told with its reason', async () => {
  const troubles: string[] = [];
  const runner = new HookRunner({ folder, msMax: 700, trouble: (_key, what) => troubles.push(what) });
  const run = (file: string, stdin = '') => runner.run({ file, args: ['x'], stdin, env: { WREN_EVENT: 'x' } });
  const count = script(join(folder, 'count'), `echo b >> "${out()}"; sleep 0.2; echo e >> "${out()}"`);
  for (let i = 0; i < 6; i++) run(count);
  await until(() => (heard().match(/e/g) ?? []).length === 6, 8_000, heard);
  let [open, most] = [0, 0];
  for (const c of heard().replaceAll('\n', '')) {
    open += c === 'b' ? 1 : -1;
    most = Math.max(most, open);
  }
  expect(most).toBeLessThanOrEqual(4);
  run(script(join(folder, 'slow'), 'sleep 60 & wait'));
  const left = join(folder, 'left.pid');
  run(script(join(folder, 'leaves'), `sleep 60 & echo $! > "${left}"`));
  run(script(join(folder, 'bad'), 'echo no >&2; exit 7'));
  run(join(folder, 'none'), 'x'.repeat(200_000));
  await until(
    () => troubles.length >= 4,
    8_000,
    () => troubles.join(),
  );
  expect([...troubles].sort()).toEqual([
    'a hook cannot be started',
    'a hook failed',
    'a hook took too long and was ended',
    'what a hook left running was ended',
  ]);
  // Init reaps it.
  await until(
    () => !lives(Number(heard(left))),
    2_000,
    () => 'its sleep runs on',
  );
  for (let i = 0; i < 60; i++) run(count);
  expect(troubles).toContain('too many hooks at once: some were dropped');
  runner.close();
});

test('in the folder the name says the event; what others could write or cannot be started is named, not run', () => {
  script(join(folder, 'ringing.sh'), '');
  script(join(folder, 'ringing'), '', 0o600);
  script(join(folder, 'ringing.x'), '', 0o722);
  script(join(folder, 'ringing.sh~'), '');
  script(join(folder, 'message'), '');
  mkdirSync(join(folder, 'ringing.d'));
  expect(hookFiles(folder, 'ringing')).toEqual([
    { path: join(folder, 'ringing'), trouble: 'it is not executable: chmod u+x' },
    { path: join(folder, 'ringing.sh') },
    { path: join(folder, 'ringing.x'), trouble: 'others may write it: chmod go-w' },
  ]);
  expect(hookFiles(join(folder, 'nowhere'), 'ringing')).toEqual([]);
});

test('alerts of a person obey do-not-disturb, hooks do not; peers cannot smuggle a command in', async () => {
  const scene = new AgentScene().signedIn();
  const hooks = new AgentHooks(scene.core);
  const program = script(join(folder, 'tell'), `echo "$1 $2 $WREN_PEER $(cat)" >> "${out()}"`);
  scene.core.options.profile.settings.set({ hookCommand: `"${program}" hook`, alertCommand: `"${program}" alert` });
  const text = `"; touch ${join(folder, 'owned')}; $(touch ${join(folder, 'owned')}) \``;
  scene.core.emit({ type: 'chat.message', line: chatLine(text) });
  await until(() => heard().split('\n').length === 3, 8_000, heard);
  const lines = heard().trim().split('\n').sort();
  expect(lines[0]).toMatch(/^alert message bobby1 \{"event":"message"/);
  expect(JSON.parse(lines[1]?.replace(/^hook message bobby1 /, '') ?? '')).toMatchObject({ text });
  scene.core.emit({ type: 'presence.changed', presence: 'do-not-disturb' });
  scene.core.emit({ type: 'chat.message', line: chatLine('again') });
  scene.core.emit({ type: 'buddy.changed', buddy: buddy('bobby1', { presence: 'away' }) });
  scene.core.emit({ type: 'buddy.changed', buddy: buddy('bobby1') });
  await until(() => heard().split('\n').length === 5, 8_000, heard);
  expect(heard()).toMatch(/^hook presence bobby1 .*"presence":"online"/m);
  expect(heard().match(/^alert/gm)).toHaveLength(1);
  expect(heard(join(folder, 'owned'))).toBe('');
  hooks.close();
  scene.end();
});

test('a connection that is back in time is no alert; one that stays away is, once', async () => {
  const scene = new AgentScene().signedIn();
  const hooks = new AgentHooks(scene.core);
  const program = script(join(folder, 'tell'), `echo "$1 $2" >> "${out()}"`);
  scene.core.options.profile.settings.set({ hookCommand: `"${program}" hook`, alertCommand: `"${program}" alert` });
  const link = (connection: AppState['connection']): void =>
    scene.core.emit({ type: 'link.changed', connection, supernode: null, trouble: null });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    for (const connection of ['online', 'connecting', 'online'] as const) link(connection);
    vi.advanceTimersByTime(LOST_AFTER_MS);
    for (const connection of ['connecting', 'offline'] as const) link(connection);
    vi.advanceTimersByTime(LOST_AFTER_MS);
    link('online');
    link('offline');
    scene.core.emit({ type: 'account.signed-out' });
    vi.advanceTimersByTime(2 * LOST_AFTER_MS);
  } finally {
    vi.useRealTimers();
  }
  await until(() => heard().split('\n').length === 8, 8_000, heard);
  expect(heard().match(/^hook offline/gm)).toHaveLength(3);
  expect(heard().match(/^alert offline/gm)).toHaveLength(1);
  hooks.close();
  scene.end();
});

test('a real agent runs them: connected, a message, a call from its ringing to its end, signed out', async () => {
  const network = await PrivateNetwork.start();
  try {
    const profile = network.path('alice');
    mkdirSync(join(profile, 'hooks'), { recursive: true, mode: 0o700 });
    for (const event of ['online', 'message', 'ringing', 'answered', 'ended', 'offline']) {
      script(join(profile, 'hooks', `${event}.sh`), `echo "$WREN_EVENT $WREN_PEER $(cat)" >> "${out()}"`);
    }
    script(join(profile, 'hooks', 'presence'), 'exit 3');
    await network.person('alice', 'alice1');
    await network.succeed('alice', 'wait', '--for', '20');
    await network.succeed('alice', 'chat', 'echo', 'hello $(id)');
    await network.succeed('alice', 'call', 'echo', '--for', '1', '--audio', 'none');
    await until(() => /^message echo/m.test(heard()) && /^ended echo/m.test(heard()), 10_000, heard);
    await network.succeed('alice', 'signout');
    await until(() => /^offline/m.test(heard()), 10_000, heard);
    const objects = heard()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as { event: string; peer?: string; text?: string });
    expect(objects.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['online', 'message', 'ringing', 'answered', 'ended', 'offline']),
    );
    expect(objects.find(({ event }) => event === 'message')?.text).toContain('hello $(id)');
    expect(objects.find(({ event }) => event === 'ended')).toMatchObject({ peer: 'echo', reason: 'hangup' });
  } finally {
    await network.stop();
  }
});
