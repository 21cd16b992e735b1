/** People at chosen supernodes who search, for scenes of the Global Index in virtual time. */
import type { SupernodeLoad } from '../../src/net/node/supernode.ts';
import type { PeopleWorld, Person, PersonOptions } from '../sim/people-world.ts';

/** Signed up, with this supernode as the only one heard of. */
export function personAt(people: PeopleWorld, supernode: string, name: string, options: PersonOptions = {}): Person {
  const { world } = people;
  world.host(name);
  const host = world.host(supernode).address;
  const person = people.person(name, undefined, { supernodes: [{ carrier: 'udp', host, port: 4000 }], ...options });
  person.signUp();
  return person;
}

/** The supernode that the person is attached to. */
export function homeOf({ world }: PeopleWorld, person: Person): string | undefined {
  const link = person.node.events.findLast((event) => event.type === 'link');
  const host = link?.type === 'link' ? link.endpoint?.host : undefined;
  return [...person.world.supernodes.keys()].find((name) => world.host(name).address === host);
}

export interface Found {
  readonly hits: readonly { readonly name: string; readonly displayName: string }[];
  readonly complete: boolean;
}

let ticket = 1_000;

/** What a search brings. Throws when it fails. */
export function search(person: Person, pattern: string, limit = 50): Found {
  ticket += 1;
  const mine = ticket;
  person.does({ type: 'search', ticket: mine, pattern, limit });
  const answer = () =>
    person.node.events.find(
      (one) => (one.type === 'search-results' || one.type === 'search-failed') && one.ticket === mine,
    );
  person.world.world.until(() => answer() !== undefined, 10_000);
  const event = answer();
  if (event?.type !== 'search-results') throw new Error(`${pattern}: ${JSON.stringify(event)}`);
  const { ticket: _ticket, type: _type, ...found } = event;
  return found;
}

/** What a supernode says of its load. */
export function loadOf(people: PeopleWorld, supernode: string): SupernodeLoad {
  const running = people.supernodes.get(supernode);
  running?.command({ type: 'report' });
  const event = running?.events.findLast(({ type }) => type === 'load');
  if (event?.type !== 'load') throw new Error(`no load of ${supernode}`);
  return event.load;
}
