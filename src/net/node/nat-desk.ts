/**
 * A supernode's part in finding out what kind of NAT a client is behind: `nat/answerer.ts` with the ports and partners it
 * needs. Partners are supernodes at other addresses, named by the login server; sessions with a few of them are kept, so
 * that a probe from an address that the client never wrote to costs it no more than half a round trip.
 *
 *   carriers' clear packets (WhoAmI) --> answerer --> YouAre, probes, or NatProbe to a partner
 *   partner's NatProbe --> answerer --> one probe
 */
import { NatAnswerer } from '../nat/answerer.ts';
import type { Millis, Random } from '../protocol/core.ts';
import { type Endpoint, isLoopbackHost, isUnicastHost, parseEndpoint, printEndpoint } from '../protocol/endpoint.ts';
import {
  NAT_PARTNER_KEEP_ALIVE_MS,
  NAT_PARTNER_RETRY_MS,
  NAT_PARTNERS_ACCEPTED_MAX,
  NAT_PARTNERS_ASK_MS,
  NAT_PARTNERS_MAX,
} from '../protocol/params.ts';
import type { SessionId, Switchboard } from '../transport/switchboard.ts';
import type { PeerIdentity } from '../transport/trust.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { PacketKind } from '../wire/packet.ts';
import type { Carriers, ClearPacket, LinkId } from './carriers.ts';

export interface NatDeskOptions {
  readonly random: Random;
  readonly carriers: Carriers;
  readonly switchboard: Switchboard;
  /** How others reach us: partners are elsewhere. */
  readonly endpoints: readonly Endpoint[];
}

const PARTNER = { kind: 'supernode' } as const;
/** Number of our second UDP port, and of the one that only sends. */
const SIDES = { main: undefined, other: 1, stranger: 2 } as const;

export class NatDesk {
  readonly #options: NatDeskOptions;
  readonly #answerer: NatAnswerer;
  #ownHosts: ReadonlySet<string>;
  /** Supernodes elsewhere; the one tried longest ago stands first. */
  #candidates: Endpoint[] = [];
  readonly #partners = new Map<LinkId, Endpoint>();
  /** Sessions that partners or the mesh opened, and where these are. */
  readonly #accepted = new Map<SessionId, string>();
  #connectAt: Millis = 0;
  #keepAliveAt: Millis = Number.POSITIVE_INFINITY;
  #asks = 0;
  #askAt: Millis = Number.POSITIVE_INFINITY;

