/** What buddies are told of me and what is shown of them; random lives are in `world.test.ts`. */
import { beforeEach, describe, expect, test } from 'vitest';
import { PresenceBook, type PresenceOutput, type ShownStatus } from '../../../src/net/chat/presence.ts';
import type { BuddyChange } from '../../../src/net/chat/roster-list.ts';
import { PRESENCE_STATUSES } from '../../../src/net/wire/messages.ts';
import type { PeerInput } from '../../../src/net/wire/peers.ts';
import { gone, HOME, id, LAPTOP, OFFLINE, ONLINE, ofType, PHONE, said, seen, sent, WALL_MS } from './vocabulary.ts';

let wallMs = WALL_MS;
beforeEach(() => {
  wallMs = WALL_MS;
});

const buddy = (name: string, is = true): BuddyChange => ({
  type: 'buddy',
  name,
  is,
  displayName: '',
  lastSeenAtMs: 7,
});

const says = (status: ShownStatus, node = HOME, displayName = 'Bob'): PeerInput =>
  said('bobby1', 'presence', { status: PRESENCE_STATUSES.indexOf(status), displayName }, node);

/** Alice, attached, with Bobby as a buddy whom she has not seen yet. */
function alice(status: 'online' | 'invisible' = 'online'): PresenceBook {
  const book = new PresenceBook({ status, displayName: 'Alice', wallClock: () => wallMs });
  book.receive(0, buddy('bobby1'));
  book.receive(0, ONLINE);
  book.drain();
  return book;
}

function hearing(book: PresenceBook, ...inputs: (PeerInput | BuddyChange)[]): PresenceOutput[] {
  for (const input of inputs) book.receive(0, input);
  return book.drain();
}

const told = (outputs: readonly PresenceOutput[]) =>
  sent(outputs, 'presence').map((body) => ({
    to: body.to,
    node: body.node,
    status: PRESENCE_STATUSES[body.status],
    answerWanted: body.answerWanted,
  }));
const shown = (outputs: readonly PresenceOutput[]) => ofType(outputs, 'presence').map((output) => output.status);

describe('telling', () => {
  test('a buddy who is seen is told my status, at the node that was seen', () => {
    const outputs = hearing(alice(), seen('Bobby1', LAPTOP));
    expect(told(outputs)).toEqual([{ to: 'bobby1', node: LAPTOP, status: 'online', answerWanted: false }]);
    expect(sent(outputs, 'presence')).toMatchObject([{ displayName: 'Alice', sinceMs: WALL_MS }]);
  });

  test('strangers are told nothing', () => {
    const book = alice();
    expect(hearing(book, seen('mallory'), said('mallory', 'presence', { status: 1, answerWanted: true }))).toEqual([]);
    expect(book.statusOf('mallory')).toBe('offline');
  });

  test('a change of mine goes to every buddy within reach, and to nobody else', () => {
    const book = alice();
    hearing(book, buddy('carol1'), seen('bobby1'), seen('mallory'));
    book.command(0, { type: 'set', status: 'away' });
    expect(told(book.drain())).toEqual([{ to: 'bobby1', node: undefined, status: 'away', answerWanted: false }]);
    book.command(0, { type: 'set', status: 'away' });
    expect(book.drain()).toEqual([]);
  });

  test('a new display name goes out as well', () => {
    const book = alice();
    hearing(book, seen('bobby1'));
    book.command(0, { type: 'set', displayName: 'Alice B.' });
    expect(sent(book.drain(), 'presence')).toMatchObject([{ displayName: 'Alice B.', sinceMs: WALL_MS }]);
  });

  test('becoming invisible says offline; then nobody is told anything, however often they are seen', () => {
    const book = alice();
    hearing(book, seen('bobby1'));
    book.command(0, { type: 'set', status: 'invisible' });
    expect(told(book.drain())).toMatchObject([{ status: 'offline' }]);
    expect(hearing(book, seen('bobby1', LAPTOP), buddy('carol1'), seen('carol1'))).toEqual([]);
    book.command(0, { type: 'set', displayName: 'A.' });
    expect(book.drain()).toEqual([]);
    book.command(0, { type: 'set', status: 'online' });
    expect(told(book.drain()).map(({ to }) => to)).toEqual(['bobby1', 'carol1']);
  });

  test('somebody who just became a buddy is told at once, and asked', () => {
    expect(told(hearing(alice(), buddy('carol1')))).toEqual([
      { to: 'carol1', node: undefined, status: 'online', answerWanted: true },
    ]);
  });

  test('who is no buddy any more, as when blocked, is told nothing', () => {
    const book = alice();
    hearing(book, seen('bobby1'), says('online'));
    expect(told(hearing(book, buddy('bobby1', false), seen('bobby1'), says('away')))).toEqual([]);
    book.command(0, { type: 'set', status: 'away' });
    expect(book.drain()).toEqual([]);
  });

  test('away from the network nothing is said', () => {
    const book = alice();
    hearing(book, seen('bobby1'), OFFLINE);
    book.command(0, { type: 'set', status: 'away' });
    expect(book.drain()).toEqual([]);
  });

  test('who turned invisible while away says so to those who may still show them', () => {
    const book = alice();
    hearing(book, seen('bobby1'), OFFLINE);
    book.command(0, { type: 'set', status: 'invisible' });
    expect(told(hearing(book, ONLINE, seen('bobby1')))).toMatchObject([
      { to: 'bobby1', node: HOME, status: 'offline' },
    ]);
    expect(hearing(book, seen('bobby1'))).toEqual([]);
  });

  test('who asks is answered, even when invisible: as offline', () => {
    const asking = said('bobby1', 'presence', { status: 1, answerWanted: true }, LAPTOP);
    const answer = told(hearing(alice('invisible'), seen('bobby1', LAPTOP), asking));
    expect(answer).toEqual([{ to: 'bobby1', node: LAPTOP, status: 'offline', answerWanted: false }]);
  });
});

