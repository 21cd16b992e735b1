/**
 * Pages of searches that a supernode has read for its clients, kept for a while (global-index.md 4.4; the classic
 * network kept results on the way too). A page is a function of the leaves that were read for it, so it is kept with
 * their versions; whoever takes one from here must ask the replicas whether these still hold (`slot-pages.ts`). It
 * keeps the records with their signatures: what is kept could be left out, but not changed. A full copy needs none of this.
 */
import type { Millis } from '../protocol/core.ts';
import { PAGE_EMPTY_KEPT_MS, PAGE_KEPT_MS, PAGES_KEPT_BYTES_MAX } from '../protocol/overlay-params.ts';
import { type IndexRecord, RECORD_LIFETIME_MS } from './index-record.ts';
import type { Page, Query } from './index-store.ts';

export interface KeptPage {
  readonly page: Page;
  /** What the hits stand for, and what comes next. */
  readonly records: readonly IndexRecord[];
  /** Versions of all leaves that were read, by their separators. */
  readonly leaves: ReadonlyMap<string, string>;
}

interface Kept extends KeptPage {
  readonly until: Millis;
  /** By the wall clock: as of when it was read, and when the first of its records ends. */
  readonly fromMs: number;
  readonly endsAtMs: number;
  readonly bytes: number;
}

/** Of a page without its records, and of a record beyond what is signed. */
const OVERHEAD_BYTES = 300;

export class PageCache {
  /** The page read longest ago stands first. */
  readonly #pages = new Map<string, Kept>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#pages.size;
  }

  put(now: Millis, query: Query, kept: KeptPage): void {
    this.drop(query);
    const { page, records, leaves } = kept;
    const endsAtMs = Math.min(...records.map(({ signedInAtMs }) => signedInAtMs + RECORD_LIFETIME_MS));
    const until = now + (page.hits.length === 0 ? PAGE_EMPTY_KEPT_MS : PAGE_KEPT_MS);
    const key = keyOf(query);
    let bytes = OVERHEAD_BYTES + key.length + 100 * leaves.size;
    for (const { sealed } of records) {
      bytes += OVERHEAD_BYTES + sealed.certificate.length + sealed.record.length + sealed.signature.length;
    }
    this.#pages.set(key, { ...kept, until, fromMs: query.asOfMs, endsAtMs, bytes });
    this.#bytes += bytes;
    for (const [first, oldest] of this.#pages) {
      if (this.#bytes <= PAGES_KEPT_BYTES_MAX && now < oldest.until) return;
      this.#remove(first, oldest);
    }
  }

  /** What may still be true, if the versions of its leaves do. */
  get(now: Millis, query: Query): KeptPage | undefined {
    const kept = this.#pages.get(keyOf(query));
    if (!kept || now >= kept.until || query.asOfMs < kept.fromMs || query.asOfMs >= kept.endsAtMs) return undefined;
    return kept;
  }

  drop(query: Query): void {
    const key = keyOf(query);
    const kept = this.#pages.get(key);
    if (kept) this.#remove(key, kept);
  }

  clear(): void {
    this.#pages.clear();
    this.#bytes = 0;
  }

  #remove(key: string, { bytes }: Kept): void {
    this.#pages.delete(key);
    this.#bytes -= bytes;
  }
}

function keyOf({ pattern, after, limit }: Query): string {
  return JSON.stringify([pattern, after, limit]);
}
