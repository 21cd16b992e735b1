/** What a client hears of its search while the meters of its account have not spoken, and when they say no. */
import { expect, test } from 'vitest';
import { SearchDesk } from '../../../src/net/node/search-desk.ts';
import type { SearchTokens, SearchVerdict } from '../../../src/net/overlay/search-tokens.ts';
import { SEARCH_HELD_MS, SEARCHES_WAITING_MAX } from '../../../src/net/protocol/overlay-params.ts';
import { type Body, decodeMessage, encodeMessage, message } from '../../../src/net/wire/messages.ts';

function scene() {
  const asked: number[] = [];
  const verdicts: SearchVerdict[] = [];
  const tokens = { ask: (_now: number, ticket: number) => asked.push(ticket), verdicts: () => verdicts.splice(0) };
  return { desk: new SearchDesk(tokens as unknown as SearchTokens), asked, verdicts };
}

const search = (requestId: number, exact = false) =>
  (decodeMessage(encodeMessage(message('search', { requestId, pattern: 'bob', exact }))) as { body: Body<'search'> })
    .body;
const results = (requestId: number) => message('searchResults', { requestId, complete: true });

test('an answer waits for the verdict, and a verdict for the answer', () => {
  const { desk, verdicts } = scene();
  expect(desk.admit(0, 5, 'alice1', search(1))).toBe(true);
  expect(desk.holds(5, results(1))).toBe(true);
  expect(desk.holds(5, results(9))).toBe(false);
  expect(desk.holds(6, results(1))).toBe(false);
  verdicts.push({ ticket: 1, waitMs: 0 });
  desk.settle(0);
  expect(desk.drain()).toEqual([{ session: 5, message: results(1) }]);
  desk.admit(0, 5, 'alice1', search(2));
  verdicts.push({ ticket: 2, waitMs: 0 });
  desk.settle(0);
  expect([desk.drain(), desk.holds(5, results(2))]).toEqual([[], false]);
});

test('without a page the answer is thrown away, and until there is one nobody is asked again', () => {
  const { desk, asked, verdicts } = scene();
  desk.admit(0, 5, 'alice1', search(1));
  verdicts.push({ ticket: 1, waitMs: 20_000 });
  desk.settle(0);
  expect(desk.drain()).toMatchObject([
    { session: 5, message: { body: { requestId: 1, code: 'search-limit', retryAfterMs: 20_000 } } },
  ]);
  expect(desk.holds(5, results(1))).toBe(true);
  expect(desk.drain()).toEqual([]);
  // Another device of the account.
  expect(desk.admit(5_000, 6, 'Alice1', search(1))).toBe(false);
  expect(desk.drain()).toMatchObject([{ session: 6, message: { body: { retryAfterMs: 15_000 } } }]);
  expect(desk.admit(20_000, 5, 'alice1', search(2))).toBe(true);
  expect(asked).toHaveLength(2);
});

test('exact names pass freely, and of searches that wait there are few', () => {
  const { desk, asked } = scene();
  for (let i = 0; i < 50; i += 1) expect(desk.admit(0, 5, 'alice1', search(i, true))).toBe(true);
  expect([asked, desk.holds(5, results(1))]).toEqual([[], false]);
  const admitted = Array.from({ length: 50 }, (_, i) => desk.admit(0, 5, 'alice1', search(i)));
  expect(admitted.filter(Boolean)).toHaveLength(SEARCHES_WAITING_MAX);
  desk.wake(SEARCH_HELD_MS);
  expect([desk.wakeAt(), desk.holds(5, results(1))]).toEqual([Number.POSITIVE_INFINITY, false]);
});
