/**
 * A supernode with too much to do, in virtual time with the real cores: a newcomer is sent on in one round trip (N3), and
 * nobody runs in circles; whoever is killed is noticed by the second supernodes of its clients, who have them look (N2).
 */
import { expect } from 'vitest';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { type Scene, seeded as seededFor } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';
import { keyPair } from '../support/identities.ts';

/** Supernodes that find one another are much to compute on a busy machine. */
function seeded(name: string, scene: Scene, runs = 2): void {
  seededFor(name, scene, { runs });
}

/** Supernodes have found one another, and said how much they have to do. */
const MET_MS = 8_000;
/** Clients have found a second supernode. */
const SETTLED_MS = 12_000;

function linkOf(person: Person): string {
  const link = person.node.events.findLast((event) => event.type === 'link');
  return link?.type === 'link' && link.endpoint ? link.endpoint.host : '';
}

function at(people: PeopleWorld, supernode: string, name: string): Person {
  const host = people.world.host(supernode).address;
  return people.person(name, undefined, { supernodes: [{ carrier: 'udp', host, port: 4000 }] });
}

/** Three supernodes that take so many clients each, and that many at the first one. */
function full(world: World, clientsMax: number): PeopleWorld {
  const people = new PeopleWorld(world, []);
  people.clientsMax = clientsMax;
  for (const name of ['super1', 'super2', 'super3']) people.startSupernode(name);
  world.advance(MET_MS);
  for (let i = 0; i < clientsMax; i += 1) at(people, 'super1', `client-${i}`).signUp();
  world.advance(SETTLED_MS);
  return people;
}

seeded('a full supernode sends a newcomer on in one round trip, to one with less to do', (world) => {
  const people = full(world, 3);
  const late = at(people, 'super1', 'latecomer');
  for (const one of ['super1', 'super2', 'super3']) world.link('latecomer', one, { delayMs: 50 });
  world.link('latecomer', 'login', { delayMs: 50 });
  late.signUp();
  const [one, two, three] = ['super1', 'super2', 'super3'].map((name) => world.host(name).address);
  expect(linkOf(late)).not.toBe(one);
  expect([two, three]).toContain(linkOf(late));
  // Come again, it knows nothing but the full one: handshake and Attach there, one answer, the same once more elsewhere.
  late.kill();
  const loads = (): number[] =>
    ['super1', 'super2', 'super3'].map((name) => {
      const node = people.supernodes.get(name);
      node?.command({ type: 'report' });
      const load = node?.events.findLast((event) => event.type === 'load');
      return load?.type === 'load' ? load.load.clients : -1;
    });
  world.advance(60_000);
  expect(loads()[0]).toBe(3);
  late.remembered = undefined;
  late.tickets = [];
  const since = world.now;
  late.start();
  world.until(() => late.online, 5_000);
  // Three round trips of 100 ms at each of the two, and no pause between them.
  expect(world.now - since).toBeLessThanOrEqual(750);
  expect([two, three]).toContain(linkOf(late));
});

seeded('when all are full a newcomer asks each once, and then waits as long as it was told', (world) => {
  const people = full(world, 2);
  const others = ['super2', 'super3'].flatMap((supernode) =>
    [0, 1].map((i) => at(people, supernode, `${supernode}-${i}`)),
  );
  for (const one of others) one.signUp();
  world.advance(MET_MS);
  const late = at(people, 'super1', 'latecomer');
  let packets = 0;
  const here = world.host('latecomer').address;
  world.watch({
    packet: ({ from }) => {
      if (from.host === here) packets += 1;
    },
  });
  const { name } = late;
  late.node.command({
    type: 'login',
    ticket: 900,
    request: {
      kind: 'signUp',
      name,
      password: 'correct horse battery',
      displayName: name,
      publicKey: keyPair(name).spki,
    },
  });
  world.advance(20_000);
  expect(late.online).toBe(false);
  expect(packets).toBeLessThan(400);
  // One goes without a word: there is room when its lease has ended, and the next time that it is asked for.
  others[0]?.kill();
  world.until(() => late.online, 150_000);
});

const backMs: number[] = [];

seeded(
  'whose supernode is killed is back within five seconds at p95: the second one hears of it and has them look',
  (world) => {
    const people = new PeopleWorld(world, ['super1', 'super2', 'super3']);
    world.advance(MET_MS);
    const crowd = Array.from({ length: 4 }, (_, i) => people.person(`idle-${i}`));
    for (const one of crowd) one.signUp();
    world.advance(30_000 + 22_000 * world.random('phase').fraction());
    const first = linkOf(crowd[0] as Person);
    const dead = ['super1', 'super2', 'super3'].find((name) => world.host(name).address === first) as string;
    people.supernodes.get(dead)?.stop();
    const since = world.now;
    const away = new Set(crowd.filter((one) => linkOf(one) === first));
    expect(away.size).toBeGreaterThan(0);
    world.until(() => {
      for (const one of away) {
        if (linkOf(one) === first) continue;
        away.delete(one);
        backMs.push(world.now - since);
      }
      return away.size === 0;
    }, 30_000);
    const inOrder = backMs.toSorted((a, b) => a - b);
    if (inOrder.length >= 16) expect(inOrder[Math.ceil(0.95 * inOrder.length) - 1]).toBeLessThanOrEqual(5_000);
  },
  6,
);
