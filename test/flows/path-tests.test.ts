/**
 * Which way would a call to this buddy take? Silent tests between two nodes, in virtual time, from several places
 * behind NATs: the way found is that of the table of places, nothing rings, and everything that was opened is closed.
 */
import { describe, expect, test } from 'vitest';
import type { PathDeskOutput, PathReport } from '../../src/net/node/path-desk.ts';
import { expectedRoute, type Place } from '../places.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { seeded } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';
import { call, pair, scene } from '../support/two-callers.ts';

type Outcome = Extract<PathDeskOutput, { type: 'path-tested' | 'path-test-failed' }>;

let ticket = 100;

/** Tests, and lets time pass until something has come of it. */
function tested(world: World, person: Person, name = 'bobby1'): Outcome {
  ticket += 1;
  const mine = ticket;
  const found = (): Outcome | undefined =>
    person.node.events.find(
      (event): event is Outcome =>
        (event.type === 'path-tested' || event.type === 'path-test-failed') && event.ticket === mine,
    );
  person.does({ type: 'test-path', ticket: mine, name });
  world.until(() => found() !== undefined, 15_000);
  return found() as Outcome;
}

function reportOf(outcome: Outcome): PathReport {
  if (outcome.type !== 'path-tested') throw new Error(outcome.code);
  return outcome.report;
}

/** Datagrams from one house to the other, from now on. */
function between(world: World, a: string, b: string): { count: number } {
  const seen = { count: 0 };
  const [here, there] = [world.host(a).address, world.host(b).address];
  world.watch({
    packet: ({ from, to }) => {
      if ((from.host === here && to.host === there) || (from.host === there && to.host === here)) seen.count += 1;
    },
  });
  return seen;
}

describe('a silent test finds the way that a call would take, and why it is not direct', () => {
  const cells: readonly (readonly [Place, Place, PathReport['why'], number])[] = [
    ['PUB', 'PR', null, 3_000],
    ['PR', "PR'", null, 3_000],
    ['SYM', 'PR', null, 5_000],
    ['PR', 'SYM', null, 5_000],
    ['SYM', 'SYM', 'both-symmetric', 4_000],
    ['UDPX', 'PR', 'udp-blocked-here', 4_000],
    ['PR', 'UDPX', 'udp-blocked-there', 4_000],
    ['443D', 'UDPX', 'udp-blocked-both', 4_000],
    ['SAME', 'SAME', null, 3_000],
  ];
  test.each(cells)('from %s to %s', async (a, b, why, limitMs) => {
    await scene(1, (world) => {
      const { alice, bobby } = pair(world, [a, b], 'W100');
      const report = reportOf(tested(world, alice));
      const [route] = expectedRoute('simulator', a, b).split('/');
      expect([report.path, report.why]).toEqual([route, why]);
      expect(report.tookMs).toBeLessThan(limitMs);
      expect(report.relay).toMatchObject({ sent: 20, received: 20 });
      expect(report.relay.rttMs).toBeCloseTo(200, -1);
      if (why === null) expect(report.direct).toMatchObject({ sent: 20, received: 20 });
      else expect([report.direct, report.directAfterMs]).toEqual([null, null]);
      expect(bobby.callLog).toEqual([]);
      expect(bobby.node.events.filter(({ type }) => type === 'path-test-asked')).toHaveLength(1);
    });
  });
});

seeded('what was opened for a test is closed, at both ends, and then both are silent', (world) => {
  const open = new Map<string, Set<number>>();
  let most = 0;
  const people = new PeopleWorld(world, ['super1'], (name, core) => {
    const drain = core.drain.bind(core);
    const mine = new Set<number>();
    open.set(name, mine);
    core.drain = () => {
      const out = drain() as { type: string; first: number; count: number; sockets: number[] }[];
      for (const one of out) {
        if (one.type === 'open-sockets') for (let i = 0; i < one.count; i++) mine.add(one.first + i);
        if (one.type === 'close-sockets') for (const socket of one.sockets) mine.delete(socket);
        most = Math.max(most, mine.size);
      }
      return out;
    };
  });
  const [alice] = people.buddies({ alice1: 'SYM', bobby1: 'PR' });
  world.advance(5_000);
  expect(reportOf(tested(world, alice)).path).toBe('direct');
  expect(most).toBeGreaterThan(100);
  world.advance(2_000);
  expect([open.get('alice1')?.size, open.get('bobby1')?.size]).toEqual([0, 0]);
  let packets = 0;
  world.watch({
    packet: ({ carrier }) => {
      if (carrier === 'udp') packets += 1;
    },
  });
  world.advance(10_000);
  // Keep-alives of two people, and supernodes have none to speak with.
  expect(packets).toBeLessThan(10);
});

