/**
 * What kind of NAT somebody is behind, found out in every place (figure P1: right everywhere, within a round trip of
 * sign-in), and behind boxes that no place has. In virtual time, 50 ms from the core each way.
 */
import { describe, expect, test } from 'vitest';
import type { NatKind } from '../../src/net/nat/nat-kind.ts';
import { natClass } from '../../src/net/nat/nat-kind.ts';
import { Mask } from '../../src/net/wire/mask.ts';
import { PLACES, type Place } from '../places.ts';
import { type NatBehaviour, natBox } from '../sim/nat-box.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { gatewayOf } from '../sim/places.ts';
import { World } from '../sim/world.ts';

const CORE_DELAY_MS = 50;
const RTT_MS = 2 * CORE_DELAY_MS;
/** Supernodes have found one another by then. */
const SETTLE_MS = 3_000;

const PR = 'works port-restricted endpoint-independent address-and-port-dependent preserving';
const TCP_ONLY = 'blocked no-udp unknown unknown unknown';
const EXPECTED: Readonly<Record<Place, string>> = {
  PUB: 'works public none endpoint-independent preserving',
  PR,
  "PR'": PR,
  SYM: 'works symmetric address-and-port-dependent address-and-port-dependent random',
  UDPX: TCP_ONLY,
  '443X': TCP_ONLY,
  '443D': TCP_ONLY,
  SAME: PR,
  CGN: PR.replace('preserving', 'other'),
};

const BOXES: readonly { what: string; box: Partial<NatBehaviour>; expected: string }[] = [
  {
    what: 'a full cone',
    box: { filtering: 'endpoint-independent' },
    expected: 'works full-cone endpoint-independent endpoint-independent preserving',
  },
  {
    what: 'an address-restricted cone',
    box: { filtering: 'address-dependent' },
    expected: 'works address-restricted endpoint-independent address-dependent preserving',
  },
  {
    what: 'a NAT with a port for each address',
    box: { mapping: 'address-dependent', ports: { name: 'random' } },
    expected: 'works symmetric address-dependent address-and-port-dependent random',
  },
  {
    what: 'a symmetric NAT that counts up by two',
    box: { mapping: 'address-and-port-dependent', ports: { name: 'sequential', delta: 2 } },
    expected: 'works symmetric address-and-port-dependent address-and-port-dependent sequential',
  },
  {
    what: 'a symmetric NAT that lets anybody in',
    box: { mapping: 'address-and-port-dependent', filtering: 'endpoint-independent', ports: { name: 'random' } },
    expected: 'works symmetric address-and-port-dependent endpoint-independent random',
  },
];

describe.each([3, 2])('with %i supernodes', (count) => {
  test.each(PLACES)('somebody in %s is told right, in time', (where) => {
    const { person, world } = joined(count, (people) => people.person('alice1', where));
    const attachedAt = world.now;
    world.until(() => kindOf(person) !== undefined, 2_000);
    expect(world.now - attachedAt).toBeLessThanOrEqual(RTT_MS);
    expect(words(kindOf(person))).toBe(EXPECTED[where]);
    world.advance(5_000);
    expect(words(kindOf(person))).toBe(EXPECTED[where]);
    const several = EXPECTED[where] !== TCP_ONLY;
    expect(kindOf(person)?.evidence.filtering).toBe(several ? 'several-addresses' : 'none');
    expect(kindOf(person)?.evidence.mapping).toBe(several ? 'several-addresses' : 'none');
  });

  test.each(BOXES)('$what is told right', ({ box, expected }) => {
    const { person, world } = joined(count, (people) => behind(people, box));
    world.advance(5_000);
    expect(words(kindOf(person))).toBe(expected);
  });
});

describe('with one supernode', () => {
  test.each(PLACES)('somebody in %s is told what one address can tell', (where) => {
    const { person, world } = joined(1, (people) => people.person('alice1', where));
    world.advance(5_000);
    const kind = kindOf(person);
    const open = where === 'PUB';
    // Whether strangers elsewhere come through nobody can say; the rest is the same.
    const expected = open ? 'works public none address-dependent preserving' : EXPECTED[where];
    expect(words(kind).replace(/sequential/, 'random')).toBe(expected);
    expect(kind?.evidence.filtering).toBe(kind?.udp === 'works' ? 'one-address' : 'none');
  });
});

