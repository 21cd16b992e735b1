/**
 * Cutting leaves in two. The first replica of a leaf's slot watches it; above LEAF_MAX keys it offers the upper half to
 * the replicas of the slot where that will lie, and when WRITE_ACKS of them have what they lacked, it tells the new
 * separator to the replicas of both. All others hear of it by gossip, or when they ask for what has moved.
 */
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import { LEAF_CHECK_MS, LEAF_MAX, LEAF_TEXT_MAX, WRITE_ACKS } from '../protocol/overlay-params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { type LeafMap, separatorBetween } from './leaf-map.ts';
import type { Placement } from './placement.ts';
import { COMPARE, type SlotShelf } from './slot-shelf.ts';
import { versionOf } from './slot-versions.ts';

/** Offers that are not answered by then are made again later. */
const SPLIT_LIMIT_MS = 3_000;
/** Keys that move at once at most: more are cut off bit by bit, from the end. */
const MOVED_MAX = 4 * LEAF_MAX;

interface Split {
  readonly leaf: string;
  readonly separator: string;
  readonly ready: Set<NodeId>;
  readonly until: Millis;
}

export class SlotSplits {
  readonly #self: NodeId;
  readonly #placement: Placement;
  readonly #leaves: LeafMap;
  readonly #shelf: SlotShelf;
  /** Leaves that something came to. */
  readonly #grown = new Set<string>();
  /** By the slot that the upper half goes to. */
  readonly #splits = new Map<number, Split>();
  #checkAt: Millis = Number.POSITIVE_INFINITY;
  #out: { readonly to: NodeId; readonly message: Message }[] = [];

  constructor(self: NodeId, placement: Placement, leaves: LeafMap, shelf: SlotShelf) {
    this.#self = self;
    this.#placement = placement;
    this.#leaves = leaves;
    this.#shelf = shelf;
  }

  grown(now: Millis, leaves: Iterable<string>): void {
    for (const leaf of leaves) this.#grown.add(leaf);
    this.#checkAt = Math.min(this.#checkAt, now + LEAF_CHECK_MS);
  }

  wake(now: Millis): void {
    if (now < this.#checkAt) return;
    this.#checkAt = Number.POSITIVE_INFINITY;
    for (const [slot, split] of this.#splits) {
      if (now < split.until) continue;
      this.#splits.delete(slot);
      this.#grown.add(split.leaf);
    }
    for (const leaf of this.#grown) if (this.#check(now, leaf)) this.#grown.delete(leaf);
    if (this.#grown.size > 0 || this.#splits.size > 0) this.#checkAt = now + LEAF_CHECK_MS;
  }

  wakeAt(): Millis {
    return this.#checkAt;
  }

  /** What a replica lacked it is given (by the shelf) before this is called. */
  receive(now: Millis, from: NodeId, { slot }: Body<'slotCompare'>): void {
    const split = this.#splits.get(slot);
    if (!split) return;
    split.ready.add(from);
    const replicas = this.#placement.replicas(slot);
    const ready = replicas.filter((id) => id === this.#self || split.ready.has(id));
    if (ready.length >= Math.min(WRITE_ACKS, replicas.length)) this.#cut(now, slot, split);
  }

  drain(): { readonly to: NodeId; readonly message: Message }[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** False: to be looked at again. */
  #check(now: Millis, leaf: string): boolean {
    const slot = this.#shelf.slotOfLeaf(leaf);
    if (this.#leaves.leafOf(leaf) !== leaf || this.#placement.replicas(slot)[0] !== this.#self) return true;
    if (!this.#shelf.knows(slot)) return false;
    const end = this.#leaves.endOf(leaf);
    const keys = [...this.#shelf.keysIn(leaf, end)];
    if (keys.length <= LEAF_MAX) return true;
    const middle = Math.max(keys.length >> 1, keys.length - MOVED_MAX);
    const separator = separatorBetween(keys[middle - 1] as string, keys[middle] as string);
    if (separator.length > LEAF_TEXT_MAX) return true;
    const target = this.#shelf.slotOfLeaf(separator);
    if (this.#splits.has(target)) return false;
    const split = { leaf, separator, ready: new Set<NodeId>(), until: now + SPLIT_LIMIT_MS };
    this.#splits.set(target, split);
    const others = this.#placement.replicas(target).filter((id) => id !== this.#self);
    const versions = others.length > 0 ? this.#shelf.recordsIn(separator, end).map(versionOf) : [];
    const offer = message('slotCompare', { step: COMPARE.offer, slot: target, versions } as never);
    for (const to of others) this.#out.push({ to, message: offer });
    if (others.length === 0) this.#cut(now, target, split);
    return true;
  }

  #cut(now: Millis, target: number, { leaf, separator }: Split): void {
    this.#splits.delete(target);
    this.#shelf.learnLeaves(now, [separator]);
    const told = message('slotCompare', { step: COMPARE.leaves, leaves: [separator] });
    const replicas = [this.#shelf.slotOfLeaf(leaf), target].flatMap((slot) => this.#placement.replicas(slot));
    for (const to of new Set(replicas)) if (to !== this.#self) this.#out.push({ to, message: told });
    this.grown(now, [leaf, separator]);
  }
}
