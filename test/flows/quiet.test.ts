/** Few bytes: coming back costs little, being here costs next to nothing, and neither costs any time when it counts. */
import { expect } from 'vitest';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { seeded } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

const UDP_AND_IP_BYTES = 28;
const HOUR_MS = 3_600_000;
/** Until what was said while people met has been forgotten: one change of keys. */
const SETTLED_MS = 600_000;

/** What a person's host sends and receives from now on, and with whom. */
function counted(world: World, person: Person): { payload: number; packets: number; peers: Set<string> } {
  const sums = { payload: 0, packets: 0, peers: new Set<string>() };
  const here = world.host(person.name).address;
  world.watch({
    packet: ({ from, to, bytes }) => {
      if (from.host !== here && to.host !== here) return;
      sums.payload += bytes.length;
      sums.packets += 1;
      sums.peers.add(from.host === here ? to.host : from.host);
    },
  });
  return sums;
}

function friends(world: World, count: number): { people: PeopleWorld; alice: Person; others: Person[] } {
  const people = new PeopleWorld(world);
  const alice = people.person('alice1');
  alice.signUp();
  const others = Array.from({ length: count }, (_, i) => people.person(`buddy-${i}`));
  for (const other of others) {
    other.signUp();
    alice.befriend(other);
  }
  return { people, alice, others };
}

seeded('the first sign-in moves 9 kB at most, with the login server and one supernode', (world) => {
  const people = new PeopleWorld(world);
  world.advance(5_000);
  const alice = people.person('alice1');
  const sums = counted(world, alice);
  alice.signUp();
  world.advance(1_000);
  // Of these some 4,000 for certificates and signatures both ways, and 1,200 for the Hello, which no answer may exceed.
  expect(sums.payload).toBeLessThanOrEqual(9_000);
  expect(sums.peers.size).toBe(2);
});

seeded('coming back asks nothing of the login server, and shows a ticket instead of a certificate', (world) => {
  const { people, alice } = friends(world, 0);
  world.advance(5_000);
  alice.kill();
  people.login.stop();
  world.advance(60_000);
  const sums = counted(world, alice);
  alice.start();
  world.until(() => alice.online, 10_000);
  world.advance(1_000);
  // Some 500 for the session and the attachment, some 600 to find out about our NAT (figure S8: 2500).
  expect(sums.payload).toBeLessThan(1_250);
  expect([...sums.peers]).toEqual([world.host('super1').address]);
});

seeded('each buddy who is here adds a kilobyte to that, and is seen', (world) => {
  const { alice, others } = friends(world, 3);
  world.advance(5_000);
  alice.kill();
  world.advance(60_000);
  const sums = counted(world, alice);
  alice.presence.clear();
  alice.start();
  world.until(() => others.every(({ name }) => alice.presence.get(name) === 'online'), 5_000);
  world.advance(1_000);
  expect(sums.payload).toBeLessThan(1_250 + 3 * 1_100);
});

seeded('whoever rests says that they are there, and nothing else, to their supernode alone', (world) => {
  const { alice } = friends(world, 6);
  world.advance(SETTLED_MS);
  const sums = counted(world, alice);
  world.advance(SETTLED_MS);
  const bits = 8 * (sums.payload + UDP_AND_IP_BYTES * sums.packets);
  expect((bits * 1_000) / SETTLED_MS).toBeLessThan(100);
  expect(sums.peers.size).toBe(1);
});

seeded(
  'after hours of silence a call rings at once, 50 ms from the supernode each: the session has waited',
  (world) => {
    const { alice, others } = friends(world, 1);
    const bobby = others[0] as Person;
    world.advance(7 * HOUR_MS);
    for (const { name } of [alice, bobby]) world.link(name, 'super1', { delayMs: 50 });
    const since = world.now;
    alice.calls(bobby);
    world.until(() => bobby.callLog.includes('ringing'), 2_000);
    expect(world.now - since).toBeLessThanOrEqual(300);
  },
);

seeded('a word to somebody whose program was started anew meanwhile arrives, and so does the answer', (world) => {
  const { alice, others } = friends(world, 1);
  const bobby = others[0] as Person;
  world.advance(HOUR_MS);
  bobby.kill();
  bobby.start();
  world.until(() => bobby.online, 10_000);
  alice.says(bobby, 'still there?');
  world.until(() => bobby.lines.length === 1, 5_000);
  bobby.says(alice, 'again');
  world.until(() => alice.lines.length === 1, 5_000);
});

seeded('a supernode that was started anew knows no tickets: everybody is back all the same', (world) => {
  const { people, alice, others } = friends(world, 2);
  world.advance(HOUR_MS);
  people.supernodes.get('super1')?.stop();
  people.startSupernode('super1');
  world.advance(60_000);
  expect([alice, ...others].map(({ online }) => online)).toEqual([true, true, true]);
  alice.presence.clear();
  const [bobby] = others as [Person];
  alice.says(bobby, 'and you?');
  world.until(() => bobby.lines.length === 1, 10_000);
});
