/**
 * The real screen program on a real pseudo-terminal, against an agent that speaks the real port from a script. What a
 * person would see is read from the cells of a terminal emulator.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { DEFAULT_SCREEN_SETTINGS } from '../../src/store/screen-settings.ts';
import type { AppState, Call } from '../../src/store/state.ts';
import { call, GOOD } from '../support/screen-scenes.ts';
import {
  buddy,
  chatLine,
  refuse,
  type Script,
  type ScriptedAgent,
  SIGNED_IN,
  scriptedAgent,
} from '../support/scripted-agent.ts';
import { openTerminal, pause, type TerminalOptions, type TestTerminal } from '../support/terminal.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'wren-tui-'));
const program = join(folder, 'screen.cjs');
let profiles = 0;
let agent: ScriptedAgent;
let terminal: TestTerminal | undefined;

beforeAll(() => {
  execFileSync(process.execPath, ['bin/build.mjs', 'bin/screen.tsx', program], { cwd: ROOT, stdio: 'pipe' });
});
afterEach(async () => {
  try {
    terminal?.signal('SIGKILL');
  } catch {
    // It has ended by itself.
  }
  terminal = undefined;
  await agent?.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FRESH: AppState = { ...SIGNED_IN, network: null, account: null, connection: 'offline', supernode: null };
const PEOPLE: AppState = {
  ...SIGNED_IN,
  buddies: [
    buddy('bobby1', { displayName: 'Bob Builder' }),
    buddy('carol-w', { presence: 'away', displayName: 'Carol Wright' }),
    buddy('daniel', { presence: 'do-not-disturb', unread: 2 }),
    buddy('erika_m', { presence: 'offline', lastSeenAtMs: Date.now() - 3 * 3_600_000 }),
    buddy('greta-x', { relation: 'incoming', presence: 'offline', message: 'we met at the fair' }),
  ],
};

async function profileWith(state: AppState, script: Script = {}): Promise<string> {
  const profile = join(folder, `p${++profiles}`);
  mkdirSync(profile, { mode: 0o700 });
  chmodSync(profile, 0o700);
  agent = await scriptedAgent(profile, { 'chat.history': () => [], ...script }, state);
  return profile;
}

function openScreen(profile: string, options: TerminalOptions = {}): TestTerminal {
  terminal = openTerminal(process.execPath, [program, '--profile', profile], options);
  return terminal;
}

async function screenWith(state: AppState, script: Script = {}, options: TerminalOptions = {}): Promise<TestTerminal> {
  return openScreen(await profileWith(state, script), options);
}

function pushCall(change: Partial<Call>): Call {
  const one = call({ startedAtMs: Date.now(), ...change });
  agent.push({ type: 'call.changed', call: one });
  return one;
}

/** Normal screen, visible cursor, no paste marks, plain style: as if nothing had been there. */
function expectRestored(screen: TestTerminal): void {
  const sent = screen.sent();
  expect(screen.xterm.buffer.active.type).toBe('normal');
  expect(screen.xterm.modes.bracketedPasteMode).toBe(false);
  expect(screen.xterm.modes.synchronizedOutputMode).toBe(false);
  expect(sent.lastIndexOf('\x1b[?25h')).toBeGreaterThan(sent.lastIndexOf('\x1b[?25l'));
}

test('a first run leads from an invite to the buddy list; a refusal loses nothing', async () => {
  const screen = await screenWith(FRESH, {
    'network.join': (_command, self) => {
      self.push({ type: 'network.joined', network: 'testnet' });
      return { network: 'testnet' };
    },
    'account.sign-up': ({ name, displayName }, self) => {
      if (name === 'takenname') throw refuse('name-taken');
      self.push({
        type: 'account.signed-in',
        account: { name, displayName: displayName ?? '', certificateExpiresAtMs: 0 },
      });
      return { name };
    },
  });
  await screen.until(/Join a network/);
  screen.type('\x1b[200~wren:abc123\x1b[201~');
  await screen.until(/wren:abc123/);
  screen.type('\r');
  await screen.until(/I am new here/);
  screen.type('\r');
  await screen.until(/Make an account/);
  screen.type('takenname\r\rsecret12\rsecret12\r');
  const refused = await screen.until(/belongs to somebody already/);
  expect(refused).toMatch(/Name +takenname/);
  expect(refused).toMatch(/Password +••••••••/);
  expect(refused).not.toContain('secret12');
  screen.type('\x15maryanne\r\r\r\r');
  expect(await screen.until(/Nobody here yet/)).toMatch(/maryanne ● online/);
  const signUps = agent.asked.filter(({ type }) => type === 'account.sign-up');
  expect(signUps.at(-1)).toMatchObject({ name: 'maryanne', password: 'secret12' });
  expect(screen.sent()).not.toContain('secret12');
});

