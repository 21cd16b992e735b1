/**
 * Conferences on the simulated internet: real cores, real NAT boxes, five people in five kinds of place. Each scene says
 * who hears whom by the media sessions that run; what they sound like is `test/audio`'s matter.
 */
import { expect } from 'vitest';
import type { OrdinaryNodeEvent } from '../../src/net/node/ordinary-node.ts';
import type { Place } from '../places.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { seeded } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

type News = Extract<OrdinaryNodeEvent, { type: 'conference' }>['news'];
type NewsOf<T extends News['type']> = Extract<News, { type: T }>;

function news<T extends News['type']>(person: Person, type: T): NewsOf<T>[] {
  return person.node.events.flatMap((event) =>
    event.type === 'conference' && event.news.type === type ? [event.news as NewsOf<T>] : [],
  );
}

function roster(person: Person) {
  return news(person, 'roster').at(-1)?.roster;
}

function inside(person: Person): string[] {
  return (roster(person)?.people ?? [])
    .filter(({ state }) => state === 'in')
    .map(({ name }) => name)
    .sort();
}

/** Open legs, by the name of whoever is at their other end. */
function legs(person: Person): Map<string, string> {
  const open = new Map<string, string>();
  for (const { leg, peer, on } of news(person, 'leg')) {
    if (on) open.set(peer, leg);
    else if (open.get(peer) === leg) open.delete(peer);
  }
  return open;
}

function mixerOf(people: readonly Person[], person: Person): Person | undefined {
  const mixer = roster(person)?.people.find(({ isMixer }) => isMixer)?.name;
  return people.find(({ name }) => name === mixer);
}

/** Voice of the mixer comes to this one, or it mixes itself. */
function hears(person: Person, since: number): boolean {
  const open = [...legs(person).values()];
  return person.node.events.slice(since).some((event) => event.type === 'play' && open.includes(event.call));
}

function answerAll(world: World, people: readonly Person[]): void {
  world.until(() => people.every((one) => news(one, 'ringing').length > 0), 20_000);
  for (const one of people) {
    const call = news(one, 'ringing')[0]?.call ?? '';
    one.call = call;
    one.does({ type: 'calls', command: { type: 'answer', call } });
  }
}

function crowd(world: World, places: readonly (Place | undefined)[]): { people: Person[]; world: PeopleWorld } {
  const net = new PeopleWorld(world, ['super1', 'super2']);
  const names = ['alice1', 'bobby1', 'carol1', 'david1', 'emily1'].slice(0, places.length);
  const people = names.map((name, i) => net.person(name, places[i]));
  for (const one of people) one.signUp();
  return { people, world: net };
}

seeded(
  'five in five kinds of place talk by one mixer; it is killed, and all hear again within two seconds',
  (world) => {
    const { people } = crowd(world, ['PR', 'PUB', 'SYM', 'UDPX', "PR'"]);
    const [alice, ...others] = people as [Person, ...Person[]];
    alice.call = 'c0'.repeat(16);
    const names = others.map(({ name }) => name);
    alice.does({ type: 'conference', command: { type: 'found', call: alice.call, names } });
    answerAll(world, others);
    world.until(() => people.every((one) => inside(one).length === 5), 20_000);
    world.advance(12_000);
    const mixer = mixerOf(people, alice) as Person;
    // The one in the open is best placed: to everybody else there is a direct way from there, but for TCP.
    expect(people.map((one) => mixerOf(people, one)?.name)).toEqual(people.map(() => 'bobby1'));
    expect(legs(mixer).size).toBe(4);
    const rest = people.filter((one) => one !== mixer);
    const deputy = roster(alice)?.people.find((one) => one.deputy === 1)?.name;
    const before = new Map(rest.map((one) => [one, one.node.events.length]));
    const killedAt = world.now;
    mixer.kill();
    world.until(() => rest.every((one) => mixerOf(people, one)?.name === deputy), 1_500);
    world.until(
      () =>
        rest.every((one) => one.name === deputy || (legs(one).has(deputy ?? '') && hears(one, before.get(one) ?? 0))),
      1_500,
    );
    const next = rest.find(({ name }) => name === deputy) as Person;
    const listeners = rest.filter((one) => one !== next).map(({ name }) => name);
    world.until(() => listeners.every((name) => legs(next).has(name)) && hears(next, before.get(next) ?? 0), 1_000);
    expect(world.now - killedAt).toBeLessThan(2_000);
    expect(rest.flatMap((one) => news(one, 'ended'))).toEqual([]);
  },
  { runs: 1 },
);

