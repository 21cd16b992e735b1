/**
 * What a sign-in costs on the wire (S8): payload both ways of a whole agent in virtual time, from the first word to its
 * record in the index, its mailbox looked through and its device list stored; what its second supernode costs is told apart.
 */
import { afterEach, expect, it } from 'vitest';
import { World } from '../sim/world.ts';
import { AgentsInWorld, type WorldAgent } from '../support/whole-agents.ts';

const FIRST_BYTES_MAX = 9_000;
const LATER_BYTES_MAX = 2_500;
const NODES_MAX = 8;
/** Within this all is said that belongs to a sign-in; the second supernode is looked for from 2.5 s on. */
const SAID_MS = 2_400;

let agents: AgentsInWorld;
afterEach(() => agents.end());

class Count {
  bytes = 0;
  readonly nodes = new Set<string>();

  constructor(world: World, label: string) {
    const here = world.host(label).address;
    world.watch({
      packet: ({ from, to, bytes }) => {
        if (from.host !== here && to.host !== here) return;
        this.bytes += bytes.length;
        this.nodes.add(from.host === here ? to.host : from.host);
      },
    });
  }

  begin(): this {
    this.bytes = 0;
    this.nodes.clear();
    return this;
  }
}

async function signedUp(label: string, name: string): Promise<WorldAgent> {
  const one = await agents.start(label);
  await agents.enter(one, 'account.sign-up', name);
  await agents.pass(SAID_MS);
  return one;
}

it.each([1, 2])(
  'a first sign-in costs 9 kB at most, a later one 2.5, and 8 nodes hear of it (seed %i)',
  async (seed) => {
    const world = new World({ seed });
    agents = new AgentsInWorld(world);
    const before = await signedUp('before', 'carol99');
    await agents.during(before.handle({ type: 'account.sign-out' }));
    await agents.stop(before);

    const count = new Count(world, 'device');
    const device = await agents.start('device');
    await agents.enter(device, 'account.sign-in', 'carol99');
    await agents.pass(SAID_MS);
    expect(device.state.devices).toMatchObject({ list: [{ label: 'device' }] });
    expect(count.bytes).toBeGreaterThan(4_000);
    expect(count.bytes).toBeLessThanOrEqual(FIRST_BYTES_MAX);
    expect(count.nodes.size).toBeLessThanOrEqual(NODES_MAX);

    await agents.pass(20_000);
    await agents.stop(device);
    await agents.pass(2_000);
    count.begin();
    const again = await agents.start('device');
    await agents.until(() => again.state.connection === 'online');
    await agents.pass(SAID_MS);
    expect(count.bytes).toBeGreaterThan(500);
    expect(count.bytes).toBeLessThanOrEqual(LATER_BYTES_MAX);
    expect(count.nodes.size).toBeLessThanOrEqual(NODES_MAX);
  },
);

it('another device that is online adds no more than the handshake with it, the certificate of its list, and what both sync', async () => {
  const world = new World({ seed: 4 });
  agents = new AgentsInWorld(world, ['super1', 'super2', 'super3']);
  await signedUp('desk', 'carol99');
  const count = new Count(world, 'device');
  const device = await agents.start('device');
  await agents.enter(device, 'account.sign-in', 'carol99');
  await agents.until(() => device.state.devices?.list.every(({ online }) => online) ?? false);
  expect(count.bytes).toBeLessThanOrEqual(FIRST_BYTES_MAX + 3_200);
  expect(count.nodes.size).toBeLessThanOrEqual(NODES_MAX);
});
