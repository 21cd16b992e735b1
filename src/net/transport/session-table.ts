/**
 * The sessions of a node by our number, and who makes room when there are too many. Whoever proved nothing can push
 * out only others who proved nothing, and a node only its own sessions; so no flood of strangers and no single member
 * can throw out the people who are served. The switchboard fills it and tells of whatever it drops.
 */
import type { Millis } from '../protocol/core.ts';
import { SESSIONS_ANONYMOUS_MAX, SESSIONS_MAX, SESSIONS_PER_NODE_MAX } from '../protocol/params.ts';
import type { PeerIdentity } from './trust.ts';

export interface TableEntry {
  readonly id: number;
  readonly peer: PeerIdentity;
  /** When something authenticated last came. */
  heardAt: Millis;
}

export interface SessionBounds {
  readonly all: number;
  readonly anonymous: number;
  readonly perNode: number;
}

const BOUNDS: SessionBounds = {
  all: SESSIONS_MAX,
  anonymous: SESSIONS_ANONYMOUS_MAX,
  perNode: SESSIONS_PER_NODE_MAX,
};

export class SessionTable<E extends TableEntry> {
  readonly #bounds: SessionBounds;
  readonly #entries = new Map<number, E>();

  constructor(bounds: SessionBounds = BOUNDS) {
    this.#bounds = bounds;
  }

  get(id: number): E | undefined {
    return this.#entries.get(id);
  }

  has(id: number): boolean {
    return this.#entries.has(id);
  }

  values(): IterableIterator<E> {
    return this.#entries.values();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** True when it was there. */
  delete(id: number): boolean {
    return this.#entries.delete(id);
  }

  /** The session that had to make room for this one, already deleted; mostly nobody. */
  add(entry: E): E | undefined {
    const loser = this.#loserTo(entry);
    if (loser) this.#entries.delete(loser.id);
    this.#entries.set(entry.id, entry);
    return loser;
  }

  #loserTo({ peer }: E): E | undefined {
    const { all, anonymous, perNode } = this.#bounds;
    const alike = this.#idlest((one) => one.peer.nodeId === peer.nodeId && one.peer.kind === peer.kind);
    if (alike.count >= (peer.kind === 'anonymous' ? anonymous : perNode)) return alike.idlest;
    if (this.#entries.size < all) return undefined;
    return this.#idlest((one) => one.peer.kind === 'anonymous').idlest ?? this.#idlest(() => true).idlest;
  }

  #idlest(fits: (entry: E) => boolean): { readonly count: number; readonly idlest: E | undefined } {
    let count = 0;
    let idlest: E | undefined;
    for (const entry of this.#entries.values()) {
      if (!fits(entry)) continue;
      count += 1;
      if (!idlest || entry.heardAt < idlest.heardAt) idlest = entry;
    }
    return { count, idlest };
  }
}
