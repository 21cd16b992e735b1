/**
 * The supernode's side of attachment: who is attached here, by lease; who wants to hear of whom; search over those who
 * agreed to be found; and the forwarding of sealed packets between attached clients, within caps (`relay-caps.ts`).
 * It is told of messages by session number and answers by session number; sessions belong to the switchboard. Those who are
 * at other supernodes are asked for `beyond`, and what is said there comes back by `tellSeen`, `deliver`, or by ticket.
 *
 * Nobody learns an address here but of a client that asks us to vouch for it: others know its name and node id only. A
 * client that hides from a name is not seen, found or reached by that person (blocked users see nothing).
 *
 * Some are here in standby (PROTOCOL.md 9.3): their first supernode is another, and would be us if that one died. They
 * are found and reached like everybody, but are not told who comes and goes.
 *
 * Well above 400 lines: attaching, being seen and being reached are one set of rules.
 */
import type { Millis } from '../protocol/core.ts';
import { parseEndpoint } from '../protocol/endpoint.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { bytesOf, foldName, hexOf, ID_BYTES, isName, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  BUSY_RETRY_MS,
  BUSY_RETRY_SPREAD_MS,
  JUST_COME_MS,
  PUBLISH_BURST,
  PUBLISH_REFILL_MS,
  PUBLISH_RETRY_MS,
  QUESTION_LIMIT_MS,
} from '../protocol/overlay-params.ts';
import {
  CLIENTS_PER_SUPERNODE_MAX,
  ENTRIES_GET_BURST,
  ENTRIES_GET_REFILL_MS,
  FORWARD_DATAGRAM_BYTES_MAX,
  HIDDEN_FROM_MAX,
  KEEP_ALIVE_MS,
  LEASE_MS,
  LEAVE_GAP_MS,
  LEAVE_SPREAD_MS_MAX,
  NODES_PER_PERSON_MAX,
  SEARCH_BURST,
  SEARCH_HITS_MAX,
  SEARCH_REFILL_MS,
  WATCHED_NAMES_MAX,
} from '../protocol/params.ts';
import { setRecent } from '../protocol/recent-table.ts';
import type { RelayCap } from '../protocol/relay-cap.ts';
import { TokenBucket } from '../protocol/token-bucket.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import type { Client as Elsewhere } from './abroad.ts';
import type { Beyond } from './beyond.ts';
import type { Page } from './index-store.ts';
import { type Question, type QuestionAbout, QuestionBook } from './question-book.ts';
import { RelayCaps, type RelayedFor } from './relay-caps.ts';
import type { RevokedWord } from './revoked-devices.ts';
import { PATTERN_LENGTH_MAX } from './search-pattern.ts';
import type { SealedEntry } from './supernode-entry.ts';
import { Workload } from './workload.ts';

export interface RegistrarPeer {
  readonly session: number;
  readonly name: UserName;
  readonly nodeId: NodeId;
  /** Its endpoint as we see it, text. */
  readonly observed: string;
  /** What it proved itself with, as far as we have it. */
  readonly certificate?: Buffer | undefined;
}

export interface RegistrarOutput {
  readonly session: number;
  readonly message: Message;
  readonly reliable: boolean;
}

/** What serving costs now, for `status`. */
export interface RegistrarLoad {
  /** Those in standby apart. */
  readonly clients: number;
  readonly standbys: number;
  readonly clientsMax: number;
  readonly forwardedPackets: number;
  readonly forwardedBytes: number;
  /** Malformed, or of somebody who is not attached. */
  readonly refusedPackets: number;
  readonly droppedByCap: Readonly<Record<RelayCap, number>>;
  /** Ways between two nodes with voice, or as much, at this moment. */
  readonly streams: number;
  /** For whom most is relayed, the most first. */
  readonly people: readonly RelayedFor[];
  readonly relayKbps: number;
}

/** Other supernodes that this client is told of; or ourselves. */
export type EntriesFor = (client: NodeId, ownWanted: boolean) => readonly SealedEntry[];

/** The word by which a device's account has revoked it; undefined: it has not. */
export type RevokedOf = (name: UserName, node: NodeId) => RevokedWord | undefined;

interface Client {
  readonly peer: RegistrarPeer;
  readonly key: string;
  /** Another supernode is their first one. */
  standby: boolean;
  /** That one, if they said. */
  first: NodeId;
  hiddenFrom: ReadonlySet<string>;
  watch: ReadonlySet<string>;
  leaseUntil: Millis;
  /** When its list of watched names was told last. */
  watchesSince: Millis;
  /** Its endpoint as `Attached` told it. */
  observedThen: string;
  readonly allowance: Allowance;
}

