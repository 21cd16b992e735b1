/**
 * Issue "Supernodes and the Global Index": the login server is asked for a name only when the index cannot answer, and
 * it alone, when it is there. In virtual time, with the real cores.
 */
import { expect } from 'vitest';
import { NAME_ASK_BURST, NAME_ASK_MS, NAME_ASK_REFILL_MS } from '../../src/net/protocol/params.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { type Scene, seeded as seededFor } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';
import { personAt, search } from '../support/searchers.ts';

function seeded(name: string, scene: Scene): void {
  seededFor(name, scene, { runs: 1 });
}

/** Accounts that the login server has looked up so far: for whoever signed up or in, and for whoever asked. */
function lookUps({ login }: PeopleWorld): number {
  return login.events.filter((event) => event.type === 'effect' && event.effect.effect === 'store.find').length;
}

/** Four supernodes, of which two are cut off from alice; bobby signs up over there. */
function cutInHalf(world: World): { readonly people: PeopleWorld; readonly alice: Person } {
  const people = new PeopleWorld(world, ['super1', 'super2', 'super3', 'super4']);
  world.advance(3_000);
  const alice = personAt(people, 'super1', 'alice1');
  world.host('bobby1');
  const here = ['super1', 'super2', 'alice1'].map((name) => world.host(name).address);
  const there = ['super3', 'super4', 'bobby1'].map((name) => world.host(name).address);
  world.block(
    ({ from, to }) =>
      (here.includes(from.host) && there.includes(to.host)) || (there.includes(from.host) && here.includes(to.host)),
  );
  personAt(people, 'super3', 'bobby1');
  // Until each half has given up the other.
  world.advance(60_000);
  return { people, alice };
}

const FOUND = {
  hits: [{ name: 'bobby1', displayName: '', from: 'login-server' }],
  complete: false,
  more: false,
  incomplete: true,
};
const NOBODY = { hits: [], complete: false, more: false, incomplete: true };

seeded('what the index can answer is answered without the login server: who is there, and that nobody is', (world) => {
  const people = new PeopleWorld(world, ['super1', 'super2']);
  world.advance(3_000);
  const alice = personAt(people, 'super1', 'alice1');
  personAt(people, 'super2', 'bobby1');
  world.advance(3_000);
  const before = lookUps(people);
  expect(search(alice, 'bobby1')).toMatchObject({ hits: [{ name: 'bobby1', displayName: 'bobby1' }], complete: true });
  expect(search(alice, 'nobody1')).toMatchObject({ hits: [], complete: true });
  expect(lookUps(people)).toBe(before);
});

seeded(
  'half the index is cut off: a name that it has not is found by the login server, in its own letters',
  (world) => {
    const { people, alice } = cutInHalf(world);
    const before = lookUps(people);
    expect(search(alice, ' BOBBY1 ')).toEqual(FOUND);
    expect(search(alice, 'nobody1')).toEqual(NOBODY);
    expect(lookUps(people)).toBe(before + 2);
    // Not for what is no whole name, and not for oneself.
    for (const pattern of ['bob*', 'bobby1*', 'bobby1 x', 'alice1']) expect(search(alice, pattern)).toEqual(NOBODY);
    expect(lookUps(people)).toBe(before + 2);
  },
);

seeded('and also when a supernode must carry the question; without any login server the list is as before', (world) => {
  const { people, alice } = cutInHalf(world);
  // Nobody answers, nobody refuses: what takes longest.
  world.block(({ to }, sender) => sender === 'alice1' && to.host === people.loginAddress);
  world.advance(5_000);
  expect(search(alice, 'bobby1')).toEqual(FOUND);
  world.block(({ from, to }) => [from.host, to.host].includes(people.loginAddress));
  world.advance(60_000);
  for (let turn = 0; turn < 6; turn += 1) {
    const begin = world.now;
    expect(search(alice, 'bobby1')).toEqual(NOBODY);
    expect(world.now - begin).toBeLessThanOrEqual(NAME_ASK_MS + 500);
  }
});

seeded(
  'no supernode is left: a name is found all the same, a flood of names is bounded, and the rest fails',
  (world) => {
    const people = new PeopleWorld(world, ['super1']);
    const alice = personAt(people, 'super1', 'alice1');
    personAt(people, 'super1', 'bobby1');
    people.supernodes.get('super1')?.stop();
    world.until(() => !alice.online, 90_000);
    expect(search(alice, 'bobby1')).toEqual(FOUND);
    const before = lookUps(people);
    const begin = world.now;
    const ended = () => alice.node.events.filter(({ type }) => type === 'search-failed').length;
    for (let turn = 1; turn <= 400; turn += 1) {
      alice.does({ type: 'search', ticket: turn, pattern: `nobody${turn}`, limit: 50 });
      world.advance(50);
    }
    world.advance(NAME_ASK_MS);
    expect(ended()).toBe(400);
    const refilled = Math.ceil((world.now - begin) / NAME_ASK_REFILL_MS);
    expect(lookUps(people) - before).toBeGreaterThan(1);
    expect(lookUps(people) - before).toBeLessThanOrEqual(NAME_ASK_BURST + refilled);
  },
);
