/** Pages of hits are counted for an account wherever it searches, by three supernodes of which one may die or lie. */
import { describe, expect, test } from 'vitest';
import { metersOf, SearchTokens } from '../../../src/net/overlay/search-tokens.ts';
import type { NodeId } from '../../../src/net/protocol/ids.ts';
import {
  SEARCH_METER_MS,
  SEARCH_PAGE_REFILL_MS,
  SEARCH_PAGES_BURST,
} from '../../../src/net/protocol/overlay-params.ts';
import { decodeMessage, encodeMessage, message } from '../../../src/net/wire/messages.ts';
import { nodeIdFor } from './index-scenes.ts';

const HOUR_MS = 3_600_000;

/** Supernodes with links that lose nothing and take no time; silent ones answer nobody. */
class Ring {
  now = 1_000;
  readonly ids: NodeId[];
  readonly rooms = new Map<NodeId, SearchTokens>();
  readonly silent = new Set<NodeId>();
  /** These say yes to everybody, or no. */
  readonly liars = new Map<NodeId, 'yes' | 'no'>();
  messages = 0;
  #ticket = 0;

  constructor(count: number) {
    this.ids = Array.from({ length: count }, (_, i) => nodeIdFor(9_000 + i));
    for (const id of this.ids) this.join(id);
  }

  join(id: NodeId): void {
    if (!this.ids.includes(id)) this.ids.push(id);
    this.rooms.set(id, new SearchTokens({ self: id, others: () => this.ids.filter((one) => one !== id) }));
  }

  leave(id: NodeId): void {
    this.ids.splice(this.ids.indexOf(id), 1);
    this.rooms.delete(id);
  }

  /** What this supernode hears when the account searches there: 0, or how long to wait. */
  asks(at: number, account: string): number {
    const id = this.ids[at % this.ids.length] as NodeId;
    const room = this.rooms.get(id) as SearchTokens;
    this.#ticket += 1;
    room.ask(this.now, this.#ticket, account);
    this.#flow();
    const verdict = () => room.verdicts().find(({ ticket }) => ticket === this.#ticket)?.waitMs;
    const soon = verdict();
    if (soon !== undefined) return soon;
    this.now += SEARCH_METER_MS;
    room.wake(this.now);
    return verdict() ?? -1;
  }

  #flow(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const [from, room] of this.rooms) {
        for (const { to, message: value } of room.drain()) {
          moved = true;
          this.messages += 1;
          const lie = this.liars.get(from);
          const said =
            value.kind === 'searchTaken' && lie ? { ...value.body, waitMs: lie === 'yes' ? 0 : HOUR_MS } : value.body;
          const read = decodeMessage(encodeMessage({ ...value, body: said } as typeof value));
          if (read && !this.silent.has(to)) this.rooms.get(to)?.receive(this.now, from, read);
        }
      }
    }
  }

  /** Pages until the first refusal, each asked of another supernode. */
  pages(account: string): number {
    for (let count = 0; count < 500; count += 1) if (this.asks(count, account) !== 0) return count;
    return 500;
  }
}

describe('an account has so many pages', () => {
  test.each([1, 2, 3, 5, 64])('among %i supernodes, whichever it asks, and then one a minute', (count) => {
    const ring = new Ring(count);
    expect(ring.pages('alice1')).toBe(SEARCH_PAGES_BURST);
    const waitMs = ring.asks(7, 'ALICE1');
    expect(waitMs).toBeGreaterThan(SEARCH_PAGE_REFILL_MS - 5_000);
    ring.now += waitMs;
    expect([ring.asks(3, 'alice1'), ring.asks(4, 'alice1') > 0]).toEqual([0, true]);
    // Somebody else has their own.
    expect(ring.asks(3, 'bobby1')).toBe(0);
  });

  test('in an hour no more than the burst and 60, at any pace', () => {
    const ring = new Ring(20);
    let pages = 0;
    const end = ring.now + HOUR_MS;
    for (let i = 0; ring.now < end; ring.now += 5_000, i += 1) if (ring.asks(i, 'alice1') === 0) pages += 1;
    expect(pages).toBeLessThanOrEqual(SEARCH_PAGES_BURST + 60);
    expect(pages).toBeGreaterThanOrEqual(60);
  });

  test('for six messages a page at most', () => {
    const ring = new Ring(64);
    ring.asks(0, 'alice1');
    expect(ring.messages).toBeLessThanOrEqual(6);
  });
});