test('the list shows presence in signs and words; a chat goes out with its mark and comes in', async () => {
  const screen = await screenWith(PEOPLE, {
    'chat.history': ({ with: name }) =>
      name === 'bobby1' ? [chatLine('are you there?', { id: '01'.repeat(16) })] : [],
    'chat.send': ({ to, text }) =>
      chatLine(text, { id: '02'.repeat(16), with: to, direction: 'out', mark: 'waiting', storedAtMs: Date.now() }),
  });
  const list = await screen.until(/bobby1/);
  for (const row of [
    /● bobby1 +online/,
    /◐ carol-w +away/,
    /⊘ daniel +busy 2 new/,
    /○ erika_m +seen 3 h ago/,
    /\? greta-x/,
  ]) {
    expect(list).toMatch(row);
  }
  screen.type('/bob\r\r');
  await screen.until(/are you there\?/);
  screen.type('yes, wörking 日本\r');
  await screen.until(/you +yes, wörking 日本 …/);
  agent.push({ type: 'chat.delivered', with: 'bobby1', id: '02'.repeat(16) });
  await screen.until(/yes, wörking 日本 ✓/);
  agent.push({ type: 'chat.message', line: chatLine('great', { id: '03'.repeat(16), storedAtMs: Date.now() + 1 }) });
  await screen.until(/bobby1 +great/);
  expect(agent.asked.find(({ type }) => type === 'chat.send')).toEqual({
    type: 'chat.send',
    to: 'bobby1',
    text: 'yes, wörking 日本',
  });
});

test('a request is answered from the keyboard and moves to the buddies', async () => {
  const screen = await screenWith(PEOPLE, {
    'buddy.accept': ({ name }, self) => self.push({ type: 'buddy.changed', buddy: buddy(name) }),
  });
  await screen.until(/Requests/);
  screen.type('g');
  expect(await screen.until(/we met at the fair/)).toMatch(/y +accept/);
  screen.type('y');
  const list = await screen.until(/● greta-x +online/);
  expect(list).not.toContain('Requests');
});

test('keys glued together in one read all act, in order', async () => {
  const screen = await screenWith(PEOPLE, {
    'chat.send': ({ to, text }) => chatLine(text, { with: to, direction: 'out' }),
  });
  await screen.until(/daniel/);
  screen.type('gj\rab\rc');
  const sent = await agent.wasAsked('chat.send');
  expect(sent).toEqual({ type: 'chat.send', to: 'bobby1', text: 'ab' });
  await screen.until(/> c$|> c +│/m);
});

test('a call that rings while a line is being typed takes no letter of it', async () => {
  const screen = await screenWith(PEOPLE);
  await screen.until(/daniel/);
  screen.type('gj\rmeet you at');
  await screen.until(/> meet you at/);
  pushCall({ peer: 'carol-w', direction: 'in', phase: 'ringing' });
  const ringing = await screen.until(/Incoming call/);
  expect(ringing).toMatch(/carol-w \(Carol Wright\) is calling you/);
  expect(ringing).toMatch(/Alt-a answer +Alt-d decline/);
  expect(screen.sent()).toContain('\x07');
  screen.type(' a d nine');
  await screen.until(/> meet you at a d nine/);
  expect(agent.asked.some(({ type }) => type === 'call.answer' || type === 'call.decline')).toBe(false);
  screen.type('\x1ba');
  await agent.wasAsked('call.answer');
  expect(screen.text()).toContain('> meet you at a d nine');
});

/** A line as people have it from a train: ssh, 100 ms, one segment of a hundred lost. */
const BAD_LINE = { roundTripMs: 100, lossPct: 1, retransmitMs: 250 };