test('a later start tells it again, and nothing is told twice', () => {
  const { person, world } = joined(2, (people) => people.person('alice1', 'PR'));
  world.advance(10_000);
  const told = kindsOf(person).length;
  world.advance(30 * 60_000);
  expect(kindsOf(person).length).toBe(told);
  person.kill();
  person.start();
  world.until(() => person.online);
  const attachedAt = world.now;
  world.until(() => kindOf(person) !== undefined, 2_000);
  expect(world.now - attachedAt).toBeLessThanOrEqual(RTT_MS);
  expect(words(kindOf(person))).toBe(PR);
});

test('probes come from a port that nobody writes to, and nobody is sent more than was sent in his name', () => {
  const world = new World({ seed: 3 });
  const people = new PeopleWorld(world, ['super1', 'super2', 'super3']);
  world.advance(SETTLE_MS);
  const mask = new Mask(people.authority.pin);
  const flows = new Map<string, { inBytes: number; outBytes: number }>();
  const written = new Set<number>();
  world.watch({
    packet({ carrier, from, to, bytes }) {
      if (carrier !== 'udp') return;
      written.add(to.port);
      const cut = mask.uncover(bytes);
      const isClear = typeof cut !== 'string' && (cut.packet.kind === 5 || cut.packet.kind === 6);
      const client = [from, to].find(({ host }) => host.startsWith('203.0.113.'));
      if (!isClear || !client) return;
      const flow = flows.get(`${client.host}`) ?? { inBytes: 0, outBytes: 0 };
      flows.set(`${client.host}`, flow);
      if (client === from) flow.outBytes += bytes.length;
      else flow.inBytes += bytes.length;
    },
  });
  people.person('alice1', 'PUB').signUp();
  world.advance(10_000);
  const [flow] = flows.values();
  expect(flow?.inBytes).toBeGreaterThan(0);
  expect(flow?.inBytes).toBeLessThanOrEqual(flow?.outBytes ?? 0);
  expect([...written]).toContain(4001);
  expect([...written]).not.toContain(4002);
});

test('two behind symmetric NATs talk directly when the router of one passes a port on', () => {
  const world = new World({ seed: 3 });
  const people = new PeopleWorld(world, ['super1']);
  const symmetric = { mapping: 'address-and-port-dependent', ports: { name: 'random' } } as const;
  const [box] = ['alice1', 'bobby1'].map((name, i) => {
    const made = natBox(world, `${name} box`, { address: `203.0.113.${i + 1}`, ...symmetric });
    world.host(name, { address: '192.168.1.2', behind: `${name} box` });
    return made;
  });
  const [alice, bobby] = people.buddies();
  const call = (): string | undefined => {
    const answered = bobby.callLog.length;
    alice.calls(bobby);
    world.until(() => bobby.callLog.slice(answered).includes('ringing'));
    bobby.call_('answer');
    world.advance(5_000);
    const path = alice.path;
    alice.call_('hang-up');
    world.advance(2_000);
    return path;
  };
  expect(call()).toBe('relay');
  box?.passOn(5_000, { carrier: 'udp', host: '192.168.1.2', port: alice.node.port });
  alice.does({ type: 'mapped', endpoint: { carrier: 'udp', host: '203.0.113.1', port: 5_000 } });
  world.advance(100);
  expect(call()).toBe('direct');
});

function joined(count: number, make: (people: PeopleWorld) => Person): { person: Person; world: World } {
  const world = new World({ seed: 3 });
  const names = Array.from({ length: count }, (_, i) => `super${i + 1}`);
  const people = new PeopleWorld(world, names);
  world.advance(SETTLE_MS);
  const person = make(people);
  for (const core of ['login', ...names]) world.link(gatewayOf(world.host('alice1')), core, { delayMs: CORE_DELAY_MS });
  person.signUp();
  return { person, world };
}

function behind(people: PeopleWorld, box: Partial<NatBehaviour>): Person {
  natBox(people.world, 'box', { address: '203.0.113.99', ...box });
  people.world.host('alice1', { address: '192.168.1.2', behind: 'box' });
  return people.person('alice1');
}

function kindsOf(person: Person): NatKind[] {
  return person.node.events.flatMap((event) => (event.type === 'nat' ? [event.kind] : []));
}

function kindOf(person: Person): NatKind | undefined {
  return kindsOf(person).at(-1);
}

function words(kind: NatKind | undefined): string {
  if (!kind) return 'nothing';
  return [kind.udp, natClass(kind), kind.mapping, kind.filtering, kind.portAllocation].join(' ');
}
