import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rank } from '../../../src/net/overlay/search-pattern.ts';
import { compilePattern } from '../../support/pattern-oracle.ts';
import { processorMs } from '../../support/processor-time.ts';

const TABLE: readonly [pattern: string, name: string, displayName: string, rank: Rank][] = [
  ['bobby1', 'bobby1', '', 4],
  ['BOBBY1', 'bobby1', '', 4],
  ['  bobby1 ', 'bobby1', '', 4],
  ['bob', 'bobby1', '', 3],
  ['obby', 'bobby1', '', 0],
  ['*obby*', 'bobby1', '', 2],
  ['b*1', 'bobby1', '', 2],
  ['b*y*1', 'bobby1', '', 2],
  ['b*2', 'bobby1', '', 0],
  ['bobby1*', 'bobby1', '', 2],
  ['*bobby1', 'bobby1', '', 2],
  // A first and a last part may not share a character.
  ['bobb*bby1', 'bobby1', '', 0],
  ['b**1', 'bobby1', '', 2],
  ['*', 'bobby1', 'Bob', 0],
  ['***', 'bobby1', 'Bob', 0],
  ['', 'bobby1', 'Bob', 0],
  ['   ', 'bobby1', 'Bob', 0],
  ['robert', 'bobby1', 'Robert Jones', 1],
  ['jon', 'bobby1', 'Robert Jones', 1],
  ['jones robert', 'bobby1', 'Robert Jones', 1],
  ['jones alice', 'bobby1', 'Robert Jones', 0],
  ['ones', 'bobby1', 'Robert Jones', 0],
  ['smith', 'bobby1', 'Jones-Smith', 1],
  // Wide and composed letters are the same word.
  ['Ｂｏｂ', 'bobby1', '', 3],
  ['Ünal', 'person1', 'Ünal', 1],
  ['*jones*', 'bobby1', 'Robert Jones', 0],
];

describe('a search pattern', () => {
  it.each(TABLE)('%j finds %s (%j) with rank %d', (pattern, name, displayName, rank) => {
    expect(compilePattern(pattern)(name, displayName)).toBe(rank);
  });

  const text = fc.string({ unit: 'grapheme', maxLength: 80 });
  it('never throws, and finds nobody by asterisks alone, whatever is typed', () => {
    fc.assert(
      fc.property(text, text, text, (pattern, name, displayName) => {
        const rank = compilePattern(pattern)(name, displayName);
        expect([0, 1, 2, 3, 4]).toContain(rank);
        if (pattern.replaceAll('*', '').trim() === '') expect(rank).toBe(0);
      }),
    );
  });

  it('is cheap even when it is meant not to be', () => {
    const spentMs = processorMs(() => {
      const matches = compilePattern(`${'*a'.repeat(500)}b`);
      for (let i = 0; i < 500; i++) matches('a'.repeat(32), 'a '.repeat(32));
    });
    expect(spentMs).toBeLessThan(500);
  });
});
