/** `wren monitor` as people run it: on a real pseudo-terminal before a scripted agent, left, killed, and as lines of JSON. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { newCall } from '../../src/store/new-call.ts';
import type { AppState, Call, Quality, ServingReport } from '../../src/store/state.ts';
import { CALL_ID, type Script, type ScriptedAgent, SIGNED_IN, scriptedAgent } from '../support/scripted-agent.ts';
import { hasTerminals, openTerminal, pause, type TerminalOptions, type TestTerminal } from '../support/terminal.ts';
import { type BuiltWren, buildWren, jsonLines } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent | undefined;
let terminal: TestTerminal | undefined;
beforeAll(() => {
  wren = buildWren();
  wren.buildBeside('map');
});
afterEach(async () => {
  terminal?.kill();
  terminal = undefined;
  await agent?.close();
  agent = undefined;
});
afterAll(() => wren.remove());

const QUALITY: Quality = {
  ...{ path: 'direct', rttMs: 24, jitterMs: 3, lossInPct: 1.5, lossOutPct: 0.5, bufferMs: 40, mouthToEarMs: 95 },
  ...{ sentPps: 50, recvPps: 49, payloadBytes: 90, bitrate: 36_000, redundancy: 0, concealedPct: 0.2, mos: 4.3 },
  verdict: 'good',
};
const CALL: Call = {
  ...newCall(CALL_ID, 'bobby1', 'out', Date.now() - 65_000),
  ...{ phase: 'running', answeredAtMs: Date.now() - 61_000, path: 'direct', quality: QUALITY },
};
const SERVING = {
  ...{ role: 'supernode', reason: 'serves', why: 'asked to', consent: 'always', consentBy: 'setting', answer: 'yes' },
  ...{ asks: false, duties: [], caps: { clients: 100, relayKbps: 512 }, endpoint: null, refuse: 'wren serve no' },
  cost: { clients: 12, standbys: 0, relayedBytes: 1_500_000, relayedPackets: 9, cpuPercent: 3, memoryBytes: 7e7 },
  facts: {
    ...{ uptimeS: 1, busyPercent: 1, freeMemoryBytes: 1, upKbps: 1, dialBack: null, supernodes: 4 },
    loadPermille: 250,
  },
} as unknown as ServingReport;
const STATE: AppState = { ...SIGNED_IN, calls: [CALL], serving: SERVING, standby: 'udp:198.51.100.9:4000' };

/** Each second another round trip, as the agent tells it. */
function second(rttMs: number): void {
  const call = { ...CALL, quality: { ...QUALITY, rttMs } };
  agent?.push({ type: 'call.changed', call });
}

async function open(
  options: TerminalOptions = {},
  state: AppState = STATE,
  script: Script = {},
): Promise<TestTerminal> {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, script, state);
  terminal = openTerminal(process.execPath, [join(wren.folder, 'wren.cjs'), 'monitor', '--profile', profile], options);
  return terminal;
}

/** As above, in a shell that tells how the terminal is set before and afterwards. */
async function openInShell(): Promise<TestTerminal> {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, {}, STATE);
  const script = 'echo "before $(stty -g)"; "$@"; code=$?; sleep 0.6; echo "after $(stty -g)"; echo "ended $code"';
  const argv = ['-c', script, 'sh', process.execPath, join(wren.folder, 'wren.cjs'), 'monitor', '--profile', profile];
  terminal = openTerminal('sh', argv, { columns: 100, rows: 30 });
  return terminal;
}

/** A busy machine starts programs slowly. */
const PATIENCE_MS = 20_000;
const withTerminal = test.skipIf(!hasTerminals());
if (!hasTerminals()) console.log('SKIPPED: the dashboard on a terminal: this system has no pseudo-terminals');

