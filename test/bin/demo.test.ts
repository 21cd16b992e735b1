import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { demoName, soundWords } from '../../bin/commands/demo.ts';
import { INITIAL_STATE } from '../../src/store/state.ts';
import { type BuiltWren, buildWren } from '../support/wren-command.ts';

let wren: BuiltWren;
beforeAll(() => {
  wren = buildWren();
  wren.standInAgent();
  // A network that says it is ready and runs until it is told to end.
  wren.standIn(
    'server',
    `if (!argv.includes('--json')) throw new Error('no json');
    setInterval(() => {}, 1000);
    process.on('SIGTERM', () => process.exit(0));
    process.stdout.write('{"event":"ready","invite":"wren:demo"}\\n');
    return new Promise(() => {});`,
  );
  for (const [face, word] of [
    ['screen', 'SCREEN'],
    ['lines', 'LINES'],
  ] as const)
    wren.standIn(
      face,
      `process.stdout.write('${word} ' + JSON.stringify(argv) + '\\n');
      return new Promise((resolve) => {
        process.stdin.once('data', () => resolve(0)).resume();
        process.once('SIGHUP', () => resolve(129));
      });`,
    );
});
afterAll(() => wren.remove());

const env = { USER: 'ann' };
/** An orphan that ended may stay a zombie where nobody collects it, as in a container: its command line is gone. */
const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || readFileSync(`/proc/${pid}/cmdline`).length > 0;
  } catch {
    return false;
  }
};
const asked = (profile: string) =>
  readFileSync(join(profile, 'asked.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const networkPid = (profile: string): number =>
  JSON.parse(readFileSync(join(profile, 'demo', 'network.json'), 'utf8')).pid;
const agentRuns = async (profile: string) => (await wren.run(['agent', 'status', '--profile', profile])).code === 0;

test('the demo goes from nothing to the screen, and leaves nothing behind when it is closed', async () => {
  const profile = wren.profile();
  const run = wren.onTerminal(['--demo', '--profile', profile], { env });
  await run.until(/SCREEN /);
  const pid = networkPid(profile);
  expect(isAlive(pid)).toBe(true);
  expect(run.text()).toMatch(/Network: started, process \d+[\s\S]*You: +ann-demo[\s\S]*Buddy: +echo/);
  expect(run.text()).toContain('"--hint","Press c to call echo');
  const password = readFileSync(join(profile, 'demo', 'password'), 'utf8').trim();
  expect(password.length).toBeGreaterThanOrEqual(20);
  expect(statSync(join(profile, 'demo', 'password')).mode & 0o777).toBe(0o600);
  expect(asked(profile).slice(1)).toEqual([
    { type: 'network.join', invite: 'wren:demo', installNotice: false },
    { type: 'account.sign-up', name: 'ann-demo', password },
    { type: 'buddy.add', name: 'echo', message: '' },
  ]);
  run.type('q\r');
  expect(await run.ended).toBe(0);
  expect(run.text()).toContain('Everything is stopped.');
  expect([isAlive(pid), await agentRuns(profile)]).toEqual([false, false]);
  expect(existsSync(join(profile, 'demo', 'network.json'))).toBe(false);
});

test('lines that were asked for are what the demo opens, not the screen', async () => {
  const profile = wren.profile();
  const run = wren.onTerminal(['--demo', '--screen-reader', '--profile', profile], { env });
  await run.until(/LINES /);
  expect(run.text()).toContain('"--voice","screen-reader"');
  expect(run.text()).toContain('"--hint","Type call echo');
  run.type('q\r');
  expect(await run.ended).toBe(0);
});

test('with --keep it goes on running; a second start finds it, changes nothing and leaves it running', async () => {
  const profile = wren.profile();
  const kept = await wren.run(['--demo', '--keep', '--profile', profile], { env });
  expect([kept.code, kept.stdout]).toEqual([0, '']);
  expect(kept.stderr).toContain(`wren agent stop --profile ${profile}`);
  const pid = networkPid(profile);
  const before = asked(profile);

  const second = wren.onTerminal(['--demo', '--profile', profile], { env });
  await second.until(/runs already[\s\S]*SCREEN /);
  second.type('q\r');
  await second.ended;
  expect(asked(profile)).toEqual(before);
  expect([isAlive(pid), await agentRuns(profile)]).toEqual([true, true]);

  await wren.run(['agent', 'stop', '--profile', profile]);
  process.kill(pid, 'SIGTERM');
  await expect.poll(() => isAlive(pid)).toBe(false);
});

test('a lost terminal takes agent and network along', async () => {
  const profile = wren.profile();
  const run = wren.onTerminal(['--demo', '--profile', profile], { env });
  await run.until(/SCREEN /);
  const pid = networkPid(profile);
  run.hangUp();
  await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false);
  await expect.poll(() => agentRuns(profile), { timeout: 5000 }).toBe(false);
});

test('a call that was kept keeps agent and network, and how to stop them is told', async () => {
  const profile = wren.profile();
  const run = wren.onTerminal(['--demo', '--profile', profile], { env });
  await run.until(/SCREEN /);
  const pid = networkPid(profile);
  writeFileSync(join(profile, 'in-call'), '');
  run.type('q\r');
  expect(await run.ended).toBe(0);
  expect(run.text()).toContain(`wren agent stop --profile ${profile}`);
  expect([isAlive(pid), await agentRuns(profile)]).toEqual([true, true]);
  await wren.run(['agent', 'stop', '--profile', profile]);
  process.kill(pid, 'SIGTERM');
});

test('a note about a process that is somebody else by now is not believed', async () => {
  const profile = wren.profile();
  await wren.run(['--demo', '--keep', '--profile', profile], { env });
  const pid = networkPid(profile);
  process.kill(pid, 'SIGTERM');
  await expect.poll(() => isAlive(pid)).toBe(false);
  const note = JSON.stringify({ pid: process.pid, invite: 'wren:stale' });
  writeFileSync(join(profile, 'demo', 'network.json'), note);
  const run = wren.onTerminal(['--demo', '--profile', profile], { env });
  await run.until(/Network: started[\s\S]*SCREEN /);
  run.type('q\r');
  expect(await run.ended).toBe(0);
  expect(isAlive(process.pid)).toBe(true);
});

test('a taken name is no obstacle', async () => {
  const profile = wren.profile();
  const run = wren.onTerminal(['--demo', '--profile', profile], { env: { USER: 'taken1' } });
  await run.until(/You: +demo-[0-9a-f]{6}, signed in/);
  await run.until(/SCREEN /);
  run.type('q\r');
  await run.ended;
});

test('a network that cannot start is told with its own last words', async () => {
  const broken = buildWren();
  try {
    broken.standIn('server', `process.stderr.write('first\\nwren: the port is taken\\n'); return 2;`);
    const { code, stderr } = await broken.run(['--demo', '--keep', '--profile', broken.profile()], { env });
    expect(code).toBe(2);
    expect(stderr).toContain('the port is taken');
  } finally {
    broken.remove();
  }
});

test.each([
  ['ann', 'ann-demo'],
  ['root', 'root-demo'],
  ['Alexander', 'alexander'],
  ['DOMAIN\\j.doe', 'domainj.doe'],
  ['9lives', 'guest9lives'],
  ['', 'guest-demo'],
  ['\u{1f426}', 'guest-demo'],
  ['x'.repeat(40), 'x'.repeat(32)],
])('the login name "%s" becomes %s', (login, name) => expect(demoName(login)).toBe(name));

test('what is said about sound depends on what is known', () => {
  const { audio } = INITIAL_STATE;
  expect(soundWords(audio, false).join(' ')).toMatch(/no sound card here.*--audio file:IN\.wav/);
  expect(soundWords(audio, undefined)).toEqual(['ready.']);
  expect(soundWords({ ...audio, spec: 'none' }, false)).toEqual(['ready.']);
  expect(soundWords({ ...audio, advice: 'Install a compiler.' }, true)).toEqual(['Install a compiler.']);
  expect(soundWords({ ...audio, problem: 'The device is busy.' }, true)).toEqual(['The device is busy.']);
});
