/**
 * What one supernode holds of the index by slots: the records under the keys of its slots, whole and signed, so that
 * whoever answers can leave one out but not change it. Answers questions, compares with the other replicas of each
 * slot, and offers what belongs to others to them. Above 400 lines, since filing, comparing and
 * offering all work on the same few maps. (This and `slot-splits.ts` are the replica's side; `slot-reads.ts`
 * and `slot-writes.ts` are the asker's.)
 *
 *   put --> read (by the caller) --> file: under each of our slots in which one of its keys lies
 *   every SLOT_COMPARE_MS, each slot, with one other replica:  ASK root --> SAME | ASK digests
 *        ASK digests --> SAME | DIFFERS versions --> puts both ways (at once while learning)
 *   a slot becomes ours: learning, until a replica that is not learning has the same
 *   a slot or a leaf leaves us: stray --STRAY_MS--> OFFER versions to a replica --> WANTED --> put; two answered: dropped
 */
import type { Millis, Random } from '../protocol/core.ts';
import { bytesOf, hexOf, type NodeId } from '../protocol/ids.ts';
import {
  ALSO_MAX,
  INDEX_SWEEP_MS,
  INDEX_SWEEP_RECORDS,
  INDEX_VERSIONS_MAX,
  RECORDS_MAX,
  RECORDS_PER_PUT_MAX,
  SLOT_ALONE_MS,
  SLOT_COMPARE_MS,
  SLOT_LEARN_MAX_MS,
  SLOT_LEARN_MS,
  STRAY_MS,
  STRAY_OFFERS,
} from '../protocol/overlay-params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { compareVersions, type IndexRecord, isCurrent } from './index-record.ts';
import { IndexStore, nameIn } from './index-store.ts';
import { type LeafMap, NAMES_LEAF, orderedKeys, textEnd } from './leaf-map.ts';
import { keyHash, type Placement } from './placement.ts';
import { wordsOf } from './search-pattern.ts';
import {
  bucketOf,
  differing,
  emptyDigests,
  readVersion,
  rootOf,
  stamp,
  type Version,
  versionOf,
} from './slot-versions.ts';

/** Numbers on the wire. */
export const COMPARE = { ask: 0, same: 1, differs: 2, offer: 3, wanted: 4, leaves: 5 } as const;

export type ShelfOutput =
  | { readonly type: 'send'; readonly to: NodeId; readonly message: Message }
  | { readonly type: 'record'; readonly record: IndexRecord };

interface Filed {
  record: IndexRecord;
  /** Words of earlier records of that name: who knows of those there must learn of this. */
  readonly also: Set<string>;
  readonly nameHash: number;
  /** Those of our slots that it lies in. */
  slots: readonly number[];
}

interface Slot {
  readonly nodes: Set<NodeId>;
  readonly digests: Buffer;
  learning: boolean;
  /** When it began to learn, and when something new came last meanwhile. */
  began: Millis;
  since: Millis;
  compareAt: Millis;
}

interface Strays {
  readonly nodes: Set<NodeId>;
  readonly answered: Set<NodeId>;
  offerAt: Millis;
}

export class SlotShelf {
  readonly store = new IndexStore();
  readonly #self: NodeId;
  readonly #placement: Placement;
  readonly #leaves: LeafMap;
  readonly #random: Random;
  readonly #wallClock: () => number;
  readonly #changed: (leaf: string) => void;
  readonly #filed = new Map<NodeId, Filed>();
  readonly #withAlso = new Set<NodeId>();
  readonly #slots = new Map<number, Slot>();
  readonly #strays = new Map<number, Strays>();
  readonly #leafHashes = new Map<string, number>();
  /** How many slots there were when everything was filed. */
  #slotCount = 0;
  #sweepAt: Millis = 0;
  #compareAt: Millis = 0;
  #out: ShelfOutput[] = [];