test('over a bad line an idle screen costs nothing, a call at most 400 bytes a second, and a key one round trip', async () => {
  const screen = await screenWith(PEOPLE, {}, { columns: 100, rows: 30, line: BAD_LINE });
  await screen.until(/daniel/);
  await pause(500);
  const idleFrom = screen.sent().length;
  await pause(3_000);
  expect(screen.sent().length - idleFrom).toBe(0);

  screen.type('gj\r');
  await screen.until(/> +│/);
  const tookMs: number[] = [];
  for (const sign of '#@%&~=+^$|#@%&~=+^$|') tookMs.push(await keyToGlyph(screen, sign));
  // The quickest quarter: the rest tells of the machine and of lost segments, and a second round trip would be in all.
  const quick = tookMs.sort((a, b) => a - b)[tookMs.length / 4] ?? 0;
  expect(tookMs[0]).toBeGreaterThanOrEqual(BAD_LINE.roundTripMs - 1);
  expect(quick, tookMs.join(' ')).toBeLessThan(1.6 * BAD_LINE.roundTripMs);
  screen.type('\x1b');

  const running = pushCall({ phase: 'running', answeredAtMs: Date.now(), path: 'direct', quality: GOOD });
  await screen.until(/sounds good/);
  // The rest of the panes is still on its way.
  await pause(700);
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
    const level = (phase: number) => -50 + 40 * Math.abs(Math.sin(ticks / 3 + phase));
    agent.push({ type: 'call.level', call: running.call, inputDb: level(0), outputDb: level(1) });
    if (ticks % 10 > 0) return;
    const quality = { ...GOOD, rttMs: 20 + (ticks % 7), jitterMs: 2 + (ticks % 5), lossInPct: (ticks % 30) / 10 };
    agent.push({ type: 'call.changed', call: { ...running, quality } });
  }, 100);
  const from = Buffer.byteLength(screen.sent());
  await pause(4_000);
  clearInterval(timer);
  const bytesPerSecond = (Buffer.byteLength(screen.sent()) - from) / 4;
  expect(bytesPerSecond).toBeGreaterThan(50);
  expect(bytesPerSecond).toBeLessThanOrEqual(400);
  expect(screen.text()).toMatch(/0:0[3-9]/);
}, 30_000);

/** How long until what was typed stands in what the terminal was sent, ms. */
async function keyToGlyph(screen: TestTerminal, sign: string): Promise<number> {
  const from = screen.sent().length;
  const pressedAtMs = performance.now();
  screen.type(sign);
  while (!screen.sent().includes(sign, from)) {
    if (performance.now() - pressedAtMs > 5_000) throw new Error(`never saw ${sign}`);
    await pause(2);
  }
  return performance.now() - pressedAtMs;
}

test('the screen survives being made small and large again', async () => {
  const screen = await screenWith(PEOPLE);
  const before = await screen.until(/No messages yet[\s\S]*\? help/);
  screen.resize(40, 12);
  const small = await screen.until((text) => /\[ Buddies \]/.test(text) && !/╮╭/.test(text));
  expect(small.split('\n').every((line) => line.length <= 40)).toBe(true);
  expect(small).toMatch(/alice1 ● online/);
  screen.type('\t');
  await screen.until(/\[ daniel \]/);
  screen.type('\t');
  screen.resize(20, 5);
  await screen.until(/too small/);
  screen.resize(80, 24);
  expect(await screen.until((text) => text === before)).toBe(before);
});

test('quitting during a call asks; keeping it leaves it alone, hanging up ends it first', async () => {
  const keeping = await screenWith(PEOPLE);
  await keeping.until(/daniel/);
  pushCall({ phase: 'running', answeredAtMs: Date.now() });
  await keeping.until(/Call/);
  keeping.type('q');
  await keeping.until(/quit and keep the call/);
  keeping.type('\x1b');
  await keeping.until((text) => !text.includes('quit and keep'));
  keeping.type('q');
  await keeping.until(/quit and keep the call/);
  keeping.type('k');
  expect(await keeping.ended).toBe(0);
  expect(agent.asked.some(({ type }) => type === 'call.hang-up')).toBe(false);
  await agent.close();

  const hangingUp = await screenWith(PEOPLE);
  await hangingUp.until(/daniel/);
  pushCall({ phase: 'running', answeredAtMs: Date.now() });
  await hangingUp.until(/Call/);
  hangingUp.type('\x03\x03');
  await hangingUp.until(/hang up and quit/);
  hangingUp.type('h');
  expect(await hangingUp.ended).toBe(0);
  expect(agent.asked.some(({ type }) => type === 'call.hang-up')).toBe(true);
});

