/** The host cache of a real agent: what its file holds, and that it starts with a full, a dead and a damaged one. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Remembered } from '../../src/net/index.ts';
import { PrivateNetwork } from '../support/private-network.ts';

let network: PrivateNetwork;
beforeAll(async () => {
  network = await PrivateNetwork.startApart();
  await network.person('alice', 'alice1');
});
afterAll(() => network.stop());

const file = (name: string): string => join(network.path('alice'), name);
const read = <T>(name: string): T => JSON.parse(readFileSync(file(name), 'utf8')) as T;
const signedIn = (): Promise<{ code: number | null }> => network.wren('alice', 'wait', '--for', '20');

test('a host cache filled with 199 dead entries, and nobody else to ask: the agent finds the one that lives', async () => {
  expect((await signedIn()).code).toBe(0);
  await network.succeed('alice', 'agent', 'stop');
  const cache = read<Remembered & { authorityPin: string }>('host-cache.json');
  expect(cache.networks[0]).toMatchObject({ way: 'udp' });
  expect(cache.supernodes[0]?.visits[0]).toMatchObject({ way: 'udp', misses: 0 });
  // Loopback: nobody listens there, and no packet leaves this machine.
  const dead = Array.from({ length: 199 }, (_, i) => ({
    ...{ node: (i + 1).toString(16).padStart(32, '0'), origin: 'heard', issuedAtMs: Date.now(), visits: [] },
    endpoints: [`udp:127.1.${i >> 6}.${(i & 63) + 1}:4999`],
  }));
  const alive = { ...cache.supernodes[0], origin: 'heard', issuedAtMs: 0, visits: [] };
  writeFileSync(file('host-cache.json'), JSON.stringify({ ...cache, supernodes: [...dead, alive], networks: [] }));
  writeFileSync(file('network.json'), JSON.stringify({ ...read<object>('network.json'), supernodes: [] }));
  network.loginServer?.child.kill('SIGKILL');
  expect((await signedIn()).code).toBe(0);
  const { events } = await network.wren('alice', 'status', '--json');
  expect(events[0]).toMatchObject({ connection: 'online', supernodesKnown: 200 });
  const map = await network.wren('alice', 'map', '--json');
  expect(map.code).toBe(0);
  expect(map.events[0]).toMatchObject({ event: 'supernode', state: 'active', country: null });
  expect(map.events.at(-1)).toMatchObject({ event: 'done', supernodes: 200, countries: {}, unknown: 200 });
});

test('a damaged host cache is told and kept aside; the login server names the supernode', async () => {
  await network.startLoginServer();
  await network.succeed('alice', 'agent', 'stop');
  writeFileSync(file('host-cache.json'), '{"supernodes":[{"nod');
  expect((await signedIn()).code).toBe(0);
  expect(readFileSync(file('host-cache.json.damaged-1'), 'utf8')).toBe('{"supernodes":[{"nod');
  expect(readFileSync(file('agent.log'), 'utf8')).toContain('host-cache.json');
});
