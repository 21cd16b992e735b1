/** The connectivity doctor on a real private network: what it says when all is well, without UDP, and without servers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Outcome, PrivateNetwork, untilAsync } from '../support/private-network.ts';

let network: PrivateNetwork;
beforeAll(async () => {
  network = await PrivateNetwork.start();
  await network.person('alice', 'alice1');
});
afterAll(() => network.stop());

const step = ({ events }: Outcome, name: string) => events.find((one) => one.event === 'step' && one.name === name);

test('a network that works passes to its last step: an echo call by a direct way', async () => {
  const outcome = await network.wren('alice', 'check', '--json');
  expect(step(outcome, 'login server')).toMatchObject({ verdict: 'pass', connected: true });
  expect(step(outcome, 'supernode')).toMatchObject({ verdict: 'pass', carrier: 'udp', answering: 1 });
  expect(step(outcome, 'udp')).toMatchObject({ udp: 'works' });
  expect(step(outcome, 'tcp')).toMatchObject({ verdict: 'pass', tcp: 'works', asked: 2, answering: 2 });
  // Where the test may not listen at 443 nobody has to be met there.
  expect(step(outcome, '443')).toMatchObject({ verdict: 'pass', asked: 2 });
  expect(step(outcome, 'host cache')).toMatchObject({ verdict: 'pass' });
  expect(step(outcome, 'clock')?.offsetMs).toBeLessThan(5_000);
  expect(step(outcome, 'echo call')).toMatchObject({ path: 'lan' });
  expect(outcome.events.at(-1)).toMatchObject({ event: 'done', exit: outcome.code });
  expect(outcome.code).toBe(0);
  expect(outcome.tookMs).toBeLessThan(15_000);
});

test('the way to a buddy is tested between two agents, and nothing rings', { timeout: 60_000 }, async () => {
  await network.person('bobby', 'bobby1');
  await network.befriend({ profile: 'alice', name: 'alice1' }, { profile: 'bobby', name: 'bobby1' });
  const outcome = await network.wren('alice', 'check', 'bobby1', '--json');
  expect(step(outcome, 'buddy')).toMatchObject({ verdict: 'pass', pathProbed: true });
  expect(step(outcome, 'their nat')).toMatchObject({ verdict: 'pass', udpBlocked: false });
  expect(step(outcome, 'relayed way')).toMatchObject({ verdict: 'pass', sent: 20 });
  expect(step(outcome, 'direct way')).toMatchObject({ verdict: 'pass', path: 'lan', sent: 20, why: null });
  expect(outcome.code).toBe(0);
  expect(readFileSync(join(network.path('bobby'), 'agent.log'), 'utf8')).toContain('a buddy tests the way to us');
  const { events } = await network.wren('bobby', 'status', '--json');
  expect(events[0]).toMatchObject({ calls: [] });
  await network.succeed('bobby', 'agent', 'stop');
});

test('with UDP blocked voice goes over TCP, and that is degraded', { timeout: 60_000 }, async () => {
  await network.succeed('alice', 'agent', 'debug', 'block-udp');
  try {
    await untilAsync(
      async () => {
        const { events } = await network.wren('alice', 'status', '--json');
        return (events[0]?.supernode as { carrier?: string } | null)?.carrier === 'tcp';
      },
      25_000,
      () => 'the link over TCP',
    );
    const outcome = await network.wren('alice', 'check', '--json');
    expect(step(outcome, 'udp')).toMatchObject({ verdict: 'warn', udp: 'blocked' });
    expect(step(outcome, 'echo call')).toMatchObject({ verdict: 'warn', path: 'tcp' });
    expect(outcome.code).toBe(1);
  } finally {
    await network.succeed('alice', 'agent', 'debug', 'unblock-udp');
  }
});

test('the first join of a new profile tells the login server so, in one sentence; quiet ones do not', async () => {
  const first = await network.wren('carol', 'join', network.invite, '--json');
  expect(first.events).toMatchObject([{ event: 'joined', installNotice: true }]);
  expect(first.stderr).toContain('WREN_NO_INSTALL_PING=1');
  await untilAsync(
    async () => readFileSync(join(network.path('carol'), 'agent.log'), 'utf8').includes('notice sent'),
    5_000,
    () => 'the answer to the notice',
  );
  expect(readFileSync(join(network.path('carol'), 'agent.log'), 'utf8')).toMatch(/"newest":"\d+\.\d+\.\d+"/);
  const again = await network.wren('carol', 'join', network.invite, '--json');
  expect(again.events[0]).not.toHaveProperty('installNotice');
  const quiet = ['--profile', network.path('dave'), 'join', network.invite, '--json'];
  const { events, stderr } = await network.run(quiet, { WREN_NO_INSTALL_PING: '1' }).done;
  expect([events.length, events[0]?.installNotice, stderr]).toEqual([1, undefined, '']);
});

test('with the servers gone nothing gets through, and the check still ends', async () => {
  network.up?.child.kill('SIGKILL');
  await network.up?.done;
  const outcome = await network.wren('alice', 'check', '--json');
  expect(step(outcome, 'login server')).toMatchObject({ trouble: 'unreachable', connected: false });
  expect(outcome.events.at(-1)).toMatchObject({ event: 'done', verdict: 'fail', exit: 2 });
  expect(outcome.code).toBe(2);
  expect(outcome.tookMs).toBeLessThan(25_000);
});
