/**
 * The outside of a node: one port number, UDP and TCP, IPv4 and (where the system has it) IPv6. `driver.ts` hands
 * in what the core drained and gets back what arrived. `test/sim/sim-sockets.ts` is the twin in virtual time;
 * `test/support/socket-contract.ts` holds both to one behaviour.
 *
 *   NetOutput -> perform -> datagrams.ts | streams.ts -> system
 *   system -> datagrams.ts | streams.ts | the address poll -> sink -> NetInput
 *
 * Endpoints that arrive always carry numbers, even when the packet they answer went to a name.
 */
import { randomInt } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import type { Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Endpoint, printEndpoint } from '../protocol/endpoint.ts';
import { Refusal } from '../protocol/failures.ts';
import {
  LOCAL_ADDRESS_POLL_MS,
  NO_WAY_EVERY_MS,
  PORT_PICK_MAX,
  PORT_PICK_MIN,
  PORT_PICK_TRIES,
  SLEPT_MS_MIN,
} from '../protocol/params.ts';
import type { NetInput, NetOutput } from '../protocol/traffic.ts';
import {
  type AlsoTcpManners,
  type AlsoTcpMissing,
  type AlsoTcpPort,
  bindAlsoTcp,
  closeAlsoTcp,
  NO_SUCH_FAMILY,
} from './also-tcp.ts';
import { bindDatagrams, type DatagramSink, type DatagramSockets, Datagrams } from './datagrams.ts';
import { localEndpoints } from './local-addresses.ts';
import { NameBook } from './names.ts';
import { nameServers, networkPrint } from './network-print.ts';
import type { ProxyChoice } from './proxy-url.ts';
import { bindSide, type Side } from './side-udp.ts';
import { bindStreams, Streams } from './streams.ts';
import { errorCode, Tally } from './tally.ts';
import { TemporarySockets } from './temporary-sockets.ts';
import { type TlsOffer, tlsContext } from './tls.ts';

/** What a driver needs from sockets, real or simulated. Nothing of it throws for bad hosts or dead streams. */
export interface Sockets {
  /** The number of our UDP and TCP port; `rebind` changes it. */
  readonly port: number;
  /** From now on everything that arrives goes to `sink`; tells the local endpoints at once. Call once. */
  start(sink: (input: NetInput) => void): void;
  /** Does what a core drained. The bytes belong to the sockets from then on. */
  perform(output: NetOutput): void;
  /** Moves to a new port and drops all streams, as if the machine had moved. Resolves with the new port. */
  rebind(): Promise<number>;
  /** Flushes for at most SOCKETS_FLUSH_MS, then lets go of everything. Nothing goes to the sink after the call. */
  close(): Promise<void>;
  /** What was dropped, by reason, since the start. */
  counts(): Readonly<Record<string, number>>;
}

export interface SocketOptions {
  /** 1 to 65535; 0 picks a free one. */
  readonly port: number;
  /** When `port` is another program's: `fail` with `port-taken` (default), or `pick` another. */
  readonly whenTaken?: 'fail' | 'pick';
  /** Listen at this address (or name) of this machine only; everywhere by default. */
  readonly host?: string;
  /** Listen at these TCP ports too, those of them that are free and allowed; the rest is no failure. */
  readonly alsoTcp?: readonly number[];
  /** Whether those ports are only borrowed, or claimed from whoever does (`also-tcp.ts`). */
  readonly alsoTcpManners?: AlsoTcpManners;
  /** The ports that are listened at beside ours have changed: a server of this machine has claimed one. */
  readonly onAlsoTcp?: (ports: readonly number[]) => void;
  /** For the streams that a core wants through a proxy. */
  readonly proxy?: ProxyChoice | undefined;
  /** So many further UDP ports, whichever are free; where none can be had it is no failure. */
  readonly sideUdp?: number;
  /** Callers may speak TLS, and are shown this. */
  readonly tls?: TlsOffer | undefined;
}

