/**
 * Every place of the lab against every other, with real wren processes behind real NATs: the route of every cell is
 * that of the common table (`../places.ts`), which the same scene in virtual time is held to as well
 * (`test/flows/places.test.ts`). About a minute and a half; `npm run lab -- --grid` shows the times of each cell.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectedRoute, PLACES, type Place } from '../places.ts';
import { type Cell, GRID_DEFAULTS, Grid, gridLines, isAsExpected, type PersonFacts } from './grid.ts';
import { labSupport } from './keeper.ts';

const support = labSupport();
if (!support.ok) console.log(`SKIPPED the grid of calls in the network lab: ${support.why}`);

/** A tenth of the cells: so often it is said how far the grid is. */
const PROGRESS_CELLS = 9;
/** On a machine that does nothing else: 0.3 s, most of it the start of the voice child. */
const SOUND_MS_MAX = 5_000;
/** Where a busy machine spoilt a port (realtime.md 1.6), that is over after the 30 s of an unanswered binding. */
const FORGOTTEN_MS = 31_000;
/** Passes over the cells that were spoilt. */
const AGAIN_MAX = 2;

/** SYM with a NAT that is not: found by chance (P3: in 95 of 100 calls), and not tried again for ten minutes. */
function byBirthday(caller: Place, callee: Place): boolean {
  const other = caller === 'SYM' ? callee : callee === 'SYM' ? caller : undefined;
  return other !== undefined && other !== 'PUB' && expectedRoute('lab', caller, callee) === 'direct';
}

/** It would not be tried again so soon. */
function isUnlucky({ caller, callee, route }: Cell): boolean {
  return byBirthday(caller, callee) && route === 'relay';
}

const PAIRS = PLACES.flatMap((caller) => PLACES.map((callee) => ({ caller, callee })));

describe.skipIf(!support.ok)('the grid of the lab', () => {
  let grid: Grid;
  const people: PersonFacts[] = [];
  const cells = new Map<string, Cell>();
  const keyOf = (caller: Place, callee: Place): string => `${caller} ${callee}`;

  beforeAll(async () => {
    grid = await Grid.start({ ...GRID_DEFAULTS, callers: PLACES, callees: PLACES });
    const keep = (cell: Cell) => cells.set(keyOf(cell.caller, cell.callee), cell);
    await grid.callAll({
      person: (facts) => people.push(facts),
      cell: (cell) => {
        keep(cell);
        if (cells.size % PROGRESS_CELLS === 0) console.log(`lab grid: ${cells.size} of ${PAIRS.length} cells`);
      },
    });
    for (let again = 0; ; again += 1) {
      const spoilt = [...cells.values()].filter((cell) => !isAsExpected(cell) && !isUnlucky(cell));
      if (spoilt.length === 0) return;
      if (again === AGAIN_MAX) {
        for (const { caller, callee } of spoilt) console.log((await grid.circumstances(caller, callee)).join('\n'));
        return;
      }
      const words = spoilt.map(({ caller, callee, route }) => `${caller} -> ${callee}: ${route}`);
      console.log(`lab grid: once more ${words.join(', ')}`);
      await sleep(FORGOTTEN_MS);
      for (const { caller, callee } of spoilt) keep(await grid.call(caller, callee));
    }
  }, 900_000);
  afterAll(() => grid?.stop());

  it.each(PLACES)('%s signs in', (place) => {
    const facts = people.filter((one) => one.place === place);
    expect(facts.map(({ ok }) => ok)).toEqual(facts.map(() => true));
    expect(facts).toHaveLength(2);
  });

  // How often is the simulator's to show (figure P3, `flows/paths.test.ts`): eight throws of the dice prove no 95 %, and a
  // machine that does much besides throws them too late.
  it('SYM is met directly by most who are behind another NAT', () => {
    const pairs = PAIRS.filter(({ caller, callee }) => byBirthday(caller, callee));
    const met = pairs.filter(({ caller, callee }) => cells.get(keyOf(caller, callee))?.route === 'direct');
    expect(met.length).toBeGreaterThanOrEqual(pairs.length / 2);
  });

  it.each(PAIRS)('$caller calls $callee by the way in the table', ({ caller, callee }) => {
    const cell = cells.get(keyOf(caller, callee));
    const expected = expectedRoute('lab', caller, callee);
    if (byBirthday(caller, callee)) expect([expected, 'relay'], cell?.why).toContain(cell?.route);
    else expect(cell?.route, cell?.why).toBe(expected);
    if (cell?.route !== '-') expect(cell?.firstSoundMs).toBeLessThan(SOUND_MS_MAX);
  });
});

it('the grid has a row for each caller and a column for each callee, whatever the order of the calls', () => {
  const cells = [
    { caller: 'PR', callee: 'PUB', route: 'direct', setupMs: 30, firstSoundMs: 120, directMs: 400 },
    { caller: 'PUB', callee: 'PUB', route: 'direct', setupMs: 20, firstSoundMs: 100, directMs: 20 },
    { caller: 'PUB', callee: 'PR', route: 'relay/tcp', setupMs: 20, firstSoundMs: 90, directMs: undefined },
    { caller: 'PR', callee: 'PR', route: 'no-call' },
  ] as const;
  expect(gridLines(cells, { callers: ['PUB', 'PR'], callees: ['PUB', 'PR'] })).toEqual([
    'caller \\ callee  PUB             PR',
    'PUB              direct 100/20   !relay/tcp 90/-',
    'PR               direct 120/400  !no-call',
  ]);
});
