/**
 * The twin of `src/net/io/sockets.ts` in virtual time: one port on one simulated host, for datagrams and streams.
 * The real `Driver` runs over it. What it drops, limits and counts is what the real ones drop, limit and count.
 */
import type { Sockets } from '../../src/net/io/sockets.ts';
import { type Endpoint, printEndpoint } from '../../src/net/protocol/endpoint.ts';
import { DATAGRAM_BYTES_MAX, SOCKETS_TEMPORARY_MAX } from '../../src/net/protocol/params.ts';
import type { NetInput, NetOutput, SocketId } from '../../src/net/protocol/traffic.ts';
import type { Packet } from './network.ts';
import { SimTunnels } from './proxy.ts';
import { SimStreams, type StreamHost } from './sim-streams.ts';

/** What the sockets need of their host. */
export interface SocketHost extends Omit<StreamHost, 'tell' | 'count'> {
  /** Our addresses, best first. */
  readonly addresses: readonly string[];
  /** Our address as `to` sees it; undefined when we have none of its family. */
  addressFor(to: Endpoint): string | undefined;
  /** A port that nobody on this host uses. */
  freePort(): number;
  /** The same, where the kernel takes those that were not asked for by number. */
  freeOutgoingPort(): number;
  /** Called when `rebind` moved these sockets, so that arrivals find them. */
  moved(sockets: SimSockets, before: number): void;
}

/** The network of an address, as `io/network-print.ts` tells networks apart. */
function prefixOf(address: string): string {
  return address.includes(':') ? address.split(':').slice(0, 4).join(':') : address.split('.').slice(0, 3).join('.');
}

export interface SimSocketOptions {
  /** TCP ports that are listened at besides. */
  readonly alsoTcpPorts?: readonly number[] | undefined;
  /** UDP ports besides, in the order of their numbers as sides. */
  readonly sideUdpPorts?: readonly number[] | undefined;
  /** Callers may speak TLS. */
  readonly offersTls?: boolean | undefined;
}

export class SimSockets implements Sockets {
  readonly #host: SocketHost;
  readonly #streams: SimStreams;
  readonly #counts = new Map<string, number>();
  readonly #alsoTcpPorts: readonly number[];
  readonly #sidePorts: readonly number[];
  /** Temporary ones, by port. */
  readonly #temporary = new Map<number, SocketId>();
  #port: number;
  #sink: ((input: NetInput) => void) | undefined;
  #toldEndpoints = '';
  #closed = false;
  /** Where the proxy of this machine listens. */
  proxy: Endpoint | undefined;
  readonly #tunnels = new SimTunnels();

  constructor(host: SocketHost, port: number, options: SimSocketOptions = {}) {
    const { alsoTcpPorts = [], sideUdpPorts = [], offersTls = false } = options;
    this.#host = host;
    this.#port = port;
    this.#sidePorts = sideUdpPorts;
    this.#alsoTcpPorts = alsoTcpPorts;
    const { timeline, chance } = host;
    const streamHost: StreamHost = {
      ...{ timeline, chance },
      send: (packet, fate) => host.send(packet, fate),
      localFor: (to) => host.localFor(to),
      resolve: (name) => host.resolve(name),
      tell: (input) => this.#tell(input),
      count: (fact) => this.#count(fact),
    };
    this.#streams = new SimStreams(streamHost, offersTls);
  }

  get port(): number {
    return this.#port;
  }

  start(sink: (input: NetInput) => void): void {
    this.#sink = sink;
    this.tellEndpoints();
  }

  perform(output: NetOutput): void {
    if (this.#closed) return;
    switch (output.type) {
      case 'send-datagram':
        return this.#sendDatagram(output);
      case 'open-sockets':
        return this.#openTemporary(output.first, output.count);
      case 'close-sockets':
        return this.#closeTemporary(output.sockets);
      case 'open-stream':
        return this.#open(output);
      case 'write-stream':
        if (this.#tunnels.holds(output.stream, output.bytes)) return;
        return this.#streams.write(output.stream, output.bytes);
      case 'close-stream':
        this.#tunnels.forget(output.stream);
        return this.#streams.close(output.stream);
    }
  }

  #open({ stream, to, proxy = false, tls = false }: Extract<NetOutput, { type: 'open-stream' }>): void {
    if (!proxy) return this.#streams.open(stream, to, { tls });
    if (this.proxy) {
      this.#tunnels.begin(stream, to);
      return this.#streams.open(stream, this.proxy);
    }
    const why = 'proxy-none';
    this.#host.timeline.after(0, () => this.#sink?.({ type: 'stream-closed', stream, why }));
  }

  #tell(input: NetInput): void {
    const { tell, act } = this.#tunnels.pass(input);
    for (const one of act) {
      if (one.type === 'write-stream') this.#streams.write(one.stream, one.bytes);
      else this.#streams.close(one.stream);
    }
    for (const one of tell) this.#sink?.(one);
  }

