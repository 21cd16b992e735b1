import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { callLine, dateValue, protectionWords } from '../../bin/commands/history.ts';
import type { LoggedCall } from '../../src/store/history-sql.ts';
import { chatLine, refuse, type Script, type ScriptedAgent, scriptedAgent } from '../support/scripted-agent.ts';
import { type BuiltWren, buildWren, jsonLines, type RunOptions } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent;
beforeAll(() => {
  wren = buildWren();
});
afterEach(() => agent?.close());
afterAll(() => wren.remove());

async function run(args: readonly string[], script: Script = {}, options: RunOptions = {}) {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, { ...RECORDS, ...script });
  return { profile, ...(await wren.run([...args, '--profile', profile], options)) };
}
const sent = () => agent.asked.filter(({ type }) => !['status', 'subscribe', 'wait'].includes(type));

const AT = Date.UTC(2026, 10, 25, 20, 50);
const LINES = [
  chatLine('lunch?'),
  chatLine('yes', { direction: 'out', with: 'carol1', storedAtMs: AT + 2, id: 'cd'.repeat(16) }),
];
const CALL: LoggedCall = {
  ...{ call: 'c1', peer: 'bobby1', direction: 'in', startedAtMs: AT + 1, answeredAtMs: AT + 1_000 },
  ...{ endedAtMs: AT + 193_000, reason: 'hangup', path: 'direct', missed: false },
};
const RECORDS: Script = {
  'history.lines': () => LINES,
  'chat.history': () => LINES.slice(0, 1),
  'history.calls': ({ beforeMs }) => ((beforeMs ?? AT * 2) > CALL.startedAtMs ? [CALL] : []),
  'history.export': ({ after }) => (after === 0 ? { lines: LINES, next: 2 } : { lines: [], next: null }),
  'history.erase': () => ({ lines: 1, calls: 2, waiting: 3 }),
};

test('a bare history shows messages and calls of everybody in the order of time', async () => {
  const { code, stdout } = await run(['history']);
  expect([code, stdout.trim().split('\n')]).toEqual([
    0,
    [
      '2026-11-25 20:50  bobby1: lunch?',
      '2026-11-25 20:50  call from bobby1, 3:12',
      '2026-11-25 20:50  you to carol1: yes',
    ],
  ]);
});

test('of one person, searched, and as JSON', async () => {
  const one = await run(['history', 'bobby1', '--limit', '5', '--json']);
  expect(jsonLines(one.stdout)).toEqual([
    { event: 'message', ...LINES[0] },
    { event: 'call', ...CALL },
  ]);
  expect(sent()).toEqual([
    { type: 'chat.history', with: 'bobby1', limit: 5 },
    { type: 'history.calls', with: 'bobby1', limit: 5 },
  ]);
  await agent.close();
  const none = await run(['history', '--search', 'dinner'], { 'history.lines': () => [] });
  expect([none.code, none.stderr]).toEqual([2, 'No message has these words.\n']);
  expect(sent()).toEqual([{ type: 'history.lines', limit: 50, search: 'dinner' }]);
});

test('an export is one JSON document, for its owner only, whole or not there', async () => {
  const file = join(wren.profile(), 'all.json');
  const { code, stderr } = await run(['history', 'export', file]);
  expect([code, stderr]).toEqual([0, `Wrote 2 messages and 1 call to ${file}, not encrypted.\n`]);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
    ...{ account: 'alice1', exportedAtMs: expect.any(Number), messages: LINES, calls: [CALL] },
  });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await agent.close();
  const again = await run(['history', 'export', file]);
  expect([again.code, again.stderr]).toEqual([3, expect.stringContaining('is there already')]);
  await agent.close();
  writeFileSync(file, 'old');
  const broken = await run(['history', 'export', file, '--force'], {
    'history.calls': () => {
      throw refuse('disk-full');
    },
  });
  expect([broken.code, readFileSync(file, 'utf8')]).toEqual([2, 'old']);
});

test('an export to a place where nothing can be written says so', async () => {
  const file = join(wren.profile(), 'nowhere', 'all.json');
  const { code, stderr } = await run(['history', 'export', file]);
  expect([code, stderr]).toEqual([3, expect.stringContaining(`${file} cannot be written (ENOENT)`)]);
});

