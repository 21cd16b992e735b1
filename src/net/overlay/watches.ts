/**
 * What the clients of this supernode watch at other supernodes, as it was told there, and whom they have seen there.
 * Changes are gathered, so that what is added and dropped in one breath is never told.
 *
 *   add, remove, leave --> changes (Interests)      seen --> is that news to the client?
 *   begin (a new session) ... settled: who was not seen again meanwhile is gone
 */
import { foldName, type NodeId } from '../protocol/ids.ts';

interface Client {
  readonly node: NodeId;
  readonly name: string;
}

export interface Watch {
  readonly key: string;
  readonly client: Client;
}

/** Somebody abroad whom a client here was told of. */
export interface Sighting {
  readonly watcher: NodeId;
  readonly name: string;
  readonly node: NodeId;
}

interface Home {
  /** By watching node and name. */
  readonly told: Map<string, Watch>;
  /** By watching node and node seen. */
  readonly seen: Map<string, Sighting>;
  /** Those of `seen` that were not told again since the session began. */
  doubted: Map<string, Sighting>;
  number: number;
}

export class Watches {
  readonly #homes = new Map<NodeId, Home>();
  readonly #keys = new Map<NodeId, Set<string>>();
  /** How many sightings there are of each folded name, at all homes: asked for every name that a client watches. */
  readonly #sightings = new Map<string, number>();
  #added = new Map<NodeId, Map<string, Watch>>();
  #dropped = new Map<NodeId, Map<string, Watch>>();
  #number = 0;

