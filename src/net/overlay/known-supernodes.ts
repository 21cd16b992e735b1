/**
 * Which supernodes an ordinary node knows, and how it comes to know them. Joins the host cache, the memory of networks
 * and the reader of signed entries; says when somebody is to be asked, and what is to be stored. The node hands in what
 * the link and the servers say, and gives the link its list.
 *
 *   looking   nobody has us for 1.5 s --> ask the login server, again after 15 s, then ever more rarely
 *   attached  after ten minutes, then every two hours --> ask the supernode for a few entries
 *   learned   --> `remember`, soon after an attachment, else rarely
 */
import type { Millis, Random, WallClock } from '../protocol/core.ts';
import { type Endpoint, isPrivateHost, parseEndpoint } from '../protocol/endpoint.ts';
import { hexOf, isIdHex, type NodeId } from '../protocol/ids.ts';
import { REDIRECT_ENTRIES_MAX } from '../protocol/overlay-params.ts';
import {
  ATTACH_ROUND_MS_MAX,
  ENTRIES_ASK_FIRST_MS,
  ENTRIES_ASK_MS,
  ENTRIES_PER_ANSWER_MAX,
  REMEMBER_MS,
  REMEMBER_SOON_MS,
  SUPERNODE_ENDPOINTS_MAX,
  SUPERNODES_ASK_AFTER_MS,
  SUPERNODES_ASK_MS,
  SUPERNODES_ASK_MS_MAX,
  SUPERNODES_ASK_SPREAD_MS,
  SUPERNODES_TOLD_MAX,
} from '../protocol/params.ts';
import type { Way, WayName } from '../protocol/ways.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { HostCache, type RememberedSupernode } from './host-cache.ts';
import { NetworkMemory, type RememberedNetwork } from './network-memory.ts';
import { type CertificateJudge, EntryReader, type SupernodeRecord } from './supernode-entry.ts';

/** Numbers of our requests lie between those of `supernode-questions.ts` and those of `supernode-link.ts`. */
const REQUEST_IDS_FROM = 2 ** 30;

/** Plain data, for the profile. */
export interface Remembered {
  readonly supernodes: readonly RememberedSupernode[];
  readonly networks: readonly RememberedNetwork[];
}

export type KnownOutput =
  | { readonly type: 'ask-login' }
  | { readonly type: 'ask-supernode'; readonly message: Message }
  /** Addresses that were not known. */
  | { readonly type: 'named' }
  /** Nobody is known, and nobody was named for so long that a person must be told. */
  | { readonly type: 'nobody' }
  | { readonly type: 'remember'; readonly remembered: Remembered };

export class KnownSupernodes {
  readonly #random: Random;
  readonly #wallClock: WallClock;
  readonly #cache: HostCache;
  readonly #networks: NetworkMemory;
  readonly #reader: EntryReader;
  #askLoginAt: Millis = Number.POSITIVE_INFINITY;
  /** Of the login server, since we were attached last. */
  #asks = 0;
  #askSupernodeAt: Millis = Number.POSITIVE_INFINITY;
  #rememberAt: Millis = Number.POSITIVE_INFINITY;
  #nobodyAt: Millis = Number.POSITIVE_INFINITY;
  /** What came of the last question to the login server. */
  #loginServer: 'waiting' | 'answers' | 'silent' = 'waiting';
  #requestId = REQUEST_IDS_FROM;
  /** Answers of a supernode that are still awaited. */
  #awaited = 0;
  #attachedTo: Endpoint | undefined;
  #out: KnownOutput[] = [];

  constructor(options: {
    readonly random: Random;
    readonly wallClock: WallClock;
    readonly invite: readonly Endpoint[];
    readonly remembered?: Remembered | undefined;
    readonly judge: CertificateJudge;
  }) {
    const { random, wallClock, invite, remembered } = options;
    this.#random = random;
    this.#wallClock = wallClock;
    this.#cache = new HostCache(random, invite, remembered?.supernodes);
    this.#networks = new NetworkMemory(remembered?.networks);
    this.#reader = new EntryReader(options.judge);
  }

  /** How many supernodes are known. */
  get size(): number {
    return this.#cache.size;
  }

  /** Entries that were no good. Only rises. */
  get dropped(): number {
    return this.#reader.dropped;
  }

  get loginServer(): 'waiting' | 'answers' | 'silent' {
    return this.#loginServer;
  }

  /** The way that worked on this network last. */
  get way(): WayName | undefined {
    return this.#networks.way;
  }

  /** Where we stand, in the words of whoever found it out; kept for this network. */
  get connectivity(): string | undefined {
    return this.#networks.connectivity;
  }