/** Sockets of the system, bound and listening. */
export interface SystemSockets extends Sockets {
  /** True when the port asked for was taken and another was picked (`whenTaken: 'pick'`). */
  readonly portWasTaken: boolean;
  /** False when this system has no IPv6. */
  readonly hasIPv6: boolean;
  /** Those of `alsoTcp` that could be had and are not claimed. */
  readonly alsoTcp: readonly number[];
  /** Those that could not, and why; none that is our own port. */
  readonly alsoTcpMissing: readonly AlsoTcpMissing[];
  /** Another proxy, or none, from now on; streams that are open stay. */
  setProxy(proxy: ProxyChoice | undefined): void;
  /** From now on callers may speak TLS, and are shown this. */
  offerTls(offer: TlsOffer): void;
}

/**
 * Binds UDP and TCP to one port number. Rejects with `Refusal`: `port-taken`, `port-not-allowed`, `usage` (the
 * host is not an address of this machine); with the system's error when there is no network stack at all.
 */
export async function openSockets(options: SocketOptions): Promise<SystemSockets> {
  const plan = await planFor(options.host);
  const { bound, wasTaken } = await bindWanted(plan, options);
  let claimed: (port: number) => void = () => {};
  const also = await bindAlsoTcp({
    hosts: plan,
    ports: (options.alsoTcp ?? []).filter((port) => port !== bound.port),
    manners: options.alsoTcpManners,
    onClaimed: (port) => claimed(port),
  });
  const sides: Side[] = [];
  for (let n = 0; n < (options.sideUdp ?? 0); n += 1) sides.push(...(await bindSide(plan)));
  const sockets = new BoundSockets(plan, bound, { ...also, sides, wasTaken, tls: options.tls });
  claimed = (port) => {
    sockets.stopAlso(port);
    options.onAlsoTcp?.(sockets.alsoTcp);
  };
  sockets.setProxy(options.proxy);
  return sockets;
}

async function bindWanted(plan: Plan, options: SocketOptions): Promise<{ bound: Bound; wasTaken: boolean }> {
  if (options.port === 0) return { bound: await bindAnyPort(plan), wasTaken: false };
  const bound = await bindPort(plan, options.port);
  if (bound !== 'taken') return { bound, wasTaken: false };
  if (options.whenTaken === 'pick') return { bound: await bindAnyPort(plan), wasTaken: true };
  throw new Refusal('port-taken', `port ${options.port} is used by another program`);
}

/** Addresses to listen at; a missing one is not wanted. */
interface Plan {
  readonly v4: string | undefined;
  readonly v6: string | undefined;
  /** The one address we were told to listen at. */
  readonly host: string | undefined;
}

interface Bound {
  readonly port: number;
  readonly datagrams: DatagramSockets;
  readonly servers: readonly Server[];
}

async function planFor(host: string | undefined): Promise<Plan> {
  if (host === undefined) return { v4: '0.0.0.0', v6: '::', host: undefined };
  try {
    const { address, family } = await lookup(host, { verbatim: false });
    const only = address === '0.0.0.0' || address === '::' ? undefined : address;
    return family === 6 ? { v4: undefined, v6: address, host: only } : { v4: address, v6: undefined, host: only };
  } catch {
    throw new Refusal('usage', `${host} is not an address of this machine`);
  }
}

async function bindAnyPort(plan: Plan): Promise<Bound> {
  for (let tries = 0; tries < PORT_PICK_TRIES; tries += 1) {
    const bound = await bindPort(plan, randomInt(PORT_PICK_MIN, PORT_PICK_MAX + 1));
    if (bound !== 'taken') return bound;
  }
  throw new Refusal('port-taken', `no free port found in ${PORT_PICK_TRIES} tries`);
}

/** All four sockets or none. Without IPv6 in the system it is two. */
async function bindPort(plan: Plan, port: number): Promise<Bound | 'taken'> {
  const pairs: Pair[] = [];
  try {
    if (plan.v4 !== undefined) pairs.push(await bindPair(4, plan.v4, port));
    if (plan.v6 !== undefined) pairs.push(await bindPair(6, plan.v6, port));
  } catch (error) {
    const code = errorCode(error);
    // Where IPv4 works, a system without IPv6 is no failure.
    if (pairs.length === 0 || !NO_SUCH_FAMILY.has(code)) {
      for (const pair of pairs) closePair(pair);
      return judge(error, plan, port);
    }
  }
  const socketOf = (family: 4 | 6) => pairs.find((pair) => pair.family === family)?.socket;
  const servers = pairs.map((pair) => pair.server);
  return { port, servers, datagrams: { v4: socketOf(4), v6: socketOf(6) } };
}

