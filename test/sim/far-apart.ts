/**
 * People at their places, each 50 ms from the core and twice as far from one another: W100 of the figures, as scenes of the
 * places want it.
 */
import type { Place } from '../places.ts';
import type { PeopleWorld, Person } from './people-world.ts';
import { gatewayOf } from './places.ts';
import type { World } from './world.ts';

const CORE_DELAY_MS = 50;

export interface Joined {
  readonly person: Person;
  /** To sign up. */
  readonly tookMs: number | 'cannot';
}

/** They try to sign up one by one. */
export function joinedFarApart(people: PeopleWorld, where: { readonly [name: string]: Place }): Joined[] {
  const { world } = people;
  const gateways = new Set<string>();
  return Object.entries(where).map(([name, place]) => {
    const person = people.person(name, place);
    const gateway = gatewayOf(world.host(name));
    for (const core of ['login', 'super1']) world.link(gateway, core, { delayMs: CORE_DELAY_MS });
    for (const other of gateways) if (other !== gateway) world.link(gateway, other, { delayMs: 2 * CORE_DELAY_MS });
    gateways.add(gateway);
    return { person, tookMs: signUp(world, person) };
  });
}

function signUp(world: World, person: Person): number | 'cannot' {
  const begin = world.now;
  try {
    person.signUp();
  } catch (failure) {
    if (person.online) throw failure;
    return 'cannot';
  }
  return world.now - begin;
}
