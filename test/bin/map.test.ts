/** `wren map` as people run it: the real program and the real country database, before an agent that a test scripts. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { mapLines } from '../../bin/commands/map.ts';
import type { KnownSupernode } from '../../src/store/port.ts';
import type { AppState } from '../../src/store/state.ts';
import { refuse, type Script, type ScriptedAgent, SIGNED_IN, scriptedAgent } from '../support/scripted-agent.ts';
import { hasTerminals, openTerminal, type TerminalOptions, type TestTerminal } from '../support/terminal.ts';
import { type BuiltWren, buildWren, jsonLines } from '../support/wren-command.ts';

const NODE = 'ab'.repeat(32);
const AT = Date.UTC(2026, 10, 25, 20, 50);

let wren: BuiltWren;
let agent: ScriptedAgent;
let terminal: TestTerminal | undefined;

beforeAll(() => {
  wren = buildWren();
  wren.buildBeside('map');
});
afterEach(async () => {
  terminal?.kill();
  terminal = undefined;
  await agent.close();
});
afterAll(() => wren.remove());

function supernode(endpoint: string, change: Partial<KnownSupernode> = {}): KnownSupernode {
  return { endpoints: [endpoint], nodeId: null, state: 'known', lastWorkedAtMs: null, ...change };
}
const KNOWN = [
  supernode('udp:193.0.6.139:4000', { state: 'active', nodeId: NODE, lastWorkedAtMs: AT }),
  supernode('udp:[2001:67c:2e8:22::c100:68b]:4000', { state: 'standby', lastWorkedAtMs: AT }),
  supernode('udp:200.160.2.3:4000', { lastWorkedAtMs: AT }),
  supernode('udp:10.0.0.7:4000'),
];

async function profileThatKnows(known: readonly KnownSupernode[], script: Script = {}, state: Partial<AppState> = {}) {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, { 'supernode.list': () => known, ...script }, { ...SIGNED_IN, ...state });
  return profile;
}
async function run(args: readonly string[], known: readonly KnownSupernode[], script: Script = {}) {
  return await wren.run(['map', ...args, '--profile', await profileThatKnows(known, script)]);
}
async function onTerminal(
  options: TerminalOptions = {},
  script: Script = {},
  known: readonly KnownSupernode[] = KNOWN,
): Promise<TestTerminal> {
  const profile = await profileThatKnows(known, script);
  const argv = [join(wren.folder, 'wren.cjs'), 'map', '--profile', profile];
  terminal = openTerminal(process.execPath, argv, { columns: 100, rows: 30, ...options });
  return terminal;
}

if (!hasTerminals()) console.log('SKIPPED the map on a terminal: this system gives no pseudo-terminal');
const withTerminal = test.skipIf(!hasTerminals());

/** Land, as braille draws it. */
const LAND = /[\u2801-\u28ff]{3}/;

test('as JSON it is one object a supernode, then the counts by country', async () => {
  const { code, stdout, stderr } = await run(['--json'], KNOWN);
  expect([code, stderr]).toEqual([0, '']);
  const [active, standby, brazil, nearby, done] = jsonLines(stdout);
  expect(active).toEqual({
    event: 'supernode',
    endpoints: ['udp:193.0.6.139:4000'],
    nodeId: NODE,
    country: 'NL',
    countryName: 'Netherlands',
    state: 'active',
    lastWorkedAtMs: AT,
  });
  expect(standby).toMatchObject({ state: 'standby', country: 'NL', nodeId: null });
  expect(brazil).toMatchObject({ state: 'known', country: 'BR', countryName: 'Brazil' });
  expect(nearby).toMatchObject({ country: null, countryName: null, lastWorkedAtMs: null });
  const { databaseBuiltAtMs, ...counts } = done ?? {};
  expect(counts).toEqual({ event: 'done', supernodes: 4, countries: { NL: 2, BR: 1 }, unknown: 1 });
  expect(databaseBuiltAtMs).toBeGreaterThan(Date.UTC(2026, 0));
});

