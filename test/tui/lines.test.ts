/** Line mode as people run it: on pipes, and on a pseudo-terminal in the words of a screen reader, whose whole story is a golden file. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { newCall } from '../../src/store/new-call.ts';
import { DEFAULT_SCREEN_SETTINGS } from '../../src/store/screen-settings.ts';
import { DEFAULT_SETTINGS } from '../../src/store/settings-file.ts';
import { readSetting, settingReport, settingReports } from '../../src/store/settings-table.ts';
import { type Call, INITIAL_STATE } from '../../src/store/state.ts';
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
import { hasTerminals, openTerminal, type TestTerminal } from '../support/terminal.ts';
import { type BuiltWren, buildWren } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent | undefined;
let terminal: TestTerminal | undefined;

beforeAll(() => {
  wren = buildWren();
  wren.buildBeside('lines');
});
afterEach(async () => {
  terminal?.kill();
  terminal = undefined;
  await agent?.close();
  agent = undefined;
});
afterAll(() => wren.remove());

if (!hasTerminals()) console.log('SKIPPED line mode on a terminal: this system gives no pseudo-terminal');
const withTerminal = test.skipIf(!hasTerminals());

const PEOPLE = { ...SIGNED_IN, buddies: [buddy('bobby1'), buddy('carol1', { presence: 'away', unread: 2 })] };
const NOW_MS = Date.UTC(2026, 10, 25, 20, 50);

const call = (change: Partial<Call>): Call => ({ ...newCall(CALL_ID, 'bobby1', 'out', NOW_MS), ...change });

async function piped(lines: string, script: Script = {}, state = PEOPLE, args = ['--plain']) {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, script, state);
  return wren.run([...args, '--profile', profile], { stdin: lines, env: { TZ: 'UTC' } });
}

const CALLING: Script = {
  'call.place': ({ to }, scripted) => {
    scripted.push({ type: 'call.changed', call: call({ peer: to }) });
    scripted.push({ type: 'call.changed', call: call({ phase: 'ringing' }) });
    scripted.push({ type: 'call.changed', call: call({ phase: 'running', answeredAtMs: NOW_MS, path: 'direct' }) });
    return { call: CALL_ID };
  },
  'call.mute': (_command, scripted) =>
    scripted.push({
      type: 'call.changed',
      call: call({ phase: 'running', answeredAtMs: NOW_MS, path: 'direct', muted: true }),
    }),
  'call.hang-up': (_command, scripted) =>
    scripted.push({ type: 'call.changed', call: call({ phase: 'ended', reason: 'hangup' }) }),
};

test('a piped script does the whole main job line by line, without one control code, and ends with the pipe', async () => {
  const search = { hits: [{ name: 'dave01', displayName: 'Dave' }], complete: true, more: false, incomplete: false };
  const { code, stdout, stderr } = await piped(
    'status\nbuddies\nsearch dav*\nadd dave01 hello\nchat bobby1 lunch at one?\ncall bobby1\nmute\nmute\nhangup\nmissed\nhelp hangup\n',
    {
      ...CALLING,
      search: () => ({ ...search, tookMs: 3 }),
      'chat.send': ({ to, text }) => chatLine(text, { with: to, direction: 'out' }),
    },
  );
  expect(stderr).toBe('');
  expect(stdout).toMatchSnapshot();
  expect(stdout).not.toMatch(/[^\n -~]/);
  expect(code).toBe(0);
  const asked = agent?.asked.map(({ type }) => type).filter((type) => type !== 'chat.history');
  expect(asked).toEqual(['subscribe', 'search', 'buddy.add', 'chat.send', 'call.place', 'call.mute', 'call.hang-up']);
});

test('what cannot be understood is told in one sentence each, the rest of the script goes on, and the exit code says so', async () => {
  const { code, stdout } = await piped(
    'frobnicate\ncal bobby1\nanswer\ncall nobody-here!\nchat\nsettings talk loud\nbuddies',
    {
      'settings.set': () => {
        throw refuse('usage', 'talk takes open or push');
      },
    },
  );
  expect(stdout.split('\n').slice(3)).toEqual([
    '"frobnicate" is no command here. Type help for all of them.',
    '"cal" is no command here. Did you mean "call"? Type help for all of them.',
    'Nobody is calling.',
    'A name has 6 to 32 characters: a letter first, then letters, digits, dot, underscore or hyphen.',
    'Write it as: chat NAME [TEXT]',
    'talk takes open or push.',
    'Buddies:',
    '  bobby1, online',
    '  carol1, away, 2 unread',
    '',
  ]);
  expect(code).toBe(3);
});

test('a call that runs when the script ends goes on, and that is said; what the agent refuses gives its exit code', async () => {
  const { code, stdout } = await piped('chat bobby1\ntwo\\\nlines\n/close\ncall bobby1\n', {
    ...CALLING,
    'chat.send': () => {
      throw refuse('outbox-full');
    },
  });
  expect(agent?.asked.find(({ type }) => type === 'chat.send')).toMatchObject({ text: 'two\nlines' });
  expect(stdout).toContain('Not sent. Too many messages wait');
  expect(stdout.trimEnd()).toMatch(/The call with bobby1 goes on; "wren hangup" ends it\.$/);
  expect(code).toBe(2);
  expect(agent?.asked.some(({ type }) => type === 'call.hang-up')).toBe(false);
});

test('a command ends what was begun with a backslash and is no part of it; what is begun at the end is sent', async () => {
  const { stdout } = await piped('chat bobby1\nnever mind\\\n/close\nbuddies\nchat bobby1\nlast words\\\n');
  expect(stdout).toContain('What you had begun to write was not sent.');
  expect(stdout).toContain('Buddies:');
  const sent = agent?.asked.filter(({ type }) => type === 'chat.send');
  expect(sent).toMatchObject([{ to: 'bobby1', text: 'last words' }]);
});

test('a pipe and a dumb terminal choose lines by themselves', async () => {
  const { code, stdout } = await piped('quit\n', {}, PEOPLE, []);
  expect([code, stdout.split('\n')[0]]).toEqual([0, 'You are alice1, online, supernode 12 ms away.']);
});

withTerminal('on a dumb terminal an incoming line leaves the half-typed one whole, and keys edit it', async () => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, {}, PEOPLE);
  terminal = openTerminal(process.execPath, [join(wren.folder, 'wren.cjs'), '--profile', profile], {
    env: { TERM: 'dumb' },
  });
  await terminal.until(/wren>$/m);
  terminal.type('chat bobby1 hal');
  await terminal.until(/wren> chat bobby1 hal$/m);
  agent.push({ type: 'chat.message', line: chatLine('are you there?') });
  expect(await terminal.until(/are you there/)).toMatch(/^20:50 bobby1: are you there\?\nwren> chat bobby1 hal$/m);
  terminal.type('lo\x1b[D\x1b[D\x1b[Dlo\x7f\x7fL');
  await terminal.until(/wren> chat bobby1 haLllo$/m);
  terminal.type('\x05\x15he\t');
  await terminal.until(/wren> help$/m);
  expect(terminal.sent().replaceAll('\r\n', '\n')).not.toMatch(/[^\n\r\b\u0007 -~]/);
  terminal.type('\x03');
  terminal.type('\x04');
  expect(await terminal.ended).toBe(0);
});

/** A first run to its end: everything that the agent does for it. */
function story(): Script {
  let settings = DEFAULT_SETTINGS;
  return {
    'network.join': (_command, scripted) => {
      scripted.push({ type: 'network.joined', network: 'testnet' });
      return { network: 'testnet' };
    },
    'account.sign-up': ({ name }, scripted) => {
      if (name === 'taken01') throw refuse('name-taken');
      const { account, supernode } = SIGNED_IN;
      scripted.push({ type: 'link.changed', connection: 'online', supernode, trouble: null });
      scripted.push({ type: 'account.signed-in', account: { ...account, name } as NonNullable<typeof account> });
      return { name };
    },
    'buddy.add': ({ name }, scripted) =>
      scripted.push({ type: 'buddy.changed', buddy: buddy(name, { relation: 'outgoing', presence: 'offline' }) }),
    'chat.history': () => [],
    'chat.send': ({ to, text }) => chatLine(text, { with: to, direction: 'out', storedAtMs: Date.now() }),
    ...CALLING,
    'call.answer': ({ call: id }, scripted) =>
      scripted.push({
        type: 'call.changed',
        call: call({
          call: id,
          direction: 'in',
          phase: 'running',
          answeredAtMs: NOW_MS,
          path: 'relay',
          via: 'udp:192.0.2.9:4000',
        }),
      }),
    'settings.get': () => settingReports(settings),
    'settings.set': ({ key, value }) => {
      const read = readSetting(key, value);
      if (read.ok) settings = { ...settings, ...read.change };
      return settingReport(settings, key);
    },
  };
}