  async rebind(): Promise<number> {
    const before = this.#port;
    this.#port = this.#host.freePort();
    this.#temporary.clear();
    this.#host.moved(this, before);
    this.#streams.dropAll('rebound', 'reset');
    this.tellEndpoints();
    return this.#port;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#sink = undefined;
    for (const stream of this.#streams.ids) this.#streams.close(stream);
    this.#temporary.clear();
    this.#closed = true;
  }

  /** The process died: the kernel resets every stream, and nothing is told. */
  kill(): void {
    this.#sink = undefined;
    this.#streams.dropAll('killed', 'reset');
    this.#temporary.clear();
    this.#closed = true;
  }

  /** The machine moved: streams break. The new addresses are told by `tellEndpoints`, when the poll finds them. */
  breakStreams(): void {
    this.#streams.dropAll('unreachable', 'silence');
  }

  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  tellSlept(): void {
    this.#sink?.({ type: 'slept' });
  }

  tellEndpoints(): void {
    const hosts = [...this.#host.addresses, '127.0.0.1'];
    const endpoints = hosts.map((host): Endpoint => ({ carrier: 'udp', host, port: this.#port }));
    const text = endpoints.map(printEndpoint).join(' ');
    if (text === this.#toldEndpoints) return;
    this.#toldEndpoints = text;
    const sidePorts = this.#sidePorts.length > 0 ? { sidePorts: this.#sidePorts } : {};
    const network = `sim ${this.#host.addresses.map(prefixOf).join(' ')}`;
    this.#sink?.({ type: 'local-endpoints', endpoints, network, ...sidePorts });
  }

  /** UDP ports that are open, the temporary ones among them. */
  get openPorts(): number {
    return 1 + this.#temporary.size;
  }

  /** Whether this port of the host is taken by these sockets. */
  uses(port: number): boolean {
    return port === this.#port || this.#temporary.has(port);
  }

  /** True when the packet is for these sockets: `take` it then. */
  wants(packet: Packet): boolean {
    const started = this.#sink !== undefined;
    const ours = packet.to.port === this.#port;
    const others = this.#temporary.has(packet.to.port) || this.#sidePorts.includes(packet.to.port);
    if (packet.carrier === 'udp') return started && (ours || others);
    return this.#streams.wants(packet, started && (ours || this.#alsoTcpPorts.includes(packet.to.port)));
  }

  take(packet: Packet): void {
    if (packet.carrier === 'tcp') this.#streams.take(packet);
    else
      this.#sink?.({ type: 'datagram', from: packet.from, bytes: Buffer.from(packet.bytes), ...this.#cameTo(packet) });
  }

  #cameTo({ to }: Packet): { readonly socket?: SocketId; readonly side?: number } {
    const side = this.#sidePorts.indexOf(to.port) + 1;
    if (side > 0) return { side };
    const socket = this.#temporary.get(to.port);
    return socket === undefined ? {} : { socket };
  }

  #openTemporary(first: SocketId, count: number): void {
    const sockets = [];
    const last = first + Math.min(count, SOCKETS_TEMPORARY_MAX - this.#temporary.size);
    for (let socket = first; socket < last; socket += 1) {
      const port = this.#host.freeOutgoingPort();
      this.#temporary.set(port, socket);
      sockets.push({ socket, port });
    }
    this.#sink?.({ type: 'sockets-open', sockets });
  }

  #closeTemporary(sockets: readonly SocketId[]): void {
    for (const [port, socket] of this.#temporary) if (sockets.includes(socket)) this.#temporary.delete(port);
  }

  #portOf(socket: SocketId): number | undefined {
    for (const [port, id] of this.#temporary) if (id === socket) return port;
    return undefined;
  }

  #sendDatagram({ to, bytes, ttl, socket, side }: Extract<NetOutput, { type: 'send-datagram' }>): void {
    const usual = side === undefined ? this.#port : this.#sidePorts[side - 1];
    const port = socket === undefined ? usual : this.#portOf(socket);
    if (port === undefined) return this.#count('datagram unsent: temporary socket closed');
    if (bytes.length > DATAGRAM_BYTES_MAX) return this.#count('datagram unsent: too long');
    if (!(to.port >= 1 && to.port <= 65_535)) return this.#count('datagram unsent: bad port');
    const host = this.#host.resolve(to.host);
    if (host === undefined) return this.#count('datagram unsent: name unknown');
    // What the system says to a TTL that is none.
    if (ttl !== undefined && !(ttl >= 1 && ttl <= 255)) return this.#count('datagram unsent: EINVAL');
    const there: Endpoint = { ...to, host };
    const own = this.#host.addressFor(there);
    if (own === undefined) return this.#count('datagram unsent: ENETUNREACH');
    const from: Endpoint = { carrier: 'udp', host: own, port };
    const aged = ttl === undefined ? {} : { ttl };
    this.#host.send({ carrier: 'udp', kind: 'datagram', from, to: there, bytes, sequence: 0, ...aged });
  }

  #count(fact: string): void {
    this.#counts.set(fact, (this.#counts.get(fact) ?? 0) + 1);
  }
}
