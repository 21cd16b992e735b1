/**
 * How much a supernode forwards, for whom, and what it says of it. The registrar asks for each packet, the newest being
 * the one that is dropped; nothing waits here. Caps are told in PROTOCOL.md, section 9.4:
 *
 *   streams     one node to another, more than 24 packets a second: so many for a person, so many for an address
 *   supernode   bytes a second of everybody together
 *   person      of one person, all nodes together
 *   address     of all behind one address, or one /64 network of IPv6
 *
 * A packet is taken from all of them or from none. Every table has a bound; what was used longest ago is forgotten.
 */
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import {
  CLIENTS_PER_SUPERNODE_MAX,
  FORWARD_BURST_BYTES,
  FORWARD_BYTES_LEAST,
  FORWARD_BYTES_PER_SECOND,
  LOAD_PEOPLE_MAX,
  QUOTA_TELL_MS,
  RELAY_FLOWS_MAX,
  STREAM_ENDS_MS,
  STREAM_PACKETS_PER_SECOND,
  STREAMS_PER_ADDRESS_MAX,
  STREAMS_PER_PERSON_MAX,
} from '../protocol/params.ts';
import { hostKey } from '../protocol/rate-limit.ts';
import { setRecent } from '../protocol/recent-table.ts';
import type { RelayCap } from '../protocol/relay-cap.ts';
import { TokenBucket } from '../protocol/token-bucket.ts';

/** A packet that somebody wants forwarded. */
export interface Parcel {
  /** The sender's name, folded. */
  readonly person: string;
  readonly node: NodeId;
  /** The host from which it came. */
  readonly host: string;
  readonly target: NodeId;
  readonly bytes: number;
}

/** To be told to the node whose packets were dropped. */
export interface QuotaNews {
  readonly cap: RelayCap;
  readonly bytesPerSecond: number;
  readonly dropped: number;
}

export interface RelayedFor {
  readonly person: string;
  readonly packets: number;
  readonly bytes: number;
  readonly dropped: number;
}

interface Share {
  readonly bucket: TokenBucket;
  /** Ways that are streams now, and until when. */
  readonly streams: Map<Flow, Millis>;
  packets: number;
  bytes: number;
  dropped: number;
  usedAt: Millis;
}

/** One way from node to node, in the present second. */
interface Flow {
  since: Millis;
  packets: number;
  usedAt: Millis;
}

interface Complaint {
  dropped: number;
  toldAt: Millis;
  usedAt: Millis;
}

/** Too short for as many packets as a table has entries to come in between, and one in five of a voice. */
const RECENT_MS = 100;

export class RelayCaps {
  readonly #bytesPerSecond: Readonly<Record<RelayCap, number>>;
  readonly #all: TokenBucket;
  /** In each, what was used longest ago stands first, give or take RECENT_MS. */
  readonly #people = new Map<string, Share>();
  readonly #addresses = new Map<string, Share>();
  readonly #flows = new Map<string, Flow>();
  readonly #complaints = new Map<NodeId, Complaint>();
  readonly #dropped: Record<RelayCap, number> = { person: 0, address: 0, supernode: 0, streams: 0 };
  #closed = false;

  constructor(relayKbps: number) {
    const supernode = Math.max(1, relayKbps * 125);
    const address = Math.max(FORWARD_BYTES_PER_SECOND, supernode / 2);
    this.#bytesPerSecond = { person: FORWARD_BYTES_PER_SECOND, address, supernode, streams: 0 };
    this.#all = bucketOf(supernode);
  }

  /** Too much to do: those streams that there are go on, others have to find another relay. */
  setClosed(closed: boolean): void {
    this.#closed = closed;
  }

  /** The cap that forbids this packet; undefined when it may be forwarded, and is counted. */
  take(now: Millis, { person, node, host, target, bytes }: Parcel): RelayCap | undefined {
    const people = this.#share(now, this.#people, person, 'person');
    const address = this.#share(now, this.#addresses, hostKey(host), 'address');
    const cost = Math.max(bytes, FORWARD_BYTES_LEAST);
    const cap = this.#forbids(now, { people, address, flow: this.#flow(`${node} ${target}`, now), cost });
    if (cap === undefined) {
      people.bucket.take(now, cost);
      address.bucket.take(now, cost);
      this.#all.take(now, cost);
      people.packets += 1;
      people.bytes += bytes;
    } else {
      people.dropped += 1;
      this.#dropped[cap] += 1;
    }
    return cap;
  }

  /** A packet that another supernode forwards, which has counted it for its client: may it go on? */
  takeOfAll(now: Millis, bytes: number): boolean {
    const cost = Math.max(bytes, FORWARD_BYTES_LEAST);
    const fits = this.#all.waitMs(now, cost) === 0;
    if (fits) this.#all.take(now, cost);
    else this.#dropped.supernode += 1;
    return fits;
  }

