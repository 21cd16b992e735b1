/**
 * The Global Index of real supernodes as it grows from full copies to slots and back: whoever signs in, searches, calls
 * or waits for somebody notices nothing of it. In virtual time, with the real cores and the sizes at which the index
 * changes its form lowered.
 */
import { expect } from 'vitest';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { type Scene, seeded as seededFor } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';
import { loadOf, personAt, search } from '../support/searchers.ts';

/** Of ten supernodes eight hold the only slot, two ask them. */
const MANY = 10;
const SIZES = { fullMembersMax: 4, slotMembersMin: 4 };

function seeded(name: string, scene: Scene, runs = 1): void {
  seededFor(name, scene, { runs });
}

function names(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `super${from + index}`);
}

function network(world: World, count: number): PeopleWorld {
  const people = new PeopleWorld(world, names(1, count), undefined, SIZES);
  world.advance(3_000);
  return people;
}

function formsOf(people: PeopleWorld): string {
  return [...new Set([...people.supernodes.keys()].map((name) => loadOf(people, name).indexForm))].join(' ');
}

function seeOneAnother(one: Person, other: Person): boolean {
  return one.presence.get(other.name) === 'online' && other.presence.get(one.name) === 'online';
}

/** A call that is answered and hung up. */
function talk(world: World, one: Person, other: Person): void {
  for (const log of [one.callLog, other.callLog]) log.length = 0;
  one.calls(other);
  world.until(() => other.callLog.includes('ringing'), 3_000);
  other.call_('answer');
  world.until(() => one.callLog.includes('answered'), 3_000);
  world.advance(500);
  one.call_('hang-up');
  world.until(() => other.callLog.some((word) => word.startsWith('ended')), 3_000);
}

seeded('it grows to slots and shrinks to copies again: everybody is found, seen and called all the time', (world) => {
  const people = network(world, 3);
  const alice = personAt(people, 'super1', 'alice1');
  const bobby = personAt(people, 'super2', 'bobby1');
  alice.befriend(bobby);
  world.until(() => seeOneAnother(alice, bobby), 5_000);
  const crowd = [alice, bobby];
  let turn = 0;
  /** Two ask, by turns: an account has sixty searches an hour. */
  const check = (): void => {
    for (const asker of [turn, turn + 1].map((place) => crowd[place % crowd.length] as Person)) {
      const found = new Set(search(asker, '*1').hits.map(({ name }) => name));
      for (const { name } of crowd)
        expect(found.has(name) || name === asker.name, `${name} at ${world.now}`).toBe(true);
    }
    turn += 2;
    expect(seeOneAnother(alice, bobby)).toBe(true);
  };
  const comes = (supernode: string): void => {
    crowd.push(personAt(people, supernode, `person-${crowd.length}-1`));
    world.advance(700);
  };
  check();
  expect(formsOf(people)).toBe('full');

  for (const name of names(4, MANY)) {
    world.host(name);
    people.startSupernode(name);
    world.advance(1_500);
    if (crowd.length < 6) comes(`super${1 + (crowd.length % 3)}`);
    check();
  }
  talk(world, alice, bobby);
  for (let i = 0; i < 9; i += 1) {
    world.advance(12_000);
    if (i % 4 === 0) comes(names(1, MANY)[(5 * i + 8) % MANY] as string);
    check();
  }
  expect(formsOf(people)).toBe('slots');
  const held = names(1, MANY).map((name) => loadOf(people, name).records);
  expect(Math.min(...held)).toBeLessThan(crowd.length);
  talk(world, bobby, alice);

  for (const name of names(4, MANY).reverse()) {
    const stopping = people.supernodes.get(name);
    stopping?.command({ type: 'leave' });
    world.until(() => stopping?.events.some(({ type }) => type === 'left') ?? false, 10_000);
    stopping?.close();
    people.supernodes.delete(name);
    world.advance(1_500);
    if (name.endsWith('6')) comes('super3');
    check();
  }
  talk(world, alice, bobby);
  for (let i = 0; i < 9; i += 1) {
    world.advance(12_000);
    if (i === 4) comes('super2');
    check();
  }
  expect(formsOf(people)).toBe('full');
  expect(names(1, 3).map((name) => loadOf(people, name).records)).toEqual([crowd.length, crowd.length, crowd.length]);
  talk(world, bobby, alice);
});

/** All begin at once; slots are in use when everybody has heard of everybody's. */
function slots(world: World, count = 10): PeopleWorld {
  const people = network(world, count);
  world.advance(30_000);
  expect(formsOf(people)).toBe('slots');
  return people;
}

