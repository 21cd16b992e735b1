/** Which device of a person a message is written to, and when. */

import { beforeEach, describe, expect, it } from 'vitest';
import { Letters, type LettersOutput } from '../../../src/net/chat/letters.ts';
import { hexOf } from '../../../src/net/protocol/ids.ts';
import {
  MAIL_FULL_RETRY_MS,
  MAIL_SEEN_MS,
  MAIL_UNDER_WAY_MAX,
  MAIL_UNSEEN_MS,
} from '../../../src/net/protocol/mail-params.ts';
import { message } from '../../../src/net/wire/messages.ts';

const [PHONE, LAPTOP] = ['aa'.repeat(16), 'bb'.repeat(16)];
const WALL_MS = 1_767_225_600_000;
const DAY_MS = 86_400_000;
const idOf = (number: number) => hexOf(Buffer.alloc(16, number));
const line = message('chatMessage', { text: 'hello' });

let letters: Letters;
let devices: string[];
let now: number;

beforeEach(() => {
  now = 1_000;
  devices = [PHONE, LAPTOP];
  letters = new Letters({ devicesOf: () => devices, wallClock: () => WALL_MS + now });
  letters.receive(now, { type: 'online', online: true });
});

/** Lets time pass, waking when it asks to be; returns what was said. */
function pass(ms: number): LettersOutput[] {
  const until = now + ms;
  const said: LettersOutput[] = [];
  for (let at = letters.wakeAt(); at <= until; at = letters.wakeAt()) {
    now = Math.max(now, at);
    letters.wake(now);
    said.push(...letters.drain());
  }
  now = until;
  return [...said, ...letters.drain()];
}

function written(said: readonly LettersOutput[]) {
  return said.flatMap((output) => (output.type === 'letter' ? [output] : []));
}

function post(number = 1): void {
  letters.post(now, { to: 'Bobby1', id: idOf(number), message: line });
}

describe('letters', () => {
  it('are written to devices that are not seen, a moment later, and told to be kept when all are', () => {
    post();
    expect(pass(MAIL_UNSEEN_MS - 1)).toEqual([]);
    const said = written(pass(1));
    expect(said.map(({ node }) => node)).toEqual([PHONE, LAPTOP]);
    const untilMs = WALL_MS + 3 * DAY_MS;
    letters.kept(now, said[0]?.letter ?? '', 12, untilMs);
    expect(letters.drain()).toEqual([]);
    letters.kept(now, said[1]?.letter ?? '', 12, untilMs - 5);
    expect(letters.drain()).toEqual([{ type: 'kept', to: 'Bobby1', id: idOf(1), untilMs: untilMs - 5 }]);
  });

  it('are not written to whoever gives a receipt, and later to whoever is seen but gives none', () => {
    letters.receive(now, { type: 'peer-seen', name: 'bobby1', node: PHONE });
    letters.receive(now, { type: 'peer-seen', name: 'bobby1', node: LAPTOP });
    post();
    letters.reached('bobby1', PHONE, idOf(1));
    expect(pass(MAIL_SEEN_MS - 1)).toEqual([]);
    expect(written(pass(1)).map(({ node }) => node)).toEqual([LAPTOP]);
  });

  it('follow a device that leaves, and wait for one that comes', () => {
    post();
    letters.receive(now, { type: 'peer-seen', name: 'bobby1', node: PHONE });
    expect(written(pass(MAIL_UNSEEN_MS)).map(({ node }) => node)).toEqual([LAPTOP]);
    letters.receive(now, { type: 'peer-gone', name: 'bobby1', node: PHONE });
    expect(written(pass(MAIL_UNSEEN_MS)).map(({ node }) => node)).toEqual([PHONE]);
  });

  it('go to a device that is new, and not to one that is no more', () => {
    devices = [PHONE];
    post();
    devices = [LAPTOP];
    letters.devicesChanged(now, 'BOBBY1');
    expect(written(pass(MAIL_UNSEEN_MS)).map(({ node }) => node)).toEqual([LAPTOP]);
  });

  it('have the same id when they are brought again, and another after they were thrown away', () => {
    devices = [PHONE];
    post();
    const [first] = written(pass(MAIL_UNSEEN_MS));
    letters.receive(now, { type: 'online', online: false });
    expect(pass(DAY_MS)).toEqual([]);
    letters.receive(now, { type: 'online', online: true });
    const [again] = written(pass(60_000));
    expect(again?.letter).toBe(first?.letter);
    letters.kept(now, again?.letter ?? '', 12, WALL_MS + now + 3 * DAY_MS);
    letters.drain();
    expect(written(pass(2.9 * DAY_MS))).toEqual([]);
    const [renewed] = written(pass(0.2 * DAY_MS));
    expect(renewed?.letter).not.toBe(first?.letter);
    expect(renewed?.node).toBe(PHONE);
  });

  it('kept by few supernodes are brought again when we attach, those kept by many are not', () => {
    devices = [PHONE];
    post(1);
    post(2);
    const [one, two] = written(pass(MAIL_UNSEEN_MS));
    letters.kept(now, one?.letter ?? '', 1, WALL_MS + now + DAY_MS);
    letters.kept(now, two?.letter ?? '', 12, WALL_MS + now + DAY_MS);
    for (const online of [false, true]) letters.receive(now, { type: 'online', online });
    expect(written(pass(60_000)).map(({ letter }) => letter)).toEqual([one?.letter]);
  });

  it('that are refused are told once, and tried again later', () => {
    devices = [PHONE];
    post();
    const [first] = written(pass(MAIL_UNSEEN_MS));
    letters.failed(now, first?.letter ?? '', 'mailbox-full', 0);
    expect(letters.drain()).toMatchObject([{ type: 'mail-refused', to: 'Bobby1', code: 'mailbox-full' }]);
    // Nothing else is brought to a mailbox that is full.
    post(2);
    expect(pass(MAIL_FULL_RETRY_MS - 1)).toEqual([]);
    const again = written(pass(1));
    expect(again.map(({ message: { kind } }) => kind)).toEqual(['chatMessage', 'chatMessage']);
    letters.failed(now, again[0]?.letter ?? '', 'mailbox-full', 0);
    expect(letters.drain()).toEqual([]);
  });

  it('are so many at once and no more', () => {
    devices = [PHONE];
    for (let number = 1; number <= 30; number += 1) post(number);
    const first = written(pass(60_000));
    expect(first).toHaveLength(MAIL_UNDER_WAY_MAX);
    for (const { letter } of first) letters.kept(now, letter, 12, WALL_MS + now + DAY_MS);
    expect(written(pass(1_000))).toHaveLength(30 - MAIL_UNDER_WAY_MAX);
  });

  it('of notes are for those who are not seen, and done with once they are kept', () => {
    letters.receive(now, { type: 'peer-seen', name: 'bobby1', node: LAPTOP });
    letters.post(now, { to: 'bobby1', id: idOf(3), message: line, isNote: true });
    const [note] = written(pass(0));
    expect(note?.node).toBe(PHONE);
    letters.kept(now, note?.letter ?? '', 12, WALL_MS + now + DAY_MS);
    expect(pass(30 * DAY_MS)).toEqual([]);
  });

  it('that are kept since an earlier run are not brought again before they are thrown away', () => {
    devices = [PHONE];
    const keptUntilMs = WALL_MS + now + DAY_MS;
    letters.post(now, { to: 'bobby1', id: idOf(4), message: line, keptUntilMs });
    expect(pass(DAY_MS - 1)).toEqual([]);
    expect(written(pass(1))).toHaveLength(1);
  });
});

