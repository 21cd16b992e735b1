/**
 * People attached to different supernodes: they find one another, see one another come and go, chat and call as if they
 * were at the same one; and the same question has the same answer everywhere (figures N8 to N12). In virtual time, with
 * the real cores.
 */
import { expect } from 'vitest';
import { silenceBody } from '../../src/audio/voice-body.ts';
import { PeopleWorld, type Person, type PersonOptions } from '../sim/people-world.ts';
import { type Scene, seeded as seededFor } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

/** Ten supernodes are much to compute on a busy machine. */
function seeded(name: string, scene: Scene, runs = 3): void {
  seededFor(name, scene, { runs });
}

const HOUR_MS = 3_600_000;
/** Supernodes have found one another by then. */
const MET_MS = 3_000;

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `super${index + 1}`);
}

function network(world: World, count: number): PeopleWorld {
  const people = new PeopleWorld(world, names(count));
  world.advance(MET_MS);
  return people;
}

/** Somebody who has only heard of this supernode. */
function at(people: PeopleWorld, supernode: string, name: string, options: PersonOptions = {}): Person {
  people.world.host(name);
  const person = personOf(people, name, supernode, options);
  person.start();
  person.signUp();
  return person;
}

function personOf(people: PeopleWorld, name: string, supernode: string, options: PersonOptions): Person {
  const host = people.world.host(supernode).address;
  return people.person(name, undefined, { supernodes: [{ carrier: 'udp', host, port: 4000 }], ...options });
}

function linkOf(person: Person): string {
  const link = person.node.events.findLast((event) => event.type === 'link');
  return link?.type === 'link' && link.endpoint ? link.endpoint.host : '';
}

let ticket = 1_000;

/** What a search brings, as text. */
function found(world: World, person: Person, pattern: string, limit = 50): string {
  ticket += 1;
  const mine = ticket;
  person.does({ type: 'search', ticket: mine, pattern, limit });
  const answer = () =>
    person.node.events.find(
      (one) => (one.type === 'search-results' || one.type === 'search-failed') && one.ticket === mine,
    );
  world.until(() => answer() !== undefined, 10_000);
  const { ticket: _ticket, ...rest } = answer() as { ticket: number };
  return JSON.stringify(rest);
}

/** Asks for carol every two seconds, for an account has so many pages an hour, until the answer holds `part`. */
function foundSoon(world: World, person: Person, part: string, limitMs: number): void {
  const until = world.now + limitMs;
  for (;;) {
    const answer = found(world, person, 'carol');
    if (answer.includes(part)) return;
    if (world.now >= until) throw new Error(`${part} is not in ${answer} after ${limitMs} ms`);
    world.advance(2_000);
  }
}

function pair(world: World, count = 2): { people: PeopleWorld; alice: Person; bobby: Person } {
  const people = network(world, count);
  const alice = at(people, 'super1', 'alice1');
  const bobby = at(people, 'super2', 'bobby1');
  expect([alice, bobby].map(linkOf)).toEqual(['super1', 'super2'].map((name) => world.host(name).address));
  return { people, alice, bobby };
}

function seeOneAnother(one: Person, other: Person): boolean {
  return one.presence.get(other.name) === 'online' && other.presence.get(one.name) === 'online';
}

seeded('two at two supernodes find, befriend and see each other, and chat', (world) => {
  const { alice, bobby } = pair(world);
  world.advance(1_000);
  expect(found(world, alice, 'bob')).toContain('bobby1');
  alice.befriend(bobby);
  world.until(() => seeOneAnother(alice, bobby), 5_000);
  alice.says(bobby, 'hello');
  bobby.says(alice, 'hello yourself');
  world.until(() => alice.lines.length === 1 && bobby.lines.length === 1, 3_000);
});

seeded('they see each other leave and come back, within seconds', (world) => {
  const { alice, bobby } = pair(world);
  alice.befriend(bobby);
  world.until(() => seeOneAnother(alice, bobby), 5_000);
  bobby.does({ type: 'leave' });
  world.until(() => alice.presence.get('bobby1') === 'offline', 2_000);
  bobby.kill();
  bobby.presence.clear();
  bobby.start();
  world.until(() => seeOneAnother(alice, bobby), 5_000);
  alice.says(bobby, 'there you are');
  world.until(() => bobby.lines.length === 1, 3_000);
});

seeded('who hides from somebody is not seen there either', (world) => {
  const { alice, bobby } = pair(world);
  alice.befriend(bobby);
  world.until(() => seeOneAnother(alice, bobby), 5_000);
  bobby.does({ type: 'roster', command: { type: 'block', name: 'alice1' } });
  world.until(() => alice.presence.get('bobby1') === 'offline', 3_000);
  world.advance(60_000);
  expect(alice.presence.get('bobby1')).toBe('offline');
});

