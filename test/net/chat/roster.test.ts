/**
 * Scenes between two rosters that hear each other or not, and one roster against strangers. Long because every wish
 * meets every relation, and every message may be the lost one; random lives are in `world.test.ts`.
 */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { Roster, type RosterOutput } from '../../../src/net/chat/roster.ts';
import type { RosterEntry } from '../../../src/net/chat/roster-entry.ts';
import { isName } from '../../../src/net/protocol/ids.ts';
import {
  CLOCK_DIFFERENCE_MS_MAX,
  REQUEST_AGAIN_MS,
  REQUEST_MESSAGE_BYTES_MAX,
  REQUESTS_INCOMING_MAX,
  ROSTER_PEOPLE_MAX,
} from '../../../src/net/protocol/params.ts';
import type { PeerSend } from '../../../src/net/wire/peers.ts';
import { buddy } from '../../support/roster-scenes.ts';
import { HOME, LAPTOP, OFFLINE, ONLINE, ofType, said, seen, sent, travelled, WALL_MS } from './vocabulary.ts';

let nowMs = 0;
beforeEach(() => {
  nowMs = 0;
});

function rosterOf(name: string, entries: readonly RosterEntry[] = [], welcomesEverybody = false): Roster {
  const wallClock = () => WALL_MS + nowMs;
  const roster = new Roster({ name, displayName: `The ${name}`, entries, wallClock, welcomesEverybody });
  roster.drain();
  roster.receive(nowMs, ONLINE);
  roster.drain();
  return roster;
}

type Wish = Parameters<Roster['command']>[1]['type'];

/** What comes of a wish; a little time passes with each. */
function wish(
  roster: Roster,
  type: Exclude<Wish, 'seen' | 'rename' | 'replace'>,
  name: string,
  text = '',
): RosterOutput[] {
  nowMs += 10;
  roster.command(nowMs, { type, name, message: text });
  return roster.drain();
}

/** Alice and Bobby, who hear each other unless a line is cut. */
class Two {
  alice = rosterOf('alice1');
  bobby = rosterOf('Bobby1');
  cut = false;

  alices(type: Parameters<typeof wish>[1], text = ''): RosterOutput[] {
    return this.#act(this.alice, type, 'bobby1', text);
  }

  bobbys(type: Parameters<typeof wish>[1], text = ''): RosterOutput[] {
    return this.#act(this.bobby, type, 'ALICE1', text);
  }

  /** Both are told that the other has come. */
  meet(): void {
    this.alice.receive(nowMs, seen('Bobby1'));
    this.bobby.receive(nowMs, seen('alice1'));
    this.settle();
  }

  settle(first: readonly RosterOutput[] = []): RosterOutput[] {
    const outputs = [...first];
    for (const send of ofType(first, 'send')) this.#carry(send);
    for (let turns = 0; turns < 20; turns += 1) {
      const said = [...this.alice.drain(), ...this.bobby.drain()];
      if (said.length === 0) return outputs;
      outputs.push(...said);
      for (const send of ofType(said, 'send')) this.#carry(send);
    }
    throw new Error('they never stop talking');
  }

  relations(): string {
    return `${this.alice.relationOf('bobby1') ?? 'none'} ${this.bobby.relationOf('alice1') ?? 'none'}`;
  }

  #act(roster: Roster, type: Parameters<typeof wish>[1], name: string, text: string): RosterOutput[] {
    return this.settle(wish(roster, type, name, text));
  }

  #carry(send: PeerSend): void {
    if (this.cut) return;
    const toBobby = send.to.toLowerCase() === 'bobby1';
    const from = toBobby ? 'alice1' : 'Bobby1';
    const message = travelled(send.message);
    (toBobby ? this.bobby : this.alice).receive(nowMs, { type: 'message', from, node: HOME, message });
  }
}

