import { expect, test } from 'vitest';
import { type AppState, ringingCall } from '../../src/store/state.ts';
import { readPreferences } from '../../src/tui/preferences.ts';
import { conversationOf, draftOf, faceOf } from '../../src/tui/ui-state.ts';
import { failureSentence } from '../../src/tui/wording.ts';
import { call, NOW_MS, Scene } from '../support/screen-scenes.ts';
import { buddy, chatLine, SIGNED_IN } from '../support/scripted-agent.ts';

const PEOPLE: AppState = {
  ...SIGNED_IN,
  buddies: [
    buddy('bobby1'),
    buddy('carol-w', { presence: 'away', unread: 2 }),
    buddy('daniel', { presence: 'offline' }),
    buddy('erika_m', { relation: 'incoming', message: 'hello' }),
  ],
};
const FRESH: AppState = { ...SIGNED_IN, network: null, account: null, connection: 'offline' };
const RINGING = call({ phase: 'ringing', direction: 'in', peer: 'carol-w' });
const RUNNING = call({ phase: 'running', answeredAtMs: NOW_MS });

/** A scene with bobby1 chosen and the line to him open. */
function writing(): Scene {
  return new Scene(PEOPLE, { selected: 'bobby1', focus: 'chat' });
}

// --- the buddy list

test('who has something unread is chosen first; arrows and letters move through sections', () => {
  const scene = new Scene(PEOPLE);
  expect(scene.ui.selected).toBe('carol-w');
  expect(scene.type('k').ui.selected).toBe('bobby1');
  expect(scene.type('\x1b[A').ui.selected).toBe('erika_m');
  expect(scene.type('G').ui.selected).toBe('daniel');
  expect(scene.type('j').ui.selected).toBe('daniel');
  expect(scene.type('g').ui.selected).toBe('erika_m');
});

test('a filter chooses among those who match, and Escape brings everybody back', () => {
  const scene = new Scene(PEOPLE).type('/dan');
  expect(scene.ui.selected).toBe('daniel');
  scene.type('\r');
  expect([scene.ui.filtering, scene.ui.filter.text]).toEqual([false, 'dan']);
  expect(scene.type('\x1b').ui.filter.text).toBe('');
});

test('when the chosen buddy goes, another is chosen', () => {
  const scene = new Scene(PEOPLE, { selected: 'daniel' });
  expect(scene.event({ type: 'buddy.removed', name: 'daniel' }).ui.selected).toBe('carol-w');
});

test('a request is answered with its own keys, and only a request', () => {
  expect(new Scene(PEOPLE, { selected: 'erika_m' }).type('y').asked()).toEqual([
    { type: 'buddy.accept', name: 'erika_m' },
  ]);
  expect(new Scene(PEOPLE, { selected: 'erika_m' }).type('x').asked()).toEqual([
    { type: 'buddy.decline', name: 'erika_m' },
  ]);
  const wrong = new Scene(PEOPLE, { selected: 'daniel' }).type('y');
  expect([wrong.asked(), wrong.ui.notice?.text]).toEqual([[], `daniel: ${failureSentence('nothing-pending')}`]);
});

test('removing and blocking ask first; unblocking does not', () => {
  const scene = new Scene(PEOPLE, { selected: 'daniel' });
  expect(scene.type('r').asked()).toEqual([]);
  expect(scene.type('n').ui.dialog).toBeNull();
  expect(scene.type('ry').asked()).toEqual([{ type: 'buddy.remove', name: 'daniel' }]);
  const blocked = { ...PEOPLE, buddies: [buddy('mallory', { relation: 'blocked' })] };
  expect(new Scene(blocked).type('b').asked()).toEqual([{ type: 'buddy.unblock', name: 'mallory' }]);
});

test('presence is chosen from a menu', () => {
  expect(new Scene(PEOPLE).type('pjj\r').asked()).toEqual([{ type: 'presence.set', presence: 'do-not-disturb' }]);
});

// --- writing

test('a message is sent, remembered, and shown when the agent has stored it', () => {
  const scene = writing().type('hello\r');
  expect(scene.asked()).toEqual([{ type: 'chat.send', to: 'bobby1', text: 'hello' }]);
  expect(draftOf(scene.ui, 'bobby1').text).toBe('');
  const line = chatLine('hello', { direction: 'out', mark: 'waiting' });
  scene.reply({ for: 'send', to: 'bobby1', text: 'hello' }, line).event({ type: 'chat.message', line });
  scene.event({ type: 'chat.delivered', with: 'bobby1', id: line.id });
  expect(conversationOf(scene.ui, 'bobby1').lines).toEqual([{ ...line, mark: 'delivered' }]);
  expect(draftOf(scene.type('\x1b[A').ui, 'bobby1').text).toBe('hello');
});

