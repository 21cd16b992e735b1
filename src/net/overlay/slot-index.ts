/**
 * The Global Index while supernodes are many (global-index.md 4.3, stage 2): every key has eight replicas that all
 * members can compute, so that one round trip finds an exact name among any number. Joins the replica's side (shelf,
 * splits) to the asker's (reads, searches, writes); same records and same pages as the full copies.
 *
 *   publish --> SlotPut to the replicas of each key --SlotTaken x 5 each--> published
 *   find | search --> SlotAsk to four of eight --SlotAnswer--> found | page
 */
import type { Millis, Random } from '../protocol/core.ts';
import { foldName, type NodeId } from '../protocol/ids.ts';
import {
  ALSO_MAX,
  LEAVES_PER_MESSAGE_MAX,
  PAGE_HITS_MAX,
  RECORDS_PER_PUT_MAX,
  SEARCH_LEAVES_MAX,
  SLOT_COMPARE_MS,
  SLOT_GATHER_MS,
  SLOT_TICKETS_MAX,
} from '../protocol/overlay-params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import type { GlobalIndex, GlobalIndexOutput, Ticket, WireRecord } from './global-index.ts';
import { compareVersions, type IndexRecord, isCurrent, type RecordReader } from './index-record.ts';
import type { Query } from './index-store.ts';
import { LeafMap } from './leaf-map.ts';
import { searchLeaves } from './leaf-search.ts';
import { Placement, type PlacementView, type ScoreBook } from './placement.ts';
import { nodesOf, type OwnAnswer, type ReadDone, type SlotQuestion, SlotReads } from './slot-reads.ts';
import { SlotSearch } from './slot-search.ts';
import { COMPARE, SlotShelf } from './slot-shelf.ts';
import { SlotSplits } from './slot-splits.ts';
import { versionOf } from './slot-versions.ts';
import { SlotWrites } from './slot-writes.ts';

interface Searching {
  readonly search: SlotSearch;
  readonly reads: Set<number>;
}

export class SlotIndex implements GlobalIndex {
  readonly leaves = new LeafMap();
  readonly placement: Placement;
  readonly shelf: SlotShelf;
  readonly #self: NodeId;
  readonly #random: Random;
  readonly #wallClock: () => number;
  readonly #reader: Pick<RecordReader, 'read' | 'refused'>;
  readonly #splits: SlotSplits;
  readonly #reads: SlotReads;
  readonly #writes: SlotWrites;
  readonly #finds = new Map<number, { readonly ticket: Ticket; readonly asOfMs: number }>();
  readonly #searches = new Map<Ticket, Searching>();
  /** Which search a read belongs to. */
  readonly #searchOf = new Map<number, Ticket>();
  #members: readonly NodeId[] = [];
  #placeAt: Millis = 0;
  #gossipAt: Millis = 0;
  /** Not before then are whole maps exchanged again. */
  #mapAt: Millis = 0;
  #lastTicket = 0;
  /** What came with the other form of the index is known to be all. */
  #adopted = false;
  #out: GlobalIndexOutput[] = [];

  constructor(options: {
    readonly self: NodeId;
    readonly random: Random;
    readonly wallClock: () => number;
    readonly reader: Pick<RecordReader, 'read' | 'refused'>;
    readonly scores?: ScoreBook;
  }) {
    const { self, random, wallClock, reader, scores } = options;
    this.#self = self;
    this.#random = random;
    this.#wallClock = wallClock;
    this.#reader = reader;
    this.placement = new Placement(scores);
    const { placement, leaves } = this;
    this.shelf = new SlotShelf({ self, placement, leaves, random, wallClock });
    this.#splits = new SlotSplits(self, placement, leaves, this.shelf);
    this.#writes = new SlotWrites(self, placement, this.shelf);
    const answerOwn = (slot: number, question: SlotQuestion): OwnAnswer => this.#answerOwn(slot, question);
    this.#reads = new SlotReads({ self, placement, reader, random, wallClock, answerOwn });
    placement.set([self], wallClock());
  }

  /** Takes over what full copies held; `complete`: that is all there is. */
  adopt(now: Millis, records: Iterable<IndexRecord>, members: readonly NodeId[], complete: boolean): void {
    this.#adopted = complete;
    this.setMembers(now, members);
    this.#place(now);
    this.#adopted = false;
    for (const record of records) this.#file(now, record, []);
  }

