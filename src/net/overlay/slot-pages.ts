/**
 * Searches under way, on the side of the one who asks: leaves are read, group by group, until a page is ready
 * (`slot-search.ts`), and pages are kept (`page-cache.ts`). Of a page that is here the replicas are asked for the
 * versions of its leaves only: a fiftieth of the bytes, and one round trip instead of several. When four of each slot
 * say that nothing has changed it is given; so a search shows what is new whether a page was kept or not. One of twenty
 * is read all the same: if it is not what was kept, replicas have lied about versions, and nothing kept is believed.
 *
 *   search --nothing kept--> read leaves --> page [kept, if complete and the replicas agree]
 *          [--some replicas deny a hit--> its name is looked up]
 *          --kept--> check versions --unchanged--> page;  --changed, or not sure--> read leaves
 */
import type { Millis, Random } from '../protocol/core.ts';
import { PAGE_SPOT_CHECK, SEARCH_LIMIT_MS, SLOT_TICKETS_MAX } from '../protocol/overlay-params.ts';
import type { Ticket } from './global-index.ts';
import { type IndexRecord, isCurrent, newestFirst } from './index-record.ts';
import { isVisible, type Page, type Query } from './index-store.ts';
import type { LeafMap } from './leaf-map.ts';
import { type KeptPage, PageCache } from './page-cache.ts';
import type { ReadDone, SlotReads } from './slot-reads.ts';
import { SlotSearch } from './slot-search.ts';
import type { SlotShelf } from './slot-shelf.ts';

export interface PageDone {
  readonly ticket: Ticket;
  readonly page: Page;
  readonly complete: boolean;
}

interface Searching {
  readonly query: Query;
  readonly until: Millis;
  readonly search: SlotSearch;
  readonly reads: Set<number>;
  /** What is being checked. */
  checking: KeptPage | undefined;
  /** What was kept and found unchanged, but is read all the same. */
  spot: KeptPage | undefined;
  /** Records that not all who answered have. */
  readonly doubtful: Set<IndexRecord>;
  /** Names that are being looked up for that, by their reads. */
  readonly confirming: Map<number, string>;
  confirmed: boolean;
  /** Of what was read; undefined where replicas differ. */
  readonly versions: Map<string, string | undefined>;
  unchanged: boolean;
}

export class SlotPages {
  readonly cache = new PageCache();
  /** Pages given from what was kept; those that were read as well, to check; those that were not the same. Only rise. */
  readonly counts = { given: 0, checked: 0, exposed: 0 };
  readonly #leaves: LeafMap;
  readonly #slots: Pick<SlotShelf, 'slotOfLeaf' | 'slotOfName'>;
  readonly #reads: SlotReads;
  readonly #random: Random;
  readonly #searches = new Map<Ticket, Searching>();
  /** Which search a read belongs to. */
  readonly #searchOf = new Map<number, Ticket>();
  #done: PageDone[] = [];

  constructor(options: {
    readonly leaves: LeafMap;
    readonly slots: Pick<SlotShelf, 'slotOfLeaf' | 'slotOfName'>;
    readonly reads: SlotReads;
    readonly random: Random;
  }) {
    this.#leaves = options.leaves;
    this.#slots = options.slots;
    this.#reads = options.reads;
    this.#random = options.random;
  }