test('a message that was refused stands in the line again, before what was typed since', () => {
  const scene = writing().type('first\rsecond');
  scene.refuse({ for: 'send', to: 'bobby1', text: 'first' }, 'disk-full');
  expect(draftOf(scene.ui, 'bobby1').text).toBe('first\nsecond');
  expect(scene.ui.notice?.text).toContain(failureSentence('disk-full'));
});

test('every conversation keeps its own half-typed line', () => {
  const scene = writing().type('for bob\x1b');
  scene.type('j\rfor carol\x1b');
  expect([draftOf(scene.ui, 'bobby1').text, draftOf(scene.ui, 'carol-w').text]).toEqual(['for bob', 'for carol']);
});

test('an empty line is not sent', () => {
  expect(writing().type('  \r').asked()).toEqual([]);
});

test('messages are marked read once the conversation has the focus, and once only', () => {
  const scene = new Scene(PEOPLE, { selected: 'carol-w' });
  expect(scene.asked()).toEqual([]);
  scene.type('\rabc');
  expect(scene.asked()).toEqual([{ type: 'chat.mark-read', with: 'carol-w' }]);
  scene.event({ type: 'buddy.changed', buddy: buddy('carol-w', { unread: 0 }) });
  scene.event({ type: 'buddy.changed', buddy: buddy('carol-w', { unread: 1 }) });
  expect(scene.asked()).toHaveLength(2);
});

test('the history of a chosen buddy is asked for once, and older messages when scrolling reaches the top', () => {
  const scene = writing();
  const history = scene.effects.filter((effect) => effect.type === 'request' && effect.command.type === 'chat.history');
  expect(history).toHaveLength(1);
  const lines = Array.from({ length: 100 }, (_, index) =>
    chatLine(`line ${index}`, { id: `${index}`, storedAtMs: NOW_MS + index }),
  );
  scene.reply({ for: 'history', with: 'bobby1' }, lines);
  scene.effects.length = 0;
  scene.type('\x1b[5~'.repeat(8));
  expect(scene.effects).toEqual([
    expect.objectContaining({
      command: { type: 'chat.history', with: 'bobby1', limit: 100, beforeMs: NOW_MS, beforeId: '0' },
    }),
  ]);
});

test('a new message does not move what is being read further up', () => {
  const scene = writing();
  const lines = Array.from({ length: 60 }, (_, index) =>
    chatLine(`line ${index}`, { id: `${index}`, storedAtMs: NOW_MS + index }),
  );
  scene.reply({ for: 'history', with: 'bobby1' }, lines).type('\x1b[5~');
  const { anchor } = conversationOf(scene.ui, 'bobby1');
  expect(anchor).not.toBeNull();
  scene.event({ type: 'chat.message', line: chatLine('new', { id: 'new', storedAtMs: NOW_MS + 99 }) });
  expect(conversationOf(scene.ui, 'bobby1').anchor).toEqual(anchor);
  expect(conversationOf(scene.type('\x1b[6~\x1b[6~').ui, 'bobby1').anchor).toBeNull();
});

test('text from the agent is harmless before anything else sees it', () => {
  const scene = writing();
  scene.reply({ for: 'history', with: 'bobby1' }, [chatLine('\x1b]52;c;ZXZpbA==\x07hi', { id: '1' })]);
  scene.event({ type: 'buddy.changed', buddy: buddy('bobby1', { displayName: 'Bob\x1b[2J' }) });
  expect(conversationOf(scene.ui, 'bobby1').lines[0]?.text).toBe('hi');
  expect(scene.world.app.buddies[0]?.displayName).toBe('Bob');
});

// --- calls

test('a call that rings while something is typed takes no letter of it; Alt-a answers and the text stays', () => {
  const scene = writing().type('meet at ');
  scene.event({ type: 'call.changed', call: RINGING });
  expect(ringingCall(scene.world.app)).toEqual(RINGING);
  scene.type('a dozen d');
  expect(scene.asked()).toEqual([]);
  expect(draftOf(scene.ui, 'bobby1').text).toBe('meet at a dozen d');
  scene.type('\x1ba');
  expect(scene.asked()).toEqual([{ type: 'call.answer', call: RINGING.call }]);
  expect(draftOf(scene.ui, 'bobby1').text).toBe('meet at a dozen d');
});

