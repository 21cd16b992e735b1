/**
 * Whole stories on the real screen program (`dist/screen.cjs`) on a pseudo-terminal, as a person lives them; the agent
 * speaks the real port from a script. Each stage is kept as a picture in `golden/`.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { AppState, Call, ConferencePerson } from '../../src/store/state.ts';
import { expectGolden } from '../support/golden-screen.ts';
import { call, GOOD } from '../support/screen-scenes.ts';
import {
  buddy,
  CALL_ID,
  chatLine,
  refuse,
  type Script,
  type ScriptedAgent,
  SIGNED_IN,
  scriptedAgent,
} from '../support/scripted-agent.ts';
import { openTerminal, pause, type TerminalOptions, type TestTerminal } from '../support/terminal.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/screen.cjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'wren-story-'));
let profiles = 0;
let profile = '';
let agent: ScriptedAgent;
let screen: TestTerminal;

afterEach(async () => {
  try {
    screen.signal('SIGKILL');
  } catch {
    // It has ended by itself.
  }
  await agent.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ECHO = buddy('echo', { displayName: 'Echo test call' });
const PEOPLE: AppState = {
  ...SIGNED_IN,
  buddies: [
    buddy('bobby1', { displayName: 'Bob Builder', unread: 1 }),
    buddy('carol-w', { presence: 'away', displayName: 'Carol Wright' }),
    ECHO,
  ],
  privacy: { pathTests: true },
  history: {
    protection: 'file-permissions',
    why: 'This system has no secret store: only your user can read the files.',
  },
  devices: {
    version: 2,
    accountKey: '',
    list: [
      { id: 'aa'.repeat(16), label: 'laptop', addedAtMs: Date.UTC(2026, 9, 1), thisOne: true, online: true },
      { id: 'bb'.repeat(16), label: 'server', addedAtMs: Date.UTC(2026, 9, 2), thisOne: false, online: false },
    ],
    revoked: [],
  },
};
const LATER = () => Date.now() + 1;

interface Beginning extends TerminalOptions {
  /** What a person wrote into `screen.json`. */
  readonly chosen?: unknown;
}

async function begin(state: AppState, script: Script = {}, options: Beginning = {}): Promise<void> {
  profile = join(folder, `p${++profiles}`);
  mkdirSync(profile, { mode: 0o700 });
  chmodSync(profile, 0o700);
  if (options.chosen !== undefined) writeFileSync(join(profile, 'screen.json'), JSON.stringify(options.chosen));
  agent = await scriptedAgent(profile, { 'chat.history': () => [], ...script }, state);
  screen = openTerminal(process.execPath, [PROGRAM, '--profile', profile], { columns: 100, rows: 30, ...options });
}

/** Waits for a sign of the stage, then for the screen to come to rest, and keeps the picture. */
async function stage(name: string, sign: RegExp): Promise<void> {
  await screen.until(sign);
  let before = '';
  for (let looks = 0; looks < 20 && screen.text() !== before; looks++) {
    before = screen.text();
    await pause(120);
    await screen.settled();
  }
  expectGolden(name, screen.text());
}

function pushCall(change: Partial<Call>): void {
  agent.push({ type: 'call.changed', call: call({ call: CALL_ID, startedAtMs: Date.now(), ...change }) });
}

const running = (): Partial<Call> => ({ phase: 'running', answeredAtMs: Date.now(), path: 'direct', quality: GOOD });

test('first run: join a network, make an account', async () => {
  await begin(
    { ...SIGNED_IN, network: null, account: null, connection: 'offline', supernode: null },
    {
      'network.join': (_command, self) => {
        self.push({ type: 'network.joined', network: 'testnet' });
        return { network: 'testnet' };
      },
      'account.sign-up': ({ name }, self) => {
        if (name === 'takenname') throw refuse('name-taken');
        self.push({ type: 'link.changed', connection: 'online', supernode: SIGNED_IN.supernode, trouble: null });
        self.push({ type: 'account.signed-in', account: { name, displayName: '', certificateExpiresAtMs: 0 } });
        return { name };
      },
    },
  );
  await stage('first-run-1-invite', /Join a network/);
  screen.type('\x1b[200~wren:abc123\x1b[201~\r');
  await stage('first-run-2-who', /I am new here/);
  screen.type('\rtakenname\r\rsecret12\rsecret12\r');
  await stage('first-run-3-taken', /belongs to somebody already/);
  screen.type('\x15maryanne\r\r\r\r');
  await stage('first-run-4-here', /maryanne ● online.*connected/);
});