seeded(
  'by slots the same question has the same answer everywhere, and whoever is unknown is known to be that',
  (world) => {
    const people = slots(world);
    const crowd = names(1, 5).map((home, index) => personAt(people, home, `person-${index}`));
    world.advance(2_000);
    const askers = names(5, 10).map((home, index) => personAt(people, home, `asker-${index}`));
    world.advance(2_000);
    // Whom nobody knows is known to be nobody without the login server.
    people.login.stop();
    for (const pattern of ['person', 'p*-3', '*son-*', 'person-4', 'nobody-at-all']) {
      const answers = askers.map((one) => JSON.stringify(search(one, pattern)));
      expect(new Set(answers).size, answers.join('\n')).toBe(1);
      expect(JSON.parse(answers[0] as string)).toMatchObject({ complete: true });
    }
    expect(search(askers[0] as Person, 'person').hits).toHaveLength(crowd.length);
    expect(search(askers[5] as Person, 'person', 4)).toMatchObject({ complete: false, hits: { length: 4 } });

    // So it is for a call.
    askers[0]?.does({ type: 'calls', command: { type: 'place', to: 'nobody-at-all' } });
    world.until(() => askers[0]?.callLog.some((word) => word.startsWith('ended')) ?? false, 5_000);
    people.startLogin();

    for (const name of ['super2', 'super3', 'super9']) people.supernodes.get(name)?.stop();
    for (const name of ['super2', 'super3', 'super9']) people.supernodes.delete(name);
    world.advance(60_000);
    expect(crowd.every(({ online }) => online)).toBe(true);
    for (const asker of askers) {
      expect(search(asker, 'person-')).toMatchObject({ complete: true, hits: { length: crowd.length } });
    }
  },
);

seeded(
  'by slots somebody who waits for another hears at once that he has come, though he does not know of it',
  (world) => {
    const people = slots(world);
    const alice = personAt(people, 'super1', 'alice1');
    alice.does({ type: 'roster', command: { type: 'add', name: 'bobby1', message: 'hello' } });
    world.advance(30_000);
    const bobby = personAt(people, 'super9', 'bobby1');
    world.until(() => bobby.relation('alice1') === 'incoming', 3_000);
    bobby.does({ type: 'roster', command: { type: 'accept', name: 'alice1' } });
    world.until(() => seeOneAnother(alice, bobby), 5_000);
    alice.says(bobby, 'hello');
    world.until(() => bobby.lines.length === 1, 3_000);

    // His supernode dies, and he is seen again where he comes to.
    people.supernodes.get('super9')?.stop();
    people.supernodes.delete('super9');
    world.advance(30_000);
    world.until(() => bobby.online && seeOneAnother(alice, bobby), 30_000);
    bobby.says(alice, 'still here');
    world.until(() => alice.lines.length === 1, 3_000);
  },
);

seeded('by slots two who have never met call each other, and talk on when a supernode of theirs dies', (world) => {
  const people = slots(world);
  const alice = personAt(people, 'super1', 'alice1');
  const bobby = personAt(people, 'super6', 'bobby1');
  world.advance(30_000);
  alice.calls(bobby);
  world.until(() => bobby.callLog.includes('ringing'), 3_000);
  bobby.call_('answer');
  world.until(() => alice.callLog.includes('answered'), 3_000);
  people.supernodes.get('super6')?.stop();
  people.supernodes.delete('super6');
  world.advance(20_000);
  expect(bobby.online).toBe(true);
  expect(bobby.callLog).not.toContain('ended');
  alice.call_('hang-up');
  world.until(() => bobby.callLog.some((word) => word.startsWith('ended')), 3_000);
});

seeded('by slots a supernode searches, looks up and waits for a client that has no UDP', (world) => {
  const people = slots(world);
  const bobby = personAt(people, 'super3', 'bobby1');
  const heard = [{ carrier: 'tcp' as const, host: world.host('super10').address, port: 4000 }];
  const alice = people.person('alice1', 'UDPX', { supernodes: heard });
  alice.signUp();
  world.advance(1_000);
  expect(alice.node.events.findLast((event) => event.type === 'link')).toMatchObject({ endpoint: { carrier: 'tcp' } });
  for (const pattern of ['bobby1', 'bob', 'bob*', 'bobby']) {
    expect(search(alice, pattern)).toMatchObject({ complete: true, hits: [{ name: 'bobby1' }] });
  }
  expect(search(bobby, 'ali').hits).toEqual([{ name: 'alice1', displayName: 'alice1' }]);
  alice.befriend(bobby);
  world.until(() => seeOneAnother(alice, bobby), 5_000);
  talk(world, alice, bobby);
});

seeded('by slots whoever signed in is found at 71:59 and gone at 72:10', (world) => {
  const people = new PeopleWorld(world, ['super1'], undefined, { fullMembersMax: 2, slotMembersMin: 2 });
  world.advance(3_000);
  const bobby = personAt(people, 'super1', 'bobby1');
  world.advance(1_000);
  const signedInAt = world.now;
  bobby.does({ type: 'leave' });
  bobby.kill();
  const to = (hours: number, minutes: number): void =>
    world.advance(signedInAt + (60 * hours + minutes) * 60_000 - world.now);
  // Supernodes that look after each other for three days are much to compute: the others come at last.
  to(71, 54);
  for (const name of names(2, 4)) {
    world.host(name);
    people.startSupernode(name);
  }
  world.advance(200_000);
  const alice = personAt(people, 'super4', 'alice1');
  to(71, 59);
  expect(formsOf(people)).toBe('slots');
  expect(search(alice, 'bobby').hits).toEqual([{ name: 'bobby1', displayName: 'bobby1' }]);
  expect(search(alice, 'bobby1')).toMatchObject({ complete: true, hits: [{ name: 'bobby1' }] });
  to(72, 10);
  for (const pattern of ['bobby', 'bobby1', 'bob*']) {
    expect(search(alice, pattern)).toMatchObject({ complete: true, hits: [] });
  }
  world.advance(60_000);
  // Only she is left.
  expect(names(1, 4).map((name) => loadOf(people, name).records)).toEqual([1, 1, 1, 1]);
});
