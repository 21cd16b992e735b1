/**
 * Where a key of the Global Index lies while supernodes are many (pure): a key falls into one of S slots, and a slot is
 * held by the REPLICAS supernodes with the highest rendezvous score (Thaler and Ravishankar 1998), so that the coming
 * or going of one moves only what it holds. Everybody who knows the same members says the same.
 *
 *   S = the power of two nearest N / SLOT_SUPERNODES      slot(key) = first 4 bytes of H(key), modulo S
 *   score = H(supernode id | its day | slot)
 *
 * The day of each supernode begins at a time of its own, so that the daily reshuffle (global-index.md 4.3) moves one
 * supernode at a time. Addresses are not known here: nothing keeps two replicas out of one network.
 */
import { createHash } from 'node:crypto';
import type { NodeId } from '../protocol/ids.ts';
import { REPLICAS, SLOT_SUPERNODES, SLOTS_MAX } from '../protocol/overlay-params.ts';

const DAY_MS = 86_400_000;
/** Scores that one SHA-512 gives, 6 bytes of 8 each. */
const SCORES_PER_HASH = 8;

/** Slots for so many supernodes. */
export function slotCount(supernodes: number): number {
  const slots = 2 ** Math.round(Math.log2(Math.max(1, supernodes / SLOT_SUPERNODES)));
  return Math.min(SLOTS_MAX, slots);
}

/** What `slotOf` reduces: the same for any number of slots. */
export function keyHash(key: string): number {
  return createHash('sha256').update(key).digest().readUInt32BE(0);
}

/** The day of this supernode at a time of the wall clock. */
export function dayOf(id: NodeId, wallMs: number): number {
  return Math.floor((wallMs + (Number.parseInt(id.slice(0, 8), 16) % DAY_MS)) / DAY_MS);
}

/** Scores of supernodes for slots, kept: they are asked for again and again. */
export class ScoreBook {
  readonly #pages = new Map<NodeId, { readonly day: number; readonly scores: number[] }>();

  score(id: NodeId, day: number, slot: number): number {
    let page = this.#pages.get(id);
    if (page?.day !== day) {
      page = { day, scores: [] };
      this.#pages.set(id, page);
    }
    const known = page.scores[slot];
    if (known !== undefined) return known;
    const block = Math.floor(slot / SCORES_PER_HASH);
    const hash = createHash('sha512').update(`${id} ${day} ${block}`).digest();
    for (let i = 0; i < SCORES_PER_HASH; i += 1) page.scores[block * SCORES_PER_HASH + i] = hash.readUIntBE(i * 8, 6);
    return page.scores[slot] as number;
  }

  forget(id: NodeId): void {
    this.#pages.delete(id);
  }
}

/** What follows from knowing certain members at a certain time. Two who know the same may share it. */
export interface PlacementView {
  readonly members: readonly NodeId[];
  readonly days: ReadonlyMap<NodeId, number>;
  readonly slots: number;
  /** Filled in as it is asked for. */
  readonly replicas: Map<number, readonly NodeId[]>;
}

/** All that live, ourselves included, at this time of the wall clock. */
export function placementView(members: readonly NodeId[], wallMs: number): PlacementView {
  const days = new Map(members.map((id) => [id, dayOf(id, wallMs)]));
  return { members, days, slots: slotCount(members.length), replicas: new Map() };
}

export class Placement {
  readonly #book: ScoreBook;
  #view: PlacementView = placementView([], 0);

  /** A book may be shared by many placements of one process. */
  constructor(book = new ScoreBook()) {
    this.#book = book;
  }

  get slots(): number {
    return this.#view.slots;
  }

  get members(): readonly NodeId[] {
    return this.#view.members;
  }

  /** Takes what somebody else found out. */
  adopt(view: PlacementView): void {
    this.#view = view;
  }

  /** All that live, ourselves included, at this time of the wall clock. True when any slot may be held by others now. */
  set(members: readonly NodeId[], wallMs: number): boolean {
    const old = this.#view;
    const view = placementView(members, wallMs);
    const went = [...old.days.keys()].filter((id) => view.days.get(id) !== old.days.get(id));
    const came = members.filter((id) => view.days.get(id) !== old.days.get(id));
    if (went.length === 0 && came.length === 0) return false;
    this.#view = view;
    if (view.slots !== old.slots) return true;
    for (const [slot, held] of old.replicas) if (!this.#isMoved(slot, held, went, came)) view.replicas.set(slot, held);
    return true;
  }

  slotOf(hash: number): number {
    return hash % this.#view.slots;
  }

  /** Who holds a slot, the highest score first; all members when they are fewer than REPLICAS. */
  replicas(slot: number): readonly NodeId[] {
    let held = this.#view.replicas.get(slot);
    if (!held) {
      held = this.#best(slot);
      this.#view.replicas.set(slot, held);
    }
    return held;
  }

  #score(id: NodeId, slot: number): number {
    return this.#book.score(id, this.#view.days.get(id) ?? 0, slot);
  }

  #isMoved(slot: number, held: readonly NodeId[], went: readonly NodeId[], came: readonly NodeId[]): boolean {
    if (held.length < REPLICAS || went.some((id) => held.includes(id))) return true;
    const least = this.#score(held.at(-1) as NodeId, slot);
    return came.some((id) => this.#score(id, slot) >= least);
  }

  #best(slot: number): NodeId[] {
    const best: { readonly id: NodeId; readonly score: number }[] = [];
    for (const id of this.#view.members) {
      const score = this.#score(id, slot);
      const last = best.at(-1);
      if (best.length === REPLICAS && last && !isAhead({ id, score }, last)) continue;
      let at = best.length;
      while (at > 0 && isAhead({ id, score }, best[at - 1] as Scored)) at -= 1;
      best.splice(at, 0, { id, score });
      if (best.length > REPLICAS) best.pop();
    }
    return best.map(({ id }) => id);
  }
}

interface Scored {
  readonly id: NodeId;
  readonly score: number;
}

function isAhead(a: Scored, b: Scored): boolean {
  return a.score > b.score || (a.score === b.score && a.id < b.id);
}