  constructor(options: {
    readonly self: NodeId;
    readonly placement: Placement;
    readonly leaves: LeafMap;
    readonly random: Random;
    readonly wallClock: () => number;
    /** What lies in this leaf is not what it was. */
    readonly changed: (leaf: string) => void;
  }) {
    this.#self = options.self;
    this.#changed = options.changed;
    this.#placement = options.placement;
    this.#leaves = options.leaves;
    this.#random = options.random;
    this.#wallClock = options.wallClock;
  }

  /** Is one of our slots still without what it should have? */
  get isLearning(): boolean {
    return [...this.#slots.values()].some(({ learning }) => learning);
  }

  get slots(): number[] {
    return [...this.#slots.keys()];
  }

  /** Do we hold this slot, and all of it? */
  knows(slot: number): boolean {
    return this.#slots.get(slot)?.learning === false;
  }

  slotOfName(key: string): number {
    return this.#placement.slotOf(keyHash(`${NAMES_LEAF}${key}`));
  }

  slotOfLeaf(leaf: string): number {
    let hash = this.#leafHashes.get(leaf);
    if (hash === undefined) {
      hash = keyHash(`leaf ${leaf}`);
      // Of leaves alone, of which there is a bound: others may ask for any text.
      if (this.#leaves.leafOf(leaf) === leaf) this.#leafHashes.set(leaf, hash);
    }
    return this.#placement.slotOf(hash);
  }

  /** The leaves in which a record lies. */
  leavesOf(record: IndexRecord, also: Iterable<string>): string[] {
    const leaves: string[] = [];
    for (const key of orderedKeys(record, also)) {
      const leaf = this.#leaves.leafOf(key);
      if (!leaves.includes(leaf)) leaves.push(leaf);
    }
    return leaves;
  }

  /** The slots in which a record lies. */
  slotsOf(record: IndexRecord, also: Iterable<string>, nameHash?: number): number[] {
    const slots = [nameHash === undefined ? this.slotOfName(record.key) : this.#placement.slotOf(nameHash)];
    for (const leaf of this.leavesOf(record, also)) {
      const slot = this.slotOfLeaf(leaf);
      if (!slots.includes(slot)) slots.push(slot);
    }
    return slots;
  }

  alsoOf(node: NodeId): ReadonlySet<string> | undefined {
    return this.#filed.get(node)?.also;
  }

  // ------------------------------------------------------------------ filing

  /** Takes a record that was read and found good, or one that is here with more words. False: no room. */
  file(now: Millis, record: IndexRecord, words: readonly string[] = []): boolean {
    const old = this.#filed.get(record.nodeId);
    if (!old && this.store.size >= RECORDS_MAX) return false;
    const newer = !old || compareVersions(record, old.record) > 0;
    const kept = newer ? record : old.record;
    const also = new Set([...(old?.also ?? []), ...words, ...(newer && old ? wordsOf(old.record.displayName) : [])]);
    for (const word of wordsOf(kept.displayName)) also.delete(word);
    const limited = new Set([...also].slice(0, ALSO_MAX));
    if (!newer && limited.size === old.also.size) return true;
    if (old) this.#unfile(old);
    this.#touch(kept.key);
    if (newer) {
      this.store.put(kept);
      this.#out.push({ type: 'record', record: kept });
    }
    const nameHash = old?.nameHash ?? keyHash(`${NAMES_LEAF}${kept.key}`);
    const filed: Filed = { record: kept, also: limited, nameHash, slots: [] };
    this.#filed.set(kept.nodeId, filed);
    if (limited.size > 0) this.#withAlso.add(kept.nodeId);
    const all = this.#place(filed);
    this.#touch(kept.key);
    if (filed.slots.length === 0) this.#strayFrom(now, filed, all);
    for (const slot of newer ? filed.slots : []) this.#slots.get(slot)!.since = now;
    return true;
  }

  /** Words of other records of that name, and of earlier ones of this node: their leaves must learn of it. */
  wordsToTell(record: IndexRecord): string[] {
    const own = new Set(wordsOf(record.displayName));
    const others = this.store.find(record.key, 0).filter(({ nodeId }) => nodeId !== record.nodeId);
    const words = [...(this.alsoOf(record.nodeId) ?? []), ...others.flatMap((one) => wordsOf(one.displayName))];
    return [...new Set(words)].filter((word) => !own.has(word)).slice(0, ALSO_MAX);
  }

  /** All leaves of this person: in each the newest of all nodes counts. */
  #touch(key: string): void {
    for (const record of this.store.find(key, 0)) {
      for (const leaf of this.leavesOf(record, this.alsoOf(record.nodeId) ?? [])) this.#changed(leaf);
    }
  }

  #unfile(filed: Filed): void {
    for (const slot of filed.slots) this.#unmark(slot, filed.record);
    filed.slots = [];
  }

  /** All of its slots, ours and others'. */
  #place(filed: Filed): number[] {
    const all = this.slotsOf(filed.record, filed.also, filed.nameHash);
    filed.slots = all.filter((slot) => this.#slots.has(slot));
    for (const slot of filed.slots) this.#mark(slot, filed.record);
    return all;
  }

  #strayFrom(now: Millis, filed: Filed, all: readonly number[]): void {
    for (const slot of all) if (!this.#slots.has(slot)) this.#stray(now, slot, filed.record.nodeId);
  }

  /** The number of slots has changed: what we no longer hold belongs to others. */
  #replace(now: Millis, filed: Filed): void {
    const before = filed.slots;
    this.#unfile(filed);
    const all = this.#place(filed);
    const left = before.some((slot) => !filed.slots.includes(slot));
    if (left || filed.slots.length === 0) this.#strayFrom(now, filed, all);
  }

  #stray(now: Millis, slot: number, node: NodeId): void {
    const strays = this.#strays.get(slot) ?? { nodes: new Set(), answered: new Set(), offerAt: now + STRAY_MS };
    strays.answered.clear();
    strays.nodes.add(node);
    this.#strays.set(slot, strays);
  }

