/** Drawing lots: some of many, in random order. */
import type { Random } from '../protocol/core.ts';

/** All of them when there are not more than `count`. */
export function draw<T>(from: readonly T[], count: number, random: Random): T[] {
  if (count >= from.length / 2) return shuffled(from, random).slice(0, count);
  const places = new Set<number>();
  while (places.size < count) places.add(Math.floor(random.fraction() * from.length));
  return [...places].map((place) => from[place] as T);
}

/** Fisher and Yates. */
function shuffled<T>(from: readonly T[], random: Random): T[] {
  const all = [...from];
  for (let i = all.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random.fraction() * (i + 1));
    [all[i], all[j]] = [all[j] as T, all[i] as T];
  }
  return all;
}
