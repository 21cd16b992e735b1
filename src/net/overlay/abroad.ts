/**
 * People at other supernodes, from the side of one supernode: looking them up, hearing when they come and go, and
 * forwarding packets to and from them. The index says which supernodes a person's nodes are attached to (their homes, `home-finder.ts`);
 * whether they are there now, and for whom, only the home knows.
 *
 *   lookup ---> LookupAt to each home ---> WhereaboutsAt
 *   a client here watches a name ---> Interests to its homes ---> SeenAt, now and whenever that changes
 *   Forward to a node elsewhere ---> Transit to its home ---> Forwarded there; or TransitFailed
 *
 * An interest also tells where the watcher is. So two who watch each other find each other as soon as either's
 * supernode has found the other's.
 *
 * A little above 400 lines: questions, sightings and packets share what is known of who is where.
 */
import type { Millis } from '../protocol/core.ts';
import { isUnicastHost } from '../protocol/endpoint.ts';
import { bytesOf, foldName, hexOf, ID_BYTES, isName, type NodeId } from '../protocol/ids.ts';
import {
  FOREIGNERS_MAX,
  HOMES_ASKED_MAX,
  INTERESTS_PER_MESSAGE_MAX,
  INTRODUCE_MS,
  LOOKUP_ABROAD_MS,
  LOOKUPS_ABROAD_MAX,
} from '../protocol/overlay-params.ts';
import { FORWARD_DATAGRAM_BYTES_MAX, NODES_PER_PERSON_MAX } from '../protocol/params.ts';
import { setRecent } from '../protocol/recent-table.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { Interests, type Told, type VisibleNodes } from './interests.ts';
import { type Sighting, Watches } from './watches.ts';

export interface Client {
  readonly node: NodeId;
  readonly name: string;
}

/** What the rooms beside this one know. */
export interface Surroundings {
  readonly self: NodeId;
  /** Those that are attached here, in standby too. */
  readonly visibleNodes: VisibleNodes;
  /** Those whose first supernode this is. */
  readonly presentNodes: VisibleNodes;
  /** Does a client here see this node here? */
  readonly seesHere: (watcher: NodeId, node: NodeId) => boolean;
  /** The folded name of the person whose node is attached here. */
  readonly keyHere: (node: NodeId) => string | undefined;
  /** Clients here that watch this folded name; like all that watch, those whose first supernode this is. */
  readonly watchersOf: (key: string) => readonly Client[];
  /** All that clients here watch. */
  readonly watchesHere: () => Iterable<{ readonly client: Client; readonly key: string }>;
  /** Supernodes that, as the index says, nodes of this name are attached to. */
  readonly homesOfName: (key: string) => readonly NodeId[];
  /** Of one node, by the index. */
  readonly recordOf: (node: NodeId) => { readonly name: string; readonly homes: readonly NodeId[] } | undefined;
  /** Does this supernode live, as far as we know? */
  readonly lives: (supernode: NodeId) => boolean;
}

export type AbroadOutput =
  | { readonly type: 'send'; readonly to: NodeId; readonly message: Message; readonly reliable: boolean }
  /** A client here is to be told. */
  | {
      readonly type: 'seen';
      readonly watcher: NodeId;
      readonly name: string;
      readonly node: NodeId;
      readonly attached: boolean;
    }
  /** Not complete: somebody who could know of others has not answered. */
  | {
      readonly type: 'found';
      readonly ticket: number;
      readonly nodes: readonly NodeId[];
      readonly complete: boolean;
    }
  /** A client of another supernode is seen at this host there, as a client here is to be told. */
  | { readonly type: 'vouched'; readonly target: NodeId; readonly source: NodeId; readonly host: string }
  /** A packet for a client here. */
  | { readonly type: 'deliver'; readonly target: NodeId; readonly source: NodeId; readonly packet: Buffer }
  /** No way to the target of a client's packet. */
  | { readonly type: 'failed'; readonly source: NodeId; readonly target: NodeId };

interface Lookup {
  readonly ticket: number;
  readonly name: string;
  readonly nodes: Set<NodeId>;
  readonly waitFor: Set<NodeId>;
  readonly until: Millis;
  /** Does the index know of all his homes? */
  readonly complete: boolean;
}

