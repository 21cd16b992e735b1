import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandLine } from '../../bin/commands/command-line.ts';
import { type BuiltWren, buildWren, type Ended, jsonLines } from '../support/wren-command.ts';

let wren: BuiltWren;
const folder = mkdtempSync(join(tmpdir(), 'wren-line-'));
beforeAll(() => {
  wren = buildWren();
});
afterAll(() => {
  wren.remove();
  rmSync(folder, { recursive: true });
});

/** The command line without a process around it: for what ends before an agent is needed. */
async function run(args: readonly string[], extra: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const env = { WREN_PROFILE: join(folder, 'profile'), ...extra };
  const code = await commandLine(args, { stdout, stderr, env, version: '1.2.3', programDir: folder }).run();
  const text = (stream: PassThrough) => String(stream.read() ?? '');
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const COMMANDS = [
  'join',
  'signup',
  'signin',
  'signout',
  'status',
  'wait',
  'map',
  'buddies',
  'buddies list',
  'buddies add',
  'buddies accept',
  'buddies decline',
  'buddies remove',
  'buddies block',
  'buddies unblock',
  'search',
  'chat',
  'history',
  'history list',
  'history export',
  'history erase',
  'history encrypt',
  'history decrypt',
  'history unlock',
  'verify',
  'devices',
  'devices list',
  'devices revoke',
  'group',
  'group list',
  'group make',
  'group add',
  'group remove',
  'group leave',
  'call',
  'pull',
  'add',
  'remove',
  'rejoin',
  'conference',
  'monitor',
  'doctor-bundle',
  'ssh',
  'serve',
  'settings',
  'completion',
  'man',
  'help',
  'answer',
  'hangup',
  'transfer',
  'hold',
  'resume',
  'mute',
  'unmute',
  'mic',
  'record',
  'record on',
  'record off',
  'sound',
  'sound devices',
  'sound use',
  'sound detach',
  'sound talk',
  'sound watch',
  'sound echo',
  'sound noise',
  'sound gain',
  'sound headphones',
  'sound input',
  'check',
  'up',
  'login-server',
  'supernode',
  'echo',
  'agent',
  'agent start',
  'agent stop',
  'agent status',
  'agent debug',
];

test.each(COMMANDS)(
  'wren %s --help explains itself on stdout, with an example that begins with it',
  async (command) => {
    const { code, stdout, stderr } = await run([...command.split(' '), '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage: wren ${command}\\b`));
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
    expect(stdout).toMatch(
      new RegExp(`^Examples?:\n(  .*\n)*  (.*\\| )?wren ${command.replace(/ list$/, '')}\\b`, 'm'),
    );
  },
);

test('the help of wren names every command and every exit code', async () => {
  const { code, stdout } = await run(['help']);
  expect(code).toBe(0);
  for (const command of COMMANDS.filter((one) => !one.includes(' '))) {
    expect(stdout).toMatch(new RegExp(`^  ${command}( |$)`, 'm'));
  }
  expect(stdout).toContain('0 done, 1 works but degraded, 2 could not, 3 usage, 4 refused, 5 our own fault');
  for (const words of [['call'], ['sound', 'watch'], ['group', 'new'], ['sound']])
    expect((await run(['help', ...words])).stdout).toBe((await run([...words, '--help'])).stdout);
});

test('with --json nothing but objects goes to stdout, help and version included', async () => {
  const help = await run(['call', '--help', '--json']);
  expect([help.code, help.stdout, help.stderr]).toEqual([0, '', expect.stringMatching(/^Usage: wren call/)]);
  expect(await run(['help', 'sound', 'watch', '--json'])).toMatchObject({ code: 0, stdout: '' });
  const version = await run(['--version', '--json']);
  expect([version.code, jsonLines(version.stdout)]).toEqual([0, [{ event: 'version', version: '1.2.3' }]]);
});

test.each([
  ['WREN_SUPERNODE', 'no', 'auto, always or never'],
  ['WREN_RELAY_KBPS', '1e3', 'a whole number'],
  ['WREN_FAKE_CLOCK_OFFSET_MS', '3d', 'a whole number'],
])('%s=%s is told, whatever the command, and is not taken for nothing', async (name, value, what) => {
  const { code, stderr } = await run(['hangup'], { [name]: value });
  expect([code, stderr]).toEqual([3, expect.stringContaining(`wren: ${name} is not ${what}. Try: ${name}=`)]);
  expect((await run(['hangup'], { [name]: '' })).code).toBe(2);
});

test('wren --version prints the version of package.json', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(await wren.run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test.each<[string, RegExp]>([
  ['jion', /unknown command 'jion'; did you mean join\? Try: wren --help/],
  ['help jion', /there is no command "jion"/],
  ['help sound wtach', /there is no command "sound wtach"\. Try: wren sound --help/],
  ['--frobnicate', /unknown option '--frobnicate'/],
  ['--demo', /the demo opens a screen and needs a terminal/],
  ['--keep', /--keep belongs to --demo/],
  ['--json', /the screen has no JSON/],
  ['status extra', /too many arguments for 'status'.*Try: wren status --help/],
  ['status --audio loud', /It is default, none, device:NAME/],
  ['status --log-level loud', /Allowed choices are error, warn, info, debug/],
  ['status --profile', /argument missing/],
  ['join', /no invite was given\. Try: wren join INVITE/],
  ['signup', /missing required argument 'name'\. Try: wren signup --help/],
  ['signup bob', /Choose 6 to 32 characters/],
  ['signup bobby1', /no password.*--password-file FILE, or set WREN_PASSWORD/],
  ['signin', /missing required argument/],
  ['signin bobby1 --password-file /nowhere/at/all', /cannot be read \(ENOENT\)/],
  ['signin bobby1 secret', /too many arguments/],
  ['signout now', /too many arguments/],
  ['wait --for soon', /It takes a number of seconds/],
  ['buddies lsit', /there is no "wren buddies lsit"/],
  ['buddies add', /missing required argument 'name'\. Try: wren buddies add --help/],
  ['buddies accept', /missing required argument/],
  ['buddies decline', /missing required argument/],
  ['buddies remove x!', /A name is 6 to 32 characters/],
  ['buddies block', /missing required argument/],
  ['buddies unblock', /missing required argument/],
  ['search', /missing required argument/],
  ['search bob* --limit 501', /a whole number from 1 to 500/],
  ['chat', /missing required argument/],
  ['chat bobby1', /there is nothing to send/],
  ['chat bobby1 hello --history', /--history reads and sends nothing/],
  ['call', /missing required argument/],
  ['call b!bby1', /A name is 6 to 32 characters/],
  ['call bobby1 --for 0', /It takes a number of seconds/],
  ['answer bobby1', /too many arguments/],
  ['answer --from', /argument missing/],
  ['hangup now', /too many arguments/],
  ['hold now', /too many arguments/],
  ['resume now', /too many arguments/],
  ['mute now', /too many arguments/],
  ['unmute now', /too many arguments/],
  ['mic', /missing required argument/],
  ['mic loud', /^wren: 'loud' is invalid for argument 'state'\. Allowed choices are on, off/],
  ['group make a%b bobby1', /one word of at most 32 letters/],
  ['call #', /A group is "#" and its name/],
  ['sound volume', /there is no "wren sound volume"/],
  ['sound loud', /there is no "wren sound loud"/],
  ['sound echo', /missing required argument/],
  ['sound echo loud', /Allowed choices are on, off, auto/],
  ['sound gain strong', /Allowed choices are on, off, auto/],
  ['sound headphones auto', /Allowed choices are on, off/],
  ['sound input 21', /decibels from -20 to 20/],
  ['sound input -20.5', /decibels from -20 to 20/],
  ['up --port 99999', /a whole number from 0 to 65535/],
  ['login-server --dir d --database mysql://me:secret@h/db', /^wren: --database takes the URL of a PostgreSQL\. Try/],
  ['login-server --dir d --vouch super.example.org', /^wren: --vouch takes addresses, not names\. Try/],
  ['login-server', /required option '--dir <dir>' not specified/],
  ['supernode --dir d', /no invite was given/],
  ['echo --name echoecho', /Names of services/],
  ['agent', /"wren agent" wants one more word: start, stop, status, debug/],
  ['agent strat', /unknown command 'strat'; did you mean start/],
  ['agent start now', /too many arguments/],
  ['agent debug everything', /Allowed choices are drop-supernode, rebind, block-udp, unblock-udp/],
])('`wren %s` is usage: one sentence, the remedy, exit 3', async (line, sentence) => {
  const { code, stdout, stderr } = await run(line.split(' ').filter(Boolean));
  expect([code, stdout.replace(/^\{.*\}\n$/, '')]).toEqual([3, '']);
  expect(stderr).toMatch(sentence);
  expect(stderr).toMatch(/^wren: [^\n]+ Try: [^\n]+\n$/);
});

test('with --json, before or after the command, a usage error is one object on stdout as well', async () => {
  for (const args of [
    ['--json', 'mic', 'loud'],
    ['mic', 'loud', '--json'],
  ]) {
    const { code, stdout } = await run(args);
    expect(code).toBe(3);
    expect(jsonLines(stdout)).toEqual([
      { event: 'error', code: 'usage', exit: 3, message: expect.stringContaining('Allowed choices are on, off') },
    ]);
  }
});

test('the flags of every command stand once in wren --help, and no word after "sound"', async () => {
  const { stdout } = await wren.run(['--help']);
  expect(stdout.match(/^ +--profile <dir>/gm)).toHaveLength(1);
  expect(stdout).toMatch(/^ +sound {2,}devices/m);
  expect((await wren.run(['sound', '--help'])).stdout).toMatch(/Global Options:\n +--profile <dir>/);
});

test('what does not fit on the disk of stdout is no success', async () => {
  if (!existsSync('/dev/full')) return console.log('skipped: no /dev/full here');
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, [join(wren.folder, 'wren.cjs'), 'man'], {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  });
  closeSync(full);
  expect([status, stderr]).toEqual([2, expect.stringMatching(/^wren: standard output: The disk is full/)]);
});

test('after "--" words are words', async () => {
  const { code, stdout, stderr } = await run(['mic', '--', '--json']);
  expect([code, stdout]).toEqual([3, '']);
  expect(stderr).toContain("'--json' is invalid for argument 'state'");
});

test('the profile folder comes from the flag, then from WREN_PROFILE', async () => {
  const [flag, environment] = [wren.profile(), wren.profile()];
  wren.standIn('server', 'process.stdout.write(argv.join(" "))');
  const env = { WREN_PROFILE: environment };
  expect((await wren.run(['up', '--profile', flag], { env })).stdout).toContain(`--profile ${flag}`);
  expect((await wren.run(['up'], { env })).stdout).toContain(`--profile ${environment}`);
});
