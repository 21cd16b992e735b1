/** Line mode without a terminal: what is typed, what it does, and how a half-typed line is shown with Backspaces alone. */
import xterm from '@xterm/headless';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { screenKind } from '../../bin/commands/screen-kind.ts';
import type { AppState } from '../../src/store/state.ts';
import { allBindings } from '../../src/tui/key-bindings.ts';
import { actLine } from '../../src/tui/linear/act.ts';
import { LineEditor } from '../../src/tui/linear/line-editor.ts';
import { completion, LINE_WORDS, readLine } from '../../src/tui/linear/line-table.ts';
import { tell } from '../../src/tui/linear/tell.ts';
import { PLAIN_VOICE, READER_VOICE } from '../../src/tui/linear/voice.ts';
import { INITIAL_UI } from '../../src/tui/ui-state.ts';
import { update } from '../../src/tui/update/update.ts';
import type { Message, World } from '../../src/tui/update/world.ts';
import { call, GOOD, NOW_MS } from '../support/screen-scenes.ts';
import { buddy, SIGNED_IN } from '../support/scripted-agent.ts';

const world = (app: Partial<AppState> = {}): World => ({
  app: { ...SIGNED_IN, buddies: [buddy('bobby1'), buddy('carol1', { relation: 'incoming' })], ...app },
  ui: { ...INITIAL_UI, link: { type: 'up' } },
  nowMs: NOW_MS,
});
const asked = (line: string, app: Partial<AppState> = {}) =>
  actLine(world(app), line, PLAIN_VOICE).asks.map(({ effect }) =>
    effect.type === 'request' ? effect.command : effect,
  );
const said = (line: string, app: Partial<AppState> = {}) => actLine(world(app), line, PLAIN_VOICE).lines;

test('every word is there once, says what it does, and none of its letters clash with another', () => {
  const words = LINE_WORDS.flatMap((one) => one.words);
  expect(new Set(words).size).toBe(words.length);
  for (const { words: names, about } of LINE_WORDS) expect(`${names[0]}: ${about}`).toMatch(/: \S.{6,}/);
});

test.each([
  ['call bobby1', [{ type: 'call.place', to: 'bobby1' }]],
  ['/CALL BOBBY1', [{ type: 'call.place', to: 'bobby1' }]],
  ['accept carol1', [{ type: 'buddy.accept', name: 'carol1' }]],
  ['decline carol1', [{ type: 'buddy.decline', name: 'carol1' }]],
  ['add dave01  hello  there', [{ type: 'buddy.add', name: 'dave01', message: 'hello  there' }]],
  ['chat bobby1 a  b', [{ type: 'chat.send', to: 'bobby1', text: 'a  b' }]],
  ['search dav*', [{ type: 'search', pattern: 'dav*', limit: 50 }]],
  ['presence do not disturb', [{ type: 'presence.set', presence: 'do-not-disturb' }]],
  ['history bobby1 lunch', [{ type: 'chat.history', with: 'bobby1', limit: 50, search: 'lunch' }]],
  ['settings talk push', [{ type: 'settings.set', key: 'talk', value: 'push' }]],
  ['wait 2.5', [{ type: 'wait', forMs: 2500 }]],
  ['verify bobby1', [{ type: 'safety.words', name: 'bobby1' }]],
  ['transfer old desk', []],
  ['group lunch bobby1, carol1', [{ type: 'group.new', title: 'lunch', members: ['bobby1', 'carol1'] }]],
  ['group #lunch bobby1', [{ type: 'group.add', group: '#lunch', members: ['bobby1'] }]],
  ['group lunch', []],
  ['calls', [{ type: 'history.calls', limit: 20 }]],
  ['sound', [{ type: 'sound.devices' }]],
  ['level', [{ type: 'sound.listen' }]],
  ['unread', []],
  ['expel bobby1', []],
  ['older bobby1', []],
  ['block bobby1', []],
  ['quit', [{ type: 'quit', hangUp: false }]],
])('"%s" asks for just that', (line, commands) => {
  expect(asked(line)).toEqual(commands);
});

