import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BuiltWren, buildWren } from '../support/wren-command.ts';

let wren: BuiltWren;
beforeAll(() => {
  wren = buildWren();
  const tell = 'process.stdout.write(JSON.stringify(argv));';
  wren.standIn('server', `${tell} return 2;`);
  wren.standIn('screen', `${tell} return 0;`);
});
afterAll(() => wren.remove());

const INVITE = 'wren:abc';
test.each<[string, readonly string[], Readonly<Record<string, string>>?]>([
  ['up', ['up', '--dir', '{P}/network', '--profile', '{P}']],
  [
    'up --dir d --host h.example --port 4040 --no-echo --json --log-level debug',
    [
      'up',
      '--dir',
      'd',
      '--host',
      'h.example',
      '--port',
      '4040',
      '--no-echo',
      '--profile',
      '{P}',
      '--json',
      '--log-level',
      'debug',
    ],
  ],
  ['login-server --dir d', ['login-server', '--dir', 'd', '--profile', '{P}']],
  [
    'login-server --dir d --database postgres://h/db --port 0 --vouch 192.0.2.7,2001:DB8::7',
    [
      ...['login-server', '--dir', 'd', '--port', '0', '--database', 'postgres://h/db'],
      ...['--vouch', '192.0.2.7,2001:db8::7', '--profile', '{P}'],
    ],
  ],
  [
    `supernode --dir d --invite ${INVITE} --relay-kbps 256`,
    ['supernode', '--dir', 'd', '--invite', INVITE, '--relay-kbps', '256', '--profile', '{P}'],
  ],
  [
    'supernode --dir d',
    ['supernode', '--dir', 'd', '--invite', INVITE, '--relay-kbps', '64', '--profile', '{P}'],
    { WREN_INVITE: INVITE, WREN_RELAY_KBPS: '64' },
  ],
  ['echo', ['echo', '--name', 'echo', '--profile', '{P}']],
  ['echo --name say', ['echo', '--name', 'say', '--invite', INVITE, '--profile', '{P}'], { WREN_INVITE: INVITE }],
])('`wren %s` hands its flags to the server program and ends with its exit code', async (line, argv, env = {}) => {
  const profile = wren.profile();
  const { code, stdout, stderr } = await wren.run([...line.split(' '), '--profile', profile], { env });
  expect([code, stderr]).toEqual([2, '']);
  expect(JSON.parse(stdout)).toEqual(argv.map((word) => word.replace('{P}', profile)));
});

test('WREN_RELAY_KBPS that is no number is usage', async () => {
  const env = { WREN_INVITE: INVITE, WREN_RELAY_KBPS: 'lots' };
  const { code, stderr } = await wren.run(['supernode', '--dir', 'd', '--profile', wren.profile()], { env });
  expect(code).toBe(3);
  expect(stderr).toContain('WREN_RELAY_KBPS=1000');
});

test('at a terminal `wren` alone is the screen, with the global flags', async () => {
  const profile = wren.profile();
  const run = wren.onTerminal(['--profile', profile, '--audio', 'none']);
  expect(await run.ended).toBe(0);
  expect(run.text()).toContain(JSON.stringify(['--audio', 'none', '--profile', profile]));
});

test('a mistake of our own is told with the log that holds the stack, and ends 5', async () => {
  wren.standIn('server', 'throw new TypeError("a slip");');
  const profile = wren.profile();
  const { code, stderr } = await wren.run(['up', '--profile', profile]);
  expect(code).toBe(5);
  expect(stderr).toContain(`${profile}/command.log`);
  expect(readFileSync(`${profile}/command.log`, 'utf8')).toMatch(/TypeError: a slip\n\s+at /);
  wren.standIn('server', 'setTimeout(() => { throw new TypeError("a late slip"); }); return new Promise(() => {});');
  const late = await wren.run(['up', '--profile', profile]);
  expect(late.code).toBe(5);
  expect(readFileSync(`${profile}/command.log`, 'utf8')).toContain('a late slip');
});