test('where nothing is typed plain letters answer and decline, and Enter does neither', () => {
  const ringing = () => new Scene(PEOPLE, { selected: 'bobby1' }).event({ type: 'call.changed', call: RINGING });
  expect(ringing().type('a').asked()).toEqual([{ type: 'call.answer', call: RINGING.call }]);
  expect(ringing().type('d').asked()).toEqual([{ type: 'call.decline', call: RINGING.call }]);
  expect(ringing().type('\r').asked()).toEqual([]);
  expect(ringing().type('e').asked()).toEqual([]);
});

test('calls go to buddies, one at a time, with the sound that the screen was started with', () => {
  const scene = new Scene(PEOPLE, { selected: 'bobby1' });
  scene.world = { ...scene.world, audio: 'none' };
  expect(scene.type('c').asked()).toEqual([{ type: 'call.place', to: 'bobby1', audio: 'none' }]);
  scene.event({ type: 'call.changed', call: RUNNING }).type('c');
  expect(scene.ui.notice?.text).toBe(failureSentence('already-in-call'));
  expect(new Scene(PEOPLE, { selected: 'erika_m' }).type('c').asked()).toEqual([]);
});

test('others are called into the running call, removed from the conference, and a conference that was left is one key away', () => {
  const scene = new Scene(PEOPLE, { selected: 'bobby1' });
  scene.event({ type: 'call.changed', call: { ...RUNNING, peer: 'carol1' } });
  expect(scene.type('c').asked()).toEqual([{ type: 'conference.add', names: ['bobby1'] }]);
  expect(scene.type('X').asked()).toHaveLength(1);
  const view = { id: 'c', term: 1, mixer: '', iMix: false, others: [], people: [], rejoinable: true };
  scene.event({ type: 'call.changed', call: { ...RUNNING, peer: 'carol1', conference: view } });
  expect(scene.type('X').asked().at(-1)).toEqual({ type: 'conference.remove', name: 'bobby1' });
  scene.event({ type: 'call.changed', call: { ...RUNNING, phase: 'ended', reason: 'hangup', conference: view } });
  expect(scene.type('J').asked().at(-1)).toEqual({ type: 'conference.rejoin' });
});

test('one key mutes and unmutes, one holds and resumes', () => {
  const asked = (state: Parameters<typeof call>[0], key: string) =>
    new Scene(PEOPLE)
      .event({ type: 'call.changed', call: { ...RUNNING, ...state } })
      .type(key)
      .asked()[0];
  expect(asked({}, 'm')).toMatchObject({ type: 'call.mute' });
  expect(asked({ muted: true }, 'm')).toMatchObject({ type: 'call.unmute' });
  expect(asked({}, 'o')).toMatchObject({ type: 'call.hold' });
  expect(asked({ phase: 'held', heldBy: 'both' }, 'o')).toMatchObject({ type: 'call.resume' });
});

test('the end of a call is told once', () => {
  const scene = new Scene(PEOPLE).event({ type: 'call.changed', call: RUNNING });
  scene.event({ type: 'call.changed', call: { ...RUNNING, phase: 'ended', reason: 'hangup' } });
  expect(scene.ui.notice?.text).toMatch(/^The call with bobby1 ended after/);
});

// --- leaving

test('without a call q quits at once', () => {
  expect(new Scene(PEOPLE).type('q').effects.at(-1)).toEqual({ type: 'quit', hangUp: false });
});

test('during a call quitting asks: hang up, keep the call, or stay', () => {
  const inCall = () => new Scene(PEOPLE).event({ type: 'call.changed', call: RUNNING }).type('q');
  expect(inCall().effects.filter(({ type }) => type === 'quit')).toEqual([]);
  expect(inCall().type('h').effects.at(-1)).toEqual({ type: 'quit', hangUp: true });
  expect(inCall().type('k').effects.at(-1)).toEqual({ type: 'quit', hangUp: false });
  const stayed = inCall().type('\x1b');
  expect([stayed.ui.dialog, stayed.effects.filter(({ type }) => type === 'quit')]).toEqual([null, []]);
});

test('Ctrl-C twice in a row quits, also while typing; with another key between it does not', () => {
  expect(writing().type('text\x03\x03').effects.at(-1)).toEqual({ type: 'quit', hangUp: false });
  const calm = writing().type('\x03x\x03');
  expect(calm.effects.filter(({ type }) => type === 'quit')).toEqual([]);
  expect(draftOf(calm.ui, 'bobby1').text).toBe('x');
});