  constructor(options: NatDeskOptions) {
    this.#options = options;
    this.#ownHosts = new Set(options.endpoints.map(({ host }) => host));
    const { random, endpoints } = options;
    this.#answerer = new NatAnswerer({
      ...{ random, endpoints },
      askPartner: (now, { transaction, target, avoid }) => {
        const probe = message('natProbe', { transaction, target: printEndpoint(target) });
        return this.#sessions().some(
          ({ session, host }) => !avoid.includes(host) && options.switchboard.send(now, session, probe),
        );
      },
    });
  }

  /** Questions that were none, or too many. */
  get dropped(): number {
    return this.#answerer.dropped;
  }

  /** How others reach us, where that was not known from the first. */
  setEndpoints(endpoints: readonly Endpoint[]): void {
    this.#ownHosts = new Set(endpoints.map(({ host }) => host));
    this.#answerer.setEndpoints(endpoints);
  }

  /** Our further UDP ports: one that is asked, one that only sends. */
  setSidePorts([other, stranger]: readonly number[]): void {
    this.#answerer.setPorts(other, stranger !== undefined);
  }

  /** Certified: partners may be looked for. */
  open(now: Millis): void {
    if (this.#asks === 0) this.#askAt = now;
  }

  /** True when the login server is to be asked for supernodes now. */
  asksForSupernodes(now: Millis): boolean {
    if (now < this.#askAt) return false;
    this.#asks += 1;
    const pauseMs = NAT_PARTNERS_ASK_MS[this.#asks] ?? Number.POSITIVE_INFINITY;
    this.#askAt = now + pauseMs * (0.8 + 0.4 * this.#options.random.fraction());
    return true;
  }

  /** What the login server answered. */
  named(now: Millis, { entries }: Body<'supernodes'>): void {
    const all = entries.flatMap((entry) => (entry.endpoints ?? []).map(parseEndpoint));
    const known = new Map<string, Endpoint>();
    for (const one of all) {
      const isElsewhere = one?.carrier === 'udp' && isUnicastHost(one.host) && !this.#ownHosts.has(one.host);
      if (one && isElsewhere && !isLoopbackHost(one.host)) known.set(one.host, one);
    }
    const partners = new Set([...this.#partners.values()].map(({ host }) => host));
    this.#candidates = [...known.values()].filter(({ host }) => !partners.has(host));
    if (known.size > 0) this.#askAt = Number.POSITIVE_INFINITY;
    this.#connectAt = now;
    this.wake(now);
  }

  receive(now: Millis, { from, side, packet }: ClearPacket): void {
    if (packet.kind !== PacketKind.whoAmI || from.carrier !== 'udp') return;
    const at = side === undefined ? 'main' : 'other';
    this.#answerer.receive(now, { from, at, body: packet.body, packetBytes: packet.bytes.length });
    this.#flush();
  }

  /** A session with a supernode that it or the mesh opened: it may be asked as well. */
  accept(session: SessionId, peer: PeerIdentity, host: string): void {
    if (peer.kind !== 'supernode' || this.#ownHosts.has(host)) return;
    this.#accepted.set(session, host);
    const [oldest] = this.#accepted.keys();
    if (this.#accepted.size > NAT_PARTNERS_ACCEPTED_MAX && oldest !== undefined) this.#accepted.delete(oldest);
  }

  /** True when the message was for us. */
  receiveMessage(now: Millis, peer: PeerIdentity, value: Message): boolean {
    if (peer.kind !== 'supernode' || value.kind !== 'natProbe') return false;
    const target = parseEndpoint(value.body.target);
    if (target) this.#answerer.probeFor(now, peer.nodeId, value.body.transaction, target);
    this.#flush();
    return true;
  }

  /** True when it is a link to a partner. */
  linkUp(now: Millis, link: LinkId): boolean {
    if (!this.#partners.has(link)) return false;
    this.#keepAliveAt = Math.min(this.#keepAliveAt, now + NAT_PARTNER_KEEP_ALIVE_MS);
    return true;
  }

  linkDown(now: Millis, link: LinkId): boolean {
    const partner = this.#partners.get(link);
    if (!partner) return false;
    this.#partners.delete(link);
    this.#candidates.push(partner);
    this.#connectAt = Math.max(this.#connectAt, now + NAT_PARTNER_RETRY_MS);
    return true;
  }

  wake(now: Millis): void {
    while (now >= this.#connectAt && this.#wantsPartner()) this.#connect(now);
    if (now < this.#keepAliveAt) return;
    this.#keepAliveAt = this.#partners.size > 0 ? now + NAT_PARTNER_KEEP_ALIVE_MS : Number.POSITIVE_INFINITY;
    for (const link of this.#partners.keys()) {
      const session = this.#options.carriers.sessionOf(link);
      if (session !== undefined) this.#options.switchboard.sendDatagram(session, message('keepAlive', { id: 0 }));
    }
  }

  wakeAt(): Millis {
    const connectAt = this.#wantsPartner() ? this.#connectAt : Number.POSITIVE_INFINITY;
    return Math.min(connectAt, this.#keepAliveAt, this.#askAt);
  }

  #sessions(): { readonly session: SessionId; readonly host: string }[] {
    const { carriers } = this.#options;
    this.#forgetEnded();
    const ours = [...this.#partners].map(([link, { host }]) => ({ session: carriers.sessionOf(link), host }));
    const theirs = [...this.#accepted].map(([session, host]) => ({ session, host }));
    return [...ours, ...theirs].flatMap(({ session, host }) => (session === undefined ? [] : [{ session, host }]));
  }

  /** Sessions that the mesh or the others opened do as well. */
  #wantsPartner(): boolean {
    if (this.#candidates.length === 0) return false;
    this.#forgetEnded();
    return this.#partners.size < NAT_PARTNERS_MAX - this.#accepted.size;
  }

  #forgetEnded(): void {
    const { switchboard } = this.#options;
    for (const session of this.#accepted.keys()) if (!switchboard.peerOf(session)) this.#accepted.delete(session);
  }

  #connect(now: Millis): void {
    const partner = this.#candidates.shift();
    if (!partner) return;
    const options = { anonymous: false, wantAuthority: false, face: 'plain', expect: PARTNER } as const;
    this.#partners.set(this.#options.carriers.connect(now, partner, options), partner);
  }

  #flush(): void {
    for (const { from, to, packet } of this.#answerer.drain())
      this.#options.carriers.sendClear(to, packet, SIDES[from]);
  }
}
