import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fitRow, joinFitting, plainText, rowWidth, span, spread } from '../../src/tui/text/spans.ts';
import { pad, truncate, widthOf, wrap } from '../../src/tui/text/width.ts';

const texts = fc.string({
  unit: fc.constantFrom('a', 'B', ' ', '日', '한', 'é', '👨‍👩‍👧', '🇩🇪', '●', '-', 'e\u0301'),
  maxLength: 60,
});

test('text that fits stays, longer text ends in an ellipsis within its columns', () => {
  expect(truncate('hello', 5)).toBe('hello');
  expect(truncate('hello!', 5)).toBe('hell…');
  expect(truncate('日本語', 4)).toBe('日…');
  expect(truncate('x', 0)).toBe('');
});

test('cutting and filling give exactly the columns asked for, and never half a character', () => {
  fc.assert(
    fc.property(texts, fc.nat(40), (text, columns) => {
      expect(widthOf(truncate(text, columns))).toBeLessThanOrEqual(columns);
      expect(widthOf(pad(text, columns))).toBe(columns);
    }),
  );
});

test('wrapped lines fit, break at blanks where they can, and lose nothing but blanks', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
  expect(wrap('a\n\nb', 4)).toEqual(['a', '', 'b']);
  expect(wrap('', 4)).toEqual(['']);
  fc.assert(
    fc.property(texts, fc.integer({ min: 2, max: 30 }), (text, columns) => {
      const lines = wrap(text, columns);
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
      expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
    }),
  );
});

test('two ends of a row keep their distance and the right one is kept whole', () => {
  expect(plainText(spread([span('a long left side')], [span('12:00')], 14))).toBe('a long … 12:00');
  fc.assert(
    fc.property(texts, texts, fc.nat(60), (left, right, columns) => {
      expect(rowWidth(spread([span(left)], [span(right)], columns))).toBe(columns);
      expect(rowWidth(fitRow([span(left), span(right)], columns))).toBeLessThanOrEqual(columns);
    }),
  );
});

test('of several pieces as many stand as fit', () => {
  const pieces = ['one', 'two', 'three'].map((text) => [span(text)]);
  expect(plainText(joinFitting(pieces, ' · ', 9))).toBe('one · two');
  expect(plainText(joinFitting(pieces, ' · ', 8))).toBe('one');
});
