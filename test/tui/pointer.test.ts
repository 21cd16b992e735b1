import { expect, test } from 'vitest';
import { call, Scene } from '../support/screen-scenes.ts';
import { buddy, chatLine, SIGNED_IN } from '../support/scripted-agent.ts';

const PEOPLE = { ...SIGNED_IN, buddies: [buddy('bobby1'), buddy('carol-w'), buddy('daniel')] };
const click = (column: number, row: number) => `\x1b[<0;${column + 1};${row + 1}M`;
const wheel = (column: number, row: number, up: boolean) => `\x1b[<${up ? 64 : 65};${column + 1};${row + 1}M`;

test('a click chooses, a second one opens, and one in the other pane goes there', () => {
  const scene = new Scene(PEOPLE, { columns: 80, rows: 24 });
  expect(scene.type(click(5, 4)).ui).toMatchObject({ selected: 'daniel', focus: 'list' });
  expect(scene.type(click(5, 4)).ui.focus).toBe('chat');
  expect(scene.type(click(5, 1)).ui).toMatchObject({ selected: 'daniel', focus: 'list' });
  expect(scene.type(click(50, 9)).ui.focus).toBe('chat');
});

test('the wheel moves what it is over, and the arrows of a dialog', () => {
  const scene = new Scene(PEOPLE, { columns: 80, rows: 24 });
  expect(scene.type(wheel(5, 3, false)).ui.selected).toBe('carol-w');
  expect(scene.type(wheel(5, 3, true)).ui.selected).toBe('bobby1');
  const lines = Array.from({ length: 60 }, (_, index) => chatLine(`l${index}`, { id: `${index}`, storedAtMs: index }));
  scene.reply({ for: 'history', with: 'bobby1' }, lines);
  scene.type(wheel(50, 9, true));
  expect(scene.ui.conversations.bobby1?.anchor).not.toBeNull();
  scene.type(`p${wheel(50, 9, false)}`);
  expect(scene.ui.dialog).toMatchObject({ type: 'presence', chosen: 1 });
});

test('a click answers no call and takes no half-typed line', () => {
  const scene = new Scene(PEOPLE, { columns: 80, rows: 24, selected: 'bobby1', focus: 'chat' }).type('half');
  scene.event({ type: 'call.changed', call: call({ phase: 'ringing', direction: 'in', peer: 'carol-w' }) });
  for (let row = 0; row < 24; row++) scene.type(click(3, row));
  expect(scene.asked()).toEqual([]);
  expect(scene.ui.drafts.bobby1?.text).toBe('half');
});
