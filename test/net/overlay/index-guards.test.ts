/**
 * What nobody can do to the index, in both its forms, full copies and slots: bring in what is forged, old, oversized or
 * not theirs (figure N12), be found who does not want to be, or, as a few of the replicas, change what is found.
 */
import { describe, expect, test } from 'vitest';
import { FullIndex } from '../../../src/net/overlay/full-index.ts';
import { hiddenTags, type OwnRecord, RecordReader, type SealedRecord } from '../../../src/net/overlay/index-record.ts';
import { IndexStore } from '../../../src/net/overlay/index-store.ts';
import { SlotIndex } from '../../../src/net/overlay/slot-index.ts';
import { decodeMessage, encodeMessage, type Message, message } from '../../../src/net/wire/messages.ts';
import { Chance } from '../../sim/chance.ts';
import { HOUR_MS, judge, nodeIdFor, recordOf, sealed, WALL_MS } from './index-scenes.ts';
import { Slots } from './slot-scenes.ts';

/** Figure N12 has 100,000; half of them for each form. */
const BAD_RECORDS = 50_000;
const PEOPLE = 40;
const NEXT = nodeIdFor(1_002);
type Why = keyof RecordReader['refused'];

const MINE: Partial<OwnRecord> = { displayName: 'Bobby Tables', homes: [nodeIdFor(900)], sequence: 5 };
const good = Array.from({ length: PEOPLE }, (_, i) => sealed(`person-${i}`, i, MINE));
/** Signed by their owners, and of no use: older than what is known, of other times, of others. */
const signed: Readonly<Partial<Record<Why, readonly SealedRecord[]>>> = {
  known: good.flatMap((_, i) => [0, 4, 5].map((sequence) => sealed(`person-${i}`, i, { ...MINE, sequence }))),
  expired: good.map((_, i) => sealed(`person-${i}`, i, { ...MINE, signedInAtMs: WALL_MS - 73 * HOUR_MS })),
  early: good.map((_, i) => sealed(`person-${i}`, i, { ...MINE, signedInAtMs: WALL_MS + 2 * HOUR_MS })),
  misplaced: good.map((_, i) => sealed(`person-${i}`, i, { ...MINE, nodeId: nodeIdFor(i + 500), sequence: 9 })),
};
const newer = good.map((_, i) => sealed(`person-${i}`, i, { ...MINE, sequence: 9 }));

/** A bad record, and why it is one. */
function bad(chance: Chance): { readonly why: Why; readonly wire: Partial<SealedRecord> } {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(chance.fraction() * from.length)] as T;
  const kind = Math.floor(chance.fraction() * 8);
  const base = pick(newer);
  const flipped = (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes);
    const at = Math.floor(chance.fraction() * copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 + Math.floor(chance.fraction() * 255));
    return copy;
  };
  if (kind === 0) return { why: 'forged', wire: { ...base, signature: flipped(base.signature) } };
  if (kind === 1)
    return { why: 'forged', wire: { ...base, signature: pick(newer.filter((one) => one !== base)).signature } };
  if (kind === 2) return { why: 'forged', wire: { ...base, certificate: chance.bytes(40).fill(0x78, 0, 39) } };
  if (kind === 3) {
    const field = pick(['certificate', 'record', 'signature'] as const);
    return { why: 'oversized', wire: { ...base, [field]: Buffer.concat([base[field], chance.bytes(2_100)]) } };
  }
  if (kind === 4) {
    const field = pick(['certificate', 'record', 'signature'] as const);
    return {
      why: 'malformed',
      wire: { ...base, [field]: field === 'record' ? chance.bytes(20).fill(0xff) : undefined } as never,
    };
  }
  const why = pick(['known', 'expired', 'early', 'misplaced'] as const);
  return { why, wire: pick(signed[why] as readonly SealedRecord[]) };
}

function travelled(value: Message): Message {
  const read = decodeMessage(encodeMessage(value));
  if (!read) throw new Error('not a message');
  return read;
}

/** Plays bad records in groups, and says what was expected to be counted for them. */
function flood(receive: (wires: readonly Partial<SealedRecord>[]) => void): Record<string, number> {
  const chance = new Chance(12, 'bad records');
  const expected: Record<string, number> = {};
  for (let left = BAD_RECORDS; left > 0; left -= 50) {
    const group = Array.from({ length: 50 }, () => bad(chance));
    for (const { why } of group) expected[why] = (expected[why] ?? 0) + 1;
    receive(group.map(({ wire }) => wire));
  }
  return expected;
}

