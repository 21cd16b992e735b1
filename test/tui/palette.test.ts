import { expect, test } from 'vitest';
import { allBindings } from '../../src/tui/key-bindings.ts';
import { paletteEntries } from '../../src/tui/rows/palette-rows.ts';
import { fuzzyMatch } from '../../src/tui/text/fuzzy.ts';
import { call, NOW_MS, Scene } from '../support/screen-scenes.ts';
import { buddy, SIGNED_IN } from '../support/scripted-agent.ts';

const PEOPLE = { ...SIGNED_IN, buddies: [buddy('bobby1'), buddy('carol-w')] };
const RUNNING = call({ phase: 'running', answeredAtMs: NOW_MS });

function found(scene: Scene, wanted: string): string[] {
  return paletteEntries(scene.world.app, scene.ui, wanted).map(({ command }) => command);
}

test('letters in order find a text, the better the closer they stand to the beginnings of words', () => {
  expect(fuzzyMatch('mut', 'Mute or unmute')?.at).toEqual([0, 1, 2]);
  expect(fuzzyMatch('oldp', 'Put the call on hold')).toBeUndefined();
  expect(fuzzyMatch('tp', 'To the other pane')?.at).toEqual([3, 13]);
  const score = (wanted: string, text: string) => fuzzyMatch(wanted, text)?.score ?? -1;
  expect(score('rec', 'Record the call')).toBeGreaterThan(score('rec', 'Remove the chosen person'));
  expect(score('', 'anything')).toBe(0);
  expect(fuzzyMatch('日本', 'x 日本')?.at).toEqual([2, 3]);
});

test('the palette holds every command of the panes with all of its keys', () => {
  const scene = new Scene(PEOPLE);
  const all = found(scene, '');
  const wanted = allBindings().filter(({ context }) => ['browsing', 'everywhere', 'writing'].includes(context));
  const missing = [...new Set(wanted.map(({ command }) => command))].filter((one) => !all.includes(one));
  expect(missing.sort()).toEqual(['cancel', 'palette.open']);
  const mute = paletteEntries(scene.world.app, scene.ui, 'mute')[0];
  expect(mute).toMatchObject({ command: 'call.mute', keys: 'm, Alt-m', now: false });
});

test('what makes sense now stands first; names of the table and groups are found too', () => {
  const scene = new Scene(PEOPLE);
  expect(found(scene, 'call')[0]).toBe('call.place');
  scene.event({ type: 'call.changed', call: RUNNING });
  expect(found(scene, 'hold')[0]).toBe('call.hold');
  expect(found(scene, 'conference.rem')[0]).toBe('conference.remove');
  for (const command of ['calls.open', 'copy.open']) {
    expect(paletteEntries(scene.world.app, scene.ui, command)[0]).toMatchObject({ command, now: true });
  }
});

test('a command is carried out where the person was, also out of a half-typed line', () => {
  const scene = new Scene({ ...PEOPLE, calls: [RUNNING] }, { selected: 'bobby1', focus: 'chat' });
  scene.type('half a line\x10');
  expect(scene.ui.dialog?.type).toBe('palette');
  scene.type('muteor\r');
  expect(scene.ui.dialog).toBeNull();
  expect(scene.asked()).toEqual([{ type: 'call.mute', call: RUNNING.call }]);
  expect(scene.ui.drafts.bobby1?.text).toBe('half a line');
  scene.type('\x10searchfor\r');
  expect(scene.ui.dialog?.type).toBe('search');
  expect(scene.type('\x10').ui.dialog?.type).toBe('search');
});

test('arrows choose, Escape closes, and a command that is not there does nothing', () => {
  const scene = new Scene(PEOPLE).type(':');
  const second = found(scene, '')[1];
  scene.type('\x1b[B');
  expect(scene.ui.dialog).toMatchObject({ type: 'palette', chosen: 1 });
  expect(second).toBeDefined();
  expect(scene.type('zzzz\r').ui.dialog?.type).toBe('palette');
  expect(scene.type('\x1b').ui.dialog).toBeNull();
});
