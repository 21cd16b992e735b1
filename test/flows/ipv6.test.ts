/**
 * IPv6 wherever IPv4 works, in virtual time: sign-up, a supernode of both families, and calls that go straight through
 * two firewalls where the IPv4 of both homes would have to be relayed. 50 ms each way to the core, as in the grid.
 */
import { expect, test } from 'vitest';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import { placeV6, placeV6Only } from '../sim/ipv6-places.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { gatewayOf } from '../sim/places.ts';
import { replayCommand, runScene } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

const SEED = 6;
const PORT = 4000;
const CORE_DELAY_MS = 50;
/** Figure P2. */
const DIRECT_MS_MAX = 1_500;
const LOGIN = ['10.9.0.1', '2001:db8:ffff::1'];
const SUPERNODE = ['10.9.0.2', '2001:db8:ffff::2'];

const at = (carrier: 'udp' | 'tcp', hosts: readonly string[]): Endpoint[] =>
  hosts.map((host) => ({ carrier, host, port: PORT }));
/** An invite that names both families, or one of them. */
const invite = (families: readonly number[] = [0, 1]) => ({
  loginServers: at(
    'tcp',
    families.map((family) => LOGIN[family]!),
  ),
  supernodes: at(
    'udp',
    families.map((family) => SUPERNODE[family]!),
  ),
});

/** Servers of both families. */
function network(world: World): PeopleWorld {
  world.host('login', { addresses: LOGIN });
  world.host('super1', { addresses: SUPERNODE });
  return new PeopleWorld(world);
}

function signedUp(people: PeopleWorld, name: string, families?: readonly number[]): { person: Person; tookMs: number } {
  const { world } = people;
  const person = people.person(name, undefined, invite(families));
  const gateway = gatewayOf(world.host(name));
  for (const core of ['login', 'super1']) world.link(gateway, core, { delayMs: CORE_DELAY_MS });
  const begin = world.now;
  person.signUp();
  return { person, tookMs: world.now - begin };
}

/** Both befriend, call and answer; the time from the answer until both are direct, or undefined after four seconds. */
function directAfterMs(world: World, alice: Person, bobby: Person): number | undefined {
  world.link(gatewayOf(world.host('alice1')), gatewayOf(world.host('bobby1')), { delayMs: 2 * CORE_DELAY_MS });
  alice.befriend(bobby);
  alice.calls(bobby);
  world.until(() => bobby.callLog.includes('ringing'));
  bobby.call_('answer');
  const answeredAt = world.now;
  world.until(() => alice.heard.length > 0 && bobby.heard.length > 0);
  let directAt: number | undefined;
  for (; world.now < answeredAt + 4_000; world.advance(5))
    if (alice.path === 'direct' && bobby.path === 'direct') directAt ??= world.now;
  const heard = [alice, bobby].map((person) => person.heard.length);
  world.advance(1_000);
  for (const [index, person] of [alice, bobby].entries()) {
    expect(person.heard.length - (heard[index] ?? 0)).toBeGreaterThanOrEqual(48);
  }
  return directAt === undefined ? undefined : directAt - answeredAt;
}

async function scene(play: (world: World) => void): Promise<void> {
  const { testPath = '', currentTestName = '' } = expect.getState();
  await runScene(play, SEED, replayCommand(SEED, testPath, currentTestName.replaceAll(' > ', ' ')));
}

test('two behind symmetric NATs who have IPv6 behind firewalls talk straight by IPv6', async () => {
  await scene((world) => {
    const people = network(world);
    placeV6(world, 'alice1', 1);
    placeV6(world, 'bobby1', 2);
    const [alice, bobby] = ['alice1', 'bobby1'].map((name) => signedUp(people, name).person) as [Person, Person];
    expect(directAfterMs(world, alice, bobby)).toBeLessThanOrEqual(DIRECT_MS_MAX);
    const families = new Set<string>();
    world.watch({
      // Probes are shorter than voice.
      packet({ carrier, to, bytes }, sender) {
        if (carrier !== 'udp' || !/^(alice|bobby)1$/.test(sender) || bytes.length < 80) return;
        families.add(to.host.includes(':') ? 'IPv6' : 'IPv4');
      },
    });
    world.advance(2_000);
    expect([...families]).toEqual(['IPv6']);
  });
});

test.each([
  ['an invite of both families', [0, 1]],
  ['an invite of IPv6 alone', [1]],
])(
  'somebody without IPv4 signs up by %s as fast as others, by UDP, and is seen at an address of their own',
  async (_words, families) => {
    await scene((world) => {
      const people = network(world);
      placeV6Only(world, 'alice1', 1);
      const { person, tookMs } = signedUp(people, 'alice1', families);
      expect(tookMs).toBeLessThanOrEqual(1_000);
      const link = person.node.events.findLast((event) => event.type === 'link');
      expect(link).toMatchObject({
        carrier: 'udp',
        endpoint: { host: SUPERNODE[1] },
        observed: { host: '2001:db8:1::2' },
      });
    });
  },
);

test('somebody without IPv4 and somebody with both talk straight, at one supernode of both families', async () => {
  await scene((world) => {
    const people = network(world);
    placeV6Only(world, 'alice1', 1);
    placeV6(world, 'bobby1', 2);
    const [alice, bobby] = ['alice1', 'bobby1'].map((name) => signedUp(people, name).person) as [Person, Person];
    expect(directAfterMs(world, alice, bobby)).toBeLessThanOrEqual(DIRECT_MS_MAX);
  });
});

test('somebody without IPv4 and somebody without IPv6 are relayed, and nothing is sent that cannot arrive', async () => {
  await scene((world) => {
    const people = network(world);
    placeV6Only(world, 'alice1', 1);
    world.host('bobby1', { address: '203.0.113.1' });
    const [alice, bobby] = ['alice1', 'bobby1'].map((name) => signedUp(people, name).person) as [Person, Person];
    expect(directAfterMs(world, alice, bobby)).toBeUndefined();
    expect([alice.path, bobby.path]).toEqual(['relay', 'relay']);
    const before = [alice, bobby].map(({ node }) => node.report().dropped['datagram unsent: ENETUNREACH'] ?? 0);
    world.advance(5_000);
    const after = [alice, bobby].map(({ node }) => node.report().dropped['datagram unsent: ENETUNREACH'] ?? 0);
    expect(after).toEqual(before);
  });
});