interface Pair {
  readonly family: 4 | 6;
  readonly server: Server;
  readonly socket: Socket;
}

async function bindPair(family: 4 | 6, host: string, port: number): Promise<Pair> {
  const server = await bindStreams(family, host, port);
  try {
    return { family, server, socket: await bindDatagrams(family, host, port) };
  } catch (error) {
    server.close();
    throw error;
  }
}

function closePair(pair: Pair): void {
  pair.server.close();
  pair.socket.close();
}

function judge(error: unknown, plan: Plan, port: number): 'taken' {
  const code = errorCode(error);
  if (code === 'EADDRINUSE') return 'taken';
  if (code === 'EACCES' || code === 'EPERM') throw new Refusal('port-not-allowed', `port ${port} needs more rights`);
  if (code === 'EADDRNOTAVAIL') throw new Refusal('usage', `${plan.host} is not an address of this machine`);
  throw error;
}

/** Closes what was bound but never used; returns its port. */
function letGo(bound: Bound): number {
  for (const server of bound.servers) server.close();
  bound.datagrams.v4?.close();
  bound.datagrams.v6?.close();
  return bound.port;
}

interface BoundOptions {
  readonly had: readonly AlsoTcpPort[];
  readonly missing: readonly AlsoTcpMissing[];
  readonly sides: readonly Side[];
  readonly wasTaken: boolean;
  readonly tls: TlsOffer | undefined;
}

class BoundSockets implements SystemSockets {
  readonly portWasTaken: boolean;
  readonly alsoTcpMissing: readonly AlsoTcpMissing[];
  readonly #plan: Plan;
  readonly #tally = new Tally();
  readonly #datagrams: Datagrams;
  readonly #temporary: TemporarySockets;
  readonly #streams: Streams;
  /** Listeners at other ports than ours; they stay when we move. */
  #also: readonly AlsoTcpPort[];
  readonly #sides: readonly Side[];
  #bound: Bound;
  #sink: ((input: NetInput) => void) | undefined;
  #poll: NodeJS.Timeout | undefined;
  #stage: 'bound' | 'started' | 'closed' = 'bound';
  #noWayToldAt = Number.NEGATIVE_INFINITY;
  /** By the wall clock. */
  #polledAtMs = Date.now();
  /** What was last told, so that only changes are. */
  #toldEndpoints = '';

  constructor(plan: Plan, bound: Bound, options: BoundOptions) {
    const { had, missing, sides, wasTaken, tls } = options;
    this.#plan = plan;
    this.#bound = bound;
    this.#also = had;
    this.alsoTcpMissing = missing;
    this.#sides = sides;
    this.portWasTaken = wasTaken;
    const names = new NameBook(() => performance.now());
    const tell = (input: NetInput): void => this.#sink?.(input);
    const arrived: DatagramSink = (from, bytes, side) =>
      tell(side === undefined ? { type: 'datagram', from, bytes } : { type: 'datagram', from, bytes, side });
    this.#datagrams = new Datagrams(arrived, names, this.#tally, (to) => this.#noWay(to));
    this.#temporary = new TemporarySockets(tell, plan.host, this.#tally);
    this.#streams = new Streams(tell, names, this.#tally, tls && tlsContext(tls));
  }

  get port(): number {
    return this.#bound.port;
  }

  get alsoTcp(): number[] {
    return this.#also.map(({ port }) => port);
  }