interface Foreigner {
  readonly name: string;
  /** Where it is, as this supernode said itself. */
  readonly home: NodeId;
  /** The record of which a home has said that it is not there (any more). */
  readonly outdated?: object | undefined;
}

export class Abroad {
  readonly #around: Surroundings;
  readonly #interests: Interests;
  readonly #watches: Watches;
  readonly #lookups = new Map<number, Lookup>();
  /** The one heard of longest ago stands first. */
  readonly #foreigners = new Map<NodeId, Foreigner>();
  /** Sources that somebody did not know, and until when they are introduced by name. */
  readonly #introduce = new Map<NodeId, Millis>();
  #requestId = 0;
  /** Garbage, and what there was no room for. Only rises. */
  refused = 0;
  #out: AbroadOutput[] = [];

  constructor(around: Surroundings) {
    this.#around = around;
    this.#interests = new Interests(around.presentNodes);
    this.#watches = new Watches();
  }

  // ------------------------------------------------------------------ what happens here

  /** A client here watches these folded names, and no others; none when it has left. */
  setWatch(client: Client, keys: ReadonlySet<string>): void {
    for (const key of this.#watches.keysOf(client.node)) {
      if (!keys.has(key)) this.#watches.remove(client, key);
    }
    for (const key of keys) this.#watches.add(client, key, this.#homesOf(key));
    this.#tellInterests();
  }

  /** Whom this client here sees at other supernodes. */
  seenBy(watcher: NodeId): readonly Sighting[] {
    return this.#watches.seenBy(watcher);
  }

  /** Names that this client watches. */
  watchedBy(watcher: NodeId): readonly string[] {
    return this.#watches.keysOf(watcher);
  }

  /** Does a client here see a node of this person at another supernode? */
  seesName(key: string): boolean {
    return this.#watches.seesAnywhere(key);
  }

  /** Does a client here see this node at another supernode? */
  sees(watcher: NodeId, node: NodeId): boolean {
    return this.#watches.sees(watcher, node);
  }

