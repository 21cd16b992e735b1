/**
 * Two people who call one another, again and again, over lines of a figure: L0 has no delay, W100 50 ms each way between
 * a person and the core and twice that between two people. What the flows about paths share.
 */
import { expect } from 'vitest';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { gatewayOf, type Place } from '../sim/places.ts';
import { replayCommand, runScene } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

/** ms each way between a person and the core. */
export const LINES = { L0: 0, W100: 50 } as const;
export type Line = keyof typeof LINES;
/** So long virtual minutes pass that a person may have many ports again. */
export const RATION_MS = 620_000;

/** What was measured, a line each. */
export const measured: string[] = [];

export interface Pair {
  readonly world: World;
  readonly people: PeopleWorld;
  readonly alice: Person;
  readonly bobby: Person;
}

export async function scene(seed: number, play: (world: World) => void): Promise<void> {
  const { testPath = '', currentTestName = '' } = expect.getState();
  await runScene(play, seed, replayCommand(seed, testPath, currentTestName.replaceAll(' > ', ' ')));
}

/** Two people in these places at the end of such lines, buddies unless told. */
export function pair(world: World, places: readonly [Place, Place], line: Line, buddies = true): Pair {
  const people = new PeopleWorld(world);
  const [alice, bobby] = [people.person('alice1', places[0]), people.person('bobby1', places[1])];
  const gateways = [...new Set(['alice1', 'bobby1'].map((name) => gatewayOf(world.host(name))))];
  const delayMs = LINES[line];
  for (const gateway of gateways) for (const core of ['login', 'super1']) world.link(gateway, core, { delayMs });
  const [one, other] = gateways;
  if (one !== undefined && other !== undefined) world.link(one, other, { delayMs: 2 * delayMs });
  alice.signUp();
  bobby.signUp();
  if (buddies) alice.befriend(bobby);
  return { world, people, alice, bobby };
}

export const isDirect = ({ path }: Person): boolean => path === 'direct' || path === 'lan';

/** Alice calls, Bobby answers as soon as it rings. */
export function call({ world, alice, bobby }: Pair): void {
  const rings = () => bobby.callLog.filter((word) => word === 'ringing').length;
  const before = rings();
  alice.calls(bobby);
  world.until(() => rings() > before);
  bobby.call_('answer');
}

export function hangUp({ world, alice, bobby }: Pair): void {
  alice.call_('hang-up');
  world.until(() => bobby.callLog.at(-1)?.startsWith('ended') === true);
}

/** How long people have heard nothing, looked at every few milliseconds. */
export class GapWatch {
  longestMs = 0;
  readonly #world: World;
  readonly #ears: { readonly person: Person; count: number; at: number }[];

  constructor(world: World, people: readonly Person[]) {
    this.#world = world;
    this.#ears = people.map((person) => ({ person, count: person.heard.length, at: world.now }));
  }

  look(): void {
    for (const ear of this.#ears) {
      const count = ear.person.heard.length;
      this.longestMs = Math.max(this.longestMs, this.#world.now - ear.at);
      if (count > ear.count) ear.at = this.#world.now;
      ear.count = count;
    }
  }
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
