/**
 * One messenger as a writer and as a reader, the other end played by hand. Long because both halves stand here, with
 * every bound; whole conversations are in `world.test.ts`.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type GroupState, wireGroup } from '../../../src/net/chat/group-state.ts';
import { Messenger, type MessengerOutput } from '../../../src/net/chat/messenger.ts';
import type { BuddyChange } from '../../../src/net/chat/roster-list.ts';
import { bytesOf, hexOf } from '../../../src/net/protocol/ids.ts';
import {
  CHAT_GAP_MS,
  CHAT_HELD_MAX,
  CHAT_IDS_KNOWN_MAX,
  CHAT_IN_FLIGHT_BYTES_MAX,
  CHAT_IN_FLIGHT_MAX,
  CHAT_RESEND_MS,
  CHAT_RESEND_UNSEEN_MS,
  CHAT_TEXT_BYTES_MAX,
  LOOKUP_RETRY_MS,
  OUTBOX_MESSAGES_MAX,
  RECEIPT_DELAY_MS,
  RECEIPT_IDS_MAX,
} from '../../../src/net/protocol/params.ts';
import type { PeerInput } from '../../../src/net/wire/peers.ts';
import { gone, HOME, id, LAPTOP, OFFLINE, ONLINE, ofType, said, seen, sent, WALL_MS } from './vocabulary.ts';

const buddy = (name: string, is = true): BuddyChange => ({
  type: 'buddy',
  name,
  is,
  displayName: '',
  lastSeenAtMs: 0,
});

const UNREACHABLE: PeerInput = { type: 'unreachable', name: 'bobby1', code: 'person-offline' };

/** Alice, attached, a buddy of Bobby. */
class Alice {
  readonly messenger = new Messenger();
  nowMs = 0;

  constructor() {
    this.hears(buddy('bobby1'), ONLINE);
  }

  hears(...inputs: (PeerInput | BuddyChange)[]): MessengerOutput[] {
    for (const input of inputs) this.messenger.receive(this.nowMs, input);
    return this.messenger.drain();
  }

  writes(number: number, text = `line ${number}`, to = 'bobby1'): MessengerOutput[] {
    this.messenger.command(this.nowMs, { type: 'send', to, id: id(number), sequence: number, text, sentAtMs: WALL_MS });
    return this.messenger.drain();
  }

  stored(number: number): MessengerOutput[] {
    this.messenger.command(this.nowMs, { type: 'stored', from: 'bobby1', id: id(number) });
    return this.messenger.drain();
  }

  /** Lets time pass, waking whenever that was asked for. */
  waits(ms: number): MessengerOutput[] {
    const until = this.nowMs + ms;
    const outputs: MessengerOutput[] = [];
    while (this.messenger.wakeAt() <= until) {
      this.nowMs = this.messenger.wakeAt();
      this.messenger.wake(this.nowMs);
      outputs.push(...this.messenger.drain());
    }
    this.nowMs = until;
    return outputs;
  }
}

const receipt = (...numbers: number[]): PeerInput =>
  said('bobby1', 'chatReceipt', { messageIds: numbers.map((number) => bytesOf(id(number))) });

const line = (number: number, waitingFrom = 1, node = HOME): PeerInput => {
  const body = { messageId: bytesOf(id(number)), sequence: number, text: `line ${number}`, sentAtMs: WALL_MS };
  return said('bobby1', 'chatMessage', { ...body, waitingFrom }, node);
};

const lines = (outputs: readonly MessengerOutput[]) => sent(outputs, 'chatMessage').map((body) => body.sequence);
const received = (outputs: readonly MessengerOutput[]) => ofType(outputs, 'received').map((one) => one.sequence);
const receipts = (outputs: readonly MessengerOutput[]) =>
  sent(outputs, 'chatReceipt').map((body) => body.messageIds.map((bytes) => Number.parseInt(hexOf(bytes), 16)));

