/** Finding, erasing and verifying on the screen. */
import { expect, test } from 'vitest';
import type { SafetyReport } from '../../src/store/port.ts';
import type { AppState } from '../../src/store/state.ts';
import { callRows } from '../../src/tui/rows/call-rows.ts';
import { foundRows } from '../../src/tui/rows/found-rows.ts';
import { visibleRows } from '../../src/tui/rows/message-rows.ts';
import { plainText } from '../../src/tui/text/spans.ts';
import { ASCII_GLYPHS, UNICODE_GLYPHS } from '../../src/tui/theme.ts';
import { conversationOf } from '../../src/tui/ui-state.ts';
import { buddyWords } from '../../src/tui/wording.ts';
import { call, NOW_MS, Scene } from '../support/screen-scenes.ts';
import { buddy, chatLine, SIGNED_IN } from '../support/scripted-agent.ts';

const PEOPLE: AppState = { ...SIGNED_IN, buddies: [buddy('bobby1'), buddy('carol1')] };
const HALF = { words: ['embark', 'actor', 'cause', 'misery', 'library', 'wing'], digits: ['12345'] };
const REPORT: SafetyReport = {
  ...{ name: 'bobby1', safety: 'known', sinceMs: 0, key: 'ab'.repeat(32) },
  halves: [
    { name: 'alice1', ...HALF },
    { name: 'bobby1', ...HALF },
  ],
};

test('words are found in what was said with the chosen person, newest first, and can be scrolled', () => {
  const scene = new Scene(PEOPLE, { selected: 'bobby1' }).type('flunch');
  expect(scene.ui.dialog).toMatchObject({ type: 'find', name: 'bobby1', pattern: { text: 'lunch' } });
  scene.type('\r');
  const asked = scene.effects.at(-1);
  expect(asked).toMatchObject({ command: { type: 'chat.history', with: 'bobby1', search: 'lunch' } });
  const lines = [chatLine('old lunch'), chatLine('new lunch', { id: 'cd'.repeat(16), direction: 'out' })];
  scene.reply({ for: 'find', words: 'lunch' }, lines);
  expect(scene.ui.dialog).toMatchObject({
    searched: 'lunch',
    lines: [{ text: 'new lunch' }, { text: 'old lunch' }],
    top: 0,
  });
  expect(scene.type('\x1b[B\x1b[B').ui.dialog).toMatchObject({ top: 1 });
  expect(scene.type('\x1b').ui.dialog).toBeNull();
  // Letters of the words were no commands.
  expect(scene.asked()).toEqual([]);
});

test('a search that is refused says why, and one without a hit says so', () => {
  const scene = new Scene(PEOPLE, { selected: 'bobby1' }).type('fx\r');
  scene.refuse({ for: 'find', words: 'x' }, 'history-locked');
  expect(scene.ui.dialog).toMatchObject({ busySinceMs: null, error: expect.stringContaining('wren history unlock') });
  scene.type('y\r').reply({ for: 'find', words: 'xy' }, []);
  expect(scene.ui.dialog).toMatchObject({ searched: 'xy', lines: [], error: '' });
});

test('found messages show when, who and what, and no more rows than there are', () => {
  const lines = [chatLine('words '.repeat(20)), chatLine('mine', { direction: 'out' })];
  const rows = foundRows(lines, 0, 4, 40).map(plainText);
  expect(rows[0]).toBe('2026-11-25 20:50  bobby1');
  expect(rows).toHaveLength(4);
  expect(foundRows(lines, 1, 9, 40).map(plainText)).toEqual(['2026-11-25 20:50  you', '  mine']);
});

test('erasing asks first; what is gone is not shown any more and what is left is asked for again', () => {
  const scene = new Scene(PEOPLE, { selected: 'bobby1' });
  scene.reply({ for: 'history', with: 'bobby1' }, [chatLine('lunch?')]);
  expect(scene.type('E').ui.dialog).toMatchObject({ type: 'confirm', what: 'erase', name: 'bobby1' });
  expect(scene.type('n').asked()).toEqual([]);
  expect(scene.type('Ey').asked()).toEqual([{ type: 'history.erase', with: 'bobby1' }]);
  expect(conversationOf(scene.ui, 'bobby1').lines).toHaveLength(1);
  scene.event({ type: 'history.erased', with: 'Bobby1', beforeMs: null });
  expect(conversationOf(scene.ui, 'bobby1')).toMatchObject({ lines: [], loaded: 'loading' });
});

test('the safety words stand in a question; a yes that was already on its way is none', () => {
  const scene = new Scene(PEOPLE, { selected: 'bobby1' }).type('w');
  expect(scene.asked()).toEqual([{ type: 'safety.words', name: 'bobby1' }]);
  scene.reply({ for: 'safety', name: 'bobby1' }, REPORT);
  expect(scene.ui.dialog).toMatchObject({ type: 'confirm', what: 'verify', safety: REPORT });
  expect(scene.type('y').asked()).toHaveLength(1);
  scene.after(1_000);
  expect(scene.type('y').asked()).toContainEqual({ type: 'safety.verify', name: 'bobby1', verified: true });
  expect(scene.ui.dialog).toBeNull();
  scene.type('w').refuse({ for: 'safety', name: 'bobby1' }, 'safety-unknown');
  expect(scene.ui.notice?.text).toContain('bobby1: There are no safety words yet');
});

test('the call line says whether the key is verified or another one than before, while it rings and while it runs', () => {
  const style = { columns: 80, glyphs: ASCII_GLYPHS, nowMs: NOW_MS, context: 'browsing', details: false } as const;
  const phases = [
    call({ phase: 'ringing', direction: 'in' }),
    call({ phase: 'dialling' }),
    call({ phase: 'running', answeredAtMs: NOW_MS }),
  ];
  for (const one of phases) {
    const first = (safety: 'known' | 'verified' | 'changed') =>
      plainText(callRows({ ...PEOPLE, buddies: [buddy('bobby1', { safety })], calls: [one] }, style)[0] ?? []);
    expect(first('verified')).toContain('bobby1 verified');
    expect(first('changed')).toContain('bobby1 NEW KEY');
    expect(first('known')).not.toMatch(/verified|KEY/);
  }
  expect(buddyWords(buddy('bobby1', { safety: 'changed' }), NOW_MS)[0]).toBe('has another key than before');
});

test('a changed key stands in the conversation as a line that nobody wrote', () => {
  const note = chatLine('The key of bobby1 is another one than before', { kind: 'key-changed' });
  const rows = visibleRows([note], null, 9, { columns: 60, glyphs: UNICODE_GLYPHS, nowMs: NOW_MS });
  expect(rows.map(({ spans }) => plainText(spans)).at(-1)).toBe(
    '20:50 * The key of bobby1 is another one than before *',
  );
  expect(rows.at(-1)?.spans.at(-1)?.tone).toBe('bad');
});
