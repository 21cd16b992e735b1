/**
 * Where people's nodes are attached, as far as this supernode knows: what of the Global Index is here, and what it was
 * told of those whom it asked for. A full copy knows everybody. By slots most records lie elsewhere: who is looked up is
 * asked for, and so is whom clients here watch; the replicas tell then when there is news of them. Those whom nobody
 * here sees are asked for again by turns, slowly, in case that news was lost.
 *
 *   lookup --> index.find --> found --> looked-up
 *   want (watched, lost, we were published ourselves) --> [waits] --> index.find, watch --> found --> homes
 *   news of a record --> learn --> homes
 */
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import {
  HOMES_AGAIN_MIN_MS,
  HOMES_AGAIN_MS,
  HOMES_ASKED_AT_ONCE,
  HOMES_KNOWN_MAX,
  HOMES_LOST_MS,
  HOMES_WANTED_MAX,
} from '../protocol/overlay-params.ts';
import type { Ticket } from './global-index.ts';
import { compareVersions, type IndexRecord, isCurrent } from './index-record.ts';

/** A record without what proves it: the index has seen to that. */
export type KnownRecord = Omit<IndexRecord, 'sealed'>;

export type FinderOutput =
  /** There is something new about where a person's nodes are. */
  | { readonly type: 'homes'; readonly key: string }
  /** The index has answered. Not complete: there may be nodes that it does not know of. */
  | {
      readonly type: 'looked-up';
      readonly ticket: number;
      readonly name: string;
      readonly viewer: string;
      readonly complete: boolean;
    };

/** What is asked of the index. */
export interface FinderIndex {
  readonly holdsAll: boolean;
  recordOf(node: NodeId): IndexRecord | undefined;
  recordsOf(key: string, asOfMs: number): readonly IndexRecord[];
  find(now: Millis, name: string, asOfMs: number, watch?: boolean): Ticket;
}

export interface FinderSurroundings {
  readonly index: FinderIndex;
  readonly wallClock: () => number;
  /** Folded names that clients here watch. */
  readonly watched: () => Iterable<string>;
  readonly isWatched: (key: string) => boolean;
  /** Does a client here see a node of this person, here or elsewhere? */
  readonly isSeen: (key: string) => boolean;
}

interface Looking {
  readonly ticket: number;
  readonly name: string;
  readonly viewer: string;
}

/** Watched names that one wake looks at for one that is to be asked for again. */
const LOOKED_AT = 256;

export class HomeFinder {
  readonly #around: FinderSurroundings;
  /** The one heard of longest ago stands first. */
  readonly #byNode = new Map<NodeId, KnownRecord>();
  readonly #byKey = new Map<string, Set<NodeId>>();
  readonly #wanted = new Set<string>();
  /** Wanted, but not before then; the first stands first. */
  readonly #later = new Map<string, Millis>();
  readonly #askedAt = new Map<string, Millis>();
  readonly #asking = new Map<Ticket, string>();
  readonly #looking = new Map<Ticket, Looking>();
  #heldAll = true;
  #turn: Iterator<string> | undefined;
  #againAt: Millis = 0;
  #out: FinderOutput[] = [];

  constructor(around: FinderSurroundings) {
    this.#around = around;
  }