for (const { way, path } of [
  { way: 'directly', path: 'lan' },
  { way: 'across both supernodes, when nothing else leads there', path: 'relay' },
]) {
  seeded(`they call each other ${way}`, (world) => {
    const { alice, bobby } = pair(world);
    alice.befriend(bobby);
    world.until(() => seeOneAnother(alice, bobby), 5_000);
    if (path === 'relay') {
      const own = [alice, bobby].map(({ name }) => world.host(name).address);
      world.block(({ from, to }) => own.includes(from.host) && own.includes(to.host));
    }
    alice.calls(bobby);
    world.until(() => bobby.callLog.includes('ringing'), 3_000);
    bobby.call_('answer');
    world.until(() => alice.callLog.includes('answered'), 3_000);
    for (let t = 0; t < 8_000; t += 20) {
      for (const person of [alice, bobby]) {
        const { call = '' } = person;
        world.later(t, () => person.does({ type: 'voice', call, body: silenceBody(t / 10) }));
      }
    }
    world.advance(8_500);
    expect([alice.path, bobby.path]).toEqual([path, path]);
    for (const { heard } of [alice, bobby]) expect(heard.length).toBeGreaterThan(350);
  });
}

seeded('a supernode dies: whoever was there sees and is seen again within five seconds of being back', (world) => {
  const { people, alice, bobby } = pair(world, 3);
  alice.befriend(bobby);
  world.until(() => seeOneAnother(alice, bobby), 5_000);
  world.advance(20_000);
  people.supernodes.get('super2')?.stop();
  world.until(() => bobby.online && linkOf(bobby) !== world.host('super2').address, 30_000);
  world.until(() => seeOneAnother(alice, bobby), 5_000);
  world.advance(10_000);
  expect(seeOneAnother(alice, bobby)).toBe(true);
  alice.says(bobby, 'still there?');
  bobby.says(alice, 'yes');
  world.until(() => alice.lines.length === 1 && bobby.lines.length === 1, 3_000);
});

seeded('a supernode that starts while the login server is away lives among the others again', (world) => {
  const { people, alice, bobby } = pair(world);
  alice.befriend(bobby);
  world.until(() => seeOneAnother(alice, bobby), 5_000);
  people.login.stop();
  people.supernodes.get('super2')?.stop();
  world.advance(1_000);
  people.startSupernode('super2');
  world.advance(30_000);
  people.supernodes.get('super2')?.command({ type: 'report' });
  const load = people.supernodes.get('super2')?.events.findLast((event) => event.type === 'load');
  expect(load).toMatchObject({ load: { members: 1, records: 2 } });
  expect(seeOneAnother(alice, bobby)).toBe(true);
});

seeded('an idle friend of one who moves notices nothing, and both keep their session', (world) => {
  const { people, alice, bobby } = pair(world, 3);
  alice.befriend(bobby);
  world.until(() => seeOneAnother(alice, bobby), 5_000);
  world.advance(20_000);
  const seen = [alice, bobby].map((person) => person.count('presence'));
  const stopping = people.supernodes.get('super2');
  stopping?.command({ type: 'leave' });
  world.until(() => stopping?.events.some(({ type }) => type === 'left') ?? false, 10_000);
  stopping?.close();
  world.advance(20_000);
  expect(linkOf(bobby)).not.toBe(world.host('super2').address);
  expect([alice, bobby].map((person) => person.count('presence'))).toEqual(seen);
});

seeded('six supernodes give the same answer, byte for byte, to whoever asks', (world) => {
  const people = network(world, 6);
  const crowd = names(6).map((supernode, index) => at(people, supernode, `person-${index}`));
  world.advance(2_000);
  const asker = names(6).map((supernode, index) => at(people, supernode, `asker-${index}`));
  world.advance(2_000);
  for (const pattern of ['person', 'p*-3', '*son-*', 'person-4', 'nobody']) {
    const answers = asker.map((one) => found(world, one, pattern));
    expect(new Set(answers).size, answers.join('\n')).toBe(1);
  }
  expect(JSON.parse(found(world, asker[0] as Person, 'person')).hits).toHaveLength(crowd.length);
  expect(JSON.parse(found(world, asker[5] as Person, 'person', 4))).toMatchObject({ complete: false });
});

