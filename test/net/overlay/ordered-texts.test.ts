import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OrderedTexts } from '../../../src/net/overlay/ordered-texts.ts';

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });

test('an ordered set of texts is a sorted array, whatever was added and taken out', () => {
  const step = fc.record({ text: word, add: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3_000 }), word, word, (steps, head, after) => {
      const [mine, theirs] = [new OrderedTexts(), new Set<string>()];
      for (const { text, add } of steps) {
        if (add) expect(mine.add(text)).toBe(!theirs.has(text));
        else expect(mine.delete(text)).toBe(theirs.has(text));
        if (add) theirs.add(text);
        else theirs.delete(text);
      }
      const sorted = [...theirs].sort();
      expect(mine.size).toBe(sorted.length);
      expect([...mine.from('')]).toEqual(sorted);
      expect([...mine.beginningWith(head)]).toEqual(sorted.filter((one) => one.startsWith(head) && one > ''));
      expect([...mine.beginningWith(head, after)]).toEqual(sorted.filter((one) => one.startsWith(head) && one > after));
      expect(sorted.every((one) => mine.has(one))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test('blocks are cut and vanish: 20000 texts in and out again', () => {
  const set = new OrderedTexts();
  const texts = Array.from({ length: 20_000 }, (_, i) => `${(i * 7919) % 20_000}`.padStart(5, '0'));
  for (const text of texts) set.add(text);
  expect([...set.from('19990')]).toEqual(texts.filter((text) => text >= '19990').sort());
  for (const text of texts) expect(set.delete(text)).toBe(true);
  expect(set.size).toBe(0);
  expect([...set.from('')]).toEqual([]);
});
