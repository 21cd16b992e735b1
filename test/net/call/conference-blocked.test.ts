/** Conferences with somebody whom a member has blocked, and calls into one that nobody took (PROTOCOL.md, section 9.18). */
import { beforeEach, describe, expect, it } from 'vitest';
import { ConferenceWorld, story, type Talker } from './conference-world.ts';

let world: ConferenceWorld;
let alice: Talker;
let bobby: Talker;
let carol: Talker;
let david: Talker;
beforeEach(() => {
  world = new ConferenceWorld(21);
  [alice, bobby, carol, david] = ['alice1', 'bobby1', 'carol1', 'david1'].map((name) => world.person(name)) as [
    Talker,
    Talker,
    Talker,
    Talker,
  ];
});

const warned = (one: Talker) => one.told.flatMap((event) => (event.type === 'blocked-inside' ? [event.peer] : []));

describe('somebody whom we blocked', () => {
  it('comes in by the word of another member: we are told once, may stay or leave, and nobody else hears of it', () => {
    bobby.blocks.add('carol1');
    world.found(alice, ['bobby1']);
    world.until(() => world.settled([alice, bobby]), 3_000);
    world.add(alice, 'carol1');
    world.until(() => world.settled([alice, bobby, carol]), 3_000);
    world.run(5_000);
    expect([alice, bobby, carol].map(warned)).toEqual([[], ['carol1'], []]);
    const blocked = (one: Talker) => world.roster(one)?.people.filter((other) => other.blocked);
    expect(blocked(bobby)).toMatchObject([{ name: 'carol1', state: 'in' }]);
    expect([blocked(alice), blocked(carol)]).toEqual([[], []]);
    world.leave(carol);
    world.run(500);
    world.do(carol, { type: 'rejoin', call: carol.call });
    world.until(() => world.settled([alice, bobby, carol]), 3_000);
    expect(warned(bobby)).toEqual(['carol1']);
    world.leave(bobby);
    world.until(() => world.settled([alice, carol]), 3_000);
  });

  it('is in already when it rings: the invitation says so, before anybody is answered', () => {
    david.blocks.add('carol1');
    david.answers = false;
    world.found(alice, ['bobby1', 'carol1']);
    world.until(() => world.settled([alice, bobby, carol]), 3_000);
    world.add(alice, 'david1');
    world.run(500);
    expect(david.told).toMatchObject([{ type: 'ringing', peer: 'alice1', blocked: ['carol1'] }]);
    expect([...((david.told[0] as { others?: string[] }).others ?? [])].sort()).toEqual(['bobby1', 'carol1']);
  });

  it('is not to be asked, at first or later', () => {
    alice.blocks.add('carol1');
    world.found(alice, ['bobby1', 'carol1']);
    expect(alice.told.at(-1)).toMatchObject({ type: 'refused', code: 'blocked' });
    world.found(alice, ['bobby1']);
    world.until(() => world.settled([alice, bobby]), 3_000);
    world.add(alice, 'carol1');
    expect(alice.told.at(-1)).toMatchObject({ type: 'refused', code: 'blocked' });
  });
});

describe('a call into a conference that nobody took', () => {
  it('is left for whoever did not answer, was not there, or was asked no more', () => {
    carol.answers = false;
    david.answers = false;
    world.found(alice, ['bobby1', 'carol1', 'david1', 'nobody1']);
    world.until(() => world.settled([alice, bobby]), 3_000);
    expect(alice.missed).toEqual(['nobody1']);
    world.do(alice, { type: 'remove', call: alice.call, name: 'david1' });
    world.run(60_000);
    expect(alice.missed).toEqual(['nobody1', 'david1', 'carol1']);
    expect(bobby.missed).toEqual([]);
    for (const [one, reason] of [
      [carol, 'cancelled'],
      [david, 'cancelled'],
    ] as const)
      expect(one.told.at(-1)).toMatchObject({ type: 'ended', reason, call: alice.core.live?.id });
    expect(story(alice)).toEqual(
      expect.arrayContaining(['nobody1 unreachable', 'david1 cancelled', 'carol1 no-answer']),
    );
  });

  it('is left when the caller goes before anybody answers, but not for who said no', () => {
    for (const one of [bobby, carol, david]) one.answers = false;
    world.found(alice, ['bobby1', 'carol1', 'david1']);
    world.run(1_000);
    world.do(bobby, { type: 'decline', call: (bobby.told[0] as { call: string }).call });
    world.run(1_000);
    world.leave(alice);
    expect(alice.missed).toEqual(['carol1', 'david1']);
  });
});