test('during a call words say what is wanted: what is so already is not done again', () => {
  const running = { calls: [call({ phase: 'running', muted: true })] };
  expect(asked('transfer old desk', running)).toEqual([{ type: 'call.transfer', device: 'old desk' }]);
  expect(asked('unmute', running)).toMatchObject([{ type: 'call.unmute' }]);
  expect(asked('mute', running)).toEqual([]);
  expect(said('mute', running)).toEqual(['The microphone is off already.']);
  expect(asked('hangup', running)).toMatchObject([{ type: 'call.hang-up' }]);
  const ringing = { calls: [call({ phase: 'ringing', direction: 'in' })] };
  expect(asked('answer', ringing)).toMatchObject([{ type: 'call.answer' }]);
  expect(asked('decline', ringing)).toMatchObject([{ type: 'call.decline' }]);
  expect(asked('hangup', ringing)).toMatchObject([{ type: 'call.decline' }]);
  expect(
    said('call', { calls: [call({ phase: 'running', path: 'direct', quality: GOOD, answeredAtMs: NOW_MS - 72_000 })] }),
  ).toEqual(['Call: bobby1, talking, 1:12, direct, sounds good, 23 ms there and back, loss 0 percent in, 0 out']);
});

const DESK = { id: 'b1'.repeat(16), label: 'old desk', addedAtMs: NOW_MS, thisOne: false, online: true };
const DEVICES = {
  ...{ version: 1, accountKey: '', revoked: [{ id: 'cc'.repeat(16), atMs: 1 }] },
  list: [{ ...DESK, id: 'a1'.repeat(16), label: 'laptop', thisOne: true }, DESK],
};
const GROUP = { label: '#lunch', id: 'f1', title: 'lunch', members: ['alice1', 'bobby1'], left: false, unread: 2 };

test('own devices are listed, and one is revoked after a question; groups say who is in them', () => {
  const app = { devices: DEVICES, groups: [GROUP, { ...GROUP, label: '#old', left: true, unread: 0 }] };
  expect(said('devices', app)).toEqual([
    'Devices:',
    expect.stringMatching(/^ {2}laptop, this one, since 2026-11-25 \d\d:\d\d, id a1a1a1a1$/),
    expect.stringMatching(/^ {2}old desk, online, /),
    '1 revoked before.',
  ]);
  expect(said('revoke laptop', app)[0]).toContain('That is this device');
  expect(said('revoke desk', app)[0]).toContain('no such device');
  for (const named of ['OLD DESK', 'b1b1']) {
    const asks = { ...world(app), ui: actLine(world(app), `revoke ${named}`, PLAIN_VOICE).ui };
    const yes = actLine(asks, 'yes', PLAIN_VOICE).asks.map(({ effect }) => effect);
    expect(yes).toMatchObject([{ command: { type: 'device.revoke', device: DESK.id } }]);
  }
  expect(said('groups', app)).toEqual([
    'Groups:',
    '  #lunch, 2 people, 2 unread: alice1, bobby1',
    '  #old, you left it: alice1, bobby1',
  ]);
  const forget = { ...world(app), ui: actLine(world(app), 'leave #old', PLAIN_VOICE).ui };
  expect(actLine(forget, 'yes', PLAIN_VOICE).asks).toMatchObject([{ effect: { command: { type: 'group.forget' } } }]);
});

test('what is unread is shown and read, one conversation after the other; a buddy is put under a title', () => {
  const app = { buddies: [buddy('bobby1', { unread: 3 }), buddy('carol1')], groups: [GROUP] };
  expect(asked('unread', app)).toEqual([
    { type: 'chat.history', with: 'bobby1', limit: 3 },
    { type: 'chat.mark-read', with: 'bobby1' },
  ]);
  expect(said('unread', app)).toEqual(['Unread of bobby1, 3:', 'Then unread shows: #lunch.']);
  // What does not fit is not read.
  const many = { buddies: [buddy('bobby1', { unread: 80 })] };
  expect(asked('unread', many)).toEqual([{ type: 'chat.history', with: 'bobby1', limit: 50 }]);
  expect(said('unread', many)[0]).toContain('the newest 50 of 80');
  const put = actLine(world(app), 'put bobby1  the  family ', PLAIN_VOICE);
  expect(put.asks).toMatchObject([{ effect: { type: 'save', change: { groups: { bobby1: 'the family' } } } }]);
  expect(actLine({ ...world(app), ui: put.ui }, 'buddies bob', PLAIN_VOICE).lines).toEqual([
    'Buddies:',
    // He is in it.
    '  #lunch, 2 people, 2 unread',
    '  bobby1, online, in the family, 3 unread',
  ]);
  expect(said('buddies zzz', app)).toEqual(['Nobody on your list has "zzz" in the name.']);
  const shown = update(world(app), {
    ...{ type: 'reply', tag: { for: 'history', with: 'bobby1' } },
    result: [{ id: 'a', with: 'bobby1', direction: 'in', text: 'x', sentAtMs: 7, storedAtMs: 7, mark: 'delivered' }],
  } as Message);
  const older = actLine({ ...world(app), ui: shown.ui }, 'older bobby1', PLAIN_VOICE).asks;
  expect(older).toMatchObject([{ effect: { command: { with: 'bobby1', beforeMs: 7 } }, shows: 'older' }]);
});

