import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { refuse, type ScriptedAgent, scriptedAgent } from '../support/scripted-agent.ts';
import { type BuiltWren, buildWren, jsonLines } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent | undefined;
beforeAll(() => {
  wren = buildWren();
  wren.standInAgent();
});
afterEach(async () => {
  await agent?.close();
  agent = undefined;
});
afterAll(() => wren.remove());

test('agent status --json is one object, to the letter of the contract', async () => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile);
  const { code, stdout, stderr } = await wren.run(['agent', 'status', '--json', '--profile', profile]);
  expect([code, stderr]).toEqual([0, '']);
  const { socketPath: socket } = agent;
  expect(jsonLines(stdout)).toEqual([
    { running: true, pid: 4711, uptimeS: 7380, version: '0.1.0', socket, voicePid: null },
  ]);
});

test('agent status for people is aligned and says what a number is', async () => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, {
    'agent.status': () => ({ pid: 1, uptimeS: 61, version: '0.1.0', socket: '/s', voicePid: 99 }),
  });
  const { stdout } = await wren.run(['agent', 'status', '--profile', profile]);
  expect(stdout.split('\n')).toEqual([
    'Process:      1',
    'Running for:  1 min',
    'Version:      0.1.0',
    'Socket:       /s',
    'Voice:        process 99',
    '',
  ]);
});

test('without an agent, status says so with 2 and starts none', async () => {
  const profile = wren.profile();
  const { code, stdout, stderr } = await wren.run(['agent', 'status', '--json', '--profile', profile]);
  expect([code, stderr, jsonLines(stdout)]).toEqual([2, '', [{ running: false }]]);
  expect((await wren.run(['agent', 'status', '--profile', profile])).stderr).toContain('wren agent start');
  expect(() => readFileSync(join(profile, 'asked.jsonl'))).toThrow();
});

test('start starts one agent, a second start finds it, and stop ends it; both may be repeated', async () => {
  const profile = wren.profile();
  const args = ['--profile', profile, '--json', '--log-level', 'debug'];
  const first = await wren.run(['agent', 'start', ...args]);
  const [started] = jsonLines(first.stdout);
  expect([first.code, started]).toMatchObject([0, { event: 'started', voicePid: null }]);
  expect(readFileSync(join(profile, 'asked.jsonl'), 'utf8')).toContain('"--log-level","debug"');
  const second = await wren.run(['agent', 'start', ...args]);
  expect(jsonLines(second.stdout)).toMatchObject([{ pid: started?.pid }]);
  const stopped = await wren.run(['agent', 'stop', ...args]);
  expect([stopped.code, jsonLines(stopped.stdout)]).toEqual([0, [{ event: 'stopped', wasRunning: true }]]);
  const again = await wren.run(['agent', 'stop', ...args]);
  expect([again.code, jsonLines(again.stdout)]).toEqual([0, [{ event: 'stopped', wasRunning: false }]]);
});

test('whichever command needs an agent starts it', async () => {
  const profile = wren.profile();
  const { code, stdout } = await wren.run(['status', '--json', '--profile', profile]);
  expect(code).toBe(0);
  expect(jsonLines(stdout)).toMatchObject([{ account: null, agent: { version: '0.1.0' } }]);
  expect((await wren.run(['agent', 'stop', '--profile', profile])).code).toBe(0);
});

test('--foreground runs the agent in sight until it is stopped', async () => {
  const profile = wren.profile();
  const running = wren.start(['agent', 'start', '--foreground', '--audio', 'none', '--profile', profile]);
  await expect
    .poll(() => wren.run(['agent', 'status', '--profile', profile]), { timeout: 10_000 })
    .toMatchObject({ code: 0 });
  expect(jsonLines((await wren.run(['agent', 'status', '--json', '--profile', profile])).stdout)).toMatchObject([
    { pid: running.pid },
  ]);
  await wren.run(['agent', 'stop', '--profile', profile]);
  expect((await running.ended).code).toBe(0);
  const [first = ''] = readFileSync(join(profile, 'asked.jsonl'), 'utf8').split('\n');
  expect(JSON.parse(first)).toEqual({ argv: ['--foreground', '--audio', 'none', '--profile', profile] });
});

