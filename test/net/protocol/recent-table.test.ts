/** Tables that forget what was set longest ago. */
import { expect, test } from 'vitest';
import { setRecent } from '../../../src/net/protocol/recent-table.ts';

test('what was set longest ago is forgotten first, and what was set again is young again', () => {
  const table = new Map<string, number>();
  setRecent(table, 'a', 1, 2);
  setRecent(table, 'b', 2, 2);
  setRecent(table, 'a', 3, 2);
  expect([...table]).toEqual([
    ['b', 2],
    ['a', 3],
  ]);
  setRecent(table, 'c', 4, 2);
  expect([...table]).toEqual([
    ['a', 3],
    ['c', 4],
  ]);
});