  #mark(slot: number, record: IndexRecord): void {
    const held = this.#slots.get(slot);
    if (!held || held.nodes.has(record.nodeId)) return;
    held.nodes.add(record.nodeId);
    stamp(held.digests, record);
  }

  #unmark(slot: number, record: IndexRecord): void {
    const held = this.#slots.get(slot);
    if (held?.nodes.delete(record.nodeId)) stamp(held.digests, record);
  }

  /** Its account has revoked this node. */
  revoked(key: string, node: NodeId): void {
    if (this.store.get(node)?.key === key) this.#forget(node);
  }

  #forget(node: NodeId): void {
    const filed = this.#filed.get(node);
    if (!filed) return;
    this.#touch(filed.record.key);
    this.#unfile(filed);
    this.#filed.delete(node);
    this.#withAlso.delete(node);
    this.store.delete(node);
  }

  // ------------------------------------------------------------------ what is ours

  /** The members have changed: takes over slots and leaves others. `know`: what comes is known to be here already. */
  placed(now: Millis, know = false): void {
    const slots = this.#placement.slots;
    const halved = slots < this.#slotCount;
    const resized = slots !== this.#slotCount;
    const ours = new Set<number>();
    for (let slot = 0; slot < slots; slot += 1) {
      if (this.#placement.replicas(slot).includes(this.#self)) ours.add(slot);
    }
    const lost = [...this.#slots.keys()].filter((slot) => !ours.has(slot));
    const gained = [...ours].filter((slot) => !this.#slots.has(slot));
    this.#slotCount = slots;
    if (lost.length === 0 && gained.length === 0 && !resized) return;
    for (const slot of gained) {
      const [nodes, digests] = [new Set<NodeId>(), emptyDigests()];
      this.#slots.set(slot, { nodes, digests, learning: !know, began: now, since: now, compareAt: now });
    }
    // Two slots became one: only one half of it is here for sure.
    if (halved)
      for (const slot of this.#slots.values()) Object.assign(slot, { learning: true, began: now, since: now });
    for (const slot of lost) {
      const { nodes } = this.#slots.get(slot)!;
      this.#slots.delete(slot);
      if (slot < slots) for (const node of nodes) this.#stray(now, slot, node);
    }
    for (const slot of ours) this.#strays.delete(slot);
    for (const filed of this.#filed.values()) {
      if (resized) this.#replace(now, filed);
      else {
        this.#unfile(filed);
        this.#place(filed);
      }
    }
    this.#compareAt = now;
  }

  /** Separators that others told: what lies behind new ones moves. */
  learnLeaves(now: Millis, separators: readonly string[]): string[] {
    const fresh: string[] = [];
    for (const leaf of separators) {
      const parent = this.#leaves.leafOf(leaf);
      if (this.#leaves.learn([leaf]).length === 0) continue;
      fresh.push(leaf);
      this.#changed(parent);
      this.#moveLeaf(now, leaf, this.#slots.has(this.slotOfLeaf(parent)));
    }
    return fresh;
  }

  /** `held`: all that lay there before was ours. */
  #moveLeaf(now: Millis, leaf: string, held: boolean): void {
    const target = this.slotOfLeaf(leaf);
    const nodes = new Set(this.recordsIn(leaf, this.#leaves.endOf(leaf)).map(({ nodeId }) => nodeId));
    for (const node of leaf.startsWith(NAMES_LEAF) ? nodes : [...nodes, ...this.#withAlso]) {
      const filed = this.#filed.get(node);
      if (!filed) continue;
      this.#unfile(filed);
      this.#place(filed);
      if ((held || filed.slots.length === 0) && !this.#slots.has(target)) this.#stray(now, target, node);
    }
  }

  /** Ordered keys that are here from one on, to another that is left out. */
  *keysIn(from: string, to: string): Generator<string, void> {
    const kind = from.slice(0, 2);
    const texts = kind === NAMES_LEAF ? 'names' : 'postings';
    for (const text of this.store[texts](from.slice(2), textEnd(from, to))) yield `${kind}${text}`;
  }

  /** The records with such keys. */
  recordsIn(from: string, to: string): IndexRecord[] {
    const found = new Set<IndexRecord>();
    for (const key of this.keysIn(from, to)) {
      const name = key.startsWith(NAMES_LEAF) ? key.slice(2) : nameIn(key);
      for (const record of this.store.find(name, 0)) found.add(record);
    }
    return [...found];
  }

  // ------------------------------------------------------------------ time

  wake(now: Millis): void {
    if (now >= this.#compareAt) this.#compareDue(now);
    for (const [slot, strays] of this.#strays) if (now >= strays.offerAt) this.#offer(now, slot, strays);
    if (now < this.#sweepAt) return;
    this.#sweepAt = now + INDEX_SWEEP_MS;
    for (const { nodeId } of this.store.ended(this.#wallClock(), INDEX_SWEEP_RECORDS)) this.#forget(nodeId);
  }

  wakeAt(): Millis {
    let at = Math.min(this.#sweepAt, this.#compareAt);
    for (const { offerAt } of this.#strays.values()) at = Math.min(at, offerAt);
    return at;
  }

  drain(): ShelfOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Gives records as they are, with the words that they are filed under. */
  give(to: NodeId, records: readonly IndexRecord[]): void {
    for (let at = 0; at < records.length; at += RECORDS_PER_PUT_MAX) {
      const entries = records.slice(at, at + RECORDS_PER_PUT_MAX).map((one) => this.wireOf(one));
      this.#send(to, message('slotPut', { entries }));
    }
  }

  wireOf({ nodeId, sealed }: IndexRecord) {
    return { entry: sealed, also: [...(this.alsoOf(nodeId) ?? [])] };
  }

  // ------------------------------------------------------------------ comparing

  #compareDue(now: Millis): void {
    let next = now + SLOT_COMPARE_MS;
    for (const [slot, held] of this.#slots) {
      if (now >= held.compareAt) {
        const every = held.learning ? SLOT_LEARN_MS : SLOT_COMPARE_MS;
        held.compareAt = now + every * (0.8 + 0.4 * this.#random.fraction());
        const to = this.#someReplica(slot, []);
        if (to === undefined) held.learning = false;
        else this.#compare(to, { step: COMPARE.ask, slot, learning: held.learning, ...digestsOf(held) });
      }
      next = Math.min(next, held.compareAt);
    }
    this.#compareAt = next;
  }

  #someReplica(slot: number, not: Iterable<NodeId>): NodeId | undefined {
    const left = new Set(this.#placement.replicas(slot));
    for (const id of [this.#self, ...not]) left.delete(id);
    return [...left][Math.floor(this.#random.fraction() * left.size)];
  }

  /** A comparison from a certified supernode. */
  receive(now: Millis, from: NodeId, body: Body<'slotCompare'>): void {
    const { step } = body;
    if (step === COMPARE.ask) this.#answer(from, body);
    else if (step === COMPARE.same) this.#agreed(now, body);
    else if (step === COMPARE.differs) this.#settle(now, from, body);
    else if (step === COMPARE.offer) this.#choose(from, body);
    else if (step === COMPARE.wanted) this.#wanted(from, body);
  }

  #answer(from: NodeId, { slot, digests, root }: Body<'slotCompare'>): void {
    const held = this.#slots.get(slot);
    if (held && digests.length === 0 && root.length > 0) {
      const isSame = rootOf(held.digests).equals(root);
      // The other says then what it has, and we who settle it.
      const all = isSame ? {} : { digests: Buffer.from(held.digests) };
      return this.#compare(from, { step: isSame ? COMPARE.same : COMPARE.ask, slot, learning: held.learning, ...all });
    }
    if (!held || digests.length !== held.digests.length) return;
    const buckets = differing(held.digests, digests);
    if (buckets.size === 0) return this.#compare(from, { step: COMPARE.same, slot, learning: held.learning });
    const told: number[] = [];
    const versions: Version[] = [];
    for (const [bucket, records] of this.#byBucket(held, buckets)) {
      // Whole buckets only: who is not told of a record takes it for missing.
      if (told.length > 0 && versions.length + records.length > INDEX_VERSIONS_MAX) break;
      told.push(bucket);
      versions.push(...records.map(versionOf));
    }
    const learning = held.learning || told.length < buckets.size;
    this.#compare(from, { step: COMPARE.differs, slot, learning, buckets: Buffer.from(told), versions } as never);
  }

  /**
   * Who is not learning has no more than we have. When all are new, so they are when nothing comes any more; in a network
   * where somebody signs in all the time that is never, and after so long everybody has compared with everybody.
   */
  #agreed(now: Millis, { slot, learning }: Body<'slotCompare'>): void {
    const held = this.#slots.get(slot);
    if (!held) return;
    const calm = now >= held.since + SLOT_ALONE_MS || now >= held.began + SLOT_LEARN_MAX_MS;
    if (!learning || calm) held.learning = false;
  }

  #settle(now: Millis, from: NodeId, { slot, learning, buckets, versions }: Body<'slotCompare'>): void {
    const held = this.#slots.get(slot);
    if (!held) return;
    const theirs = new Map(versions.slice(0, INDEX_VERSIONS_MAX).flatMap(readVersion));
    const wanted = this.#missing(theirs);
    if (wanted.length > 0) {
      this.#compare(from, { step: COMPARE.wanted, slot, wanted });
      if (held.learning) held.compareAt = this.#compareAt = Math.min(this.#compareAt, now + SLOT_LEARN_MS / 2);
    } else if (!learning) held.learning = false;
    const wallMs = this.#wallClock();
    const mine = [...this.#byBucket(held, new Set(buckets)).values()].flat();
    const newer = mine.filter((one) => {
      const version = theirs.get(one.nodeId);
      return isCurrent(one, wallMs) && (!version || compareVersions(one, version) > 0);
    });
    this.give(from, newer);
  }

  /** What is newer there than here. */
  #missing(theirs: ReadonlyMap<NodeId, Pick<Version, 'signedInAtMs' | 'sequence'>>): Buffer[] {
    const wallMs = this.#wallClock();
    const wanted: Buffer[] = [];
    for (const [id, version] of theirs) {
      const mine = this.store.get(id);
      if ((!mine || compareVersions(version, mine) > 0) && isCurrent(version, wallMs)) wanted.push(bytesOf(id));
    }
    return wanted;
  }

  #byBucket({ nodes }: Slot, wanted: ReadonlySet<number>): Map<number, IndexRecord[]> {
    const found = new Map<number, IndexRecord[]>([...wanted].map((bucket) => [bucket, []]));
    for (const node of nodes) {
      const record = this.store.get(node);
      if (record) found.get(bucketOf(node))?.push(record);
    }
    return found;
  }

  #wanted(from: NodeId, { slot, wanted }: Body<'slotCompare'>): void {
    this.give(
      from,
      wanted.slice(0, INDEX_VERSIONS_MAX).flatMap((id) => this.store.get(hexOf(id)) ?? []),
    );
    const strays = this.#strays.get(slot);
    if (!strays) return;
    strays.answered.add(from);
    const needed = Math.min(STRAY_OFFERS, this.#placement.replicas(slot).length);
    if (strays.answered.size >= needed) this.#dropStrays(slot, strays);
  }

  // ------------------------------------------------------------------ what belongs to others

  #offer(now: Millis, slot: number, strays: Strays): void {
    strays.offerAt = now + STRAY_MS * (0.8 + 0.4 * this.#random.fraction());
    for (const node of strays.nodes) {
      const filed = this.#filed.get(node);
      const still = filed && this.slotsOf(filed.record, filed.also, filed.nameHash).includes(slot);
      if (!still) strays.nodes.delete(node);
    }
    const to = this.#someReplica(slot, strays.answered);
    if (strays.nodes.size === 0 || to === undefined || this.#slots.has(slot)) return this.#dropStrays(slot, strays);
    const records = [...strays.nodes].slice(0, INDEX_VERSIONS_MAX).flatMap((node) => this.store.get(node) ?? []);
    this.#compare(to, { step: COMPARE.offer, slot, versions: records.map(versionOf) } as never);
  }

  /** Another's strays: the answer names what is not here, and may name nothing. */
  #choose(from: NodeId, { slot, versions }: Body<'slotCompare'>): void {
    const theirs = new Map(versions.slice(0, INDEX_VERSIONS_MAX).flatMap(readVersion));
    this.#compare(from, { step: COMPARE.wanted, slot, wanted: this.#missing(theirs) });
  }

  #dropStrays(slot: number, strays: Strays): void {
    this.#strays.delete(slot);
    const [offered, later] = [
      [...strays.nodes].slice(0, INDEX_VERSIONS_MAX),
      [...strays.nodes].slice(INDEX_VERSIONS_MAX),
    ];
    if (later.length > 0)
      this.#strays.set(slot, { nodes: new Set(later), answered: new Set(), offerAt: strays.offerAt });
    for (const node of offered) {
      const waits = [...this.#strays.values()].some(({ nodes }) => nodes.has(node));
      if (!waits && this.#filed.get(node)?.slots.length === 0) this.#forget(node);
    }
  }

  #compare(to: NodeId, body: Partial<Body<'slotCompare'>>): void {
    this.#send(to, message('slotCompare', { ...body, leafDigest: this.#leaves.digest }));
  }

  #send(to: NodeId, value: Message): void {
    this.#out.push({ type: 'send', to, message: value });
  }
}

/** Who learns expects a difference. */
function digestsOf({ learning, digests }: Slot): { readonly digests: Buffer } | { readonly root: Buffer } {
  return learning ? { digests: Buffer.from(digests) } : { root: rootOf(digests) };
}
