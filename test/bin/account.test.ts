import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { refuse, type Script, type ScriptedAgent, scriptedAgent } from '../support/scripted-agent.ts';
import { type BuiltWren, buildWren, jsonLines } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent;
beforeAll(() => {
  wren = buildWren();
});
afterEach(() => agent?.close());
afterAll(() => wren.remove());

const named = { name: 'alice1' };
const USUAL: Script = {
  'account.sign-up': () => named,
  'account.sign-in': () => named,
  'network.join': () => ({ network: 'testnet' }),
};

async function withScript(script: Script = {}): Promise<string> {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, { ...USUAL, ...script });
  return profile;
}

function passwordFile(profile: string, text: string): string {
  const file = join(profile, 'password');
  writeFileSync(file, text);
  chmodSync(file, 0o600);
  return file;
}

test('join hands the invite over, from the argument or from WREN_INVITE', async () => {
  const profile = await withScript();
  const first = await wren.run(['join', 'wren:abc', '--profile', profile, '--json']);
  expect([first.code, jsonLines(first.stdout)]).toEqual([0, [{ event: 'joined', network: 'testnet' }]]);
  const second = await wren.run(['join', '--profile', profile], { env: { WREN_INVITE: ' wren:def\n' } });
  expect([second.code, second.stdout]).toEqual([0, '']);
  expect(second.stderr).toBe('Joined the network testnet. Next: wren signup NAME, or wren signin NAME.\n');
  expect(agent.asked).toEqual([
    { type: 'network.join', invite: 'wren:abc' },
    { type: 'network.join', invite: 'wren:def' },
  ]);
});

test('a cut invite is usage, one of another network is refused', async () => {
  const profile = await withScript({
    'network.join': ({ invite }) => {
      throw refuse(invite === 'wren:cut' ? 'invite-malformed' : 'invite-other-network');
    },
  });
  expect((await wren.run(['join', 'wren:cut', '--profile', profile])).code).toBe(3);
  expect((await wren.run(['join', 'wren:other', '--profile', profile])).code).toBe(4);
});

test('the password comes from a file without its line end, before the environment', async () => {
  const profile = await withScript();
  const file = passwordFile(profile, 'correct horse \n');
  const args = ['signup', 'alice1', '--display-name', 'Alice Doe', '--password-file', file, '--profile', profile];
  const { code, stdout, stderr } = await wren.run(args, { env: { WREN_PASSWORD: 'another password' } });
  expect([code, stdout]).toEqual([0, '']);
  expect(stderr).toBe('Welcome, alice1: the account is made and you are signed in.\n');
  expect(agent.asked).toEqual([
    { type: 'account.sign-up', name: 'alice1', password: 'correct horse ', displayName: 'Alice Doe' },
  ]);
});

test('the password comes from the environment, or from stdin when the file is "-"', async () => {
  const profile = await withScript();
  const args = ['signin', 'alice1', '--profile', profile, '--json'];
  const one = await wren.run(args, { env: { WREN_PASSWORD: 'from environment' } });
  const two = await wren.run([...args, '--password-file', '-'], { stdin: 'from stdin\r\n' });
  for (const { code, stdout } of [one, two]) {
    expect([code, jsonLines(stdout)]).toEqual([0, [{ event: 'signed-in', name: 'alice1' }]]);
  }
  expect(agent.asked).toEqual([
    { type: 'account.sign-in', name: 'alice1', password: 'from environment' },
    { type: 'account.sign-in', name: 'alice1', password: 'from stdin' },
  ]);
});

test('a password file that others can read is used, with a note how to close it', async () => {
  const profile = await withScript();
  const file = passwordFile(profile, 'correct horse');
  chmodSync(file, 0o644);
  const { code, stderr } = await wren.run(['signin', 'alice1', '--password-file', file, '--profile', profile]);
  expect(code).toBe(0);
  expect(stderr).toContain(`chmod 600 ${file}`);
});

test('an empty password file and one that is no password are usage, and nothing is asked of the agent', async () => {
  const profile = await withScript();
  for (const text of ['', '\n', 'x'.repeat(5000)]) {
    const file = passwordFile(profile, text);
    expect((await wren.run(['signin', 'alice1', '--password-file', file, '--profile', profile])).code).toBe(3);
  }
  expect(agent.asked).toEqual([]);
});

