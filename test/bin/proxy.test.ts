/** The proxy as a person meets it: the flag, the environment, `status`, and what `check` says when it fails. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loginSteps, proxyStep } from '../../bin/commands/check-steps.ts';
import { statusLines } from '../../bin/commands/status.ts';
import type { NetworkCheck, ProxyReport } from '../../src/store/port.ts';
import { type ScriptedAgent, SIGNED_IN, scriptedAgent } from '../support/scripted-agent.ts';
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

test.each([
  ['http://alice:secret@proxy:3128', 'http://alice:secret@proxy:3128'],
  ['none', 'none'],
  ['auto', ''],
])('--proxy %s is handed to the agent before anything else', async (given, kept) => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile);
  const { code } = await wren.run(['--proxy', given, 'signout', '--profile', profile]);
  expect(code).toBe(0);
  expect(agent.asked).toEqual([{ type: 'proxy.set', proxy: kept }, { type: 'account.sign-out' }]);
});

test('a --proxy that names none is told in one sentence with the remedy, without the text, and ends 3', async () => {
  const { code, stdout, stderr } = await wren.run(['--proxy', 'ftp://u:secret@x', 'status', '--json']);
  expect([code, jsonLines(stdout)[0]?.code]).toEqual([3, 'usage']);
  expect(stderr).toMatch(
    /^wren: what --proxy was given names no proxy: .*Try: --proxy http:\/\/USER:PASSWORD@HOST:PORT\n$/,
  );
  expect(stdout + stderr).not.toContain('secret');
});

test('an environment that names a malformed one is told by its name before an agent starts in it: 3', async () => {
  const env = { HTTPS_PROXY: 'ftp://u:secret@x', WREN_PASSWORD: 'correct horse' };
  const { code, stderr } = await wren.run(['--profile', wren.profile(), 'signin', 'alice1'], { env });
  expect(stderr).toMatch(/^wren: HTTPS_PROXY: That does not name a proxy: write it as http:\/\/HOST:PORT/);
  expect(stderr).not.toContain('secret');
  expect(code).toBe(3);
});

test('status says that the way to the supernode leads through the proxy', () => {
  const supernode = { endpoint: 'tcp:192.0.2.7:443', carrier: 'tcp', rttMs: 40, proxy: 'proxy.lan:3128' } as const;
  const lines = statusLines(
    { ...SIGNED_IN, supernode },
    { pid: 1, uptimeS: 1, version: '1', socket: '', voicePid: null },
    0,
  );
  expect(lines[2]).toContain('supernode 192.0.2.7:443 over TCP, through the proxy proxy.lan:3128, 40 ms');
});

describe('check', () => {
  const dead = { endpoint: 'tcp:192.0.2.7:4000', trouble: 'unreachable', tookMs: 9, connected: false } as const;
  const found = (...endings: (string | null)[]): NetworkCheck & { readonly proxy: ProxyReport } => ({
    ...{ loginServers: [dead], insideTls: [] },
    supernodes: [],
    clockOffsetMs: null,
    proxy: {
      where: 'proxy.lan:3128',
      scheme: 'http',
      source: 'HTTPS_PROXY',
      knocks: endings.map((ending) => ({ ...dead, connected: ending === 'ended', ending })),
    },
  });

  test('says so where there is none', () => {
    const { proxy: _, ...without } = found();
    expect(proxyStep(without, false)).toMatchObject({ verdict: 'pass', cause: 'none in use', where: null });
  });

  test('passes when it lets us through, and takes the login server for reachable then', () => {
    const good = found('proxy-refused');
    const knocks = [...good.proxy.knocks, { ...dead, trouble: null, connected: true, tookMs: 31, ending: null }];
    const check = { ...good, proxy: { ...good.proxy, knocks } };
    expect(proxyStep(check, false)).toMatchObject({
      ...{ verdict: 'pass', cause: 'proxy.lan:3128 (http, from HTTPS_PROXY) lets us through, 31 ms' },
    });
    expect(loginSteps(check, false)[0]).toMatchObject({ verdict: 'warn' });
  });

  test.each([
    ['proxy-password', /refuses: wants a password/, 'give it as --proxy http://USER:PASSWORD@proxy.lan:3128'],
    ['proxy-refused', /refuses to connect us/, 'ask whoever runs it to allow CONNECT to port 443 of the login server'],
    ['proxy-unreachable', /cannot be reached/, /--proxy none/],
    ['proxy-timeout', /does not answer in time/, /--proxy none/],
    [null, /does not answer in time/, /--proxy none/],
    ['proxy-garbage', /not answer as a proxy of that kind/, /check its kind/],
    ['proxy-no-answer', /cannot reach the login server either/, /is the login server up/],
    ['ended', /nobody answers as a login server/, /looks into the stream/],
  ])('tells %s with its remedy: fail where nothing else leads out, a warning elsewhere', (ending, cause, remedy) => {
    const step = proxyStep(found(ending), false);
    expect(step.verdict).toBe('fail');
    expect(step.cause).toMatch(cause);
    expect(step.cause).toContain('the proxy at proxy.lan:3128 (http, from HTTPS_PROXY)');
    if (typeof remedy === 'string') expect(step.remedy).toBe(remedy);
    else expect(step.remedy).toMatch(remedy);
    expect(proxyStep(found(ending), true).verdict).toBe('warn');
  });
});
