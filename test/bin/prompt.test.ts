import { expect, test } from 'vitest';
import { type Answer, typeInto } from '../../bin/commands/prompt.ts';

const EMPTY: Answer = { text: '', state: 'open', rest: '' };
const typed = (...reads: readonly string[]) => reads.reduce(typeInto, EMPTY);

test('Enter gives the answer, and what was typed after it is kept', () => {
  expect(typed('geheim', '\rnext')).toEqual({ text: 'geheim', state: 'given', rest: 'next' });
});

test('Backspace takes one character back, also one of two code units, and nothing from nothing', () => {
  expect(typed('\u007fab🦜\u007f\u007fc\r').text).toBe('ac');
});

test('Ctrl-U starts over', () => {
  expect(typed('wrong\u0015right\n').text).toBe('right');
});

test('Ctrl-C gives up, as does Ctrl-D on an empty answer and only there', () => {
  expect(typed('half\u0003').state).toBe('interrupted');
  expect(typed('\u0004').state).toBe('interrupted');
  expect(typed('half\u0004\r')).toEqual({ text: 'half', state: 'given', rest: '' });
});

test('arrow and function keys leave no trace in a password', () => {
  expect(typed('a\u001b[A\u001b[1;5Cb\u001bOPc\u001b[3~\r').text).toBe('abc');
});

test('an endless answer is bounded', () => {
  expect(typed('x'.repeat(5000), '\r').text).toHaveLength(1024);
});
