/**
 * One person at several devices: all ring, the first to pick up wins, the others stop. Seeded worlds with delays by
 * chance, and losses, which the reliable channel turns into waits; a thousand for the race.
 */
import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../../src/net/protocol/ids.ts';
import { message } from '../../../src/net/wire/messages.ts';
import { CallWorld, last, type Phone, story } from './call-world.ts';

const SEEDS = 1_000;
/** Where the race is not the point. */
const SOME = 250;
const ONLY = process.env.WREN_SEED;
const seeds = ONLY === undefined ? Array.from({ length: SEEDS }, (_, i) => i + 1) : [Number(ONLY)];
/** One way, in the reference lab with 50 ms each between client and core. */
const DELAY_MS = [5, 100] as const;
/** What a loss costs: a time-out of the reliable channel, or two. */
const LOSS = { share: 0.15, costMs: [150, 900] } as const;

interface Scene {
  readonly world: CallWorld;
  readonly alice: Phone;
  readonly devices: readonly Phone[];
}

function scene(seed: number, lossy: boolean): Scene {
  const world = new CallWorld({ seed, delayMs: DELAY_MS, ...(lossy ? { loss: LOSS } : {}) });
  const alice = world.phone('alice1');
  const devices = Array.from({ length: 5 }, () => world.phone('bobby1'));
  world.do(alice, { type: 'place', to: 'bobby1' });
  return { world, alice, devices };
}

const heardAt = (phone: Phone, type: string) => phone.times[phone.told.findIndex((told) => told.type === type)];
const running = (phone: Phone) => phone.calls.list().filter((call) => call.state === 'running');

/** Whoever runs is the one with whom the caller talks; everybody else has stopped for that reason. */
function oneWinner({ alice, devices }: Scene, seed: number): void {
  const winners = devices.filter((device) => running(device).length > 0);
  const [call] = running(alice);
  expect([seed, winners.length, call?.node]).toEqual([seed, 1, winners[0]?.node]);
  expect([seed, running(winners[0] as Phone)[0]?.node]).toEqual([seed, alice.node]);
  for (const device of devices) {
    if (device === winners[0]) continue;
    // Whoever was too late is refused, and has stopped before.
    const words = story(device).filter((word) => word !== 'refused');
    expect([seed, words.at(-1)]).toEqual([seed, 'ended answered-elsewhere']);
  }
}

