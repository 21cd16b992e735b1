/**
 * All that a supernode has to do with the others: it assembles membership, index, people elsewhere and the sessions for
 * them (`mesh.ts`), keeps their entries, and answers the registrar (`overlay/beyond.ts`).
 *
 *   certified --> start: our entry, entries of others --> membership     leave --> stop
 *   entry wanted --> EntriesGet where the news came from --> Entries --> EntryDesk --> membership
 *   registrar --> Beyond --> abroad, index        abroad, index --> registrar (seen, found, searched, deliver, ...)
 *   index (record, records) --> finder --> abroad (homes, looked-up)
 */
import { Abroad, type Client } from '../overlay/abroad.ts';
import type { Beyond } from '../overlay/beyond.ts';
import type { EntryDesk } from '../overlay/entry-desk.ts';
import type { Ticket } from '../overlay/global-index.ts';
import { HomeFinder } from '../overlay/home-finder.ts';
import { type PersonJudge, printOf, type RevokedJudge } from '../overlay/index-record.ts';
import { lessLoaded } from '../overlay/less-loaded.ts';
import { isHere } from '../overlay/member.ts';
import { Membership } from '../overlay/membership.ts';
import type { Registrar } from '../overlay/registrar.ts';
import { SearchTokens } from '../overlay/search-tokens.ts';
import { type IndexForm, type IndexSizes, SizedIndex } from '../overlay/sized-index.ts';
import type { SealedEntry, SupernodeEntry } from '../overlay/supernode-entry.ts';
import type { Millis, Random, WallClock } from '../protocol/core.ts';
import { type Endpoint, isPrivateHost } from '../protocol/endpoint.ts';
import { bytesOf, foldName, type NodeId } from '../protocol/ids.ts';
import {
  ALONE_ASK_MS,
  CONTACTS_MAX,
  ENTRIES_WANTED_MAX,
  LOAD_LOOK_MS,
  LOAD_STEP_PERMILLE,
  PUBLISH_AGAIN_MS,
} from '../protocol/overlay-params.ts';
import type { SessionId, Switchboard } from '../transport/switchboard.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import type { Carriers, LinkId } from './carriers.ts';
import type { DialPartners } from './dial-desk.ts';
import { Mesh, type MeshOutput } from './mesh.ts';

/** When we stop our clients go to so many others. */
const NEXT_AMONG = 8;

export interface MeshDeskOptions {
  readonly random: Random;
  readonly wallClock: WallClock;
  readonly self: NodeId;
  readonly judge: PersonJudge;
  readonly isRevoked?: RevokedJudge;
  /** When the index goes from full copies to slots and back; as the parameters say, when not given. */
  readonly indexSizes?: IndexSizes | undefined;
  readonly entries: EntryDesk;
  readonly carriers: Carriers;
  readonly switchboard: Switchboard;
  /** Who is attached here; asked only when something happens, so it may be made after this room. */
  readonly registrar: () => Registrar;
}

/** For `status` and reports. */
export interface MeshLoad {
  /** Other supernodes that live. */
  readonly members: number;
  /** Records of the Global Index held here. */
  readonly records: number;
  readonly indexForm: IndexForm;
}

export class MeshDesk {
  readonly #options: MeshDeskOptions;
  readonly #membership: Membership;
  readonly #index: SizedIndex;
  readonly #finder: HomeFinder;
  readonly #abroad: Abroad;
  readonly #mesh: Mesh;
  readonly beyond: Beyond;
  /** Who counts what the accounts of clients search. */
  readonly tokens: SearchTokens;
  #running = false;
  #askAt: Millis = Number.POSITIVE_INFINITY;
  #loadAt: Millis = Number.POSITIVE_INFINITY;
  #announced = { loadPermille: 0, entryIssuedAtMs: 0 };
  #requestId = 0;
  /** Tickets of the registrar, by those of the index. */
  readonly #searches = new Map<Ticket, number>();
  readonly #publications = new Map<Ticket, { readonly ticket: number; readonly node: NodeId }>();