describe('asking', () => {
  test('a request shows up at the other side with its words, and its acceptance makes both buddies', () => {
    const two = new Two();
    two.alices('add', 'It is Alice');
    expect(two.relations()).toBe('outgoing incoming');
    expect(two.bobby.entries()[0]).toMatchObject({ name: 'alice1', displayName: 'The alice1', message: 'It is Alice' });
    const outputs = two.bobbys('accept');
    expect(two.relations()).toBe('both both');
    expect(ofType(outputs, 'buddy')).toMatchObject([
      { name: 'alice1', is: true },
      { name: 'Bobby1', is: true },
    ]);
  });

  test('the name is kept as its owner writes it, however it was typed', () => {
    const two = new Two();
    two.alice.command(nowMs, { type: 'add', name: 'BOBBY1', message: '' });
    two.settle();
    two.bobbys('accept');
    expect(two.alice.entries().map((entry) => entry.name)).toEqual(['Bobby1']);
  });

  test('a request that was lost is made again whenever the person is seen, to the node that was seen', () => {
    const alice = rosterOf('alice1');
    wish(alice, 'add', 'bobby1', 'hi');
    alice.receive(1000, seen('bobby1', LAPTOP));
    const [again] = sent(alice.drain(), 'buddyRequest');
    expect(again).toMatchObject({ to: 'bobby1', node: LAPTOP, message: 'hi', askedAtMs: WALL_MS + 10 });
  });

  test('a request made while away goes out on coming back', () => {
    const alice = rosterOf('alice1');
    alice.receive(0, OFFLINE);
    expect(sent(wish(alice, 'add', 'bobby1'), 'buddyRequest')).toEqual([]);
    alice.receive(0, ONLINE);
    expect(sent(alice.drain(), 'buddyRequest')).toMatchObject([{ to: 'bobby1' }]);
  });

  test('adding somebody who asked me accepts', () => {
    const two = new Two();
    two.alices('add');
    two.bobbys('add');
    expect(two.relations()).toBe('both both');
  });

  test('two who add each other at once are buddies', () => {
    const two = new Two();
    const first = wish(two.alice, 'add', 'bobby1');
    const second = wish(two.bobby, 'add', 'alice1');
    two.settle([...first, ...second]);
    expect(two.relations()).toBe('both both');
  });

  test('a lost acceptance is healed by the next request', () => {
    const two = new Two();
    two.alices('add');
    two.cut = true;
    two.bobbys('accept');
    two.cut = false;
    expect(two.relations()).toBe('outgoing both');
    two.meet();
    expect(two.relations()).toBe('both both');
  });

  test('a lost acceptance is healed by the first sign of presence', () => {
    const two = new Two();
    two.alices('add');
    two.cut = true;
    two.bobbys('accept');
    two.cut = false;
    two.alice.receive(nowMs, said('Bobby1', 'presence', { status: 1 }));
    two.settle();
    expect(two.relations()).toBe('both both');
  });

  test('adding a buddy again changes nothing, adding again with other words asks again', () => {
    const two = new Two();
    two.alices('add', 'hi');
    expect(sent(two.alices('add', 'please'), 'buddyRequest')).toMatchObject([{ message: 'please' }]);
    expect(two.bobby.entries()[0]?.message).toBe('please');
    two.bobbys('accept');
    expect(two.alices('add', 'more')).toEqual([]);
  });

  test('a service accepts everybody at once', () => {
    const echo = rosterOf('echo', [], true);
    echo.receive(0, said('alice1', 'buddyRequest', { askedAtMs: 7 }));
    const outputs = echo.drain();
    expect(sent(outputs, 'buddyAnswer')).toMatchObject([{ to: 'alice1', accepted: true, askedAtMs: 7 }]);
    expect(echo.relationOf('alice1')).toBe('both');
  });
});