test('the terminal is as it was after quitting', async () => {
  const screen = await screenWith(PEOPLE);
  await screen.until(/daniel/);
  expect(screen.xterm.buffer.active.type).toBe('alternate');
  expect(screen.xterm.modes.bracketedPasteMode).toBe(true);
  screen.type('q');
  expect(await screen.ended).toBe(0);
  await screen.settled();
  expectRestored(screen);
});

test.each([
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('the terminal is as it was after %s', async (signal, exitCode) => {
  const screen = await screenWith(PEOPLE);
  await screen.until(/daniel/);
  screen.signal(signal);
  expect(await screen.ended).toBe(exitCode);
  await screen.settled();
  expectRestored(screen);
});

test('an exception that nobody caught restores the terminal, says so and ends with 5', async () => {
  const bomb = join(folder, 'bomb.cjs');
  writeFileSync(bomb, `setTimeout(() => { throw new Error('planted ${'\\x1b]0;x\\x07'}fault'); }, 1500);`);
  const profile = await profileWith(PEOPLE);
  const screen = openTerminal(process.execPath, ['--require', bomb, program, '--profile', profile]);
  terminal = screen;
  await screen.until(/daniel/);
  expect(await screen.ended).toBe(5);
  await screen.settled();
  expectRestored(screen);
  expect(screen.text()).toMatch(/something went wrong in the screen[\s\S]*planted fault/);
  expect(screen.sent()).not.toContain('\x1b]0;');
});

test('Ctrl-Z gives the terminal to the shell, and fg draws the screen again', async () => {
  const profile = await profileWith(PEOPLE);
  const screen = openTerminal('bash', ['--norc', '--noprofile', '-i'], { env: { PS1: 'shell> ' } });
  terminal = screen;
  await screen.until(/shell>/);
  screen.type(`'${process.execPath}' '${program}' --profile '${profile}'\r`);
  await screen.until(/daniel/);
  screen.type('\x1a');
  await screen.until(/Stopped/);
  expect(screen.xterm.buffer.active.type).toBe('normal');
  screen.type('echo still $((40 + 2))\r');
  await screen.until(/still 42/);
  screen.type('fg\r');
  await screen.until(/daniel[\s\S]*\? help/);
  expect(screen.xterm.buffer.active.type).toBe('alternate');
  screen.type('q');
  await screen.until(/shell>$/);
});

test('hostile text from a buddy never reaches the terminal', async () => {
  const evil = '\x1b]52;c;ZXZpbA==\x07\x1b]0;owned\x1b\\\x1b[2J\x1b[31m\x9b2J\u202etxt\x07\x08 harmless end';
  const people: AppState = {
    ...SIGNED_IN,
    buddies: [buddy('mallory', { displayName: evil, message: evil })],
    calls: [
      call({
        peer: 'mallory',
        phase: 'running',
        answeredAtMs: Date.now(),
        via: evil,
        path: 'relay',
        quality: { ...GOOD, path: 'relay' },
      }),
    ],
    audio: { ...SIGNED_IN.audio, problem: `problem ${evil}` },
    // The bell of a message would be ours.
    settings: { ...DEFAULT_SCREEN_SETTINGS, alertBell: false },
  };
  const screen = await screenWith(
    people,
    { 'chat.history': () => [chatLine(evil, { with: 'mallory' })] },
    { columns: 120 },
  );
  await screen.until(/mallory +.*harmless end/);
  agent.push({
    type: 'chat.message',
    line: chatLine(`again ${evil}`, { with: 'mallory', id: 'ee'.repeat(16), storedAtMs: Date.now() }),
  });
  await screen.until(/again .*harmless end/);
  // What the screen itself asks at its start: the colour of the background.
  const sent = screen.sent().replace('\x1b]11;?\x1b\\', '');
  expect(sent).not.toMatch(/\x1b\]|\x1bP|\x9b|\u202e|\x07|\x08/);
  expect(sent.match(/\x1b\[2J/g)).toHaveLength(1);
});

test('when the agent goes away the screen says so, keeps what is typed, and finds the next one', async () => {
  const profile = await profileWith(PEOPLE);
  const screen = openScreen(profile);
  await screen.until(/daniel/);
  screen.type('gj\rhalf a line');
  await screen.until(/> half a line/);
  await agent.close();
  await screen.until(/The agent is gone/);
  expect(screen.text()).toContain('no agent');
  agent = await scriptedAgent(profile, { 'chat.history': () => [] }, PEOPLE);
  const back = await screen.until(/The agent is back/);
  expect(back).toContain('> half a line');
  expect(back).not.toContain('The agent is gone');
}, 30_000);

test('a search finds somebody, and a message goes with the request', async () => {
  const screen = await screenWith(PEOPLE, {
    search: () => ({
      hits: [{ name: 'bobby22', displayName: 'Another Bob' }],
      complete: false,
      more: false,
      incomplete: true,
      tookMs: 3,
    }),
    'buddy.add': ({ name, message }, self) =>
      self.push({ type: 'buddy.changed', buddy: buddy(name, { relation: 'outgoing', presence: 'offline', message }) }),
  });
  await screen.until(/daniel/);
  screen.type('s');
  await screen.until(/Search for people/);
  screen.type('bob*\r');
  expect(await screen.until(/bobby22 +Another Bob/)).toMatch(/1 found; not every part/);
  screen.type('\r');
  await screen.until(/New buddy/);
  screen.type('hello there\r');
  await screen.until(/bobby22 was asked/);
  expect(agent.asked.find(({ type }) => type === 'buddy.add')).toEqual({
    type: 'buddy.add',
    name: 'bobby22',
    message: 'hello there',
  });
  screen.type('\x1b');
  await screen.until(/» bobby22/);
});

test('a hint handed in is shown until the first key', async () => {
  const profile = await profileWith(PEOPLE);
  terminal = openTerminal(process.execPath, [program, '--hint', 'Press c to call echo.', '--profile', profile]);
  await terminal.until(/Press c to call echo\./);
  terminal.type('j');
  expect(await terminal.until(/Enter write/)).not.toContain('Press c to call');
});

test('the help is drawn over everything, filters as one types, and goes with Escape', async () => {
  const screen = await screenWith(PEOPLE);
  await screen.until(/daniel/);
  screen.type('?');
  await screen.until(/Keys[\s\S]*Answer the call/);
  screen.type('hold');
  expect(await screen.until(/Find hold/)).not.toMatch(/Answer the call/);
  screen.type('\x1b');
  await screen.until((text) => !text.includes('Put the call on hold'));
});

const ESCAPES = /\x1b\[[0-9;]*m/g;

test.each([
  [80, 24],
  [40, 12],
])('without colour everything can be read at %i x %i', async (columns, rows) => {
  const people = {
    ...PEOPLE,
    buddies: PEOPLE.buddies.map((one) => ({ ...one, lastSeenAtMs: one.lastSeenAtMs && Date.now() - 3 * 3_600_000 })),
  };
  const screen = await screenWith(people, {}, { columns, rows, env: { NO_COLOR: '1' } });
  // Two panes show the empty conversation too, once its history is there.
  await screen.until(columns >= 70 ? /No messages yet[\s\S]*\? help/ : /\? help/);
  expect((screen.sent().match(ESCAPES) ?? []).filter((code) => /\b(?:3\d|4\d|9\d|10\d)\b/.test(code))).toEqual([]);
  expect(`\n${screen.text()}\n`).toMatchSnapshot();
});

test('without a terminal there is a sentence and exit code 2', () => {
  let stderr = '';
  try {
    execFileSync(process.execPath, [program, '--profile', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const failure = error as { status: number; stderr: Buffer };
    stderr = failure.stderr.toString();
    expect(failure.status).toBe(2);
  }
  expect(stderr).toMatch(/needs a terminal.*wren status/);
});
