/** How the grid is printed; its numbers come from real calls (`npm run lab -- --grid`). */
import { expect, it } from 'vitest';
import { gridLines } from './grid.ts';

it('the grid has a row for each caller and a column for each callee, whatever the order of the calls', () => {
  const cells = [
    { caller: 'PR', callee: 'PUB', route: 'direct', setupMs: 30, firstSoundMs: 120, directMs: 400 },
    { caller: 'PUB', callee: 'PUB', route: 'direct', setupMs: 20, firstSoundMs: 100, directMs: 20 },
    { caller: 'PUB', callee: 'PR', route: 'relay/tcp', setupMs: 20, firstSoundMs: 90, directMs: undefined },
    { caller: 'PR', callee: 'PR', route: 'offline' },
  ] as const;
  expect(gridLines(cells, { callers: ['PUB', 'PR'], callees: ['PUB', 'PR'] })).toEqual([
    'caller \\ callee  PUB             PR',
    'PUB              direct 100/20   relay/tcp 90/-',
    'PR               direct 120/400  offline',
  ]);
});