test('signin at a terminal asks for the password and shows nothing of it', async () => {
  const profile = await withScript();
  const run = wren.onTerminal(['signin', 'alice1', '--profile', profile]);
  await run.until(/Password of alice1: /);
  run.type('sesamx\u007fe open\r');
  expect(await run.ended).toBe(0);
  expect(agent.asked).toEqual([{ type: 'account.sign-in', name: 'alice1', password: 'sesame open' }]);
  expect(run.text()).toContain('Signed in as alice1.');
  expect(run.text()).not.toMatch(/sesam|open|\*/);
});

test('signup at a terminal asks twice, and again when the two differ or are short', async () => {
  const profile = await withScript();
  const run = wren.onTerminal(['signup', 'alice1', '--profile', profile]);
  await run.until(/New password \(8 characters or more\): /);
  run.type('short\r');
  await run.until(/That is shorter than 8 characters\.[\s\S]*New password/);
  // Both answers in one read, as a paste or a slow line delivers them.
  run.type('first try\rother try\r');
  await run.until(/The two differ\.[\s\S]*New password/);
  run.type('second try\r');
  await run.until(/The same again: [\s\S]*The same again: /);
  run.type('second try\r');
  expect(await run.ended).toBe(0);
  expect(agent.asked).toEqual([{ type: 'account.sign-up', name: 'alice1', password: 'second try' }]);
});

test('three tries without a password are enough', async () => {
  const profile = await withScript();
  const run = wren.onTerminal(['signup', 'alice1', '--profile', profile]);
  run.type('one\rtwo\rthree\r');
  expect(await run.ended).toBe(3);
  expect(agent.asked).toEqual([]);
});

test('Ctrl-C at the prompt ends 2, gives the terminal back, and asks nothing of the agent', async () => {
  const profile = await withScript();
  const run = wren.onTerminal(['signin', 'alice1', '--profile', profile], { afterwards: 'stty -a' });
  await run.until(/Password/);
  run.type('half\u0003');
  expect(await run.ended).toBe(2);
  expect(run.text()).toMatch(/ icanon[\s\S]* echo /);
  expect(agent.asked).toEqual([]);
});

test.each([
  ['signup', 'name-taken', 4],
  ['signup', 'password-weak', 4],
  ['signup', 'unreachable-login', 2],
  ['signin', 'password-wrong', 4],
  ['signin', 'too-many-tries', 4],
  ['signin', 'no-network', 2],
] as const)('%s that meets %s ends %i, with the code for scripts', async (command, code, exit) => {
  const fail = () => {
    throw refuse(code);
  };
  const profile = await withScript({ 'account.sign-up': fail, 'account.sign-in': fail });
  const env = { WREN_PASSWORD: 'correct horse' };
  const ended = await wren.run([command, 'alice1', '--profile', profile, '--json'], { env });
  expect(ended.code).toBe(exit);
  expect(jsonLines(ended.stdout)).toEqual([{ event: 'error', code, exit, message: expect.any(String) }]);
  expect(ended.stderr).toMatch(/^wren: [A-Z].*\n$/);
});

test('a refusal that says when to come back is passed on', async () => {
  const profile = await withScript({
    'account.sign-in': () => {
      throw new Refusal('too-many-tries', '', 29_001);
    },
  });
  const { stderr } = await wren.run(['signin', 'alice1', '--profile', profile], { env: { WREN_PASSWORD: 'x' } });
  expect(stderr).toContain('Try again in 30 s.');
});

test('signout asks for it and says so', async () => {
  const profile = await withScript();
  const { code, stdout } = await wren.run(['signout', '--profile', profile, '--json']);
  expect([code, jsonLines(stdout)]).toEqual([0, [{ event: 'signed-out' }]]);
  expect(agent.asked).toEqual([{ type: 'account.sign-out' }]);
});

test('--audio before an ordinary command is set in the agent from then on, with absolute paths', async () => {
  const profile = await withScript();
  writeFileSync(join(profile, 'in.wav'), '');
  await wren.run(['--audio', 'file:in.wav', 'signout', '--profile', profile], { cwd: profile });
  expect(agent.asked[0]).toEqual({ type: 'audio.set', spec: `file:${profile}/in.wav` });
});
