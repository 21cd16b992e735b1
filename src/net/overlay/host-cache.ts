/**
 * The host cache: at most 200 supernodes (BS04 section 3.2) with what became of them on each network, and in which order
 * they are tried. Told of them by the invite, the login server (`Supernodes`) and our supernode (`Entries`), and of
 * every race by the supernode link; gives the link its list; is stored as plain data.
 *
 * The order: first those that the invite names, in its order; then those that the login server named, the one where we
 * were last before the others, which stand as each cache drew lots for itself: what stood first for everybody would
 * carry everybody, as first supernode or in standby. Then come those that supernodes told of, by how well they did here,
 * anywhere, and how fresh they are, with a little chance, spread over networks (/16). Who missed on this network lately
 * stands behind all others.
 *
 * The signature of an entry has done its work when the entry comes in here: what is stored is in a file that only its
 * owner can write, and a handshake proves each supernode anyhow. Times are of the wall clock, since they are stored.
 */
import type { Random } from '../protocol/core.ts';
import { type Endpoint, parseEndpoint, printEndpoint } from '../protocol/endpoint.ts';
import type { NodeId } from '../protocol/ids.ts';
import { HOST_CACHE_ENTRIES_MAX } from '../protocol/paper.ts';
import {
  HOST_HALF_LIFE_MS,
  HOST_VISITS_MAX,
  MISSED_MS,
  MISSED_MS_MAX,
  SUPERNODE_ENDPOINTS_MAX,
  SUPERNODE_ENTRY_LIFETIME_MS,
} from '../protocol/params.ts';
import type { Way, WayName } from '../protocol/ways.ts';
import { isSamePlace } from './attach-race.ts';
import type { SupernodeRecord } from './supernode-entry.ts';

/** Who named it first: a stronger word is not forgotten for a weaker one. */
export type Origin = 'invite' | 'login' | 'heard';

/** How one way to a supernode did on one network. */
export interface Visit {
  /** Fingerprint of the network. */
  readonly network: string;
  readonly way: WayName;
  /** Last success and last miss; 0: never. */
  readonly okAtMs: number;
  readonly missedAtMs: number;
  /** Misses since the last success. */
  readonly misses: number;
}

/** As it is stored. */
export interface RememberedSupernode {
  /** Empty when only its address is known. */
  readonly node: NodeId;
  readonly endpoints: readonly string[];
  readonly origin: Origin;
  /** Of its signed record; 0 when there was none. */
  readonly issuedAtMs: number;
  readonly visits: readonly Visit[];
}

interface Entry {
  node: NodeId;
  endpoints: readonly Endpoint[];
  origin: Origin;
  /** Place in the invite. */
  rank: number;
  /** Orders those that the login server named. */
  readonly lot: number;
  issuedAtMs: number;
  visits: Visit[];
}

export class HostCache {
  readonly #random: Random;
  #entries: Entry[] = [];

  /** `invite`: those that the invite names, in its order. */
  constructor(random: Random, invite: readonly Endpoint[], stored: readonly RememberedSupernode[] = []) {
    this.#random = random;
    for (const one of stored.slice(0, HOST_CACHE_ENTRIES_MAX)) {
      const endpoints = one.endpoints.slice(0, SUPERNODE_ENDPOINTS_MAX).flatMap((text) => parseEndpoint(text) ?? []);
      if (endpoints.length === 0) continue;
      // What an older invite named is hearsay now.
      const origin = one.origin === 'invite' ? 'heard' : one.origin;
      const visits = one.visits.slice(0, HOST_VISITS_MAX);
      this.#entries.push({ ...one, endpoints, origin, rank: Number.POSITIVE_INFINITY, lot: random.fraction(), visits });
    }
    for (const [rank, endpoint] of invite.entries()) {
      const entry = this.#at(endpoint) ?? this.#add({ nodeId: '', endpoints: [endpoint], issuedAtMs: 0 }, 'invite');
      entry.origin = 'invite';
      entry.rank = Math.min(entry.rank, rank);
    }
    this.#evict();
  }

  get size(): number {
    return this.#entries.length;
  }

  /** When the record that we have of a supernode was issued; 0: we have none. */
  issuedAt(node: NodeId): number {
    return this.#of(node)?.issuedAtMs ?? 0;
  }

