/** Finding, erasing and verifying on the screen. */
import { expect, test } from 'vitest';
import type { SafetyReport } from '../../src/store/port.ts';
import type { AppState, ChatLine } from '../../src/store/state.ts';
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
  // Another word is looked for first.
  expect(scene.type('s\r').effects.at(-1)).toMatchObject({ command: { search: 'lunchs' } });
  expect(scene.type('\x1b').ui.dialog).toBeNull();
  // Letters of the words were no commands.
  expect(scene.asked()).toEqual([]);
});

const at = (minute: number): ChatLine =>
  chatLine(`line ${minute}`, { id: minute.toString(16).padStart(32, '0'), storedAtMs: NOW_MS + minute * 60_000 });
const span = (from: number, to: number): ChatLine[] => Array.from({ length: to - from }, (_, i) => at(from + i));

test('Enter goes to the found message in the conversation: in the middle, with what was said around it', () => {
  const scene = new Scene(PEOPLE, { selected: 'bobby1' });
  scene.reply({ for: 'history', with: 'bobby1' }, span(900, 1_000));
  scene.type('flunch\r').reply({ for: 'find', words: 'lunch' }, [at(100), at(950)]);
  // Loaded already: nothing is asked for.
  const before = scene.effects.length;
  scene.type('\r');
  expect([scene.ui.dialog, scene.ui.focus, scene.effects.length - before]).toEqual([null, 'chat', 0]);
  const { anchor } = conversationOf(scene.ui, 'bobby1');
  expect(Number.parseInt(anchor?.id ?? '', 16)).toBeGreaterThan(950);
  expect(Number.parseInt(anchor?.id ?? '', 16)).toBeLessThan(970);
  // An older one: what stands around it takes the place of the rest.
  scene
    .type('\x1b')
    .type('flunch\r')
    .reply({ for: 'find', words: 'lunch' }, [at(100), at(950)]);
  scene.type('\x1b[B\r');
  expect(scene.effects.at(-1)).toMatchObject({
    command: { type: 'chat.history', aroundMs: at(100).storedAtMs, limit: 60 },
  });
  const tag = { for: 'part', with: 'bobby1', aroundMs: at(100).storedAtMs, show: at(100).id } as const;
  scene.reply(tag, span(70, 130));
  const part = conversationOf(scene.ui, 'bobby1');
  expect([part.lines.length, part.lines[0]?.text, part.isCut]).toEqual([60, 'line 70', true]);
  expect(part.anchor?.id).not.toBe(at(129).id);
  // What comes meanwhile does not stand beside it.
  scene.event({ type: 'chat.message', line: at(1_001) });
  expect(conversationOf(scene.ui, 'bobby1').lines.at(-1)?.text).toBe('line 129');
});

test('from an older part one scrolls on to the present; a message that is sent goes there at once', () => {
  const scene = new Scene(PEOPLE, { selected: 'bobby1', focus: 'chat' });
  const tag = { for: 'part', with: 'bobby1', aroundMs: at(100).storedAtMs, show: at(100).id } as const;
  scene.reply(tag, span(70, 130));
  const down = () => {
    for (let page = 0; page < 20 && conversationOf(scene.ui, 'bobby1').loaded !== 'loading'; page++)
      scene.type('\x1b[6~');
    return scene.effects.at(-1);
  };
  expect(down()).toMatchObject({ command: { aroundMs: at(129).storedAtMs } });
  scene.reply({ ...tag, show: undefined as never, aroundMs: at(129).storedAtMs }, span(100, 150));
  expect(conversationOf(scene.ui, 'bobby1')).toMatchObject({ isCut: true, lines: { length: 80 } });
  expect(down()).toMatchObject({ command: { aroundMs: at(149).storedAtMs } });
  scene.reply({ ...tag, show: undefined as never, aroundMs: at(149).storedAtMs }, span(120, 150));
  expect(conversationOf(scene.ui, 'bobby1').isCut).toBeUndefined();
  scene.event({ type: 'chat.message', line: at(150) });
  expect(conversationOf(scene.ui, 'bobby1').lines.at(-1)?.text).toBe('line 150');
  const other = new Scene(PEOPLE, { selected: 'bobby1', focus: 'chat' });
  other.reply(tag, span(70, 130)).type('hello\r');
  expect(conversationOf(other.ui, 'bobby1')).toMatchObject({ lines: [], anchor: null, loaded: 'loading' });
  // A new link: nothing is joined to what lies far back.
  const back = new Scene(PEOPLE, { selected: 'bobby1' }).reply(tag, span(70, 130));
  back.receive({ type: 'linked', state: PEOPLE });
  expect(conversationOf(back.ui, 'bobby1').lines).toEqual([]);
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
  const rows = foundRows(lines, 0, { height: 4, columns: 40, glyphs: UNICODE_GLYPHS }).map(plainText);
  expect(rows[0]).toBe('▸ 2026-11-25 20:50  bobby1');
  expect(rows).toHaveLength(4);
  const more = foundRows(lines, 1, { height: 9, columns: 40, glyphs: UNICODE_GLYPHS }).map(plainText);
  expect(more).toEqual(['▸ 2026-11-25 20:50  you', '    mine']);
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
  const scene = new Scene(PEOPLE, { selected: 'bobby1' }).type('v');
  expect(scene.asked()).toEqual([{ type: 'safety.words', name: 'bobby1' }]);
  scene.reply({ for: 'safety', name: 'bobby1' }, REPORT);
  expect(scene.ui.dialog).toMatchObject({ type: 'confirm', what: 'verify', safety: REPORT });
  expect(scene.type('y').asked()).toHaveLength(1);
  scene.after(1_000);
  expect(scene.type('y').asked()).toContainEqual({ type: 'safety.verify', name: 'bobby1', verified: true });
  expect(scene.ui.dialog).toBeNull();
  scene.type('v').refuse({ for: 'safety', name: 'bobby1' }, 'safety-unknown');
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
