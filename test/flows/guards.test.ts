/**
 * What a supernode must not tell, nor let be asked too often, among several of them: a person who blocked somebody is
 * nowhere to that somebody, whoever is not listed is found by the exact name alone, and nobody reads the index page by
 * page. In virtual time, with the real cores.
 */
import { expect } from 'vitest';
import { SEARCH_PAGES_BURST } from '../../src/net/protocol/overlay-params.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { type Scene, seeded as seededFor } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

function seeded(name: string, scene: Scene): void {
  seededFor(name, scene, { runs: 1 });
}

/** Supernodes have found one another by then, and what was published has reached all. */
const MET_MS = 3_000;

/** Somebody who has only heard of this supernode, signed up and published. */
function at(people: PeopleWorld, supernode: string, name: string): Person {
  const { world } = people;
  world.host(name);
  const endpoint = { carrier: 'udp', host: world.host(supernode).address, port: 4000 } as const;
  const person = people.person(name, undefined, { supernodes: [endpoint] });
  person.signUp();
  world.advance(500);
  return person;
}

function network(world: World, count: number): PeopleWorld {
  const people = new PeopleWorld(
    world,
    Array.from({ length: count }, (_, index) => `super${index + 1}`),
  );
  world.advance(MET_MS);
  return people;
}

let ticket = 5_000;

interface Answer {
  readonly type: string;
  readonly code?: string;
  readonly retryAfterMs?: number;
  readonly hits?: readonly { readonly name: string }[];
  readonly complete?: boolean;
}

function searches(world: World, person: Person, pattern: string): Answer {
  ticket += 1;
  const mine = ticket;
  person.does({ type: 'search', ticket: mine, pattern, limit: 50 });
  const answer = () =>
    person.node.events.find(
      (one) => (one.type === 'search-results' || one.type === 'search-failed') && one.ticket === mine,
    );
  world.until(() => answer() !== undefined, 15_000);
  return answer() as Answer;
}

const names = ({ hits = [] }: Answer): string[] => hits.map(({ name }) => name);

seeded('who blocks somebody is nowhere to them, at their own supernode and at any other, and while away', (world) => {
  const people = network(world, 3);
  const bobby = at(people, 'super1', 'bobby1');
  const near = at(people, 'super1', 'mallory1');
  const far = at(people, 'super2', 'mallory2');
  const carol = at(people, 'super3', 'carol-1');
  for (const person of [near, far, carol]) {
    person.befriend(bobby);
    expect(names(searches(world, person, 'bobby'))).toEqual(['bobby1']);
  }
  for (const { name } of [near, far]) bobby.does({ type: 'roster', command: { type: 'block', name } });
  world.advance(MET_MS);
  const linesBefore = bobby.lines.length;
  const askedBefore = bobby.node.events.filter(({ type }) => type === 'path-test-asked').length;
  const look = (): void => {
    for (const person of [near, far]) {
      // Prefix, wildcard, words of the display name, and the very name.
      for (const pattern of ['bobby', 'b*1', 'BOBBY1', 'bobby1', '*obby*'])
        expect([pattern, names(searches(world, person, pattern))]).toEqual([pattern, []]);
    }
    expect(names(searches(world, carol, 'bobby'))).toEqual(['bobby1']);
  };
  look();
  for (const person of [near, far]) {
    expect(person.presence.get('bobby1')).toBe('offline');
    person.calls(bobby);
    person.says(bobby, 'are you there?');
    person.does({ type: 'test-path', ticket: 1, name: 'bobby1' });
    world.advance(6_000);
    expect(person.callLog.includes('ringing')).toBe(false);
    expect(person.delivered.size).toBe(0);
    // Started anew: nothing is left of sessions and sightings.
    person.kill();
    person.presence.clear();
    person.start();
    world.until(() => person.online, 10_000);
    world.advance(5_000);
    expect(person.presence.get('bobby1') ?? 'offline').toBe('offline');
  }
  expect([bobby.callLog, bobby.lines.length]).toEqual([[], linesBefore]);
  expect(bobby.node.events.filter(({ type }) => type === 'path-test-asked')).toHaveLength(askedBefore);
  bobby.does({ type: 'leave' });
  bobby.kill();
  world.advance(5_000);
  look();
  expect(carol.presence.get('bobby1')).toBe('offline');
});

