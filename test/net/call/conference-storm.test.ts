/**
 * Conferences when everything happens at once: people come, leave, die, are removed, go on hold and are cut off in any
 * order, over many seeds; then it is quiet, and within two seconds all who are in see the same people, have the same mixer
 * and hear it. `WREN_STORMS` runs as many seeds as it says.
 */
import { expect, it } from 'vitest';
import { storm } from './conference-storms.ts';

const SEEDS = Number(process.env.WREN_STORMS ?? 100);
const FIRST = Number(process.env.WREN_STORM_FIRST ?? 1);

it(`settles on one roster and one mixer within two seconds, over ${SEEDS} seeds`, {
  timeout: 600_000 + SEEDS * 1_000,
}, () => {
  const took: number[] = [];
  const failed: string[] = [];
  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    try {
      took.push(storm(seed));
    } catch (error) {
      failed.push((error as Error).message);
    }
  }
  expect(failed).toEqual([]);
  expect(Math.max(...took)).toBeLessThanOrEqual(2_000);
});
