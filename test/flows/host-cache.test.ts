/**
 * The experiments with the host cache of the slides ("Login"), each by its name, in virtual time, and the figures of
 * signing in that hang on it (S3, S6, S7, S8, S10). There an empty cache and one with an invalid entry kept people out.
 * Links are those of the figures' W100: 50 ms each way between a person and the core.
 */
import { describe, expect, test } from 'vitest';
import type { RememberedSupernode } from '../../src/net/overlay/host-cache.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import { HOST_CACHE_ENTRIES_MAX } from '../../src/net/protocol/paper.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { gatewayOf, type Place } from '../sim/places.ts';
import { replayCommand, runScene } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

const SEED = 5;
const CORE_DELAY_MS = 50;
const HOUR_MS = 3_600_000;

describe('host cache emptied', () => {
  test('and an invite that names no supernode: the login server names one', async () => {
    await scene((world) => {
      const person = member(world, 'PUB');
      person.kill();
      forgetsSupernodes(person, []);
      expect(comesBack(person)).toBeLessThanOrEqual(2_000);
    });
  });

  test('and no packet gets out, as when connect and sendto always fail: one word within 8 s, and on it goes', async () => {
    await scene((world) => {
      const person = member(world, 'PUB');
      person.kill();
      forgetsSupernodes(person, []);
      const undo = world.block((_packet, sender) => sender === person.name);
      person.start();
      const tookMs = world.until(() => lastTried(person) !== undefined, 8_000);
      expect(tookMs).toBeLessThanOrEqual(8_000);
      expect(lastTried(person)).toEqual({ supernodes: 0, ways: [], loginServer: 'silent' });
      world.advance(60_000);
      undo();
      world.until(() => person.online, 130_000);
    });
  });
});

describe('host cache filled with one invalid entry', () => {
  test.each(['PUB', 'UDPX'] as const)('%s: the login server names those that there are', async (where) => {
    await scene((world) => {
      const person = member(world, where);
      person.kill();
      forgetsSupernodes(person, [], dead(1));
      expect(comesBack(person)).toBeLessThanOrEqual(4_000);
    });
  });

  test('and no login server: the invite names those that there are', async () => {
    await scene((world) => {
      const person = member(world, 'PUB');
      person.kill();
      person.remembered = { supernodes: dead(1), networks: [] };
      blockLogin(world, person);
      expect(comesBack(person)).toBeLessThanOrEqual(400);
    });
  });
});

describe('host cache filled with 199 dead entries', () => {
  // The live one is the last to be tried; nobody else can be asked.
  test.each([
    ['PUB', 2_500, 1],
    ['PUB', 2_500, 2],
    ['PR', 2_500, 3],
    ['SYM', 2_500, 4],
    ['UDPX', 6_000, 5],
    ['UDPX', 6_000, 6],
    ['443X', 5_000, 7],
  ] as const)('%s: attached within %i ms (figure S6; chance %i)', async (where, limitMs, seed) => {
    await scene((world) => {
      const person = member(world, where);
      person.kill();
      forgetsSupernodes(person, [], [...dead(199), alive(world)]);
      blockLogin(world, person);
      const hellos = bytesByUdp(world, person);
      expect(comesBack(person)).toBeLessThanOrEqual(limitMs);
      expect(hellos()).toBeLessThan(300_000);
      world.advance(3_000);
      // Next time it comes first: what worked here is remembered.
      person.kill();
      expect(comesBack(person)).toBeLessThanOrEqual(600);
    }, seed);
  });

  test('with nobody alive costs ever less: a second of Hellos, then hardly any', async () => {
    await scene((world) => {
      const person = member(world, 'PUB');
      person.kill();
      forgetsSupernodes(person, [], dead(HOST_CACHE_ENTRIES_MAX));
      blockLogin(world, person);
      const sent = bytesByUdp(world, person);
      person.start();
      world.until(() => lastTried(person) !== undefined, 8_000);
      expect(lastTried(person)?.supernodes).toBe(HOST_CACHE_ENTRIES_MAX);
      const first = sent();
      expect(first).toBeLessThan(320_000);
      world.advance(300_000);
      expect((sent() - first) / 300).toBeLessThan(1_500);
    });
  });
});