test('the figures of a call are a list; the microphone says what it hears whenever that is something else', () => {
  const running = call({ phase: 'running', path: 'direct', quality: GOOD, answeredAtMs: NOW_MS, inputDb: -31.4 });
  const figures = said('figures', { calls: [running] });
  expect(figures).toContain('  round trip 23 ms');
  expect(figures.at(-1)).toBe('  microphone -31 dB, heard -96 dB');
  expect(said('figures')).toEqual(['There is no call.']);
  const hears = (meter?: { readonly inputDb: number; readonly speaking: boolean }): World =>
    world({ audio: { ...SIGNED_IN.audio, ...(meter ? { meter } : {}) } });
  const says = (before: World, after: World) => tell(before, after, { type: 'tick' }, PLAIN_VOICE);
  const [quiet, voice] = [hears({ inputDb: -58.2, speaking: false }), hears({ inputDb: -20, speaking: true })];
  expect(says(hears(), quiet)).toEqual(['Microphone: no voice, -58 dB.']);
  expect(says(quiet, hears({ inputDb: -50, speaking: false }))).toEqual([]);
  expect(says(quiet, voice)).toEqual(['Microphone: a voice, -20 dB.']);
  expect(says(voice, hears())).toEqual(['The microphone is listened to no longer.']);
});

test('every command that the screen has from its panes has a word here, or what it does is no matter of lines', () => {
  const words = new Map(LINE_WORDS.flatMap((one) => one.words.map((word) => [word, one] as const)));
  const said_: Readonly<Record<string, string>> = {
    ...{ 'call.decline': 'decline', 'call.mute': 'mute', 'call.talk': 'unmute', 'call.hold': 'hold' },
    ...{ 'call.details': 'figures', 'request.decline': 'decline', 'list.open': 'chat', 'call.place': 'call' },
    ...{ 'conference.remove': 'expel', 'call.transfer': 'transfer', 'calls.open': 'calls', 'search.open': 'search' },
    ...{ 'add.open': 'add', 'people-group.open': 'group', 'filter.open': 'buddies', 'find.open': 'history' },
    ...{ 'group.open': 'put', 'presence.open': 'presence', 'unread.next': 'unread', 'buddy.block': 'block' },
    ...{ 'help.open': 'help', 'sound.open': 'sound', 'settings.open': 'settings', 'chat.send': 'chat' },
    ...{ 'chat.leave': 'close', 'chat.page-up': 'older', 'palette.open': 'help' },
  };
  // Moving in what is drawn, what the line editor and the terminal do by themselves, and copying, which text in a scrollback needs not.
  const drawn =
    /^(?:list\.(?!open)|pane\.|cancel|repaint|suspend|chat\.(?:line-break|page-down|history-)|copy\.open|edit\.)/;
  const places = ['browsing', 'everywhere', 'writing'];
  for (const { command, context } of allBindings()) {
    if (!places.includes(context) || drawn.test(command)) continue;
    const byKey = LINE_WORDS.some(({ does }) => 'key' in does && does.key === command);
    expect([command, byKey || words.has(said_[command] ?? '')]).toEqual([command, true]);
  }
});