describe('saying no', () => {
  test('a declined request is declined on both sides', () => {
    const two = new Two();
    two.alices('add');
    two.bobbys('decline');
    expect(two.relations()).toBe('declined declined');
  });

  test('a lost no is said again without asking the person again', () => {
    const two = new Two();
    two.alices('add');
    two.cut = true;
    two.bobbys('decline');
    two.cut = false;
    nowMs += REQUEST_AGAIN_MS;
    two.meet();
    expect(two.relations()).toBe('declined declined');
  });

  test('a lost no is known even after a restart of whoever said it', () => {
    const two = new Two();
    two.alices('add');
    two.cut = true;
    two.bobbys('decline');
    two.cut = false;
    two.bobby = rosterOf('Bobby1', two.bobby.entries());
    two.meet();
    expect(two.relations()).toBe('declined declined');
  });

  test('the same person may not be asked again at once, but some time later', () => {
    const two = new Two();
    two.alices('add');
    two.bobbys('decline');
    const refused = ofType(two.alices('add', 'oh please'), 'refused');
    expect(refused).toMatchObject([{ code: 'too-many-tries', name: 'bobby1' }]);
    nowMs += refused[0]?.retryAfterMs ?? 0;
    two.alices('add', 'oh please');
    expect(two.relations()).toBe('outgoing incoming');
  });

  test('who pesters with another program is answered no without our person being asked', () => {
    const bobby = rosterOf('bobby1');
    bobby.receive(0, said('mallory', 'buddyRequest', { askedAtMs: WALL_MS }));
    wish(bobby, 'decline', 'mallory');
    bobby.receive(nowMs, said('mallory', 'buddyRequest', { askedAtMs: WALL_MS + 1e9 }));
    expect(sent(bobby.drain(), 'buddyAnswer')).toMatchObject([{ accepted: false }]);
    expect(bobby.relationOf('mallory')).toBe('declined');
  });

  test('a yes that nobody asked for makes no buddy', () => {
    const bobby = rosterOf('bobby1');
    bobby.receive(0, said('mallory', 'buddyAnswer', { accepted: true }));
    bobby.receive(0, said('mallory', 'buddyRequest', { askedAtMs: WALL_MS }));
    wish(bobby, 'decline', 'mallory');
    bobby.receive(0, said('mallory', 'buddyAnswer', { accepted: true, askedAtMs: WALL_MS }));
    expect(bobby.relationOf('mallory')).toBe('declined');
  });

  test('who declined may change their mind by adding', () => {
    const two = new Two();
    two.alices('add');
    two.bobbys('decline');
    two.bobbys('add');
    expect(two.relations()).toBe('incoming outgoing');
    two.alices('accept');
    expect(two.relations()).toBe('both both');
  });

  test('an old yes does not answer a newer request', () => {
    const alice = rosterOf('alice1');
    wish(alice, 'add', 'bobby1');
    const oldAskedAtMs = alice.entries()[0]?.changedAtMs ?? 0;
    wish(alice, 'remove', 'bobby1');
    wish(alice, 'add', 'bobby1');
    alice.receive(nowMs, said('bobby1', 'buddyAnswer', { accepted: true, askedAtMs: oldAskedAtMs }));
    expect(alice.relationOf('bobby1')).toBe('outgoing');
  });

  test('nothing pending, nobody known: each wish is refused with its code', () => {
    const alice = rosterOf('alice1');
    const code = (outputs: RosterOutput[]) => ofType(outputs, 'refused').map((refused) => refused.code);
    expect(code(wish(alice, 'accept', 'bobby1'))).toEqual(['nothing-pending']);
    expect(code(wish(alice, 'decline', 'bobby1'))).toEqual(['nothing-pending']);
    expect(code(wish(alice, 'remove', 'bobby1'))).toEqual(['not-a-buddy']);
    expect(code(wish(alice, 'unblock', 'bobby1'))).toEqual(['not-a-buddy']);
    expect(code(wish(alice, 'add', 'Alice1'))).toEqual(['person-self']);
    expect(code(wish(alice, 'block', 'ALICE1'))).toEqual(['person-self']);
    expect(code(wish(alice, 'add', 'no name'))).toEqual(['name-malformed']);
    expect(code(wish(alice, 'add', 'bobby1', 'x'.repeat(REQUEST_MESSAGE_BYTES_MAX + 1)))).toEqual(['too-large']);
    wish(alice, 'block', 'bobby1');
    expect(code(wish(alice, 'add', 'bobby1'))).toEqual(['blocked']);
    expect(alice.relationOf('alice1')).toBeUndefined();
  });
});

