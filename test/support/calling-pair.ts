/**
 * Two people who call one another, again and again, over lines of a figure: L0 has no delay, W100 50 ms each way between
 * a person and the core and twice that between two people. For tests and for `bench/`.
 */
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { gatewayOf, type Place } from '../sim/places.ts';
import type { World } from '../sim/world.ts';

/** ms each way between a person and the core. */
export const LINES = { L0: 0, W100: 50 } as const;
export type Line = keyof typeof LINES;
export interface Pair {
  readonly world: World;
  readonly people: PeopleWorld;
  readonly alice: Person;
  readonly bobby: Person;
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