  /** True when that adds an address that was not known. An older word on a supernode changes nothing. Time 0: a hint. */
  name(named: SupernodeRecord, origin: 'login' | 'heard'): boolean {
    const fresh = named.endpoints.some((endpoint) => !this.#at(endpoint));
    const known = this.#of(named.nodeId) ?? named.endpoints.map((one) => this.#at(one)).find((one) => one?.node === '');
    if (!known) this.#add(named, origin);
    else {
      if (named.issuedAtMs >= known.issuedAtMs) {
        // What the invite says stays: it may be a name, which outlives addresses.
        const kept = known.origin === 'invite' ? known.endpoints.slice(0, 1) : [];
        known.endpoints = unique([...kept, ...named.endpoints]);
        known.node ||= named.nodeId;
        known.issuedAtMs = named.issuedAtMs;
      }
      if (origin === 'login') this.vouchFor(known.node);
    }
    this.#evict();
    return fresh;
  }

  /** The login server names it too. */
  vouchFor(node: NodeId): void {
    const known = this.#of(node);
    if (known?.origin === 'heard') known.origin = 'login';
  }

  /** A race on this network was won at `server` by `way`; the others had their time and did not answer. */
  raced(wallMs: number, network: string, won: { server: Endpoint; way: WayName }, missed: readonly Way[]): void {
    for (const { server, name } of missed) {
      const entry = this.#at(server);
      const old = entry && visitOf(entry, network, name);
      if (old) this.#visit(entry, { ...old, missedAtMs: wallMs, misses: old.misses + 1 });
    }
    const entry = this.#at(won.server);
    const old = entry && visitOf(entry, network, won.way);
    if (old) this.#visit(entry, { ...old, okAtMs: wallMs, misses: 0 });
  }

  /**
   * All addresses, best first. `lastGood`: where we were attached on this network last. `except`: supernodes that are in
   * use already, by any address of theirs.
   */
  order(
    wallMs: number,
    network: string,
    choice: { lastGood?: Endpoint | undefined; except?: readonly Endpoint[] } = {},
  ): Endpoint[] {
    const { lastGood, except = [] } = choice;
    const left = this.#entries.filter((entry) => !except.some((one) => isAt(entry, one)));
    const missed = (entry: Entry): boolean => hasMissed(entry, wallMs, network);
    const primary = left.filter((entry) => isPrimary(entry, wallMs)).sort(byRankAndLot(lastGood));
    const chance = (): number => 0.1 * this.#random.fraction();
    const others = left
      .filter((entry) => !isPrimary(entry, wallMs))
      .map((entry) => ({ entry, score: worth(entry, wallMs, network) + chance() + (isAt(entry, lastGood) ? 2 : 0) }));
    const best = others.sort((a, b) => b.score - a.score).map(({ entry }) => entry);
    const all = [...primary, ...spread(best)];
    const inOrder = [...all.filter((one) => !missed(one)), ...all.filter(missed)];
    return unique(inOrder.flatMap(({ endpoints }) => endpoints));
  }

  /** To be stored. */
  export(): RememberedSupernode[] {
    return this.#entries.map(({ node, endpoints, origin, issuedAtMs, visits }) => ({
      node,
      endpoints: endpoints.map(printEndpoint),
      origin,
      issuedAtMs,
      visits: [...visits],
    }));
  }

  #add({ nodeId: node, endpoints, issuedAtMs }: SupernodeRecord, origin: Origin): Entry {
    const kept = unique(endpoints).slice(0, SUPERNODE_ENDPOINTS_MAX);
    const [rank, lot] = [Number.POSITIVE_INFINITY, this.#random.fraction()];
    const entry: Entry = { node, endpoints: kept, origin, rank, lot, issuedAtMs, visits: [] };
    this.#entries.push(entry);
    return entry;
  }

  #of(node: NodeId): Entry | undefined {
    return node === '' ? undefined : this.#entries.find((one) => one.node === node);
  }

  #at(place: Endpoint): Entry | undefined {
    return this.#entries.find((entry) => isAt(entry, place));
  }

  /** The newest visits are kept. */
  #visit(entry: Entry, visit: Visit): void {
    const others = entry.visits.filter(({ network, way }) => network !== visit.network || way !== visit.way);
    const latest = ({ okAtMs, missedAtMs }: Visit): number => Math.max(okAtMs, missedAtMs);
    entry.visits = [visit, ...others].sort((a, b) => latest(b) - latest(a)).slice(0, HOST_VISITS_MAX);
  }

  /** Those that the invite names stay; of the rest whoever did well last, then the freshest. */
  #evict(): void {
    if (this.#entries.length <= HOST_CACHE_ENTRIES_MAX) return;
    const worthOf = (entry: Entry): number[] => [
      Number(entry.origin === 'invite'),
      Math.max(0, ...entry.visits.map(({ okAtMs }) => okAtMs)),
      Number(entry.origin === 'login'),
      entry.issuedAtMs,
    ];
    const ranked = this.#entries.map((entry) => ({ entry, worth: worthOf(entry) }));
    ranked.sort((a, b) => compare(b.worth, a.worth));
    const kept = new Set(ranked.slice(0, HOST_CACHE_ENTRIES_MAX).map(({ entry }) => entry));
    this.#entries = this.#entries.filter((entry) => kept.has(entry));
  }
}