test('a question waits for yes or no, takes commands meanwhile, and is not answered by a message meant for somebody', () => {
  const before = world();
  const opened = { ...before, ui: actLine(before, 'remove bobby1', PLAIN_VOICE).ui };
  expect(tell(before, opened, { type: 'tick' }, READER_VOICE)).toEqual([
    'Dialog: Please confirm.',
    'Remove bobby1 from your buddies? Messages stay on this machine.',
    'Buttons: yes, no.',
  ]);
  expect(actLine(opened, 'hello you', PLAIN_VOICE)).toMatchObject({ isBad: true, asks: [] });
  const yes = actLine(opened, 'yes', PLAIN_VOICE);
  expect(yes.asks.map(({ effect }) => effect)).toMatchObject([{ command: { type: 'buddy.remove', name: 'bobby1' } }]);
  expect(actLine(opened, 'n', PLAIN_VOICE)).toMatchObject({ asks: [], ui: { dialog: null } });
});

test('in a conversation every line is a message, but those that begin with one slash', () => {
  const before = world();
  const open = { ...before, ui: actLine(before, 'chat bobby1', PLAIN_VOICE).ui };
  const sent = (line: string) =>
    actLine(open, line, PLAIN_VOICE).asks.map(({ effect }) => (effect.type === 'request' ? effect.command : effect));
  expect(sent('quit')).toEqual([{ type: 'chat.send', to: 'bobby1', text: 'quit' }]);
  expect(sent('//call me')).toEqual([{ type: 'chat.send', to: 'bobby1', text: '/call me' }]);
  expect(sent('/quit')).toEqual([{ type: 'quit', hangUp: false }]);
  expect(actLine(open, '/close', PLAIN_VOICE).ui.focus).toBe('list');
});

test.each([
  ['hlep', /Did you mean "help"\?/],
  ['anwser', /Did you mean "answer"\?/],
  ['xyzzy', /^"xyzzy" is no command here\. Type help/],
  ['quit now', /^Write it as: quit$/],
  ['call', null],
  ['remove', /^Write it as: remove NAME$/],
])('"%s" is read, or refused in one sentence', (line, sentence) => {
  const read = readLine(line);
  if (sentence === null) expect(read.type).toBe('word');
  else expect(read.type === 'unknown' && read.sentence).toMatch(sentence);
});

test('Tab offers words, then people', () => {
  expect(completion('han', [])).toEqual({ add: 'gup ', offers: [] });
  expect(completion('/ca', [])).toEqual({ add: 'll', offers: [] });
  expect(completion('call', [])).toEqual({ add: '', offers: ['call', 'calls'] });
  expect(completion('group #lunch b', ['bobby1'])).toEqual({ add: 'obby1 ', offers: [] });
  expect(completion('call b', ['bobby1', 'carol1'])).toEqual({ add: 'obby1 ', offers: [] });
  expect(completion('call b', ['bobby1', 'bobby2'])).toEqual({ add: 'obby', offers: [] });
  expect(completion('call bobby', ['bobby1', 'bobby2'])).toEqual({ add: '', offers: ['bobby1', 'bobby2'] });
  expect(completion('status b', ['bobby1'])).toEqual({ add: '', offers: [] });
});

test('no line whatever, in any state, throws or asks two things for one word', () => {
  const states = fc.constantFrom(
    world(),
    world({ account: null, network: null }),
    world({ account: null }),
    world({ calls: [call({ phase: 'ringing', direction: 'in' })] }),
    { ...world(), ui: { ...world().ui, dialog: { type: 'quit' } as const } },
  );
  const lines = fc.oneof(
    fc.string(),
    fc.tuple(fc.constantFrom(...LINE_WORDS.flatMap(({ words }) => words)), fc.string()).map((parts) => parts.join(' ')),
  );
  fc.assert(
    fc.property(states, lines, fc.constantFrom(PLAIN_VOICE, READER_VOICE), (state, line, voice) => {
      const step = actLine(state, line, voice);
      expect(step.asks.length).toBeLessThan(2);
      for (const told of step.lines) expect(told).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
    }),
  );
});

test('what peers send is told without the controls in it, and on one line where one is meant', () => {
  const before = world({ buddies: [] });
  const evil = buddy('mallory', { relation: 'incoming', message: 'hi\x1b]0;owned\x07\nthere\x1b[2J' });
  const message: Message = { type: 'event', event: { type: 'buddy.changed', buddy: evil } };
  const { app, ui } = update(before, message);
  expect(tell(before, { ...before, app, ui }, message, PLAIN_VOICE)).toEqual([
    'mallory wants to be your buddy. They say: hi there. Type accept mallory or decline mallory.',
  ]);
});

