/**
 * The versions of leaves at a replica: eight bytes that change when a record of the leaf comes, changes or ends. They
 * are worked out when somebody asks, and kept until something is filed there.
 */
import { LEAF_VERSIONS_KEPT_MAX } from '../protocol/overlay-params.ts';
import { setRecent } from '../protocol/recent-table.ts';
import { type IndexRecord, isCurrent, RECORD_LIFETIME_MS } from './index-record.ts';
import { addStamp } from './slot-versions.ts';

/** Bytes of one. */
export const LEAF_VERSION_BYTES = 8;

interface Kept {
  readonly version: Buffer;
  /** Wall clock: it holds from then on, until the first record ends. */
  readonly fromMs: number;
  readonly endsAtMs: number;
}

export class LeafVersions {
  /** The one worked out longest ago stands first. */
  readonly #kept = new Map<string, Kept>();

  /** Something in this leaf is not as it was. */
  changed(leaf: string): void {
    this.#kept.delete(leaf);
  }

  of(leaf: string, asOfMs: number, records: () => Iterable<IndexRecord>): Buffer {
    const known = this.#kept.get(leaf);
    if (known && asOfMs >= known.fromMs && asOfMs < known.endsAtMs) return known.version;
    const version = Buffer.alloc(LEAF_VERSION_BYTES);
    let endsAtMs = Number.POSITIVE_INFINITY;
    for (const record of records()) {
      if (!isCurrent(record, asOfMs)) continue;
      addStamp(version, record);
      endsAtMs = Math.min(endsAtMs, record.signedInAtMs + RECORD_LIFETIME_MS);
    }
    setRecent(this.#kept, leaf, { version, fromMs: asOfMs, endsAtMs }, LEAF_VERSIONS_KEPT_MAX);
    return version;
  }
}