  /** `ticket` comes back with the page. */
  search(now: Millis, ticket: Ticket, query: Query): void {
    const searching: Searching = {
      ...{ query, until: now + SEARCH_LIMIT_MS, search: new SlotSearch(query, this.#leaves), reads: new Set() },
      ...{ checking: keptFor(this.cache.get(now, query), query), spot: undefined, versions: new Map() },
      ...{ doubtful: new Set(), confirming: new Map(), confirmed: false },
      unchanged: true,
    };
    if (this.#searches.size >= SLOT_TICKETS_MAX) {
      this.#done.push({ ticket, page: searching.search.page(), complete: false });
      return;
    }
    this.#searches.set(ticket, searching);
    if (searching.checking) this.#check(now, ticket, searching, searching.checking);
    this.#goOn(now, ticket, searching);
  }

  /** A read has ended. True when it was one of ours. */
  finished(now: Millis, done: ReadDone): boolean {
    const ticket = this.#searchOf.get(done.id);
    if (ticket === undefined) return false;
    this.#searchOf.delete(done.id);
    const searching = this.#searches.get(ticket);
    if (!searching) return true;
    const { reads, search, checking } = searching;
    reads.delete(done.id);
    const key = searching.confirming.get(done.id);
    if (key !== undefined) this.#confirm(searching, key, done);
    else if (checking) {
      const same = [...done.versions].every(([leaf, version]) => version === checking.leaves.get(leaf));
      if (!done.complete || !same) searching.unchanged = false;
    } else {
      search.add(done.records);
      for (const record of done.records) {
        if (done.denied(record)) searching.doubtful.add(record);
      }
      for (const [leaf, version] of done.versions) searching.versions.set(leaf, version);
      if (!done.complete) search.complete = false;
    }
    if (reads.size === 0) this.#goOn(now, ticket, searching);
    return true;
  }

  wake(now: Millis): void {
    for (const [ticket, { until, search }] of this.#searches) {
      if (now < until) return;
      // What has come so far is put together.
      search.next();
      this.#end(ticket, search.page(), false);
    }
  }

  wakeAt(): Millis {
    const [oldest] = this.#searches.values();
    return oldest?.until ?? Number.POSITIVE_INFINITY;
  }

  done(): PageDone[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }

  /** What is not ready ends as it is. */
  giveUp(): PageDone[] {
    for (const [ticket, { search }] of this.#searches) this.#end(ticket, search.page(), false);
    return this.done();
  }

  #goOn(now: Millis, ticket: Ticket, searching: Searching): void {
    const { search, reads, checking, query } = searching;
    if (reads.size > 0) return;
    if (checking) {
      searching.checking = undefined;
      const isSpot = searching.unchanged && this.#random.fraction() < PAGE_SPOT_CHECK;
      if (searching.unchanged && !isSpot) {
        this.counts.given += 1;
        return this.#end(ticket, checking.page, true);
      }
      if (isSpot) searching.spot = checking;
      else this.cache.drop(query);
    }
    while (reads.size === 0) {
      const wanted = search.next();
      if (!wanted && this.#doubts(now, ticket, searching)) continue;
      if (!wanted) return this.#finish(now, ticket, searching);
      const { pattern, asOfMs } = query;
      const { after, limit } = wanted;
      this.#ask(now, ticket, searching, wanted.leaves, { pattern, after, asOfMs, limit });
    }
  }

  /**
   * Looks up by their names those on the page whom some replicas deny: their record may be new, or one that a liar has
   * kept, of somebody who has another name to show by now, or none. At most a page of names, so that a liar can make a
   * search dear, two hundred messages, but not change it. True when there is something to wait for.
   */
  #doubts(now: Millis, ticket: Ticket, searching: Searching): boolean {
    const { search, doubtful, confirming, reads, query } = searching;
    if (searching.confirmed) return false;
    searching.confirmed = true;
    const all = search.records().filter((record) => doubtful.has(record));
    for (const { key } of all) {
      const read = this.#reads.ask(now, this.#slots.slotOfName(key), { name: key, asOfMs: query.asOfMs });
      reads.add(read);
      confirming.set(read, key);
      this.#searchOf.set(read, ticket);
    }
    return reads.size > 0;
  }

  #confirm({ search, query }: Searching, key: string, { records, complete }: ReadDone): void {
    const [newest] = records.filter((one) => isCurrent(one, query.asOfMs)).sort(newestFirst);
    if (complete || newest) search.amend(key, newest);
    if (!complete) search.complete = false;
  }

  #check(now: Millis, ticket: Ticket, searching: Searching, { leaves }: KeptPage): void {
    const { asOfMs } = searching.query;
    this.#ask(now, ticket, searching, [...leaves.keys()], { asOfMs, check: true });
  }

  /** Leaves of one slot are asked for together. */
  #ask(now: Millis, ticket: Ticket, { reads }: Searching, leaves: readonly string[], about: object): void {
    const bySlot = new Map<number, string[]>();
    for (const leaf of leaves) {
      const slot = this.#slots.slotOfLeaf(leaf);
      bySlot.set(slot, [...(bySlot.get(slot) ?? []), leaf]);
    }
    for (const [slot, some] of bySlot) {
      const read = this.#reads.ask(now, slot, { ...about, leaves: some });
      reads.add(read);
      this.#searchOf.set(read, ticket);
    }
  }

  #finish(now: Millis, ticket: Ticket, searching: Searching): void {
    const { search, query, spot, versions } = searching;
    const page = search.page();
    if (spot && search.complete) {
      this.counts.checked += 1;
      if (JSON.stringify(spot.page) !== JSON.stringify(page)) {
        this.counts.exposed += 1;
        this.cache.clear();
      }
    }
    const leaves = new Map(
      [...versions].flatMap(([leaf, version]) => (version === undefined ? [] : [[leaf, version]])),
    );
    if (search.complete && page.whole && !search.hidSomebody && leaves.size === versions.size && versions.size > 0) {
      this.cache.put(now, query, { page, records: search.records(), leaves });
    }
    this.#end(ticket, page, search.complete);
  }

  #end(ticket: Ticket, page: Page, complete: boolean): void {
    this.#searches.delete(ticket);
    this.#done.push({ ticket, page, complete });
  }
}

/** A page is kept as everybody sees it: whoever must not see all of it gets one of their own. */
function keptFor(kept: KeptPage | undefined, { viewer }: Query): KeptPage | undefined {
  return kept?.records.every((record) => isVisible(record, viewer)) ? kept : undefined;
}