describe('parting', () => {
  function buddies(): Two {
    const two = new Two();
    two.alices('add');
    two.bobbys('accept');
    return two;
  }

  test('a removed buddy is told, and a tombstone stays for the other copies of the list', () => {
    const two = buddies();
    const outputs = two.alices('remove');
    expect(two.relations()).toBe('none declined');
    expect(ofType(outputs, 'removed')).toMatchObject([{ name: 'Bobby1', entry: { removed: true } }]);
    expect(two.alice.entries()).toMatchObject([{ name: 'Bobby1', removed: true, message: '' }]);
  });

  test('a lost farewell is said again when the other still behaves as a buddy', () => {
    const two = buddies();
    two.cut = true;
    two.alices('remove');
    two.cut = false;
    expect(two.relations()).toBe('none both');
    two.alice.receive(nowMs, said('Bobby1', 'presence', { status: 1 }));
    two.settle();
    expect(two.relations()).toBe('none declined');
  });

  test('the same for a chat line, and from a list that was read again', () => {
    const two = buddies();
    two.cut = true;
    two.alices('remove');
    two.cut = false;
    two.alice = rosterOf('alice1', two.alice.entries());
    two.alice.receive(nowMs, said('Bobby1', 'chatMessage', { text: 'still there?' }));
    two.settle();
    expect(two.relations()).toBe('none declined');
  });

  test('whoever is simply unknown here is told nothing: our list may not have come yet', () => {
    const alice = rosterOf('alice1');
    alice.receive(0, said('bobby1', 'presence', { status: 1 }));
    expect(alice.drain()).toEqual([]);
  });

  test('a machine that still has an older farewell cannot end a newer friendship', () => {
    const two = buddies();
    const staleMs = WALL_MS + nowMs - 2 * CLOCK_DIFFERENCE_MS_MAX;
    two.alice.receive(nowMs, said('Bobby1', 'buddyAnswer', { accepted: false, decidedAtMs: staleMs }, LAPTOP));
    expect(two.relations()).toBe('both both');
  });

  test('a removed buddy can be added again at once, and asked back', () => {
    const two = buddies();
    two.alices('remove');
    two.alices('add', 'that was a mistake');
    expect(two.relations()).toBe('outgoing incoming');
    two.bobbys('accept');
    expect(two.relations()).toBe('both both');
    two.alices('remove');
    two.bobbys('add', 'was that on purpose?');
    expect(two.relations()).toBe('incoming outgoing');
  });

  test('a withdrawn request vanishes at the other side', () => {
    const two = new Two();
    two.alices('add');
    two.alices('remove');
    expect(two.relations()).toBe('none none');
  });

  test('removing a request that came in answers it with no', () => {
    const two = new Two();
    two.alices('add');
    two.bobbys('remove');
    expect(two.relations()).toBe('declined none');
  });
});

