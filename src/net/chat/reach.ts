/**
 * Who is within reach, by which nodes: folded from `peer-seen` and `peer-gone`, which the node hands to every chat
 * core. Presence and messenger each keep one. Strangers can be seen as well, hence the bound.
 */
import { foldName, type NodeId } from '../protocol/ids.ts';
import { NODES_PER_PERSON_MAX, PEERS_MAX } from '../protocol/params.ts';

export class Reach {
  /** Folded name -> its nodes; both the least recently seen first. */
  readonly #nodesOf = new Map<string, Set<NodeId>>();

  seen(name: string, node: NodeId): void {
    const key = foldName(name);
    const nodes = this.#nodesOf.get(key) ?? new Set();
    nodes.delete(node);
    nodes.add(node);
    if (nodes.size > NODES_PER_PERSON_MAX) dropFirst(nodes);
    this.#nodesOf.delete(key);
    this.#nodesOf.set(key, nodes);
    if (this.#nodesOf.size > PEERS_MAX) dropFirst(this.#nodesOf);
  }

  gone(name: string, node: NodeId): void {
    const key = foldName(name);
    const nodes = this.#nodesOf.get(key);
    nodes?.delete(node);
    if (nodes?.size === 0) this.#nodesOf.delete(key);
  }

  has(name: string): boolean {
    return this.#nodesOf.has(foldName(name));
  }

  nodes(name: string): ReadonlySet<NodeId> {
    return this.#nodesOf.get(foldName(name)) ?? NOBODY;
  }

  /** Folded. */
  names(): string[] {
    return [...this.#nodesOf.keys()];
  }

  /** We left the network: nobody is within reach. */
  clear(): void {
    this.#nodesOf.clear();
  }
}

const NOBODY: ReadonlySet<NodeId> = new Set();

function dropFirst(collection: Set<NodeId> | Map<string, Set<NodeId>>): void {
  for (const first of collection.keys()) {
    collection.delete(first as NodeId);
    return;
  }
}