test('as JSON it is a sample a second, with the call, the supernode and what is relayed, and what happens', async () => {
  const profile = wren.profile();
  const ways = [{ peer: 'bobby1', ways: [{ kind: 'direct', ip: 'IPv4', state: 'in-use', rttMs: 24, sinceMs: 1 }] }];
  agent = await scriptedAgent(profile, { 'call.ways': () => ways }, STATE);
  const running = wren.start(['--profile', profile, 'monitor', '--json']);
  await agent.wasAsked('subscribe');
  await expect.poll(() => running.stdout()).toContain('sample');
  agent.call({ event: 'path', path: 'relay', via: 'udp:192.0.2.7:4000' });
  second(80);
  await expect.poll(() => running.stdout().match(/"sample"/g)?.length ?? 0, { timeout: 5_000 }).toBeGreaterThan(1);
  running.signal('SIGINT');
  const { code, stdout } = await running.ended;
  expect(code).toBe(0);
  const lines = jsonLines(stdout);
  expect(lines[0]).toMatchObject({
    ...{ event: 'sample', connection: 'online', supernodeLoadPct: 25 },
    call: { peer: 'bobby1', path: 'direct', rttMs: 24, jitterMs: 3, lossInPct: 1.5, bufferMs: 40, bitrate: 36_000 },
    serving: { clients: 12, clientsMax: 100, relayedBytes: 1_500_000, relayKbpsMax: 512 },
    ways,
    supernode: { endpoint: 'udp:192.0.2.7:4000', rttMs: 12.34 },
  });
  expect(lines.findLast(({ event }) => event === 'sample')).toMatchObject({ call: { rttMs: 80 } });
  expect(lines.find(({ event }) => event === 'log')).toMatchObject({ text: 'Path: relayed by 192.0.2.7:4000.' });
});

test('without a terminal and without --json it says what to type; --for ends it by itself', async () => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile);
  const piped = await wren.run(['--profile', profile, 'monitor']);
  expect([piped.code, piped.stderr]).toEqual([3, expect.stringContaining('wren monitor --json')]);
  const timed = await wren.run(['--profile', profile, 'monitor', '--json', '--for', '0.2']);
  expect([timed.code, jsonLines(timed.stdout)[0]?.call]).toEqual([0, null]);
});

