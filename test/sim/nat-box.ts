/**
 * A NAT in the words of RFC 4787 (UDP) and RFC 5382 (TCP), for `World.box`. It remembers flows, as Linux does: who
 * inside speaks to whom outside, by which outer port, and until when. Mapping and filtering are judgements over flows:
 *
 *   out: the flow's own port; else the port of another flow of the same endpoint, as far as `mapping` shares it;
 *        else a new one by `ports`
 *   in:  the flow's own inside; else the inside of another flow at that port, as far as `filtering` admits strangers;
 *        else nobody's: dropped, or taken by the box itself
 *
 * A box that takes such datagrams itself (`unsolicited: 'accepted'`) is the trap of realtime.md 1.6: Linux then has a
 * flow from that stranger to that port, so one of the inside to the same stranger cannot have the port any more and
 * leaves by another. An outer port never serves two inside endpoints (RFC 4787 REQ-3), which Linux alone would allow.
 */
import type { Millis, Random } from '../../src/net/protocol/core.ts';
import { type Carrier, type Endpoint, sameEndpoint } from '../../src/net/protocol/endpoint.ts';
import type { Middlebox, Packet } from './network.ts';
import type { World } from './world.ts';

export type Dependence = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent';

export type PortPolicy =
  /** The inside port if it is free, else any. */
  | { readonly name: 'preserve' }
  /** The one before plus `delta`, which may be negative. */
  | { readonly name: 'sequential'; readonly delta: number }
  /** Any from `min` to `max`, where said: carriers give each subscriber a block (RFC 7422). */
  | { readonly name: 'random'; readonly min?: number; readonly max?: number };

export interface NatBehaviour {
  /** Which flows of one inside endpoint share an outer port: all, those to one host, or none. */
  readonly mapping: Dependence;
  /** Who may come in where the inside has a port: anybody, hosts it has sent to, or only the endpoints themselves. */
  readonly filtering: Dependence;
  readonly ports: PortPolicy;
  /** Two inside may speak by their outer addresses; each sees the other's outer one (RFC 4787 REQ-9). */
  readonly hairpin: boolean;
  /** What becomes of datagrams that nobody inside is to have. */
  readonly unsolicited: 'dropped' | 'accepted';
  readonly lifetimes: FlowLifetimes;
  /** Flows of one host inside; what would begin another is dropped, those there are go on. */
  readonly flowsPerHostMax: number;
}

/** How long a flow is kept after its last packet, either way. */
export interface FlowLifetimes {
  readonly udpUnrepliedMs: number;
  /** Once both ends have spoken, and it goes on after `udpStreamAfterMs`; until then it is as good as unreplied. */
  readonly udpRepliedMs: number;
  readonly udpStreamAfterMs: number;
  readonly tcpOpeningMs: number;
  readonly tcpEstablishedMs: number;
  /** After both ends have closed. */
  readonly tcpClosingMs: number;
  readonly tcpResetMs: number;
}

/** Linux's own (nf_conntrack; the first two also measured, realtime.md 1.2). */
export const LINUX_LIFETIMES: FlowLifetimes = {
  udpUnrepliedMs: 30_000,
  udpRepliedMs: 120_000,
  udpStreamAfterMs: 2_000,
  tcpOpeningMs: 120_000,
  tcpEstablishedMs: 432_000_000,
  tcpClosingMs: 120_000,
  tcpResetMs: 10_000,
};

/** A home router: Linux with `masquerade` that drops what comes unasked. Called "port-restricted". */
export const HOME_ROUTER: NatBehaviour = {
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  ports: { name: 'preserve' },
  hairpin: false,
  unsolicited: 'dropped',
  lifetimes: LINUX_LIFETIMES,
  // The smallest tables of home routers hold 1024 flows, usual ones 4096 and more.
  flowsPerHostMax: 4_096,
};

const OUTER_PORT_MIN = 1024;
const OUTER_PORT_MAX = 65_535;
const OUTER_PORTS = OUTER_PORT_MAX + 1 - OUTER_PORT_MIN;
/** Linux gives up sooner or later too; the packet is dropped then. */
const PORT_TRIES_MAX = 512;

type Way = 'out' | 'in';

interface Flow {
  readonly inside: Endpoint;
  readonly remote: Endpoint;
  readonly port: number;
  /** By another port than the rest of its endpoint, because that one was taken towards this remote. */
  readonly stray: boolean;
  since: Millis;
  readonly seen: Set<Way>;
  readonly ended: Set<Way>;
  reset: boolean;
  diesAt: Millis;
}

/** Makes a NAT and puts it into the world; what is not said of its behaviour is a home router's. */
export function natBox(
  world: World,
  name: string,
  options: { address: string; behind?: string } & Partial<NatBehaviour>,
): NatBox {
  const { address, behind, ...behaviour } = options;
  const middlebox = new NatBox(address, { ...HOME_ROUTER, ...behaviour }, world.random(`nat ${name}`));
  world.box(name, behind === undefined ? { address, middlebox } : { address, middlebox, behind });
  return middlebox;
}

