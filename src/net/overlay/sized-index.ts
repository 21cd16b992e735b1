/**
 * The Global Index that fits the number of supernodes: full copies to FULL_INDEX_MEMBERS_MAX, slots above, back to full
 * copies below SLOT_INDEX_MEMBERS_MIN. What is here is handed over at each change. Supernodes change within the seconds
 * that membership needs; meanwhile each takes records in either form.
 */
import type { Millis, Random } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import { FULL_INDEX_MEMBERS_MAX, RECORDS_PER_PUT_MAX, SLOT_INDEX_MEMBERS_MIN } from '../protocol/overlay-params.ts';
import { type Message, message } from '../wire/messages.ts';
import { FullIndex } from './full-index.ts';
import type { GlobalIndex, GlobalIndexOutput, Ticket, WireRecord } from './global-index.ts';
import { type IndexRecord, type PersonJudge, RecordReader } from './index-record.ts';
import type { Query } from './index-store.ts';
import type { ScoreBook } from './placement.ts';
import { SlotIndex } from './slot-index.ts';

export interface SizedIndexOptions {
  readonly self: NodeId;
  readonly random: Random;
  readonly wallClock: () => number;
  readonly judge: PersonJudge;
  readonly scores?: ScoreBook;
}

/** Tickets of full copies; those of slots, which are 32 bits, are told apart by it. */
const FULL_TICKETS_FROM = 2 ** 33;

export class SizedIndex implements GlobalIndex {
  readonly #options: SizedIndexOptions;
  readonly #slotReader: RecordReader;
  readonly #full: FullIndex;
  #slots: SlotIndex | undefined;
  #lastTicket = FULL_TICKETS_FROM;
  #out: GlobalIndexOutput[] = [];

  constructor(options: SizedIndexOptions) {
    this.#options = options;
    this.#full = new FullIndex(options);
    this.#slotReader = new RecordReader(options.judge);
  }

  get form(): 'full' | 'slots' {
    return this.#slots ? 'slots' : 'full';
  }

  /** Records here. */
  get size(): number {
    return this.#slots?.shelf.store.size ?? this.#full.store.size;
  }

  setMembers(now: Millis, members: readonly NodeId[]): void {
    const count = members.length + 1;
    if (!this.#slots && count > FULL_INDEX_MEMBERS_MAX) this.#toSlots(now, members);
    else if (this.#slots && count < SLOT_INDEX_MEMBERS_MIN) this.#toFull(now, members);
    else (this.#slots ?? this.#full).setMembers(now, members);
  }

  publish(now: Millis, node: NodeId, wire: WireRecord): Ticket | 'record-refused' {
    if (this.#slots) return this.#slots.publish(now, node, wire);
    const refused = this.#full.publish(now, node, wire);
    if (refused) return refused;
    const ticket = this.#ticket();
    this.#out.push({ type: 'published', ticket, ok: true });
    return ticket;
  }

  find(now: Millis, name: string, asOfMs: number): Ticket {
    if (this.#slots) return this.#slots.find(now, name, asOfMs);
    const ticket = this.#ticket();
    const { complete, store } = this.#full;
    this.#out.push({ type: 'found', ticket, records: store.find(name, asOfMs), complete });
    return ticket;
  }

  search(now: Millis, query: Query): Ticket {
    if (this.#slots) return this.#slots.search(now, query);
    const ticket = this.#ticket();
    const { complete, store } = this.#full;
    this.#out.push({ type: 'page', ticket, page: store.search(query), complete });
    return ticket;
  }

  receive(now: Millis, from: NodeId, value: Message): boolean {
    if (!this.#slots) return this.#full.receive(now, from, value) || this.#receiveSlots(now, from, value);
    if (value.kind === 'indexPut') {
      const entries = value.body.entries.map((entry) => ({ entry }));
      return this.#slots.receive(now, from, message('slotPut', { requestId: 0, entries, leaves: [] } as never));
    }
    const isOfCopies = value.kind === 'indexDigest' || value.kind === 'indexBuckets' || value.kind === 'indexGet';
    return isOfCopies || this.#slots.receive(now, from, value);
  }

  wake(now: Millis): void {
    (this.#slots ?? this.#full).wake(now);
  }

  wakeAt(): Millis {
    return (this.#slots ?? this.#full).wakeAt();
  }

  drain(): GlobalIndexOutput[] {
    const out = [...this.#out, ...this.#full.drain(), ...(this.#slots?.drain() ?? [])];
    this.#out = [];
    return out;
  }

  /** One who works with slots already: his records are taken, his questions others must answer. */
  #receiveSlots(now: Millis, from: NodeId, value: Message): boolean {
    if (value.kind === 'slotPut') {
      const { requestId, entries } = value.body;
      const sealed = entries.slice(0, RECORDS_PER_PUT_MAX).flatMap(({ entry }) => entry ?? []);
      this.#full.receive(now, from, message('indexPut', { entries: sealed as never }));
      const answer = message('slotTaken', { requestId, also: [], leaves: [] });
      if (requestId !== 0) this.#out.push({ type: 'send', to: from, message: answer });
      return true;
    }
    return ['slotTaken', 'slotAsk', 'slotAnswer', 'slotCompare'].includes(value.kind);
  }

  #toSlots(now: Millis, members: readonly NodeId[]): void {
    const { self, random, wallClock, scores } = this.#options;
    const reader = this.#slotReader;
    this.#slots = new SlotIndex({ self, random, wallClock, reader, ...(scores ? { scores } : {}) });
    const { complete } = this.#full;
    this.#slots.adopt(now, this.#full.release(), members, complete);
    this.#full.setMembers(now, []);
    this.#forgetNews();
  }

  #toFull(now: Millis, members: readonly NodeId[]): void {
    const held: Iterable<IndexRecord> = this.#slots?.shelf.store.records() ?? [];
    this.#full.adopt(held);
    this.#out.push(...(this.#slots?.giveUp() ?? []));
    this.#slots = undefined;
    this.#full.setMembers(now, members);
    this.#forgetNews();
  }

  /** What only changed its place is no news. */
  #forgetNews(): void {
    const kept = this.drain().filter(({ type }) => type !== 'record');
    this.#out.push(...kept);
  }

  #ticket(): Ticket {
    this.#lastTicket += 1;
    return this.#lastTicket;
  }
}