  constructor(options: MeshDeskOptions) {
    this.#options = options;
    const { random, wallClock, self, judge, entries, carriers, switchboard, registrar } = options;
    this.#membership = new Membership({ random, self });
    const { indexSizes: sizes, isRevoked } = options;
    this.#index = new SizedIndex({ self, random, wallClock, judge, sizes, isRevoked });
    this.#finder = new HomeFinder({
      index: this.#index,
      wallClock,
      watched: () => registrar().watchedHere(),
      isWatched: (key) => registrar().watchersOf(key).length > 0,
      isSeen: (key) => registrar().isAttached(key) || this.#abroad.seesName(key),
    });
    this.#abroad = new Abroad({
      self,
      visibleNodes: (key, viewer) => registrar().visibleNodes(key, viewer),
      presentNodes: (key, viewer) => registrar().presentNodes(key, viewer),
      seesHere: (watcher, node) => registrar().seesHere(watcher, node),
      keyHere: (node) => registrar().keyHere(node),
      watchersOf: (key) => registrar().watchersOf(key),
      watchesHere: () => registrar().watchesHere(),
      homesOfName: (key) => this.#finder.homesOf(key),
      recordOf: (node) => this.#finder.recordOf(node),
      lives: (id) => this.#lives(id),
    });
    this.tokens = new SearchTokens({ self, others: () => this.#membership.alive() });
    const rooms = { membership: this.#membership, index: this.#index, abroad: this.#abroad };
    const endpointsOf = (id: NodeId): readonly Endpoint[] => entries.endpointsOf(id);
    this.#mesh = new Mesh({ rooms, carriers, switchboard, endpointsOf });
    this.beyond = this.#answers();
  }

  /** Certified (again): others are told where we are, and we begin to live among those whose entries we have. */
  start(now: Millis, own: SealedEntry, issuedAtMs: number): void {
    this.#options.entries.setOwn(own);
    this.#announced = { ...this.#announced, entryIssuedAtMs: issuedAtMs };
    this.#membership.announce(now, this.#announced);
    if (this.#running) return;
    this.#running = true;
    this.#membership.start(now, []);
    this.#askAt = now + ALONE_ASK_MS;
    this.#loadAt = now + LOAD_LOOK_MS;
  }

  /** Says good-bye. */
  stop(now: Millis): void {
    this.#running = false;
    this.#membership.stop();
    this.#askAt = this.#loadAt = Number.POSITIVE_INFINITY;
    this.settle(now);
  }

  /** Rises whenever another supernode comes or goes. */
  get membersVersion(): number {
    return this.#mesh.membersVersion;
  }

  /** The index forgets this node, whose account of that folded name has revoked it. */
  revoked(key: string, node: NodeId): void {
    this.#index.revoked(key, node);
  }

  get indexForm(): IndexForm {
    return this.#index.form;
  }

  get load(): MeshLoad {
    return { members: this.#membership.aliveCount, records: this.#index.size, indexForm: this.#index.form };
  }

  /** Garbage and forgeries that were dropped. Only rises. */
  get dropped(): number {
    return this.#index.refused + this.#abroad.refused + this.#membership.refused + this.tokens.refused;
  }

  /** The others, for whoever has a client dialled. */
  get partners(): DialPartners {
    return {
      alive: () => this.#membership.alive(),
      endpointsOf: (id) => this.#options.entries.endpointsOf(id),
      loadPermille: () => this.#loadPermille(),
      send: (now, to, value) => this.#mesh.send(now, to, value, true),
    };
  }

  /** Where our clients shall go when we stop, by turns: those with least to do. */
  nextAmong(): SealedEntry[] {
    const members = this.#membership.alive().flatMap((id) => this.#membership.get(id) ?? []);
    const free = members.filter(({ status, loadPermille }) => status === 'alive' && loadPermille < 1_000);
    const best = free.toSorted((a, b) => a.loadPermille - b.loadPermille).slice(0, NEXT_AMONG);
    return this.#options.entries.named(best.map(({ id }) => bytesOf(id)));
  }

  /** True when the login server is to be asked now who else is there: we know nobody. */
  asksForSupernodes(now: Millis): boolean {
    if (now < this.#askAt) return false;
    this.#askAt = now + ALONE_ASK_MS * (0.8 + 0.4 * this.#options.random.fraction());
    return this.#membership.aliveCount === 0;
  }

  /** Entries that are new to us, from the login server or another supernode. */
  learned(now: Millis, fresh: readonly SupernodeEntry[]): void {
    const wasAlone = this.#membership.aliveCount === 0;
    for (const { nodeId, issuedAtMs } of fresh) this.#membership.entryKnown(now, nodeId, issuedAtMs);
    const contacts = fresh.slice(0, CONTACTS_MAX).map(({ nodeId }) => nodeId);
    if (wasAlone && this.#running && contacts.length > 0) this.#membership.start(now, contacts);
  }

  established(now: Millis, session: SessionId, peer: NodeId): void {
    this.#mesh.established(now, session, peer);
  }

  closed(session: SessionId): void {
    this.#mesh.closed(session);
  }

  linkDown(now: Millis, link: LinkId): boolean {
    return this.#mesh.linkDown(now, link);
  }

  /** A message of a certified supernode, which is at `host`. True when it was ours. */
  receive(now: Millis, from: { readonly node: NodeId; readonly host: string }, value: Message): boolean {
    if (value.kind === 'entriesGet') this.#tellEntries(now, from.node, value.body);
    else if (value.kind === 'entries') {
      const { entries, wallClock } = this.#options;
      this.learned(now, entries.learn(wallClock(), value.body, isPrivateHost(from.host)));
    } else return this.tokens.receive(now, from.node, value) || this.#mesh.receive(now, from.node, value);
    return true;
  }

  wake(now: Millis): void {
    if (!this.#running) return;
    this.#mesh.wake(now);
    this.#finder.wake(now);
    this.tokens.wake(now);
    if (now >= this.#loadAt) this.#lookAtLoad(now);
  }

  wakeAt(): Millis {
    if (!this.#running) return Number.POSITIVE_INFINITY;
    const loadAt = this.beyond.hasOthers ? this.#loadAt : Number.POSITIVE_INFINITY;
    return Math.min(this.#mesh.wakeAt(), this.#finder.wakeAt(), this.tokens.wakeAt(), this.#askAt, loadAt);
  }

  /** Entries of supernodes with less to do, for a client whom we do not take. */
  lessLoaded(client: NodeId): SealedEntry[] {
    const { entries, wallClock } = this.#options;
    const drawn = entries.drawnFor(wallClock(), client);
    return lessLoaded(drawn, (id) => this.#membership.get(id)).map(({ sealed }) => sealed);
  }

  /** Moves what the rooms said; true when there was something. */
  settle(now: Millis): boolean {
    const counted = this.tokens.drain();
    for (const { to, message: value } of counted) this.#mesh.send(now, to, value, true);
    const said = this.#mesh.drain(now);
    const wanted = new Map<NodeId, NodeId[]>();
    for (const output of said) this.#from(now, output, wanted);
    for (const [from, ids] of wanted) {
      this.#requestId += 1;
      const nodeIds = ids.slice(0, ENTRIES_WANTED_MAX).map(bytesOf);
      this.#mesh.send(now, from, message('entriesGet', { requestId: this.#requestId, nodeIds }), true);
    }
    const homes = this.#finder.drain();
    for (const output of homes) {
      if (output.type === 'homes') this.#abroad.recordChanged(output.key);
      else this.#abroad.lookup(now, output.ticket, output.name, output.viewer, output.complete);
    }
    return said.length + homes.length + counted.length > 0;
  }

  #from(now: Millis, output: MeshOutput, wanted: Map<NodeId, NodeId[]>): void {
    const registrar = this.#options.registrar();
    switch (output.type) {
      case 'seen':
        if (!output.attached) this.#finder.lost(now, foldName(output.name));
        return registrar.tellSeen(now, output);
      case 'found':
        return registrar.found(output.ticket, output.nodes, output.complete);
      case 'record':
        return this.#finder.learn(output.record);
      case 'records':
        return void this.#finder.found(output.ticket, output.records, output.complete);
      case 'page':
        return this.#searched(output);
      case 'published':
        return this.#published(output);
      case 'deliver':
        return registrar.deliver(now, output);
      case 'failed':
        return registrar.forwardFailed(output.source, output.target);
      case 'vouched':
        return registrar.vouched(output);
      case 'doubted':
        return registrar.doubted(output.id);
      case 'entry-wanted':
        wanted.set(output.from, [...(wanted.get(output.from) ?? []), output.id]);
    }
  }

  #searched({ ticket, page, complete }: Extract<MeshOutput, { type: 'page' }>): void {
    const asked = this.#searches.get(ticket);
    this.#searches.delete(ticket);
    if (asked !== undefined) this.#options.registrar().searched(asked, page, complete);
  }

  #published({ ticket, ok }: Extract<MeshOutput, { type: 'published' }>): void {
    const said = this.#publications.get(ticket);
    this.#publications.delete(ticket);
    if (!said) return;
    this.#options.registrar().published(said.ticket, ok);
    // Of two who watch each other and come at once, the one who is published last finds the other.
    for (const key of this.#abroad.watchedBy(said.node)) if (!this.#abroad.seesName(key)) this.#finder.want(key);
  }

  /** Who is watched by one of our clients now, and was not before, is to be found. */
  #setWatch(client: Client, keys: ReadonlySet<string>): void {
    const before = new Set(this.#abroad.watchedBy(client.node));
    this.#abroad.setWatch(client, keys);
    for (const key of keys) if (!before.has(key) && !this.#abroad.seesName(key)) this.#finder.want(key);
  }

  #tellEntries(now: Millis, to: NodeId, { requestId, nodeIds }: Body<'entriesGet'>): void {
    const entries = this.#options.entries.named(nodeIds);
    this.#mesh.send(now, to, message('entries', { requestId, entries }), true);
  }

  #lookAtLoad(now: Millis): void {
    this.#loadAt = now + LOAD_LOOK_MS;
    const loadPermille = this.#options.registrar().loadPermille(now);
    if (Math.abs(loadPermille - this.#announced.loadPermille) < LOAD_STEP_PERMILLE) return;
    this.#announced = { ...this.#announced, loadPermille };
    this.#membership.announce(now, this.#announced);
  }

  /** Of all that live, ourselves too, on average. */
  #loadPermille(): number {
    const loads = this.#membership.alive().map((id) => this.#membership.get(id)?.loadPermille ?? 0);
    const all = [this.#announced.loadPermille, ...loads];
    return all.reduce((sum, one) => sum + one, 0) / all.length;
  }

  #lives(id: NodeId): boolean {
    const member = this.#membership.get(id);
    return member !== undefined && isHere(member);
  }

  #answers(): Beyond {
    const [abroad, index, membership, finder] = [this.#abroad, this.#index, this.#membership, this.#finder];
    const { wallClock } = this.#options;
    return {
      get hasOthers() {
        return membership.aliveCount > 0;
      },
      setWatch: (client, keys) => this.#setWatch(client, keys),
      changedHere: (key) => abroad.changedHere(key),
      sees: (watcher, node) => abroad.sees(watcher, node),
      seenBy: (watcher) => abroad.seenBy(watcher),
      lookup: (now, ticket, name, viewer) => finder.lookup(now, ticket, name, viewer),
      forward: (now, client, target, packet) => abroad.forward(now, client, target, packet),
      vouch: (client, target, host) => abroad.vouch(client, target, host),
      search: (now, ticket, query) => void this.#searches.set(index.search(now, query), ticket),
      publish: (now, ticket, node, entry) => {
        const said = index.publish(now, node, entry ?? {});
        if (said === 'record-refused') return said;
        this.#publications.set(said, { ticket, node });
        return undefined;
      },
      printOf: (node) => {
        const record = finder.recordOf(node);
        return record && wallClock() < record.signedInAtMs + PUBLISH_AGAIN_MS ? printOf(record) : 0;
      },
    };
  }
}