test('into a pipe it is a line a supernode, and the counts for people', async () => {
  const { code, stdout, stderr } = await run([], KNOWN);
  expect(code).toBe(0);
  expect(stdout.split('\n')).toEqual([
    'active   193.0.6.139:4000                  in use            NL Netherlands',
    'standby  [2001:67c:2e8:22::c100:68b]:4000  in use            NL Netherlands',
    'known    200.160.2.3:4000                  2026-11-25 20:50  BR Brazil',
    'known    10.0.0.7:4000                     never used        -- private or unknown',
    '',
  ]);
  expect(stderr).toBe('4 supernodes known: 2 in Netherlands, 1 in Brazil, 1 private or unknown.\n');
});

test('a supernode with several addresses is where the first known one is', async () => {
  const several = supernode('', {
    endpoints: ['udp:super.example.org:4000', 'udp:10.0.0.1:4000', 'udp:200.160.2.3:4000'],
  });
  const [one] = jsonLines((await run(['--json'], [several])).stdout);
  expect(one).toMatchObject({ country: 'BR' });
});

test('nobody known ends 2, with a remedy', async () => {
  const { code, stdout, stderr } = await run([], []);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toBe('wren: no supernode is known yet. Try: wren signin NAME, or wren status\n');
});

test('before a network was joined it says how to join one', async () => {
  const none: Script = {
    'supernode.list': () => {
      throw refuse('no-network');
    },
  };
  const { code, stderr } = await run([], [], none);
  expect(code).toBe(2);
  expect(stderr).toContain('wren join INVITE');
});

test('without the database there is still the list, and one sentence says what is missing', async () => {
  const bare = mkdtempSync(join(tmpdir(), 'wren-bare-'));
  for (const name of ['wren.cjs', 'map.cjs']) copyFileSync(join(wren.folder, name), join(bare, name));
  const profile = await profileThatKnows(KNOWN);
  const argv = [join(bare, 'wren.cjs'), 'map', '--json', '--profile', profile];
  const ended = await new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, argv, (error, stdout, stderr) => resolve({ code: error?.code, stdout, stderr }));
  });
  rmSync(bare, { recursive: true });
  expect(ended.code).toBe(1);
  expect(ended.stderr.trim().split('\n')).toHaveLength(1);
  expect(ended.stderr).toContain('@ip-location-db/geo-whois-asn-country-mmdb');
  expect(jsonLines(ended.stdout).at(-1)).toMatchObject({
    supernodes: 4,
    countries: {},
    unknown: 4,
    databaseBuiltAtMs: null,
  });
});

test('steering characters in an address reach no terminal', () => {
  const lines = mapLines([{ ...supernode('udp:\u001b[31m:1'), country: null }]);
  expect(lines.join('')).not.toContain('\u001b');
});

withTerminal('on a terminal it is a map with states in letters, counts, and the keys at the bottom', async () => {
  const screen = await onTerminal();
  const text = await screen.until(/q leave/);
  expect(text).toMatch(/^4 supernodes known, in 2 countries/);
  expect(text).toMatch(LAND);
  expect(text).toMatch(/A {3}2 {2}NL Netherlands/);
  expect(text).toMatch(/o {3}1 {2}BR Brazil/);
  const [, ...rows] = text.split('\n');
  const map = rows.map((row) => row.slice(0, 70)).join('\n');
  expect(map).toContain('A2');
  expect(rows.at(-1)).toBe('q leave  r redraw  Up/Down scroll    A active  S standby  o known');
  expect(screen.xterm.buffer.active.type).toBe('alternate');
});

withTerminal.each([
  ['q', 'q'],
  ['Esc', '\u001b'],
  ['Ctrl-C', '\u0003'],
])('%s leaves and gives the terminal back', async (_name, key) => {
  const screen = await onTerminal();
  await screen.until(/q leave/);
  screen.type(key);
  expect(await screen.ended).toBe(0);
  await screen.settled();
  expect(screen.xterm.buffer.active.type).toBe('normal');
  expect(screen.sent().lastIndexOf('\u001b[?25h')).toBeGreaterThan(screen.sent().lastIndexOf('\u001b[?25l'));
});