  /** Somebody of this name came, left or hides from others than before. */
  changedHere(key: string): void {
    for (const told of this.#interests.refresh(key)) this.#tellSeen(told);
  }

  /** The index has a new record of somebody. */
  recordChanged(key: string): void {
    const watchers = this.#around.watchersOf(key);
    if (watchers.length === 0) return;
    const homes = this.#homesOf(key);
    for (const client of watchers) this.#watches.add(client, key, homes);
    for (const home of this.#watches.homesOf(key)) if (!homes.includes(home)) this.#leaveHome(key, home);
    this.#tellInterests();
  }

  /** A supernode is known to live: interests in those who, by the index, are there can be told. */
  memberCame(id: NodeId): void {
    for (const { client, key } of this.#around.watchesHere()) {
      const homes = this.#around.homesOfName(key).filter((home) => home === id);
      if (homes.length > 0) this.#watches.add(client, key, homes);
    }
    this.#tellInterests();
  }

  /** A supernode died or left: whoever was there is not seen any more. */
  memberGone(id: NodeId): void {
    this.#interests.dropAll(id);
    for (const gone of this.#watches.forget(id)) this.#gone(gone);
    for (const lookup of this.#lookups.values()) lookup.waitFor.delete(id);
    for (const [node, { home }] of this.#foreigners) if (home === id) this.#foreigners.delete(node);
    this.#finishLookups(Number.NEGATIVE_INFINITY);
  }

  /** A session with a supernode is new: it may know nothing of us any more. */
  sessionUp(id: NodeId): void {
    const number = this.#watches.begin(id);
    if (number === undefined) return;
    const told = [...this.#watches.toldTo(id)];
    for (let at = 0; at === 0 || at < told.length; at += INTERESTS_PER_MESSAGE_MAX) {
      const added = told.slice(at, at + INTERESTS_PER_MESSAGE_MAX).map(wireOf);
      const last = at + INTERESTS_PER_MESSAGE_MAX >= told.length;
      this.#send(id, message('interests', { number: last ? number : 0, afresh: at === 0, added, dropped: [] }));
    }
  }

  /** `complete`: his homes are all known. */
  lookup(now: Millis, ticket: number, name: string, viewer: string, complete = true): void {
    const key = foldName(name);
    const here = this.#around.visibleNodes(key, viewer).map(({ node }) => node);
    const homes = this.#homesOf(key).slice(0, HOMES_ASKED_MAX);
    if (homes.length === 0 || this.#lookups.size >= LOOKUPS_ABROAD_MAX) {
      this.#out.push({ type: 'found', ticket, nodes: here, complete: complete && homes.length === 0 });
      return;
    }
    this.#requestId = (this.#requestId + 1) >>> 0 || 1;
    const until = now + LOOKUP_ABROAD_MS;
    const lookup = { ticket, name, nodes: new Set(here), waitFor: new Set(homes), until, complete };
    this.#lookups.set(this.#requestId, lookup);
    const question = message('lookupAt', { requestId: this.#requestId, name, viewer });
    for (const home of homes) this.#send(home, question);
  }

  /** A packet of a client here for a node that is not here. */
  forward(now: Millis, client: Client, target: NodeId, packet: Buffer): void {
    const home = this.#homeOf(target);
    if (home === undefined) {
      this.#out.push({ type: 'failed', source: client.node, target });
      return;
    }
    const reliable = packet.length > FORWARD_DATAGRAM_BYTES_MAX;
    const introduce = reliable || now < (this.#introduce.get(client.node) ?? 0);
    const body = { source: bytesOf(client.node), target: bytesOf(target), packet };
    const value = message('transit', { ...body, sourceName: introduce ? client.name : '' });
    this.#out.push({ type: 'send', to: home, message: value, reliable });
  }

  /** A client here wants a node elsewhere to know at which host we see it. */
  vouch(client: Client, target: NodeId, host: string): void {
    const home = this.#homeOf(target);
    const body = { source: bytesOf(client.node), target: bytesOf(target), host };
    if (home !== undefined) this.#send(home, message('vouchAt', body));
  }

  // ------------------------------------------------------------------ what others say

  /** A message from a certified supernode. True when it was ours. */
  receive(now: Millis, from: NodeId, value: Message): boolean {
    switch (value.kind) {
      case 'lookupAt':
        this.#answerLookup(from, value.body);
        return true;
      case 'whereaboutsAt':
        this.#found(from, value.body);
        return true;
      case 'interests':
        this.#takeInterests(from, value.body);
        return true;
      case 'interestsTaken':
        for (const gone of this.#watches.settled(from, value.body.number)) this.#gone(gone);
        return true;
      case 'seenAt':
        this.#seen(from, value.body);
        return true;
      case 'transit':
        this.#deliver(from, value.body);
        return true;
      case 'vouchAt':
        this.#vouched(value.body);
        return true;
      case 'transitFailed':
        this.#transitFailed(now, from, value.body);
        return true;
      default:
        return false;
    }
  }

  wake(now: Millis): void {
    this.#finishLookups(now);
    for (const [node, until] of this.#introduce) if (now >= until) this.#introduce.delete(node);
  }

  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const { until } of this.#lookups.values()) at = Math.min(at, until);
    for (const until of this.#introduce.values()) at = Math.min(at, until);
    return at;
  }

  drain(): AbroadOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #answerLookup(from: NodeId, { requestId, name, viewer }: Body<'lookupAt'>): void {
    const known = isName(name) && isName(viewer) ? this.#around.visibleNodes(foldName(name), viewer) : [];
    this.#send(from, message('whereaboutsAt', { requestId, nodeIds: known.map(({ node }) => bytesOf(node)) }));
  }

  #found(from: NodeId, { requestId, nodeIds }: Body<'whereaboutsAt'>): void {
    const lookup = this.#lookups.get(requestId);
    if (!lookup?.waitFor.delete(from)) return;
    for (const id of nodeIds.slice(0, NODES_PER_PERSON_MAX)) {
      if (id.length !== ID_BYTES) continue;
      lookup.nodes.add(hexOf(id));
      this.#learn(hexOf(id), { name: lookup.name, home: from });
    }
    this.#finishLookups(Number.NEGATIVE_INFINITY);
  }

  #finishLookups(now: Millis): void {
    for (const [id, { ticket, nodes, waitFor, until, complete }] of this.#lookups) {
      if (waitFor.size > 0 && now < until) continue;
      this.#lookups.delete(id);
      this.#out.push({ type: 'found', ticket, nodes: [...nodes], complete: complete && waitFor.size === 0 });
    }
  }

  #takeInterests(from: NodeId, body: Body<'interests'>): void {
    if (body.afresh) this.#interests.dropAll(from);
    for (const one of body.dropped.slice(0, INTERESTS_PER_MESSAGE_MAX)) {
      if (isInterest(one)) this.#interests.drop(from, foldName(one.name), hexOf(one.watcherNode));
    }
    const touched = new Set<string>();
    for (const one of body.added.slice(0, INTERESTS_PER_MESSAGE_MAX)) {
      const fits =
        isInterest(one) && this.#interests.add(from, foldName(one.name), one.watcher, hexOf(one.watcherNode));
      if (!fits) {
        this.refused += 1;
        continue;
      }
      touched.add(foldName(one.name));
      this.#meet(from, one.watcher, hexOf(one.watcherNode), foldName(one.name));
    }
    for (const key of touched) this.changedHere(key);
    // Behind all that was seen, on the same reliable channel.
    if (body.number !== 0) this.#send(from, message('interestsTaken', { number: body.number }));
    this.#tellInterests();
  }

  /** Who watches somebody here is there: those here who watch him want to hear of him from there. */
  #meet(home: NodeId, watcher: string, watcherNode: NodeId, watched: string): void {
    this.#learn(watcherNode, { name: watcher, home });
    const key = foldName(watcher);
    for (const client of this.#around.watchersOf(key)) {
      if (foldName(client.name) === watched) this.#watches.add(client, key, [home]);
    }
  }

  #seen(from: NodeId, { watcherNode, name, nodeId, attached }: Body<'seenAt'>): void {
    if (watcherNode.length !== ID_BYTES || nodeId.length !== ID_BYTES || !isName(name)) {
      this.refused += 1;
      return;
    }
    const [watcher, node] = [hexOf(watcherNode), hexOf(nodeId)];
    if (attached) this.#learn(node, { name, home: from });
    else this.#disclaimed(node, from);
    const isNews = this.#watches.seen(from, watcher, name, node, attached);
    if (isNews && attached) this.#out.push({ type: 'seen', watcher, name, node, attached });
    else if (isNews) this.#gone({ watcher, name, node });
    if (attached || this.#homesOf(foldName(name)).includes(from)) return;
    this.#leaveHome(foldName(name), from);
    this.#tellInterests();
  }

  /** The index says that they are elsewhere; but who is still seen there must be seen to leave, or at the new place. */
  #leaveHome(key: string, home: NodeId): void {
    if (!this.#watches.seesAt(home, key)) this.#watches.leave(key, home);
  }

  /** Unless it has come here meanwhile. */
  #gone(sighting: Sighting): void {
    if (!this.#around.seesHere(sighting.watcher, sighting.node))
      this.#out.push({ type: 'seen', ...sighting, attached: false });
  }

  #vouched({ source, target, host }: Body<'vouchAt'>): void {
    if (source.length !== ID_BYTES || target.length !== ID_BYTES) return;
    const ids = { source: hexOf(source), target: hexOf(target) };
    const name = this.#around.recordOf(ids.source)?.name ?? this.#foreigners.get(ids.source)?.name;
    if (name !== undefined && isUnicastHost(host) && this.#reaches(name, ids.target)) {
      this.#out.push({ type: 'vouched', ...ids, host });
    }
  }

  /** Is the node here, and may the person know of it? */
  #reaches(person: string, target: NodeId): boolean {
    const { keyHere, visibleNodes } = this.#around;
    const key = keyHere(target);
    return key !== undefined && visibleNodes(key, person).some(({ node }) => node === target);
  }

  #deliver(from: NodeId, body: Body<'transit'>): void {
    if (body.source.length !== ID_BYTES || body.target.length !== ID_BYTES) {
      this.refused += 1;
      return;
    }
    const [source, target] = [hexOf(body.source), hexOf(body.target)];
    const { recordOf } = this.#around;
    const said = isName(body.sourceName) ? body.sourceName : undefined;
    const name = recordOf(source)?.name ?? said ?? this.#foreigners.get(source)?.name;
    const ids = { source: body.source, target: body.target };
    if (name === undefined) return this.#fail(from, { ...ids, sourceUnknown: true });
    this.#learn(source, { name, home: from });
    if (!this.#reaches(name, target)) return this.#fail(from, { ...ids, sourceUnknown: false });
    this.#out.push({ type: 'deliver', target, source, packet: Buffer.from(body.packet) });
  }

  #fail(to: NodeId, body: { source: Uint8Array; target: Uint8Array; sourceUnknown: boolean }): void {
    this.#out.push({ type: 'send', to, message: message('transitFailed', body as never), reliable: false });
  }

  #transitFailed(now: Millis, from: NodeId, body: Body<'transitFailed'>): void {
    if (body.source.length !== ID_BYTES || body.target.length !== ID_BYTES) return;
    const [source, target] = [hexOf(body.source), hexOf(body.target)];
    if (body.sourceUnknown) {
      // Of clients here only: others are not ours to introduce, whoever says so.
      if (this.#around.keyHere(source) !== undefined) this.#introduce.set(source, now + INTRODUCE_MS);
      return;
    }
    if (this.#foreigners.get(target)?.home === from) this.#foreigners.delete(target);
    else this.#disclaimed(target, from);
    this.#out.push({ type: 'failed', source, target });
  }

  /** A home of its record says that it is not there: now the word of another counts. */
  #disclaimed(node: NodeId, home: NodeId): void {
    const [heard, record] = [this.#foreigners.get(node), this.#around.recordOf(node)];
    if (heard && heard.home !== home && record?.homes.includes(home)) this.#learn(node, { ...heard, outdated: record });
  }

  // ------------------------------------------------------------------ who is where

  #learn(node: NodeId, foreigner: Foreigner): void {
    const known = this.#foreigners.get(node);
    const outdated = known?.home === foreigner.home ? known.outdated : undefined;
    setRecent(this.#foreigners, node, { outdated, ...foreigner }, FOREIGNERS_MAX);
  }

  /**
   * Of the homes that the node has signed the one where it was heard last. Another supernode may say what it likes, or
   * one could draw everybody's packets; it counts when no home lives, or when one says that the node is not there.
   */
  #homeOf(node: NodeId): NodeId | undefined {
    const { self, lives, recordOf } = this.#around;
    const said = this.#foreigners.get(node);
    const heard = said && lives(said.home) ? said.home : undefined;
    const record = recordOf(node);
    const homes = record?.homes ?? [];
    if (heard !== undefined && (homes.includes(heard) || (record && said?.outdated === record))) return heard;
    return homes.find((home) => home !== self && lives(home)) ?? heard;
  }

  #homesOf(key: string): NodeId[] {
    const homes = new Set(this.#around.homesOfName(key));
    return [...homes].filter((home) => home !== this.#around.self && this.#around.lives(home));
  }

  #tellInterests(): void {
    for (const { home, added, dropped } of this.#watches.changes()) {
      for (let at = 0; at < Math.max(added.length, dropped.length); at += INTERESTS_PER_MESSAGE_MAX) {
        const some = (all: typeof added) => all.slice(at, at + INTERESTS_PER_MESSAGE_MAX).map(wireOf);
        const body = { number: 0, afresh: false, added: some(added), dropped: some(dropped) };
        this.#send(home, message('interests', body));
      }
    }
  }

  #tellSeen({ to, watcherNode, name, node, attached }: Told): void {
    const body = { watcherNode: bytesOf(watcherNode), name, nodeId: bytesOf(node), attached };
    this.#send(to, message('seenAt', body));
  }

  #send(to: NodeId, value: Message): void {
    this.#out.push({ type: 'send', to, message: value, reliable: true });
  }
}

function wireOf({ key, client }: { readonly key: string; readonly client: Client }) {
  return { name: key, watcher: client.name, watcherNode: bytesOf(client.node) };
}

function isInterest(one: {
  name?: string | null;
  watcher?: string | null;
  watcherNode?: Uint8Array | null;
}): one is { name: string; watcher: string; watcherNode: Uint8Array } {
  return isName(one.name ?? '') && isName(one.watcher ?? '') && one.watcherNode?.length === ID_BYTES;
}