function visitOf(entry: Entry, network: string, way: WayName): Visit {
  const known = entry.visits.find((visit) => visit.network === network && visit.way === way);
  return known ?? { network, way, okAtMs: 0, missedAtMs: 0, misses: 0 };
}

/** It did not answer on this network the last time that somebody else did, and that is not long ago. */
function hasMissed({ visits }: Entry, wallMs: number, network: string): boolean {
  const here = visits.filter((visit) => visit.network === network);
  const missedAtMs = Math.max(0, ...here.map((visit) => visit.missedAtMs));
  if (missedAtMs <= Math.max(0, ...here.map(({ okAtMs }) => okAtMs))) return false;
  const misses = Math.max(1, ...here.map((visit) => visit.misses));
  return wallMs < missedAtMs + Math.min(MISSED_MS_MAX, MISSED_MS * 2 ** Math.min(16, misses - 1));
}

/** From 0 to 1.75: success here counts most, then success anywhere, then freshness. */
function worth({ visits, issuedAtMs }: Entry, wallMs: number, network: string): number {
  const aged = (atMs: number): number => (atMs === 0 ? 0 : 2 ** (-Math.max(0, wallMs - atMs) / HOST_HALF_LIFE_MS));
  const here = Math.max(0, ...visits.filter((visit) => visit.network === network).map(({ okAtMs }) => okAtMs));
  const anywhere = Math.max(0, ...visits.map(({ okAtMs }) => okAtMs));
  return aged(here) + 0.5 * aged(anywhere) + 0.25 * aged(issuedAtMs);
}

function isAt({ endpoints }: Entry, place: Endpoint | undefined): boolean {
  return place !== undefined && endpoints.some((one) => isSamePlace(one, place));
}

/** Named by the invite or, within the life of an entry, by the login server. */
function isPrimary({ origin, issuedAtMs }: Entry, wallMs: number): boolean {
  if (origin !== 'login') return origin === 'invite';
  return issuedAtMs === 0 || wallMs < issuedAtMs + SUPERNODE_ENTRY_LIFETIME_MS;
}

/** The invite's word first, then where we were last. */
function byRankAndLot(lastGood: Endpoint | undefined): (a: Entry, b: Entry) => number {
  return (a, b) => {
    if (a.rank !== b.rank) return a.rank < b.rank ? -1 : 1;
    const [aWas, bWas] = [isAt(a, lastGood), isAt(b, lastGood)];
    return aWas === bWas ? a.lot - b.lot : aWas ? -1 : 1;
  };
}

/** One of each neighbourhood, then the second of each, and so on: they seldom fail together. */
function spread(entries: readonly Entry[]): Entry[] {
  const seen = new Map<string, number>();
  const turn = (entry: Entry): number => {
    const key = neighbourhoodOf(entry.endpoints[0]?.host ?? '');
    const before = seen.get(key) ?? 0;
    seen.set(key, before + 1);
    return before;
  };
  return entries
    .map((entry) => ({ entry, turn: turn(entry) }))
    .sort((a, b) => a.turn - b.turn)
    .map(({ entry }) => entry);
}

/** The /16 of an IPv4 address, the /32 of an IPv6 one, the whole of a name. */
function neighbourhoodOf(host: string): string {
  if (host.includes(':')) return host.split(':').slice(0, 2).join(':');
  return /^[\d.]+$/.test(host) ? host.split('.').slice(0, 2).join('.') : host;
}

/** The first one at each place. */
function unique(endpoints: readonly Endpoint[]): Endpoint[] {
  const seen = new Map<string, Endpoint>();
  for (const one of endpoints) if (!seen.has(`${one.host} ${one.port}`)) seen.set(`${one.host} ${one.port}`, one);
  return [...seen.values()];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const i = a.findIndex((value, at) => value !== b[at]);
  return i < 0 ? 0 : (a[i] ?? 0) - (b[i] ?? 0);
}
