import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ESCAPE_WAIT_MS, KeyParser, PASTE_WAIT_MS } from '../../src/tui/terminal/key-parser.ts';

/** Names of the keys in `reads`, one string a read of the keyboard. */
function keysOf(...reads: (string | Buffer)[]): string[] {
  const parser = new KeyParser();
  const keys = reads.flatMap((read) => parser.feed(Buffer.from(read)));
  return [...keys, ...(parser.wantsFlush() === undefined ? [] : parser.flush())].map(({ name }) => name);
}

function pasted(...reads: string[]): string[] {
  const parser = new KeyParser();
  return reads
    .flatMap((read) => parser.feed(Buffer.from(read)))
    .map(({ name, text }) => (name === 'paste' ? text : name));
}

test('keys that came glued in one read come apart', () => {
  expect(keysOf('ab\rc')).toEqual(['a', 'b', 'enter', 'c']);
  expect(keysOf('q\x1b[A\x7f\x1bOP ')).toEqual(['q', 'up', 'backspace', 'f1', 'space']);
});

test('an arrow torn over three reads is one arrow', () => {
  expect(keysOf('\x1b', '[', 'A')).toEqual(['up']);
  expect(keysOf('\x1b[5', '~x')).toEqual(['page-up', 'x']);
});

test('a lone escape is the Escape key once nothing has followed for a moment', () => {
  const parser = new KeyParser();
  expect(parser.feed(Buffer.from('\x1b'))).toEqual([]);
  expect(parser.wantsFlush()).toBe(ESCAPE_WAIT_MS);
  expect(parser.flush()).toEqual([{ name: 'escape', text: '' }]);
  expect(parser.wantsFlush()).toBeUndefined();
});

test('a letter behind an escape is that letter with Alt, and no text', () => {
  const [key] = new KeyParser().feed(Buffer.from('\x1ba'));
  expect(key).toEqual({ name: 'alt-a', text: '' });
  expect(keysOf('\x1b\x1b[A', '\x1b\x7f', '\x1b\r')).toEqual(['alt-up', 'alt-backspace', 'alt-enter']);
});

test.each([
  ['\x1b[1;5D', 'ctrl-left'],
  ['\x1b[1;3C', 'alt-right'],
  ['\x1b[Z', 'shift-tab'],
  ['\x1b[H', 'home'],
  ['\x1bOF', 'end'],
  ['\x1b[3~', 'delete'],
  ['\x1b[6~', 'page-down'],
  ['\x03', 'ctrl-c'],
  ['\x0c', 'ctrl-l'],
  ['\x1a', 'ctrl-z'],
  ['\n', 'ctrl-j'],
  ['\t', 'tab'],
  ['\b', 'backspace'],
])('%j is %s', (bytes, name) => {
  expect(keysOf(bytes)).toEqual([name]);
});

test('releases of the mouse, focus and unknown codes are swallowed whole', () => {
  expect(keysOf('a\x1b[<0;10;5mb\x1b[I\x1b[O\x1b[?1;2c\x1b[99~c')).toEqual(['a', 'b', 'c']);
});

test('a paste is one key, line breaks and all, however it was torn', () => {
  expect(pasted('\x1b[200~one\rtwo\x1b[201~x')).toEqual(['one\rtwo', 'x']);
  expect(pasted('\x1b[20', '0~on', 'e\x1b[2', '01~', 'q')).toEqual(['one', 'q']);
  expect(pasted('\x1b[200~\x1b[A\x03\x1b[201~')).toEqual(['\x1b[A\x03']);
});

test('a paste whose end never comes is taken after a while', () => {
  const parser = new KeyParser();
  parser.feed(Buffer.from('\x1b[200~half'));
  expect(parser.wantsFlush()).toBe(PASTE_WAIT_MS);
  expect(parser.flush()).toEqual([{ name: 'paste', text: 'half' }]);
  expect(keysOf('a')).toEqual(['a']);
});

test('letters of several bytes may be torn anywhere', () => {
  const bytes = Buffer.from('é日🐦');
  for (let cut = 1; cut < bytes.length; cut++) {
    expect(keysOf(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(['é', '日', '🐦']);
  }
});

test('whatever the bytes and however they are cut, nothing throws, nothing stays for ever, text is never a control', () => {
  const bytes = fc.array(fc.oneof(fc.constantFrom(0x1b, 0x5b, 0x4f, 0x7e, 0x0d, 0x3b, 0x32, 0x30), fc.nat(255)), {
    maxLength: 80,
  });
  fc.assert(
    fc.property(bytes, fc.nat(80), (all, cut) => {
      const parser = new KeyParser();
      const buffer = Buffer.from(all);
      const keys = [
        ...parser.feed(buffer.subarray(0, cut)),
        ...parser.feed(buffer.subarray(cut)),
        ...parser.flush(),
        ...parser.flush(),
      ];
      expect(parser.wantsFlush()).toBeUndefined();
      for (const { name, text } of keys) {
        expect(name).not.toBe('');
        if (name !== 'paste') expect(text).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
      }
    }),
  );
});

test('text without control codes comes out as it went in, whatever the cut', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), fc.nat(40), (text, cut) => {
      fc.pre(!/[\x00-\x1f\x7f-\x9f\ufffd]/.test(text));
      const parser = new KeyParser();
      const bytes = Buffer.from(text);
      const keys = [...parser.feed(bytes.subarray(0, cut)), ...parser.feed(bytes.subarray(cut))];
      expect(keys.map((key) => key.text).join('')).toBe(bytes.toString());
    }),
  );
});

test('what the terminal answers is no key, torn or whole, and its end may be missing', () => {
  const parser = new KeyParser();
  parser.awaitsAnswer = true;
  expect(parser.feed(Buffer.from('a\x1b'))).toEqual([{ name: 'a', text: 'a' }]);
  expect(parser.wantsFlush()).toBeGreaterThan(ESCAPE_WAIT_MS);
  expect(parser.feed(Buffer.from(']11;rgb:ff'))).toEqual([]);
  expect(parser.wantsFlush()).toBe(PASTE_WAIT_MS);
  expect(parser.feed(Buffer.from('ff/ffff/ffff\x1b\\b'))).toEqual([
    { name: 'answer', text: '11;rgb:ffff/ffff/ffff' },
    { name: 'b', text: 'b' },
  ]);
  expect(parser.awaitsAnswer).toBe(false);
  expect(keysOf('\x1b]11;rgb:0/0/0\x07q')).toEqual(['answer', 'q']);
  expect(keysOf('\x1b]11;rgb:')).toEqual([]);
  expect(keysOf(`\x1b]1${'x'.repeat(1_000)}`)).toEqual([]);
  expect(keysOf('\x1b]', 'x')).toEqual(['alt-]', 'x']);
});

test('clicks and the wheel are told with their place; releases and moves are nothing', () => {
  const parser = new KeyParser();
  expect(parser.feed(Buffer.from('\x1b[<0;3;5M\x1b[<0;3;5m\x1b[<65;1;1M\x1b[<80;9;9M\x1b[<35;2;2Mx'))).toEqual([
    { name: 'click', text: '', at: { column: 2, row: 4 } },
    { name: 'wheel-down', text: '', at: { column: 0, row: 0 } },
    { name: 'wheel-up', text: '', at: { column: 8, row: 8 } },
    { name: 'x', text: 'x' },
  ]);
});
