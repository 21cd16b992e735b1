/** Those who come back into a conference, or come when others know less than they do: in, with the mixer that is there. */
import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../../src/net/protocol/ids.ts';
import { message } from '../../../src/net/wire/messages.ts';
import { ConferenceWorld, story, type Talker } from './conference-world.ts';

function people(seed: number, ...names: string[]): { world: ConferenceWorld; all: Talker[] } {
  const world = new ConferenceWorld(seed);
  return { world, all: names.map((name) => world.person(name)) };
}

const mixerOf = (one: Talker): string => one.core.live?.reign.mixer ?? '';

describe('whoever comes back', () => {
  it('who began it comes back like anybody else, by a key, and takes the mix from nobody', () => {
    const { world, all } = people(11, 'alice1', 'bobby1', 'carol1', 'david1');
    const [alice, ...others] = all as [Talker, ...Talker[]];
    world.found(
      alice,
      others.map(({ name }) => name),
    );
    world.until(() => world.settled(all), 4_000);
    world.run(120_000);
    world.leave(alice);
    world.until(() => world.settled(others), 2_000);
    world.run(120_000);
    const reign = others[0]?.core.live?.reign;
    world.do(alice, { type: 'rejoin', call: alice.call });
    world.until(() => world.settled(all), 2_000);
    expect(others.map((one) => one.core.live?.reign)).toEqual(others.map(() => reign));
    world.run(2_000);
    expect(mixerOf(alice)).toBe(reign?.mixer);
    expect(story(alice).slice(-3).join()).not.toContain('ended');
  });

  it('one who was told of a removal by a single member, and left by himself, may come back', () => {
    const { world, all } = people(12, 'alice1', 'bobby1', 'carol1', 'david1');
    const [alice, , , david] = all as [Talker, Talker, Talker, Talker];
    world.found(alice, ['bobby1', 'carol1', 'david1']);
    world.until(() => world.settled(all), 4_000);
    const body = { conferenceId: bytesOf(david.core.live?.id ?? ''), inviteId: bytesOf(david.core.live?.invite ?? '') };
    world.inject(all[1] as Talker, david, message('conferenceRefusal', { ...body, reason: 'removed' }));
    world.run(300);
    world.leave(david);
    world.run(1_000);
    world.do(david, { type: 'rejoin', call: david.call });
    world.until(() => world.settled(all), 2_000);
  });

  it('is taken in though whoever invites knows less of it than others do', () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const { world, all } = people(seed, 'alice1', 'bobby1', 'carol1', 'frank1');
      const [alice, bobby, carol, frank] = all as [Talker, Talker, Talker, Talker];
      world.found(alice, ['bobby1', 'carol1']);
      world.until(() => world.settled([alice, bobby, carol]), 4_000);
      const apart = (...those: Talker[]) => {
        world.cut = (a, b) => those.includes(a) !== those.includes(b);
      };
      // Frank comes by Carol, while Bobby hears of nothing; then he is started anew, and comes by Bobby.
      apart(bobby);
      world.add(carol, 'frank1');
      world.until(() => world.settled([alice, carol, frank]), 4_000);
      world.kill(frank);
      world.start(frank);
      apart(bobby, frank);
      world.add(bobby, 'frank1');
      world.run(1_000);
      world.cut = () => false;
      world.until(() => world.settled(all), 2_500);
    }
  });
});
