import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cleanData, cleanLine, cleanText } from '../../src/tui/text/sanitize.ts';

test.each([
  ['clipboard \x1b]52;c;ZXZpbA==\x07write', 'clipboard write'],
  ['title \x1b]0;owned\x1b\\set', 'title set'],
  ['clear \x1b[2J\x1b[Hscreen', 'clear screen'],
  ['unfinished \x1b]52;c;ZXZpbA', 'unfinished '],
  ['bell\x07 and back\x08space', 'bell and backspace'],
  ['eight-bit \x9b31mcsi', 'eight-bit 31mcsi'],
  ['override \u202egnp.exe', 'override gnp.exe'],
  ['isolate \u2066x\u2069', 'isolate x'],
  ['zero\u200bwidth\ufeff', 'zerowidth'],
  ['tab\tstop', 'tab    stop'],
  ['windows\r\nlines\rold', 'windows\nlines\nold'],
  ['half \ud800 surrogate', 'half  surrogate'],
])('%j becomes %j', (text, clean) => {
  expect(cleanText(text)).toBe(clean);
});

test('emoji, accents, flags and scripts of all directions stay whole', () => {
  for (const text of ['👨‍👩‍👧 🇩🇪 👍🏽', 'e\u0301 ñ', 'שלום', '日本語', 'हिन्दी']) expect(cleanText(text)).toBe(text);
});

test('a tower of accents is cut down', () => {
  expect(cleanText(`a${'\u0301'.repeat(500)}`).length).toBeLessThan(10);
});

test('a text that begins with a mark does not join what stands before it', () => {
  expect(cleanText('\u0301x')).toBe('\u25cc\u0301x');
});

test('a line has no line breaks', () => {
  expect(cleanLine('two\n\nlines')).toBe('two lines');
});

test('every text of a tree of data is cleaned, numbers and nulls stay', () => {
  const data = { name: 'bo\x1b[31mb\nx', list: [{ text: 'x\x07\ny' }], count: 3, none: null };
  expect(cleanData(data)).toEqual({ name: 'bob x', list: [{ text: 'x\ny' }], count: 3, none: null });
});

test('no text whatever leaves a control character behind, and cleaning twice changes nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const clean = cleanText(text);
      expect(clean).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
      expect(cleanText(clean)).toBe(clean);
    }),
  );
});