describe('a letter to a device that has had another mail key since', () => {
  const key = (number: number, sinceMs: number) => ({ mailKey: Buffer.alloc(32, number), sinceMs });
  let known: ReturnType<typeof key>;
  beforeEach(() => {
    devices = [PHONE];
    known = key(1, 0);
    letters = new Letters({ devicesOf: () => devices, keyOf: () => known, wallClock: () => WALL_MS + now });
    letters.receive(now, { type: 'online', online: true });
  });
  const left = () => {
    post();
    const [first] = written(pass(MAIL_UNSEEN_MS));
    letters.kept(now, first?.letter ?? '', 12, WALL_MS + now + 3 * DAY_MS);
    return first?.letter;
  };

  it('is written anew when it was left after that, once, and as another letter', () => {
    const first = left();
    known = key(2, WALL_MS - DAY_MS);
    letters.devicesChanged(now, 'bobby1');
    const [second, ...others] = written(pass(0));
    expect([second?.node, others]).toEqual([PHONE, []]);
    expect(second?.letter).not.toBe(first);
    letters.kept(now, second?.letter ?? '', 12, WALL_MS + now + 3 * DAY_MS);
    letters.devicesChanged(now, 'bobby1');
    expect(written(pass(DAY_MS))).toEqual([]);
  });

  it('stays when it was left before, for the old key is kept as long as that lies', () => {
    left();
    known = key(2, WALL_MS + now + 1);
    letters.devicesChanged(now, 'bobby1');
    expect(written(pass(DAY_MS))).toEqual([]);
  });
});

describe('for somebody of whom no device is known', () => {
  it('notes wait until nobody can tell of one, lines for ever, and both go when one is', () => {
    devices = [];
    post(1);
    letters.post(now, { to: 'Bobby1', id: idOf(2), message: line, isNote: true });
    expect(letters.sleepers).toEqual(['Bobby1']);
    letters.nobodyKnows('bobby1');
    devices = [PHONE];
    letters.devicesChanged(now, 'bobby1');
    expect(written(pass(MAIL_UNSEEN_MS)).map(({ node }) => node)).toEqual([PHONE]);
    devices = [];
    letters.forget('bobby1', idOf(1));
    expect(letters.sleepers).toEqual([]);
    letters.post(now, { to: 'Bobby1', id: idOf(3), message: line, isNote: true });
    devices = [LAPTOP];
    letters.devicesChanged(now, 'bobby1');
    expect(written(pass(MAIL_UNSEEN_MS)).map(({ node }) => node)).toEqual([LAPTOP]);
  });
});

it('of a call that nobody answered goes to nobody with whom we have parted since', () => {
  const missed = message('missedCall', { atMs: WALL_MS });
  letters.receive(now, { type: 'online', online: false });
  for (const to of ['Bobby1', 'carol1']) letters.post(now, { to, id: idOf(1), message: missed, isNote: true });
  letters.parted('bobby1');
  letters.receive(now, { type: 'online', online: true });
  expect(new Set(written(pass(MAIL_UNSEEN_MS)).map(({ to }) => to))).toEqual(new Set(['carol1']));
});