  keysOf(node: NodeId): string[] {
    return [...(this.#keys.get(node) ?? [])];
  }

  /** Supernodes that were told of an interest in this name. */
  homesOf(key: string): NodeId[] {
    const has = ({ told }: Home) => [...told.values()].some((watch) => watch.key === key);
    return [...this.#homes].filter(([, home]) => has(home)).map(([id]) => id);
  }

  add(client: Client, key: string, homes: readonly NodeId[]): void {
    const keys = this.#keys.get(client.node) ?? new Set<string>();
    this.#keys.set(client.node, keys.add(key));
    for (const id of homes) {
      const home = this.#homeOf(id);
      const watchId = `${client.node} ${key}`;
      if (home.told.has(watchId)) continue;
      const watch = { key, client };
      home.told.set(watchId, watch);
      if (!this.#dropped.get(id)?.delete(watchId)) put(this.#added, id, watchId, watch);
    }
  }

  /** A client does not watch this name any more. */
  remove(client: Client, key: string): void {
    const keys = this.#keys.get(client.node);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(client.node);
    for (const id of this.#homes.keys()) this.#untell(id, `${client.node} ${key}`);
  }

  /** Nobody of this name is attached at that supernode any more, as the index says. */
  leave(key: string, id: NodeId): void {
    for (const [watchId, watch] of this.#homes.get(id)?.told ?? []) if (watch.key === key) this.#untell(id, watchId);
  }

  /** What is to be told since the last time. */
  changes(): { home: NodeId; added: Watch[]; dropped: Watch[] }[] {
    const homes = new Set([...this.#added.keys(), ...this.#dropped.keys()]);
    const changes = [...homes].map((home) => ({
      home,
      added: [...(this.#added.get(home)?.values() ?? [])],
      dropped: [...(this.#dropped.get(home)?.values() ?? [])],
    }));
    this.#added = new Map();
    this.#dropped = new Map();
    return changes.filter(({ added, dropped }) => added.length + dropped.length > 0);
  }

  /** A new session: all is told anew, under this number. Undefined: there is nothing to tell. */
  begin(id: NodeId): number | undefined {
    const home = this.#homes.get(id);
    if (!home) return undefined;
    this.#added.delete(id);
    this.#dropped.delete(id);
    home.doubted = new Map(home.seen);
    this.#number = (this.#number + 1) >>> 0 || 1;
    home.number = this.#number;
    return home.number;
  }

  toldTo(id: NodeId): Iterable<Watch> {
    return this.#homes.get(id)?.told.values() ?? [];
  }

  /** All of `begin` has been answered: who is left in doubt is gone. */
  settled(id: NodeId, number: number): Sighting[] {
    const home = this.#homes.get(id);
    if (home?.number !== number) return [];
    const gone = [...home.doubted];
    home.doubted = new Map();
    for (const [sightId] of gone) this.#unsee(home, sightId);
    return gone.filter(([sightId]) => !this.#isSeen(sightId)).map(([, sighting]) => sighting);
  }

  /** Whom this client has seen abroad. */
  seenBy(watcher: NodeId): Sighting[] {
    const found = new Map<NodeId, Sighting>();
    for (const { seen } of this.#homes.values()) {
      for (const sighting of seen.values()) if (sighting.watcher === watcher) found.set(sighting.node, sighting);
    }
    return [...found.values()];
  }

  /** Has any client seen somebody of this name there? */
  seesAt(id: NodeId, key: string): boolean {
    if (!this.seesAnywhere(key)) return false;
    for (const { name } of this.#homes.get(id)?.seen.values() ?? []) if (foldName(name) === key) return true;
    return false;
  }

  seesAnywhere(key: string): boolean {
    return this.#sightings.has(key);
  }

  /** Has the watching node seen the other anywhere abroad? */
  sees(watcher: NodeId, node: NodeId): boolean {
    return this.#isSeen(`${watcher} ${node}`);
  }

  /** True when the client is to be told: it comes there from nowhere, or it left the last place where it was seen. */
  seen(id: NodeId, watcher: NodeId, name: string, node: NodeId, attached: boolean): boolean {
    const home = this.#homes.get(id);
    if (!home?.told.has(`${watcher} ${foldName(name)}`)) return false;
    const sightId = `${watcher} ${node}`;
    home.doubted.delete(sightId);
    if (!attached) return this.#unsee(home, sightId) && !this.#isSeen(sightId);
    const isNews = !this.#isSeen(sightId);
    this.#see(home, sightId, { watcher, name, node });
    return isNews;
  }

  /** The supernode is gone, and all who were seen there. */
  forget(id: NodeId): Sighting[] {
    const home = this.#homes.get(id);
    const gone = [...(home?.seen ?? [])];
    for (const [sightId] of gone) if (home) this.#unsee(home, sightId);
    this.#homes.delete(id);
    this.#added.delete(id);
    this.#dropped.delete(id);
    return gone.filter(([sightId]) => !this.#isSeen(sightId)).map(([, sighting]) => sighting);
  }

  #isSeen(sightId: string): boolean {
    for (const { seen } of this.#homes.values()) if (seen.has(sightId)) return true;
    return false;
  }

  #see(home: Home, sightId: string, sighting: Sighting): void {
    const before = home.seen.get(sightId);
    if (before) this.#count(before, -1);
    home.seen.set(sightId, sighting);
    this.#count(sighting, 1);
  }

  /** False when it was not seen there. */
  #unsee(home: Home, sightId: string): boolean {
    const sighting = home.seen.get(sightId);
    if (sighting) this.#count(sighting, -1);
    return home.seen.delete(sightId);
  }

  #count({ name }: Sighting, more: 1 | -1): void {
    const key = foldName(name);
    const count = (this.#sightings.get(key) ?? 0) + more;
    if (count > 0) this.#sightings.set(key, count);
    else this.#sightings.delete(key);
  }

  #untell(id: NodeId, watchId: string): void {
    const home = this.#homes.get(id);
    const watch = home?.told.get(watchId);
    if (!home || !watch) return;
    home.told.delete(watchId);
    for (const [sightId, { watcher, name }] of home.seen) {
      if (watcher === watch.client.node && foldName(name) === watch.key) this.#unsee(home, sightId);
    }
    if (!this.#added.get(id)?.delete(watchId)) put(this.#dropped, id, watchId, watch);
  }

  #homeOf(id: NodeId): Home {
    const home = this.#homes.get(id) ?? { told: new Map(), seen: new Map(), doubted: new Map(), number: 0 };
    this.#homes.set(id, home);
    return home;
  }
}

function put<V>(map: Map<NodeId, Map<string, V>>, id: NodeId, key: string, value: V): void {
  const inner = map.get(id) ?? new Map<string, V>();
  map.set(id, inner.set(key, value));
}