seeded(
  'two whose call is relayed are joined by a third: their leg goes on by its relay, and all three hear',
  (world) => {
    const { people } = crowd(world, ['SYM', 'SYM', 'PUB']);
    const [alice, bobby, carol] = people as [Person, Person, Person];
    alice.befriend(bobby);
    alice.calls(bobby);
    world.until(() => bobby.callLog.includes('ringing'));
    bobby.call_('answer');
    world.until(() => alice.callLog.includes('answered'));
    world.advance(7_000);
    const paths = () => [alice, bobby].map(({ path }) => path);
    const before = paths();
    const totals = alice.count('media-totals');
    alice.does({ type: 'conference', command: { type: 'add', call: alice.call ?? '', names: ['carol1'] } });
    answerAll(world, [carol]);
    world.until(() => people.every((one) => inside(one).length === 3), 10_000);
    world.advance(4_000);
    expect(legs(alice).get('bobby1') ?? legs(bobby).get('alice1')).toBeDefined();
    expect([alice.count('media-totals'), bobby.count('media-totals')]).toEqual([totals, totals]);
    expect(news(alice, 'begun')).toMatchObject([{ grown: true, call: alice.call }]);
    expect(before).toEqual(['relay', 'relay']);
    for (const one of people) expect(hears(one, one.node.events.length - 400)).toBe(true);
    // A polite departure of whoever mixes.
    const mixer = mixerOf(people, alice) as Person;
    const rest = people.filter((one) => one !== mixer);
    mixer.does({ type: 'calls', command: { type: 'hang-up', call: mixer.call ?? '' } });
    const marks = rest.map((one) => one.node.events.length);
    const leftAt = world.now;
    const back = (one: Person, i: number) => legs(one).size === 1 && hears(one, (marks[i] ?? 0) + 5);
    world.until(() => rest.every((one, i) => inside(one).length === 2 && back(one, i)), 2_000);
    expect(world.now - leftAt).toBeLessThan(1_000);
  },
  { runs: 1 },
);

seeded(
  'one who blocked another is told that they are in, and hears everybody all the same; who sleeps finds the call in the morning',
  (world) => {
    const { people, world: net } = crowd(world, ['PR', 'PUB', 'SYM', 'PUB']);
    const [alice, bobby, carol, david] = people as [Person, Person, Person, Person];
    alice.befriend(david);
    for (const one of [alice, david]) one.learns(net.sign(1, [one]));
    world.until(() => alice.core.deviceListOf('david1') !== undefined, 10_000);
    world.until(() => david.core.deviceListOf('alice1') !== undefined, 10_000);
    bobby.does({ type: 'roster', command: { type: 'block', name: 'carol1' } });
    david.kill();
    world.advance(60_000);
    alice.call = 'c1'.repeat(16);
    const names = ['bobby1', 'carol1', 'david1'];
    alice.does({ type: 'conference', command: { type: 'found', call: alice.call, names } });
    answerAll(world, [bobby, carol]);
    const three = [alice, bobby, carol];
    world.until(() => three.every((one) => inside(one).length === 3), 10_000);
    world.advance(6_000);
    for (const one of three) expect(hears(one, one.node.events.length - 400)).toBe(true);
    expect(three.map((one) => news(one, 'blocked-inside').map(({ peer }) => peer))).toEqual([[], ['carol1'], []]);
    expect(news(alice, 'person-ended')).toMatchObject([{ peer: 'david1', reason: 'unreachable' }]);
    // What she says elsewhere than in this conference he hears no more than before.
    carol.does({ type: 'conference', command: { type: 'found', call: 'c2'.repeat(16), names: ['bobby1'] } });
    world.advance(2_000);
    expect(news(bobby, 'ringing')).toHaveLength(1);
    david.start();
    const missed = () =>
      david.node.events.flatMap((event) =>
        event.type === 'mail' && event.news.type === 'missed-call' ? [event.news] : [],
      );
    world.until(() => missed().length > 0, 60_000);
    expect(missed()).toMatchObject([{ from: 'alice1', call: roster(alice)?.conference }]);
  },
  { runs: 1 },
);
