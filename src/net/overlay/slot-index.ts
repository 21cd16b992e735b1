/**
 * The Global Index while supernodes are many (global-index.md 4.3, stage 2): every key has eight replicas that all
 * members can compute, so that one round trip finds an exact name among any number. Joins the replica's side (shelf,
 * splits) to the asker's (reads, searches, writes); same records and same pages as the full copies. 400 lines, for every
 * message between the two sides passes here.
 *
 *   publish --> SlotPut to the replicas of each key --SlotTaken x 5 each--> published
 *   find | search --> SlotAsk to four of eight --SlotAnswer--> found | page
 */
import type { Millis, Random } from '../protocol/core.ts';
import { foldName, hexOf, isName, type NodeId } from '../protocol/ids.ts';
import {
  ALSO_MAX,
  LEAF_CHECK_MS,
  LEAF_HITS_MAX,
  LEAF_VERSIONS_MAX,
  LEAVES_PER_MESSAGE_MAX,
  RECORDS_PER_PUT_MAX,
  SEARCH_LEAVES_MAX,
  SLOT_COMPARE_MS,
  SLOT_FETCHED_MAX,
  SLOT_GATHER_MS,
  SLOT_TICKETS_MAX,
} from '../protocol/overlay-params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import type { GlobalIndex, GlobalIndexOutput, Ticket, WireRecord } from './global-index.ts';
import { compareVersions, type IndexRecord, isCurrent, newestFirst, type RecordReader } from './index-record.ts';
import type { Query } from './index-store.ts';
import { LeafMap } from './leaf-map.ts';
import { searchLeaves } from './leaf-search.ts';
import { LeafVersions } from './leaf-versions.ts';
import { Placement, type PlacementView, type ScoreBook } from './placement.ts';
import { SlotPages } from './slot-pages.ts';
import { type OwnAnswer, type ReadDone, type SlotQuestion, SlotReads } from './slot-reads.ts';
import { COMPARE, SlotShelf } from './slot-shelf.ts';
import { SlotSplits } from './slot-splits.ts';
import { versionOf } from './slot-versions.ts';
import { SlotWatchers } from './slot-watchers.ts';
import { SlotWrites } from './slot-writes.ts';