describe('signing in again on a network that is remembered (figures S3, S8)', () => {
  test.each([
    ['PUB', 400],
    ['PR', 400],
    ['UDPX', 600],
    ['443X', 600],
  ] as const)('%s within %i ms, by the way that worked, asking no more than eight nodes', async (where, limitMs) => {
    await scene((world) => {
      const person = member(world, where);
      world.advance(3_000);
      person.kill();
      person.remembered = {
        supernodes: [...(person.remembered?.supernodes ?? []), ...dead(190)],
        networks: person.remembered?.networks ?? [],
      };
      const asked = new Set<string>();
      world.watch({ packet: ({ to }, sender) => void (sender === person.name && asked.add(to.host)) });
      expect(comesBack(person)).toBeLessThanOrEqual(limitMs);
      expect(asked.size).toBeLessThanOrEqual(8);
    });
  });

  test('a way that worked elsewhere is not tried first here', async () => {
    await scene((world) => {
      const person = member(world, 'PUB');
      world.advance(3_000);
      const [here] = person.remembered?.networks ?? [];
      expect(here?.way).toBe('udp');
      expect(person.remembered?.networks.map(({ print }) => print)).toEqual([here?.print]);
    });
  });
});

describe('a machine that changes its network', () => {
  test('begins there by what worked there, and comes back to what worked here', async () => {
    await scene((world) => {
      const person = member(world, 'PUB');
      const host = world.host(person.name);
      const [home] = host.addresses;
      world.advance(3_000);
      // The other network lets no UDP out.
      world.block(({ carrier, from }, sender) => carrier === 'udp' && sender === person.name && from.host !== home);
      const restarts = (...addresses: string[]): number => {
        person.kill();
        host.move(...addresses);
        return comesBack(person);
      };
      restarts('203.0.114.9');
      world.advance(3_000);
      expect(restarts('203.0.114.8')).toBeLessThanOrEqual(600);
      world.advance(3_000);
      expect(restarts(home ?? '')).toBeLessThanOrEqual(400);
      world.advance(3_000);
      const ways = person.remembered?.networks.map(({ way }) => way);
      expect(ways).toEqual(['udp', 'tcp']);
    });
  });
});

describe('nothing reachable (figure S7)', () => {
  test('is told within 8 s with what was tried, and ends by itself when the network is back', async () => {
    await scene((world) => {
      const person = member(world, 'PUB');
      person.kill();
      const undo = world.block((_packet, sender) => sender === person.name);
      person.start();
      world.until(() => lastTried(person) !== undefined, 8_000);
      const tried = lastTried(person);
      expect(tried?.supernodes).toBe(1);
      expect(tried?.ways).toEqual(expect.arrayContaining(['udp', 'tcp', 'tcp443', 'tcp80']));
      // The next word has what became of the login server, too.
      world.until(() => lastTried(person)?.loginServer === 'silent', 8_000);
      undo();
      world.until(() => person.online, 5_000);
      expect(person.node.events.findLast((event) => event.type === 'link')).toMatchObject({ trouble: undefined });
    });
  });
});

describe('login server down for 24 h (figure S10)', () => {
  test('everybody who holds a certificate signs in, searches and calls', async () => {
    await scene((world) => {
      // One supernode: two that look after each other are much to compute for a day.
      const people = new PeopleWorld(world, ['super1']);
      const [alice, bobby] = people.buddies();
      alice.kill();
      people.login.stop();
      world.advance(12 * HOUR_MS);
      bobby.kill();
      world.advance(12 * HOUR_MS);
      for (const person of [alice, bobby]) {
        person.start();
        world.until(() => person.online);
      }
      world.until(() => alice.presence.get('bobby1') === 'online');
      alice.does({ type: 'search', ticket: 77, pattern: 'bobby', limit: 5 });
      world.until(() => alice.node.events.some((event) => event.type === 'search-results' && event.ticket === 77));
      const found = alice.node.events.findLast((event) => event.type === 'search-results');
      expect(found).toMatchObject({ hits: [{ name: 'bobby1' }] });
      alice.calls(bobby);
      world.until(() => bobby.callLog.includes('ringing'));
      bobby.call_('answer');
      world.until(() => alice.heard.length > 0 && bobby.heard.length > 0);
    });
  });
});

