/**
 * Clients that become supernodes and stop being some (figure N5), and what becomes of those who take an ordinary node for a
 * supernode: in virtual time, with the real cores, in the places of the common table.
 */
import { expect } from 'vitest';
import { silenceBody } from '../../src/audio/voice-body.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import type { Place } from '../sim/places.ts';
import { IDLE, Promotable } from '../sim/promotable.ts';
import { type Scene, seeded as seededFor } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

const THREE = ['super1', 'super2', 'super3'];
const FOUR = [...THREE, 'super4'];

/** Many cores and real signatures: one world a scene unless it says otherwise. */
function seeded(name: string, scene: Scene, runs = 1): void {
  seededFor(name, scene, { runs });
}

/** At public addresses: what stands in a private network is no business of those outside. */
function network(world: World, names: readonly string[] = FOUR): PeopleWorld {
  for (const [n, name] of names.entries()) world.host(name, { address: `198.51.100.${n + 1}` });
  const people = new PeopleWorld(world, names);
  // They have found one another by then.
  world.advance(3_000);
  return people;
}

function signedUp(people: PeopleWorld, name: string, where: Place): Person {
  const person = people.person(name, where);
  person.signUp();
  return person;
}

function linkOf(person: Person): string {
  const link = person.node.events.findLast((event) => event.type === 'link');
  return link?.type === 'link' && link.endpoint ? link.endpoint.host : '';
}

/** Alice, who became a supernode. */
function promoted(people: PeopleWorld): Promotable {
  const alice = new Promotable(signedUp(people, 'alice1', 'PUB'), 'yes');
  people.world.until(() => alice.role === 'supernode', 60_000);
  // The others have heard of it.
  people.world.advance(3_000);
  return alice;
}

/** Somebody who has only heard of this place. */
function knowing(people: PeopleWorld, name: string, supernodes: readonly Endpoint[]): Person {
  const person = people.person(name, 'PUB', { supernodes });
  person.signUp();
  return person;
}

function at(alice: Promotable): Endpoint {
  return alice.serving?.endpoint() as Endpoint;
}

seeded('whoever is eligible and consents serves within 60 seconds, and others attach to it', (world) => {
  const people = network(world);
  const begin = world.now;
  const alice = new Promotable(signedUp(people, 'alice1', 'PUB'), 'yes');
  world.until(() => alice.role === 'supernode', 60_000);
  expect(world.now - begin).toBeLessThan(30_000);
  expect(alice.judgement?.reached).toMatchObject({ of: 3, byUdp: 3, byTcp: 3 });
  expect(alice.asked).toEqual(['open', 'serve']);
  world.advance(3_000);
  const bobby = knowing(people, 'bobby1', [at(alice)]);
  expect(linkOf(bobby)).toBe(at(alice).host);
  alice.person.befriend(bobby);
  bobby.says(alice.person, 'you carry me');
  world.until(() => alice.person.lines.length === 1, 3_000);
  for (const supernode of people.supernodes.values()) supernode.command({ type: 'report' });
  const load = people.supernodes.get('super1')?.events.findLast(({ type }) => type === 'load');
  expect(load).toMatchObject({ load: { members: 4 } });
});

seeded('in a network with one supernode that one alone dials back', (world) => {
  const people = network(world, ['super1']);
  const alice = new Promotable(signedUp(people, 'alice1', 'PUB'), 'yes');
  world.until(() => alice.role === 'supernode', 60_000);
  expect(alice.judgement?.reached).toMatchObject({ of: 1, byUdp: 1, byTcp: 1 });
});

seeded('behind PR, SYM and their like nobody ever serves, whatever they consent to', (world) => {
  const people = network(world, ['super1', 'super2']);
  const places = ['PR', "PR'", 'SYM', 'CGN', 'UDPX', '443X'] as const;
  const all = places.map((where, n) => new Promotable(signedUp(people, `person-${n}`, where), 'always'));
  world.advance(180_000);
  expect(all.flatMap(({ asked }) => asked)).toEqual([]);
  expect(all.map(({ judgement }) => judgement?.role)).toEqual(places.map(() => 'ordinary'));
  const closed = [...Array(4).fill('nat-closed'), 'no-udp', 'no-udp'];
  expect(all.map(({ judgement }) => judgement?.why)).toEqual(closed);
});

