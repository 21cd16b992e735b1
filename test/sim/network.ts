/**
 * How packets travel in a simulated internet. A site is one network: the internet itself, or the inside of a box.
 * Hosts and boxes are members of sites; a packet goes over the link between two members of one site, and through
 * the middlebox where it changes site. Translation is judged when the packet is at the box, not when it was sent.
 * A box is a router: it takes one of a packet's TTL, and a packet that has none left opens nothing there.
 *
 *   host --(site "home")-- box.outward ==(internet)== box.inward --(site "office")-- host
 */
import type { Millis } from '../../src/net/protocol/core.ts';
import { type Endpoint, isLoopbackHost } from '../../src/net/protocol/endpoint.ts';
import { Chance } from './chance.ts';
import { CALM, Link, type LinkSettings, LOCAL } from './link.ts';
import type { Timeline } from './timeline.ts';

export interface Packet {
  readonly carrier: 'udp' | 'tcp';
  /** For TCP: which part of the life of a connection this is. */
  readonly kind: 'datagram' | 'open' | 'accept' | 'data' | 'end' | 'reset';
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly bytes: Buffer;
  /** Place in the stream's direction; 0 for datagrams and resets. */
  readonly sequence: number;
  /** Routers that may still pass it on; USUAL_TTL when not said. Boxes count, and the `hops` of links. */
  readonly ttl?: number;
}

/**
 * A NAT or firewall between an inside site and the site it stands in. It may keep state; it must not keep packets.
 * To cut a connection it returns a `reset` in the place of a piece: the box sends it on, and one back to the sender.
 */
export interface Middlebox {
  /** A packet on its way out: as it leaves (addresses rewritten), or undefined when it is dropped. */
  outward(now: Millis, packet: Packet): Packet | undefined;
  inward(now: Millis, packet: Packet): Packet | undefined;
}

/** What became of a packet. A doubled one arrives twice. */
export interface Fate {
  readonly arrived?: () => void;
  readonly lost?: (why: string) => void;
}

export interface Member {
  readonly name: string;
  readonly site: Site;
  owns(address: string): boolean;
  arrive(packet: Packet, fate: Fate): void;
}

export class Site {
  readonly members: Member[] = [];
  /** The way out; undefined for the internet. */
  readonly box: Box | undefined;
  constructor(box?: Box) {
    this.box = box;
  }
}

export class Box implements Member {
  readonly name: string;
  readonly site: Site;
  readonly inside: Site;
  readonly middlebox: Middlebox;
  /** Empty for a firewall that leaves addresses alone. */
  readonly addresses: readonly string[];
  readonly #network: Network;

  constructor(network: Network, options: { name: string; site: Site; middlebox: Middlebox; addresses: string[] }) {
    this.#network = network;
    this.name = options.name;
    this.site = options.site;
    this.middlebox = options.middlebox;
    this.addresses = options.addresses;
    this.inside = new Site(this);
  }

  /** IPv6 is never translated: the addresses inside are those outside, even behind a NAT for IPv4. */
  owns(address: string): boolean {
    if (this.addresses.length > 0 && !address.includes(':')) return this.addresses.includes(address);
    return this.addresses.includes(address) || this.inside.members.some((member) => member.owns(address));
  }

