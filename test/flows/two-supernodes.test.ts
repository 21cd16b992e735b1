/**
 * Two real supernode processes beside a login server, and two people who are attached to different ones: they find one
 * another, become buddies, chat and hear each other. Everything else about many supernodes is in virtual time.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PrivateNetwork, type Running, untilAsync } from '../support/private-network.ts';
import { readWav, speech, writeWav } from '../support/speech.ts';

let net: PrivateNetwork;
let second: Running;
const alice = { profile: 'A', name: 'alice1' };
const bobby = { profile: 'B', name: 'bobby1' };

beforeAll(async () => {
  net = await PrivateNetwork.startApart();
  second = await net.startSecondSupernode();
  await net.person('A', 'alice1');
  // This one names the second supernode first.
  net.invite = String(second.events()[0]?.invite);
  await net.person('B', 'bobby1');
  writeWav(net.path('speech.wav'), speech().samples);
});
afterAll(() => net.stop());

it('has people at both supernodes', async () => {
  const statuses = await Promise.all(['A', 'B'].map((profile) => net.wren(profile, 'status', '--json')));
  const [first, other] = statuses.map(({ stdout }) => /"supernode":\{"endpoint":"([^"]+)"/.exec(stdout)?.[1]);
  expect(first).toBeTruthy();
  expect(other).toBeTruthy();
  expect(first).not.toBe(other);
});

it('finds the one who is at the other, by the same answer from both', async () => {
  const look = async (profile: string, pattern: string) => {
    const { events } = await net.wren(profile, 'search', pattern, '--json');
    return events.filter((one) => one.event === 'result').map(({ name }) => name);
  };
  await untilAsync(
    async () => (await look('A', 'bobby')).includes('bobby1') && (await look('B', 'alice')).includes('alice1'),
    15_000,
    () => 'each other',
  );
});

it('lets them become buddies, see each other and chat', { timeout: 60_000 }, async () => {
  await net.befriend(alice, bobby);
  await untilAsync(
    async () =>
      (await net.wren('A', 'buddies', '--json')).events.some(
        (one) => one.name === 'bobby1' && one.presence === 'online',
      ),
    5_000,
    () => 'bobby1 online',
  );
  const sent = await net.wren('A', 'chat', 'bobby1', 'hello from the first one', '--json');
  expect(sent.code, sent.stderr).toBe(0);
  await untilAsync(
    async () => (await net.wren('B', 'chat', 'alice1', '--history')).stdout.includes('hello from the first one'),
    5_000,
    () => 'the line at bobby1',
  );
});

it('lets them hear each other', { timeout: 60_000 }, async () => {
  const answer = net.go('B', 'answer', '--once', '--audio', `file:,${net.path('b.wav')}`, '--json');
  const spoken = ['--for', '4', '--audio', `file:${net.path('speech.wav')}`, '--json'];
  const call = await net.wren('A', 'call', 'bobby1', ...spoken);
  const answered = await answer.done;
  expect(call.code, call.stderr).toBe(0);
  expect(answered.code, answered.stderr).toBe(0);
  expect(readWav(net.path('b.wav')).some((sample) => Math.abs(sample) > 1_000)).toBe(true);
});

it('tells in the reports of a supernode who the others are and how many records it holds', async () => {
  // One a minute.
  await second.saw(/"event":"load"/, 75_000);
  const load = second.events().findLast((one) => one.event === 'load');
  expect(load).toMatchObject({ members: 1, records: 2 });
}, 90_000);