describe('writing', () => {
  test('a line goes to every node of the person, and a receipt marks it delivered once', () => {
    const alice = new Alice();
    expect(sent(alice.writes(1, 'hi'), 'chatMessage')).toMatchObject([
      { to: 'bobby1', node: undefined, sequence: 1, text: 'hi', sentAtMs: WALL_MS, waitingFrom: 1 },
    ]);
    expect(alice.hears(receipt(1))).toEqual([{ type: 'delivered', to: 'bobby1', id: id(1) }]);
    expect(alice.hears(receipt(1))).toEqual([]);
    expect(alice.messenger.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });

  test('lines without a receipt go out again, in order, whenever the person is seen', () => {
    const alice = new Alice();
    for (const number of [1, 2, 3]) alice.writes(number);
    alice.hears(receipt(2));
    expect(lines(alice.hears(seen('bobby1', LAPTOP)))).toEqual([1, 3]);
  });

  test('while the person is seen they go out again after growing pauses; a receipt starts over', () => {
    const alice = new Alice();
    alice.hears(seen('bobby1'));
    alice.writes(1);
    alice.writes(2);
    for (const pauseMs of [...CHAT_RESEND_MS, CHAT_RESEND_MS.at(-1) ?? 0]) {
      expect(lines(alice.waits(pauseMs - 1))).toEqual([]);
      expect(lines(alice.waits(1))).toEqual([1, 2]);
    }
    alice.hears(receipt(1));
    expect(lines(alice.waits(CHAT_RESEND_MS[0]))).toEqual([2]);
  });

  test('who cannot be reached is told once, and tried again when seen', () => {
    const alice = new Alice();
    alice.writes(1);
    const told = alice.hears(UNREACHABLE, UNREACHABLE);
    expect(told).toEqual([{ type: 'waiting', to: 'bobby1', count: 1, code: 'person-offline' }]);
    expect(lines(alice.waits(CHAT_RESEND_UNSEEN_MS - 1))).toEqual([]);
    expect(lines(alice.hears(seen('bobby1')))).toEqual([1]);
  });

  test('somebody who is never announced is looked for every now and then', () => {
    const alice = new Alice();
    alice.writes(1);
    alice.hears(UNREACHABLE);
    expect(lines(alice.waits(CHAT_RESEND_UNSEEN_MS))).toEqual([1]);
  });

  test('a new line soon after a failed look-up waits for the next one and goes out behind the older ones', () => {
    const alice = new Alice();
    alice.writes(1);
    alice.hears(UNREACHABLE);
    expect(alice.writes(2)).toEqual([]);
    expect(lines(alice.waits(LOOKUP_RETRY_MS))).toEqual([1, 2]);
    alice.hears(UNREACHABLE);
    alice.nowMs += LOOKUP_RETRY_MS;
    expect(lines(alice.writes(3))).toEqual([1, 2, 3]);
  });

  test('a receipt from somebody who was called unreachable sets the rest going again', () => {
    const alice = new Alice();
    alice.writes(1);
    alice.writes(2);
    alice.hears(UNREACHABLE);
    expect(lines(alice.hears(receipt(2)))).toEqual([1]);
    expect(lines(alice.waits(CHAT_RESEND_UNSEEN_MS))).toEqual([1]);
  });

  test('when the last machine leaves the lines wait, but a new one is tried at once', () => {
    const alice = new Alice();
    alice.hears(seen('bobby1', HOME), seen('bobby1', LAPTOP));
    alice.writes(1);
    expect(alice.hears(gone('bobby1', HOME))).toEqual([]);
    expect(ofType(alice.hears(gone('bobby1', LAPTOP)), 'waiting')).toMatchObject([{ count: 1 }]);
    expect(lines(alice.waits(CHAT_RESEND_MS[3]))).toEqual([]);
    expect(lines(alice.writes(2))).toEqual([1, 2]);
  });

  test('only a window is under way, and receipts move it on', () => {
    const alice = new Alice();
    const first = Array.from({ length: CHAT_IN_FLIGHT_MAX + 5 }, (_, i) => lines(alice.writes(i + 1))).flat();
    expect(first).toHaveLength(CHAT_IN_FLIGHT_MAX);
    expect(lines(alice.hears(receipt(1, 2)))).toEqual([CHAT_IN_FLIGHT_MAX + 1, CHAT_IN_FLIGHT_MAX + 2]);
  });

  test('the window is bounded in bytes as well, but one long line always fits', () => {
    const alice = new Alice();
    const long = 'x'.repeat(CHAT_TEXT_BYTES_MAX);
    const first = Array.from({ length: 10 }, (_, i) => lines(alice.writes(i + 1, long))).flat();
    expect(first).toHaveLength(CHAT_IN_FLIGHT_BYTES_MAX / CHAT_TEXT_BYTES_MAX);
  });

  test('each line tells from where on lines wait', () => {
    const alice = new Alice();
    alice.writes(1);
    alice.writes(2);
    alice.hears(receipt(1));
    expect(sent(alice.writes(3), 'chatMessage')).toMatchObject([{ sequence: 3, waitingFrom: 2 }]);
  });

  test('what was stored goes out after a restart, in order, when the person is seen', () => {
    const alice = new Alice();
    const stored = (sequence: number) => ({ to: 'Bobby1', id: id(sequence), sequence, text: 't', sentAtMs: 1 });
    alice.messenger.command(0, { type: 'restore', lines: [3, 1, 2, 1].map(stored) });
    expect(alice.messenger.drain()).toEqual([]);
    expect(lines(alice.hears(seen('bobby1')))).toEqual([1, 2, 3]);
  });

  test('nothing goes out while away; on coming back, lines go to whoever is seen, then to the others', () => {
    const alice = new Alice();
    alice.hears(OFFLINE);
    expect(lines(alice.writes(1))).toEqual([]);
    alice.writes(1, 'hello', 'echo');
    expect(alice.waits(1e6)).toEqual([]);
    alice.hears(ONLINE);
    expect(lines(alice.hears(seen('bobby1')))).toEqual([1]);
    expect(sent(alice.waits(CHAT_RESEND_MS[0] - 1), 'chatMessage')).toEqual([]);
    expect(sent(alice.waits(1), 'chatMessage').map((body) => body.to)).toContain('echo');
  });
});

describe('with whom', () => {
  test('chat is between buddies; a service name is open to everybody', () => {
    const { messenger } = new Alice();
    expect(messenger.admits('mallory', 'hi')).toBe('not-a-buddy');
    expect(messenger.admits('BOBBY1', 'hi')).toBeUndefined();
    expect(messenger.admits('echo', 'hi')).toBeUndefined();
  });

  test('what cannot be sent is refused with its code', () => {
    const alice = new Alice();
    const refused = [
      ...alice.writes(1, 'hi', 'mallory'),
      ...alice.writes(2, 'x'.repeat(CHAT_TEXT_BYTES_MAX + 1)),
      ...alice.writes(3, ''),
    ];
    expect(refused).toEqual([
      { type: 'refused', to: 'mallory', id: id(1), code: 'not-a-buddy' },
      { type: 'refused', to: 'bobby1', id: id(2), code: 'too-large' },
      { type: 'refused', to: 'bobby1', id: id(3), code: 'usage' },
    ]);
  });

  test('strangers are not heard, and not answered', () => {
    const alice = new Alice();
    alice.hears(buddy('bobby1', false));
    expect(alice.hears(line(1), receipt(1))).toEqual([]);
    expect(alice.messenger.dropped).toBe(1);
  });

  test('lines to somebody who is no buddy any more wait, and go out when they are one again', () => {
    const alice = new Alice();
    alice.writes(1);
    alice.hears(buddy('bobby1', false));
    expect(alice.hears(seen('bobby1'))).toEqual([]);
    expect(alice.waits(1e6)).toEqual([]);
    expect(lines(alice.hears(buddy('bobby1')))).toEqual([1]);
  });

  test('who was blocked between a line and its receipt gets none', () => {
    const alice = new Alice();
    alice.hears(line(1));
    alice.stored(1);
    alice.hears(buddy('bobby1', false));
    expect(alice.waits(1000)).toEqual([]);
  });

  test('a service talks with everybody', () => {
    const echo = new Messenger({ talksWithEverybody: true });
    echo.receive(0, ONLINE);
    echo.receive(0, line(1));
    expect(received(echo.drain())).toEqual([1]);
  });

  test('the outbox is bounded over all conversations', () => {
    const { messenger } = new Alice();
    const restored = Array.from({ length: OUTBOX_MESSAGES_MAX }, (_, i) => ({
      to: 'carol1',
      id: id(i + 1),
      sequence: i + 1,
      text: 't',
      sentAtMs: 1,
    }));
    messenger.command(0, { type: 'restore', lines: restored });
    expect(messenger.admits('bobby1', 'one more')).toBe('too-large');
  });
});

describe('reading', () => {
  test('a line is handed on at once, and gets its receipt only when it is stored', () => {
    const alice = new Alice();
    expect(alice.hears(line(1))).toEqual([
      {
        type: 'received',
        from: 'bobby1',
        node: HOME,
        id: id(1),
        sequence: 1,
        text: 'line 1',
        sentAtMs: WALL_MS,
      },
    ]);
    expect(alice.waits(1e5)).toEqual([]);
    alice.stored(1);
    const told = alice.waits(RECEIPT_DELAY_MS);
    expect(receipts(told)).toEqual([[1]]);
    expect(ofType(told, 'send')).toMatchObject([{ to: 'bobby1', node: HOME }]);
  });

  test('doubles are dropped; a double of a stored line gets its receipt again', () => {
    const alice = new Alice();
    expect(received(alice.hears(line(1), line(1)))).toEqual([1]);
    alice.stored(1);
    alice.waits(RECEIPT_DELAY_MS);
    expect(alice.hears(line(1), line(1))).toEqual([]);
    expect(receipts(alice.waits(RECEIPT_DELAY_MS))).toEqual([[1]]);
  });

  test('receipts are collected, but not too many', () => {
    const alice = new Alice();
    const all = Array.from({ length: RECEIPT_IDS_MAX + 1 }, (_, i) => i + 1);
    const early = all.flatMap((number) => {
      alice.hears(line(number));
      return alice.stored(number);
    });
    expect(receipts(early)).toEqual([all.slice(0, RECEIPT_IDS_MAX)]);
    expect(receipts(alice.waits(RECEIPT_DELAY_MS))).toEqual([[RECEIPT_IDS_MAX + 1]]);
  });

  test('what could not be stored is new when it comes again', () => {
    const alice = new Alice();
    alice.hears(line(1), line(2, 1));
    alice.messenger.command(0, { type: 'not-stored', from: 'bobby1', id: id(1) });
    expect(received(alice.hears(line(1), line(2, 1)))).toEqual([1]);
  });

  test('lines that arrive in disorder are handed on in order', () => {
    const alice = new Alice();
    expect(received(alice.hears(line(3), line(2)))).toEqual([]);
    expect(received(alice.hears(line(1)))).toEqual([1, 2, 3]);
  });

  test('a gap is waited for two seconds at most; what comes later is handed on late', () => {
    const alice = new Alice();
    alice.hears(line(1), line(3));
    alice.waits(CHAT_GAP_MS / 2);
    alice.hears(line(5));
    expect(received(alice.waits(CHAT_GAP_MS / 2 - 1))).toEqual([]);
    expect(received(alice.waits(1))).toEqual([3]);
    expect(received(alice.waits(CHAT_GAP_MS / 2))).toEqual([5]);
    expect(received(alice.hears(line(2), line(6)))).toEqual([2, 6]);
  });

  test('nothing is waited for that the writer will not send any more', () => {
    const alice = new Alice();
    alice.hears(line(1));
    expect(received(alice.hears(line(7, 7)))).toEqual([7]);
    expect(received(alice.hears(line(9, 8), line(12, 11)))).toEqual([9]);
    expect(received(alice.hears(line(11, 11)))).toEqual([11, 12]);
  });

  test('after a restart the writer tells where to begin', () => {
    expect(received(new Alice().hears(line(42, 41), line(41, 41)))).toEqual([41, 42]);
    expect(received(new Alice().hears(line(42, 0)))).toEqual([42]);
  });

  test('each machine of a person counts for itself', () => {
    const alice = new Alice();
    const other = said('bobby1', 'chatMessage', { messageId: bytesOf(id(99)), sequence: 1, waitingFrom: 1 }, LAPTOP);
    expect(received(alice.hears(line(1), line(2), other))).toEqual([1, 2, 1]);
  });

  test('the text is clean, and what is over the limits is dropped', () => {
    const alice = new Alice();
    const body = { messageId: bytesOf(id(1)), sequence: 1, sentAtMs: 2 ** 60 };
    const heard = alice.hears(said('bobby1', 'chatMessage', { ...body, text: 'a\u001b[2Jb\nc' }));
    expect(ofType(heard, 'received')).toMatchObject([{ text: 'ab\nc', sentAtMs: 0 }]);
    const long = { ...body, messageId: bytesOf(id(2)), text: 'x'.repeat(CHAT_TEXT_BYTES_MAX + 1) };
    const nameless = { ...body, messageId: Buffer.from('short') };
    expect(alice.hears(said('bobby1', 'chatMessage', long), said('bobby1', 'chatMessage', nameless))).toEqual([]);
    expect(alice.messenger.dropped).toBe(2);
  });

  test('a flood with gaps everywhere is held in bounds, and every line of it comes out', () => {
    const alice = new Alice();
    const odd = Array.from({ length: 3 * CHAT_HELD_MAX }, (_, i) => 2 * i + 3);
    const early = odd.flatMap((number) => received(alice.hears(line(number))));
    expect(early).toHaveLength(2 * CHAT_HELD_MAX);
    expect([...early, ...received(alice.waits(CHAT_GAP_MS))]).toEqual(odd);
  });

  test('old ids are forgotten: the history is the second guard', () => {
    const alice = new Alice();
    const all = Array.from({ length: CHAT_IDS_KNOWN_MAX + 1 }, (_, i) => i + 1);
    for (const number of all) alice.hears(line(number));
    expect(received(alice.hears(line(2), line(1)))).toEqual([1]);
  });

  test('whatever arrives from a buddy, each id comes out at most once and time empties the inbox', () => {
    const arrival = fc.record({ number: fc.nat(40), waitingFrom: fc.nat(60), node: fc.constantFrom(HOME, LAPTOP) });
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 60 }), (arrivals) => {
        const alice = new Alice();
        const out = arrivals.flatMap(({ number, waitingFrom, node }) => alice.hears(line(number, waitingFrom, node)));
        out.push(...alice.waits(CHAT_GAP_MS));
        const ids = ofType(out, 'received').map((one) => one.id);
        expect(new Set(ids).size).toBe(ids.length);
        expect(new Set(ids)).toEqual(new Set(arrivals.map(({ number }) => id(number))));
        expect(alice.messenger.wakeAt()).toBe(Number.POSITIVE_INFINITY);
      }),
    );
  });
});

