/** Conferences in virtual time: every sentence of PROTOCOL.md 9.18 that one can watch from outside. */
import { describe, expect, it } from 'vitest';
import { ConferenceWorld, story, type Talker } from './conference-world.ts';

function five(seed: number, facts: Partial<Record<string, object>> = {}) {
  const world = new ConferenceWorld(seed);
  const [alice, bobby, carol, david, emily] = ['alice1', 'bobby1', 'carol1', 'david1', 'emily1'].map((name) =>
    world.person(name, facts[name] ?? {}),
  ) as [Talker, Talker, Talker, Talker, Talker];
  return { world, alice, bobby, carol, david, emily };
}

function mixerOf(one: Talker): string {
  return one.core.live?.reign.mixer ?? '';
}

describe('a conference', () => {
  it('is called at once: it rings at everybody, each who answers is told to all, and one mixes', () => {
    const { world, alice, bobby, carol, david } = five(1, { bobby1: { reach: 5, uplinkKbps: 20_000 } });
    david.answers = false;
    world.found(alice, ['bobby1', 'carol1', 'david1']);
    world.until(() => world.settled([alice, bobby, carol]), 4_000);
    expect(story(bobby).slice(0, 1)).toEqual(['ringing in alice1']);
    expect(story(alice)).toContain('ringing out david1');
    expect(world.roster(carol)?.people.map(({ name, state }) => `${name} ${state}`)).toEqual(
      expect.arrayContaining(['alice1 in', 'bobby1 in', 'carol1 in', 'david1 ringing']),
    );
    world.run(15_000);
    expect(mixerOf(alice)).toBe(bobby.node);
    expect(bobby.legs.size).toBe(2);
    expect(alice.legs.size).toBe(1);
    world.do(david, { type: 'decline', call: david.told[0] && 'call' in david.told[0] ? david.told[0].call : '' });
    world.run(500);
    expect(story(alice)).toContain('david1 declined');
  });

  it('grows from a call of two, whose media session stays as a leg, whoever comes better placed', () => {
    const { world, alice, bobby, carol } = five(2, { carol1: { reach: 5, uplinkKbps: 50_000, idleCenticores: 800 } });
    world.talking(alice, bobby);
    const before = alice.legs.get(alice.call)?.wire;
    world.add(alice, 'carol1');
    world.until(() => world.settled([alice, bobby, carol]), 4_000);
    world.run(30_000);
    expect([alice.node, bobby.node]).toContain(mixerOf(carol));
    expect([...alice.legs.values(), ...bobby.legs.values()].filter(({ wire }) => wire === before)).toHaveLength(2);
    expect(story(bobby)).not.toContain('ringing in alice1');
    expect([alice, bobby].map((one) => one.told.find(({ type }) => type === 'begun'))).toMatchObject([
      { grown: true, call: alice.call },
      { grown: true, call: bobby.call },
    ]);
  });

  it('takes over what was done to the call while the other end was being told', () => {
    const { world, alice, bobby, carol } = five(10);
    world.talking(alice, bobby);
    world.add(alice, 'carol1');
    alice.running = { ...(alice.running as NonNullable<Talker['running']>), muted: true };
    world.until(() => world.settled([alice, bobby, carol]), 4_000);
    expect(world.roster(bobby)?.people.find(({ name }) => name === 'alice1')).toMatchObject({ muted: true });
  });

  it('goes on when its mixer dies: noticed within a second, heard again within two, and nobody does anything', () => {
    const { world, alice, bobby, carol, david, emily } = five(3);
    world.found(alice, ['bobby1', 'carol1', 'david1', 'emily1']);
    world.run(20_000);
    const all = [alice, bobby, carol, david, emily];
    expect(world.settled(all)).toBe(true);
    const mixer = all.find(({ node }) => node === mixerOf(alice)) as Talker;
    const deputy = world.roster(all.find((one) => one !== mixer) as Talker)?.people.find((one) => one.deputy === 1);
    world.kill(mixer);
    const rest = all.filter((one) => one !== mixer);
    const noticed = world.until(() => rest.some((one) => mixerOf(one) !== mixer.node), 1_100);
    const heard = noticed + world.until(() => world.settled(rest), 2_000);
    expect(heard).toBeLessThan(2_000);
    expect(mixerOf(rest[0] as Talker)).toBe(deputy?.node);
    world.run(3_000);
    expect(world.roster(rest[0] as Talker)?.people.find(({ node }) => node === mixer.node)?.trouble).toBe('not heard');
  });

  it('moves at once when its mixer leaves politely or goes on hold', () => {
    const { world, alice, bobby, carol, david, emily } = five(4);
    world.found(alice, ['bobby1', 'carol1', 'david1', 'emily1']);
    world.run(20_000);
    let rest = [alice, bobby, carol, david, emily];
    const first = rest.find(({ node }) => node === mixerOf(alice)) as Talker;
    world.leave(first);
    rest = rest.filter((one) => one !== first);
    const told = () => rest.every((one) => story(one).includes(`${first.name} hangup`));
    expect(world.until(() => told() && world.settled(rest), 800)).toBeLessThan(800);
    const second = rest.find(({ node }) => node === mixerOf(rest[0] as Talker)) as Talker;
    world.do(second, { type: 'hold', call: second.call });
    expect(world.until(() => mixerOf(rest[0] as Talker) !== second.node, 400)).toBeLessThan(400);
    world.run(1_000);
    expect([...second.legs.values()]).toMatchObject([{ held: true }]);
    world.do(second, { type: 'resume', call: second.call });
    world.until(() => world.settled(rest), 1_000);
  });

  it('lets people leave, come back by themselves, be removed by those above them, and only those', () => {
    const { world, alice, bobby, carol, david } = five(5);
    world.found(alice, ['bobby1']);
    world.until(() => world.settled([alice, bobby]), 3_000);
    world.add(bobby, 'carol1');
    world.until(() => world.settled([alice, bobby, carol]), 3_000);
    world.add(carol, 'david1');
    const all = [alice, bobby, carol, david];
    world.until(() => world.settled(all), 3_000);
    world.leave(david);
    world.until(() => world.settled([alice, bobby, carol]), 2_000);
    expect(david.told.at(-1)).toMatchObject({ type: 'ended', reason: 'hangup', rejoinable: true });
    world.do(david, { type: 'rejoin', call: david.call });
    world.until(() => world.settled(all), 2_000);
    world.do(carol, { type: 'remove', call: carol.call, name: 'bobby1' });
    expect(carol.told.at(-1)).toMatchObject({ type: 'refused', code: 'not-allowed' });
    world.do(bobby, { type: 'remove', call: bobby.call, name: 'david1' });
    world.until(() => story(david).includes('ended removed'), 1_000);
    world.until(() => world.settled([alice, bobby, carol]), 2_000);
    expect(david.told.at(-1)).toMatchObject({ type: 'ended', reason: 'removed', by: 'bobby1', rejoinable: false });
    world.do(david, { type: 'rejoin', call: david.call });
    expect(david.told.at(-1)).toMatchObject({ type: 'refused', code: 'conference-over' });
    world.add(alice, 'david1');
    world.until(() => world.settled(all), 3_000);
    world.leave(alice);
    world.until(() => world.settled([bobby, carol, david]), 2_000);
  });

  it('holds eight people and says so to the ninth', () => {
    const world = new ConferenceWorld(6);
    const all = Array.from({ length: 9 }, (_, i) => world.person(`person${i}`));
    const [first, ...others] = all as [Talker, ...Talker[]];
    world.found(
      first,
      others.slice(0, 7).map(({ name }) => name),
    );
    world.until(() => world.settled(all.slice(0, 8)), 4_000);
    world.add(first, 'person8');
    expect(first.told.at(-1)).toMatchObject({ type: 'refused', code: 'conference-full' });
    expect(story(all[8] as Talker)).toEqual([]);
  });

  it('has a mixer in each half of a partition, and one again when they meet', () => {
    const { world, alice, bobby, carol, david, emily } = five(7);
    world.found(alice, ['bobby1', 'carol1', 'david1', 'emily1']);
    world.run(20_000);
    const left = [alice, bobby];
    const right = [carol, david, emily];
    world.cut = (a, b) => left.includes(a) !== left.includes(b);
    world.until(() => world.settled(left) && world.settled(right), 4_000);
    world.run(8_000);
    world.cut = () => false;
    expect(world.until(() => world.settled([...left, ...right]), 2_000)).toBeLessThan(2_000);
  });

  it('moves the mix when somebody cannot reach the mixer though others can', () => {
    const { world, alice, bobby, carol, david, emily } = five(8);
    world.found(alice, ['bobby1', 'carol1', 'david1', 'emily1']);
    world.run(20_000);
    const all = [alice, bobby, carol, david, emily];
    const mixer = all.find(({ node }) => node === mixerOf(alice)) as Talker;
    const victim = all.find((one) => one !== mixer) as Talker;
    world.cutVoice = (a, b) => [a, b].includes(mixer) && [a, b].includes(victim);
    world.until(() => mixerOf(alice) !== mixer.node && world.settled(all), 12_000);
    world.run(60_000);
    expect(world.settled(all)).toBe(true);
  });

  it('does not wander while facts change a little', () => {
    const { world, alice, bobby, carol, david, emily } = five(9);
    world.found(alice, ['bobby1', 'carol1', 'david1', 'emily1']);
    world.run(20_000);
    const term = alice.core.live?.reign.term;
    for (let i = 0; i < 30; i += 1) {
      for (const one of [alice, bobby, carol, david, emily])
        one.facts = {
          reach: 4,
          uplinkKbps: 1_000 + world.random.fraction() * 1_500,
          idleCenticores: 60 + world.random.fraction() * 150,
        };
      world.run(4_000);
    }
    expect(alice.core.live?.reign.term).toBe(term);
  });
});