/** What a node may still ask. It outlives the attachment, or attaching anew would fill it up. */
interface Allowance {
  readonly searches: TokenBucket;
  readonly entries: TokenBucket;
  readonly records: TokenBucket;
}

export class Registrar {
  readonly #loginServers: readonly string[];
  #relayKbps: number;
  readonly #clientsMax: number;
  readonly #entriesFor: EntriesFor;
  readonly #lessLoaded: (client: NodeId) => readonly SealedEntry[];
  readonly #nextAmong: () => readonly SealedEntry[];
  readonly #own: NodeId;
  readonly #revoked: RevokedOf;
  readonly #work = new Workload();
  #caps: RelayCaps;
  readonly #beyond: Beyond;
  readonly #wallClock: () => number;
  readonly #questions = new QuestionBook<Client>();
  readonly #byNode = new Map<NodeId, Client>();
  readonly #bySession = new Map<number, Client>();
  readonly #byName = new Map<string, Set<Client>>();
  readonly #watchers = new Map<string, Set<Client>>();
  /** The node that attached longest ago stands first. */
  readonly #allowances = new Map<NodeId, Allowance>();
  #forwardedPackets = 0;
  #forwardedBytes = 0;
  #refusedPackets = 0;
  #sweepAt: Millis = 0;
  /** We stop: everybody was told when to be gone. */
  #leaving = false;
  #out: RegistrarOutput[] = [];

  /**
   * `entriesFor`: other supernodes that this client is told of. `lessLoaded`: those that have less to do than we.
   * `nextAmong`: where our clients shall go when we stop, by turns. `own`: who we are.
   */
  constructor(options: {
    loginServers: readonly string[];
    relayKbps: number;
    clientsMax?: number | undefined;
    entriesFor: EntriesFor;
    lessLoaded?: (client: NodeId) => readonly SealedEntry[];
    nextAmong?: () => readonly SealedEntry[];
    own?: NodeId;
    revoked?: RevokedOf;
    beyond: Beyond;
    wallClock: () => number;
  }) {
    this.#clientsMax = options.clientsMax ?? CLIENTS_PER_SUPERNODE_MAX;
    this.#entriesFor = options.entriesFor;
    this.#lessLoaded = options.lessLoaded ?? (() => []);
    this.#nextAmong = options.nextAmong ?? (() => []);
    this.#own = options.own ?? '';
    this.#revoked = options.revoked ?? (() => undefined);
    this.#beyond = options.beyond;
    this.#wallClock = options.wallClock;
    this.#loginServers = options.loginServers;
    this.#relayKbps = options.relayKbps;
    this.#caps = new RelayCaps(options.relayKbps);
  }

  /** A message from a session, seen at `host`; `peer` undefined for an anonymous one. True when it was ours to handle. */
  receive(
    now: Millis,
    from: { session: number; observed: string; host: string; peer: RegistrarPeer | undefined },
    value: Message,
  ): boolean {
    if (value.kind === 'keepAlive') {
      this.#keepAlive(now, from, value.body.id);
      return true;
    }
    const kinds = ['attach', 'detach', 'lookup', 'search', 'watch', 'forward', 'entriesGet', 'vouch', 'publish'];
    if (!kinds.includes(value.kind)) return false;
    const client = this.#bySession.get(from.session);
    if (from.peer && value.kind === 'attach') this.#attach(now, from.peer, value.body);
    else if (client && value.kind === 'vouch') this.#vouch(now, client, from.observed, value.body);
    else if (client) this.#serve(now, client, value, from.host);
    else if (value.kind === 'forward') this.#refusedPackets += 1;
    else this.#refuse(from.session, value, 'not-allowed');
    return true;
  }

  /** Another cap for all together, before anybody is attached. */
  setRelayKbps(relayKbps: number): void {
    this.#relayKbps = relayKbps;
    this.#caps = new RelayCaps(relayKbps);
  }

  /** Sends everybody away, one after the other, so that the next supernodes are not run over. */
  leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    const clients = [...this.#byNode.values()];
    const gapMs = Math.min(LEAVE_GAP_MS, LEAVE_SPREAD_MS_MAX / Math.max(1, clients.length));
    const others = this.#nextAmong();
    for (const [index, { peer, standby }] of clients.entries()) {
      const afterMs = Math.round(index * gapMs);
      // Who is here in standby has a first supernode.
      const next = standby ? undefined : others[index % Math.max(1, others.length)];
      this.#send(peer.session, message('leaving', { afterMs, ...(next ? { next } : {}) }));
    }
  }

