/**
 * The relays of one call: the supernodes through which its packets may be forwarded, which are those that both ends are
 * attached to (PROTOCOL.md 9.8). One of them is chosen; while it is in doubt all are used, for the same sealed packet on
 * each costs nothing but bandwidth, and then the chosen one is kept or another that was heard meanwhile takes its place.
 * Both ends rank them alike, so that they begin with the same. `path-finder.ts` tells what is heard and when to doubt.
 */
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import { PATH_SUSPECT_MS } from '../protocol/params.ts';
import { type Route, routeKey } from '../protocol/traffic.ts';

/** Node ids of supernodes, a node's first one first. */
export interface RelayLists {
  readonly ours: readonly NodeId[];
  readonly theirs: readonly NodeId[];
}

export class Relays {
  /** Through whichever supernode is our first, for when we know of none that both have. */
  readonly #any: Route;
  readonly #node: NodeId;
  #lists: RelayLists;
  #common: readonly Route[] = [];
  #chosen: Route;
  readonly #heardAt = new Map<string, Millis>();
  #doubtUntil: Millis = Number.NEGATIVE_INFINITY;

  /** `node`: the other end's. */
  constructor(node: NodeId, lists: RelayLists) {
    this.#node = node;
    this.#lists = lists;
    this.#any = { via: 'forward', node };
    this.#chosen = this.#any;
    this.#rank();
  }

  /** The one that is used when there is no doubt. */
  get chosen(): Route {
    return this.#chosen;
  }

  /** All, the chosen one first. */
  all(): readonly Route[] {
    return [this.#chosen, ...this.#common.filter((one) => routeKey(one) !== routeKey(this.#chosen))];
  }

  /** Those to be used now, the chosen one first. */
  routes(): readonly Route[] {
    return this.#doubtUntil === Number.NEGATIVE_INFINITY ? [this.#chosen] : this.all();
  }

  /** What one of the ends is attached to changed. */
  know(lists: Partial<RelayLists>): void {
    this.#lists = { ...this.#lists, ...lists };
    this.#rank();
  }

  /** Something of the other end came this way. */
  heard(now: Millis, route: Route): void {
    if (route.via === 'forward') this.#heardAt.set(routeKey(route), now);
  }

  /** All are used until then, at least. */
  doubt(until: Millis): void {
    this.#doubtUntil = Math.max(this.#doubtUntil, until);
  }

  /** Ends the doubt when it is time. True when another was chosen for the silence of the one before. */
  wake(now: Millis): boolean {
    if (now < this.wakeAt()) return false;
    this.#doubtUntil = Number.NEGATIVE_INFINITY;
    const heardAt = (route: Route): Millis => this.#heardAt.get(routeKey(route)) ?? Number.NEGATIVE_INFINITY;
    if (heardAt(this.#chosen) > now - PATH_SUSPECT_MS) return false;
    const [newest] = this.#common.toSorted((a, b) => heardAt(b) - heardAt(a));
    if (!newest || heardAt(newest) <= heardAt(this.#chosen)) return false;
    this.#chosen = newest;
    return true;
  }

  wakeAt(): Millis {
    return this.#doubtUntil === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : this.#doubtUntil;
  }

  /** Whom both are attached to, in an order that both find; the chosen one stays while it is among them. */
  #rank(): void {
    const { ours, theirs } = this.#lists;
    const place = (id: NodeId): number => ours.indexOf(id) + theirs.indexOf(id);
    const common = ours.filter((id) => theirs.includes(id));
    const ranked = common.sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
    this.#common = ranked.map((through): Route => ({ via: 'forward', node: this.#node, through }));
    const isCommon = this.#common.some((one) => routeKey(one) === routeKey(this.#chosen));
    if (!isCommon) this.#chosen = this.#common[0] ?? this.#any;
  }
}