test('add a buddy: search, ask, and they accept', async () => {
  await begin(
    { ...SIGNED_IN, buddies: [ECHO] },
    {
      search: () => ({
        hits: [{ name: 'bobby1', displayName: 'Bob Builder' }],
        ...{ complete: true, more: false, incomplete: false, tookMs: 3 },
      }),
      'buddy.add': ({ name, message }, self) =>
        self.push({
          type: 'buddy.changed',
          buddy: buddy(name, { relation: 'outgoing', presence: 'offline', message }),
        }),
    },
  );
  await screen.until(/echo/);
  screen.type('sbob*\r');
  await stage('add-buddy-1-found', /bobby1 +Bob Builder/);
  screen.type('\r');
  await screen.until(/New buddy/);
  screen.type('it is Alice');
  await stage('add-buddy-2-ask', /it is Alice/);
  screen.type('\r');
  await screen.until(/bobby1 was asked/);
  screen.type('\x1b');
  await screen.until((text) => !text.includes('Search for people'));
  screen.type('\x1b');
  await screen.until((text) => !text.includes('was asked'));
  agent.push({ type: 'buddy.changed', buddy: buddy('bobby1', { displayName: 'Bob Builder' }) });
  await stage('add-buddy-3-buddies', /● bobby1 +online/);
});

test('chat: wide signs, several lines, links, and a message that comes meanwhile', async () => {
  await begin(PEOPLE, {
    'chat.history': ({ with: name }) =>
      name === 'bobby1' ? [chatLine('Lunch? 🍜 日本語 naïve 👍', { id: '01'.repeat(16), storedAtMs: Date.now() })] : [],
    'chat.send': ({ to, text }) =>
      chatLine(text, { id: '02'.repeat(16), with: to, direction: 'out', mark: 'waiting', storedAtMs: LATER() }),
  });
  await screen.until(/Lunch/);
  screen.type('\ryes: see\x0ahttps://example.org/menu');
  await stage('chat-1-writing', /> yes: see/);
  screen.type('\r');
  await screen.until(/menu +…/);
  agent.push({ type: 'chat.delivered', with: 'bobby1', id: '02'.repeat(16) });
  const long = 'I take the soup and whatever is good today, and you had better be there before the others are. ';
  agent.push({
    type: 'chat.message',
    line: chatLine(long.repeat(2).trim(), { id: '03'.repeat(16), storedAtMs: LATER() + 1 }),
  });
  await stage('chat-2-answered', /menu +✓[\s\S]*before the others/);
  screen.type('\x1by');
  await stage('chat-3-copy', /Copy from bobby1/);
  screen.type('j\r');
  await screen.until(/sent to the clipboard/);
  expect(screen.sent()).toContain(`\x1b]52;c;${Buffer.from('https://example.org/menu').toString('base64')}\x07`);
});

test('call echo: from the key to the end, with figures, muted and on hold', async () => {
  await begin(PEOPLE, {
    'call.place': ({ to }) => {
      pushCall({ peer: to, phase: 'ringing' });
      return { call: CALL_ID };
    },
    'call.mute': () => pushCall({ peer: 'echo', ...running(), muted: true }),
    'call.hold': () => pushCall({ peer: 'echo', ...running(), phase: 'held', heldBy: 'me' }),
    'call.hang-up': () => pushCall({ peer: 'echo', ...running(), phase: 'ended', reason: 'hangup' }),
  });
  await screen.until(/echo/);
  screen.type('Gc');
  await stage('call-echo-1-ringing', /ringing there/);
  pushCall({ peer: 'echo', ...running() });
  screen.type('i');
  await stage('call-echo-2-talking', /sounds good[\s\S]*mouth to ear/);
  screen.type('im');
  await stage('call-echo-3-muted', /microphone muted/);
  screen.type('o');
  await stage('call-echo-4-held', /on hold by you/);
  screen.type('e');
  await stage('call-echo-5-ended', /The call with echo ended/);
});

test('a call rings while a line is half typed', async () => {
  await begin(PEOPLE);
  await screen.until(/bobby1/);
  screen.type('\rmeet you at');
  await screen.until(/> meet you at/);
  pushCall({ peer: 'carol-w', direction: 'in', phase: 'ringing' });
  await stage('ringing-while-writing', /carol-w \(Carol Wright\) is calling you/);
});

const person = (name: string, change: Partial<ConferencePerson> = {}): ConferencePerson => ({
  ...{ name, node: name, state: 'in', isMe: false, isMixer: false, deputy: 0, speaking: false, muted: false },
  ...{ held: false, recording: false, trouble: '', by: 'alice1', removable: true, path: 'direct' },
  ...change,
});