// --- dialogs

test('a search finds, and Enter on somebody new leads to a request with a message', () => {
  const scene = new Scene(PEOPLE).type('sbob*\r');
  expect(scene.asked()).toEqual([{ type: 'search', pattern: 'bob*', limit: 50 }]);
  const hits = [
    { name: 'bobby1', displayName: '' },
    { name: 'bobby22', displayName: 'Bob' },
  ];
  scene.reply({ for: 'search', pattern: 'bob*' }, { hits, complete: true, more: false, incomplete: false, tookMs: 5 });
  scene.type('\x1b[B\rfrom the fair\r');
  expect(scene.asked()[1]).toEqual({ type: 'buddy.add', name: 'bobby22', message: 'from the fair' });
  expect(scene.reply({ for: 'add', name: 'bobby22' }, null).ui.dialog?.type).toBe('search');
});

test('a refused request keeps name and message', () => {
  const scene = new Scene(PEOPLE).type('nfrankie\rhello\r').refuse({ for: 'add', name: 'frankie' }, 'person-unknown');
  expect(scene.ui.dialog).toMatchObject({
    name: { text: 'frankie' },
    message: { text: 'hello' },
    error: failureSentence('person-unknown'),
  });
});

test('somebody already known is chosen instead of asked again', () => {
  const scene = new Scene(PEOPLE).type('sdaniel\r');
  scene.reply(
    { for: 'search', pattern: 'daniel' },
    { hits: [{ name: 'Daniel', displayName: '' }], complete: true, more: false, incomplete: false, tookMs: 5 },
  );
  scene.type('\r');
  expect([scene.ui.dialog, scene.ui.selected]).toEqual([null, 'daniel']);
});

// --- first run

test('the walk leads from an invite to an account, and forgets the password when it is done', () => {
  const scene = new Scene(FRESH).type('\x1b[200~wren:abc\n def\x1b[201~\r');
  expect(scene.asked()).toEqual([{ type: 'network.join', invite: 'wren:abcdef' }]);
  scene.reply({ for: 'join' }, { network: 'n' }).event({ type: 'network.joined', network: 'n' });
  scene.type('\rmaryanne\rMary\rsecret12\rsecret12\r');
  expect(scene.asked()[1]).toEqual({
    type: 'account.sign-up',
    name: 'maryanne',
    password: 'secret12',
    displayName: 'Mary',
  });
  const account = { name: 'maryanne', displayName: 'Mary', certificateExpiresAtMs: 0 };
  scene.event({ type: 'account.signed-in', account });
  expect(faceOf(scene.world.app, scene.ui)).toBe('main');
  expect(JSON.stringify(scene.ui)).not.toContain('secret12');
});

test('a refusal in the walk says why, goes to the field it speaks of, and loses nothing', () => {
  const joined = { ...FRESH, network: 'n' };
  const scene = new Scene(joined).type('\rtakenname\r\rsecret12\rsecret12\r');
  scene.refuse({ for: 'account' }, 'name-taken');
  const { walk } = scene.ui;
  expect([walk.error, walk.field, walk.password.text]).toEqual([failureSentence('name-taken'), 0, 'secret12']);
  scene.refuse({ for: 'account' }, 'too-many-tries', 30_000);
  expect(scene.ui.walk.error).toContain('30 s');
});

test('what can be checked here is not sent: names, and passwords that differ', () => {
  const scene = new Scene({ ...FRESH, network: 'n' }).type('\rbob\r');
  expect([scene.ui.walk.error, scene.ui.walk.field]).toEqual([failureSentence('name-malformed'), 0]);
  scene.type('by1\r\rsecret12\rsecret13\r');
  expect([scene.asked(), scene.ui.walk.error]).toEqual([[], expect.stringContaining('differ')]);
});

test('sign-in asks for name and password only; Escape leads back and keeps them', () => {
  const scene = new Scene({ ...FRESH, network: 'n' }).type('j\rmaryanne\rsecret12');
  scene.type('\x1b');
  expect([scene.ui.walk.mode, scene.ui.walk.name.text]).toEqual(['choice', 'maryanne']);
  scene.type('\r\r\r');
  expect(scene.asked()).toEqual([{ type: 'account.sign-in', name: 'maryanne', password: 'secret12' }]);
});

