/** Full copies of the index at a few supernodes: same answers everywhere, whatever was lost on the way (N9, N12). */
import { describe, expect, test } from 'vitest';
import type { FullIndex } from '../../../src/net/overlay/full-index.ts';
import type { NodeId } from '../../../src/net/protocol/ids.ts';
import { message } from '../../../src/net/wire/messages.ts';
import { Copies, HOUR_MS, nodeIdFor, sealed, WALL_MS } from './index-scenes.ts';

const SUPERNODES = [1_001, 1_002, 1_003, 1_004, 1_005, 1_006].map(nodeIdFor);

function six(): Copies {
  const copies = new Copies();
  for (const id of SUPERNODES) copies.add(id);
  copies.advance(1_000);
  return copies;
}

function publish(copies: Copies, at: NodeId, name: string, number: number, own: Parameters<typeof sealed>[2] = {}) {
  const signedInAtMs = Math.floor(copies.wallMs);
  const wire = sealed(name, number, { displayName: `Person ${number}`, signedInAtMs, ...own });
  return copies.copies.get(at)?.publish(copies.now, nodeIdFor(number), wire);
}

function answers(copies: Copies, pattern: string): string[] {
  const asOfMs = Math.floor(copies.wallMs / 60_000) * 60_000;
  return [...copies.copies.values()].map(({ store }) =>
    JSON.stringify(store.search({ pattern, limit: 50, after: '', asOfMs })),
  );
}

describe('six copies', () => {
  test('give one answer, wherever people signed in', () => {
    const copies = six();
    for (let i = 0; i < 60; i += 1) publish(copies, SUPERNODES[i % 6] as NodeId, `person-${i}`, i);
    copies.advance(300);
    for (const pattern of ['person-7', 'person', 'p*1', 'pers 12']) {
      const [first, ...others] = answers(copies, pattern);
      expect(JSON.parse(first ?? '').hits.length).toBeGreaterThan(0);
      expect(new Set(others)).toEqual(new Set([first]));
    }
  });

  test('find what was lost by comparing, both ways', () => {
    const copies = six();
    const [apart] = SUPERNODES as [NodeId];
    copies.cut.add(apart);
    for (let i = 0; i < 40; i += 1) publish(copies, SUPERNODES[i % 6] as NodeId, `person-${i}`, i);
    copies.advance(1_000);
    expect(new Set(answers(copies, 'person')).size).toBe(2);
    copies.cut.clear();
    copies.advance(30_000);
    expect(new Set(answers(copies, 'person')).size).toBe(1);
    for (const copy of copies.copies.values()) expect(copy.store.size).toBe(40);
  });

  test('forget a node that was revoked, and are not told of it again by those who have not heard', () => {
    const copies = six();
    const [first, ...others] = SUPERNODES as [NodeId, ...NodeId[]];
    publish(copies, first, 'alice1', 1);
    publish(copies, first, 'alice1', 2);
    copies.advance(300);
    for (const id of [first, ...others]) {
      copies.revoked.add(`${id} alice1 ${nodeIdFor(1)}`);
      copies.copies.get(id)?.revoked('alice1', nodeIdFor(1));
      copies.advance(5_000);
      expect(copies.copies.get(first)?.store.get(nodeIdFor(1))).toBeUndefined();
    }
    copies.advance(20_000);
    for (const { store } of copies.copies.values()) expect(store.size).toBe(1);
    expect(publish(copies, first, 'alice1', 1, { sequence: 9 })).toBe('record-refused');
    expect(new Set(answers(copies, 'alice1')).size).toBe(1);
  });

  test('fill a seventh that comes, which says so long that it does not know all', () => {
    const copies = six();
    for (let i = 0; i < 200; i += 1) publish(copies, SUPERNODES[i % 6] as NodeId, `person-${i}`, i);
    copies.advance(500);
    const late = copies.add(nodeIdFor(1_007));
    expect(late.complete).toBe(false);
    copies.advance(5_000);
    expect(late.store.size).toBe(200);
    expect(late.complete).toBe(true);
  });

  test('are quiet when they agree', () => {
    const copies = six();
    for (let i = 0; i < 60; i += 1) publish(copies, SUPERNODES[i % 6] as NodeId, `person-${i}`, i);
    copies.advance(10_000);
    copies.messages = copies.bytes = 0;
    copies.advance(60_000);
    // One number and its empty answer, each supernode every five seconds: with all digests it was 410 bytes a second.
    expect(copies.messages).toBeLessThanOrEqual(6 * 2 * 16);
    expect(copies.bytes / 6 / 60).toBeLessThanOrEqual(5);
  });

  test('forget a person 72 hours after the last sign-in, all of them', () => {
    const copies = six();
    publish(copies, SUPERNODES[0] as NodeId, 'bobby1', 1);
    copies.advance(500);
    copies.wallMs = WALL_MS + 73 * HOUR_MS;
    copies.advance(30_000);
    for (const copy of copies.copies.values()) expect(copy.store.size).toBe(0);
    expect(new Set(answers(copies, 'bobby1'))).toEqual(new Set([JSON.stringify({ hits: [], next: '', whole: true })]));
  });
});

describe('one copy', () => {
  const alone = (): FullIndex => new Copies().add(nodeIdFor(1_001));

  test('takes from a client what it says of itself, and nothing of others', () => {
    const index = alone();
    expect(index.publish(0, nodeIdFor(2), sealed('bobby1', 1))).toBe('record-refused');
    expect(index.publish(0, nodeIdFor(1), sealed('bobby1', 1))).toBeUndefined();
    expect(index.publish(0, nodeIdFor(1), sealed('bobby1', 1))).toBeUndefined();
    expect(index.store.size).toBe(1);
  });

  test('takes no forged, replayed, expired or misplaced record from another supernode (N12)', () => {
    const index = alone();
    index.publish(0, nodeIdFor(1), sealed('bobby1', 1, { sequence: 9 }));
    const entries = [
      { ...sealed('carol-1', 2), signature: Buffer.alloc(256, 7) },
      sealed('bobby1', 1, { sequence: 3 }),
      sealed('carol-1', 2, { signedInAtMs: WALL_MS - 72 * HOUR_MS }),
      sealed('carol-1', 2, { nodeId: nodeIdFor(3) }),
      {},
    ];
    index.receive(0, nodeIdFor(1_002), message('indexPut', { entries } as never));
    expect(index.store.size).toBe(1);
    expect(index.reader.refused).toMatchObject({
      malformed: 1,
      expired: 1,
      early: 0,
      known: 1,
      misplaced: 1,
      forged: 1,
    });
  });

  test('answers digests and ids of garbage with nothing that costs', () => {
    const index = alone();
    index.receive(0, nodeIdFor(1_002), message('indexDigest', { digests: Buffer.alloc(3) }));
    index.receive(0, nodeIdFor(1_002), message('indexGet', { nodeIds: [Buffer.alloc(3)] }));
    const versions = [{ nodeId: Buffer.alloc(2) }];
    index.receive(0, nodeIdFor(1_002), message('indexBuckets', { buckets: Buffer.of(1), versions } as never));
    expect(index.drain()).toEqual([]);
    expect(index.receive(0, nodeIdFor(1_002), message('keepAlive', { id: 1 }))).toBe(false);
  });
});