  /** From outside. Translated first and aged afterwards, as Linux does: what has no way in may leave its mark. */
  arrive(packet: Packet, fate: Fate): void {
    const inner = this.middlebox.inward(this.#network.timeline.now, packet);
    if (!inner) return fate.lost?.(`filtered by ${this.name}`);
    const aged = age(inner, 1);
    if (!aged) return fate.lost?.(`TTL used up at ${this.name}`);
    this.#network.forward(aged, this, this.inside, fate);
    if (isCut(packet, inner)) this.#network.forward(answerOf(packet), this, this.site, {});
  }

  /** From inside. */
  leave(packet: Packet, fate: Fate): void {
    const aged = age(packet, 1);
    if (!aged) return fate.lost?.(`TTL used up at ${this.name}`);
    const outer = this.middlebox.outward(this.#network.timeline.now, aged);
    if (!outer) return fate.lost?.(`filtered by ${this.name}`);
    if (isCut(packet, outer)) this.#network.forward(answerOf(packet), this, this.inside, {});
    // To our own outer address: round the hairpin, if the middlebox lets it.
    if (this.owns(outer.to.host) && this.addresses.length > 0) this.arrive(outer, fate);
    else this.#network.forward(outer, this, this.site, fate);
  }
}

/** What systems give a packet by themselves. */
const USUAL_TTL = 64;

/** The packet after so many routers; undefined when it dies on the way. */
function age(packet: Packet, hops: number): Packet | undefined {
  const ttl = (packet.ttl ?? USUAL_TTL) - hops;
  return ttl > 0 ? { ...packet, ttl } : undefined;
}

function isCut(before: Packet, after: Packet): boolean {
  return after.kind === 'reset' && before.kind !== 'reset';
}

function answerOf(packet: Packet): Packet {
  return { carrier: 'tcp', kind: 'reset', from: packet.to, to: packet.from, bytes: Buffer.alloc(0), sequence: 0 };
}

/** UDP and IPv4, TCP and IPv4: counted against the rate of links. */
const HEADER_BYTES = { udp: 28, tcp: 40 } as const;

export type BlockRule = (packet: Packet, sender: string) => boolean;
export type Tap = (packet: Packet, sender: string) => void;

export class Network {
  readonly timeline: Timeline;
  readonly internet = new Site();
  readonly #seed: number;
  readonly #links = new Map<string, Link>();
  readonly #rules = new Set<BlockRule>();
  readonly #note: (what: string) => void;
  readonly #tap: Tap;

  constructor(timeline: Timeline, options: { seed: number; note: (what: string) => void; tap: Tap }) {
    this.timeline = timeline;
    this.#seed = options.seed;
    this.#note = options.note;
    this.#tap = options.tap;
  }

  /** The link from one member to another; made on first use, calm across the internet, fast inside a site. */
  link(from: string, to: string, site: Site = this.internet): Link {
    const key = `${from}>${to}`;
    const known = this.#links.get(key);
    if (known) return known;
    const settings: LinkSettings = site.box ? LOCAL : CALM;
    const link = new Link(settings, new Chance(this.#seed, `link ${key}`));
    this.#links.set(key, link);
    return link;
  }

  /** Drops what the rule hits, as it leaves its host. Returns the undoing. */
  block(rule: BlockRule): () => void {
    this.#rules.add(rule);
    return () => {
      this.#rules.delete(rule);
    };
  }

  /** Sends a packet from a host. Its fate is told now or in the future. */
  send(packet: Packet, sender: Member, fate: Fate = {}): void {
    const text = `${sender.name} ${describe(packet)}`;
    this.#note(`sent ${text}`);
    this.#tap(packet, sender.name);
    const noted: Fate = {
      arrived: () => {
        this.#note(`came ${text}`);
        fate.arrived?.();
      },
      lost: (why) => {
        this.#note(`lost (${why}) ${text}`);
        fate.lost?.(why);
      },
    };
    if ([...this.#rules].some((rule) => rule(packet, sender.name))) noted.lost?.('blocked');
    else if (isLoopbackHost(packet.to.host) || sender.owns(packet.to.host))
      this.timeline.after(0, () => sender.arrive(packet, noted));
    else this.forward(packet, sender, sender.site, noted);
  }

  /** One hop: to the member that owns the address, or out through the box of this site. */
  forward(packet: Packet, from: Member, site: Site, fate: Fate): void {
    const target = site.members.find((member) => member.owns(packet.to.host));
    if (target) return this.#cross(packet, this.link(from.name, target.name, site), target, fate);
    if (site.box) site.box.leave(packet, fate);
    else fate.lost?.('no route');
  }

  #cross(packet: Packet, link: Link, target: Member, fate: Fate): void {
    const arrivals = link.pass(this.timeline.now, packet.bytes.length + HEADER_BYTES[packet.carrier]);
    if (arrivals.length === 0) return fate.lost?.('on the link');
    const aged = age(packet, link.settings.hops);
    if (!aged) return fate.lost?.('TTL used up');
    for (const at of arrivals) this.timeline.at(at, () => target.arrive(aged, fate));
  }
}

export function describe(packet: Packet): string {
  const { kind, from, to, bytes, sequence, ttl } = packet;
  const opener = ttl === undefined ? '' : ` ttl ${ttl}`;
  return `${kind} ${from.host}:${from.port}>${to.host}:${to.port} #${sequence} ${bytes.length}B${opener}`;
}