describe('blocking', () => {
  test('a blocked person gets no answer to anything', () => {
    const bobby = rosterOf('bobby1', [buddy('mallory')]);
    wish(bobby, 'block', 'mallory');
    bobby.receive(1, said('mallory', 'buddyRequest', { askedAtMs: WALL_MS + 1e6 }));
    bobby.receive(1, said('mallory', 'presence', { status: 1 }));
    bobby.receive(1, said('mallory', 'chatMessage', { text: 'hey' }));
    bobby.receive(1, said('mallory', 'buddyAnswer', { accepted: true }));
    bobby.receive(1, seen('mallory'));
    expect(bobby.drain()).toEqual([]);
    expect(bobby.isBlocked('Mallory')).toBe(true);
  });

  test('the supernode is told from whom to hide, and whom to watch, whenever that changes', () => {
    const bobby = rosterOf('bobby1', [buddy('mallory'), buddy('carol1'), buddy('dave.x', { relation: 'incoming' })]);
    const blocked = wish(bobby, 'block', 'mallory');
    expect(ofType(blocked, 'hidden')).toEqual([{ type: 'hidden', names: ['mallory'] }]);
    expect(ofType(blocked, 'watch')).toEqual([{ type: 'watch', names: ['carol1'] }]);
    expect(ofType(blocked, 'buddy')).toMatchObject([{ name: 'mallory', is: false }]);
    expect(ofType(wish(bobby, 'add', 'erin-1'), 'watch')).toEqual([{ type: 'watch', names: ['carol1', 'erin-1'] }]);
    expect(ofType(wish(bobby, 'unblock', 'mallory'), 'hidden')).toEqual([{ type: 'hidden', names: [] }]);
  });

  test('at start both lists and all buddies are told once', () => {
    const entries = [buddy('carol1', { lastSeenAtMs: 5 }), buddy('mallory', { relation: 'blocked' })];
    const roster = new Roster({ name: 'bobby1', displayName: '', entries, wallClock: () => WALL_MS });
    expect(roster.drain()).toEqual([
      { type: 'buddy', name: 'carol1', is: true, displayName: '', lastSeenAtMs: 5 },
      { type: 'watch', names: ['carol1'] },
      { type: 'hidden', names: ['mallory'] },
    ]);
    expect(roster.drain()).toEqual([]);
  });

  test.each(['both', 'incoming', 'outgoing', 'declined'] as const)('unblocking gives %s back', (relation) => {
    const bobby = rosterOf('bobby1', [buddy('mallory', { relation })]);
    wish(bobby, 'block', 'mallory');
    wish(bobby, 'unblock', 'mallory');
    expect(bobby.relationOf('mallory')).toBe(relation);
  });

  test('unblocking after a restart: who was ever seen is a buddy again, a stranger is forgotten', () => {
    const before = rosterOf('bobby1', [buddy('carol1', { lastSeenAtMs: WALL_MS })]);
    wish(before, 'block', 'carol1');
    wish(before, 'block', 'mallory');
    const after = rosterOf('bobby1', before.entries());
    wish(after, 'unblock', 'carol1');
    wish(after, 'unblock', 'mallory');
    expect([after.relationOf('carol1'), after.relationOf('mallory')]).toEqual(['both', undefined]);
  });

  test('who had left me while blocked says so when I behave as a buddy again', () => {
    const two = new Two();
    two.alices('add');
    two.bobbys('accept');
    two.alices('block');
    two.bobbys('remove');
    two.alices('unblock');
    expect(two.relations()).toBe('both none');
    two.bobby.receive(nowMs, said('alice1', 'presence', { status: 1 }));
    two.settle();
    expect(two.relations()).toBe('declined none');
  });

  test('a blocked person can be removed, and is then a stranger', () => {
    const bobby = rosterOf('bobby1');
    wish(bobby, 'block', 'mallory');
    const outputs = wish(bobby, 'remove', 'mallory');
    expect(sent(outputs, 'buddyAnswer')).toEqual([]);
    expect(bobby.relationOf('mallory')).toBeUndefined();
    expect(ofType(outputs, 'hidden')).toEqual([{ type: 'hidden', names: [] }]);
  });
});

describe('bounds', () => {
  test('pending strangers are counted; the next one is let in when one was answered', () => {
    const bobby = rosterOf('bobby1');
    for (let i = 0; i <= REQUESTS_INCOMING_MAX; i += 1) bobby.receive(0, said(`person${i}`, 'buddyRequest', {}));
    expect(bobby.entries()).toHaveLength(REQUESTS_INCOMING_MAX);
    wish(bobby, 'decline', 'person0');
    bobby.receive(0, said(`person${REQUESTS_INCOMING_MAX}`, 'buddyRequest', {}));
    expect(bobby.relationOf(`person${REQUESTS_INCOMING_MAX}`)).toBe('incoming');
  });

  test('a full list takes nobody else', () => {
    const full = Array.from({ length: ROSTER_PEOPLE_MAX }, (_, i) => buddy(`person${i}`));
    const bobby = rosterOf('bobby1', full);
    expect(ofType(wish(bobby, 'add', 'mallory'), 'refused')).toMatchObject([{ code: 'too-large' }]);
    expect(ofType(wish(bobby, 'block', 'mallory'), 'refused')).toMatchObject([{ code: 'too-large' }]);
    bobby.receive(0, said('mallory', 'buddyRequest', {}));
    expect(bobby.entries()).toHaveLength(ROSTER_PEOPLE_MAX);
  });

  test('words and display names from others are cleaned and cut', () => {
    const bobby = rosterOf('bobby1');
    const body = { message: `\u001b[31m${'ä'.repeat(2000)}`, displayName: `Mal\u202e\n${'x'.repeat(200)}` };
    bobby.receive(0, said('mallory', 'buddyRequest', body));
    const [entry] = bobby.entries();
    expect(entry?.message).toMatch(/^ä+$/);
    expect(Buffer.byteLength(entry?.message ?? '')).toBeLessThanOrEqual(REQUEST_MESSAGE_BYTES_MAX);
    expect(entry?.displayName).toMatch(/^Mal x+$/);
    expect(entry?.displayName).toHaveLength(64);
  });

  test('whatever comes from whomever, nothing throws and nobody becomes a buddy uninvited', () => {
    const bobby = rosterOf('bobby1');
    const anyText = fc.string({ unit: 'binary', maxLength: 30 });
    const anyTime = fc.oneof(fc.nat(), fc.constant(2 ** 60));
    const anything = fc.oneof(
      fc.record({ message: anyText, displayName: anyText, askedAtMs: anyTime }).map((body) => ['buddyRequest', body]),
      fc.record({ accepted: fc.boolean(), askedAtMs: anyTime, decidedAtMs: anyTime }).map((b) => ['buddyAnswer', b]),
      fc.record({ status: fc.nat(9), displayName: anyText }).map((body) => ['presence', body]),
    );
    const anybody = fc.oneof(fc.constantFrom('mallory', 'Mallory', 'bobby1', 'erin-1'), anyText);
    fc.assert(
      fc.property(anybody, anything, (from, [kind, body]) => {
        bobby.receive(0, said(from, kind as 'presence', body as object));
        bobby.drain();
        expect(bobby.entries().filter((entry) => entry.relation === 'both')).toEqual([]);
      }),
    );
    expect(bobby.entries().every((entry) => isName(entry.name))).toBe(true);
  });
});

