import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CHAINS, commandFor, DEFAULT_KEYS, type KeyContext, keyOf } from '../../src/tui/key-bindings.ts';
import { keyNamed, remapped } from '../../src/tui/key-remap.ts';
import { readPreferences } from '../../src/tui/preferences.ts';
import { helpRows } from '../../src/tui/rows/help-rows.ts';
import { hintRow } from '../../src/tui/rows/hint-rows.ts';
import { plainText } from '../../src/tui/text/spans.ts';
import { Scene } from '../support/screen-scenes.ts';
import { buddy, SIGNED_IN } from '../support/scripted-agent.ts';

const CONTEXTS = Object.keys(CHAINS) as KeyContext[];

test('other keys act in place of those of the table, and stand in hints and help', () => {
  const { keys, problems } = remapped({ 'list.up': 'w', 'list.down': 'PgDn Ctrl-D', 'list.page-down': '' });
  expect(problems).toEqual([]);
  expect(['w', 'k', 'page-down', 'ctrl-d'].map((key) => commandFor('browsing', key, keys))).toEqual([
    'list.up',
    undefined,
    'list.down',
    'list.down',
  ]);
  expect([keyOf('list.down', 'browsing', keys), keyOf('list.page-down', 'browsing', keys)]).toEqual(['PgDn', '']);
  const help = helpRows('', 100, undefined, keys).map(plainText).join('\n');
  expect(help).toMatch(/ w +Up/);
  expect(help).not.toMatch(/Moving[\s\S]*A page down[\s\S]*Writing/);
  const scene = new Scene({ ...SIGNED_IN, buddies: [buddy('bobby1'), buddy('carol-w')] }, { keys });
  expect(scene.type('\x04').ui.selected).toBe('carol-w');
  expect(scene.type('w').ui.selected).toBe('bobby1');
  const { keys: other } = remapped({ 'help.open': 'H', 'call.place': 'C' });
  expect(plainText(hintRow(scene.world.app, { ...scene.ui, keys: other }, 'browsing', 200))).toContain('C call');
});

test('keys can change places with one another, and a command may keep its keys elsewhere', () => {
  const { keys, problems } = remapped({ 'list.up': 'j', 'list.down': 'k', 'call.mute@everywhere': 'F5' });
  expect(problems).toEqual([]);
  expect(['j', 'k', 'm', 'f5', 'alt-m'].map((key) => commandFor('browsing', key, keys))).toEqual([
    'list.up',
    'list.down',
    'call.mute',
    'call.mute',
    undefined,
  ]);
});

test.each([
  ['an unknown command', { 'call.mutee': 'M' }, /no command "call.mutee"/],
  ['an unknown place', { 'call.mute@nowhere': 'M' }, /no command "call.mute@nowhere"/],
  ['an unknown key', { 'call.mute': 'Super-M' }, /call.mute: there is no key "Super-M"/],
  ['a key that no terminal tells from another', { 'call.mute': 'ctrl-h' }, /no key "ctrl-h"/],
  ['a letter where letters are text', { 'chat.send': 's' }, /"s" is text where it would act/],
  ['a key that answers by accident', { 'call.answer': 'Enter' }, /Enter would answer while you type/],
  [
    'two commands on one key',
    { 'call.mute': 'c' },
    /c would mean both call.mute and call.place \(browsing\); call.mute keeps m/,
  ],
  ['a key of everywhere', { 'chat.page-up': 'ctrl-l' }, /Ctrl-L would mean both repaint and chat.page-up/],
  ['no way out', { cancel: '' }, /cancel: without a key nothing leads out/],
  ['too many keys', { 'call.mute': 'A B C D E F G' }, /6 keys at most/],
])('%s costs one sentence, and the rest still works', (_, wish, sentence) => {
  const { keys, problems } = remapped({ ...wish, 'list.up': 'w' });
  expect(problems).toEqual([expect.stringMatching(sentence)]);
  expect(commandFor('browsing', 'w', keys)).toBe('list.up');
  expect(commandFor('browsing', 'm', keys)).toBe('call.mute');
});

test('keys are understood as people write them', () => {
  expect(
    ['Esc', 'PgUp', 'CTRL-X', 'Alt-M', 'alt-m', 'shift-Tab', 'F12', 'é', 'Space', 'Ctrl-Alt-Up'].map(keyNamed),
  ).toEqual(['escape', 'page-up', 'ctrl-x', 'alt-M', 'alt-m', 'shift-tab', 'f12', 'é', 'space', 'ctrl-alt-up']);
  expect(['ctrl-i', 'ctrl-m', 'foo', 'f13', '', 'alt-', 'ctrl-é'].map(keyNamed)).toEqual(Array(7).fill(undefined));
});

test('whatever is wished, no key has two meanings in one place and Ctrl-C still leads out', () => {
  const commands = fc.constantFrom(...DEFAULT_KEYS.bindings.map(({ command, context }) => `${command}@${context}`));
  const keys = fc.constantFrom('a', 'm', 'q', 'up', 'enter', 'ctrl-c', 'alt-a', 'F5', 'nonsense', 'escape', ' ', 'x y');
  fc.assert(
    fc.property(fc.dictionary(commands, keys, { maxKeys: 12 }), (wishes) => {
      const { keys: table } = remapped(wishes);
      for (const context of CONTEXTS) {
        const meanings = new Map<string, string>();
        for (const binding of table.bindings.filter((one) => CHAINS[context].includes(one.context))) {
          for (const key of binding.keys) {
            expect(meanings.get(key) ?? binding.command, `${context} ${key}`).toBe(binding.command);
            meanings.set(key, binding.command);
          }
        }
      }
      expect(table.bindings.find(({ command }) => command === 'cancel')?.keys).not.toEqual([]);
    }),
  );
});

test('preferences that cannot be cost themselves only', () => {
  expect(readPreferences(undefined).problems).toEqual([]);
  expect(readPreferences([1]).problems).toHaveLength(1);
  const { preferences, problems, keys } = readPreferences({
    theme: 'pink',
    mouse: 'yes',
    keys: { 'list.up': ['w', 'up'], 'list.down': 7 },
    groups: { Bobby1: ' work\x1b[2J\n at home ', carol: '   ' },
    later: true,
  });
  expect(preferences).toMatchObject({ theme: 'auto', mouse: false, groups: { bobby1: 'work at home' } });
  expect(problems).toEqual([
    expect.stringMatching(/^Theme: /),
    expect.stringMatching(/^Mouse: /),
    expect.stringMatching(/^Keys, list.down: /),
  ]);
  expect(commandFor('browsing', 'w', keys)).toBe('list.up');
});
