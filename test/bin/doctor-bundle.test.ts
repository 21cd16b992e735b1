/** The redacted diagnostics: what is taken out, what stays, and that the file is whole, private and never a replacement. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openMask } from '../../bin/commands/bundle-mask.ts';
import { newCall } from '../../src/store/new-call.ts';
import type { AppState } from '../../src/store/state.ts';
import { buddy, refuse, type Script, type ScriptedAgent, SIGNED_IN, scriptedAgent } from '../support/scripted-agent.ts';
import { type BuiltWren, buildWren, jsonLines } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent | undefined;
beforeAll(() => {
  wren = buildWren();
});
afterEach(async () => {
  await agent?.close();
  agent = undefined;
});
afterAll(() => wren.remove());

const KEY = `-----BEGIN PRIVATE KEY-----\n${'MIIEvQIBADANBgkqhkiG9w0B'.repeat(4)}\n-----END PRIVATE KEY-----`;
const INVITE = 'wren:CAESAnZtGiACUnbSecretInvite0123456789';
/** A profile of somebody with a life, and logs that a careless line got into. */
function livedIn(profile: string): void {
  const put = (name: string, text: string) => writeFileSync(join(profile, name), text);
  put('key.pem', KEY);
  put('identity.json', JSON.stringify({ name: 'alice1', displayName: 'Alice Doe', certificate: 'MIID' }));
  put('buddies.xml', '<buddies owner="alice1"><buddy name="zelda9"><message>kiss me quick</message></buddy></buddies>');
  put(
    'network.json',
    JSON.stringify({ network: 'bluenet', loginServers: ['tcp:login.blue.example:4000'], supernodes: [] }),
  );
  put(
    'settings.json',
    JSON.stringify({
      proxy: 'http://al:hunter2@proxy.blue.example:1',
      audioSpec: 'device:Alices Buds',
      port: 5,
      noise: 'off',
      hook: 'curl -u al:hunter2',
    }),
  );
  put(
    'agent.log',
    [
      'x.'.repeat(200_000),
      '{"area":"chat","peer":"b~a1b2c3","msg":"to bobby1 at 198.51.100.23:4000"}',
      `{"msg":"${INVITE}"}`,
    ].join('\n'),
  );
  put(
    'command.log',
    `Error: zelda9 at tcp:login.blue.example:4000 [2001:db8::17]:99 id ${'ab'.repeat(16)}\n    at wren.cjs:78:1601\n${KEY}\n`,
  );
  put('voice.log', 'pulse: opened Alices Buds of Carol\n');
}

const STATE: AppState = {
  ...SIGNED_IN,
  network: 'bluenet',
  observed: 'udp:198.51.100.23:61000',
  buddies: [buddy('bobby1', { displayName: 'Bob Roe', message: 'kiss me quick' }), buddy('echo')],
  calls: [{ ...newCall('ab'.repeat(16), 'bobby1', 'out', 1), phase: 'running', answeredAtMs: 2 }],
};
const SCRIPT: Script = {
  check: () => ({
    loginServers: [{ endpoint: 'tcp:login.blue.example:4000', trouble: null, tookMs: 9, connected: true }],
    ...{ insideTls: [], supernodes: [], clockOffsetMs: 1 },
  }),
  'sound.devices': () => {
    const device = { name: 'buds', description: 'Alices Buds of Carol', isDefault: true, isMonitor: false };
    const listed = [{ ...device, isChosen: true, inUse: false }];
    return { spec: 'default', backend: 'pulse', inputs: listed, outputs: listed };
  },
};
const PRIVATE = [
  ...[
    'alice1',
    'Alice',
    'bobby1',
    'Bob Roe',
    'zelda9',
    'Carol',
    'kiss me',
    'bluenet',
    'blue.example',
    'hunter2',
    'curl',
  ],
  ...['198.51', '192.0.2', '2001:db8', 'MIIE', 'PRIVATE', 'SecretInvite', 'abab', 'b~a1'],
];