withTerminal(
  'five charts and the words of the call; the pages by keys; help; and q gives the terminal back',
  async () => {
    const screen = await open({ columns: 110, rows: 32 }, STATE, {
      'check.path': () => {
        const nat = { mapping: 'endpoint-independent', filtering: 'address-dependent', udpBlocked: false } as const;
        const count = { sent: 20, received: 20, rttMs: 12 };
        return {
          path: 'direct',
          why: null,
          relay: count,
          direct: count,
          directAfterMs: 312,
          tookMs: 1,
          ours: nat,
          theirs: nat,
        };
      },
      'call.ways': () => [
        {
          peer: 'bobby1',
          ways: [
            { kind: 'direct', ip: 'IPv4', state: 'in-use', rttMs: 24, sinceMs: Date.now() },
            { kind: 'lan', ip: 'IPv4', state: 'failed', rttMs: null, sinceMs: Date.now() },
          ],
        },
      ],
      'supernode.list': () => [
        { endpoints: ['udp:193.0.6.139:4000'], nodeId: null, state: 'active', lastWorkedAtMs: 1 },
      ],
    });
    const first = await screen.until(/bit rate 36 kbit\/s/, PATIENCE_MS);
    expect(first).toMatch(/^wren monitor \[1 call\]/);
    for (const words of ['round trip 24 ms', 'jitter 3 ms', 'loss 1.5 % in, 0.5 % out', 'buffer 40 ms'])
      expect(first).toContain(words);
    expect(first).toMatch(/call with bobby1, 1:\d\d/);
    expect(first).toMatch(/path direct/);
    second(140);
    // The curve of the chart, and its range in words.
    expect(await screen.until(/round trip 140 ms \(24 to 140\)/)).toMatch(/[\u2801-\u28ff]{3}/);
    screen.type('2');
    const network = await screen.until(/\[2 network\]/);
    expect(network).toMatch(/supernode load +\[#{5}\.{15}\] 25 %/);
    expect(network).toMatch(/people +\[##\.{18}\] 12 of 100/);
    expect(network).toMatch(/relayed +\[\.{20}\] - of 512 kbit\/s/);
    expect(network).toMatch(/1\.5 MB relayed/);
    expect(network).toMatch(/in use {2}direct, IPv4, 24 ms, since \d\d:\d\d:\d\d/);
    expect(network).toMatch(/failed {2}same network, IPv4, since/);
    expect(network).toMatch(/call with bobby1: direct *$/m);
    screen.type('t');
    expect(await screen.until(/direct way to bobby1: from address to address/)).toMatch(/their nat to bobby1/);
    agent?.push({ type: 'notice', code: 'version-old', detail: '' });
    screen.type('3');
    await screen.until((text) => /\[3 log\]/.test(text) && /testing the ways to bobby1/.test(text));
    screen.type('4');
    expect(await screen.until(/\[4 map\][\s\S]*A/)).toMatch(/[\u2801-\u28ff]{3}/);
    screen.type('?');
    expect(await screen.until(/leave; a call goes on/)).toMatch(/q, Esc, Ctrl-C/);
    screen.type('?p');
    await screen.until(/PAUSED/);
    screen.type('q');
    expect(await screen.ended).toBe(0);
    await screen.settled();
    expect(screen.xterm.buffer.active.type).toBe('normal');
    expect(screen.sent().lastIndexOf('\u001b[?25h')).toBeGreaterThan(screen.sent().lastIndexOf('\u001b[?25l'));
  },
);

withTerminal('in 40 columns and 12 rows, without colour and without a call, all figures are words', async () => {
  const screen = await open(
    { columns: 40, rows: 12, env: { NO_COLOR: '1' } },
    { ...STATE, calls: [] },
    {
      'supernode.list': () => [],
    },
  );
  const idle = await screen.until(/no call/, PATIENCE_MS);
  expect(idle).toMatch(/^ ?\[1 call\]/);
  expect(idle).toMatch(/^round trip +12\.3 ms /m);
  expect(idle.split('\n').at(-1)).toMatch(/q leave$/);
  second(99);
  const call = await screen.until(/round trip +99 ms/);
  expect(call).toMatch(/loss out +0\.5 %/);
  for (const line of call.split('\n')) expect(line.length).toBeLessThanOrEqual(40);
  screen.type('4');
  await screen.until(/no supernode is known yet/);
  screen.resize(100, 30);
  screen.type('1');
  await screen.until(/bit rate 36 kbit\/s/, PATIENCE_MS);
  expect(screen.sent()).not.toMatch(/\u001b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d)(?:;\d+)*m/);
  agent?.close();
  await screen.until(/THE AGENT IS GONE/);
});

withTerminal.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGKILL'] as const)(
  'killed by %s it leaves the terminal as it found it',
  async (signal) => {
    const screen = await openInShell();
    await screen.until(/bit rate 36 kbit\/s/, PATIENCE_MS);
    expect(screen.xterm.buffer.active.type).toBe('alternate');
    process.kill(monitorPid(), signal);
    const text = await screen.until(/ended \d+/, PATIENCE_MS);
    expect(screen.xterm.buffer.active.type).toBe('normal');
    const [, before] = /before (\S+)/.exec(text) ?? [];
    const [, after] = /after (\S+)/.exec(text) ?? [];
    expect(after).toBe(before);
    expect(screen.sent().lastIndexOf('\u001b[?25h')).toBeGreaterThan(screen.sent().lastIndexOf('\u001b[?25l'));
    await expect.poll(guards).toEqual([]);
  },
);

function processes(): { readonly pid: number; readonly words: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [{ pid: Number(name), words: readFileSync(`/proc/${name}/cmdline`, 'utf8') }];
      } catch {
        return [];
      }
    });
}

function monitorPid(): number {
  const found = processes().find(({ words }) => words.startsWith(process.execPath) && words.includes(wren.folder));
  return found?.pid ?? Number.NaN;
}

/** Those of this test run: the guard is started by what runs from our folder, in its environment. */
function guards(): number[] {
  return processes()
    .filter(({ words }) => words.includes('wren-terminal-guard'))
    .map(({ pid }) => pid);
}

test('what waits for the agent to speak costs nothing: the terminal is written to only when figures change', async () => {
  if (!hasTerminals()) return console.log('SKIPPED: no pseudo-terminals');
  const screen = await open({ columns: 100, rows: 30 }, { ...STATE, calls: [], serving: undefined as never });
  await screen.until(/no call/, PATIENCE_MS);
  await pause(300);
  const before = screen.sent().length;
  await pause(2_100);
  expect(screen.sent().length - before).toBeLessThan(400);
});
