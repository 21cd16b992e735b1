/** Those who claim what is not theirs in a conference: refused, counted, told, and nothing changes for anybody else. */
import { beforeEach, describe, expect, it } from 'vitest';
import { bytesOf } from '../../../src/net/protocol/ids.ts';
import { type Body, type Message, message } from '../../../src/net/wire/messages.ts';
import { ConferenceWorld, story, type Talker } from './conference-world.ts';

let world: ConferenceWorld;
let alice: Talker;
let bobby: Talker;
let carol: Talker;
let david: Talker;
let mallory: Talker;
/** What was sent, by kind. */
let seen: { readonly from: Talker; readonly message: Message }[];

beforeEach(() => {
  world = new ConferenceWorld(1);
  seen = [];
  world.tamper = (from, sent) => {
    seen.push({ from, message: sent });
    return sent;
  };
  [alice, bobby, carol, david, mallory] = ['alice1', 'bobby1', 'carol1', 'david1', 'mallory'].map((name) =>
    world.person(name),
  ) as [Talker, Talker, Talker, Talker, Talker];
  world.found(alice, ['bobby1', 'carol1']);
  world.until(() => world.settled([alice, bobby, carol]), 4_000);
});

function newest<K extends 'conferenceState' | 'conferenceInvite'>(from: Talker, kind: K): Body<K> {
  const found = seen.findLast((one) => one.from === from && one.message.kind === kind);
  return found?.message.body as Body<K>;
}

function refusedBy(one: Talker): number {
  return one.core.dropped + (one.core.live?.refused ?? 0);
}

/** How he counts himself among the members, by an invitation that nobody made. */
const bobbyAs = (inviteId: Buffer, order: number) => ({
  ...{ name: 'bobby1', nodeId: bytesOf(bobby.node), inviteId, invitedBy: 'alice1' },
  ...{ order, incarnation: 9 },
});

const three = (): void => expect(world.settled([alice, bobby, carol])).toBe(true);

