/** What a terminal would obey, or a reader be fooled by, does not get through; everything else does. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cleanText, type TextRules } from '../../../src/net/chat/clean-text.ts';
import { processorMs } from '../../support/processor-time.ts';

const CHAT: TextRules = { bytesMax: 200, lines: 'many' };
const NAME: TextRules = { bytesMax: 200, lines: 'one' };

test('chat keeps newline, tab, accents, emoji families and scripts that run from right to left', () => {
  const text = 'héllo\n\tשלום 👩‍👩‍👧 مرحبا';
  expect(cleanText(text, CHAT)).toBe(text);
});

test.each([
  ['colours', '\u001b[1;31mred\u001b[0m', 'red'],
  ['a window title', '\u001b]0;owned\u0007hi', 'hi'],
  ['a hyperlink', '\u001b]8;;http://x\u001b\\click\u001b]8;;\u001b\\', 'click'],
  ['an unfinished sequence', 'a\u001b[12', 'a[12'],
  ['a bare escape', '\u001bc reset', 'c reset'],
  ['a bell and a backspace', 'a\u0007b\u0008c', 'abc'],
  ['eight-bit controls', '\u009b31mx\u0080y\u009f', '31mxy'],
  ['an override of direction', 'invoice\u202Efdp.exe\u2066\u2069', 'invoicefdp.exe'],
  ['DEL and a byte order mark', '\u007fa\ufeffb', 'ab'],
])('%s does not get through', (_what, text, clean) => {
  expect(cleanText(text, CHAT)).toBe(clean);
});

test('every kind of line end becomes a newline in chat and a space in a name', () => {
  expect(cleanText('a\r\nb\rc\u2028d\u0085e', CHAT)).toBe('a\nb\nc\nd\ne');
  expect(cleanText(' a\r\nb\tc\n', NAME)).toBe('a b c');
});

test('two spellings of one letter become the same text', () => {
  expect(cleanText('e\u0301', CHAT)).toBe('\u00e9');
});

test('what is too long is cut between two characters', () => {
  expect(cleanText('aé€😀', { bytesMax: 9, lines: 'many' })).toBe('aé€');
  expect(cleanText('aé€😀', { bytesMax: 10, lines: 'many' })).toBe('aé€😀');
  expect(cleanText('a b', { bytesMax: 2, lines: 'one' })).toBe('a');
});

test('half of a surrogate pair becomes the replacement character', () => {
  expect(cleanText('a\ud800b', CHAT)).toBe('a\ufffdb');
});

test('cleaning what is clean changes nothing, and the bound always holds', () => {
  const wild = fc.string({ unit: 'binary', maxLength: 80 });
  const nasty = fc.array(fc.constantFrom('\u001b', '[', ']', '31m', '\r', '\n', '\u0007', '\u0301', 'e', '\ud800'));
  const text = fc.oneof(
    wild,
    nasty.map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, fc.nat(60), fc.constantFrom('one' as const, 'many' as const), (dirty, bytesMax, lines) => {
      const clean = cleanText(dirty, { bytesMax, lines });
      expect(Buffer.byteLength(clean)).toBeLessThanOrEqual(bytesMax);
      expect(cleanText(clean, { bytesMax, lines })).toBe(clean);
      expect(clean).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }),
  );
});

test('a long run of combining marks costs little', () => {
  const flood = `a${'\u0316\u0301'.repeat(100_000)}`;
  expect(processorMs(() => cleanText(flood, { bytesMax: 16_384, lines: 'many' }))).toBeLessThan(500);
});