  /** After a packet of this node was dropped: what to tell it now, if anything. */
  complaint(now: Millis, node: NodeId, cap: RelayCap): QuotaNews | undefined {
    const complaint = recent(now, this.#complaints, node, 2 * CLIENTS_PER_SUPERNODE_MAX, () => ({
      dropped: 0,
      toldAt: Number.NEGATIVE_INFINITY,
      usedAt: Number.NEGATIVE_INFINITY,
    }));
    complaint.dropped += 1;
    if (now < complaint.toldAt + QUOTA_TELL_MS) return undefined;
    const news = { cap, bytesPerSecond: Math.round(this.#bytesPerSecond[cap]), dropped: complaint.dropped };
    Object.assign(complaint, { dropped: 0, toldAt: now });
    return news;
  }

  /** Packets dropped by each cap; only rises. */
  get dropped(): Readonly<Record<RelayCap, number>> {
    return { ...this.#dropped };
  }

  /** Those for whom most was relayed since they were last forgotten, the most first. */
  get people(): RelayedFor[] {
    return [...this.#people]
      .map(([person, { packets, bytes, dropped }]) => ({ person, packets, bytes, dropped }))
      .filter(({ packets, dropped }) => packets + dropped > 0)
      .sort((a, b) => b.bytes - a.bytes)
      .slice(0, LOAD_PEOPLE_MAX);
  }

  streams(now: Millis): number {
    let count = 0;
    for (const { streams } of this.#people.values()) for (const until of streams.values()) if (until > now) count += 1;
    return count;
  }

  /** Entries of all tables. */
  get size(): number {
    return this.#people.size + this.#addresses.size + this.#flows.size + this.#complaints.size;
  }

  #forbids(
    now: Millis,
    { people, address, flow, cost }: { people: Share; address: Share; flow: Flow; cost: number },
  ): RelayCap | undefined {
    const isStream = flow.packets >= STREAM_PACKETS_PER_SECOND;
    const [perPerson, perAddress] = this.#closed ? [0, 0] : [STREAMS_PER_PERSON_MAX, STREAMS_PER_ADDRESS_MAX];
    if (isStream && !mayStream(now, flow, people, perPerson)) return 'streams';
    if (isStream && !mayStream(now, flow, address, perAddress)) return 'streams';
    if (this.#all.waitMs(now, cost) > 0) return 'supernode';
    if (people.bucket.waitMs(now, cost) > 0) return 'person';
    if (address.bucket.waitMs(now, cost) > 0) return 'address';
    flow.packets += 1;
    if (isStream) for (const share of [people, address]) share.streams.set(flow, now + STREAM_ENDS_MS);
    return undefined;
  }

  #share(now: Millis, shares: Map<string, Share>, key: string, cap: 'person' | 'address'): Share {
    return recent(now, shares, key, 2 * CLIENTS_PER_SUPERNODE_MAX, () => ({
      bucket: bucketOf(this.#bytesPerSecond[cap]),
      streams: new Map(),
      ...{ packets: 0, bytes: 0, dropped: 0 },
      usedAt: Number.NEGATIVE_INFINITY,
    }));
  }

  #flow(key: string, now: Millis): Flow {
    const flow = recent(now, this.#flows, key, RELAY_FLOWS_MAX, () => ({
      ...{ since: now, packets: 0 },
      usedAt: Number.NEGATIVE_INFINITY,
    }));
    if (now >= flow.since + 1_000) {
      flow.since = now;
      flow.packets = 0;
    }
    return flow;
  }
}

/** A stream already, or there is room for one more. */
function mayStream(now: Millis, flow: Flow, { streams }: Share, most: number): boolean {
  if (streams.has(flow) || streams.size < most) return true;
  for (const [other, until] of streams) if (until <= now) streams.delete(other);
  return streams.size < most;
}

/** A person has signalling beside voice, all at once when a program starts; a supernode has many who do. */
function bucketOf(bytesPerSecond: number): TokenBucket {
  return new TokenBucket(bytesPerSecond, Math.max(FORWARD_BURST_BYTES, bytesPerSecond / 2));
}

/**
 * The entry of a key, made when it is not there, and from now on the one that was used last. Those used at every packet
 * are not moved at every packet.
 */
function recent<K, V extends { usedAt: Millis }>(
  now: Millis,
  table: Map<K, V>,
  key: K,
  most: number,
  make: () => V,
): V {
  const value = table.get(key) ?? make();
  if (now < value.usedAt + RECENT_MS) return value;
  value.usedAt = now;
  setRecent(table, key, value, most);
  return value;
}