const NO_VERSIONS = Buffer.alloc(0);
/** Where everything lies is worked out anew so often: the days of supernodes begin at times of their own. */
const PLACE_AGAIN_MS = 60_000;

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
  readonly #watchers = new SlotWatchers();
  readonly pages: SlotPages;
  readonly #leafVersions = new LeafVersions();
  readonly #finds = new Map<number, { readonly ticket: Ticket; readonly asOfMs: number }>();
  #members: readonly NodeId[] = [];
  #placeAt: Millis = 0;
  #gossipAt: Millis = 0;
  /** Not before then are the newest separators told again, and whole maps exchanged. */
  #recentAt: Millis = 0;
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
    const changed = (leaf: string): void => this.#leafVersions.changed(leaf);
    this.shelf = new SlotShelf({ self, placement, leaves, random, wallClock, changed });
    this.#splits = new SlotSplits(self, placement, leaves, this.shelf);
    this.#writes = new SlotWrites(self, placement, this.shelf);
    const answerOwn = (slot: number, question: SlotQuestion): OwnAnswer => this.#answerOwn(slot, question);
    this.#reads = new SlotReads({ self, placement, reader, random, wallClock, answerOwn });
    this.pages = new SlotPages({ leaves, slots: this.shelf, reads: this.#reads, random });
    placement.set([self], wallClock());
  }

  /** Takes over what lies in our slots; `complete`: that is all there is, and others have the rest. */
  adopt(now: Millis, records: Iterable<IndexRecord>, members: readonly NodeId[], complete: boolean): void {
    this.#adopted = complete;
    this.setMembers(now, members);
    this.#place(now);
    this.#adopted = false;
    for (const record of records) {
      if (complete) this.keep(now, record);
      else this.#file(now, record, []);
    }
  }

  /** Takes a record that the other form of the index read and found good, if it lies in one of our slots. */
  keep(now: Millis, record: IndexRecord): void {
    const known = this.shelf.store.get(record.nodeId);
    if (known && compareVersions(record, known) <= 0) return;
    const slots = this.shelf.slots;
    if (known || this.shelf.slotsOf(record, []).some((slot) => slots.includes(slot))) this.#file(now, record, []);
    this.#hear(now);
  }

  /**
   * Begins in a network that stands: where everything lies, how it is cut into leaves, and the records that lie here (for
   * many in one process).
   */
  stand(now: Millis, view: PlacementView, separators: readonly string[], records: Iterable<IndexRecord>): void {
    this.#members = view.members;
    this.placement.adopt(view);
    this.#placeAt = now + PLACE_AGAIN_MS * (0.5 + 0.5 * this.#random.fraction());
    this.leaves.learn(separators);
    this.shelf.placed(now, true);
    for (const record of records) this.shelf.file(now, record, []);
  }

  /** Ends: everything that was asked and is not answered yet is answered with nothing. */
  giveUp(): GlobalIndexOutput[] {
    const found = [...this.#finds.values()].map(
      ({ ticket }) => ({ type: 'found', ticket, records: [], complete: false }) as const,
    );
    const pages = this.pages.giveUp().map((one) => ({ type: 'page', ...one }) as const);
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
    const record = this.#reader.read(this.#wallClock(), wire, (id) => this.shelf.store.get(id), node);
    if (!record && this.#reader.refused.known > before) {
      this.#out.push({ type: 'published', ticket, ok: true });
      return ticket;
    }
    if (!record) return 'record-refused';
    if (!this.#writes.write(now, ticket, record)) {
      this.#out.push({ type: 'published', ticket, ok: false });
      return ticket;
    }
    // Who attaches here is to be known here, also when others hold the record.
    if (this.shelf.store.get(node) !== record) this.#out.push({ type: 'record', record });
    this.#splits.grown(now, this.shelf.leavesOf(record, []));
    this.#finish(now);
    return ticket;
  }

  find(now: Millis, name: string, asOfMs: number, watch = false): Ticket {
    const ticket = this.#ticket();
    const key = foldName(name);
    if (this.#reads.size >= SLOT_TICKETS_MAX) {
      this.#out.push({ type: 'found', ticket, records: [], complete: false });
      return ticket;
    }
    const read = this.#reads.ask(now, this.shelf.slotOfName(key), { name: key, asOfMs, watch });
    this.#finds.set(read, { ticket, asOfMs });
    this.#finish(now);
    return ticket;
  }

  search(now: Millis, query: Query): Ticket {
    const ticket = this.#ticket();
    this.pages.search(now, ticket, query);
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
      case 'slotNews':
        this.#takeNews(value.body);
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
    this.pages.wake(now);
    if (now >= this.#gossipAt) {
      this.#gossipAt = now + SLOT_COMPARE_MS * (0.8 + 0.4 * this.#random.fraction());
      const to = this.#members[Math.floor(this.#random.fraction() * this.#members.length)];
      const map = { step: COMPARE.leaves, leafDigest: this.leaves.digest };
      if (to !== undefined && to !== this.#self) this.#send(to, message('slotCompare', map));
    }
    this.#finish(now);
  }

  wakeAt(): Millis {
    const rooms = [this.shelf, this.#splits, this.#writes, this.#reads, this.pages].map((room) => room.wakeAt());
    return Math.min(this.#placeAt, this.#gossipAt, ...rooms);
  }

  drain(): GlobalIndexOutput[] {
    const out = this.#out;
    this.#out = [];
    this.#collect(out);
    return out;
  }

  /** What we asked to be told of a name. */
  #takeNews({ entries }: Body<'slotNews'>): void {
    for (const entry of entries.slice(0, RECORDS_PER_PUT_MAX)) {
      const record = this.#reader.read(this.#wallClock(), entry, (id) => this.shelf.store.get(id));
      if (record) this.#out.push({ type: 'record', record });
    }
  }

  // ------------------------------------------------------------------ as a replica

  #place(now: Millis): void {
    this.#placeAt = now + PLACE_AGAIN_MS;
    const all = this.#members.includes(this.#self) ? this.#members : [this.#self, ...this.#members];
    if (!this.placement.set(all, this.#wallClock())) return;
    this.shelf.placed(now, this.#adopted);
  }

  #file(now: Millis, record: IndexRecord, also: readonly string[]): boolean {
    const filed = this.shelf.file(now, record, also);
    if (filed) this.#splits.grown(now, this.shelf.leavesOf(record, also));
    return filed;
  }

  /** What the shelf said. News is told to those who watch. */
  #hear(now: Millis): void {
    for (const output of this.shelf.drain()) {
      this.#out.push(output);
      if (output.type !== 'record') continue;
      const { key, sealed } = output.record;
      for (const to of this.#watchers.of(now, key)) this.#send(to, message('slotNews', { entries: [sealed] }));
    }
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
      const entries = body.nodeIds
        .slice(0, SLOT_FETCHED_MAX)
        .flatMap((id) => this.shelf.store.get(hexOf(id))?.sealed ?? []);
      this.#send(from, message('slotAnswer', { requestId, entries }));
      return;
    }
    if (body.watch && isName(body.name)) this.#watchers.add(now, foldName(body.name), from);
    const { learning, records, leafVersions } = this.#lookUp(body);
    const moved = body.leaves.slice(0, SEARCH_LEAVES_MAX).map((leaf) => this.leaves.endOf(leaf));
    const told = body.full ? { entries: records.map(({ sealed }) => sealed) } : { versions: records.map(versionOf) };
    this.#send(from, message('slotAnswer', { requestId, learning, leaves: moved, leafVersions, ...told } as never));
  }

  #answerOwn(slot: number, question: SlotQuestion): OwnAnswer {
    const whole = { name: '', pattern: '', after: '', asOfMs: 0, limit: 1, leaves: [], watch: false, check: false };
    const answer = this.#lookUp({ ...whole, ...question });
    return { ...answer, learning: answer.learning || !this.shelf.knows(slot) };
  }

  #lookUp(body: Omit<Required<SlotQuestion>, 'watch'>): OwnAnswer {
    const { store } = this.shelf;
    if (body.name !== '') {
      const learning = !this.shelf.knows(this.shelf.slotOfName(foldName(body.name)));
      const records = store.find(body.name, body.asOfMs).slice(0, LEAF_HITS_MAX);
      return { learning, records, leafVersions: NO_VERSIONS };
    }
    const leaves = body.leaves.slice(0, SEARCH_LEAVES_MAX);
    const learning = leaves.some((leaf) => !this.shelf.knows(this.shelf.slotOfLeaf(leaf)));
    const leafVersions = this.#versionsOf(leaves, body.asOfMs);
    if (body.check) return { learning, records: [], leafVersions };
    const ranges = leaves.map((from) => ({ from, to: this.leaves.endOf(from) }));
    const limit = Math.min(LEAF_HITS_MAX, Math.max(1, body.limit));
    return { learning, records: searchLeaves(store, ranges, { ...body, limit }), leafVersions };
  }

  /** None for many: whoever asks for so much need not keep it. */
  #versionsOf(leaves: readonly string[], asOfMs: number): Buffer {
    if (leaves.length > LEAF_VERSIONS_MAX) return NO_VERSIONS;
    const versions = leaves.map((leaf) =>
      this.#leafVersions.of(leaf, asOfMs, () => this.shelf.recordsIn(leaf, this.leaves.endOf(leaf))),
    );
    return Buffer.concat(versions);
  }

  #moveOn(now: Millis, from: NodeId, body: Body<'slotCompare'>): void {
    // What the shelf gives goes out before the new separator is told.
    this.#collect(this.#out);
    this.#splits.receive(now, from, body);
  }

  /** Another's map, by its digest: when ours differs we tell the newest separators, and all when that did not help. */
  #mapTold(now: Millis, from: NodeId, { leaves, leafDigest, leavesWanted }: Body<'slotCompare'>): void {
    const fresh = this.shelf.learnLeaves(now, leaves.slice(0, LEAVES_PER_MESSAGE_MAX));
    this.#splits.grown(now, fresh);
    const differs = leafDigest.length > 0 && !this.leaves.digest.equals(leafDigest);
    if (leavesWanted) return this.#tellMap(from, this.leaves.all(), false);
    if (!differs) return;
    if (now >= this.#recentAt) {
      this.#recentAt = now + LEAF_CHECK_MS;
      this.#tellMap(from, this.leaves.recent(), false);
    } else if (leaves.length > 0 && now >= this.#mapAt) {
      this.#mapAt = now + SLOT_COMPARE_MS;
      this.#tellMap(from, this.leaves.all(), true);
    }
  }

  #tellMap(to: NodeId, leaves: readonly string[], wanted: boolean): void {
    const leafDigest = this.leaves.digest;
    for (let at = 0; at === 0 || at < leaves.length; at += LEAVES_PER_MESSAGE_MAX) {
      const some = leaves.slice(at, at + LEAVES_PER_MESSAGE_MAX);
      const isLast = at + LEAVES_PER_MESSAGE_MAX >= leaves.length;
      // Whoever has all of a part only would find that he differs.
      const digest = isLast && !wanted ? { leafDigest } : {};
      const leavesWanted = wanted && at === 0;
      this.#send(to, message('slotCompare', { step: COMPARE.leaves, leaves: some, leavesWanted, ...digest }));
    }
  }

  // ------------------------------------------------------------------ as one who asks

  #finish(now: Millis): void {
    this.#hear(now);
    for (let done = this.#reads.done(); done.length > 0; done = this.#reads.done()) {
      for (const one of done) this.#finishRead(now, one);
    }
    for (const one of this.pages.done()) this.#out.push({ type: 'page', ...one });
    for (const { ticket, ok } of this.#writes.done()) this.#out.push({ type: 'published', ticket, ok });
  }

  #finishRead(now: Millis, done: ReadDone): void {
    if (this.pages.finished(now, done)) return;
    const find = this.#finds.get(done.id);
    if (!find) return;
    this.#finds.delete(done.id);
    const records = done.records.filter((one) => isCurrent(one, find.asOfMs)).sort(newestFirst);
    this.#out.push({ type: 'found', ticket: find.ticket, records, complete: done.complete });
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