describe('supernodes of one network', () => {
  test('sign anew every day where they are, and enrol with it', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world);
      const entry = () => people.accounts.supernodes(1)[0];
      const first = entry();
      expect(first?.entry?.length).toBeGreaterThan(1_000);
      world.advance(30 * HOUR_MS);
      expect(entry()?.enrolledAtMs).toBeGreaterThan((first?.enrolledAtMs ?? 0) + 15 * HOUR_MS);
      expect(entry()?.entry).not.toEqual(first?.entry);
    });
  });

  test('learn of one another, and tell a client a few, long after it signed in', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world, ['super1', 'super2', 'super3']);
      world.advance(20 * 60_000);
      const person = people.person('alice1');
      person.kill();
      person.invited = people.supernodeEndpoints().slice(0, 1);
      person.start();
      person.signUp();
      // Else it would be asked, for a second supernode is wanted soon.
      people.login.stop();
      world.advance(20 * 60_000);
      const known = person.remembered?.supernodes.filter(({ origin }) => origin === 'heard') ?? [];
      expect(known).toHaveLength(2);
      expect(known.every(({ issuedAtMs, node }) => issuedAtMs > 0 && node !== '')).toBe(true);
      people.supernodes.get('super1')?.stop();
      const first = world.host('super1').address;
      world.until(() => attachedTo(person) !== first, 20_000);
      expect(person.online).toBe(true);
    });
  });

  test('are tried in one order by everybody, so that people meet; who missed a moment ago comes later', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world, ['super1', 'super2']);
      const [alice, bobby] = people.buddies();
      people.supernodes.get('super1')?.stop();
      const second = world.host('super2').address;
      world.until(() => attachedTo(alice) === second && attachedTo(bobby) === second, 30_000);
      world.advance(3_000);
      alice.kill();
      const begin = world.now;
      alice.start();
      world.until(() => alice.online);
      // Without waiting for the dead one: it missed.
      expect(world.now - begin).toBeLessThan(300);
      people.startSupernode('super1');
      world.advance(2 * HOUR_MS);
      for (const person of [alice, bobby]) person.kill();
      for (const person of [alice, bobby]) person.start();
      world.until(() => alice.online && bobby.online);
      const first = world.host('super1').address;
      for (const person of [alice, bobby]) expect(attachedTo(person)).toBe(first);
    });
  });
});

async function scene(play: (world: World) => void, seed = SEED): Promise<void> {
  const { testPath = '', currentTestName = '' } = expect.getState();
  await runScene(play, seed, replayCommand(seed, testPath, currentTestName.replaceAll(' > ', ' ')));
}

/** Somebody far from the core who has signed up and is online. */
function member(world: World, where: Place): Person {
  const people = new PeopleWorld(world);
  const person = people.person('alice1', where);
  for (const core of ['login', 'super1']) {
    world.link(gatewayOf(world.host('alice1')), core, { delayMs: CORE_DELAY_MS });
  }
  person.signUp();
  return person;
}

/** Nothing is left of what was learned but these; `invited` is what the invite names. */
function forgetsSupernodes(person: Person, invited: readonly Endpoint[], supernodes: RememberedSupernode[] = []): void {
  person.invited = invited;
  person.remembered = { supernodes, networks: [] };
}

function comesBack(person: Person): number {
  const { world } = person.world;
  const begin = world.now;
  person.start();
  world.until(() => person.online, 30_000);
  return world.now - begin;
}

function blockLogin(world: World, person: Person): void {
  world.block(({ to }, sender) => sender === person.name && to.host === person.world.loginAddress);
}

/** Nobody is at these addresses; each is in a network of its own. */
function dead(count: number): RememberedSupernode[] {
  return Array.from({ length: count }, (_, i) => heard(i + 1, `${60 + (i >> 7)}.${i & 127}.7.7`));
}

/** Not heard of for so long that all others come first. */
function alive(world: World): RememberedSupernode {
  return { ...heard(0, world.host('super1').address), issuedAtMs: Date.UTC(2025, 1, 1) };
}

function heard(number: number, host: string): RememberedSupernode {
  const node = number.toString(16).padStart(32, '0');
  return { node, endpoints: [`udp:${host}:4000`], origin: 'heard', issuedAtMs: Date.UTC(2025, 11, 31), visits: [] };
}

function lastTried(person: Person) {
  const told = person.node.events.findLast((event) => event.type === 'link' && event.tried !== undefined);
  return told?.type === 'link' ? told.tried : undefined;
}

function attachedTo(person: Person): string | undefined {
  const told = person.node.events.findLast((event) => event.type === 'link' && event.endpoint !== undefined);
  return told?.type === 'link' ? told.endpoint?.host : undefined;
}

function bytesByUdp(world: World, person: Person): () => number {
  let sum = 0;
  world.watch({
    packet({ carrier, bytes }, sender) {
      if (carrier === 'udp' && sender === person.name) sum += bytes.length;
    },
  });
  return () => sum;
}