seeded(
  'whoever signed in during the last 72 hours is found, and not longer',
  (world) => {
    const people = network(world, 1);
    const bobby = at(people, 'super1', 'bobby1');
    world.advance(1_000);
    bobby.does({ type: 'leave' });
    bobby.kill();
    world.advance(71 * HOUR_MS);
    // One that is new has it from the other.
    world.host('super2');
    people.startSupernode('super2');
    world.advance(10_000);
    const alice = at(people, 'super2', 'alice1');
    expect(found(world, alice, 'bobby')).toContain('bobby1');
    world.advance(HOUR_MS);
    expect(found(world, alice, 'bobby')).not.toContain('bobby1');
    expect(found(world, alice, 'bobby')).toContain('"complete":true');
  },
  1,
);

seeded('after 30 % of ten supernodes died every name is found, from everywhere', (world) => {
  const people = network(world, 10);
  const crowd = names(10).map((supernode, index) => at(people, supernode, `person-${index}`));
  world.advance(2_000);
  for (const name of ['super2', 'super5', 'super9']) people.supernodes.get(name)?.stop();
  world.advance(60_000);
  expect(crowd.every(({ online }) => online)).toBe(true);
  for (const asker of crowd) {
    const hits = JSON.parse(found(world, asker, 'person-')).hits as { name: string }[];
    expect(hits).toHaveLength(9);
  }
});

seeded(
  'people who came by one invite have their standbys at many supernodes, not all at the same',
  (world) => {
    const people = network(world, 5);
    const crowd = Array.from({ length: 12 }, (_, index) => at(people, 'super1', `person-${index}`));
    world.advance(30_000);
    const standbyOf = (person: Person): string => {
      const told = person.node.events.findLast((event) => event.type === 'standby');
      return told?.type === 'standby' && told.endpoint ? told.endpoint.host : '';
    };
    const standbys = crowd.map(standbyOf);
    expect(standbys).not.toContain('');
    // Twelve throws of four: more than eight at one are one chance in seven hundred.
    const most = Math.max(...standbys.map((one) => standbys.filter((other) => other === one).length));
    expect(most).toBeLessThanOrEqual(8);
    expect(new Set(standbys).size).toBeGreaterThanOrEqual(3);
  },
  1,
);

seeded('two halves of the supernodes that were cut off find together again', (world) => {
  const people = network(world, 4);
  const alice = at(people, 'super1', 'alice1', { supernodes: endpointsOf(people, ['super1', 'super2']) });
  const bobby = at(people, 'super3', 'bobby1', { supernodes: endpointsOf(people, ['super3', 'super4']) });
  alice.befriend(bobby);
  world.until(() => seeOneAnother(alice, bobby), 5_000);
  const half = ['super1', 'super2', 'alice1'].map((name) => world.host(name).address);
  const other = ['super3', 'super4', 'bobby1'].map((name) => world.host(name).address);
  const heal = world.block(
    ({ from, to }) =>
      (half.includes(from.host) && other.includes(to.host)) || (other.includes(from.host) && half.includes(to.host)),
  );
  world.until(() => alice.presence.get('bobby1') === 'offline' && bobby.presence.get('alice1') === 'offline', 60_000);
  const carol = at(people, 'super3', 'carol-1', { supernodes: endpointsOf(people, ['super3', 'super4']) });
  // Each half answers from its copy, and says that there may be more.
  world.advance(5_000);
  expect(found(world, alice, 'bobby')).toContain('"complete":false');
  expect(found(world, alice, 'bobby')).toContain('bobby1');
  foundSoon(world, bobby, 'carol-1', 5_000);
  expect(found(world, bobby, 'carol')).toContain('"complete":false');
  heal();
  world.until(() => seeOneAnother(alice, bobby), 60_000);
  foundSoon(world, alice, 'carol-1', 60_000);
  foundSoon(world, alice, '"complete":true', 10_000);
  carol.kill();
});

function endpointsOf(people: PeopleWorld, supernodes: readonly string[]) {
  return supernodes.map((name) => ({ carrier: 'udp' as const, host: people.world.host(name).address, port: 4000 }));
}

seeded(
  'all supernodes and three dozen people start at once: everybody sees their friend at another supernode',
  (world) => {
    const people = network(world, 3);
    const crowd = Array.from({ length: 36 }, (_, index) => at(people, `super${1 + (index % 3)}`, `person-${index}`));
    for (let i = 0; i < crowd.length; i += 2) crowd[i]?.befriend(crowd[i + 1] as Person);
    for (const one of people.supernodes.values()) one.stop();
    for (const one of crowd) {
      one.kill();
      one.presence.clear();
    }
    for (const name of names(3)) people.startSupernode(name);
    for (const one of crowd) one.start();
    const pairs = crowd.flatMap((one, index) => (index % 2 === 0 ? [[one, crowd[index + 1] as Person] as const] : []));
    world.until(() => pairs.every(([one, other]) => seeOneAnother(one, other)), 20_000);
  },
);