  /**
   * Begins in a network that stands: where everything lies, how it is cut into leaves, and the records that lie here (for
   * many in one process).
   */
  stand(now: Millis, view: PlacementView, separators: readonly string[], records: Iterable<IndexRecord>): void {
    this.#members = view.members;
    this.placement.adopt(view);
    this.#placeAt = now + 60_000 * (0.5 + 0.5 * this.#random.fraction());
    this.leaves.learn(separators);
    this.shelf.placed(now, true);
    for (const record of records) this.shelf.file(now, record, []);
  }

  /** Ends: everything that was asked and is not answered yet is answered with nothing. */
  giveUp(): GlobalIndexOutput[] {
    const found = [...this.#finds.values()].map(
      ({ ticket }) => ({ type: 'found', ticket, records: [], complete: false }) as const,
    );
    const pages = [...this.#searches].map(
      ([ticket, { search }]) => ({ type: 'page', ticket, page: search.page(), complete: false }) as const,
    );
    const published = this.#writes.tickets().map((ticket) => ({ type: 'published', ticket, ok: false }) as const);
    return [...found, ...pages, ...published];
  }

  setMembers(now: Millis, members: readonly NodeId[]): void {
    this.#members = members;
    // Changes that come together move slots once.
    this.#placeAt = Math.min(this.#placeAt, now + SLOT_GATHER_MS);
  }

