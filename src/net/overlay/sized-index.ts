/**
 * The Global Index that fits the number of supernodes: full copies up to `fullMembersMax`, slots above, back to full
 * copies below `slotMembersMin`; who finds others that work with slots does so too, as long as they are not fewer. Each
 * decides for itself, so for a while supernodes are of different minds. Nobody is lost meanwhile, since every change goes
 * through a time in which both forms are here:
 *
 *   full --more--> both, read from the copy --INDEX_READ_OVER_MS--> both, read by slots --INDEX_WRITE_OVER_MS--> slots
 *   slots --fewer--> both, read by slots --INDEX_READ_OVER_MS--> both, read from the copy --INDEX_WRITE_OVER_MS--> full
 *
 * While both are here everything that is published goes into both, and what one form hears the other takes. Two whose
 * views differ by less than INDEX_WRITE_OVER_MS - INDEX_READ_OVER_MS therefore read what the other writes.
 */
import type { Millis, Random } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import {
  FULL_INDEX_MEMBERS_MAX,
  INDEX_READ_OVER_MS,
  INDEX_SETTLED_MS,
  INDEX_WRITE_OVER_MS,
  RECORDS_PER_PUT_MAX,
  SLOT_INDEX_MEMBERS_MIN,
} from '../protocol/overlay-params.ts';
import { type Message, message } from '../wire/messages.ts';
import { FullIndex } from './full-index.ts';
import type { GlobalIndex, GlobalIndexOutput, Ticket, WireRecord } from './global-index.ts';
import {
  compareVersions,
  type IndexRecord,
  newestFirst,
  type PersonJudge,
  RecordReader,
  type RevokedJudge,
} from './index-record.ts';
import type { Query } from './index-store.ts';
import type { ScoreBook } from './placement.ts';
import { SlotIndex } from './slot-index.ts';

/** Supernodes, ourselves among them. */
export interface IndexSizes {
  /** With more the index goes over to slots. */
  readonly fullMembersMax: number;
  /** With fewer it goes back. */
  readonly slotMembersMin: number;
}

const INDEX_SIZES: IndexSizes = {
  fullMembersMax: FULL_INDEX_MEMBERS_MAX,
  slotMembersMin: SLOT_INDEX_MEMBERS_MIN,
};

export interface SizedIndexOptions {
  readonly self: NodeId;
  readonly random: Random;
  readonly wallClock: () => number;
  readonly judge: PersonJudge;
  readonly isRevoked?: RevokedJudge | undefined;
  readonly sizes?: IndexSizes | undefined;
  readonly scores?: ScoreBook;
}

export type IndexForm = 'full' | 'slots';

/** Tickets of full copies; those of slots, which are 32 bits, are told apart by it. */
const FULL_TICKETS_FROM = 2 ** 33;

/** What slots are asked while a copy is here too: it may know better. */
type Asked = { readonly name: string; readonly asOfMs: number } | { readonly query: Query };

export class SizedIndex implements GlobalIndex {
  readonly #options: SizedIndexOptions;
  readonly #sizes: IndexSizes;
  readonly #slotReader: RecordReader;
  readonly #full: FullIndex;
  #slots: SlotIndex | undefined;
  #fullIsHere = true;
  /** What we change to, or have. */
  #form: IndexForm = 'full';
  #changedAt: Millis = Number.NEGATIVE_INFINITY;
  #members: readonly NodeId[] = [];
  /** Since when we know others. */
  #othersSince: Millis = Number.POSITIVE_INFINITY;
  readonly #asked = new Map<Ticket, Asked>();
  #lastTicket = FULL_TICKETS_FROM;
  #out: GlobalIndexOutput[] = [];

  constructor(options: SizedIndexOptions) {
    this.#options = options;
    this.#sizes = options.sizes ?? INDEX_SIZES;
    this.#full = new FullIndex(options);
    this.#slotReader = new RecordReader(options.judge, options.isRevoked);
  }

  /** What this supernode has, or is changing to. */
  get form(): IndexForm {
    return this.#form;
  }

  /** Are both forms here? */
  get changing(): boolean {
    return this.#fullIsHere && this.#slots !== undefined;
  }

  /** Records here. */
  get size(): number {
    return this.#fullIsHere ? this.#full.store.size : (this.#slots?.shelf.store.size ?? 0);
  }

  /** Records that were refused, but for those that are known: garbage, forgeries, and what is too old or too new. */
  get refused(): number {
    return this.#full.reader.refusedInAll + this.#slotReader.refusedInAll;
  }

