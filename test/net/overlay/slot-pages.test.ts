/** Pages that are kept: what they spare, that they are never older than the index, and what a lie about them is worth. */
import { describe, expect, test } from 'vitest';
import { PageCache } from '../../../src/net/overlay/page-cache.ts';
import { PAGE_EMPTY_KEPT_MS, PAGE_KEPT_MS, PAGES_KEPT_BYTES_MAX } from '../../../src/net/protocol/overlay-params.ts';
import { encodeMessage, type MessageKind } from '../../../src/net/wire/messages.ts';
import { HOUR_MS, recordOf, WALL_MS } from './index-scenes.ts';
import { Slots } from './slot-scenes.ts';

const COUNT = 24;

/** Forty people called Bob, and what is said while somebody searches. */
class Scene {
  readonly slots = new Slots(COUNT);
  bytes = 0;
  messages = 0;

  constructor() {
    const { slots } = this;
    for (let i = 0; i < 40; i += 1) slots.publish(i % COUNT, `bob-${i}`, i, { displayName: `Bob Smith ${i}` });
    slots.advance(3_000);
    slots.onTheWay = (_from, _to, value) => {
      const counted: readonly MessageKind[] = ['slotAsk', 'slotAnswer'];
      if (counted.includes(value.kind)) {
        this.messages += 1;
        this.bytes += encodeMessage(value).length;
      }
      return value;
    };
  }

  /** One search: the answer, how long it took and what was sent. */
  search(place: number, pattern: string, after = '') {
    const { slots } = this;
    const before = { at: slots.now, bytes: this.bytes, messages: this.messages };
    const { page, complete } = slots.search(place, { pattern, after });
    const tookMs = slots.now - before.at;
    return { page, complete, tookMs, bytes: this.bytes - before.bytes, messages: this.messages - before.messages };
  }

  counts(place: number) {
    return this.slots.of(place).pages.counts;
  }
}

