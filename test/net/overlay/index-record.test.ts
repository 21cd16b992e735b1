/** Who may say what in the index: forged, replayed, expired and misplaced records (figures N10, N12). */
import { describe, expect, test } from 'vitest';
import { compareVersions, type IndexRecord, isCurrent, RecordReader } from '../../../src/net/overlay/index-record.ts';
import { HOUR_MS, judge, nodeIdFor, recordOf, sealed, WALL_MS } from './index-scenes.ts';

const nobody = () => undefined;

function read(wire: Parameters<RecordReader['read']>[1], wallMs = WALL_MS, known?: IndexRecord) {
  const reader = new RecordReader(judge);
  const record = reader.read(wallMs, wire, () => known);
  const [why] = Object.entries(reader.refused).find(([, count]) => count > 0) ?? [];
  return record ? 'taken' : why;
}

describe('a record of the index', () => {
  test('says name, display name and homes, as its node signed them', () => {
    const homes = [nodeIdFor(100), nodeIdFor(101)];
    const record = recordOf('Bobby1', 1, { displayName: 'Bob Tables', homes, listed: false });
    expect(record).toMatchObject({ name: 'Bobby1', key: 'bobby1', displayName: 'Bob Tables', homes, listed: false });
    expect(record.nodeId).toBe(nodeIdFor(1));
  });

  test('counts for 72 hours after the sign-in, to the millisecond', () => {
    const record = recordOf('bobby1', 1);
    expect(isCurrent(record, WALL_MS + 72 * HOUR_MS - 1)).toBe(true);
    expect(isCurrent(record, WALL_MS + 72 * HOUR_MS)).toBe(false);
    expect(read(sealed('bobby1', 1), WALL_MS + 72 * HOUR_MS)).toBe('expired');
  });

  test('may be an hour ahead of our clock, not more', () => {
    expect(read(sealed('bobby1', 1, { signedInAtMs: WALL_MS + HOUR_MS }))).toBe('taken');
    expect(read(sealed('bobby1', 1, { signedInAtMs: WALL_MS + HOUR_MS + 1 }))).toBe('early');
  });

  test('is taken only when it is newer than what is known', () => {
    const known = recordOf('bobby1', 1, { sequence: 5 });
    expect(read(sealed('bobby1', 1, { sequence: 5 }), WALL_MS, known)).toBe('known');
    expect(read(sealed('bobby1', 1, { sequence: 4 }), WALL_MS, known)).toBe('known');
    expect(read(sealed('bobby1', 1, { sequence: 6 }), WALL_MS, known)).toBe('taken');
    const later = { signedInAtMs: WALL_MS + 1, sequence: 0 };
    expect(read(sealed('bobby1', 1, later), WALL_MS, known)).toBe('taken');
    expect(compareVersions(recordOf('bobby1', 1, later), known)).toBeGreaterThan(0);
  });

  test('of another node than its certificate names is misplaced', () => {
    expect(read(sealed('bobby1', 1, { nodeId: nodeIdFor(2) }))).toBe('misplaced');
  });

  test('of a node that its account has revoked is refused, and of that account alone', () => {
    const reader = new RecordReader(judge, (key, node) => key === 'bobby1' && node === nodeIdFor(1));
    expect(reader.read(WALL_MS, sealed('Bobby1', 1), nobody)).toBeUndefined();
    expect(reader.refused.revoked).toBe(1);
    expect(reader.read(WALL_MS, sealed('carol1', 1), nobody)?.key).toBe('carol1');
    expect(reader.read(WALL_MS, sealed('bobby1', 2), nobody)?.nodeId).toBe(nodeIdFor(2));
  });

  test('with another key, name or signature is forged', () => {
    const good = sealed('bobby1', 1);
    expect(read({ ...good, certificate: Buffer.from(`bobby1 ${nodeIdFor(1)} 2`) })).toBe('forged');
    expect(read({ ...good, signature: sealed('bobby1', 1, { sequence: 2 }).signature })).toBe('forged');
    expect(read({ ...good, certificate: Buffer.from('garbage') })).toBe('forged');
    expect(read({ ...good, certificate: Buffer.from(`bad\u0000name ${nodeIdFor(1)} 1`) })).toBe('forged');
  });

  test('with any bit turned over is refused', () => {
    const good = sealed('bobby1', 1, { displayName: 'Bob', homes: [nodeIdFor(3)] });
    for (const field of ['record', 'signature'] as const) {
      for (let bit = 0; bit < 8 * good[field].length; bit += 1) {
        const bytes = Buffer.from(good[field]);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        expect(read({ ...good, [field]: bytes })).not.toBe('taken');
      }
    }
  });

  test('that is too long, or has no parts, is refused and costs no signature', () => {
    const good = sealed('bobby1', 1);
    const reader = new RecordReader(() => {
      throw new Error('nobody is judged');
    });
    const bad = [
      {},
      { ...good, record: null },
      { ...good, record: Buffer.alloc(513) },
      { ...good, signature: Buffer.alloc(513) },
      { ...good, certificate: Buffer.alloc(2_049) },
      sealed('bobby1', 1, { displayName: 'x'.repeat(65) }),
      sealed('bobby1', 1, { homes: [1, 2, 3].map(nodeIdFor) }),
      sealed('bobby1', 1, { homes: ['abcd'] }),
    ];
    for (const wire of bad) expect(reader.read(WALL_MS, wire, nobody)).toBeUndefined();
    expect(reader.refused).toMatchObject({ malformed: bad.length - 3, oversized: 3 });
    expect(reader.refusedInAll).toBe(bad.length);
  });
});