describe('groups', () => {
  const GROUP = 'ab'.repeat(16);
  const stateOf = (members: [string, boolean, number][]): GroupState => ({
    ...{ id: GROUP, title: 'lunch', titleAtMs: 1 },
    members: members.map(([name, removed, atMs]) => ({ name, removed, atMs })),
  });
  const inGroup = (from: string, number: number, group: GroupState) => {
    const body = { messageId: bytesOf(id(number)), sequence: number, text: 'hello', sentAtMs: 1, placeMs: 1 };
    return said(from, 'chatMessage', { ...body, group: wireGroup(group) as never });
  };

  test('who is no buddy any more, but a member, gets what was said in the group and nothing else', () => {
    const alice = new Alice();
    alice.writes(1, 'for you alone');
    const group = stateOf([
      ['alice1', false, 1],
      ['bobby1', false, 1],
    ]);
    alice.messenger.command(0, { type: 'groups', groups: [group], own: 'alice1' });
    alice.hears(buddy('bobby1', false));
    const line = { id: id(2), sequence: 2, text: 'for all', sentAtMs: WALL_MS, group, placeMs: WALL_MS };
    alice.messenger.command(0, { type: 'send', to: 'bobby1', ...line });
    const outputs = [
      ...alice.messenger.drain(),
      ...alice.hears(seen('bobby1'), OFFLINE, ONLINE),
      ...alice.waits(60_000),
    ];
    expect(new Set(sent(outputs, 'chatMessage').map(({ text }) => text))).toEqual(new Set(['for all']));
    expect(sent(alice.hears(buddy('bobby1')), 'chatMessage').map(({ text }) => text)).toContain('for you alone');
  });

  test('who is out is brought back by a buddy who came later, and by nobody who was out before', () => {
    const alice = new Alice();
    alice.hears(buddy('david1'), buddy('erwin1'));
    const known = stateOf([
      ['alice1', true, 5],
      ['carol1', false, 1],
      ['erwin1', true, 4],
    ]);
    alice.messenger.command(0, { type: 'groups', groups: [known], own: 'alice1' });
    const back = stateOf([
      ['alice1', false, 8],
      ['carol1', false, 1],
      ['david1', false, 7],
      ['erwin1', false, 7],
    ]);
    expect(received(alice.hears(inGroup('david1', 1, back)))).toEqual([1]);
    expect(received(alice.hears(inGroup('erwin1', 2, back)))).toEqual([]);
    expect(received(alice.hears(inGroup('mallory', 3, back)))).toEqual([]);
    // While we are in, only whom we know as a member is heard.
    const inside = { ...known, members: known.members.map((one) => ({ ...one, removed: one.name === 'erwin1' })) };
    alice.messenger.command(0, { type: 'groups', groups: [inside], own: 'alice1' });
    expect(received(alice.hears(inGroup('david1', 4, back)))).toEqual([]);
  });
});

