import { expect, test } from 'vitest';
import {
  allBindings,
  bindingsIn,
  CHAINS,
  commandFor,
  type KeyContext,
  keyLabel,
  takesText,
} from '../../src/tui/key-bindings.ts';
import { helpRows } from '../../src/tui/rows/help-rows.ts';
import { plainText } from '../../src/tui/text/spans.ts';
import { HANDLERS } from '../../src/tui/update/commands.ts';

const CONTEXTS = Object.keys(CHAINS) as KeyContext[];

test('every command has a key and a handler, and every handler a key', () => {
  const bound = new Set(allBindings().map(({ command }) => command));
  expect([...bound].sort()).toEqual((Object.keys(HANDLERS) as string[]).sort());
  for (const { keys, command } of allBindings())
    expect(
      keys.filter((key) => key !== ''),
      command,
    ).not.toEqual([]);
});

test.each(CONTEXTS)('no key has two meanings while %s', (context) => {
  const meanings = new Map<string, Set<string>>();
  for (const binding of allBindings()) {
    if (!CHAINS[context].includes(binding.context)) continue;
    for (const key of binding.keys) meanings.set(key, (meanings.get(key) ?? new Set()).add(binding.command));
  }
  const clashes = [...meanings]
    .filter(([, commands]) => commands.size > 1)
    .map(([key, commands]) => [key, ...commands]);
  expect(clashes).toEqual([]);
});

test('keys that belong to tmux, screen or the terminal are left alone', () => {
  const taken = ['ctrl-a', 'ctrl-b', 'ctrl-s', 'ctrl-q', 'ctrl-h', 'ctrl-i', 'ctrl-m', 'f10', 'f11'];
  const used = allBindings().flatMap(({ keys }) => keys);
  expect(used.filter((key) => taken.includes(key))).toEqual([]);
});

test('no plain letter is a command where text is typed', () => {
  for (const context of CONTEXTS.filter(takesText)) {
    const letters = bindingsIn(context)
      .flatMap(({ keys }) => keys)
      .filter((key) => [...key].length === 1);
    expect(letters, context).toEqual([]);
  }
});

test('answering and declining have no key that a half-typed line could contain, and never Enter', () => {
  for (const context of CONTEXTS) expect(commandFor(context, 'enter') ?? '').not.toMatch(/^call\.(answer|decline)$/);
  for (const context of CONTEXTS.filter((one) => one !== 'editing')) {
    expect([commandFor(context, 'alt-a'), commandFor(context, 'alt-d')]).toEqual(['call.answer', 'call.decline']);
  }
});

test('keys are printed as people write them', () => {
  expect(['alt-a', 'ctrl-c', 'page-up', 'enter', '?', 'shift-tab', 'f1', 'G', 'space', 'escape'].map(keyLabel)).toEqual(
    ['Alt-a', 'Ctrl-C', 'PgUp', 'Enter', '?', 'Shift-Tab', 'F1', 'G', 'Space', 'Esc'],
  );
});

test('the help names every key of the table, and finds them by words', () => {
  const help = helpRows('', 100).map(plainText).join('\n');
  for (const { keys } of allBindings()) for (const key of keys) expect(help).toContain(keyLabel(key));
  expect(helpRows('mute', 100).map(plainText)).toEqual(['Calls', expect.stringMatching(/m, Alt-m +Mute or unmute/)]);
  expect(helpRows('no such thing', 100).map(plainText)).toEqual(['No key matches.']);
});
