/**
 * Who at other supernodes wants to hear of people who are attached here: one interest for each of their clients and
 * each name it watches. `refresh` compares what each was told with what it may know now, and says the difference; so
 * coming, leaving and hiding are one and the same.
 */
import type { NodeId } from '../protocol/ids.ts';
import { INTERESTS_MAX, INTERESTS_OF_ONE_MAX } from '../protocol/overlay-params.ts';

/** Nodes of the person with this folded name that are attached here and that `viewer` (a name) may know of. */
export type VisibleNodes = (key: string, viewer: string) => readonly { readonly node: NodeId; readonly name: string }[];

export interface Told {
  readonly to: NodeId;
  readonly watcherNode: NodeId;
  readonly name: string;
  readonly node: NodeId;
  readonly attached: boolean;
}

interface Interest {
  readonly from: NodeId;
  readonly watcher: string;
  readonly watcherNode: NodeId;
  /** Names by node: what it was told to be here. */
  readonly told: Map<NodeId, string>;
}

export class Interests {
  readonly #visible: VisibleNodes;
  /** By folded name, then by supernode and watching node. */
  readonly #byKey = new Map<string, Map<string, Interest>>();
  /** Which names a supernode told us of. */
  readonly #keysOf = new Map<NodeId, Set<string>>();
  readonly #countOf = new Map<NodeId, number>();
  #size = 0;

  constructor(visible: VisibleNodes) {
    this.#visible = visible;
  }

  get size(): number {
    return this.#size;
  }

  /** False when there is no room, or this supernode has its part of it. */
  add(from: NodeId, key: string, watcher: string, watcherNode: NodeId): boolean {
    const interests = this.#byKey.get(key) ?? new Map<string, Interest>();
    const id = `${from} ${watcherNode}`;
    if (interests.has(id)) return true;
    const count = this.#countOf.get(from) ?? 0;
    if (this.#size >= INTERESTS_MAX || count >= INTERESTS_OF_ONE_MAX) return false;
    this.#byKey.set(key, interests.set(id, { from, watcher, watcherNode, told: new Map() }));
    const keys = this.#keysOf.get(from) ?? new Set<string>();
    this.#keysOf.set(from, keys.add(key));
    this.#countOf.set(from, count + 1);
    this.#size += 1;
    return true;
  }

  drop(from: NodeId, key: string, watcherNode: NodeId): void {
    const interests = this.#byKey.get(key);
    if (!interests?.delete(`${from} ${watcherNode}`)) return;
    this.#size -= 1;
    this.#countOf.set(from, (this.#countOf.get(from) ?? 1) - 1);
    if (interests.size === 0) this.#byKey.delete(key);
    if (![...interests.values()].some((one) => one.from === from)) this.#keysOf.get(from)?.delete(key);
  }

  /** All that this supernode told us. */
  dropAll(from: NodeId): void {
    for (const key of [...(this.#keysOf.get(from) ?? [])]) {
      for (const one of [...(this.#byKey.get(key)?.values() ?? [])]) {
        if (one.from === from) this.drop(from, key, one.watcherNode);
      }
    }
    this.#keysOf.delete(from);
    this.#countOf.delete(from);
  }

  /** Something changed about this person here: what each who is interested must be told. */
  refresh(key: string): Told[] {
    const told: Told[] = [];
    for (const one of this.#byKey.get(key)?.values() ?? []) {
      const now = new Map(this.#visible(key, one.watcher).map(({ node, name }) => [node, name]));
      const { from: to, watcherNode } = one;
      for (const [node, name] of one.told) {
        if (now.has(node)) continue;
        one.told.delete(node);
        told.push({ to, watcherNode, name, node, attached: false });
      }
      for (const [node, name] of now) {
        if (one.told.has(node)) continue;
        one.told.set(node, name);
        told.push({ to, watcherNode, name, node, attached: true });
      }
    }
    return told;
  }
}