test.each(['drop-supernode', 'rebind', 'block-udp', 'unblock-udp'])('debug %s is handed over', async (fault) => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile);
  const { code, stdout } = await wren.run(['agent', 'debug', fault, '--json', '--profile', profile]);
  expect([code, jsonLines(stdout)]).toEqual([0, [{ event: 'debug', fault }]]);
  expect(agent.asked).toEqual([{ type: 'debug', fault }]);
});

test.each([
  ['hangup', 'call.hang-up', 'hung-up'],
  ['hold', 'call.hold', 'held'],
  ['resume', 'call.resume', 'resumed'],
  ['mute', 'call.mute', 'muted'],
  ['unmute', 'call.unmute', 'unmuted'],
  ['mic on', 'call.unmute', 'unmuted'],
  ['mic off', 'call.mute', 'muted'],
])('wren %s acts on the running call', async (line, type, event) => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile);
  const { code, stdout } = await wren.run([...line.split(' '), '--json', '--profile', profile]);
  expect([code, jsonLines(stdout)]).toEqual([0, [{ event }]]);
  expect(agent.asked).toEqual([{ type }]);
});

test('wren transfer hands the running call to a device, and tells why it stays', async () => {
  const profile = wren.profile();
  const went = { call: 'ab'.repeat(16), peer: 'bobby1', device: 'old-desk' };
  agent = await scriptedAgent(profile, {
    'call.transfer': ({ device }) => {
      if (device === 'phone') throw refuse('device-busy', 'phone');
      return went;
    },
  });
  const done = await wren.run(['transfer', 'old-desk', '--json', '--profile', profile]);
  expect([done.code, jsonLines(done.stdout)]).toEqual([0, [{ event: 'transferred', ...went }]]);
  const stays = await wren.run(['transfer', 'phone', '--profile', profile]);
  expect([stays.code, stays.stderr]).toEqual([2, expect.stringContaining('in another call')]);
});

test('without a call, or without an agent, there is nothing to hang up: 2, and no agent is started', async () => {
  const profile = wren.profile();
  for (const words of ['hangup', 'transfer desk', 'mic toggle', 'record on', 'record off']) {
    const alone = await wren.run([...words.split(' '), '--json', '--profile', profile]);
    expect([alone.code, jsonLines(alone.stdout)], words).toMatchObject([
      2,
      [{ event: 'error', code: 'no-call', message: 'no such call is running.' }],
    ]);
  }
  expect(() => readFileSync(join(profile, 'asked.jsonl'))).toThrow();
  agent = await scriptedAgent(profile, {
    'call.hang-up': () => {
      throw refuse('no-call');
    },
  });
  expect((await wren.run(['hangup', '--profile', profile])).code).toBe(2);
});

test('an agent of another port version is told apart, and can still be looked at and stopped', async () => {
  const profile = wren.profile();
  const old = await scriptedAgent(profile, {
    hello: () => ({ port: 0, version: '0.0.1', pid: 1 }),
    'agent.stop': (_, one) => {
      void one.close();
    },
  });
  const { code, stderr } = await wren.run(['status', '--profile', profile]);
  expect(code).toBe(2);
  expect(stderr).toContain('wren agent stop');
  expect((await wren.run(['agent', 'status', '--profile', profile])).code).toBe(0);
  expect((await wren.run(['agent', 'stop', '--profile', profile])).code).toBe(0);
  await old.close();
});

test('an agent that cannot be started is our fault, and the log is named', async () => {
  const lonely = buildWren();
  try {
    const { code, stderr } = await lonely.run(['status', '--profile', lonely.profile()]);
    expect(code).toBe(5);
    expect(stderr).toMatch(/agent\.log/);
  } finally {
    lonely.remove();
  }
});