describe('five devices of one person', () => {
  it('ring within 200 ms of each other, and stop within 300 ms when one picks up', () => {
    for (const seed of seeds) {
      if (seed > SOME) break;
      const { world, devices, ...rest } = scene(seed, false);
      world.run(400);
      const rings = devices.map((device) => heardAt(device, 'ringing') ?? Infinity);
      expect(Math.max(...rings) - Math.min(...rings)).toBeLessThanOrEqual(200);
      const winner = devices[seed % devices.length] as Phone;
      const from = world.now;
      world.do(winner, { type: 'answer', call: winner.calls.list()[0]?.call ?? '' });
      world.run(1_000);
      oneWinner({ world, devices, ...rest }, seed);
      const ends = devices.filter((device) => device !== winner).map((device) => heardAt(device, 'ended') ?? Infinity);
      expect([seed, Math.max(...ends) - from <= 300]).toEqual([seed, true]);
    }
  });

  it.each([
    ['', false],
    [' over a network that loses', true],
  ])('have one winner when several pick up in the same instant%s', (_how, lossy) => {
    let met = 0;
    for (const seed of seeds) {
      if (!lossy && seed > SOME) break;
      const { world, alice, devices } = scene(seed, lossy);
      world.run(lossy ? 4_000 : 400);
      const pickUp = devices.filter(() => world.random.fraction() < 0.5);
      const takers = pickUp.length < 2 ? devices.slice(0, 2) : pickUp;
      for (const taker of takers) {
        world.do(taker, { type: 'answer', call: taker.calls.list()[0]?.call ?? '' });
        if (seed % 2 === 0) world.run(world.random.fraction() * 20);
      }
      met += takers.filter((taker) => running(taker).length > 0).length;
      world.run(8_000);
      oneWinner({ world, alice, devices }, seed);
    }
    // The races must have been races.
    if (ONLY === undefined) expect(met).toBeGreaterThan(2 * (lossy ? SEEDS : SOME));
  });

  it('stop in the same way when one picks up before the invite has come to another', () => {
    for (const seed of seeds) {
      if (seed > SOME) break;
      const { world, alice, devices } = scene(seed, true);
      while (devices.every((device) => device.calls.list().length === 0)) world.run(5);
      const first = devices.find((device) => device.calls.list().length > 0) as Phone;
      world.do(first, { type: 'answer', call: first.calls.list()[0]?.call ?? '' });
      world.run(8_000);
      oneWinner({ world, alice, devices }, seed);
    }
  });

  it('all stop when one declines, or the caller gives up', () => {
    for (const seed of seeds.slice(0, 100)) {
      const { world, alice, devices } = scene(seed, true);
      world.run(4_000);
      const [first] = devices as [Phone];
      const who = seed % 2 === 0 ? alice : first;
      world.do(who, { type: 'hang-up', call: who.calls.list()[0]?.call ?? '' });
      world.run(8_000);
      for (const phone of [alice, ...devices]) expect([seed, phone.calls.list()]).toEqual([seed, []]);
      const reason = seed % 2 === 0 ? 'ended cancelled' : 'ended answered-elsewhere';
      expect(devices.slice(1).map((device) => story(device).at(-1))).toEqual(devices.slice(1).map(() => reason));
    }
  });
});