describe('showing', () => {
  test('a buddy shows what they say, with their display name', () => {
    const outputs = hearing(alice(), seen('bobby1'), says('do-not-disturb', HOME, 'Bob\u001b[31m by'));
    expect(ofType(outputs, 'presence')).toEqual([
      { type: 'presence', name: 'bobby1', status: 'do-not-disturb', displayName: 'Bob by', lastSeenAtMs: WALL_MS },
    ]);
  });

  test('a buddy who is only attached, and says nothing, is invisible', () => {
    expect(shown(hearing(alice(), seen('bobby1')))).toEqual([]);
  });

  test('of several machines the best counts, and the last one to leave leaves the time', () => {
    const book = alice();
    const steps: [PeerInput, ShownStatus][] = [
      [says('away', HOME), 'away'],
      [says('do-not-disturb', LAPTOP), 'do-not-disturb'],
      [says('online', PHONE), 'online'],
      [gone('bobby1', PHONE), 'do-not-disturb'],
      [says('offline', LAPTOP), 'away'],
    ];
    hearing(book, seen('bobby1', HOME), seen('bobby1', LAPTOP), seen('bobby1', PHONE));
    for (const [input, status] of steps) {
      hearing(book, input);
      expect(book.statusOf('Bobby1')).toBe(status);
    }
    wallMs += 1000;
    const last = hearing(book, gone('bobby1', HOME));
    expect(ofType(last, 'presence')).toMatchObject([{ status: 'offline', lastSeenAtMs: WALL_MS + 1000 }]);
  });

  test('the same word again is not told again', () => {
    const book = alice();
    hearing(book, seen('bobby1'), says('online'));
    expect(hearing(book, says('online'), gone('bobby1', LAPTOP))).toEqual([]);
  });

  test('a word that arrives after its node has left does not bring the person back', () => {
    const book = alice();
    hearing(book, seen('bobby1'), says('online'), gone('bobby1'), says('online'));
    expect(book.statusOf('bobby1')).toBe('offline');
  });

  test('while I am away everybody is offline, last seen now; when I am back the last word counts again', () => {
    const book = alice();
    hearing(book, seen('bobby1'), says('away'));
    wallMs += 5000;
    const left = hearing(book, OFFLINE);
    expect(ofType(left, 'presence')).toMatchObject([{ status: 'offline', lastSeenAtMs: WALL_MS + 5000 }]);
    wallMs += 5000;
    const back = hearing(book, ONLINE, seen('bobby1'));
    expect(shown(back)).toEqual(['away']);
    expect(told(back)).toMatchObject([{ node: HOME, answerWanted: true }]);
  });

  test('what a known node says while I am away counts when I am back', () => {
    const book = alice();
    hearing(book, seen('bobby1'), says('online'), OFFLINE, says('do-not-disturb'));
    expect(book.statusOf('bobby1')).toBe('offline');
    hearing(book, ONLINE, seen('bobby1'));
    expect(book.statusOf('bobby1')).toBe('do-not-disturb');
  });

  test('who left while I was away stays offline', () => {
    const book = alice();
    hearing(book, seen('bobby1'), says('online'), OFFLINE, ONLINE);
    expect(book.statusOf('bobby1')).toBe('offline');
  });

  test('who is no buddy any more goes offline', () => {
    const book = alice();
    hearing(book, seen('bobby1'), says('online'));
    expect(shown(hearing(book, buddy('bobby1', false)))).toEqual(['offline']);
  });

  test('a buddy never seen keeps the time that was stored', () => {
    const book = alice();
    const outputs = hearing(book, seen('bobby1'), says('offline', HOME, 'Robert'));
    expect(ofType(outputs, 'presence')).toMatchObject([{ displayName: 'Robert', lastSeenAtMs: 7 }]);
  });

  test('a hundred machines of one person cost no more than eight', () => {
    const book = alice();
    for (let i = 0; i < 100; i += 1) hearing(book, seen('bobby1', id(i)), says(i < 50 ? 'online' : 'away', id(i)));
    expect(book.statusOf('bobby1')).toBe('away');
  });
});
