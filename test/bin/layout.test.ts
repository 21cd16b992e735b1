import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clock, columns, plain, plainLines, span, stopwatch } from '../../bin/commands/layout.ts';
import { jsonLine } from '../../bin/commands/output.ts';

test('text from the network cannot steer a terminal', () => {
  expect(plain('a\u001b]52;c;x\u0007b\u009b2Jc\nd\u202ee')).toBe('a]52;c;xb2Jc de');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const shown = [plain(text), ...plainLines(text)].join('');
      expect(shown).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }),
  );
});

test('a long text is cut between characters, with a sign that it was', () => {
  expect(plain('🦜'.repeat(9), 4)).toBe('🦜🦜🦜…');
});

test('a message keeps its own lines', () => {
  expect(plainLines('one\r\ntwo  \n\nfour')).toEqual(['one', 'two', '', 'four']);
});

test('JSON output parses back to the same text and holds no control character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const line = jsonLine({ text });
      expect(JSON.parse(line)).toEqual({ text });
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }),
  );
});

test('columns are as wide as their widest cell, and the last is free', () => {
  expect(
    columns([
      ['a', 'online', 'x'],
      ['bobby1', 'away', ''],
    ]),
  ).toEqual(['a       online  x', 'bobby1  away']);
});

test.each([
  [0, '0:00'],
  [133_400, '2:13'],
  [3_733_000, '1:02:13'],
])('a call of %i ms reads %s', (ms, words) => expect(stopwatch(ms)).toBe(words));

test.each([
  [12.9, '12 s'],
  [245, '4 min'],
  [7_380, '2 h 3 min'],
  [435_600, '5 d 1 h'],
])('%d seconds read %s', (seconds, words) => expect(span(seconds)).toBe(words));

test('a time of day is told in the zone of the reader and sorts as text', () => {
  expect(clock(new Date(2026, 0, 2, 3, 4).getTime())).toBe('2026-01-02 03:04');
});
