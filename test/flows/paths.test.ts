/**
 * Figures P2 to P5 by name: which way the sound of a call takes from which places, and how soon. In virtual time, each over
 * many seeds and calls, so that a p95 is one. `WREN_FIGURES=1` prints what was measured.
 */
import { afterAll, describe, expect, test, vi } from 'vitest';
import { natBox } from '../sim/nat-box.ts';
import type { Packet } from '../sim/network.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { natOf } from '../sim/places.ts';
import type { World } from '../sim/world.ts';
import {
  type Begun,
  begin,
  call,
  hangUp,
  isDirect,
  measured,
  note,
  type Pair,
  pair,
  quantile,
  RATION_MS,
  scene,
} from '../support/two-callers.ts';

/** A keep-alive or its answer, sealed; anything of a call, forwarded, is longer. */
const KEEP_ALIVE_BYTES_MAX = 70;

vi.setConfig({ testTimeout: 240_000 });

afterAll(() => {
  if (process.env.WREN_FIGURES === '1') console.log(measured.join('\n'));
});

describe('P2: two behind routers that keep one port for everybody', () => {
  const cells = (['PR', "PR'"] as const).flatMap((a) => (['PR', "PR'"] as const).map((b) => [a, b] as const));
  for (const line of ['L0', 'W100'] as const) {
    const limitMs = line === 'L0' ? 300 : 1_500;
    test.each(cells)(`%s and %s are direct every time, within ${limitMs} ms at p95 (${line})`, async (a, b) => {
      const directMs: number[] = [];
      for (let seed = 1; seed <= 4; seed += 1) {
        await scene(seed, (world) => {
          const both = pair(world, [a, b], line);
          for (let calls = 0; calls < 5; calls += 1) {
            directMs.push(begin(both, 5_000).directMs);
            hangUp(both);
            world.advance(61_000);
          }
        });
      }
      note(`P2 ${a}-${b} ${line}, to direct`, directMs);
      expect(Math.max(...directMs)).toBeLessThan(5_000);
      expect(quantile(directMs, 0.95)).toBeLessThanOrEqual(limitMs);
    });
  }
});

describe('P3: somebody whose router gives each destination another random port', () => {
  const cells = [
    ['SYM', 'PR'],
    ['PR', 'SYM'],
    ['SYM', "PR'"],
  ] as const;
  const share = 0.95;
  for (const line of ['L0', 'W100'] as const) {
    test(`is direct within 3 s with those who have one, in ${100 * share} of 100, and heard meanwhile (${line})`, async () => {
      const begun: Begun[] = [];
      for (const places of cells) {
        for (let seed = 1; seed <= 3; seed += 1)
          await scene(seed, (world) => begun.push(...calls(pair(world, places, line), 11)));
      }
      const directMs = begun.map((one) => one.directMs);
      note(`P3 ${line}, to direct`, directMs);
      note(
        `P3 ${line}, to sound`,
        begun.map((one) => one.soundMs),
      );
      note(
        `P3 ${line}, longest gap`,
        begun.map((one) => one.gapMs),
      );
      const direct = directMs.filter((ms) => ms <= 3_000).length;
      measured.push(`P3 ${line}: direct within 3 s in ${direct} of ${begun.length}`);
      expect(direct / begun.length).toBeGreaterThanOrEqual(share);
      expect(Math.max(...begun.map((one) => one.soundMs))).toBeLessThanOrEqual(300);
      expect(Math.max(...begun.map((one) => one.gapMs))).toBeLessThanOrEqual(120);
    });
  }

  /** One after the other, each when many ports may be had again. */
  function calls(both: Pair, count: number): Begun[] {
    return Array.from({ length: count }, () => {
      const begun = begin(both, 3_000);
      hangUp(both);
      both.world.advance(begun.directMs === Number.POSITIVE_INFINITY ? RATION_MS : 45_000);
      return begun;
    });
  }

  test('overruns no router that has but a small table: most are found all the same, and all are heard throughout', async () => {
    const begun: Begun[] = [];
    for (let seed = 1; seed <= 5; seed += 1) {
      await scene(seed, (world) => {
        const both = pair(world, ['SYM', 'PR'], 'W100');
        for (const name of ['alice1', 'bobby1']) natOf(world.host(name)).limitFlows(1_024);
        begun.push(begin(both, 5_000));
      });
    }
    expect(begun.filter(({ directMs }) => directMs <= 5_000).length).toBeGreaterThanOrEqual(4);
    expect(Math.max(...begun.map(({ gapMs }) => gapMs))).toBeLessThanOrEqual(120);
  });

  test('lets go of all temporary ports but the one it speaks by', async () => {
    await scene(2, (world) => {
      const both = pair(world, ['SYM', 'PR'], 'W100');
      begin(both, 5_000);
      world.advance(6_000);
      const ports = (name: string) => world.host(name).openPorts;
      expect(ports('alice1')).toBeLessThanOrEqual(1 + 2);
      expect(ports('bobby1')).toBe(1);
      hangUp(both);
      world.advance(100);
      expect(ports('alice1')).toBe(1);
    });
  });
});

