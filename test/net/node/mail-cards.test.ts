/** Mail keys by the devices' own word: whose word counts, and how often is asked. */
import { expect, it } from 'vitest';
import { MailCards } from '../../../src/net/node/mail-cards.ts';
import {
  MAIL_CARDS_AGAIN_MS,
  MAIL_CARDS_ASKED_AT_ONCE,
  MAIL_CARDS_FIRST_MS,
  MAIL_CARDS_RETRY_MS,
} from '../../../src/net/protocol/mail-params.ts';
import { HOUR_MS, judge, nodeIdFor, sealed, WALL_MS } from '../overlay/index-scenes.ts';

const key = (number: number, sinceMs = WALL_MS) => ({ mailKey: Buffer.alloc(32, number), sinceMs });
const cards = (wallMs = WALL_MS) => new MailCards({ wallClock: () => wallMs, judge });
const keysOf = (of: MailCards) => of.of('carol1').map(({ nodeId, mailKey }) => [nodeId, mailKey[0]]);

/** Lets time pass to the next wish; who is asked about then. */
function asks(of: MailCards, until: number): string[] {
  const asked: string[] = [];
  for (let at = of.wakeAt(); at <= until; at = of.wakeAt()) {
    of.wake(Math.max(at, 0));
    asked.push(...of.drain());
  }
  return asked;
}

it('are taken of records that their own devices have signed, and of that person alone', () => {
  const some = cards();
  const [one, two] = [sealed('Carol1', 1, { mailKey: key(1) }), sealed('carol1', 2, { mailKey: key(2) })];
  const forged = { ...sealed('carol1', 3, { mailKey: key(3) }), signature: one.signature };
  const others = [forged, sealed('mallory', 4, { mailKey: key(4) }), sealed('carol1', 5)];
  expect(some.learn(0, 'carol1', [one, two, ...others], true)).toBe(true);
  expect(keysOf(some)).toEqual([
    [nodeIdFor(1), 1],
    [nodeIdFor(2), 2],
  ]);
  expect(some.dropped).toBe(1);
  // An older word, and the same one again, are no news; a later one is.
  expect(some.learn(0, 'carol1', [one, sealed('carol1', 2, { mailKey: key(9, WALL_MS - 1) })], true)).toBe(false);
  expect(some.learn(0, 'carol1', [sealed('carol1', 2, { mailKey: key(9, WALL_MS + 1) })], true)).toBe(true);
  expect(keysOf(some)[1]).toEqual([nodeIdFor(2), 9]);
  expect(cards(WALL_MS + 73 * HOUR_MS).learn(0, 'carol1', [one], true)).toBe(false);
});

it('are asked for while they are wanted and we are attached, soon when nobody could say all, else hourly', () => {
  const some = cards();
  some.want(['carol1']);
  expect(some.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  some.setAttached(0, true);
  expect(asks(some, MAIL_CARDS_FIRST_MS - 1)).toEqual([]);
  expect(asks(some, MAIL_CARDS_FIRST_MS)).toEqual(['carol1']);
  // Not while the question is open.
  expect(asks(some, HOUR_MS)).toEqual([]);
  some.learn(2_000, 'carol1', [], false);
  expect(asks(some, 2_000 + MAIL_CARDS_RETRY_MS)).toEqual(['carol1']);
  some.learn(100_000, 'carol1', [], true);
  expect(asks(some, 99_999 + MAIL_CARDS_AGAIN_MS)).toEqual([]);
  some.setAttached(200_000, false);
  some.setAttached(200_000, true);
  expect(asks(some, 200_000 + MAIL_CARDS_RETRY_MS)).toEqual(['carol1']);
  some.want([]);
  some.learn(300_000, 'carol1', [], true);
  expect(asks(some, 100 * HOUR_MS)).toEqual([]);
});

it('are asked for of a few people at a time', () => {
  const some = cards();
  some.want(Array.from({ length: 3 * MAIL_CARDS_ASKED_AT_ONCE }, (_, number) => `person-${number}`));
  some.setAttached(0, true);
  expect(asks(some, HOUR_MS)).toHaveLength(MAIL_CARDS_ASKED_AT_ONCE);
  for (let number = 0; number < MAIL_CARDS_ASKED_AT_ONCE; number += 1)
    some.learn(HOUR_MS, `person-${number}`, [], true);
  expect(asks(some, HOUR_MS + 10_000)).toHaveLength(MAIL_CARDS_ASKED_AT_ONCE);
});