seeded('who unblocks somebody is found by them again', (world) => {
  const people = network(world, 2);
  const bobby = at(people, 'super1', 'bobby1');
  const alice = at(people, 'super2', 'alice1');
  bobby.does({ type: 'roster', command: { type: 'block', name: 'alice1' } });
  world.advance(MET_MS);
  expect(names(searches(world, alice, 'bob*'))).toEqual([]);
  bobby.does({ type: 'roster', command: { type: 'unblock', name: 'alice1' } });
  world.advance(MET_MS);
  expect(names(searches(world, alice, 'bob*'))).toEqual(['bobby1']);
});

seeded('somebody blocked does not see the other at the standby supernode, nor when that takes over', (world) => {
  const people = network(world, 3);
  const [alice, bobby] = people.buddies();
  world.advance(60_000);
  bobby.does({ type: 'roster', command: { type: 'block', name: 'alice1' } });
  world.until(() => alice.presence.get('bobby1') === 'offline', 3_000);
  const online: string[] = [];
  for (const name of [...people.supernodes.keys()]) {
    people.supernodes.get(name)?.stop();
    for (let t = 0; t < 30_000; t += 250) {
      world.advance(250);
      if (alice.presence.get('bobby1') !== 'offline') online.push(`${name} ${t}`);
    }
    people.startSupernode(name);
    world.advance(20_000);
  }
  expect(online).toEqual([]);
  expect(alice.online && bobby.online).toBe(true);
});

seeded('whoever is not listed is found by the exact name, and by nothing else, from everywhere', (world) => {
  const people = network(world, 3);
  const bobby = at(people, 'super1', 'bobby1');
  const watchers = ['super1', 'super2', 'super3'].map((name, index) => at(people, name, `watcher${index}`));
  bobby.does({ type: 'presence', status: 'invisible' });
  world.advance(MET_MS);
  for (const person of watchers) {
    expect(names(searches(world, person, 'Bobby1'))).toEqual(['bobby1']);
    for (const pattern of ['bobby', 'bob*', 'bobby1*', '*1', 'b', 'bobby1 x'])
      expect([pattern, names(searches(world, person, pattern))]).toEqual([
        pattern,
        pattern === '*1' ? ['watcher1'].filter((one) => one !== person.name) : [],
      ]);
  }
});

seeded('an account has its pages once: another supernode, or a new start, does not fill them up', (world) => {
  const people = network(world, 3);
  at(people, 'super3', 'bobby1');
  const other = at(people, 'super2', 'carol-1');
  const supernodes = people.supernodeEndpoints();
  const alice = at(people, 'super1', 'alice1');
  let pages = 0;
  let refused: Answer | undefined;
  for (let i = 0; i < 2 * SEARCH_PAGES_BURST && !refused; i += 1) {
    // Slower than what one supernode takes from one node.
    world.advance(500);
    const answer = searches(world, alice, 'bob*');
    if (answer.type === 'search-failed') refused = answer;
    else pages += 1;
    // Every few pages elsewhere, with nothing remembered.
    if (i % 6 === 5) {
      alice.kill();
      alice.remembered = undefined;
      alice.tickets = [];
      alice.invited = [supernodes[((i / 6 + 1) % 3) | 0] as (typeof supernodes)[number]];
      alice.start();
      world.until(() => alice.online, 10_000);
    }
  }
  expect(refused).toMatchObject({ code: 'search-limit' });
  // One more a minute, and the scene took a few.
  expect(pages).toBeGreaterThanOrEqual(SEARCH_PAGES_BURST);
  expect(pages).toBeLessThanOrEqual(SEARCH_PAGES_BURST + 4);
  const { retryAfterMs = 0 } = refused ?? {};
  expect(retryAfterMs).toBeGreaterThan(0);
  expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  // By a whole name somebody is found all the same, and others are not asked to wait.
  expect(searches(world, alice, 'bobby1')).toMatchObject({ hits: [{ name: 'bobby1' }], complete: false });
  expect(searches(world, alice, 'nobody1')).toMatchObject({ code: 'search-limit' });
  expect(names(searches(world, other, 'bob*'))).toEqual(['bobby1']);
  world.advance(retryAfterMs + 100);
  expect(names(searches(world, alice, 'bob*'))).toEqual(['bobby1']);
});