// --- the link

test('when the agent goes away it is said, drafts stay, and everything is looked up again when it is back', () => {
  const scene = writing().type('half');
  scene.receive({ type: 'link-lost', code: 'agent-unreachable' });
  expect(scene.ui.link.type).toBe('lost');
  scene.effects.length = 0;
  scene.receive({ type: 'linked', state: PEOPLE });
  expect(scene.effects).toEqual([
    expect.objectContaining({ command: { type: 'chat.history', with: 'bobby1', limit: 100 } }),
  ]);
  expect([draftOf(scene.ui, 'bobby1').text, scene.ui.notice?.text]).toEqual(['half', 'The agent is back.']);
});

test('trouble with sound is told once, without its code', () => {
  const { audio } = PEOPLE;
  const problem = 'audio-no-device: no microphone';
  const scene = new Scene(PEOPLE).event({ type: 'audio.changed', audio: { ...audio, problem } });
  expect(scene.ui.notice).toBeNull();
  scene.event({ type: 'notice', code: 'audio-no-device', detail: 'no microphone' });
  expect(scene.ui.notice?.text).toBe(failureSentence('audio-no-device', 'no microphone'));
  const late = new Scene(PEOPLE);
  late.receive({ type: 'linked', state: { ...PEOPLE, audio: { ...audio, problem } } });
  expect(late.ui.notice?.text).toContain(failureSentence('audio-no-device', 'no microphone'));
  expect(late.ui.notice?.text).not.toContain('audio-no-device');
});

test('a notice goes by itself, sooner when it is good news, and at once with Escape', () => {
  const scene = new Scene(PEOPLE).event({ type: 'notice', code: 'audio-voice-crashed', detail: '' });
  expect(scene.ui.notice?.text).toBe(failureSentence('audio-voice-crashed'));
  expect(scene.after(11_000).ui.notice).not.toBeNull();
  expect(scene.after(2_000).ui.notice).toBeNull();
  expect(scene.event({ type: 'notice', code: 'busy', detail: '' }).type('\x1b').ui.notice).toBeNull();
});

test('a hint for a newcomer stays until the first key', () => {
  const notice = {
    text: 'Press c to call echo.',
    tone: 'good',
    untilMs: Number.POSITIVE_INFINITY,
    untilKey: true,
  } as const;
  const scene = new Scene(PEOPLE, { notice });
  expect(scene.after(3_600_000).ui.notice).toEqual(notice);
  expect(scene.type('j').ui.notice).toBeNull();
});

test('trouble with sound that was told is not told again by the next screen, until it is another or sound has worked', () => {
  const { audio } = PEOPLE;
  const detail = 'no microphone';
  const told = { audio: { ...audio, problem: `audio-no-device: ${detail}` } };
  const first = new Scene(PEOPLE);
  first.receive({ type: 'linked', state: { ...PEOPLE, ...told } });
  expect(first.ui.notice?.text).toContain('sound card');
  const saved = first.effects.flatMap((effect) => (effect.type === 'save' ? [effect.change] : []));
  expect(saved).toEqual([{ toldProblem: told.audio.problem }]);
  const preferences = readPreferences(saved[0]).preferences;
  const next = new Scene(PEOPLE, { preferences });
  next.receive({ type: 'linked', state: { ...PEOPLE, ...told } });
  next.event({ type: 'notice', code: 'audio-no-device', detail });
  expect([next.ui.notice, next.effects.filter(({ type }) => type === 'save')]).toEqual([null, []]);
  // Another device is another cause.
  next.event({ type: 'notice', code: 'audio-device-absent', detail: 'Headset' });
  expect(next.ui.notice?.text).toContain('Headset');
  next.type('\x1b').event({ type: 'audio.changed', audio: { ...audio, using: { input: 'a', output: 'b' } } });
  next.event({ type: 'notice', code: 'audio-device-absent', detail: 'Headset' });
  expect(next.ui.notice?.text).toContain('Headset');
});

test('trouble with sound is told once', () => {
  const problem = 'No sound card: calls go on in silence.';
  const audio = { ...SIGNED_IN.audio, problem };
  const scene = new Scene({ ...PEOPLE, audio: SIGNED_IN.audio }).event({ type: 'audio.changed', audio });
  expect(scene.ui.notice?.text).toBe(problem);
  scene.type('\x1b').event({ type: 'audio.changed', audio: { ...audio, advice: 'x' } });
  expect(scene.ui.notice).toBeNull();
});