  setConnectivity(now: Millis, connectivity: string): void {
    if (connectivity === this.#networks.connectivity) return;
    this.#networks.setConnectivity(this.#wallClock(), connectivity);
    this.#rememberWithin(now, REMEMBER_SOON_MS);
  }

  /** The level that the last call on this network ended on, unless that is long ago. */
  get level(): number | undefined {
    return this.#networks.levelAt(this.#wallClock());
  }

  setLevel(now: Millis, level: number): void {
    this.#networks.setLevel(this.#wallClock(), level);
    this.#rememberWithin(now, REMEMBER_SOON_MS);
  }

  /** `print`: the fingerprint of the network that we are on now. True when it is another than before. */
  enter(print: string): boolean {
    return this.#networks.enter(this.#wallClock(), print);
  }

  /** Addresses to try, best first, without supernodes that are in use already. */
  order(except: readonly Endpoint[] = []): Endpoint[] {
    const { print, supernode: lastGood } = this.#networks;
    return this.#cache.order(this.#wallClock(), print, { lastGood, except });
  }

  /** We look for a supernode: a fresh start, or after one was lost. Said again it changes nothing. */
  looking(now: Millis): void {
    if (!this.#attachedTo && this.#askLoginAt !== Number.POSITIVE_INFINITY) return;
    this.#attachedTo = undefined;
    this.#awaited = 0;
    this.#askSupernodeAt = Number.POSITIVE_INFINITY;
    const waitMs =
      this.#cache.size === 0 ? 0 : SUPERNODES_ASK_AFTER_MS + SUPERNODES_ASK_SPREAD_MS * this.#random.fraction();
    this.#loginServer = 'waiting';
    this.#asks = 0;
    this.#askLoginAt = now + waitMs;
    this.#nobodyAt = this.#cache.size === 0 ? now + ATTACH_ROUND_MS_MAX : Number.POSITIVE_INFINITY;
  }

  attached(now: Millis, won: { readonly server: Endpoint; readonly way: WayName }, missed: readonly Way[]): void {
    const wallMs = this.#wallClock();
    this.#cache.raced(wallMs, this.#networks.print, won, missed);
    this.#networks.worked(wallMs, won.way, won.server);
    this.#attachedTo = won.server;
    this.#askLoginAt = Number.POSITIVE_INFINITY;
    this.#askSupernodeAt = now + this.#about(ENTRIES_ASK_FIRST_MS);
    this.#rememberWithin(now, REMEMBER_SOON_MS);
  }

  /** Nobody is signed in any more. */
  stop(): void {
    this.#attachedTo = undefined;
    this.#askLoginAt = Number.POSITIVE_INFINITY;
    this.#askSupernodeAt = Number.POSITIVE_INFINITY;
    this.#nobodyAt = Number.POSITIVE_INFINITY;
    if (this.#rememberAt !== Number.POSITIVE_INFINITY) this.#remember();
  }

  /** The login server was asked in vain. */
  loginSilent(): void {
    this.#loginServer = 'silent';
  }

  /** The login server's list. What carries no signed record comes from an older server, and is a hint. */
  fromLogin(now: Millis, { entries }: Body<'supernodes'>): void {
    this.#loginServer = 'answers';
    let fresh = false;
    for (const one of entries.slice(0, SUPERNODES_TOLD_MAX)) {
      const { certificate, record, signature } = one;
      const id = hexOf(one.nodeId ?? Buffer.alloc(0));
      const nodeId: NodeId = isIdHex(id) ? id : '';
      if (certificate?.length && record?.length && signature?.length) {
        if (this.#take({ certificate, record, signature }, 'login', true)) fresh = true;
        this.#cache.vouchFor(nodeId);
        continue;
      }
      const texts = (one.endpoints ?? []).slice(0, SUPERNODE_ENDPOINTS_MAX);
      const endpoints = texts.flatMap((text) => parseEndpoint(text) ?? []);
      if (endpoints.length > 0 && this.#cache.name({ nodeId, endpoints, issuedAtMs: 0 }, 'login')) fresh = true;
    }
    this.#told(now, fresh);
  }

  /** Somebody who is no supernode leads us to his own one: a hint. */
  pointed(now: Millis, record: SupernodeRecord): void {
    this.#told(now, this.#cache.name({ ...record, issuedAtMs: 0 }, 'heard'));
  }

  /** Our supernode stops and names another. Where that is, when its entry is good. */
  handedOver(now: Millis, wire: Body<'leaving'>['next'], supernode: Endpoint | undefined): readonly Endpoint[] {
    const { certificate, record, signature } = wire ?? {};
    if (!certificate || !record || !signature) return [];
    const nearby = supernode !== undefined && isPrivateHost(supernode.host);
    const entry = this.#reader.read(this.#wallClock(), { certificate, record, signature }, () => 0, nearby);
    if (!entry) return [];
    if (entry.issuedAtMs > this.#cache.issuedAt(entry.nodeId)) this.#told(now, this.#cache.name(entry, 'heard'));
    return entry.endpoints;
  }

  /** Entries of a supernode: asked for, or with its refusal, which says where else to go. */
  fromSupernode(now: Millis, { entries }: Body<'entries'>, supernode: Endpoint | undefined): void {
    if (this.#attachedTo && this.#awaited === 0) return;
    this.#awaited = Math.max(0, this.#awaited - 1);
    const nearby = supernode !== undefined && isPrivateHost(supernode.host);
    let fresh = false;
    for (const { certificate, record, signature } of entries.slice(0, ENTRIES_PER_ANSWER_MAX)) {
      if (!certificate || !record || !signature) continue;
      if (this.#take({ certificate, record, signature }, 'heard', nearby)) fresh = true;
    }
    this.#told(now, fresh);
  }

  /**
   * A full supernode sends us on: addresses of those that it names, in its order. Only what a supernode signed of itself
   * counts, so that a liar can send nobody to what is none.
   */
  redirected(now: Millis, { entries }: Body<'redirect'>, supernode: Endpoint | undefined): Endpoint[] {
    const nearby = supernode !== undefined && isPrivateHost(supernode.host);
    const found: Endpoint[] = [];
    for (const { certificate, record, signature } of entries.slice(0, REDIRECT_ENTRIES_MAX)) {
      if (!certificate || !record || !signature) continue;
      const entry = this.#reader.read(this.#wallClock(), { certificate, record, signature }, () => 0, nearby);
      if (!entry) continue;
      if (this.#cache.issuedAt(entry.nodeId) < entry.issuedAtMs) this.#cache.name(entry, 'heard');
      found.push(...entry.endpoints);
    }
    if (found.length > 0) this.#rememberWithin(now, REMEMBER_SOON_MS);
    return found;
  }

  wake(now: Millis): void {
    if (now >= this.#askLoginAt) {
      this.#askLoginAt = now + this.#about(Math.min(SUPERNODES_ASK_MS_MAX, SUPERNODES_ASK_MS * 2 ** this.#asks));
      this.#asks += 1;
      this.#out.push({ type: 'ask-login' });
    }
    if (now >= this.#askSupernodeAt) {
      this.#askSupernodeAt = now + this.#about(ENTRIES_ASK_MS);
      this.#awaited = 1;
      this.#requestId += 1;
      this.#out.push({ type: 'ask-supernode', message: message('entriesGet', { requestId: this.#requestId }) });
    }
    if (now >= this.#rememberAt) this.#remember();
    if (now < this.#nobodyAt) return;
    this.#nobodyAt = this.#cache.size === 0 ? now + this.#about(SUPERNODES_ASK_MS) : Number.POSITIVE_INFINITY;
    if (this.#cache.size === 0) this.#out.push({ type: 'nobody' });
  }

  wakeAt(): Millis {
    return Math.min(this.#askLoginAt, this.#askSupernodeAt, this.#rememberAt, this.#nobodyAt);
  }

  drain(): KnownOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #take(wire: Parameters<EntryReader['read']>[1], origin: 'login' | 'heard', nearby: boolean): boolean {
    const newestOf = (node: NodeId): number => this.#cache.issuedAt(node);
    const entry = this.#reader.read(this.#wallClock(), wire, newestOf, nearby);
    return entry !== undefined && this.#cache.name(entry, origin);
  }

  #told(now: Millis, fresh: boolean): void {
    this.#rememberWithin(now, fresh ? REMEMBER_SOON_MS : REMEMBER_MS);
    if (fresh) this.#out.push({ type: 'named' });
  }

  #rememberWithin(now: Millis, ms: number): void {
    this.#rememberAt = Math.min(this.#rememberAt, now + ms);
  }

  #remember(): void {
    this.#rememberAt = Number.POSITIVE_INFINITY;
    const remembered = { supernodes: this.#cache.export(), networks: this.#networks.export() };
    this.#out.push({ type: 'remember', remembered });
  }

  /** 20 % either way, so that many do not stay in step. */
  #about(ms: number): number {
    return ms * (0.8 + 0.4 * this.#random.fraction());
  }
}