seeded('a firewall that lets UDP in and TCP not: three rounds of dial-backs, and no promotion', (world) => {
  const people = network(world, THREE);
  const alice = new Promotable(signedUp(people, 'alice1', 'PUB'), 'always');
  const { address } = world.host('alice1');
  world.block((packet) => packet.to.host === address && packet.carrier === 'tcp' && packet.kind === 'open');
  world.until(() => alice.judgement?.why === 'not-reachable', 90_000);
  expect(alice.judgement).toMatchObject({ role: 'candidate', reached: { of: 3, byUdp: 3, byTcp: 0 } });
  world.advance(120_000);
  expect(alice.asked).not.toContain('serve');
  expect(alice.serving).toBeUndefined();
});

seeded('who says no, or was not asked yet, serves nobody; a yes counts at once', (world) => {
  const people = network(world, ['super1']);
  const names = ['alice1', 'bobby1', 'carol1', 'david1', 'erika1', 'frank1'];
  const all = names.map((name, n) => new Promotable(signedUp(people, name, 'PUB'), n % 2 === 0 ? 'never' : 'unasked'));
  world.advance(120_000);
  expect(all.flatMap(({ asked }) => asked)).toEqual([]);
  expect(all.map(({ judgement }) => judgement?.why)).toEqual(names.map((_, n) => (n % 2 ? 'to-be-asked' : 'refused')));
  all[1]?.tell({ type: 'consent', consent: 'yes' });
  world.until(() => all[1]?.role === 'supernode', 30_000);
  expect(all.filter(({ role }) => role === 'supernode')).toHaveLength(1);
});

seeded('demotion is polite: nobody is offline for a moment, and a call that it relays has no gap', (world) => {
  const people = network(world, ['super1', 'super2']);
  const alice = promoted(people);
  const [bobby, carol] = ['bobby1', 'carol1'].map((name) => knowing(people, name, [at(alice)])) as [Person, Person];
  bobby.befriend(carol);
  // Nothing leads from one to the other but supernodes.
  const own = [bobby, carol].map(({ name }) => world.host(name).address);
  world.block(({ from, to }) => own.includes(from.host) && own.includes(to.host));
  world.advance(20_000);
  bobby.calls(carol);
  world.until(() => carol.callLog.includes('ringing'), 3_000);
  carol.call_('answer');
  world.until(() => bobby.callLog.includes('answered'), 3_000);
  const heardAt = new Map<Person, number[]>();
  for (const person of [bobby, carol]) heardAt.set(person, []);
  for (let t = 0; t < 12_000; t += 20) {
    for (const person of [bobby, carol]) {
      const { call = '' } = person;
      world.later(t, () => {
        person.does({ type: 'voice', call, body: silenceBody(t / 10) });
        heardAt.get(person)?.push(person.heard.length);
      });
    }
  }
  world.later(4_000, () => alice.tell({ type: 'consent', consent: 'never' }));
  world.advance(12_500);
  expect(alice.judgement).toMatchObject({ role: 'ordinary', why: 'refused' });
  expect(alice.serving).toBeUndefined();
  for (const person of [bobby, carol]) {
    expect(linkOf(person)).not.toBe(at_(world));
    const links = person.node.events.filter((event) => event.type === 'link');
    expect(links.map((event) => (event.type === 'link' ? event.state : ''))).not.toContain('offline');
    expect(offlineAfterFirst(person)).toBe(0);
    // Every 100 ms something was heard.
    const counts = (heardAt.get(person) ?? []).slice(25);
    for (let i = 5; i < counts.length; i += 1) expect((counts[i] ?? 0) - (counts[i - 5] ?? 0)).toBeGreaterThan(0);
  }
});

function at_(world: World): string {
  return world.host('alice1').address;
}

