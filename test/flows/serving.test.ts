/**
 * A person's machine that serves the network, out of the real program: it becomes a supernode by its person's word, somebody
 * who knows nothing else attaches to it, and it goes politely when the person refuses.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeInvite, parseInvite } from '../../src/net/index.ts';
import { parseEndpoint } from '../../src/net/protocol/endpoint.ts';
import type { ServingReport } from '../../src/store/state.ts';
import { PrivateNetwork, untilAsync } from '../support/private-network.ts';

let network: PrivateNetwork;
beforeAll(async () => {
  network = await PrivateNetwork.start();
});
afterAll(() => network?.stop());

async function statusOf(profile: string): Promise<{ serving?: ServingReport; connection: string; supernode: unknown }> {
  const { stdout } = await network.wren(profile, 'status', '--json');
  return JSON.parse(stdout);
}

test('with WREN_SUPERNODE=always it serves within a minute, somebody attaches to it, and never ends it politely', {
  timeout: 180_000,
}, async () => {
  const joined = network.run(['--profile', network.path('alice'), 'join', network.invite], {
    WREN_SUPERNODE: 'always',
  });
  expect((await joined.done).code).toBe(0);
  await network.succeed('alice', 'signup', 'alice1');
  const since = performance.now();
  let serving: ServingReport | undefined;
  await untilAsync(
    async () => {
      serving = (await statusOf('alice')).serving;
      return serving?.role === 'supernode';
    },
    60_000,
    () => JSON.stringify(serving),
  );
  expect(performance.now() - since).toBeLessThan(60_000);
  expect(serving).toMatchObject({ consent: 'always', facts: { dialBack: { of: 1, udp: 1, tcp: 1 } } });

  const invite = parseInvite(network.invite);
  const endpoint = parseEndpoint(serving?.endpoint ?? '');
  if (!invite || !endpoint) throw new Error('no invite, or serves nowhere');
  await network.succeed('bobby', 'join', encodeInvite({ ...invite, supernodes: [endpoint] }));
  await network.succeed('bobby', 'signup', 'bobby1');
  await network.succeed('bobby', 'wait', '--for', '20');
  expect((await statusOf('bobby')).supernode).toMatchObject({ endpoint: serving?.endpoint });

  await untilAsync(
    async () => ((await statusOf('alice')).serving?.cost?.clients ?? 0) > 0,
    20_000,
    () => 'a client in the cost of serving',
  );
  const words = (await network.succeed('alice', 'status')).stdout;
  expect(words).toMatch(/Serving: +as a supernode at 127\.0\.0\.1:\d+: .*wren serve never/);
  expect(words).toMatch(/caps: 100 people, \d+ kbit\/s relayed\s+now: one person/);

  await network.succeed('alice', 'serve', 'never');
  await untilAsync(
    async () => (await statusOf('alice')).serving?.role === 'ordinary',
    20_000,
    () => 'no supernode any more',
  );
  const after = await statusOf('bobby');
  expect(after.connection).toBe('online');
  expect(after.supernode).not.toMatchObject({ endpoint: serving?.endpoint });
  const befriended = await network.wren('bobby', 'buddies', 'add', 'alice1');
  expect(befriended.code).toBe(0);
});

test('a forced host-cache entry to an ordinary node leads to its supernode', { timeout: 90_000 }, async () => {
  const { observed, supernode } = (await statusOf('alice')) as unknown as {
    observed: string;
    supernode: { endpoint: string };
  };
  await network.person('carol', 'carol1');
  await network.succeed('carol', 'wait', '--for', '20');
  await network.succeed('carol', 'agent', 'stop');
  rmSync(join(network.path('carol'), 'host-cache.json'), { force: true });
  const invite = parseInvite(network.invite);
  const nobody = { carrier: 'tcp', host: '127.0.0.1', port: 1 } as const;
  const alice = parseEndpoint(observed);
  if (!invite || !alice) throw new Error('no invite, or alice is seen nowhere');
  const forced = encodeInvite({ ...invite, loginServers: [nobody], supernodes: [alice] });
  await network.succeed('carol', 'join', forced);
  await network.succeed('carol', 'wait', '--for', '20');
  expect((await statusOf('carol')).supernode).toMatchObject({ endpoint: supernode.endpoint });
});
