/**
 * How two replicas of a slot, or two full copies, say what they hold (pure): one number for all, a number for each bucket
 * of records when that differs, and versions of the records in the buckets that differ. `slot-shelf.ts` and
 * `full-index.ts` keep and compare them.
 */
import { createHash } from 'node:crypto';
import { bytesOf, hexOf, ID_BYTES, type NodeId } from '../protocol/ids.ts';
import { decodeBody } from '../wire/messages.ts';
import type { IndexRecord } from './index-record.ts';

/** By the first hex digit of node ids. */
const BUCKETS = 16;
/** Of one bucket, and of all together. */
export const DIGEST_BYTES = 8;

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

/** What a sealed record says of its version; nobody has looked yet whether it is true. */
export function versionIn({ record }: { readonly record?: Uint8Array | null }): ReturnType<typeof readVersion> {
  const body = record ? decodeBody('IndexRecord', record) : undefined;
  return body ? readVersion(body) : [];
}

/** In and out of a bucket's digest alike: it is the exclusive or of all versions in it. */
export function stamp(digests: Buffer, record: IndexRecord): void {
  const at = bucketOf(record.nodeId) * DIGEST_BYTES;
  addStamp(digests.subarray(at, at + DIGEST_BYTES), record);
}

const stamps = new WeakMap<IndexRecord, Buffer>();

/** The same into eight bytes. */
export function addStamp(digest: Buffer, record: IndexRecord): void {
  let own = stamps.get(record);
  if (!own) {
    own = Buffer.from(versionHash(record));
    stamps.set(record, own);
  }
  xorInto(digest, own);
}

/** Eight bytes that stand for a record in this version. */
export function versionHash({ nodeId, signedInAtMs, sequence }: IndexRecord): Buffer {
  const hash = createHash('sha256').update(`${nodeId} ${signedInAtMs} ${sequence}`).digest();
  return hash.subarray(0, DIGEST_BYTES);
}

export function xorInto(digest: Buffer, bytes: Buffer): void {
  for (let i = 0; i < DIGEST_BYTES; i += 1) digest[i]! ^= bytes[i]!;
}

export function bucketOf(node: NodeId): number {
  return Number.parseInt(node.slice(0, 1), 16);
}

export function differing(a: Uint8Array, b: Uint8Array): Set<number> {
  const found = new Set<number>();
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) found.add(Math.floor(i / DIGEST_BYTES));
  return found;
}

/** One number for all buckets: equal when they are. */
export function rootOf(digests: Uint8Array): Buffer {
  const root = Buffer.alloc(DIGEST_BYTES);
  for (let i = 0; i < digests.length; i += 1) root[i % DIGEST_BYTES]! ^= digests[i]!;
  return root;
}