describe('the stored list', () => {
  test('a merged copy is taken over; whatever was changed here later stays', () => {
    const bobby = rosterOf('bobby1', [buddy('carol1'), buddy('dave.x', { changedAtMs: WALL_MS + 9 })]);
    bobby.command(0, {
      type: 'replace',
      entries: [
        buddy('carol1', { removed: true, changedAtMs: WALL_MS + 1 }),
        buddy('dave.x', { relation: 'declined', changedAtMs: WALL_MS + 8 }),
        buddy('erin-1', { relation: 'outgoing', message: 'hi', changedAtMs: WALL_MS + 2 }),
        buddy('mallory', { relation: 'blocked', changedAtMs: WALL_MS + 2 }),
        buddy('bobby1'),
        buddy('no name'),
      ],
    });
    const outputs = bobby.drain();
    expect(bobby.relationOf('carol1')).toBeUndefined();
    expect(bobby.relationOf('dave.x')).toBe('both');
    expect(sent(outputs, 'buddyRequest')).toMatchObject([{ to: 'erin-1', askedAtMs: WALL_MS + 2 }]);
    expect(ofType(outputs, 'watch')).toEqual([{ type: 'watch', names: ['dave.x', 'erin-1'] }]);
    expect(ofType(outputs, 'hidden')).toEqual([{ type: 'hidden', names: ['mallory'] }]);
    expect(ofType(outputs, 'buddy')).toMatchObject([{ name: 'carol1', is: false }]);
    expect(bobby.entries()).toHaveLength(4);
  });

  test('the same list again changes nothing', () => {
    const bobby = rosterOf('bobby1', [buddy('carol1'), buddy('dave.x', { relation: 'outgoing' })]);
    bobby.command(0, { type: 'replace', entries: bobby.entries() });
    expect(bobby.drain()).toEqual([]);
  });

  test('having seen a buddy is kept, but is no change that wins a merge', () => {
    const bobby = rosterOf('bobby1', [buddy('carol1')]);
    bobby.command(0, { type: 'seen', name: 'carol1', displayName: 'Carol', atMs: WALL_MS + 5 });
    expect(ofType(bobby.drain(), 'changed')).toEqual([
      { type: 'changed', entry: buddy('carol1', { displayName: 'Carol', lastSeenAtMs: WALL_MS + 5 }) },
    ]);
  });

  test('a change is always later than what stood there, even after a fast clock', () => {
    const bobby = rosterOf('bobby1', [buddy('carol1', { changedAtMs: WALL_MS + 1e9 })]);
    wish(bobby, 'remove', 'carol1');
    expect(bobby.entries()[0]?.changedAtMs).toBe(WALL_MS + 1e9 + 1);
  });
});