  /** Streams that came in there stay. */
  stopAlso(port: number): void {
    const gone = this.#also.filter((one) => one.port === port);
    this.#also = this.#also.filter((one) => one.port !== port);
    // Those in use are closed by taking the others.
    if (this.#stage === 'started') this.#takeStreams();
    else closeAlsoTcp(gone);
  }

  get hasIPv6(): boolean {
    return this.#bound.datagrams.v6 !== undefined;
  }

  offerTls(offer: TlsOffer): void {
    this.#streams.offerTls(tlsContext(offer));
  }

  setProxy(proxy: ProxyChoice | undefined): void {
    this.#streams.setProxy(proxy);
  }

  start(sink: (input: NetInput) => void): void {
    this.#stage = 'started';
    this.#sink = sink;
    this.#datagrams.takeSides(this.#sides.map(({ sockets }) => sockets));
    this.#listen();
    this.#tellEndpoints();
    this.#poll = setInterval(() => this.#pollSystem(), LOCAL_ADDRESS_POLL_MS).unref();
  }

  perform(output: NetOutput): void {
    switch (output.type) {
      case 'send-datagram':
        if (output.socket === undefined) return this.#datagrams.send(output.to, output.bytes, output.ttl, output.side);
        return this.#temporary.send(output.socket, output);
      case 'open-sockets':
        return this.#temporary.open(output.first, output.count);
      case 'close-sockets':
        return this.#temporary.close(output.sockets);
      case 'open-stream':
        return this.#streams.open(output.stream, output.to, output);
      case 'write-stream':
        return this.#streams.write(output.stream, output.bytes);
      case 'close-stream':
        return this.#streams.close(output.stream);
    }
  }

  async rebind(): Promise<number> {
    if (this.#stage === 'bound') throw new Error('rebind before start');
    const bound = await bindAnyPort(this.#plan);
    if (this.#stage === 'closed') return letGo(bound);
    this.#bound = bound;
    this.#listen();
    this.#temporary.closeAll();
    this.#streams.dropAll('rebound');
    this.#tellEndpoints();
    return bound.port;
  }

  async close(): Promise<void> {
    const before = this.#stage;
    this.#stage = 'closed';
    this.#sink = undefined;
    clearInterval(this.#poll);
    this.#temporary.closeAll();
    for (const { release } of this.#also) release();
    if (before === 'bound') {
      letGo(this.#bound);
      closeAlsoTcp(this.#also);
      for (const { sockets } of this.#sides) for (const socket of [sockets.v4, sockets.v6]) socket?.close();
    } else await Promise.all([this.#datagrams.close(), this.#streams.shutDown()]);
  }

  counts(): Readonly<Record<string, number>> {
    return this.#tally.report();
  }

  #listen(): void {
    this.#datagrams.use(this.#bound.datagrams);
    this.#takeStreams();
  }

  #takeStreams(): void {
    this.#streams.use([...this.#bound.servers, ...this.#also.flatMap(({ servers }) => servers)]);
  }

  /** The network went away under us: whoever listens should know before the next poll. */
  #noWay(to: Endpoint): void {
    const now = performance.now();
    if (now < this.#noWayToldAt + NO_WAY_EVERY_MS) return;
    this.#noWayToldAt = now;
    this.#tellEndpoints();
    this.#sink?.({ type: 'no-way', to });
  }

  /** Somebody who sets the clock on costs a question or two. */
  #pollSystem(): void {
    const lateMs = Date.now() - this.#polledAtMs - LOCAL_ADDRESS_POLL_MS;
    this.#polledAtMs = Date.now();
    this.#tellEndpoints();
    if (lateMs >= SLEPT_MS_MIN) this.#sink?.({ type: 'slept' });
  }

  #tellEndpoints(): void {
    const interfaces = networkInterfaces();
    const endpoints = this.#localEndpoints(interfaces);
    const network = networkPrint(interfaces, nameServers());
    const text = `${endpoints.map(printEndpoint).sort().join(' ')} ${network}`;
    if (text === this.#toldEndpoints) return;
    this.#toldEndpoints = text;
    const sidePorts = this.#sides.map(({ port }) => port);
    this.#sink?.({ type: 'local-endpoints', endpoints, network, ...(sidePorts.length > 0 ? { sidePorts } : {}) });
  }

  #localEndpoints(interfaces: ReturnType<typeof networkInterfaces>): Endpoint[] {
    const { v4, v6 } = this.#bound.datagrams;
    return localEndpoints(interfaces, {
      port: this.port,
      v4: v4 !== undefined,
      v6: v6 !== undefined,
      host: this.#plan.host,
    });
  }
}