describe(`of ${BAD_RECORDS} forged, replayed, stale, misplaced and oversized records none is taken, each is counted (N12)`, () => {
  const sequences = (store: IndexStore) => good.map((_, i) => store.get(nodeIdFor(i))?.sequence);
  const before = good.map(() => 5);

  test('by a full copy', () => {
    const index = new FullIndex({ random: new Chance(1, 'copy'), wallClock: () => WALL_MS, judge });
    index.receive(0, NEXT, travelled(message('indexPut', { entries: good } as never)));
    const clean = { ...index.reader.refused };
    const expected = flood((entries) => {
      index.receive(0, NEXT, travelled(message('indexPut', { entries } as never)));
      index.drain();
    });
    expect([index.store.size, sequences(index.store)]).toEqual([PEOPLE, before]);
    for (const [why, count] of Object.entries(expected))
      expect([why, index.reader.refused[why as Why] - clean[why as Why]]).toEqual([why, count]);
  });

  test('by a replica of slots', () => {
    const reader = new RecordReader(judge);
    const index = new SlotIndex({
      self: nodeIdFor(1_001),
      random: new Chance(1, 'slot'),
      wallClock: () => WALL_MS,
      reader,
    });
    const put = (entries: readonly Partial<SealedRecord>[]) =>
      message('slotPut', { requestId: 0, entries: entries.map((entry) => ({ entry })) } as never);
    index.receive(0, NEXT, travelled(put(good)));
    const clean = { ...reader.refused };
    const expected = flood((entries) => {
      index.receive(0, NEXT, travelled(put(entries)));
      index.drain();
    });
    expect([index.shelf.store.size, sequences(index.shelf.store)]).toEqual([PEOPLE, before]);
    for (const [why, count] of Object.entries(expected))
      expect([why, reader.refused[why as Why] - clean[why as Why]]).toEqual([why, count]);
  });

  test('and what a client says of another node is misplaced, in either', () => {
    const full = new FullIndex({ random: new Chance(1, 'copy'), wallClock: () => WALL_MS, judge });
    const reader = new RecordReader(judge);
    const slots = new SlotIndex({
      self: nodeIdFor(1_001),
      random: new Chance(1, 'slot'),
      wallClock: () => WALL_MS,
      reader,
    });
    for (const index of [full, slots])
      expect(index.publish(0, nodeIdFor(1), good[2] as SealedRecord)).toBe('record-refused');
    expect([full.reader.refused.misplaced, reader.refused.misplaced]).toEqual([1, 1]);
  });
});