withTerminal(
  'the whole story in the words of a screen reader: only ever new lines, each saying what it is',
  async () => {
    const profile = wren.profile();
    const state = { ...INITIAL_STATE, version: '0.1.0', settings: DEFAULT_SCREEN_SETTINGS };
    agent = await scriptedAgent(profile, story(), state);
    const [program, args] = [
      process.execPath,
      [join(wren.folder, 'wren.cjs'), '--screen-reader', '--profile', profile],
    ];
    const tty = openTerminal(program, args, { columns: 100, rows: 24 });
    terminal = tty;
    /** Types a line once its prompt is there, and waits for what it says. */
    const type = async (prompt: string, line: string, says: RegExp) => {
      const from = tty.sent().length;
      await tty.until((shown) => shown.split('\n').at(-1) === prompt.trimEnd());
      tty.type(`${line}\r`);
      await tty.until(() => says.test(tty.sent().slice(from)));
    };
    await type('Invite:', 'wren:some-invite', /You have joined the network testnet/);
    await type('1 or 2:', '1', /Edit field: Name/);
    await type('Name:', 'taken01', /Edit field: Display name/);
    await type('Display name:', '', /Edit field: Password/);
    await type('Password:', 'correct horse', /Edit field: Password again/);
    await type('Password again:', 'correct horse', /That name belongs to somebody already/);
    await type('Name:', 'alice1', /Edit field: Display name/);
    await type('Display name:', 'Alice', /Edit field: Password/);
    await type('Password:', 'correct horse', /again/);
    await type('Password again:', 'correct horse', /You are alice1, online/);
    await type('wren>', 'add bobby1 it is me', /bobby1 was asked/);
    agent.push({ type: 'buddy.changed', buddy: buddy('bobby1') });
    await tty.until(/bobby1 is your buddy now/);
    agent.push({
      type: 'buddy.changed',
      buddy: buddy('carol1', { relation: 'incoming', presence: 'offline', message: 'Hi!' }),
    });
    await tty.until(/carol1 wants to be your buddy/);
    await type('wren>', 'buddies', /2 of 2/);
    await type('wren>', 'chat bobby1', /Conversation with bobby1/);
    await type('bobby1>', 'lunch at one?', /Sent to bobby1/);
    agent.push({ type: 'chat.message', line: chatLine('yes!') });
    await tty.until(/Message from bobby1, 20:50: yes!/);
    await type('bobby1>', '/call bobby1', /The way is direct/);
    await type('bobby1>', '/mute', /Microphone off/);
    await type('bobby1>', '/hangup', /The call with bobby1 ended/);
    await type('bobby1>', '/close', /closed/);
    tty.type('status of th');
    await tty.until(/wren> status of th$/m);
    const ringing = call({ call: 'ee'.repeat(16), direction: 'in', phase: 'ringing' });
    agent.push({ type: 'call.changed', call: ringing });
    await tty.until(/Buttons: answer, decline\.\nwren> status of th$/m);
    tty.type('\x15answer\r');
    await tty.until(/You talk with bobby1 now/);
    await type('wren>', 'settings alert-bell off', /alert-bell is off now/);
    await type('wren>', 'settings alert-bell', /Settings, list, 1 item/);
    await type('wren>', 'quit', /Dialog: A call is running/);
    await type('hangup, keep or stay:', 'maybe', /Answer hangup, keep or stay/);
    await type('hangup, keep or stay:', 'keep', /\n/);
    expect(await tty.ended).toBe(0);
    const transcript = tty.sent().replaceAll('\r\n', '\n');
    // What was typed wrong and taken back is the terminal's own matter: Backspaces, nothing else.
    expect(transcript).not.toMatch(/[^\n\b\u0007 -~]/);
    expect(transcript).not.toMatch(/correct horse/);
    await expect(transcript.replaceAll('\u0007', '<bell>').replaceAll('\b', '<')).toMatchFileSnapshot(
      '__snapshots__/screen-reader-story.txt',
    );
  },
);