describe('a conference refuses', () => {
  it('who says to be in, and was invited by nobody', () => {
    const body = { ...newest(bobby, 'conferenceState'), inviteId: bytesOf('ee'.repeat(16)), order: 9 };
    for (const other of [alice, bobby, carol]) world.inject(mallory, other, message('conferenceState', body));
    world.run(500);
    three();
    world.run(11_000);
    three();
    for (const other of [alice, bobby, carol]) {
      expect(story(other)).toContain('warning mallory');
      expect(refusedBy(other)).toBeGreaterThan(0);
    }
  });

  it('who says it again and again no later than who says it once', () => {
    const body = { ...newest(bobby, 'conferenceState'), inviteId: bytesOf('ee'.repeat(16)), order: 9 };
    for (let i = 0; i < 11; i += 1) {
      world.inject(mallory, alice, message('conferenceState', { ...body, version: 50 + i }));
      world.run(1_000);
    }
    expect(story(alice)).toContain('warning mallory');
    three();
  });

  it('who comes under the invitation of somebody else', () => {
    const stolen = { ...newest(bobby, 'conferenceState'), order: 9, incarnation: 1 };
    for (const other of [alice, carol]) world.inject(mallory, other, message('conferenceState', stolen));
    world.run(500);
    three();
    expect(story(alice)).toContain('warning mallory');
    expect(alice.core.live?.present).not.toContain(mallory.node);
  });

  it('who sends more unknown faces than a conference could have', () => {
    const state = newest(bobby, 'conferenceState');
    for (let i = 0; i < 40; i += 1) {
      const face = world.person(`person${i}`);
      world.inject(face, alice, message('conferenceState', { ...state, inviteId: world.random.bytes(16), order: 9 }));
    }
    world.run(500);
    expect(refusedBy(alice)).toBeGreaterThanOrEqual(32);
    three();
  });

  it('a removal by somebody who may not', () => {
    const victim = newest(bobby, 'conferenceState').inviteId;
    const state = newest(carol, 'conferenceState');
    world.inject(
      carol,
      alice,
      message('conferenceState', { ...state, version: state.version + 50, removed: [victim] }),
    );
    world.inject(
      carol,
      bobby,
      message('conferenceState', { ...state, version: state.version + 50, removed: [victim] }),
    );
    world.run(1_000);
    three();
    expect(story(bobby).filter((line) => line.startsWith('ended'))).toEqual([]);
  });

  it('those who were removed and invite somebody who is in once more, themselves among the members', () => {
    const state = newest(bobby, 'conferenceState');
    const carols = newest(carol, 'conferenceState').inviteId;
    world.do(alice, { type: 'remove', call: alice.call, name: 'bobby1' });
    world.until(() => story(bobby).includes('ended removed'), 1_000);
    world.run(1_000);
    const inviteId = bytesOf('ee'.repeat(16));
    const { conferenceId, term, mixer } = state;
    const members = [bobbyAs(inviteId, 30)];
    const invite = { conferenceId, inviteId: carols, invitee: 'carol1', members, term, mixer, order: 31 };
    world.inject(bobby, carol, message('conferenceInvite', invite as never));
    world.run(300);
    const again = { ...state, inviteId, invitedBy: 'alice1', order: 30, incarnation: 9, in: true };
    for (const other of [alice, carol]) world.inject(bobby, other, message('conferenceState', again));
    world.run(1_000);
    for (const other of [alice, carol]) expect(other.core.live?.present).toEqual([alice.node, carol.node].sort());
    expect(carol.core.dropped).toBe(1);
  });

  it('those who were removed and count themselves in before somebody for whom it rings', () => {
    const state = newest(bobby, 'conferenceState');
    world.do(alice, { type: 'remove', call: alice.call, name: 'bobby1' });
    world.until(() => story(bobby).includes('ended removed'), 1_000);
    david.answers = false;
    world.add(alice, 'david1');
    world.run(1_000);
    const inviteId = bytesOf('ee'.repeat(16));
    const { conferenceId, term, mixer } = state;
    const davids = bytesOf('dd'.repeat(16));
    const invite = {
      ...{ conferenceId, inviteId: davids, invitee: 'david1', members: [bobbyAs(inviteId, 3)] },
      ...{ term, mixer, order: 4 },
    };
    world.inject(bobby, david, message('conferenceInvite', invite as never));
    world.run(300);
    const ringing = david.told.find((one) => one.type === 'ringing');
    world.do(david, { type: 'answer', call: ringing && 'call' in ringing ? ringing.call : '' });
    world.until(() => world.settled([alice, carol, david]), 3_000);
    const again = { ...state, inviteId, invitedBy: 'alice1', order: 3, incarnation: 9, in: true };
    for (const other of [alice, carol, david]) world.inject(bobby, other, message('conferenceState', again));
    world.run(1_000);
    for (const { core } of [alice, carol, david]) expect(core.live?.present).not.toContain(bobby.node);
    expect(david.core.live?.present).toHaveLength(3);
  });

  it('those who were removed, however often they say to be in', () => {
    const state = newest(bobby, 'conferenceState');
    world.do(alice, { type: 'remove', call: alice.call, name: 'bobby1' });
    world.until(() => story(bobby).includes('ended removed'), 1_000);
    for (let i = 1; i < 5; i += 1) {
      const again = { ...state, order: 20 + i, in: true };
      for (const other of [alice, carol]) world.inject(bobby, other, message('conferenceState', again));
      world.run(300);
    }
    expect(world.settled([alice, carol])).toBe(true);
    expect(alice.core.live?.present).not.toContain(bobby.node);
  });
});

describe('a conference does not fill up', () => {
  it('with the many nodes of one who was invited: the oldest of those who are gone are forgotten', () => {
    const { inviteId } = newest(bobby, 'conferenceState');
    for (let i = 0; i < 100; i += 1) {
      const face = world.person('bobby1');
      const state = { ...newest(bobby, 'conferenceState'), inviteId, order: 9 + i, incarnation: i, in: i % 2 === 0 };
      world.inject(face, alice, message('conferenceState', state));
    }
    world.run(1_000);
    expect(alice.core.live?.nodesKnown).toBeLessThanOrEqual(64);
  });

  it('with invitations that came to nothing: whoever is asked after hundreds of them is taken in', () => {
    david.answers = false;
    for (let i = 0; i < 270; i += 1) {
      world.add(alice, 'david1');
      world.do(alice, { type: 'remove', call: alice.call, name: 'david1' });
      if (i % 45 === 0) world.run(150);
    }
    world.run(1_000);
    david.answers = true;
    world.add(bobby, 'david1');
    world.until(() => world.settled([alice, bobby, carol, david]), 3_000);
  });

  it('counts no further than by counting: who claims the last order or the last term locks nobody out', () => {
    const state = newest(carol, 'conferenceState');
    const far = { ...state, version: state.version + 9, order: 2 ** 30, term: 2 ** 30, mixer: bytesOf(carol.node) };
    const late = { ...state, version: state.version + 9, term: 2 ** 30, mixer: bytesOf(carol.node) };
    for (const other of [alice, bobby])
      for (const body of [far, late]) world.inject(carol, other, message('conferenceState', body));
    world.run(1_000);
    expect(alice.core.live?.reign.term).toBeLessThan(10);
    world.add(alice, 'david1');
    world.until(() => world.settled([alice, bobby, carol, david]), 4_000);
  });
});

