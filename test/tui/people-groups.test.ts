/** Groups on the screen: in the list, opened, written to, called, made and left by keys. */
import { expect, test } from 'vitest';
import type { AppState, ChatLine, Group } from '../../src/store/state.ts';
import { buddiesOf, listRows } from '../../src/tui/rows/buddy-rows.ts';
import { visibleRows } from '../../src/tui/rows/message-rows.ts';
import { plainText } from '../../src/tui/text/spans.ts';
import { UNICODE_GLYPHS } from '../../src/tui/theme.ts';
import { conversationOf, unreadTotal } from '../../src/tui/ui-state.ts';
import { NOW_MS, Scene } from '../support/screen-scenes.ts';
import { buddy, chatLine, SIGNED_IN } from '../support/scripted-agent.ts';

const LUNCH: Group = {
  label: '#lunch',
  id: 'ab'.repeat(16),
  title: 'lunch',
  members: ['alice1', 'bobby1', 'carol1'],
  left: false,
  unread: 2,
};
const WORLD: AppState = { ...SIGNED_IN, buddies: [buddy('bobby1')], groups: [LUNCH] };
const opened = () => new Scene(WORLD, { selected: '#lunch' });

test('stand in the list beside people, with what is unread', () => {
  const rows = listRows(WORLD, '');
  expect(rows.map((row) => (row.type === 'section' ? row.title : row.buddy.name))).toEqual([
    'Groups',
    '#lunch',
    'Here',
    'bobby1',
  ]);
  expect(buddiesOf(listRows(WORLD, 'carol')).map(({ name }) => name)).toEqual(['#lunch']);
  expect(unreadTotal(WORLD)).toBe(2);
  expect(new Scene(WORLD, { selected: 'bobby1' }).type('u').ui).toMatchObject({ selected: '#lunch', focus: 'chat' });
});

test('are opened, read and written to like a person, and say who wrote what', () => {
  const scene = opened().type('\r');
  expect(scene.asked()).toContainEqual({ type: 'chat.mark-read', with: '#lunch' });
  scene.type('at one?\r');
  expect(scene.asked().at(-1)).toEqual({ type: 'chat.send', to: '#lunch', text: 'at one?' });
  const said = (id: string, author: string, storedAtMs: number): ChatLine =>
    chatLine(`from ${author}`, { with: '#lunch', direction: 'in', id, author, storedAtMs });
  scene.receive({ type: 'reply', tag: { for: 'history', with: '#lunch' }, result: [said('b', 'carol1', NOW_MS)] });
  // Said before, heard later; and one of the same moment: all have the same order.
  for (const line of [said('c', 'erwin1', NOW_MS - 1_000), said('a', 'bobby1', NOW_MS)]) {
    scene.event({ type: 'chat.message', line });
  }
  const { lines } = conversationOf(scene.ui, '#lunch');
  const style = { columns: 60, glyphs: UNICODE_GLYPHS, nowMs: NOW_MS };
  const shown = visibleRows(lines, null, 9, style).map(({ spans }) => plainText(spans));
  expect(shown.slice(1).map((row) => row.trim().replace(/^[\d:]+ /, ''))).toEqual([
    'erwin1      from erwin1',
    'bobby1      from bobby1',
    'carol1      from carol1',
  ]);
});

test('become a conference with one key', () => {
  expect(opened().type('c').asked()).toContainEqual({ type: 'call.place', to: '#lunch' });
});

test('are made with a key: a name, then people, the chosen one among them', () => {
  const scene = new Scene(WORLD, { selected: 'bobby1' }).type('N');
  expect(scene.ui.dialog).toMatchObject({ type: 'gather', into: '', field: 0 });
  scene.type('\r');
  expect(scene.ui.dialog).toMatchObject({ field: 0, error: 'A group needs a name: one word.' });
  scene.type('dinner\rcarol1\r');
  expect(scene.asked().at(-1)).toEqual({ type: 'group.new', title: 'dinner', members: ['bobby1', 'carol1'] });
  scene.receive({ type: 'refused', tag: { for: 'gather' }, code: 'not-a-buddy', detail: 'carol1', retryAfterMs: 0 });
  expect(scene.ui.dialog).toMatchObject({ type: 'gather', field: 1, busySinceMs: null });
  scene.type('\r');
  const dinner = { ...LUNCH, label: '#dinner', title: 'dinner', unread: 0 };
  scene.event({ type: 'groups.changed', groups: [dinner, LUNCH] });
  scene.receive({ type: 'reply', tag: { for: 'gather' }, result: dinner });
  expect(scene.ui).toMatchObject({ dialog: null, selected: '#dinner', focus: 'chat' });
});

test('take more people in with the same key, and are left with the one that removes a buddy', () => {
  const scene = opened().type('N').type('david1, erwin1\r');
  expect(scene.asked().at(-1)).toEqual({ type: 'group.add', group: '#lunch', members: ['david1', 'erwin1'] });
  const leaving = opened().type('r');
  expect(leaving.ui.dialog).toMatchObject({ type: 'confirm', what: 'leave', name: '#lunch' });
  expect(leaving.type('y').asked()).toContainEqual({ type: 'group.leave', group: '#lunch' });
  // Nobody writes to a group that they are out of; what was said stays.
  leaving.event({ type: 'groups.changed', groups: [{ ...LUNCH, left: true }] });
  const asked = leaving.asked().length;
  expect(leaving.type('\r').type('hello?\r').asked().slice(asked)).not.toContainEqual(
    expect.objectContaining({ type: 'chat.send' }),
  );
  expect(opened().type('b').ui.dialog).toBe(null);
});