describe('a page that is kept', () => {
  test('is given again for a tenth of the bytes, and sooner', () => {
    const scene = new Scene();
    const first = scene.search(0, 'bob');
    const again = scene.search(0, 'bob');
    expect(first.page.hits).toHaveLength(40);
    expect(again.page).toEqual(first.page);
    expect(again.complete).toBe(true);
    expect(scene.counts(0).given).toBe(1);
    expect(again.bytes).toBeLessThan(first.bytes / 10);
    expect(again.messages).toBeLessThanOrEqual(first.messages);
    expect(again.tookMs).toBeLessThan(first.tookMs);
  });

  test('never hides who has come, changed or gone since, and six places agree all the time (N9)', () => {
    const { slots } = new Scene();
    const places = [0, 4, 8, 12, 16, 20];
    for (let step = 0; step < 12; step += 1) {
      if (step % 4 === 1) slots.publish(step, `bob-new-${step}`, 100 + step, { displayName: 'Bob New' });
      if (step % 4 === 2) slots.publish(step, 'bob-3', 3, { displayName: 'Bobby Renamed', sequence: 10 + step });
      if (step % 4 === 3) slots.publish(step, 'bob-5', 5, { listed: false, sequence: 10 + step });
      slots.advance(400);
      for (const pattern of ['bob', 'bob*', 'smith', 'new', 'bob smith 7']) {
        const expected = JSON.stringify(slots.expected({ pattern }));
        for (const place of places) {
          const { page, complete } = slots.search(place, { pattern });
          expect(JSON.stringify(page), `${pattern} at ${place}, step ${step}`).toBe(expected);
          expect(complete).toBe(true);
        }
      }
    }
    const given = places.map((place) => slots.of(place).pages.counts.given);
    expect(Math.min(...given)).toBeGreaterThan(5);
    expect(places.map((place) => slots.of(place).pages.counts.exposed)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test('of nobody is given again too, but not for long; and the next page apart from the first', () => {
    const scene = new Scene();
    for (let i = 40; i < 60; i += 1) scene.slots.publish(i % COUNT, `bob-${i}`, i, { displayName: 'Bob' });
    scene.slots.advance(1_000);
    scene.search(1, 'nobody-7');
    expect(scene.search(1, 'nobody-7').page.hits).toEqual([]);
    expect(scene.counts(1).given).toBe(1);
    scene.slots.advance(PAGE_EMPTY_KEPT_MS);
    scene.search(1, 'nobody-7');
    expect(scene.counts(1).given).toBe(1);
    const first = scene.search(1, 'bob');
    const second = scene.search(1, 'bob', first.page.next);
    expect(scene.search(1, 'bob', first.page.next).page).toEqual(second.page);
    expect(scene.search(1, 'bob').page).toEqual(first.page);
    expect(scene.counts(1).given).toBe(3);
  });

  test('ends with the first of its records, 72 hours after the sign-in', () => {
    const scene = new Scene();
    scene.slots.wallAheadMs = 72 * HOUR_MS - 20_000 - scene.slots.now;
    expect(scene.search(0, 'bob').page.hits.length).toBe(40);
    scene.slots.wallAheadMs += 120_000;
    expect(scene.search(0, 'bob')).toMatchObject({ page: { hits: [] }, complete: true });
    expect(scene.counts(0).given).toBe(0);
  });

  test('is none where the answer was not complete', () => {
    const scene = new Scene();
    const { slots } = scene;
    const asker = slots.of(0);
    const replicas = new Set(['u:', 'w:'].flatMap((leaf) => asker.placement.replicas(asker.shelf.slotOfLeaf(leaf))));
    const dead = [...replicas].filter((id) => id !== slots.ids[0]).slice(0, replicas.size - 3);
    for (const id of dead) slots.kill(id);
    expect(scene.search(0, 'bob').complete).toBe(false);
    expect(asker.pages.cache.size).toBe(0);
  });
});

describe('a lie about what is kept', () => {
  test('by some of those who are asked is outvoted by one', () => {
    const scene = new Scene();
    const { slots } = scene;
    const asker = slots.of(0);
    scene.search(0, 'bob');
    const liars = new Set(asker.placement.replicas(asker.shelf.slotOfLeaf('u:')).slice(0, 3));
    freeze(slots, liars);
    scene.search(0, 'bob');
    slots.publish(3, 'bob-late', 99, { displayName: 'Bob Late' });
    slots.advance(1_000);
    for (let i = 0; i < 10; i += 1) expect(scene.search(0, 'bob').page).toEqual(slots.expected({ pattern: 'bob' }));
  });

  test('by all of them hides who is new and changes nobody, until a page that is read all the same exposes it', () => {
    const scene = new Scene();
    const { slots } = scene;
    // One that is no replica itself, and must believe others.
    const { placement, shelf } = slots.of(0);
    const holders = new Set(['u:', 'w:'].flatMap((leaf) => placement.replicas(shelf.slotOfLeaf(leaf))));
    const place = slots.ids.findIndex((id) => !holders.has(id));
    const before = scene.search(place, 'bob').page;
    freeze(slots, new Set(slots.ids));
    scene.search(place, 'bob');
    slots.publish(3, 'bob-late', 99, { displayName: 'Bob Late' });
    slots.advance(1_000);
    let searches = 0;
    for (; scene.counts(place).exposed === 0 && searches < 300; searches += 1) {
      const { page } = scene.search(place, 'bob');
      if (scene.counts(place).exposed === 0) expect(page).toEqual(before);
      else expect(page).toEqual(slots.expected({ pattern: 'bob' }));
    }
    expect(scene.counts(place)).toMatchObject({ exposed: 1 });
    expect(slots.of(place).pages.cache.bytes).toBeLessThan(100_000);
  });
});

/** They say for ever what they said first of the versions of leaves. */
function freeze(slots: Slots, liars: ReadonlySet<string>): void {
  const asked = new Map<string, string>();
  const said = new Map<string, Buffer>();
  const before = slots.onTheWay;
  slots.onTheWay = (from, to, value) => {
    if (value.kind === 'slotAsk' && value.body.check) {
      asked.set(`${to} ${from} ${value.body.requestId}`, (value.body.leaves ?? []).join(' '));
    }
    if (value.kind !== 'slotAnswer' || !liars.has(from)) return before(from, to, value);
    const leaves = asked.get(`${from} ${to} ${value.body.requestId}`);
    if (leaves === undefined) return before(from, to, value);
    const first = said.get(leaves) ?? Buffer.from(value.body.leafVersions ?? []);
    said.set(leaves, first);
    return before(from, to, { kind: value.kind, body: { ...value.body, leafVersions: first } } as typeof value);
  };
}

describe('the store of pages', () => {
  const query = (pattern: string) => ({ pattern, limit: 50, after: '', asOfMs: WALL_MS });
  const record = recordOf('bobby1', 1);
  const page = { hits: [{ name: 'bobby1', displayName: '' }], next: '', whole: true };
  const leaves = new Map([['u:', '00']]);

  test('has so many bytes, and forgets what was read longest ago', () => {
    const cache = new PageCache();
    for (let i = 0; i < 300; i += 1) {
      cache.put(i, query(`bob${i}`), { page, records: Array.from({ length: 51 }, () => record), leaves });
      expect(cache.bytes).toBeLessThanOrEqual(PAGES_KEPT_BYTES_MAX);
    }
    expect(cache.size).toBeLessThan(300);
    expect(cache.get(300, query('bob299'))?.page).toBe(page);
    expect(cache.get(300, query('bob0'))).toBeUndefined();
    cache.clear();
    expect(cache.bytes).toBe(0);
  });

  test('keeps signatures, each page a minute, and none for questions about an earlier time', () => {
    const cache = new PageCache();
    cache.put(0, query('bob'), { page, records: [record], leaves });
    expect(cache.get(PAGE_KEPT_MS - 1, query('bob'))?.records[0]?.sealed).toBe(record.sealed);
    expect(cache.get(PAGE_KEPT_MS, query('bob'))).toBeUndefined();
    expect(cache.get(1, { ...query('bob'), asOfMs: WALL_MS - 60_000 })).toBeUndefined();
    expect(cache.get(1, { ...query('bob'), asOfMs: WALL_MS + 72 * HOUR_MS })).toBeUndefined();
    expect(cache.get(1, { ...query('bob'), limit: 49 })).toBeUndefined();
  });
});