withTerminal('a terminal whose description blessed cannot read in full gets the map and no complaint', async () => {
  const screen = await onTerminal({ env: { TERM: 'screen-256color' } });
  expect(await screen.until(/q leave/)).toMatch(LAND);
  expect(screen.sent()).not.toContain('Error');
});

withTerminal.each(['SIGTERM', 'SIGHUP'] as const)('%s gives the terminal back too', async (signal) => {
  const screen = await onTerminal();
  await screen.until(/q leave/);
  screen.signal(signal);
  expect(await screen.ended).toBe(0);
  await screen.settled();
  expect(screen.xterm.buffer.active.type).toBe('normal');
});

withTerminal('a list longer than the panel can be scrolled to its end and back', async () => {
  const many = Array.from({ length: 60 }, (_, index) => supernode(`udp:200.160.2.3:${4001 + index}`));
  const screen = await onTerminal({}, {}, many);
  expect(await screen.until(/q leave/)).not.toContain(':4060');
  screen.type('\u001b[B'.repeat(80));
  expect(await screen.until(/:4060/)).not.toContain(':4001');
  screen.type('\u001b[A'.repeat(80));
  expect(await screen.until(/:4001/)).toMatch(/o {2}60 {2}BR Brazil/);
});

withTerminal('a fault gives the terminal back before it is told', async () => {
  let answers = 0;
  const screen = await onTerminal({}, { 'supernode.list': () => (++answers === 1 ? KNOWN : 'nonsense') });
  await screen.until(/q leave/);
  screen.type('r');
  expect(await screen.ended).toBe(5);
  await screen.settled();
  expect(screen.xterm.buffer.active.type).toBe('normal');
  expect(screen.text()).toMatch(/The log is/);
});

withTerminal('r asks the agent again and shows what it says now; a refusal is told above the old picture', async () => {
  let answers = 0;
  const screen = await onTerminal(
    {},
    {
      'supernode.list': () => {
        answers += 1;
        if (answers === 3) throw refuse('no-network');
        return answers === 1 ? KNOWN : KNOWN.slice(0, 1);
      },
    },
  );
  await screen.until(/4 supernodes known/);
  screen.type('r');
  await screen.until(/1 supernode known, in 1 country/);
  screen.type('r');
  expect(await screen.until(/1 supernode known, in 1 country\. \w/)).toMatch(LAND);
});

withTerminal('a resize draws a map of the new size, and one below the smallest leaves the panel', async () => {
  const screen = await onTerminal();
  await screen.until(/q leave/);
  screen.resize(130, 40);
  expect(await screen.until((text) => /q leave/.test(text.split('\n')[39] ?? ''))).toMatch(LAND);
  screen.resize(40, 12);
  const small = await screen.until((text) => /q leave/.test(text.split('\n')[11] ?? ''));
  expect(small).toMatch(/NL Netherlands/);
  expect(small).not.toMatch(LAND);
});

withTerminal('NO_COLOR: not one colour is sent, and the map is the same', async () => {
  const screen = await onTerminal({ env: { NO_COLOR: '1' } });
  expect(await screen.until(/q leave/)).toMatch(LAND);
  expect(screen.sent()).not.toMatch(/\u001b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d)(?:;\d+)*m/);
});

withTerminal('a terminal without UTF-8 gets a map of dots', async () => {
  const screen = await onTerminal({ env: { LANG: 'C', LC_ALL: 'C', LC_CTYPE: 'C' } });
  const text = await screen.until(/q leave/);
  expect(text).toMatch(/\.{3}/);
  expect(text).not.toMatch(LAND);
});

withTerminal('in 40 columns and 12 rows the list is printed instead, and the command ends', async () => {
  const screen = await onTerminal({ columns: 40, rows: 12 });
  expect(await screen.ended).toBe(0);
  expect(screen.sent()).toContain('NL Netherlands');
  expect(screen.sent()).not.toContain('\u001b[?1049h');
});
