/**
 * Records on their way to the replicas of their keys. A record is published when WRITE_ACKS replicas of each of its
 * slots have taken it. Answers may say that a key lies elsewhere by now, or under which words earlier records of that
 * name lie, whose leaves must learn of this one too; then it goes there as well.
 */
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import {
  ALSO_MAX,
  LEAVES_PER_MESSAGE_MAX,
  SLOT_TICKETS_MAX,
  WRITE_ACKS,
  WRITE_ACKS_ASKED,
  WRITE_RETRY_MS,
  WRITE_TRIES,
} from '../protocol/overlay-params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import type { IndexRecord } from './index-record.ts';
import type { Placement } from './placement.ts';
import type { SlotShelf } from './slot-shelf.ts';

interface Write {
  readonly ticket: number;
  readonly record: IndexRecord;
  readonly also: Set<string>;
  readonly acked: Set<NodeId>;
  readonly sent: Set<NodeId>;
  slots: readonly number[];
  tries: number;
  againAt: Millis;
}

export interface WriteDone {
  readonly ticket: number;
  /** False: fewer than WRITE_ACKS replicas of some key have taken it. */
  readonly ok: boolean;
}

export class SlotWrites {
  readonly #self: NodeId;
  readonly #placement: Placement;
  readonly #shelf: SlotShelf;
  readonly #writes = new Map<number, Write>();
  #done: WriteDone[] = [];
  #out: { readonly to: NodeId; readonly message: Message }[] = [];

  constructor(self: NodeId, placement: Placement, shelf: SlotShelf) {
    this.#self = self;
    this.#placement = placement;
    this.#shelf = shelf;
  }

  /** Under way. */
  tickets(): number[] {
    return [...this.#writes.keys()];
  }

  /** `ticket` is the number of the request as well. False: too many are under way. */
  write(now: Millis, ticket: number, record: IndexRecord): boolean {
    if (this.#writes.size >= SLOT_TICKETS_MAX) return false;
    const fresh = { ticket, record, also: new Set<string>(), acked: new Set<NodeId>(), sent: new Set<NodeId>() };
    const write: Write = { ...fresh, slots: [], tries: 0, againAt: now + WRITE_RETRY_MS };
    this.#writes.set(ticket, write);
    this.#spread(now, write);
    this.#settle(write);
    return true;
  }

  /** An acknowledgement from a certified supernode. */
  receive(now: Millis, from: NodeId, { requestId, also, refused }: Body<'slotTaken'>): void {
    const write = this.#writes.get(requestId);
    if (!write?.sent.has(from)) return;
    if (!refused) write.acked.add(from);
    const words = also.slice(0, ALSO_MAX).filter((word) => !write.also.has(word));
    for (const word of words) write.also.add(word);
    this.#spread(now, write);
    this.#settle(write);
  }

  wake(now: Millis): void {
    for (const write of this.#writes.values()) {
      if (now < write.againAt) continue;
      write.againAt = now + WRITE_RETRY_MS;
      write.tries += 1;
      if (write.tries >= WRITE_TRIES) this.#finish(write, false);
      else {
        this.#spread(now, write);
        for (const slot of write.slots) {
          const left = this.#isTaken(write, slot) ? [] : this.#placement.replicas(slot);
          for (const to of left) if (to !== this.#self && !write.acked.has(to)) this.#put(write, to, true);
        }
        this.#settle(write);
      }
    }
  }

  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const { againAt } of this.#writes.values()) at = Math.min(at, againAt);
    return at;
  }

  done(): WriteDone[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }

  drain(): { readonly to: NodeId; readonly message: Message }[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** To all replicas of its slots that do not have it yet; slots may have come since. */
  #spread(now: Millis, write: Write): void {
    const slots = this.#shelf.slotsOf(write.record, write.also);
    const fresh = slots.filter((slot) => !write.slots.includes(slot));
    if (fresh.length === 0 && write.tries === 0) return;
    write.slots = slots;
    // One message to each, however many of the slots it holds.
    const wanted = new Map<NodeId, boolean>();
    for (const slot of slots) {
      this.#placement.replicas(slot).forEach((to, place) => {
        if (write.sent.has(to) && !fresh.includes(slot)) return;
        wanted.set(to, wanted.get(to) === true || place < WRITE_ACKS_ASKED);
      });
    }
    for (const [to, ack] of wanted) {
      if (to === this.#self) {
        if (!this.#shelf.file(now, write.record, [...write.also])) continue;
        write.acked.add(to);
        for (const word of this.#shelf.wordsToTell(write.record)) write.also.add(word);
      } else this.#put(write, to, ack);
    }
  }

  #put(write: Write, to: NodeId, ack: boolean): void {
    write.sent.add(to);
    const entries = [{ entry: write.record.sealed, also: [...write.also] }];
    const leaves = this.#shelf.leavesOf(write.record, write.also).slice(0, LEAVES_PER_MESSAGE_MAX);
    const requestId = ack ? write.ticket : 0;
    this.#out.push({ to, message: message('slotPut', { requestId, entries, leaves }) });
  }

  #isTaken(write: Write, slot: number): boolean {
    const replicas = this.#placement.replicas(slot);
    return replicas.filter((id) => write.acked.has(id)).length >= Math.min(WRITE_ACKS, replicas.length);
  }

  #settle(write: Write): void {
    if (write.slots.every((slot) => this.#isTaken(write, slot))) this.#finish(write, true);
  }

  #finish(write: Write, ok: boolean): void {
    this.#writes.delete(write.ticket);
    this.#done.push({ ticket: write.ticket, ok });
  }
}
