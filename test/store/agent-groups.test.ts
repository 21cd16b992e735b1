/** Groups and letters as the agent keeps them: one line, a copy for each member, and marks that say where they are. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { GroupState } from '../../src/net/index.ts';
import { AgentChat } from '../../src/store/agent-chat.ts';
import type { Buddy } from '../../src/store/state.ts';
import { AgentScene } from '../support/agent-scene.ts';

let scene: AgentScene;
let chat: AgentChat;
beforeEach(() => {
  scene = new AgentScene().signedIn();
  for (const name of ['bobby1', 'Carol1', 'david1']) scene.core.emit({ type: 'buddy.changed', buddy: buddyOf(name) });
  chat = new AgentChat(scene.core, () => {});
});
afterEach(() => scene.end());

function buddyOf(name: string): Buddy {
  return { name, displayName: name, relation: 'both', presence: 'offline', lastSeenAtMs: 0, message: '', unread: 0 };
}

/** Lines that went to the messenger. */
function sent() {
  return scene.told('messenger').flatMap(({ command }) => (command.type === 'send' ? [command] : []));
}

const groups = () => scene.core.state.groups ?? [];
const markOf = (text: string) =>
  chat.history({ type: 'chat.history', with: '#lunch', limit: 50 }).find((line) => line.text === text)?.mark;

function say(from: string, number: number, text: string, group: GroupState): void {
  const id = number.toString(16).padStart(32, '0');
  chat.fromMessenger({ type: 'received', from, node: id, id, sequence: number, text, sentAtMs: 1, group });
}

test('a line goes to each member, and is delivered when all of them have it', () => {
  chat.groups.make('lunch', ['bobby1', 'carol1']);
  expect(groups()).toMatchObject([{ label: '#lunch', left: false }]);
  const { id } = chat.send('#LUNCH', 'at one?');
  const copies = sent().filter((one) => one.id === id);
  expect(copies.map(({ to, sequence }) => [to, sequence])).toEqual([
    ['bobby1', 2],
    ['Carol1', 2],
  ]);
  chat.fromMail({ type: 'kept', to: 'bobby1', id, untilMs: 9_000_000_000_000 });
  expect(markOf('at one?')).toBe('waiting');
  chat.fromMail({ type: 'kept', to: 'Carol1', id, untilMs: 9_000_000_000_001 });
  expect(markOf('at one?')).toBe('kept');
  chat.fromMessenger({ type: 'delivered', to: 'bobby1', id });
  expect(markOf('at one?')).toBe('kept');
  scene.commands.length = 0;
  // After a start only what has no receipt goes out again, and it is still of the group.
  new AgentChat(scene.core, () => {}).begin();
  const restored = scene.told('messenger').flatMap(({ command }) => (command.type === 'restore' ? command.lines : []));
  expect(restored.filter((line) => line.id === id)).toMatchObject([{ to: 'Carol1', group: { title: 'lunch' } }]);
  chat.fromMessenger({ type: 'delivered', to: 'Carol1', id });
  expect(scene.events.at(-1)).toEqual({ type: 'chat.delivered', with: '#lunch', id });
  expect(markOf('at one?')).toBe('delivered');
});

test('what others say is shown with its writer, makes the group known here, and is read as one conversation', () => {
  const own = scene.core.signedIn();
  const members = [own, 'bobby1', 'erwin1'].map((name) => ({ name, removed: false, atMs: 1 }));
  const group: GroupState = { id: 'ab'.repeat(16), title: 'lunch', titleAtMs: 1, members };
  say('bobby1', 1, 'hello all', group);
  say('erwin1', 2, 'hello', group);
  const lines = chat.history({ type: 'chat.history', with: '#lunch', limit: 50 });
  expect(lines.map(({ author, text }) => `${author}: ${text}`)).toEqual(['bobby1: hello all', 'erwin1: hello']);
  expect(groups()).toMatchObject([{ label: '#lunch', unread: 2, left: false }]);
  chat.markRead('#lunch');
  expect(groups()).toMatchObject([{ unread: 0 }]);
});

test('who left says so, sends no more, and hears no more', () => {
  chat.groups.make('lunch', ['bobby1']);
  const before = sent()[0]?.group as GroupState;
  chat.groups.leave('#lunch');
  expect(sent().at(-1)).toMatchObject({ to: 'bobby1', text: 'left' });
  expect(groups()).toMatchObject([{ left: true }]);
  expect(() => chat.send('#lunch', 'still there?')).toThrow(expect.objectContaining({ code: 'group-unknown' }));
  say('bobby1', 1, 'he has not heard of it', before);
  expect(markOf('he has not heard of it')).toBe(undefined);
});