test('names, addresses, keys and messages are not in it; figures, causes and log lines are', async () => {
  const profile = wren.profile();
  livedIn(profile);
  agent = await scriptedAgent(profile, SCRIPT, STATE);
  const file = join(profile, 'bundle.txt');
  const { code, stdout } = await wren.run(['--profile', profile, 'doctor-bundle', file]);
  expect(code).toBe(0);
  const text = readFileSync(file, 'utf8');
  for (const word of PRIVATE) expect(text.toLowerCase(), word).not.toContain(word.toLowerCase());
  expect(text).not.toContain(profile);
  expect(text).toMatch(/^pass {2}login server {2}\[host \d\]:4000 answers and is verified, 9 ms$/m);
  expect(text).toMatch(/^pass {2}account {7}signed in as \[person \d\]$/m);
  expect(text).toContain('pulse, Opus unknown, microphones: 1, speakers: 1');
  expect(text).toContain('"connection": "online"');
  expect(text).toMatch(/^noise +off$/m);
  expect(text).toMatch(/^audioSpec +device: \(set\)$/m);
  expect(text).toMatch(/"peer":"~a1b2c3","msg":"to \[person \d\] at \[address \d, public\]:4000"/);
  expect(text).toMatch(/id \[id \d\]\n {4}at wren\.cjs:78:1601\n\[key \d\]/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  // The person is told what is in it, section by section, and so says the file.
  for (const name of ['versions', 'check', 'status', 'settings', 'files', 'agent.log', 'command.log', 'voice.log']) {
    expect(stdout).toMatch(new RegExp(`^ {2}${name} +\\S`, 'm'));
    expect(text).toContain(`== ${name} ==`);
  }
  expect(stdout).toMatch(/^Taken out: .*3 persons.*\.$/m);
});

test('where no agent answers it is written all the same, and what is there already is never replaced', async () => {
  const profile = wren.profile();
  livedIn(profile);
  agent = await scriptedAgent(profile, {
    hello: () => {
      throw refuse('port-version');
    },
  });
  const file = join(profile, 'bundle.txt');
  const made = await wren.run(['--profile', profile, 'doctor-bundle', file, '--json']);
  expect(made.code).toBe(0);
  expect(jsonLines(made.stdout)).toMatchObject([{ event: 'bundle', file, redacted: { address: 2 } }]);
  const text = readFileSync(file, 'utf8');
  expect(text).toMatch(/^fail {2}agent/m);
  for (const word of PRIVATE.filter((word) => word !== 'bobby1')) expect(text, word).not.toContain(word);
  const again = await wren.run(['--profile', profile, 'doctor-bundle', file]);
  expect([again.code, again.stderr]).toEqual([3, expect.stringContaining('is there already')]);
  expect(readFileSync(file, 'utf8')).toBe(text);
  const nowhere = await wren.run(['--profile', profile, 'doctor-bundle', join(profile, 'no', 'such')]);
  expect([nowhere.code, existsSync(join(profile, 'no'))]).toEqual([3, false]);
  expect(readdirSync(profile).filter((name) => name.endsWith('.new'))).toEqual([]);
});

test('the same thing has the same mark everywhere, and words that only look like it stay', () => {
  const mask = openMask([
    { kind: 'person', word: 'anna.b' },
    { kind: 'person', word: 'anna.bell' },
  ]);
  expect(mask.text('anna.bell, ANNA.B; anna.bell. hanna.b')).toBe('[person 1], [person 2]; [person 1]. hanna.b');
  expect(mask.text('10.0.0.7 and 10.0.0.7:53, 100.64.0.1 at 12:30:05, 192.0.x.x, fe80::1%eth0, 1.2.3')).toBe(
    '[address 2, private] and [address 2, private]:53, [address 3, carrier NAT] at 12:30:05, [address 4, public], [address 1, link-local], 1.2.3',
  );
  const once = mask.text('mail anna@b.example http://u:p@h.example:80 2026-11-26T10:14:42.082Z');
  expect(once).toBe('mail [person 3] http://[secret]@[host 1]:80 2026-11-26T10:14:42.082Z');
  expect(mask.text(once)).toBe(once);
  expect(mask.counts()).toEqual({ person: 3, address: 4, host: 1 });
});
