/** The index by slots against one full copy: same pages from everywhere, through deaths, liars and splits (N9 to N12). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FULL_INDEX_MEMBERS_MAX, LEAF_MAX } from '../../../src/net/protocol/overlay-params.ts';
import { encodeMessage, message } from '../../../src/net/wire/messages.ts';
import { HOUR_MS, nodeIdFor, sealed, WALL_MS } from './index-scenes.ts';
import { Slots } from './slot-scenes.ts';

const NAMES = ['anna', 'annabel', 'bob', 'bobby', 'carol', 'dave'];
const SHOWN = ['Anna Smith', 'Bob Smith', 'bobby tables', 'Carol ann Jones', 'smith', ''];

function crowd(slots: Slots, count: number): void {
  for (let i = 0; i < count; i += 1) {
    const [name, displayName] = [NAMES[i % NAMES.length], SHOWN[(i * 7) % SHOWN.length] as string];
    slots.publish(i % slots.ids.length, `${name}-${i}`, i, { displayName, listed: i % 9 !== 4 });
  }
  slots.advance(3_000);
}

describe('forty supernodes', () => {
  test('give every page that one full copy gives, whoever is asked', () => {
    const slots = new Slots(40);
    crowd(slots, 150);
    const pattern = fc.oneof(
      fc.constantFrom(...NAMES, ...SHOWN, 'anna-0', 'bob-4*', '*-1*', 'a*4', 'smi', 'b', 'ann smi', 'zoe'),
      fc.stringMatching(/^[a-d*][a-z0-9*-]{0,4}$/),
    );
    fc.assert(
      fc.property(pattern, fc.integer({ min: 0, max: 39 }), fc.integer({ min: 1, max: 30 }), (text, place, limit) => {
        for (let after = '', page = 0; page < 3; page += 1) {
          const query = { pattern: text, limit, after };
          const expected = slots.expected(query);
          const answer = slots.search(place, query);
          expect(answer.page).toEqual(expected);
          expect(answer.complete).toBe(true);
          if (expected.next === '') break;
          after = expected.next;
        }
      }),
      { numRuns: 60, seed: 4 },
    );
  });

  test('find exact names, also of those who are not listed, and know who is unknown', () => {
    const slots = new Slots(40);
    crowd(slots, 30);
    for (let i = 0; i < 30; i += 1) {
      const { records, complete } = slots.find(39 - i, `${NAMES[i % NAMES.length]}-${i}`.toUpperCase());
      expect(records.map(({ nodeId }) => nodeId)).toEqual([nodeIdFor(i)]);
      expect(complete).toBe(true);
    }
    expect(slots.find(3, 'nobody-7')).toMatchObject({ records: [], complete: true });
  });

  test('show the newest of what somebody said of himself, under none of the words before', () => {
    const slots = new Slots(40);
    slots.publish(0, 'bobby1', 1, { displayName: 'Robert Oldname', sequence: 1 });
    slots.advance(1_000);
    slots.publish(5, 'bobby1', 1, { displayName: 'Robert Newname', sequence: 2 });
    slots.advance(1_000);
    for (const pattern of ['oldname', 'newname', 'robert', 'bobby1']) {
      expect(slots.search(7, { pattern }).page).toEqual(slots.expected({ pattern }));
    }
    expect(slots.search(7, { pattern: 'oldname' }).page.hits).toEqual([]);
    slots.advance(60_000);
    expect(slots.search(7, { pattern: 'oldname' }).page.hits).toEqual([]);
  });

  test('know of two devices of one person, the newer of which is shown', () => {
    const slots = new Slots(40);
    const second = sealed('bobby1', 2, { displayName: 'Laptop', signedInAtMs: slots.wallMs + 5, sequence: 1 });
    slots.publish(0, 'bobby1', 1, { displayName: 'Telephone' });
    slots.advance(1_000);
    slots.of(3).publish(slots.now, nodeIdFor(2), second);
    slots.advance(2_000);
    expect(slots.find(9, 'bobby1').records.map(({ nodeId }) => nodeId)).toEqual([nodeIdFor(2), nodeIdFor(1)]);
    expect(slots.search(9, { pattern: 'laptop' }).page.hits).toEqual([{ name: 'bobby1', displayName: 'Laptop' }]);
    expect(slots.search(9, { pattern: 'telephone' }).page.hits).toEqual([]);
  });

  test('forget a person 72 hours after the last sign-in', () => {
    const slots = new Slots(40);
    slots.publish(0, 'bobby1', 1);
    slots.advance(1_000);
    slots.wallAheadMs = 71.9 * HOUR_MS;
    slots.advance(30_000);
    expect(slots.find(4, 'bobby1').records).toHaveLength(1);
    slots.wallAheadMs = 72.2 * HOUR_MS;
    expect(slots.find(4, 'bobby1').records).toEqual([]);
    slots.advance(30_000);
    for (const { shelf } of slots.indexes.values()) expect(shelf.store.size).toBe(0);
  });

  test('answer when a third of them dies, and all is repaired in a minute (N11)', () => {
    const slots = new Slots(40);
    crowd(slots, 60);
    for (const id of slots.ids.slice(20, 32)) slots.kill(id);
    const wholes = Array.from({ length: 60 }, (_, i) => slots.find(i % 20, `${NAMES[i % NAMES.length]}-${i}`));
    expect(wholes.filter(({ records }) => records.length === 1)).toHaveLength(60);
    slots.tellMembers();
    slots.advance(60_000);
    for (const pattern of ['bob', 'smith', 'anna-1*']) {
      const answer = slots.search(2, { pattern });
      expect(answer.page).toEqual(slots.expected({ pattern }));
      expect(answer.complete).toBe(true);
    }
    const copies = [...slots.indexes.values()].filter(({ shelf }) => shelf.store.get(nodeIdFor(1)));
    expect(copies.length).toBeGreaterThanOrEqual(8);
  });

  test('say that they are not sure when fewer than four replicas answer', () => {
    const slots = new Slots(40);
    crowd(slots, 10);
    const asker = slots.of(0);
    const replicas = asker.placement.replicas(asker.shelf.slotOfName('bob-2'));
    for (const id of replicas.filter((one) => one !== slots.ids[0]).slice(0, 6)) slots.kill(id);
    const answer = slots.find(0, 'bob-2');
    expect(answer.records).toHaveLength(1);
    expect(answer.complete).toBe(false);
  });
});

test('replicas that agree are quiet: ten bytes a second for each slot', () => {
  const slots = new Slots(24);
  crowd(slots, 40);
  slots.advance(20_000);
  let bytes = 0;
  slots.onTheWay = (_from, _to, value) => {
    bytes += encodeMessage(value).length;
    return value;
  };
  slots.advance(60_000);
  const held = [...slots.indexes.values()].reduce((sum, { shelf }) => sum + shelf.slots.length, 0);
  // One number and the digest of the map, each answered; all digests of a slot would be 128 bytes more each time.
  expect(bytes / 60 / held).toBeLessThanOrEqual(10);
});

describe('a lie', () => {
  test('of three replicas of eight who leave a person out is outvoted', () => {
    const slots = new Slots(40);
    crowd(slots, 20);
    const liars = new Set(slots.of(0).placement.replicas(slots.of(0).shelf.slotOfName('bob-2')).slice(0, 3));
    slots.onTheWay = (from, _to, value) => {
      if (value.kind !== 'slotAnswer' || !liars.has(from)) return value;
      return { kind: value.kind, body: { ...value.body, entries: [], versions: [] } };
    };
    for (let i = 0; i < 40; i += 1) expect(slots.find(i, 'bob-2').records).toHaveLength(1);
  });

  test.each(['shows nothing', 'says nothing more'])(
    'of a newer record, by one replica that then %s, neither hides nor delays the one that there is',
    (then) => {
      const slots = new Slots(40);
      crowd(slots, 20);
      const [liar] = slots.of(0).placement.replicas(slots.of(0).shelf.slotOfName('bob-2'));
      const [bob] = slots.find(0, 'bob-2').records;
      const { nodeId, signedInAtMs, sequence } = bob as NonNullable<typeof bob>;
      const version = { nodeId: Buffer.from(nodeId, 'hex'), signedInAtMs, sequence: sequence + 1 };
      const asked = new Map<string, number>();
      slots.onTheWay = (from, to, value) => {
        const key = `${from} ${to}`;
        if (value.kind === 'slotAsk' && to === liar && value.body.nodeIds?.length) asked.set(key, value.body.requestId);
        if (value.kind !== 'slotAnswer' || from !== liar) return value;
        const isFetched = asked.get(`${to} ${from}`) === value.body.requestId;
        if (isFetched && then === 'says nothing more') return undefined;
        return {
          kind: value.kind,
          body: { ...value.body, entries: [], versions: isFetched ? [] : [version] },
        } as never;
      };
      for (let i = 0; i < 40; i += 1) {
        const since = slots.now;
        const { records, complete } = slots.find(i, 'bob-2');
        expect([i, records.length, complete]).toEqual([i, 1, true]);
        // Two questions one after the other, and a patience; READ_LIMIT_MS is a second.
        expect(slots.now - since).toBeLessThan(700);
      }
      expect(asked.size).toBeGreaterThan(5);
    },
  );

  test('that changes a record is not believed, and the record is got from others (N12)', () => {
    const slots = new Slots(40);
    crowd(slots, 20);
    const liars = new Set(slots.of(0).placement.replicas(slots.of(0).shelf.slotOfName('bob-2')).slice(0, 3));
    slots.onTheWay = (from, _to, value) => {
      if (value.kind !== 'slotAnswer' || !liars.has(from)) return value;
      const entries = (value.body.entries ?? []).map((one) => ({ ...one, signature: Buffer.alloc(256, 7) }));
      return { kind: value.kind, body: { ...value.body, entries } } as typeof value;
    };
    for (let i = 0; i < 40; i += 1) {
      expect(slots.find(i, 'bob-2').records.map(({ displayName }) => displayName)).toEqual(['bobby tables']);
    }
  });

  test('that is put, and garbage, changes nothing', () => {
    const slots = new Slots(12);
    crowd(slots, 6);
    const [index] = [slots.of(0)];
    const size = index.shelf.store.size;
    const forged = { ...sealed('carol-9', 9), signature: Buffer.alloc(256, 7) };
    const early = sealed('carol-9', 9, { signedInAtMs: WALL_MS + 5 * HOUR_MS });
    const entries = [{ entry: forged }, { entry: early }, { entry: {} }, {}];
    const from = slots.ids[1] as string;
    index.receive(slots.now, from, message('slotPut', { requestId: 0, entries, leaves: ['x', ''] } as never));
    for (const step of [0, 1, 2, 3, 4, 5, 77]) {
      const body = { step, slot: 4_000_000, learning: false, digests: Buffer.alloc(3), buckets: Buffer.alloc(0) };
      const lists = {
        versions: [{ nodeId: Buffer.alloc(2) }],
        wanted: [Buffer.alloc(1)],
        leaves: [],
        leafDigest: Buffer.alloc(0),
      };
      index.receive(slots.now, from, message('slotCompare', { ...body, ...lists, leavesWanted: false } as never));
    }
    expect(index.shelf.store.size).toBe(size);
    expect(index.publish(slots.now, nodeIdFor(8), sealed('carol-9', 9))).toBe('record-refused');
    expect(index.receive(slots.now, from, message('keepAlive', { id: 1 }))).toBe(false);
  });
});

test('a node that was revoked is forgotten on the shelf, and the digests with it', () => {
  const slots = new Slots(FULL_INDEX_MEMBERS_MAX);
  slots.publish(0, 'alice1', 1, { displayName: '' });
  slots.advance(2_000);
  const held = [...slots.indexes.values()].filter(({ shelf }) => shelf.store.get(nodeIdFor(1)));
  expect(held.length).toBeGreaterThan(4);
  for (const { shelf } of held) {
    shelf.revoked('somebody-else', nodeIdFor(1));
    expect(shelf.store.get(nodeIdFor(1))).toBeDefined();
    shelf.revoked('alice1', nodeIdFor(1));
    expect(shelf.store.get(nodeIdFor(1))).toBeUndefined();
  }
  slots.advance(30_000);
  expect([...slots.indexes.values()].some(({ shelf }) => shelf.store.get(nodeIdFor(1)))).toBe(false);
});

describe('leaves', () => {
  test('are split when they grow, and nothing is missing from any page meanwhile', () => {
    const slots = new Slots(FULL_INDEX_MEMBERS_MAX);
    const count = 2 * LEAF_MAX + 100;
    for (let i = 0; i < count; i += 1) {
      slots.publish(i % 64, `person.${i}`, i, { displayName: '' });
      if (i % 10 === 9) slots.advance(20);
      if (i % 250 !== 249) continue;
      slots.advance(500);
      const query = { pattern: `person.${String(i).slice(0, 2)}` };
      expect(slots.search(i % 64, query).page).toEqual(slots.expected(query));
    }
    slots.advance(30_000);
    const sizes = [...slots.indexes.values()].map(({ leaves }) => leaves.size);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(4);
    expect(new Set(sizes).size).toBe(1);
    for (let after = '', page = 0; page < 25; page += 1) {
      const query = { pattern: 'person', after };
      const answer = slots.search(page, query);
      expect(answer.page).toEqual(slots.expected(query));
      after = answer.page.next;
    }
  });
});