/** How often it was without a supernode since it had one. */
function offlineAfterFirst(person: Person): number {
  const states = person.node.events.flatMap((event) => (event.type === 'link' ? [event.state] : []));
  return states.slice(states.indexOf('online')).filter((state) => state !== 'online').length;
}

seeded('who has no second supernode yet is told where to go, and goes there before it leaves', (world) => {
  const people = network(world, ['super1', 'super2']);
  const alice = promoted(people);
  const bobby = knowing(people, 'bobby1', [at(alice)]);
  expect(linkOf(bobby)).toBe(at_(world));
  // The login server is of no help to anybody.
  people.login.stop();
  alice.tell({ type: 'consent', consent: 'never' });
  world.until(() => linkOf(bobby) !== at_(world) && bobby.online, 6_000);
  world.until(() => alice.serving === undefined, 8_000);
  expect(offlineAfterFirst(bobby)).toBe(0);
});

seeded('its process dies: it is an ordinary node again, and tries anew after a pause', (world) => {
  const people = network(world, ['super1', 'super2']);
  const alice = promoted(people);
  alice.kill();
  expect(alice.judgement).toMatchObject({ role: 'candidate', why: 'resting' });
  world.advance(50_000);
  expect(alice.role).toBe('candidate');
  world.until(() => alice.role === 'supernode', 60_000);
});

seeded('a machine that is busy for a moment serves on; for a minute it hands its clients over', (world) => {
  const people = network(world, ['super1', 'super2']);
  const alice = promoted(people);
  const bobby = knowing(people, 'bobby1', [at(alice)]);
  world.advance(10_000);
  const busy = { ...IDLE, busyPercent: 97 };
  alice.tell({ type: 'machine', ...busy });
  world.advance(30_000);
  alice.tell({ type: 'machine', ...IDLE });
  world.advance(60_000);
  expect(alice.role).toBe('supernode');
  for (let i = 0; i < 14; i += 1) {
    alice.tell({ type: 'machine', ...busy });
    world.advance(5_000);
  }
  world.until(() => alice.role === 'candidate', 10_000);
  expect(bobby.online && offlineAfterFirst(bobby) === 0).toBe(true);
  alice.tell({ type: 'machine', ...IDLE });
  world.advance(60_000);
  expect(alice.judgement).toMatchObject({ role: 'candidate', why: 'resting' });
});

seeded('out of reach while it serves: it leaves after two dial-backs in vain', (world) => {
  const people = network(world, ['super1', 'super2']);
  const alice = promoted(people);
  const { address } = world.host('alice1');
  world.block((packet) => packet.to.host === address && packet.to.port === at(alice).port && packet.carrier === 'tcp');
  world.until(() => alice.judgement?.why === 'not-reachable', 900_000);
  world.until(() => alice.serving === undefined, 10_000);
});

for (const way of ['UDP', 'TCP alone'] as const) {
  seeded(`a forced host-cache entry to an ordinary node leads to its supernode, by ${way}`, (world) => {
    const people = network(world, ['super1', 'super2']);
    const alice = signedUp(people, 'alice1', 'PUB');
    const bobby = signedUp(people, 'bobby1', way === 'UDP' ? 'PUB' : 'UDPX');
    world.advance(1_000);
    const seesOf = linkOf(alice);
    bobby.kill();
    // Nothing else is known to it, and nobody else tells.
    bobby.remembered = undefined;
    bobby.invited = [alice.node.endpoint()];
    people.login.stop();
    bobby.start();
    world.until(() => bobby.online, 6_000);
    expect(linkOf(bobby)).toBe(seesOf);
    alice.befriend(bobby);
  });
}

seeded('whoever is led in circles, or to nowhere, is led a few times and no more', (world) => {
  const people = network(world, ['super1']);
  const alice = signedUp(people, 'alice1', 'PUB');
  const bobby = signedUp(people, 'bobby1', 'PUB');
  // Alice has no supernode herself any more: she says nothing.
  people.supernodes.get('super1')?.stop();
  world.advance(60_000);
  bobby.kill();
  bobby.remembered = undefined;
  bobby.invited = [alice.node.endpoint()];
  bobby.start();
  world.advance(30_000);
  expect(bobby.online).toBe(false);
});