describe('P4: where no direct way can be', () => {
  test.each([
    ['SYM', 'SYM', 'relay', 300],
    ['UDPX', 'PR', 'tcp', 700],
    ['SYM', 'UDPX', 'relay', 700],
    ['UDPX', 'UDPX', 'tcp', 700],
  ] as const)('%s and %s are heard through the supernode by %s within %i ms', async (a, b, path, limitMs) => {
    const soundMs: number[] = [];
    for (let seed = 1; seed <= 4; seed += 1) {
      await scene(seed, (world) => {
        const both = pair(world, [a, b], 'W100');
        for (let calls = 0; calls < 3; calls += 1) {
          soundMs.push(begin(both, 2_000).soundMs);
          expect(both.alice.path).toBe(path);
          hangUp(both);
          world.advance(20_000);
        }
      });
    }
    note(`P4 ${a}-${b} W100, to sound`, soundMs);
    expect(quantile(soundMs, 0.95)).toBeLessThanOrEqual(limitMs);
  });

  test('a call through a stream becomes direct when UDP is let through again', async () => {
    await scene(1, (world) => {
      const unblock = world.block(({ carrier }, sender) => carrier === 'udp' && sender === 'alice1');
      const both = pair(world, ['PR', 'PUB'], 'W100');
      call(both);
      world.advance(100_000);
      expect(both.alice.path).toBe('tcp');
      unblock();
      const tookMs = world.until(() => isDirect(both.alice) && isDirect(both.bobby), 90_000);
      note('from UDP usable again to direct', [tookMs]);
    });
  });
});

test('P5: two behind one router talk inside it: no packet of a call that has found its way leaves the house', async () => {
  for (let seed = 1; seed <= 5; seed += 1) {
    await scene(seed, (world) => {
      const both = pair(world, ['SAME', 'SAME'], 'W100');
      const { alice, bobby } = both;
      call(both);
      world.until(() => alice.path === 'lan' && bobby.path === 'lan');
      // By then both have found out what kind of NAT the router is, too.
      world.advance(4_000);
      const sent = { inside: 0, outside: 0 };
      world.watch({
        packet({ carrier, to, bytes }) {
          const where = /^(192\.168|127)\./.test(to.host) ? 'inside' : 'outside';
          // In a call each looks every five seconds whether the supernodes still answer; that is no packet of the call.
          if (carrier === 'udp' && (where === 'inside' || bytes.length > KEEP_ALIVE_BYTES_MAX)) sent[where] += 1;
        },
      });
      world.advance(3_000);
      expect(sent.inside).toBeGreaterThan(300 - 5);
      expect(sent.outside).toBe(0);
    });
  }
});

describe('a punch that fails at first', () => {
  /**
   * Carriers whose NAT is so far away, counted from the home router, that near openers die before it, and which take what
   * comes unasked. What one end says arrives late, so that the other probes in earnest too early.
   */
  function behindCarriers(world: World, number: number): Pair {
    const people = new PeopleWorld(world);
    const join = (name: string, address: string): Person => {
      natBox(world, `${name} carrier`, { address, unsolicited: 'accepted' });
      let behind = `${name} carrier`;
      const middlebox = { outward: passOn, inward: passOn };
      for (let router = 2; router < number; router += 1) {
        world.box(`${name} router ${router}`, { middlebox, behind });
        behind = `${name} router ${router}`;
      }
      natBox(world, `${name} box`, { address: '100.64.0.2', behind });
      world.host(name, { address: '192.168.1.2', behind: `${name} box` });
      for (const core of ['login', 'super1']) world.link(`${name} carrier`, core, { delayMs: 0 });
      return people.person(name);
    };
    const [alice, bobby] = [join('alice1', '203.0.113.50'), join('bobby1', '203.0.113.51')];
    world.link('alice1 carrier', 'super1', { delayMs: 80 }, 'one');
    world.link('alice1 carrier', 'bobby1 carrier', { delayMs: 0 });
    alice.signUp();
    bobby.signUp();
    alice.befriend(bobby);
    return { world, people, alice, bobby };
  }

  const passOn = (_: number, packet: Packet): Packet => packet;

  test.each([
    [3, 1],
    [6, 12],
    [7, 12],
    [11, 90],
  ])('is made good from fresh ports: the carrier is router number %i, direct within %i s', async (number, limitS) => {
    await scene(1, (world) => {
      const { directMs } = begin(behindCarriers(world, number), limitS * 1_000);
      note(`the carrier is router number ${number}, L0, to direct`, [directMs]);
      expect(directMs).toBeLessThanOrEqual(limitS * 1_000);
    });
  });
});

describe('P3 for routers that are not quite random', () => {
  test.each([
    ['counts up', { name: 'sequential', delta: 1 }],
    ['counts down by two', { name: 'sequential', delta: -2 }],
    ['has a block of 2048 ports', { name: 'random', min: 20_480, max: 22_527 }],
  ] as const)('one that %s is found sooner', async (_, ports) => {
    const directMs: number[] = [];
    for (let seed = 1; seed <= 6; seed += 1) {
      await scene(seed, (world) => {
        natBox(world, 'alice1 box', { address: '203.0.113.40', mapping: 'address-and-port-dependent', ports });
        world.host('alice1', { address: '192.168.1.2', behind: 'alice1 box' });
        const people = new PeopleWorld(world);
        const [alice, bobby] = [people.person('alice1'), people.person('bobby1', 'PR')];
        alice.signUp();
        bobby.signUp();
        alice.befriend(bobby);
        directMs.push(begin({ world, people, alice, bobby }, 3_000).directMs);
      });
    }
    note(`P3 a router that ${_}, to direct`, directMs);
    expect(Math.max(...directMs)).toBeLessThanOrEqual(1_500);
  });
});
