/** What the flows about paths share: a scene with its seed, the beginning of a call, and figures over many of them. */
import { expect } from 'vitest';
import type { Person } from '../sim/people-world.ts';
import { replayCommand, runScene } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';
import { call, GapWatch, isDirect, type Pair } from './calling-pair.ts';

export { call, GapWatch, hangUp, isDirect, type Line, type Pair, pair } from './calling-pair.ts';

/** So long virtual minutes pass that a person may have many ports again. */
export const RATION_MS = 620_000;

/** What was measured, a line each. */
export const measured: string[] = [];

export async function scene(seed: number, play: (world: World) => void): Promise<void> {
  const { testPath = '', currentTestName = '' } = expect.getState();
  await runScene(play, seed, replayCommand(seed, testPath, currentTestName.replaceAll(' > ', ' ')));
}

export interface Begun {
  /** From the answer until both hear. */
  readonly soundMs: number;
  /** From the answer until both have left the relay; Infinity when not within the limit. */
  readonly directMs: number;
  /** The longest silence from the first sound on. */
  readonly gapMs: number;
}

export function begin(both: Pair, limitMs: number): Begun {
  const { world, alice, bobby } = both;
  const heard = [alice, bobby].map((person) => person.heard.length);
  call(both);
  const answeredAt = world.now;
  // What was told of the call before is still in the events.
  const since = [alice, bobby].map((person) => person.node.events.length);
  const isNew = (person: Person, index: number): boolean =>
    person.node.events.slice(since[index]).some((event) => event.type === 'path' && event.path !== 'relay');
  let watch: GapWatch | undefined;
  let soundMs = Number.POSITIVE_INFINITY;
  let directMs = Number.POSITIVE_INFINITY;
  // A second more, for the change of ways itself.
  for (let until = answeredAt + limitMs; world.now < until; ) {
    world.advance(5);
    watch?.look();
    if (!watch && [alice, bobby].every((person, index) => person.heard.length > (heard[index] ?? 0))) {
      watch = new GapWatch(world, [alice, bobby]);
      soundMs = world.now - answeredAt;
    }
    if (directMs < Number.POSITIVE_INFINITY || ![alice, bobby].every(isNew) || ![alice, bobby].every(isDirect))
      continue;
    directMs = world.now - answeredAt;
    until = Math.min(until, world.now + 1_000);
  }
  return { soundMs, directMs, gapMs: watch?.longestMs ?? Number.POSITIVE_INFINITY };
}

/** The value that this share of them does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function note(what: string, values: readonly number[]): void {
  const [p50, p95, worst] = [0.5, 0.95, 1].map((share) => Math.round(quantile(values, share)));
  measured.push(`${what}: n ${values.length}, p50 ${p50} ms, p95 ${p95} ms, worst ${worst} ms`);
}