test('who was removed is told nothing later of the group, also after a restart, and after three days nothing at all', () => {
  chat.groups.make('lunch', ['bobby1', 'carol1']);
  chat.groups.remove('#lunch', ['bobby1']);
  const [before] = scene.core.history.groups.list();
  chat.groups.add('#lunch', ['david1']);
  const restored = () => {
    scene.commands.length = 0;
    new AgentChat(scene.core, () => {}).begin();
    return scene.told('messenger').flatMap(({ command }) => (command.type === 'restore' ? command.lines : []));
  };
  const toBobby = restored().filter(({ to }) => to === 'bobby1');
  expect(toBobby.map(({ text }) => text)).toEqual(['made the group lunch', 'removed bobby1']);
  for (const { group } of toBobby) expect(group).toEqual(before?.group);
  expect(JSON.stringify(restored().find(({ to }) => to === 'david1')?.group)).toContain('david1');
  const { wallClock } = scene.core.options;
  Object.assign(scene.core.options, { wallClock: () => wallClock() + 74 * 3_600_000 });
  expect(new Set(restored().map(({ to }) => to))).toEqual(new Set(['Carol1', 'david1']));
  expect(scene.core.history.groups.copies().some(({ to }) => to === 'bobby1')).toBe(false);
});

test('one that was left goes off the list when it is to, stays known, and is there again when somebody takes us in', () => {
  chat.groups.make('lunch', ['bobby1']);
  expect(() => chat.groups.forget('#lunch')).toThrow(expect.objectContaining({ code: 'usage' }));
  chat.groups.leave('#lunch');
  const left = sent().at(-1)?.group as GroupState;
  chat.groups.forget('#LUNCH');
  expect(groups()).toEqual([]);
  expect(() => chat.groups.forget('#lunch')).toThrow(expect.objectContaining({ code: 'group-unknown' }));
  // After a start too, and when somebody who has not heard of it writes.
  chat = new AgentChat(scene.core, () => {});
  chat.begin();
  say('bobby1', 1, 'late', { ...left, members: left.members.map((one) => ({ ...one, atMs: 1, removed: false })) });
  expect(groups()).toEqual([]);
  const again = Math.max(...left.members.map(({ atMs }) => atMs)) + 10;
  say('bobby1', 2, 'come back', {
    ...left,
    members: left.members.map((one) => ({ ...one, atMs: again, removed: false })),
  });
  expect(groups()).toMatchObject([{ label: '#lunch', left: false, unread: 1 }]);
});

test('only buddies are taken in, and two groups of one title have two labels', () => {
  expect(() => chat.groups.make('lunch', ['stranger'])).toThrow(expect.objectContaining({ code: 'not-a-buddy' }));
  expect(() => chat.groups.make('two words', ['bobby1'])).toThrow(expect.objectContaining({ code: 'usage' }));
  chat.groups.make('lunch', ['bobby1']);
  chat.groups.make('lunch', ['david1']);
  chat.groups.add('#lunch-2', ['bobby1', 'carol1']);
  expect(groups().map(({ label, members }) => [label, members.length])).toEqual([
    ['#lunch', 2],
    ['#lunch-2', 4],
  ]);
});

test('a call that was missed while away is said once, in the conversation and in the state, until it is read', () => {
  const missed = { type: 'missed-call', from: 'bobby1', call: 'cc'.repeat(16), atMs: 1_000 } as const;
  for (let count = 0; count < 2; count += 1) chat.fromMail(missed);
  const lines = chat.history({ type: 'chat.history', with: 'bobby1', limit: 50 });
  expect(lines).toMatchObject([{ kind: 'missed-call', text: 'Missed call from bobby1' }]);
  expect(scene.core.state.missedCalls).toEqual([{ call: missed.call, peer: 'bobby1', atMs: 1_000 }]);
  expect(scene.core.history.calls({ limit: 5 })).toMatchObject([{ call: missed.call, missed: true }]);
  chat.markRead('bobby1');
  expect(scene.core.state.missedCalls).toEqual([]);
});

test('a full mailbox is told to the person', () => {
  chat.fromMail({ type: 'mail-refused', to: 'bobby1', id: 'aa'.repeat(16), code: 'mailbox-full' });
  expect(scene.notices).toEqual(['mailbox-full bobby1']);
});
