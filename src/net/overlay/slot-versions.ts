/**
 * How two replicas of a slot say what they hold (pure): a number for each bucket of records, and versions of those in the
 * buckets that differ. `slot-shelf.ts` keeps and compares them.
 */
import { createHash } from 'node:crypto';
import { bytesOf, hexOf, ID_BYTES, type NodeId } from '../protocol/ids.ts';
import type { IndexRecord } from './index-record.ts';

/** By the first hex digit of node ids. */
const BUCKETS = 16;
const DIGEST_BYTES = 8;

export function emptyDigests(): Buffer {
  return Buffer.alloc(BUCKETS * DIGEST_BYTES);
}

export interface Version {
  readonly nodeId: Buffer;
  readonly signedInAtMs: number;
  readonly sequence: number;
}

export function versionOf({ nodeId, signedInAtMs, sequence }: IndexRecord): Version {
  return { nodeId: bytesOf(nodeId), signedInAtMs, sequence };
}

export function readVersion(wire: {
  readonly nodeId?: Uint8Array | null;
  readonly signedInAtMs?: number | null;
  readonly sequence?: number | null;
}): [NodeId, Pick<Version, 'signedInAtMs' | 'sequence'>][] {
  if (wire.nodeId?.length !== ID_BYTES) return [];
  return [[hexOf(wire.nodeId), { signedInAtMs: wire.signedInAtMs ?? 0, sequence: wire.sequence ?? 0 }]];
}

/** In and out of a bucket's digest alike: it is the exclusive or of all versions in it. */
export function stamp(digests: Buffer, { nodeId, signedInAtMs, sequence }: IndexRecord): void {
  const hash = createHash('sha256').update(`${nodeId} ${signedInAtMs} ${sequence}`).digest();
  const at = bucketOf(nodeId) * DIGEST_BYTES;
  for (let i = 0; i < DIGEST_BYTES; i += 1) digests[at + i]! ^= hash[i]!;
}

export function bucketOf(node: NodeId): number {
  return Number.parseInt(node.slice(0, 1), 16);
}

export function differing(a: Uint8Array, b: Uint8Array): Set<number> {
  const found = new Set<number>();
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) found.add(Math.floor(i / DIGEST_BYTES));
  return found;
}