  /** Nobody is attached. */
  get empty(): boolean {
    return this.#byNode.size === 0;
  }

  /** The session is gone: so is the client, unless it has attached anew by another. */
  sessionClosed(session: number): void {
    const client = this.#bySession.get(session);
    if (client) this.#remove(client);
  }

  /** Its account has revoked this device: if it is here, it is told why, and is here no more. */
  revoke(word: RevokedWord): void {
    const client = this.#byNode.get(word.nodeId);
    if (client?.key !== foldName(word.name)) return;
    this.#remove(client);
    this.#turnOut(client.peer, 0, word);
  }

  #turnOut({ session }: RegistrarPeer, requestId: number, { signed }: RevokedWord): void {
    this.#send(session, message('revokedTold', { words: [signed] as never }));
    this.#sendFailure(session, requestId, 'device-revoked', 0);
  }

  /** What we have to do, of what we can: 1000 is all. */
  loadPermille(now: Millis): number {
    const clients = this.#byNode.size - this.#standbys();
    return Math.max(this.#work.permille(now), Math.min(1_000, Math.round((1_000 * clients) / this.#clientsMax)));
  }

  /** Requests that were refused because there was too much to do, by kind. Only rises. */
  get shed(): Workload['shed'] {
    return this.#work.shed;
  }

  /** Another supernode may be dead: those who are here in standby for it had better look. */
  doubted(supernode: NodeId): void {
    for (const { peer, standby, first } of this.#byNode.values()) {
      if (!standby || first !== supernode) continue;
      this.#send(peer.session, message('firstDoubted', { supernode: bytesOf(supernode) }));
    }
  }

  wake(now: Millis): void {
    this.#caps.setClosed(this.#work.strained(now));
    for (const question of this.#questions.overdue(now)) this.#giveUp(question);
    if (now < this.#sweepAt) return;
    // Once a second, as long as somebody is here: how late that is says how late everything is.
    if (this.#byNode.size > 0) this.#work.late(now, now - this.#sweepAt);
    for (const client of this.#byNode.values()) if (now >= client.leaseUntil) this.#remove(client);
    this.#sweepAt = now + 1_000;
  }

  wakeAt(): Millis {
    return Math.min(this.#byNode.size === 0 ? Number.POSITIVE_INFINITY : this.#sweepAt, this.#questions.wakeAt());
  }

  drain(): RegistrarOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  // ------------------------------------------------------------------ for the rooms that know other supernodes

  /** Nodes of this folded name that are attached here, in standby too, and that the viewer may know of. */
  visibleNodes(key: string, viewer: string): Elsewhere[] {
    return this.#nodesFor(key, viewer).map(idOf);
  }

  /** The same without those in standby. */
  presentNodes(key: string, viewer: string): Elsewhere[] {
    const here = this.#nodesFor(key, viewer).filter(({ standby }) => !standby);
    return here.map(idOf);
  }

  keyHere(node: NodeId): string | undefined {
    return this.#byNode.get(node)?.key;
  }

  seesHere(watcher: NodeId, node: NodeId): boolean {
    const [viewer, client] = [this.#byNode.get(watcher), this.#byNode.get(node)];
    return viewer !== undefined && client !== undefined && this.#visible(client, viewer);
  }

  watchersOf(key: string): Elsewhere[] {
    return [...(this.#watchers.get(key) ?? [])].filter(({ standby }) => !standby).map(idOf);
  }

  *watchesHere(): Generator<{ client: Elsewhere; key: string }> {
    for (const client of this.#byNode.values()) {
      if (!client.standby) for (const key of client.watch) yield { client: idOf(client), key };
    }
  }

  /** Folded names that clients here watch, those of standbys left out. */
  *watchedHere(): Generator<string, void> {
    for (const [key, watchers] of this.#watchers) {
      for (const { standby } of watchers) {
        if (standby) continue;
        yield key;
        break;
      }
    }
  }

  isAttached(key: string): boolean {
    return this.#byName.has(key);
  }

  /** Somebody at another supernode comes into a client's sight, or leaves it. */
  tellSeen(now: Millis, seen: { watcher: NodeId; name: string; node: NodeId; attached: boolean }): void {
    const watcher = this.#byNode.get(seen.watcher);
    if (!watcher || watcher.standby || (seen.attached && this.seesHere(seen.watcher, seen.node))) return;
    const { name, attached } = seen;
    const wasHere = attached && now < watcher.watchesSince + JUST_COME_MS;
    this.#send(watcher.peer.session, message('seen', { name, nodeId: bytesOf(seen.node), attached, wasHere }));
  }

  /** What became of a look-up. Not complete: somebody who could know has not answered. */
  found(ticket: number, nodes: readonly NodeId[], complete: boolean): void {
    const question = this.#questions.close(ticket);
    if (question) this.#answerLookup(question, nodes, complete);
  }

  /** What the index says of a pattern. */
  searched(ticket: number, page: Page, complete: boolean): void {
    const question = this.#questions.close(ticket);
    if (question) this.#answerSearch(question, page, complete);
  }

  /** Enough others have taken the record, or too few. */
  published(ticket: number, ok: boolean): void {
    const question = this.#questions.close(ticket);
    if (question) this.#answerPublish(question, ok);
  }

  /** A packet from a node at another supernode for a client here. */
  deliver(now: Millis, { source, target, packet }: { source: NodeId; target: NodeId; packet: Buffer }): void {
    const client = this.#byNode.get(target);
    if (client && this.#caps.takeOfAll(now, packet.length)) this.#pass(client, source, packet);
  }

  forwardFailed(client: NodeId, target: NodeId): void {
    const session = this.#byNode.get(client)?.peer.session;
    const failed = message('forwardFailed', { target: bytesOf(target) });
    if (session !== undefined) this.#out.push({ session, message: failed, reliable: false });
  }

  vouched({ source, target, host }: { source: NodeId; target: NodeId; host: string }): void {
    const client = this.#byNode.get(target);
    if (client) this.#send(client.peer.session, message('vouched', { source: bytesOf(source), host }));
  }

  load(now: Millis): RegistrarLoad {
    return {
      clients: this.#byNode.size - this.#standbys(),
      standbys: this.#standbys(),
      clientsMax: this.#clientsMax,
      forwardedPackets: this.#forwardedPackets,
      forwardedBytes: this.#forwardedBytes,
      refusedPackets: this.#refusedPackets,
      droppedByCap: this.#caps.dropped,
      streams: this.#caps.streams(now),
      people: this.#caps.people,
      relayKbps: this.#relayKbps,
    };
  }

  #serve(now: Millis, client: Client, value: Message, host: string): void {
    client.leaseUntil = now + LEASE_MS;
    if (value.kind === 'detach') this.#remove(client);
    else if (value.kind === 'lookup') this.#lookup(now, client, value.body);
    else if (value.kind === 'search') this.#search(now, client, value.body);
    else if (value.kind === 'watch') this.#setWatch(now, client, value.body.names);
    else if (value.kind === 'publish') this.#publish(now, client, value.body);
    else if (value.kind === 'forward') this.#forward(now, client, value.body, host);
    else if (value.kind === 'entriesGet') this.#tellEntries(now, client, value.body);
  }

  #attach(now: Millis, peer: RegistrarPeer, body: Body<'attach'>): void {
    const revoked = this.#revoked(peer.name, peer.nodeId);
    if (revoked) return this.#turnOut(peer, body.requestId, revoked);
    const old = this.#byNode.get(peer.nodeId);
    const { standby } = body;
    if (this.#leaving || (old?.standby !== standby && !this.#takes(now, standby, old))) {
      return this.#sendAway(peer, body.requestId);
    }
    const again = old?.peer.session === peer.session;
    if (old && !again) this.#remove(old);
    const client = again && old ? old : this.#admit(now, peer);
    const comes = !standby && (!again || client.standby);
    client.standby = standby;
    client.first = standby && body.first.length === ID_BYTES ? hexOf(body.first) : '';
    if (again) this.#hide(client, foldedSet(body.hiddenFrom, HIDDEN_FROM_MAX));
    else client.hiddenFrom = foldedSet(body.hiddenFrom, HIDDEN_FROM_MAX);
    client.leaseUntil = now + LEASE_MS;
    client.observedThen = peer.observed;
    this.#setWatch(now, client, body.watch);
    if (!again) this.#announce(client, true);
    if (comes) this.#hint(client);
    if (!this.#leaving) this.#beyond.changedHere(client.key);
    const present = standby ? [] : this.#present(client);
    this.#send(
      peer.session,
      message('attached', {
        requestId: body.requestId,
        observed: peer.observed,
        loginServers: [...this.#loginServers],
        keepAliveMs: KEEP_ALIVE_MS,
        present,
        presentFollows: !standby && client.watch.size > 0 && this.#beyond.hasOthers,
        record: standby ? 0 : this.#beyond.printOf(peer.nodeId),
      }),
    );
  }

  /** Of those whom the client watches, who is here, or seen elsewhere. */
  #present(client: Client) {
    const present = new Map(this.#beyond.seenBy(client.peer.nodeId).map(({ node, name }) => [node, name]));
    for (const name of client.watch) {
      for (const other of this.#byName.get(name) ?? [])
        if (this.#visible(other, client)) present.set(other.peer.nodeId, other.peer.name);
    }
    return [...present].map(([node, name]) => ({ name, nodeId: bytesOf(node) }));
  }

  #standbys(): number {
    let count = 0;
    for (const { standby } of this.#byNode.values()) if (standby) count += 1;
    return count;
  }

  /** Whoever is here in standby already is not turned away for our work: their supernode died, and others will not have less. */
  #takes(now: Millis, standby: boolean, old: Client | undefined): boolean {
    return this.#hasRoom(standby) && (old !== undefined || this.#work.admits(now, 'attach'));
  }

  /** Standbys cost no more than their keep-alives, but all of them may rise at once. */
  #hasRoom(standby: boolean): boolean {
    if (this.#byNode.size < this.#clientsMax) return true;
    const count = standby ? this.#standbys() : this.#byNode.size - this.#standbys();
    return count < this.#clientsMax;
  }

  /** Where else to go comes with the refusal, so that nobody has to look for it. */
  #sendAway({ session, nodeId }: RegistrarPeer, requestId: number): void {
    // The same for one node each time, and all over the span for many.
    const part = Number.parseInt(nodeId.slice(0, 4), 16) / 0x1_0000;
    const retryAfterMs = Math.round(BUSY_RETRY_MS + part * BUSY_RETRY_SPREAD_MS);
    const entries = this.#leaving ? [] : this.#lessLoaded(nodeId);
    if (entries.length > 0) {
      return this.#send(session, message('redirect', { requestId, entries: [...entries], retryAfterMs }));
    }
    const others = [...this.#entriesFor(nodeId, false)];
    if (others.length > 0) this.#send(session, message('entries', { requestId, entries: others }));
    this.#send(session, message('failure', { requestId, code: 'busy', retryAfterMs }));
  }

  #admit(now: Millis, peer: RegistrarPeer): Client {
    this.#makeRoom(foldName(peer.name));
    if (this.#byNode.size === 0) this.#sweepAt = now + 1_000;
    const client: Client = {
      peer,
      key: foldName(peer.name),
      standby: true,
      first: '',
      hiddenFrom: new Set(),
      watch: new Set(),
      leaseUntil: now + LEASE_MS,
      watchesSince: now,
      observedThen: peer.observed,
      allowance: this.#allowanceOf(peer.nodeId),
    };
    this.#byNode.set(peer.nodeId, client);
    this.#bySession.set(peer.session, client);
    addTo(this.#byName, client.key, client);
    return client;
  }

  #allowanceOf(node: NodeId): Allowance {
    const allowance = this.#allowances.get(node) ?? {
      searches: new TokenBucket(1_000 / SEARCH_REFILL_MS, SEARCH_BURST),
      entries: new TokenBucket(1_000 / ENTRIES_GET_REFILL_MS, ENTRIES_GET_BURST),
      records: new TokenBucket(1_000 / PUBLISH_REFILL_MS, PUBLISH_BURST),
    };
    setRecent(this.#allowances, node, allowance, 2 * CLIENTS_PER_SUPERNODE_MAX);
    return allowance;
  }

  /** A person has few devices; who comes with ever new keys shall not take everybody's place. */
  #makeRoom(key: string): void {
    const nodes = [...(this.#byName.get(key) ?? [])].sort((a, b) => a.leaseUntil - b.leaseUntil);
    for (const oldest of nodes.slice(0, Math.max(0, nodes.length + 1 - NODES_PER_PERSON_MAX))) this.#remove(oldest);
  }

  #remove(client: Client): void {
    if (this.#byNode.get(client.peer.nodeId) === client) this.#byNode.delete(client.peer.nodeId);
    this.#bySession.delete(client.peer.session);
    removeFrom(this.#byName, client.key, client);
    for (const name of client.watch) removeFrom(this.#watchers, name, client);
    this.#questions.forget(client);
    this.#announce(client, false);
    this.#beyond.setWatch(idOf(client), new Set());
    // While we stop they are found elsewhere, before we are gone.
    if (!this.#leaving) this.#beyond.changedHere(client.key);
  }

  #setWatch(now: Millis, client: Client, names: readonly string[]): void {
    for (const name of client.watch) removeFrom(this.#watchers, name, client);
    client.watch = foldedSet(names, WATCHED_NAMES_MAX);
    client.watchesSince = now;
    for (const name of client.watch) addTo(this.#watchers, name, client);
    this.#beyond.setWatch(idOf(client), client.standby ? new Set() : client.watch);
  }

  /** Not to those in standby, and not while we stop: whoever leaves us then is found elsewhere. */
  #announce(client: Client, attached: boolean): void {
    if (this.#leaving) return;
    for (const watcher of this.#watchers.get(client.key) ?? []) {
      if (!watcher.standby && this.#visible(client, watcher)) this.#tellSeen(watcher, client, attached);
    }
  }

  /** To those in standby: their first supernode may be dead, for that of somebody whom they watch is. */
  #hint(client: Client): void {
    for (const watcher of this.#watchers.get(client.key) ?? []) {
      if (watcher.standby && this.#visible(client, watcher)) this.#tellSeen(watcher, client, true);
    }
  }

  /** To those who may no longer know of the client it has left, to those who now may it has come. */
  #hide(client: Client, hiddenFrom: ReadonlySet<string>): void {
    const before = client.hiddenFrom;
    client.hiddenFrom = hiddenFrom;
    for (const watcher of this.#watchers.get(client.key) ?? []) {
      const [was, is] = [!before.has(watcher.key), !hiddenFrom.has(watcher.key)];
      if (watcher !== client && !watcher.standby && was !== is) this.#tellSeen(watcher, client, is);
    }
  }

  /** Unless it is seen at another supernode all the while. */
  #tellSeen(watcher: Client, client: Client, attached: boolean): void {
    const { name, nodeId } = client.peer;
    if (this.#beyond.sees(watcher.peer.nodeId, nodeId)) return;
    this.#send(watcher.peer.session, message('seen', { name, nodeId: bytesOf(nodeId), attached }));
  }

  /** May `viewer` know that `client` is here? */
  #visible(client: Client, viewer: Client): boolean {
    return client !== viewer && !client.hiddenFrom.has(viewer.key);
  }

  #keepAlive(now: Millis, from: { session: number; observed: string }, id: number): void {
    const client = this.#bySession.get(from.session);
    if (client) client.leaseUntil = now + LEASE_MS;
    const observed = client?.observedThen === from.observed ? '' : from.observed;
    const body = { id, observed, attached: client !== undefined };
    this.#out.push({ session: from.session, message: message('keepAliveReply', body), reliable: false });
  }

  #nodesFor(key: string, viewer: string): Client[] {
    return [...(this.#byName.get(key) ?? [])].filter(({ hiddenFrom }) => !hiddenFrom.has(foldName(viewer)));
  }

  #lookup(now: Millis, client: Client, body: Body<'lookup'>): void {
    const { name } = body;
    if (!isName(name)) return this.#refuse(client.peer.session, { kind: 'lookup', body }, 'name-malformed');
    if (!this.#work.admits(now, 'lookup')) return this.#shed(client, { kind: 'lookup', body });
    const viewer = client.peer.name;
    const ticket = this.#open(now, client, { kind: 'lookup', body }, { name });
    if (ticket === undefined) return;
    if (this.#beyond.hasOthers) return this.#beyond.lookup(now, ticket, name, viewer);
    const here = this.visibleNodes(foldName(name), viewer).map(({ node }) => node);
    this.found(ticket, here, true);
  }

  #answerLookup({ asker, requestId, about }: Question<Client>, nodes: readonly NodeId[], complete: boolean): void {
    const { session, nodeId } = asker.peer;
    const name = typeof about === 'object' && 'name' in about ? about.name : '';
    const nodeIds = nodes.filter((node) => node !== nodeId).map(bytesOf);
    this.#send(session, message('whereabouts', { requestId, name, nodeIds, incomplete: !complete }));
  }

  #publish(now: Millis, client: Client, body: Body<'publish'>): void {
    const { session, nodeId, certificate } = client.peer;
    const { records } = client.allowance;
    if (!records.take(now)) {
      return this.#refuse(session, { kind: 'publish', body }, 'busy', records.waitMs(now));
    }
    if (!this.#work.admits(now, 'publish')) return this.#shed(client, { kind: 'publish', body });
    const { entry } = body;
    // The client leaves out what we have of the handshake.
    const whole = entry && certificate && !entry.certificate?.length ? { ...entry, certificate } : entry;
    const ticket = this.#open(now, client, { kind: 'publish', body }, 'record');
    if (ticket === undefined || this.#beyond.publish(now, ticket, nodeId, whole) === undefined) return;
    this.#questions.close(ticket);
    this.#refuse(session, { kind: 'publish', body }, 'request-malformed');
  }

  #answerPublish({ asker, requestId }: Question<Client>, ok: boolean): void {
    if (ok) this.#send(asker.peer.session, message('published', { requestId }));
    else this.#sendFailure(asker.peer.session, requestId, 'busy', PUBLISH_RETRY_MS);
  }

  #search(now: Millis, client: Client, body: Body<'search'>): void {
    const { searches } = client.allowance;
    if (!searches.take(now)) {
      return this.#refuse(client.peer.session, { kind: 'search', body }, 'busy', searches.waitMs(now));
    }
    if (!this.#work.admits(now, 'search')) return this.#shed(client, { kind: 'search', body });
    const minuteMs = Math.floor(this.#wallClock() / 60_000) * 60_000;
    const asOfMs = body.asOfMs === 0 ? minuteMs : Math.min(body.asOfMs, minuteMs);
    // The one of that very name comes first.
    const limit = body.exact ? 1 : Math.min(Math.max(1, body.limit), SEARCH_HITS_MAX);
    const about = { asOfMs, only: body.exact ? foldName(body.pattern) : undefined };
    const ticket = this.#open(now, client, { kind: 'search', body }, about);
    if (ticket === undefined) return;
    // More does not count, and would travel to many replicas. A cut where it counts could halve a character.
    const cut = (text: string): string => text.slice(0, 2 * PATTERN_LENGTH_MAX);
    const [pattern, after] = [cut(body.pattern), cut(body.after)];
    this.#beyond.search(now, ticket, { pattern, limit, after, asOfMs, viewer: client.key });
  }

  #answerSearch({ asker, requestId, about }: Question<Client>, { hits, next, whole }: Page, complete: boolean): void {
    const { asOfMs, only } = typeof about === 'object' && 'asOfMs' in about ? about : { asOfMs: 0, only: undefined };
    // The index knows it by their newest record; of whoever is attached here we know it at once.
    const visible = hits.filter(({ name }) => !this.#hides(foldName(name), asker.key));
    const shown = only === undefined ? visible : visible.filter(({ name }) => foldName(name) === only);
    const incomplete = !complete || (only === undefined && !whole);
    const rest = only === undefined ? next : '';
    const page = { hits: shown.map((hit) => ({ ...hit })), complete: !incomplete && rest === '', next: rest, asOfMs };
    this.#send(asker.peer.session, message('searchResults', { requestId, ...page, incomplete }));
  }

  /** A number for a question that others answer. Undefined: too many are open, and the client was told. */
  #open(now: Millis, client: Client, asked: Message, about: QuestionAbout): number | undefined {
    const requestId = 'requestId' in asked.body ? asked.body.requestId : 0;
    const ticket = this.#questions.open(now, client, requestId, about);
    if (ticket === undefined) this.#refuse(client.peer.session, asked, 'busy', QUESTION_LIMIT_MS);
    return ticket;
  }

  /** Nobody has answered in time: what we know ourselves is told, as incomplete. */
  #giveUp(question: Question<Client>): void {
    const { about, asker } = question;
    if (about === 'record') return this.#answerPublish(question, false);
    if ('asOfMs' in about) return this.#answerSearch(question, { hits: [], next: '', whole: true }, false);
    const here = this.visibleNodes(foldName(about.name), asker.peer.name).map(({ node }) => node);
    this.#answerLookup(question, here, false);
  }

  #hides(key: string, viewer: string): boolean {
    return [...(this.#byName.get(key) ?? [])].some(({ hiddenFrom }) => hiddenFrom.has(viewer));
  }

  #tellEntries(now: Millis, client: Client, body: Body<'entriesGet'>): void {
    const { entries } = client.allowance;
    if (!this.#work.admits(now, 'entries')) return this.#shed(client, { kind: 'entriesGet', body });
    // Ourselves: for somebody who takes the client for a supernode (PROTOCOL.md 9.14).
    const ownWanted = (body.nodeIds ?? []).some((id) => hexOf(id) === this.#own);
    if (entries.take(now)) this.#sendEntries(client.peer, body.requestId, ownWanted);
    else this.#refuse(client.peer.session, { kind: 'entriesGet', body }, 'busy', entries.waitMs(now));
  }

  #sendEntries({ session, nodeId }: RegistrarPeer, requestId: number, ownWanted: boolean): void {
    this.#send(session, message('entries', { requestId, entries: [...this.#entriesFor(nodeId, ownWanted)] }));
  }

  #forward(now: Millis, client: Client, body: Body<'forward'>, host: string): void {
    const bytes = body.packet.length;
    if (body.target.length !== ID_BYTES) {
      this.#refusedPackets += 1;
      return;
    }
    const { nodeId: node } = client.peer;
    const cap = this.#caps.take(now, { person: client.key, node, host, target: hexOf(body.target), bytes });
    if (cap !== undefined) return this.#complain(now, client, cap);
    const id = hexOf(body.target);
    const target = this.#byNode.get(id);
    if (!target) {
      this.#forwardedPackets += 1;
      this.#forwardedBytes += bytes;
      return this.#beyond.forward(now, idOf(client), id, Buffer.from(body.packet));
    }
    if (this.#visible(target, client)) this.#pass(target, node, body.packet);
    else this.forwardFailed(node, id);
  }

  #pass(target: Client, from: NodeId, packet: Uint8Array): void {
    this.#forwardedPackets += 1;
    this.#forwardedBytes += packet.length;
    const reliable = packet.length > FORWARD_DATAGRAM_BYTES_MAX;
    const forwarded = message('forwarded', { source: bytesOf(from), packet });
    this.#out.push({ session: target.peer.session, message: forwarded, reliable });
  }

  /** Only what we see by UDP: the other end of a stream may be a proxy that serves others too. */
  #vouch(now: Millis, client: Client, observed: string, body: Body<'vouch'>): void {
    const seen = parseEndpoint(observed);
    if (body.target.length !== ID_BYTES || seen?.carrier !== 'udp') return;
    const id = hexOf(body.target);
    const target = this.#byNode.get(id);
    if (target && !this.#visible(target, client)) return;
    const { host } = seen;
    const { nodeId: node } = client.peer;
    if (this.#caps.take(now, { person: client.key, node, host, target: id, bytes: 0 }) !== undefined) return;
    if (target) this.vouched({ source: node, target: id, host });
    else this.#beyond.vouch(idOf(client), id, host);
  }

  #complain(now: Millis, client: Client, cap: RelayCap): void {
    const news = this.#caps.complaint(now, client.peer.nodeId, cap);
    if (news === undefined) return;
    this.#out.push({ session: client.peer.session, message: message('quota', { ...news }), reliable: false });
  }

  /** Too much to do for everybody. */
  #shed({ peer }: Client, value: Message): void {
    this.#refuse(peer.session, value, 'busy', BUSY_RETRY_MS);
  }

  #refuse(session: number, value: Message, code: FailureCode, retryAfterMs = 0): void {
    this.#sendFailure(session, 'requestId' in value.body ? value.body.requestId : 0, code, retryAfterMs);
  }

  #sendFailure(session: number, requestId: number, code: FailureCode, retryAfterMs: number): void {
    this.#send(session, message('failure', { requestId, code, retryAfterMs }));
  }

  #send(session: number, value: Message): void {
    this.#out.push({ session, message: value, reliable: true });
  }
}

function idOf({ peer }: Client): Elsewhere {
  return { node: peer.nodeId, name: peer.name };
}

/** What is no name is nobody's, and could be as long as a message. */
function foldedSet(names: readonly string[], limit: number): ReadonlySet<string> {
  return new Set(names.slice(0, limit).filter(isName).map(foldName));
}

function addTo<T>(map: Map<string, Set<T>>, key: string, value: T): void {
  const set = map.get(key);
  if (set) set.add(value);
  else map.set(key, new Set([value]));
}

function removeFrom<T>(map: Map<string, Set<T>>, key: string, value: T): void {
  const set = map.get(key);
  set?.delete(value);
  if (set?.size === 0) map.delete(key);
}