  publish(now: Millis, node: NodeId, wire: WireRecord): Ticket | 'record-refused' {
    const ticket = this.#ticket();
    const before = this.#reader.refused.known;
    const record = this.#reader.read(this.#wallClock(), wire, (id) => this.shelf.store.get(id));
    if (!record && this.#reader.refused.known > before) {
      this.#out.push({ type: 'published', ticket, ok: true });
      return ticket;
    }
    if (record?.nodeId !== node || !this.#writes.write(now, ticket, record)) return 'record-refused';
    this.#splits.grown(now, this.shelf.leavesOf(record, []));
    return ticket;
  }

  find(now: Millis, name: string, asOfMs: number): Ticket {
    const ticket = this.#ticket();
    const key = foldName(name);
    if (this.#reads.size >= SLOT_TICKETS_MAX) {
      this.#out.push({ type: 'found', ticket, records: [], complete: false });
      return ticket;
    }
    const read = this.#reads.ask(now, this.shelf.slotOfName(key), { name: key, asOfMs });
    this.#finds.set(read, { ticket, asOfMs });
    this.#finish(now);
    return ticket;
  }

  search(now: Millis, query: Query): Ticket {
    const ticket = this.#ticket();
    const searching = { search: new SlotSearch(query, this.leaves), reads: new Set<number>() };
    if (this.#searches.size >= SLOT_TICKETS_MAX) searching.search.complete = false;
    else this.#searches.set(ticket, searching);
    if (this.#searches.has(ticket)) this.#goOn(now, ticket, searching);
    else this.#out.push({ type: 'page', ticket, page: searching.search.page(), complete: false });
    this.#finish(now);
    return ticket;
  }

  receive(now: Millis, from: NodeId, value: Message): boolean {
    switch (value.kind) {
      case 'slotPut':
        this.#put(now, from, value.body);
        break;
      case 'slotTaken':
        this.shelf.learnLeaves(now, value.body.leaves.slice(0, LEAVES_PER_MESSAGE_MAX));
        this.#writes.receive(now, from, value.body);
        break;
      case 'slotAsk':
        this.#answer(now, from, value.body);
        break;
      case 'slotAnswer':
        this.shelf.learnLeaves(now, value.body.leaves.slice(0, LEAVES_PER_MESSAGE_MAX));
        this.#reads.receive(now, from, value.body);
        break;
      case 'slotCompare':
        this.#mapTold(now, from, value.body);
        this.shelf.receive(now, from, value.body);
        if (value.body.step === COMPARE.wanted) this.#moveOn(now, from, value.body);
        break;
      default:
        return false;
    }
    this.#finish(now);
    return true;
  }

  wake(now: Millis): void {
    if (now >= this.#placeAt) this.#place(now);
    this.shelf.wake(now);
    this.#splits.wake(now);
    this.#writes.wake(now);
    this.#reads.wake(now);
    if (now >= this.#gossipAt) {
      this.#gossipAt = now + SLOT_COMPARE_MS * (0.8 + 0.4 * this.#random.fraction());
      const to = this.#members[Math.floor(this.#random.fraction() * this.#members.length)];
      const map = { leaves: [...this.leaves.recent()], leafDigest: this.leaves.digest };
      if (to !== undefined && to !== this.#self)
        this.#send(to, message('slotCompare', { step: COMPARE.leaves, ...map }));
    }
    this.#finish(now);
  }

  wakeAt(): Millis {
    const rooms = [this.shelf, this.#splits, this.#writes, this.#reads].map((room) => room.wakeAt());
    return Math.min(this.#placeAt, this.#gossipAt, ...rooms);
  }

  drain(): GlobalIndexOutput[] {
    const out = this.#out;
    this.#out = [];
    this.#collect(out);
    return out;
  }

  // ------------------------------------------------------------------ as a replica

  #place(now: Millis): void {
    // Days begin at times of their own: once a minute is soon enough.
    this.#placeAt = now + 60_000;
    const all = this.#members.includes(this.#self) ? this.#members : [this.#self, ...this.#members];
    if (!this.placement.set(all, this.#wallClock())) return;
    this.shelf.placed(now, this.#adopted);
  }

  #file(now: Millis, record: IndexRecord, also: readonly string[]): boolean {
    const filed = this.shelf.file(now, record, also);
    if (filed) this.#splits.grown(now, this.shelf.leavesOf(record, also));
    return filed;
  }

  #put(now: Millis, from: NodeId, { requestId, entries, leaves }: Body<'slotPut'>): void {
    this.shelf.learnLeaves(now, leaves.slice(0, LEAVES_PER_MESSAGE_MAX));
    let last: IndexRecord | undefined;
    let refused = false;
    for (const { entry, also } of entries.slice(0, RECORDS_PER_PUT_MAX)) {
      const before = this.#reader.refused.known;
      let known: IndexRecord | undefined;
      const read = this.#reader.read(this.#wallClock(), entry ?? {}, (id) => {
        known = this.shelf.store.get(id);
        return known;
      });
      // One that is here already may lie under more words now.
      const record = read ?? (this.#reader.refused.known > before ? known : undefined);
      if (!record || !this.#file(now, record, (also ?? []).slice(0, ALSO_MAX))) refused = true;
      else last = record;
    }
    if (requestId === 0) return;
    const also = last && this.shelf.slots.includes(this.shelf.slotOfName(last.key)) ? this.shelf.wordsToTell(last) : [];
    const moved = last ? this.shelf.leavesOf(last, also).filter((leaf) => !leaves.includes(leaf)) : [];
    this.#send(from, message('slotTaken', { requestId, also, leaves: moved, refused }));
  }

  #answer(now: Millis, from: NodeId, body: Body<'slotAsk'>): void {
    this.shelf.learnLeaves(now, body.leaves.slice(0, SEARCH_LEAVES_MAX));
    const { requestId } = body;
    if (body.nodeIds.length > 0) {
      const entries = nodesOf(body).flatMap((node) => this.shelf.store.get(node)?.sealed ?? []);
      this.#send(from, message('slotAnswer', { requestId, entries }));
      return;
    }
    const { learning, records } = this.#lookUp(body);
    const moved = body.leaves.slice(0, SEARCH_LEAVES_MAX).map((leaf) => this.leaves.endOf(leaf));
    const told = body.full ? { entries: records.map(({ sealed }) => sealed) } : { versions: records.map(versionOf) };
    this.#send(from, message('slotAnswer', { requestId, learning, leaves: moved, ...told } as never));
  }

  #answerOwn(slot: number, question: SlotQuestion): OwnAnswer {
    const whole = { name: '', pattern: '', after: '', asOfMs: 0, limit: 1, leaves: [], ...question };
    const { learning, records } = this.#lookUp(whole);
    return { learning: learning || !this.shelf.knows(slot), records };
  }

  #lookUp(body: Omit<Required<SlotQuestion>, never>): OwnAnswer {
    const { store } = this.shelf;
    if (body.name !== '') {
      const learning = !this.shelf.knows(this.shelf.slotOfName(foldName(body.name)));
      return { learning, records: store.find(body.name, body.asOfMs).slice(0, PAGE_HITS_MAX) };
    }
    const leaves = body.leaves.slice(0, SEARCH_LEAVES_MAX);
    const learning = leaves.some((leaf) => !this.shelf.knows(this.shelf.slotOfLeaf(leaf)));
    const ranges = leaves.map((from) => ({ from, to: this.leaves.endOf(from) }));
    const limit = Math.min(PAGE_HITS_MAX + 1, Math.max(1, body.limit));
    return { learning, records: searchLeaves(store, ranges, { ...body, limit }) };
  }

  #moveOn(now: Millis, from: NodeId, body: Body<'slotCompare'>): void {
    // What the shelf gives goes out before the new separator is told.
    this.#collect(this.#out);
    this.#splits.receive(now, from, body);
  }

  /** Another's separators: those that are new here, and all when the maps still differ. */
  #mapTold(now: Millis, from: NodeId, { leaves, leafDigest, leavesWanted }: Body<'slotCompare'>): void {
    const fresh = this.shelf.learnLeaves(now, leaves.slice(0, LEAVES_PER_MESSAGE_MAX));
    this.#splits.grown(now, fresh);
    const differs = leafDigest.length > 0 && !this.leaves.digest.equals(leafDigest);
    if (!leavesWanted && (!differs || now < this.#mapAt)) return;
    if (!leavesWanted) this.#mapAt = now + SLOT_COMPARE_MS;
    const all = this.leaves.all();
    for (let at = 0; at < all.length; at += LEAVES_PER_MESSAGE_MAX) {
      const some = all.slice(at, at + LEAVES_PER_MESSAGE_MAX);
      const wanted = !leavesWanted && at === 0;
      this.#send(from, message('slotCompare', { step: COMPARE.leaves, leaves: some, leavesWanted: wanted }));
    }
  }

  // ------------------------------------------------------------------ as one who asks

  #goOn(now: Millis, ticket: Ticket, { search, reads }: Searching): void {
    while (reads.size === 0) {
      const wanted = search.next();
      if (!wanted) {
        this.#searches.delete(ticket);
        this.#out.push({ type: 'page', ticket, page: search.page(), complete: search.complete });
        return;
      }
      const bySlot = new Map<number, string[]>();
      for (const leaf of wanted.leaves) {
        const slot = this.shelf.slotOfLeaf(leaf);
        bySlot.set(slot, [...(bySlot.get(slot) ?? []), leaf]);
      }
      const { pattern, asOfMs } = search.query;
      const { after, limit } = wanted;
      for (const [slot, leaves] of bySlot) {
        const read = this.#reads.ask(now, slot, { leaves, pattern, after, asOfMs, limit });
        reads.add(read);
        this.#searchOf.set(read, ticket);
      }
    }
  }

  #finish(now: Millis): void {
    for (let done = this.#reads.done(); done.length > 0; done = this.#reads.done()) {
      for (const one of done) this.#finishRead(now, one);
    }
    for (const { ticket, ok } of this.#writes.done()) this.#out.push({ type: 'published', ticket, ok });
  }

  #finishRead(now: Millis, { id, records, complete }: ReadDone): void {
    const find = this.#finds.get(id);
    if (find) {
      this.#finds.delete(id);
      const current = records.filter((one) => isCurrent(one, find.asOfMs));
      const sorted = current.sort((a, b) => compareVersions(b, a) || (a.nodeId < b.nodeId ? -1 : 1));
      this.#out.push({ type: 'found', ticket: find.ticket, records: sorted, complete });
      return;
    }
    const ticket = this.#searchOf.get(id);
    this.#searchOf.delete(id);
    const searching = ticket === undefined ? undefined : this.#searches.get(ticket);
    if (!searching || ticket === undefined) return;
    searching.reads.delete(id);
    searching.search.add(records);
    if (!complete) searching.search.complete = false;
    if (searching.reads.size === 0) this.#goOn(now, ticket, searching);
  }

  #collect(out: GlobalIndexOutput[]): void {
    out.push(...this.shelf.drain());
    for (const room of [this.#splits, this.#writes, this.#reads]) {
      for (const { to, message: value } of room.drain()) out.push({ type: 'send', to, message: value });
    }
  }

  #send(to: NodeId, value: Message): void {
    this.#out.push({ type: 'send', to, message: value });
  }

  #ticket(): Ticket {
    this.#lastTicket = (this.#lastTicket + 1) % 2 ** 32 || 1;
    return this.#lastTicket;
  }
}
