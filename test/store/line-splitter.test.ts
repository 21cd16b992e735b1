import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter } from '../../src/store/line-splitter.ts';

test('however a stream is cut, the same lines come out, also across the bytes of one character', () => {
  const lines = ['{"a":1}', 'grüße 😀', 'x'.repeat(300)];
  const bytes = Buffer.from(`${lines.join('\n')}\n\n  \n`);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 8 }), (cuts) => {
      const splitter = new LineSplitter(1000);
      const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const out = edges.slice(1).flatMap((end, i) => splitter.push(bytes.subarray(edges[i], end)));
      expect(out).toEqual(lines);
    }),
  );
});

test('a line over the bound ends the stream, whole or in pieces, and what came before it is kept', () => {
  const whole = new LineSplitter(10);
  expect(whole.push(Buffer.from(`fits\n${'x'.repeat(11)}\nlater\n`))).toEqual(['fits']);
  expect(whole.overflowed).toBe(true);
  expect(whole.push(Buffer.from('more\n'))).toEqual([]);

  const pieces = new LineSplitter(10);
  for (let i = 0; i < 10; i++) pieces.push(Buffer.from('x'));
  expect(pieces.overflowed).toBe(false);
  pieces.push(Buffer.from('x'));
  expect(pieces.overflowed).toBe(true);
});
