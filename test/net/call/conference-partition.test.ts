/**
 * A conference that falls apart and comes together again, over many seeds: each half talks on by a mixer of its own, and
 * afterwards that of the larger half mixes for all. `WREN_PARTITIONS` plays as many seeds as it says.
 */
import { expect, it } from 'vitest';
import { ConferenceWorld, story, type Talker } from './conference-world.ts';

const SEEDS = Number(process.env.WREN_PARTITIONS ?? 12);
const NAMES = ['alice1', 'bobby1', 'carol1', 'david1', 'emily1', 'frank1', 'grace1', 'henry1'];

interface Healed {
  readonly seed: number;
  readonly tookMs: number;
  readonly mixer: string | undefined;
  readonly wished: string | undefined;
}

/** Parts of any sizes but equal ones, for any time up to a minute and a half. */
function healed(seed: number): Healed {
  const world = new ConferenceWorld(seed, { delayMs: [5, 5 + (seed % 5) * 20], loss: (seed % 4) * 0.02 });
  const dice = (below: number): number => Math.floor(world.random.fraction() * below);
  const all = NAMES.slice(0, 3 + dice(6)).map((name) => {
    return world.person(name, { reach: 1 + dice(5), uplinkKbps: dice(3_000), idleCenticores: 50 + dice(300) });
  });
  world.found(
    all[0] as Talker,
    all.slice(1).map(({ name }) => name),
  );
  world.run(15_000 + dice(10_000));
  const small = new Set<Talker>();
  const most = Math.floor((all.length - 1) / 2);
  for (const size = 1 + dice(most); small.size < size; ) small.add(all[dice(all.length)] as Talker);
  const large = all.filter((one) => !small.has(one));
  world.cut = (a, b) => small.has(a) !== small.has(b);
  world.run(2_000 + dice(seed % 6 === 0 ? 90_000 : 30_000));
  const wished = large[0]?.core.live?.reign.mixer;
  const before = all.map((one) => story(one).length);
  world.cut = () => false;
  // Who was alone for a minute has ended.
  const still = all.filter((one) => one.core.live);
  const tookMs = world.until(() => world.settled(still), 2_500);
  world.run(2_500);
  const told = all.flatMap((one, i) => story(one).slice(before[i]));
  if (told.some((line) => /^(ended|ringing|warning)/.test(line))) throw new Error(`seed ${seed}: ${told}`);
  return { seed, tookMs, mixer: still[0]?.core.live?.reign.mixer, wished };
}

it(`has the mixer of its larger half again within two seconds, and nobody does anything, over ${SEEDS} seeds`, () => {
  const found = Array.from({ length: SEEDS }, (_, i) => healed(i + 1));
  expect(found.filter(({ mixer, wished }) => mixer !== wished)).toEqual([]);
  expect(Math.max(...found.map(({ tookMs }) => tookMs))).toBeLessThanOrEqual(2_000);
});
