import fc from 'fast-check';
import { expect, test } from 'vitest';
import { promptHeight, promptRows } from '../../src/tui/rows/prompt-rows.ts';
import * as editing from '../../src/tui/text/editor.ts';
import { widthOf } from '../../src/tui/text/width.ts';

const { editorOf, insert } = editing;

test('letters go in at the cursor, and the cursor follows', () => {
  const hello = insert(editing.moveLeft(editorOf('helo')), 'l');
  expect([hello.text, hello.cursor]).toEqual(['hello', 4]);
});

test('a family, a flag and an accented letter are one step and one deletion each', () => {
  for (const whole of ['👨‍👩‍👧', '🇩🇪', 'e\u0301']) {
    const field = editorOf(`a${whole}`);
    expect(editing.moveLeft(field).cursor).toBe(1);
    expect(editing.backspace(field).text).toBe('a');
    expect(editing.deleteForward(editing.moveLeft(field)).text).toBe('a');
  }
});

test('words are jumped over and deleted', () => {
  const field = editorOf('one two  three');
  expect(editing.moveWordLeft(field).cursor).toBe(9);
  expect(editing.deleteWord(field).text).toBe('one two  ');
  expect(editing.moveWordRight(editing.moveHome(field)).cursor).toBe(3);
  expect(editing.deleteToStart({ ...field, cursor: 4 }).text).toBe('two  three');
  expect(editing.deleteToEnd({ ...field, cursor: 3 }).text).toBe('one');
});

test('a pasted text keeps its lines in the chat and becomes one line elsewhere; control codes go', () => {
  expect(insert(editorOf(''), 'one\r\ntwo\x1b[31m', { lines: true }).text).toBe('one\ntwo');
  expect(insert(editorOf(''), 'one\r\ntwo').text).toBe('one two');
});

test('what was sent before can be fetched back, and the draft waits meanwhile', () => {
  let field = editing.remember(editorOf('first'), 'first');
  field = editing.remember(insert(field, 'second'), 'second');
  field = insert(field, 'draft');
  const back = editing.historyBack(field);
  expect(back.text).toBe('second');
  expect(editing.historyBack(back).text).toBe('first');
  expect(editing.historyBack(editing.historyBack(back)).text).toBe('first');
  expect(editing.historyForward(back).text).toBe('draft');
});

test('whatever keys are pressed, the cursor stands between two characters', () => {
  const changes = [
    editing.moveLeft,
    editing.moveRight,
    editing.moveHome,
    editing.moveEnd,
    editing.moveWordLeft,
    editing.moveWordRight,
    editing.backspace,
    editing.deleteForward,
    editing.deleteWord,
    editing.historyBack,
    editing.historyForward,
  ];
  const keys = fc.array(
    fc.oneof(fc.nat(changes.length - 1), fc.constantFrom('a', ' ', '🇩🇪', '👨‍👩‍👧', 'e\u0301', '日')),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(keys, (pressed) => {
      let field = editorOf('');
      for (const key of pressed)
        field = typeof key === 'string' ? insert(field, key) : (changes[key]?.(field) ?? field);
      const starts = [...new Intl.Segmenter().segment(field.text)].map(({ index }) => index);
      expect([...starts, field.text.length]).toContain(field.cursor);
    }),
  );
});

test('a prompt shows the rows around its cursor, each within its columns', () => {
  expect(promptRows(editorOf('abcdef'), { columns: 4, rowsMax: 3 })).toEqual({
    rows: ['abcd', 'ef'],
    cursor: { column: 2, row: 1 },
  });
  expect(promptRows(editorOf('abcd'), { columns: 4, rowsMax: 3 }).cursor).toEqual({ column: 0, row: 1 });
  expect(promptRows(editorOf('secret'), { columns: 9, rowsMax: 1, secret: '•' }).rows).toEqual(['••••••']);
  expect(promptRows(editorOf('a\nb'), { columns: 9, rowsMax: 2 }).rows).toEqual(['a', 'b']);
  expect(promptHeight(editorOf('a\nb\nc\nd'), 9, 3)).toBe(3);
  const texts = fc.string({ unit: fc.constantFrom('a', ' ', '日', '\n', '👨‍👩‍👧'), maxLength: 80 });
  fc.assert(
    fc.property(texts, fc.integer({ min: 2, max: 20 }), fc.integer({ min: 1, max: 5 }), (text, columns, rowsMax) => {
      const { rows, cursor } = promptRows(editorOf(text), { columns, rowsMax });
      expect(rows.length).toBeLessThanOrEqual(rowsMax);
      expect(cursor.row).toBeLessThan(rows.length);
      for (const row of rows) expect(widthOf(row)).toBeLessThanOrEqual(columns);
    }),
  );
});