  recordOf(node: NodeId): KnownRecord | undefined {
    const [here, heard] = [this.#around.index.recordOf(node), this.#byNode.get(node)];
    return here && heard ? newer(here, heard) : (here ?? heard);
  }

  /** Supernodes that nodes of this person are attached to, as far as we know. */
  homesOf(key: string): NodeId[] {
    const wallMs = this.#around.wallClock();
    const nodes = new Map<NodeId, KnownRecord>();
    const heard = [...(this.#byKey.get(key) ?? [])].flatMap((node) => this.#byNode.get(node) ?? []);
    for (const record of [...this.#around.index.recordsOf(key, wallMs), ...heard]) {
      const known = nodes.get(record.nodeId);
      nodes.set(record.nodeId, known ? newer(known, record) : record);
    }
    return [...nodes.values()].filter((one) => isCurrent(one, wallMs)).flatMap(({ homes }) => homes);
  }

  /** The index has a record that is new. */
  learn(record: IndexRecord): void {
    if (!this.#around.index.holdsAll) this.#keep(record);
    this.#out.push({ type: 'homes', key: record.key });
  }

  /** `ticket` comes back. */
  lookup(now: Millis, ticket: number, name: string, viewer: string): void {
    const { index, wallClock } = this.#around;
    this.#looking.set(index.find(now, name, wallClock()), { ticket, name, viewer });
  }

  /** Somebody whom clients here watch is to be found. */
  want(key: string): void {
    if (!this.#around.index.holdsAll && this.#wanted.size < HOMES_WANTED_MAX) this.#wanted.add(key);
  }

  /** He was seen, and is not any more. */
  lost(now: Millis, key: string): void {
    if (this.#around.index.holdsAll || this.#later.size >= HOMES_WANTED_MAX) return;
    // To the end, or whoever comes and goes all the time would keep the others waiting.
    this.#later.delete(key);
    this.#later.set(key, now + HOMES_LOST_MS);
  }

  /** An answer of the index. True when it was to a question of ours. */
  found(ticket: Ticket, records: readonly IndexRecord[], complete: boolean): boolean {
    const [looking, key] = [this.#looking.get(ticket), this.#asking.get(ticket)];
    if (!looking && key === undefined) return false;
    this.#looking.delete(ticket);
    this.#asking.delete(ticket);
    if (!this.#around.index.holdsAll) for (const record of records) this.#keep(record);
    if (looking) this.#out.push({ type: 'looked-up', ...looking, complete });
    if (key !== undefined && records.length > 0) this.#out.push({ type: 'homes', key });
    return true;
  }

  wake(now: Millis): void {
    const { index, watched, isWatched } = this.#around;
    if (this.#heldAll && !index.holdsAll) for (const key of watched()) this.want(key);
    this.#heldAll = index.holdsAll;
    if (index.holdsAll) return this.#rest();
    for (const [key, at] of this.#later) {
      if (now < at) break;
      this.#later.delete(key);
      this.want(key);
    }
    if (now >= this.#againAt) this.#again(now);
    for (const key of this.#wanted) {
      if (this.#asking.size >= HOMES_ASKED_AT_ONCE) return;
      this.#wanted.delete(key);
      if (!isWatched(key)) continue;
      this.#askedAt.set(key, now);
      this.#asking.set(index.find(now, key, this.#around.wallClock(), true), key);
    }
  }

  /** 0: at once. */
  wakeAt(): Millis {
    const { index } = this.#around;
    if (index.holdsAll !== this.#heldAll) return 0;
    if (index.holdsAll) return Number.POSITIVE_INFINITY;
    const hasRoom = this.#wanted.size > 0 && this.#asking.size < HOMES_ASKED_AT_ONCE;
    return hasRoom ? 0 : Math.min(this.#againAt, this.#later.values().next().value ?? Number.POSITIVE_INFINITY);
  }

  drain(): FinderOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** The next of those whom nobody here sees. */
  #again(now: Millis): void {
    const { watched, isWatched, isSeen } = this.#around;
    this.#againAt = now + HOMES_AGAIN_MS;
    for (let i = 0; i < LOOKED_AT; i += 1) {
      this.#turn ??= watched()[Symbol.iterator]();
      const { value: key, done } = this.#turn.next();
      if (done) {
        this.#turn = undefined;
        for (const name of this.#askedAt.keys()) if (!isWatched(name)) this.#askedAt.delete(name);
        return;
      }
      const askedAt = this.#askedAt.get(key) ?? Number.NEGATIVE_INFINITY;
      if (isSeen(key) || now < askedAt + HOMES_AGAIN_MIN_MS) continue;
      this.want(key);
      return;
    }
  }

  #rest(): void {
    for (const some of [this.#wanted, this.#later, this.#askedAt, this.#byNode, this.#byKey]) some.clear();
    this.#turn = undefined;
  }

  #keep({ sealed: _sealed, ...record }: IndexRecord): void {
    const known = this.#byNode.get(record.nodeId);
    if (known && compareVersions(known, record) > 0) return;
    this.#byNode.delete(record.nodeId);
    this.#byNode.set(record.nodeId, record);
    this.#byKey.set(record.key, (this.#byKey.get(record.key) ?? new Set()).add(record.nodeId));
    const [oldest] = this.#byNode.values();
    if (this.#byNode.size <= HOMES_KNOWN_MAX || !oldest) return;
    this.#byNode.delete(oldest.nodeId);
    const nodes = this.#byKey.get(oldest.key);
    nodes?.delete(oldest.nodeId);
    if (nodes?.size === 0) this.#byKey.delete(oldest.key);
  }
}

function newer(a: KnownRecord, b: KnownRecord): KnownRecord {
  return compareVersions(a, b) >= 0 ? a : b;
}