test('an export of one person as text goes to stdout where that is asked for', async () => {
  const { code, stdout } = await run(['history', 'export', 'bobby1', '--format', 'text', '-']);
  expect(code).toBe(0);
  expect(stdout).toContain('2026-11-25 20:50  bobby1: lunch?\n');
  expect(stdout).toContain('\nCalls, newest first:\n2026-11-25 20:50  call from bobby1, 3:12\n');
  expect(sent()[0]).toEqual({ type: 'history.export', after: 0, with: 'bobby1' });
  await agent.close();
  const json = await run(['history', 'export', '-', '--json']);
  expect(jsonLines(json.stdout)).toEqual([
    ...LINES.map((line) => ({ event: 'message', ...line })),
    { event: 'call', ...CALL },
    { event: 'exported', file: null, lines: 2, calls: 1 },
  ]);
});

test('erasing wants to know what, and a yes', async () => {
  const what = await run(['history', 'erase', '--yes']);
  expect([what.code, what.stderr]).toEqual([3, expect.stringContaining('what is to be erased')]);
  await agent.close();
  const nobody = await run(['history', 'erase', 'bobby1']);
  expect([nobody.code, nobody.stderr, sent()]).toEqual([3, expect.stringContaining('--yes'), []]);
  await agent.close();
  const { code, stderr } = await run(
    ['history', 'erase', 'bobby1', '--before', '2026-11-26', '--yes'],
    {},
    {
      env: { TZ: 'UTC' },
    },
  );
  expect([code, stderr]).toEqual([0, 'Erased 1 message and 2 calls. 3 messages not delivered yet stay.\n']);
  expect(sent()).toEqual([{ type: 'history.erase', with: 'bobby1', beforeMs: Date.UTC(2026, 10, 26) }]);
});

test('a person at a terminal is asked, and only a yes erases', async () => {
  for (const [answer, erased] of [
    ['n\r', 0],
    ['y\r', 1],
  ] as const) {
    const profile = wren.profile();
    agent = await scriptedAgent(profile, RECORDS);
    const terminal = wren.onTerminal(['history', 'erase', '--all', '--profile', profile]);
    await terminal.until(/Erase all messages and calls for good\? \[y\/N\]/);
    terminal.type(answer);
    expect(await terminal.ended).toBe(erased === 1 ? 0 : 2);
    expect(sent()).toHaveLength(erased);
    await agent.close();
  }
});

test('encryption is turned on and off, and what came of it is the exit code', async () => {
  const plain = { protection: 'file-permissions', why: 'no key from a secret store: no D-Bus session here' } as const;
  const { code, stderr } = await run(['history', 'encrypt'], { 'history.encrypt': () => plain });
  expect([code, stderr]).toEqual([1, expect.stringContaining('no D-Bus session here')]);
  await agent.close();
  const off = await run(['history', 'decrypt', '--json'], { 'history.encrypt': () => plain });
  expect([off.code, jsonLines(off.stdout)]).toEqual([0, [{ event: 'history', ...plain }]]);
  expect(sent()).toEqual([{ type: 'history.encrypt', encryption: 'off' }]);
  await agent.close();
  const { code: locked } = await run(['history', 'unlock'], {
    'history.encrypt': () => ({ protection: 'locked', why: 'it is locked' }),
  });
  expect(locked).toBe(1);
});

test('words for calls, dates and protection', () => {
  expect(callLine({ ...CALL, answeredAtMs: null, missed: true })).toMatch(/missed call from bobby1$/);
  expect(callLine({ ...CALL, direction: 'out', answeredAtMs: null, reason: 'no-answer' })).toMatch(
    /call to bobby1, no answer$/,
  );
  expect(dateValue('2026-11-26T18:30') - dateValue('2026-11-26')).toBe(18.5 * 3_600_000);
  for (const bad of ['2026-02-30', '26.11.2026', '2026-11-26T25:00', 'yesterday']) {
    expect(() => dateValue(bad)).toThrow(/written/);
  }
  expect(protectionWords({ protection: 'locked', why: 'it is locked' })).toBe(
    'locked, it is locked; wren history unlock',
  );
});