  /** Its account has revoked this node: what is here of it is forgotten, and nothing of it is taken any more. */
  revoked(key: string, node: NodeId): void {
    if (this.#fullIsHere) this.#full.revoked(key, node);
    this.#slots?.shelf.revoked(key, node);
  }

  /** Is everybody's record here, so that nobody else need be asked? */
  get holdsAll(): boolean {
    return !this.#slots;
  }

  /** What is here of one node. By slots that is only what others, or its person, put here. */
  recordOf(node: NodeId): IndexRecord | undefined {
    return (this.#fullIsHere ? this.#full.store.get(node) : undefined) ?? this.#slots?.shelf.store.get(node);
  }

  /** What is here of the person of this folded name. */
  recordsOf(key: string, asOfMs: number): readonly IndexRecord[] {
    const full = this.#fullIsHere ? this.#full.store.find(key, asOfMs) : [];
    return this.#slots ? newestOf([...full, ...this.#slots.shelf.store.find(key, asOfMs)]) : full;
  }

  setMembers(now: Millis, members: readonly NodeId[], left?: NodeId): void {
    this.#members = members;
    if (members.length === 0) this.#othersSince = Number.POSITIVE_INFINITY;
    else this.#othersSince = Math.min(this.#othersSince, now);
    const count = members.length + 1;
    if (this.#form === 'full' && count > this.#sizes.fullMembersMax) this.#change(now, 'slots');
    else if (this.#form === 'slots' && count < this.#sizes.slotMembersMin) this.#change(now, 'full');
    if (this.#fullIsHere) this.#full.setMembers(now, members, left);
    this.#slots?.setMembers(now, members);
    this.#collect(now);
  }

  publish(now: Millis, node: NodeId, wire: WireRecord): Ticket | 'record-refused' {
    const refused = this.#fullIsHere ? this.#full.publish(now, node, wire) : undefined;
    if (refused) return refused;
    const bySlots = this.#slots?.publish(now, node, wire);
    this.#collect(now);
    // While we go back to copies that of our own is what counts: others may have done with their slots.
    if (bySlots !== undefined && this.#form === 'slots') return bySlots;
    const ticket = this.#ticket();
    this.#out.push({ type: 'published', ticket, ok: true });
    return ticket;
  }

  find(now: Millis, name: string, asOfMs: number, watch = false): Ticket {
    if (!this.#slots || this.#readsCopy(now)) {
      const ticket = this.#ticket();
      const { complete, store } = this.#full;
      this.#out.push({ type: 'found', ticket, records: store.find(name, asOfMs), complete });
      return ticket;
    }
    const ticket = this.#slots.find(now, name, asOfMs, watch);
    if (this.#fullIsHere) this.#asked.set(ticket, { name, asOfMs });
    this.#collect(now);
    return ticket;
  }

  search(now: Millis, query: Query): Ticket {
    if (!this.#slots || this.#readsCopy(now)) {
      const ticket = this.#ticket();
      const { complete, store } = this.#full;
      this.#out.push({ type: 'page', ticket, page: store.search(query), complete });
      return ticket;
    }
    const ticket = this.#slots.search(now, query);
    if (this.#fullIsHere) this.#asked.set(ticket, { query });
    this.#collect(now);
    return ticket;
  }

  receive(now: Millis, from: NodeId, value: Message): boolean {
    const isOfSlots = SLOT_KINDS.has(value.kind);
    if (!isOfSlots && !COPY_KINDS.has(value.kind)) return false;
    if (isOfSlots && !this.#slots && this.#members.length + 1 >= this.#sizes.slotMembersMin) {
      // Others are of that many already, or have been when we were not there.
      if (this.#members.includes(from)) this.#change(now, 'slots');
    }
    if (isOfSlots) this.#receiveOfSlots(now, from, value);
    else this.#receiveOfCopies(now, from, value);
    this.#collect(now);
    return true;
  }

  wake(now: Millis): void {
    if (this.#fullIsHere) this.#full.wake(now);
    this.#slots?.wake(now);
    if (this.changing && now >= this.#endsAt()) this.#end(now);
    this.#collect(now);
  }

  wakeAt(): Millis {
    const fullAt = this.#fullIsHere ? this.#full.wakeAt() : Number.POSITIVE_INFINITY;
    const endsAt = this.changing ? this.#endsAt() : Number.POSITIVE_INFINITY;
    return Math.min(fullAt, this.#slots?.wakeAt() ?? Number.POSITIVE_INFINITY, endsAt);
  }

  drain(): GlobalIndexOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #receiveOfSlots(now: Millis, from: NodeId, value: Message): void {
    if (this.#slots) this.#slots.receive(now, from, value);
    else if (value.kind === 'slotPut') {
      // One who works with slots, because he knows of more than we do: his records are taken, his questions others must answer.
      const { requestId, entries } = value.body;
      const sealed = entries.slice(0, RECORDS_PER_PUT_MAX).flatMap(({ entry }) => entry ?? []);
      this.#full.receive(now, from, message('indexPut', { entries: sealed as never }));
      const answer = message('slotTaken', { requestId, also: [], leaves: [] });
      if (requestId !== 0) this.#out.push({ type: 'send', to: from, message: answer });
    }
  }

  #receiveOfCopies(now: Millis, from: NodeId, value: Message): void {
    if (this.#fullIsHere) this.#full.receive(now, from, value);
    else if (value.kind === 'indexPut') {
      const entries = value.body.entries.map((entry) => ({ entry }));
      this.#slots?.receive(now, from, message('slotPut', { requestId: 0, entries, leaves: [] } as never));
    }
  }

  // ------------------------------------------------------------------ from one form to the other

  /** Does our copy hold what everybody's does? It has been among others for a while, and was compared. */
  #isSettled(now: Millis): boolean {
    return this.#full.compared && now >= this.#othersSince + INDEX_SETTLED_MS;
  }

  /** While both are here: the form that we come from is read first, then the other. */
  #readsCopy(now: Millis): boolean {
    if (!this.#fullIsHere || !this.#isSettled(now)) return false;
    const isOver = now >= this.#changedAt + INDEX_READ_OVER_MS;
    return this.#form === 'full' ? isOver : !isOver;
  }

  #change(now: Millis, form: IndexForm): void {
    this.#form = form;
    this.#changedAt = now;
    if (form === 'slots' && !this.#slots) {
      const { self, random, wallClock, scores } = this.#options;
      const reader = this.#slotReader;
      this.#slots = new SlotIndex({ self, random, wallClock, reader, ...(scores ? { scores } : {}) });
      this.#slots.adopt(now, this.#full.store.records(), this.#members, this.#isSettled(now));
    } else if (form === 'full' && !this.#fullIsHere) {
      this.#fullIsHere = true;
      this.#othersSince = now;
      this.#full.adopt(this.#slots?.shelf.store.records() ?? []);
      this.#full.setMembers(now, this.#members);
    }
    this.#forgetNews();
  }

  /** When the form that we come from is not needed any more. One that does not know all yet may have twice as long. */
  #endsAt(): Millis {
    const isReady = this.#form === 'full' ? this.#full.compared : !this.#slots?.shelf.isLearning;
    return this.#changedAt + INDEX_WRITE_OVER_MS * (isReady || this.#members.length === 0 ? 1 : 2);
  }

  #end(now: Millis): void {
    this.#collect(now);
    if (this.#form === 'slots') {
      this.#fullIsHere = false;
      for (const record of this.#full.release()) this.#slots?.keep(now, record);
      this.#full.setMembers(now, []);
    } else {
      this.#full.adopt(this.#slots?.shelf.store.records() ?? []);
      for (const output of this.#slots?.giveUp() ?? []) this.#answer(now, output);
      this.#slots = undefined;
    }
    this.#asked.clear();
    this.#forgetNews();
  }

  /** What only changed its place is no news. */
  #forgetNews(): void {
    const said = [...this.#full.drain(), ...(this.#slots?.drain() ?? [])];
    this.#out.push(...said.filter(({ type }) => type !== 'record'));
  }

  /** Takes what both said. A record that is news in one is taken by the other, once. */
  #collect(now: Millis): void {
    for (;;) {
      const [copied, filed] = [this.#full.drain(), this.#slots?.drain() ?? []];
      if (copied.length + filed.length === 0) return;
      for (const output of copied) {
        if (output.type === 'record') this.#slots?.keep(now, output.record);
        this.#out.push(output);
      }
      for (const output of filed) {
        if (output.type === 'record' && this.#fullIsHere) this.#full.adopt([output.record]);
        this.#answer(now, output);
      }
    }
  }

  /** What slots said, with what the copy knows. */
  #answer(now: Millis, output: GlobalIndexOutput): void {
    const asked = 'ticket' in output ? this.#asked.get(output.ticket) : undefined;
    if ('ticket' in output) this.#asked.delete(output.ticket);
    const { store } = this.#full;
    const hasAll = this.#fullIsHere && this.#isSettled(now);
    if (output.type === 'found' && asked && 'name' in asked) {
      const records = newestOf([...output.records, ...store.find(asked.name, asked.asOfMs)]);
      this.#out.push({ ...output, records, complete: output.complete || hasAll });
    } else if (output.type === 'page' && asked && 'query' in asked && !output.complete && hasAll) {
      this.#out.push({ ...output, page: store.search(asked.query), complete: true });
    } else this.#out.push(output);
  }

  #ticket(): Ticket {
    this.#lastTicket += 1;
    return this.#lastTicket;
  }
}

const SLOT_KINDS: ReadonlySet<string> = new Set([
  'slotPut',
  'slotTaken',
  'slotAsk',
  'slotAnswer',
  'slotCompare',
  'slotNews',
]);
const COPY_KINDS: ReadonlySet<string> = new Set(['indexPut', 'indexDigest', 'indexBuckets', 'indexGet']);

/** Of each node the newest record, the newest first: the order in which one store gives them. */
function newestOf(records: readonly IndexRecord[]): IndexRecord[] {
  const byNode = new Map<NodeId, IndexRecord>();
  for (const record of records) {
    const known = byNode.get(record.nodeId);
    if (!known || compareVersions(record, known) > 0) byNode.set(record.nodeId, record);
  }
  return [...byNode.values()].sort(newestFirst);
}