test('a lost connection, a call and its trouble are told once each', () => {
  const events: Message[] = [
    { type: 'event', event: { type: 'link.changed', connection: 'connecting', supernode: null, trouble: null } },
    { type: 'event', event: { type: 'link.changed', connection: 'offline', supernode: null, trouble: null } },
    { type: 'event', event: { type: 'link.changed', connection: 'online', supernode: null, trouble: null } },
    {
      type: 'event',
      event: { type: 'call.changed', call: call({ phase: 'running', answeredAtMs: NOW_MS, quality: GOOD }) },
    },
    {
      type: 'event',
      event: {
        type: 'call.changed',
        call: call({
          ...{ phase: 'running', answeredAtMs: NOW_MS, heldBy: 'them', recordedBy: 'them', reconnecting: true },
          quality: { ...GOOD, verdict: 'they hear gaps', trouble: 'they hear gaps: your uplink loses 6 %' },
        }),
      },
    },
    { type: 'event', event: { type: 'call.level', call: call().call, inputDb: -20, outputDb: -30 } },
  ];
  let now = world();
  const lines = events.flatMap((message) => {
    const { app, ui } = update(now, message);
    const after = { ...now, app, ui };
    const told = tell(now, after, message, PLAIN_VOICE);
    now = after;
    return told;
  });
  expect(lines).toEqual([
    'The connection is lost; wren goes on trying.',
    'Connected.',
    'You are in a call with bobby1.',
    'bobby1 put you on hold.',
    'bobby1 records this call.',
    'Nothing is heard; the call looks for another way.',
    'Sound: they hear gaps: your uplink loses 6 %.',
  ]);
});

test('whatever is typed, a terminal that knows Backspace only shows the line as it is, the cursor in its place', async () => {
  const key = fc.constantFrom(
    ...['left', 'right', 'home', 'end', 'backspace', 'delete', 'ctrl-w', 'ctrl-k', 'alt-b', 'up', 'down', 'enter'].map(
      (name) => ({ name, text: '' }),
    ),
    ...[...'ab 漢é'].map((text) => ({ name: text, text })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(key, { maxLength: 60 }), async (keys) => {
      const screen = new xterm.Terminal({ cols: 24, rows: 6, allowProposedApi: true, convertEol: true });
      const editor = new LineEditor(() => 24);
      editor.ask('> ', false);
      screen.write(editor.written);
      for (const one of keys) {
        const { echo, typed } = editor.press(one);
        expect(echo).not.toMatch(/[\x00-\x07\x0b-\x1f]/);
        screen.write(typed.type === 'line' ? echo + editor.written : echo);
      }
      await new Promise<void>((resolve) => screen.write('', resolve));
      const { active } = screen.buffer;
      const shown: string[] = [];
      for (let row = active.baseY + active.cursorY; row >= 0; row--) {
        const line = active.getLine(row);
        shown.unshift(line?.translateToString(true) ?? '');
        if (!line?.isWrapped) break;
      }
      expect(shown.join('').trimEnd()).toBe(editor.row.trimEnd());
      screen.dispose();
    }),
    { numRuns: 150 },
  );
});

test.each([
  [{ plain: true }, {}, 'auto', true, 'plain'],
  [{ plain: true, screenReader: true }, {}, 'auto', true, 'screen-reader'],
  [{}, { INK_SCREEN_READER: 'true' }, 'full', true, 'screen-reader'],
  [{}, { WREN_SCREEN_READER: '0' }, 'auto', true, 'full'],
  [{}, {}, 'screen-reader', false, 'screen-reader'],
  [{}, {}, 'plain', true, 'plain'],
  [{}, { TERM: 'dumb' }, 'full', true, 'plain'],
  [{}, {}, 'auto', false, 'plain'],
  [{}, { TERM: 'xterm' }, 'auto', true, 'full'],
] as const)('with %j, %j, setting %s and a terminal: %s, wren opens %s', (flags, env, setting, terminal, kind) => {
  expect(screenKind(flags, env, setting, terminal)).toBe(kind);
});