it('whoever has left names those who are in to nobody but the invited', () => {
  const state = newest(bobby, 'conferenceState');
  world.leave(alice);
  world.run(1_000);
  const before = seen.length;
  world.inject(mallory, alice, message('conferenceState', { ...state, inviteId: bytesOf('ee'.repeat(16)), order: 9 }));
  world.run(500);
  expect(
    seen.slice(before).filter(({ from, message: { kind } }) => from === alice && kind === 'conferenceState'),
  ).toEqual([]);
});

it('a microphone that is closed while it rings is told to be closed, and stays so inside', () => {
  david.answers = false;
  world.add(alice, 'david1');
  world.run(500);
  const { call } = david.told[0] as { call: string };
  david.call = call;
  world.do(david, { type: 'mute', call });
  world.do(david, { type: 'mute', call });
  expect(david.told.slice(1)).toEqual([{ type: 'muted', call }]);
  world.do(david, { type: 'answer', call });
  world.until(() => world.settled([alice, bobby, carol, david]), 3_000);
  expect(world.roster(alice)?.people.find(({ name }) => name === 'david1')).toMatchObject({ muted: true });
});

describe('an invitation is refused', () => {
  it('when it is for somebody else, and was only handed on', () => {
    const invite = newest(alice, 'conferenceInvite');
    world.inject(mallory, david, message('conferenceInvite', invite));
    world.run(300);
    expect(story(david)).toEqual(['warning mallory']);
    expect(david.core.live).toBeUndefined();
  });

  it('when its sender is not among those who are in', () => {
    const invite = { ...newest(alice, 'conferenceInvite'), invitee: 'david1' };
    world.inject(mallory, david, message('conferenceInvite', invite));
    world.run(300);
    expect(story(david)).toEqual(['warning mallory']);
  });

  it('when it was used up', () => {
    world.add(alice, 'david1');
    const invite = newest(alice, 'conferenceInvite');
    world.until(() => world.settled([alice, bobby, carol, david]), 3_000);
    world.leave(david);
    world.run(500);
    world.inject(alice, david, message('conferenceInvite', invite));
    world.run(500);
    expect(story(david)).toContain('warning alice1');
    expect(david.core.live).toBeUndefined();
    expect(story(david).filter((line) => line.startsWith('ringing'))).toHaveLength(1);
  });

  it('once a minute is often enough to tell of one person', () => {
    const invite = newest(alice, 'conferenceInvite');
    for (let i = 0; i < 50; i += 1) world.inject(mallory, david, message('conferenceInvite', invite));
    world.run(2_000);
    expect(story(david)).toEqual(['warning mallory']);
    expect(refusedBy(david)).toBe(50);
  });
});

it('garbage of every length changes nothing and is counted', () => {
  const before = refusedBy(alice);
  for (let length = 0; length < 20; length += 1) {
    const bytes = world.random.bytes(length);
    world.inject(mallory, alice, message('conferenceState', { conferenceId: bytes, inviteId: bytes, mixer: bytes }));
    world.inject(mallory, alice, message('conferenceInvite', { conferenceId: bytes, inviteId: bytes, mixer: bytes }));
    world.inject(mallory, alice, message('conferenceBeat', { conferenceId: bytes, mixer: bytes }));
    world.inject(
      mallory,
      alice,
      message('conferenceLeg', { conferenceId: bytes, legId: bytes, candidates: ['x'.repeat(5_000)] }),
    );
  }
  world.run(1_000);
  three();
  expect(refusedBy(alice)).toBeGreaterThan(before + 40);
});