seeded('a lossy line is told as loss, and the relay beside it as what it is', (world) => {
  const { alice } = pair(world, ['PUB', 'PUB'], 'L0');
  world.link('alice1', 'bobby1', { loss: 0.15 });
  const { path, relay, direct } = reportOf(tested(world, alice));
  expect([path, relay.received]).toEqual(['direct', 20]);
  expect(direct?.received).toBeLessThan(20);
  expect(direct?.received).toBeGreaterThan(5);
});

seeded('a call that runs goes on as it is while the way is tested', (world) => {
  const both = pair(world, ['PR', 'PR'], 'W100');
  call(both);
  world.advance(3_000);
  expect(reportOf(tested(world, both.alice)).path).toBe('direct');
  const before = both.bobby.heard.length;
  world.advance(1_000);
  expect(both.bobby.heard.length - before).toBeGreaterThanOrEqual(48);
  expect(both.bobby.callLog.filter((word) => word.startsWith('ended'))).toEqual([]);
});

describe('nobody is told an address', () => {
  seeded('who takes somebody for a buddy that is none: refused, in a word', (world) => {
    const people = new PeopleWorld(world);
    const mallory = people.person('mallory', 'PUB');
    const bobby = people.person('bobby1', 'PUB');
    const entry = { name: 'bobby1', displayName: '', relation: 'both', message: '', removed: false } as const;
    mallory.roster = [{ ...entry, lastSeenAtMs: 0, changedAtMs: world.wallClock() }];
    bobby.signUp();
    const packets = between(world, 'mallory', 'bobby1');
    mallory.signUp();
    // Before the word that they are no buddies has come.
    const outcome = tested(world, mallory);
    expect(['not-a-buddy', 'person-offline']).toContain((outcome as { code?: string }).code);
    expect(packets.count).toBe(0);
  });

  seeded('whom we do not know is not even asked', (world) => {
    const people = new PeopleWorld(world);
    const alice = people.person('alice1', 'PUB');
    people.person('bobby1', 'PUB').signUp();
    alice.signUp();
    const packets = between(world, 'alice1', 'bobby1');
    expect(tested(world, alice)).toMatchObject({ type: 'path-test-failed', code: 'not-a-buddy' });
    expect(packets.count).toBe(0);
  });

  seeded('whoever is invisible says nothing, like a program that does not know the question', (world) => {
    const { alice, bobby } = pair(world, ['PUB', 'PUB'], 'L0');
    bobby.does({ type: 'presence', status: 'invisible' });
    world.advance(1_000);
    const packets = between(world, 'alice1', 'bobby1');
    const begin = world.now;
    expect(tested(world, alice)).toMatchObject({ type: 'path-test-failed', code: 'timed-out' });
    expect(world.now - begin).toBeLessThanOrEqual(5_100);
    expect(packets.count).toBe(0);
    expect(bobby.node.events.some(({ type }) => type === 'path-test-asked')).toBe(false);
  });

  seeded('whoever blocked us says nothing', (world) => {
    const { alice, bobby } = pair(world, ['PUB', 'PUB'], 'L0');
    bobby.does({ type: 'roster', command: { type: 'block', name: 'alice1' } });
    const packets = between(world, 'alice1', 'bobby1');
    const outcome = tested(world, alice);
    expect(outcome.type).toBe('path-test-failed');
    expect(packets.count).toBe(0);
    expect(bobby.node.events.some(({ type }) => type === 'path-test-asked')).toBe(false);
  });

  seeded('whoever wants no tests says so', (world) => {
    const people = new PeopleWorld(world);
    const alice = people.person('alice1');
    const bobby = people.person('bobby1', undefined, { answersPathTests: () => false });
    alice.signUp();
    bobby.signUp();
    alice.befriend(bobby);
    const packets = between(world, 'alice1', 'bobby1');
    expect(tested(world, alice)).toMatchObject({ code: 'not-allowed' });
    expect(packets.count).toBe(0);
  });
});

seeded('tests of one person are bounded: the fourth in a row is told when to come again, and may', (world) => {
  const { alice } = pair(world, ['PUB', 'PUB'], 'L0');
  for (let i = 0; i < 3; i++) expect(reportOf(tested(world, alice)).path).toBe('direct');
  const refused = tested(world, alice);
  expect(refused).toMatchObject({ type: 'path-test-failed', code: 'busy' });
  const { retryAfterMs = 0 } = refused as { retryAfterMs?: number };
  expect(retryAfterMs).toBeGreaterThan(10_000);
  world.advance(retryAfterMs);
  expect(reportOf(tested(world, alice)).path).toBe('direct');
});