describe('what waits for somebody with whom we part', () => {
  const words = (alice: Alice) =>
    alice.messenger.takeWords().map(({ type, ...word }) => [type, 'id' in word ? word.id : '']);

  test('goes in no letter any more, and in one again when we are buddies again', () => {
    const alice = new Alice();
    alice.writes(1);
    expect(words(alice)).toEqual([['posted', id(1)]]);
    alice.hears(buddy('bobby1', false));
    expect(words(alice)).toEqual([['withdrawn', id(1)]]);
    alice.hears(buddy('bobby1'));
    expect(words(alice)).toEqual([['posted', id(1)]]);
    // What is news to nobody is not posted twice.
    alice.hears(buddy('bobby1'));
    expect(words(alice)).toEqual([]);
  });

  test('goes in none after a restart either, but what was said in a group does', () => {
    const messenger = new Messenger();
    messenger.receive(0, ONLINE);
    const members = ['alice1', 'bobby1'].map((name) => ({ name, removed: false, atMs: WALL_MS }));
    const group: GroupState = { id: 'ab'.repeat(16), title: 'lunch', titleAtMs: WALL_MS, members };
    const text = { text: 'hello', sentAtMs: WALL_MS };
    const lines = [
      { to: 'bobby1', id: id(1), sequence: 1, ...text },
      { to: 'bobby1', id: id(2), sequence: 2, ...text, group, placeMs: WALL_MS },
    ];
    messenger.command(0, { type: 'restore', lines });
    expect(messenger.takeWords()).toMatchObject([{ type: 'posted', id: id(2) }]);
  });
});