describe('in slots as in full copies', () => {
  const patterns = [
    'p',
    'person',
    'person-1',
    'person-1*',
    '*1',
    'pers*2',
    'tables',
    'bob tab',
    'person-7',
    'PERSON-12',
  ];

  test('whoever is not listed is found by the exact name only', () => {
    const slots = new Slots(20);
    for (let i = 0; i < 60; i += 1)
      slots.publish(i % 20, `person-${i}`, i, { displayName: `Bob ${i} Tables`, listed: i % 3 > 0 });
    slots.advance(2_000);
    for (const [at, pattern] of patterns.entries()) {
      const { page } = slots.search(at, { pattern });
      expect(page).toEqual(slots.expected({ pattern }));
      const unlisted = page.hits.filter(({ name }) => Number(name.slice(7)) % 3 === 0);
      expect([pattern, unlisted.map(({ name }) => name)]).toEqual([
        pattern,
        pattern === 'PERSON-12' ? ['person-12'] : [],
      ]);
    }
  });

  test('whoever hides is not found by those they hide from, also when a page was kept that shows them', () => {
    const slots = new Slots(20);
    const hides = (i: number) => i % 10 === 1;
    for (let i = 0; i < 60; i += 1) {
      const hidden = hides(i) ? hiddenTags(nodeIdFor(i), ['mallory', 'trudy.1']) : undefined;
      slots.publish(i % 20, `person-${i}`, i, { displayName: `Bob ${i} Tables`, hidden });
    }
    slots.advance(2_000);
    for (const viewer of ['carol-1', 'mallory', 'carol-1', 'trudy.1', 'mallory']) {
      for (const pattern of ['person', 'person-1', '*1', 'tables', 'person-11']) {
        for (let after = '', pages = 0; pages < 8; pages += 1) {
          const query = { pattern, after, viewer, limit: 20 };
          const { page } = slots.search(3, query);
          expect(page).toEqual(slots.expected(query));
          const seen = page.hits.filter(({ name }) => hides(Number(name.slice(7)))).length;
          if (viewer !== 'carol-1') expect([viewer, pattern, seen]).toEqual([viewer, pattern, 0]);
          after = page.next;
          if (after === '') break;
          if (viewer !== 'carol-1') expect(hides(Number(after.split('-')[1]))).toBe(false);
        }
      }
    }
  });

  test('whoever does not appear, by their tag, is hidden from one other in 65,536', () => {
    const record = recordOf('bobby1', 1, { hidden: hiddenTags(nodeIdFor(1), ['mallory']) });
    const store = new IndexStore();
    store.put(record);
    const sees = (viewer: string) =>
      store.search({ pattern: 'bob', limit: 1, after: '', asOfMs: WALL_MS, viewer }).hits.length;
    expect([sees('mallory'), sees('carol-1')]).toEqual([0, 1]);
    let missed = 0;
    for (let i = 0; i < 20_000; i += 1) if (sees(`person-${i}`) === 0) missed += 1;
    expect(missed).toBeLessThan(6);
  });
});

describe('three lying replicas of eight', () => {
  /** What they do to an answer about leaves or names. */
  const lies = {
    'leave somebody out': () => [],
    'show an old record of somebody who is not listed any more': (old: SealedRecord) => [old],
    'change a record': (old: SealedRecord) => [{ ...old, signature: Buffer.alloc(256, 7) }],
  } as const;

  test.each(Object.entries(lies))('that %s are outvoted, by name and by pattern', (what, lie) => {
    const slots = new Slots(40);
    for (let i = 0; i < 30; i += 1) slots.publish(i % 40, `person-${i}`, i, { displayName: `Bob Number${i}` });
    slots.advance(2_000);
    const stays = 'person-7';
    const old = sealed('person-8', 8, { displayName: 'Bob Number8', signedInAtMs: slots.wallMs - 10_000 });
    // What the liars have kept; since then its owner wants to be neither listed nor called so.
    slots.publish(8, 'person-8', 8, { displayName: 'Somebody', listed: false, sequence: 2 });
    slots.advance(3_000);
    const { placement, shelf } = slots.of(0);
    /** The first three replicas of the slot that the question is about. */
    const liarsOf = (slot: number) => placement.replicas(slot).slice(0, 3);
    const slotOf = ({ name, leaves = [] }: { name?: string; leaves?: readonly string[] }): number =>
      name ? shelf.slotOfName(name) : shelf.slotOfLeaf(leaves[0] ?? 'u:');
    const asked = new Map<string, number>();
    let lied = 0;
    slots.onTheWay = (from, to, value) => {
      if (value.kind === 'slotAsk') asked.set(`${from} ${to} ${value.body.requestId}`, slotOf(value.body));
      if (value.kind !== 'slotAnswer') return value;
      const slot = asked.get(`${to} ${from} ${value.body.requestId}`);
      if (slot === undefined || !liarsOf(slot).includes(from)) return value;
      lied += 1;
      return { kind: value.kind, body: { ...value.body, versions: [], entries: lie(old) } } as typeof value;
    };
    const askers = Array.from({ length: 12 }, (_, i) => 3 * i);
    for (const at of askers) {
      expect(slots.find(at, stays).records.map(({ displayName }) => displayName)).toEqual(['Bob Number7']);
      for (const pattern of ['person', 'number8', 'bob number7', 'person-8*']) {
        const { page, complete } = slots.search(at, { pattern });
        const names = page.hits.map(({ name }) => name);
        expect([what, pattern, names.includes('person-8')]).toEqual([what, pattern, false]);
        if (complete) expect([pattern, page.hits]).toEqual([pattern, slots.expected({ pattern }).hits]);
      }
    }
    expect(lied).toBeGreaterThan(20);
  });
});