describe('a running call that is pulled to another device', () => {
  function pulled(seed: number, lossy: boolean) {
    const it = scene(seed, lossy);
    const { world, alice, devices } = it;
    world.run(4_000);
    const [first, second] = devices as [Phone, Phone];
    world.do(first, { type: 'answer', call: first.calls.list()[0]?.call ?? '' });
    world.run(4_000);
    const [there] = second.elsewhere;
    return { world, alice, first, second, call: there?.call ?? '', devices };
  }

  it('goes on there: the other end keeps it, the old device ends for that reason', () => {
    for (const seed of seeds.slice(0, SOME)) {
      const { world, alice, first, second, call, devices } = pulled(seed, seed % 2 === 0);
      const callOfAlice = alice.calls.list()[0]?.call;
      world.do(second, { type: 'pull', call });
      world.run(6_000);
      expect([seed, running(alice).map(({ call: id, node }) => [id, node])]).toEqual([
        seed,
        [[callOfAlice, second.node]],
      ]);
      expect([seed, running(second).map(({ node }) => node)]).toEqual([seed, [alice.node]]);
      expect([seed, story(first).at(-1)]).toEqual([seed, 'ended moved']);
      expect(story(alice)).toContain('moved');
      expect(story(alice).some((word) => word.startsWith('ended'))).toBe(false);
      expect(first.elsewhere.map(({ node }) => node)).toEqual([second.node]);
      expect(devices.slice(2).every(({ elsewhere }) => elsewhere[0]?.node === second.node)).toBe(true);
      // And back again.
      world.do(first, { type: 'pull', call });
      world.run(6_000);
      expect([seed, running(alice)[0]?.node, story(second).at(-1)]).toEqual([seed, first.node, 'ended moved']);
      world.do(alice, { type: 'hang-up', call: callOfAlice ?? '' });
      world.run(2_000);
      for (const phone of [alice, ...devices])
        expect([seed, phone.calls.list(), phone.elsewhere]).toEqual([seed, [], []]);
    }
  });

  it('by two devices in the same instant goes on at one of them', () => {
    for (const seed of seeds.slice(0, SOME)) {
      const { world, alice, call, devices } = pulled(seed, seed % 2 === 0);
      const [, second, third] = devices as [Phone, Phone, Phone];
      world.do(second, { type: 'pull', call });
      world.do(third, { type: 'pull', call });
      world.run(8_000);
      const runs = devices.filter((device) => running(device).length > 0);
      expect([seed, runs.map(({ node }) => node)]).toEqual([seed, [running(alice)[0]?.node]]);
    }
  });

  it('keeps what this end has set, and forgets what the old device had', () => {
    const { world, alice, first, second, call } = pulled(7, false);
    const mine = alice.calls.list()[0]?.call ?? '';
    world.do(alice, { type: 'hold', call: mine });
    world.do(alice, { type: 'mute', call: mine });
    world.do(first, { type: 'hold', call });
    world.run(500);
    world.do(second, { type: 'pull', call });
    world.run(1_000);
    expect(alice.calls.list()[0]?.heldBy).toBe('me');
    expect(second.calls.list()[0]?.heldBy).toBe('them');
    expect(story(second)).toEqual(expect.arrayContaining(['answered', 'held', 'muted']));
    expect(alice.told.findLast((told) => told.type === 'media-start')).toMatchObject({
      node: second.node,
      onHold: true,
    });
  });

  it('also when the old device is gone', () => {
    const { world, alice, first, second, call } = pulled(9, false);
    first.attached = false;
    world.do(second, { type: 'pull', call });
    world.run(1_000);
    expect(running(alice)[0]?.node).toBe(second.node);
  });

  it('is refused to strangers, to whoever made the id up, and while another call talks', () => {
    const { world, alice, first, second, call } = pulled(3, false);
    const mallory = world.phone('mallory');
    const take = (wire: string) => message('callTake', { callId: bytesOf(wire), candidates: [], relays: [] });
    const forged = (from: Phone, name: string, wire: string) =>
      world.hear(alice, { type: 'message', from: name, node: from.node, message: take(wire) });
    forged(mallory, 'mallory', call);
    forged(second, 'bobby1', 'ab'.repeat(16));
    expect(running(alice)[0]?.node).toBe(first.node);
    expect(alice.sent.slice(-2).map(({ message: { kind } }) => kind)).toEqual(['callEnd', 'callEnd']);
    world.do(mallory, { type: 'pull', call });
    expect(story(mallory)).toEqual(['refused']);
    world.do(second, { type: 'place', to: 'mallory' });
    world.do(second, { type: 'pull', call });
    expect(story(second).at(-1)).toBe('refused');
    world.run(2_000);
    expect(running(alice)[0]?.node).toBe(first.node);
  });

  it('is handed over by the device where it runs: asked first, then taken, with the microphone as it was', () => {
    for (const seed of seeds.slice(0, SOME)) {
      const { world, alice, first, second, call } = pulled(seed, seed % 2 === 0);
      if (seed % 3 === 0) world.do(first, { type: 'mute', call });
      world.do(first, { type: 'hand-over', call, node: second.node });
      world.run(10_000);
      expect([seed, last(first, 'handed-over').code]).toEqual([seed, null]);
      expect([seed, story(first).slice(-2)]).toEqual([seed, ['ended moved', 'handed-over']]);
      expect([seed, last(second, 'offered').node]).toEqual([seed, first.node]);
      expect([seed, running(alice)[0]?.node, running(second)[0]?.node]).toEqual([seed, second.node, alice.node]);
      expect([seed, story(second).includes('muted')]).toEqual([seed, seed % 3 === 0]);
    }
  });

  it('stays, with the reason, when that device is busy, gone, silent, or does not reach the other end', () => {
    const staysFor = (change: (it: ReturnType<typeof pulled>) => unknown, seed = 5) => {
      const it = pulled(seed, false);
      change(it);
      it.world.do(it.first, { type: 'hand-over', call: it.call, node: it.second.node });
      it.world.run(14_000);
      expect(running(it.first)).toHaveLength(1);
      return { ...it, told: it.first.told.at(-1) };
    };
    const busy = staysFor(({ world, second }) => {
      world.phone('carol1');
      world.do(second, { type: 'place', to: 'carol1' });
    });
    expect(busy.told).toMatchObject({ type: 'handed-over', code: 'device-busy' });
    expect(running(busy.alice)[0]?.node).toBe(busy.first.node);
    const gone = staysFor(({ second }) => Object.assign(second, { attached: false }));
    expect(gone.told).toMatchObject({ type: 'refused', command: 'hand-over', code: 'device-offline' });
    const cut = staysFor(({ alice }) => Object.assign(alice, { attached: false }));
    expect(cut.told).toMatchObject({ type: 'handed-over', code: 'device-cannot' });
    expect(story(cut.second).at(-1)).toBe('ended unreachable');
    const deaf = pulled(5, false);
    deaf.world.do(deaf.first, { type: 'hand-over', call: deaf.call, node: deaf.second.node });
    // It has gone without a word, and comes back too late: what it says then moves nothing.
    deaf.second.attached = false;
    deaf.world.run(6_000);
    expect(last(deaf.first, 'handed-over')).toMatchObject({ code: 'device-silent' });
    deaf.second.attached = true;
    const late = message('callOfferWord', { callId: bytesOf(deaf.call), code: '' });
    deaf.world.hear(deaf.first, { type: 'message', from: 'bobby1', node: deaf.second.node, message: late });
    deaf.world.run(12_000);
    expect(running(deaf.first)).toHaveLength(1);
  });

  it('is handed over by nobody but a device of the account, and of its own calls alone', () => {
    const { world, alice, first, second, call, devices } = pulled(6, false);
    const offer = message('callOffer', { callId: bytesOf(call), go: true, muted: false });
    const from = (node: string) => world.hear(second, { type: 'message', from: 'bobby1', node, message: offer });
    // Its list does not name that node; that device does not have the call.
    from('ee'.repeat(16));
    expect(second.sent.at(-1)?.message.kind).not.toBe('callOfferWord');
    from((devices[2] as Phone).node);
    expect(second.sent.at(-1)).toMatchObject({ message: { kind: 'callOfferWord', body: { code: 'no-call' } } });
    world.run(2_000);
    expect([running(alice)[0]?.node, running(second)]).toEqual([first.node, []]);
    world.do(first, { type: 'hand-over', call: 'ab'.repeat(16), node: second.node });
    expect(story(first).at(-1)).toBe('refused');
    // Two wishes at once: the second is refused, the first goes on. Both hang up meanwhile: it is over.
    world.do(first, { type: 'hand-over', call, node: second.node });
    world.do(first, { type: 'hand-over', call, node: second.node });
    expect(first.told.at(-1)).toMatchObject({ type: 'refused', code: 'busy' });
    world.do(first, { type: 'hang-up', call });
    expect(last(first, 'handed-over')).toMatchObject({ code: 'no-call' });
    world.run(15_000);
    for (const phone of [alice, ...devices]) expect(phone.calls.list()).toEqual([]);
  });

  it('ends for all when the person hangs up at once, and stays where it is when the other end does not hear of it', () => {
    const ended = pulled(4, false);
    ended.world.do(ended.second, { type: 'pull', call: ended.call });
    ended.world.do(ended.second, { type: 'hang-up', call: ended.call });
    ended.world.run(500);
    for (const phone of [ended.alice, ...ended.devices]) expect(phone.calls.list()).toEqual([]);
    const { world, alice, first, second, call } = pulled(4, false);
    alice.attached = false;
    world.do(second, { type: 'pull', call });
    world.run(11_000);
    expect(story(second).at(-1)).toBe('ended unreachable');
    expect(running(first)).toHaveLength(1);
  });
});