describe('the count outlives', () => {
  const meters = (ring: Ring) => metersOf('alice1', ring.ids);

  test('one meter that dies, before and after the others know it', () => {
    const ring = new Ring(20);
    ring.pages('alice1');
    const [dead] = meters(ring);
    ring.silent.add(dead as NodeId);
    for (let i = 0; i < 10; i += 1) expect(ring.asks(i, 'alice1')).toBeGreaterThan(0);
    ring.leave(dead as NodeId);
    for (let i = 0; i < 10; i += 1) expect(ring.asks(i, 'alice1')).toBeGreaterThan(0);
  });

  test('one that joins between them', () => {
    const ring = new Ring(20);
    ring.pages('alice1');
    const before = meters(ring);
    for (let i = 0; meters(ring).every((id) => before.includes(id)) && i < 2_000; i += 1) {
      const id = nodeIdFor(20_000 + i);
      if (metersOf('alice1', [...ring.ids, id]).includes(id)) ring.join(id);
    }
    expect(meters(ring)).not.toEqual(before);
    for (let i = 0; i < 20; i += 1) expect(ring.asks(i, 'alice1')).toBeGreaterThan(0);
  });

  test.each(['yes', 'no'] as const)('one that always says %s', (lie) => {
    const ring = new Ring(20);
    ring.liars.set(meters(ring)[1] as NodeId, lie);
    expect(ring.pages('alice1')).toBe(SEARCH_PAGES_BURST);
  });

  test('all that are silent, as far as one supernode can count alone', () => {
    const ring = new Ring(20);
    const three = meters(ring);
    for (const id of three) ring.silent.add(id);
    const at = ring.ids.findIndex((id) => !three.includes(id));
    let pages = 0;
    for (let i = 0; i < 100; i += 1) if (ring.asks(at, 'alice1') === 0) pages += 1;
    expect(pages).toBeLessThanOrEqual(SEARCH_PAGES_BURST + 1);
  });
});

test('meters are three of the living, the same for everybody, and other accounts have others', () => {
  const ids = Array.from({ length: 200 }, (_, i) => nodeIdFor(i));
  const busy = new Map<NodeId, number>();
  for (let i = 0; i < 400; i += 1) {
    const meters = metersOf(`person${i}`, ids);
    expect(new Set(meters).size).toBe(3);
    expect(metersOf(`person${i}`, ids.toReversed())).toEqual(meters);
    for (const id of meters) busy.set(id, (busy.get(id) ?? 0) + 1);
  }
  expect(busy.size).toBeGreaterThan(120);
  expect(Math.max(...busy.values())).toBeLessThan(60);
});

test('garbage and answers that nobody waits for count for nothing', () => {
  const room = new SearchTokens({ self: nodeIdFor(1), others: () => [nodeIdFor(2), nodeIdFor(3)] });
  for (const account of ['', '1x', 'a b', 'x'.repeat(9_000)])
    room.receive(0, nodeIdFor(2), message('searchTake', { requestId: 1, account }));
  expect([room.drain(), room.refused]).toEqual([[], 4]);
  room.ask(0, 1, 'alice1');
  const [question] = room.drain();
  const requestId = question?.message.kind === 'searchTake' ? question.message.body.requestId : 0;
  const no = message('searchTaken', { requestId, waitMs: 9 });
  // From one who was not asked, twice from one who was, and to a question that was never put.
  room.receive(0, nodeIdFor(7), no);
  room.receive(0, nodeIdFor(2), message('searchTaken', { requestId: requestId + 1, waitMs: 9 }));
  expect(room.verdicts()).toEqual([]);
  room.receive(0, nodeIdFor(2), no);
  room.receive(0, nodeIdFor(2), no);
  expect(room.verdicts()).toEqual([]);
  room.receive(0, nodeIdFor(3), no);
  expect(room.verdicts()).toEqual([{ ticket: 1, waitMs: 9 }]);
});