test('conference: who is in, who speaks, who is muted, who mixes', async () => {
  await begin(PEOPLE);
  await screen.until(/bobby1/);
  const people = [
    person('alice1', { isMe: true, isMixer: true }),
    person('bobby1', { speaking: true, deputy: 1 }),
    person('carol-w', { muted: true }),
    person('daniel', { state: 'ringing', node: '' }),
  ];
  const conference = { id: 'c1', term: 1, mixer: 'alice1', iMix: true, others: [], people, rejoinable: false };
  pushCall({ peer: 'bobby1, carol-w', ...running(), conference });
  await stage('conference', /Conference[\s\S]*carol-w/);
});

test('settings: theme, a key of one’s own, devices; kept in the profile', async () => {
  await begin(PEOPLE);
  await screen.until(/bobby1/);
  screen.type(',');
  await stage('settings-1', /Settings/);
  screen.type('jjj\r');
  await screen.until(/Keys[\s\S]*Find/);
  screen.type('the microphone\rH');
  await stage('settings-2-keys', /yours: H/);
  screen.type('\x1b');
  await screen.until(/Keys +one is yours/);
  screen.type('jl');
  await screen.until(/Theme +terminal/);
  screen.type('jjjjjjj\r');
  await stage('settings-3-devices', /Your devices[\s\S]*server/);
  screen.type('j\r');
  await stage('settings-4-revoke', /Revoke server\?/);
  screen.type('n');
  const stored = JSON.parse(readFileSync(join(profile, 'screen.json'), 'utf8'));
  expect(stored).toEqual({ keys: { 'call.mute': 'H' }, theme: 'terminal' });
});

test('a bad setting costs a sentence; a terminal that tells a light background gets the colours for it', async () => {
  const chosen = { keys: { 'call.mute': 'c', 'list.down': 'w' }, groups: { bobby1: 'work' }, mouse: true };
  await begin(PEOPLE, {}, { chosen });
  await stage('own-settings', /call.mute keeps m/);
  screen.type('w');
  await screen.until(/▸ ◐ carol-w/);
  screen.type('\x1b[<0;6;3M');
  await screen.until(/▸ ● bobby1/);
  expect(screen.sent()).not.toMatch(/\x1b\[[\d;]*38;5/);
  screen.type('\x1b]11;rgb:ffff/ffff/eeee\x1b\\');
  await screen.until(() => /\x1b\[[\d;]*38;[25];/.test(screen.sent()));
  expect(screen.text()).not.toContain('rgb:');
  screen.type('q');
  expect(await screen.ended).toBe(0);
  await screen.settled();
  expect(screen.sent()).toMatch(/\x1b\[\?1000h[\s\S]*\x1b\[\?1000l/);
});

test('commands and keys: the palette finds by letters, the help names what works', async () => {
  await begin(PEOPLE);
  await screen.until(/bobby1/);
  screen.type(':wri');
  await stage('commands-1-palette', /Do wri/);
  screen.type('\x1b?');
  await stage('commands-2-help', /Keys[\s\S]*Answer the call/);
});

test('resize in a call: small, wide, and back', async () => {
  await begin(PEOPLE);
  await screen.until(/bobby1/);
  pushCall({ ...running() });
  await stage('resize-1-as-it-was', /sounds good/);
  screen.resize(40, 12);
  await stage('resize-2-small', /^ bobby1 · sounds good/);
  screen.resize(170, 45);
  await stage('resize-3-wide', /╮╭[\s\S]{120}/);
  screen.resize(100, 30);
  await stage('resize-1-as-it-was', /sounds good/);
});

test('in a call: handed to another device; quit, asked, and the call goes on', async () => {
  const { devices, ...rest } = PEOPLE;
  const list = devices?.list.map((one) => ({ ...one, online: true })) ?? [];
  const there = { ...rest, ...(devices ? { devices: { ...devices, list } } : {}) };
  await begin(there, { 'call.transfer': () => Promise.reject(refuse('device-busy', 'server')) });
  await screen.until(/bobby1/);
  pushCall({ ...running() });
  await screen.until(/sounds good/);
  screen.type('T');
  await stage('transfer-1-devices', /goes on at[\s\S]*server/);
  screen.type('\r');
  await stage('transfer-2-busy', /stays here/);
  screen.type('q');
  await stage('quit-in-a-call', /quit and keep the call/);
  screen.type('k');
  expect(await screen.ended).toBe(0);
  expect(agent.asked.some(({ type }) => type === 'call.hang-up')).toBe(false);
});