export class NatBox implements Middlebox {
  readonly #outer: string;
  #behaviour: NatBehaviour;
  readonly #random: Random;
  readonly #flows = new Map<string, Flow>();
  /** The same flows by inside endpoint and by outer port; never an empty set. */
  readonly #byInside = new Map<string, Set<Flow>>();
  readonly #byPort = new Map<string, Set<Flow>>();
  readonly #countByHost = new Map<string, number>();
  /** Nothing dies before. */
  #nextDeathAt: Millis = Number.POSITIVE_INFINITY;
  /** Strangers that the box itself has taken a datagram of, with the port they wrote to, and until when. */
  readonly #taken = new Map<string, Millis>();
  readonly #passedOn = new Map<string, Endpoint>();
  #lastPort: number;

  constructor(outer: string, behaviour: NatBehaviour, random: Random) {
    this.#outer = outer;
    this.#behaviour = behaviour;
    this.#random = random;
    this.#lastPort = OUTER_PORT_MIN + Math.floor(random.fraction() * OUTER_PORTS);
  }

  outward(now: Millis, packet: Packet): Packet | undefined {
    this.#sweep(now);
    const { carrier, from: inside, to: remote, kind } = packet;
    // There is no IPv6 behind an IPv4 address, and the other way round.
    if (remote.host.includes(':') !== this.#outer.includes(':')) return undefined;
    if (remote.host === this.#outer && !this.#behaviour.hairpin) return undefined;
    const flow = this.#flows.get(flowKey(inside, remote)) ?? (kind === 'reset' ? undefined : this.#begin(now, packet));
    if (!flow) return undefined;
    this.#touch(now, flow, 'out', packet);
    return { ...packet, from: { carrier, host: this.#outer, port: flow.port } };
  }

  inward(now: Millis, packet: Packet): Packet | undefined {
    this.#sweep(now);
    const flow = this.#flowInto(now, packet);
    if (!flow) return undefined;
    this.#touch(now, flow, 'in', packet);
    return { ...packet, to: flow.inside };
  }

  /** Passes this outer port on to an endpoint inside, from anybody, as UPnP and PCP have it. */
  passOn(port: number, inside: Endpoint): void {
    this.#passedOn.set(portKey(inside.carrier, port), inside);
  }

  /** The router starts anew: all it knew is gone. */
  forget(): void {
    this.#flows.clear();
    this.#byInside.clear();
    this.#byPort.clear();
    this.#countByHost.clear();
    this.#taken.clear();
    this.#passedOn.clear();
  }

  /** From now on there is room for so many flows of one host. */
  limitFlows(flowsPerHostMax: number): void {
    this.#behaviour = { ...this.#behaviour, flowsPerHostMax };
  }

  /** Flows that are remembered at this moment. */
  flowCount(now: Millis): number {
    return [...this.#flows.values()].filter((flow) => flow.diesAt > now).length;
  }

  /** The same of one host inside; those that died since the last packet are among them. */
  flowsOf(host: string): number {
    return this.#countByHost.get(host) ?? 0;
  }

  // ------------------------------------------------------------------ out

  #begin(now: Millis, { from: inside, to: remote }: Packet): Flow | undefined {
    if (this.flowsOf(inside.host) >= this.#behaviour.flowsPerHostMax) return undefined;
    const sharing = find(
      this.#byInside.get(endpointKey(inside)),
      (flow) => !flow.stray && within(this.#behaviour.mapping, flow.remote, remote),
    );
    if (sharing && !this.#isTaken(sharing.port, remote)) return this.#add(now, inside, remote, sharing.port, false);
    const wanted = this.#behaviour.ports.name === 'preserve' && !sharing ? inside.port : undefined;
    if (wanted !== undefined && this.#isFree(wanted, remote)) return this.#add(now, inside, remote, wanted, false);
    const stray = sharing !== undefined || (wanted !== undefined && this.#isTaken(wanted, remote));
    const port = this.#pick(remote);
    return port === undefined ? undefined : this.#add(now, inside, remote, port, stray);
  }

  #pick(remote: Endpoint): number | undefined {
    for (let tries = 0; tries < PORT_TRIES_MAX; tries += 1) {
      const port = this.#nextPort();
      if (this.#isFree(port, remote)) return port;
    }
    return undefined;
  }

  #nextPort(): number {
    const { ports } = this.#behaviour;
    if (ports.name !== 'sequential') {
      const { min = OUTER_PORT_MIN, max = OUTER_PORT_MAX } = ports.name === 'random' ? ports : {};
      return min + Math.floor(this.#random.fraction() * (max - min + 1));
    }
    const place = this.#lastPort - OUTER_PORT_MIN + ports.delta + OUTER_PORTS;
    this.#lastPort = OUTER_PORT_MIN + (place % OUTER_PORTS);
    return this.#lastPort;
  }

  #isFree(port: number, remote: Endpoint): boolean {
    const key = portKey(remote.carrier, port);
    return !this.#byPort.has(key) && !this.#passedOn.has(key) && !this.#isTaken(port, remote);
  }

  #isTaken(port: number, remote: Endpoint): boolean {
    return this.#taken.has(takenKey(port, remote));
  }

  // ------------------------------------------------------------------ in

  #flowInto(now: Millis, { carrier, kind, from: remote, to }: Packet): Flow | undefined {
    const there = this.#byPort.get(portKey(carrier, to.port));
    const own = find(there, (flow) => sameEndpoint(flow.remote, remote));
    if (own) return own;
    const mayBegin = kind === 'datagram' || kind === 'open';
    const inside = this.#passedOn.get(portKey(carrier, to.port));
    if (inside && mayBegin) return this.#add(now, inside, remote, to.port, true);
    const claimed = this.#isTaken(to.port, remote);
    const host = find(there, (flow) => within(this.#behaviour.filtering, flow.remote, remote));
    if (host && mayBegin && !claimed) return this.#add(now, host.inside, remote, to.port, host.stray);
    if (carrier === 'udp' && this.#behaviour.unsolicited === 'accepted') this.#take(now, to.port, remote);
    return undefined;
  }

  #take(now: Millis, port: number, remote: Endpoint): void {
    const diesAt = now + this.#behaviour.lifetimes.udpUnrepliedMs;
    this.#taken.set(takenKey(port, remote), diesAt);
    this.#nextDeathAt = Math.min(this.#nextDeathAt, diesAt);
  }

  // ------------------------------------------------------------------ flows

  #add(now: Millis, inside: Endpoint, remote: Endpoint, port: number, stray: boolean): Flow {
    const flow: Flow = {
      ...{ inside, remote, port, stray, since: now, diesAt: now },
      ...{ seen: new Set(), ended: new Set(), reset: false },
    };
    this.#flows.set(flowKey(inside, remote), flow);
    addTo(this.#byInside, endpointKey(inside), flow);
    addTo(this.#byPort, portKey(inside.carrier, port), flow);
    this.#countByHost.set(inside.host, this.flowsOf(inside.host) + 1);
    return flow;
  }

  #touch(now: Millis, flow: Flow, way: Way, { carrier, kind }: Packet): void {
    // The same pair of endpoints begins again after an end.
    if (kind === 'open' && (flow.reset || flow.ended.size === 2)) {
      flow.seen.clear();
      flow.ended.clear();
      Object.assign(flow, { reset: false, since: now });
    }
    flow.seen.add(way);
    if (kind === 'end') flow.ended.add(way);
    if (kind === 'reset') flow.reset = true;
    flow.diesAt = now + (carrier === 'udp' ? this.#udpLifetimeMs(now, flow) : this.#tcpLifetimeMs(flow));
    this.#nextDeathAt = Math.min(this.#nextDeathAt, flow.diesAt);
  }

  #udpLifetimeMs(now: Millis, flow: Flow): number {
    const { udpUnrepliedMs, udpRepliedMs, udpStreamAfterMs } = this.#behaviour.lifetimes;
    return flow.seen.size === 2 && now - flow.since >= udpStreamAfterMs ? udpRepliedMs : udpUnrepliedMs;
  }

  #tcpLifetimeMs({ seen, ended, reset }: Flow): number {
    const { tcpOpeningMs, tcpEstablishedMs, tcpClosingMs, tcpResetMs } = this.#behaviour.lifetimes;
    if (reset) return tcpResetMs;
    if (ended.size === 2) return tcpClosingMs;
    return seen.size === 2 ? tcpEstablishedMs : tcpOpeningMs;
  }

  /** Lets the dead go, before each packet. */
  #sweep(now: Millis): void {
    if (now < this.#nextDeathAt) return;
    this.#nextDeathAt = Number.POSITIVE_INFINITY;
    for (const [key, flow] of this.#flows) {
      if (flow.diesAt > now) {
        this.#nextDeathAt = Math.min(this.#nextDeathAt, flow.diesAt);
        continue;
      }
      this.#countByHost.set(flow.inside.host, this.flowsOf(flow.inside.host) - 1);
      this.#flows.delete(key);
      removeFrom(this.#byInside, endpointKey(flow.inside), flow);
      removeFrom(this.#byPort, portKey(flow.inside.carrier, flow.port), flow);
    }
    for (const [key, diesAt] of this.#taken) {
      if (diesAt <= now) this.#taken.delete(key);
      else this.#nextDeathAt = Math.min(this.#nextDeathAt, diesAt);
    }
  }
}

/** May what belongs to `known` serve `other` too? */
function within(dependence: Dependence, known: Endpoint, other: Endpoint): boolean {
  if (dependence === 'endpoint-independent') return true;
  return dependence === 'address-dependent' && known.host === other.host;
}

function endpointKey({ carrier, host, port }: Endpoint): string {
  return `${carrier} ${host} ${port}`;
}

function flowKey(inside: Endpoint, remote: Endpoint): string {
  return `${endpointKey(inside)} ${remote.host} ${remote.port}`;
}

function portKey(carrier: Carrier, port: number): string {
  return `${carrier} ${port}`;
}

function takenKey(port: number, remote: Endpoint): string {
  return `${port} ${endpointKey(remote)}`;
}

function find<T>(among: ReadonlySet<T> | undefined, fits: (one: T) => boolean): T | undefined {
  for (const one of among ?? []) if (fits(one)) return one;
  return undefined;
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
