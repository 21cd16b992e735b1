/**
 * The twin of `src/net/io/sockets.ts` in virtual time: one port on one simulated host, for datagrams and streams.
 * The real `Driver` runs over it. What it drops, limits and counts is what the real ones drop, limit and count.
 */
import type { Sockets } from '../../src/net/io/sockets.ts';
import { type Endpoint, printEndpoint } from '../../src/net/protocol/endpoint.ts';
import { DATAGRAM_BYTES_MAX } from '../../src/net/protocol/params.ts';
import type { NetInput, NetOutput } from '../../src/net/protocol/traffic.ts';
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
  /** Callers may speak TLS. */
  readonly offersTls?: boolean | undefined;
}

export class SimSockets implements Sockets {
  readonly #host: SocketHost;
  readonly #streams: SimStreams;
  readonly #counts = new Map<string, number>();
  readonly #alsoTcpPorts: readonly number[];
  #port: number;
  #sink: ((input: NetInput) => void) | undefined;
  #toldEndpoints = '';
  #closed = false;
  /** Where the proxy of this machine listens. */
  proxy: Endpoint | undefined;
  readonly #tunnels = new SimTunnels();

  constructor(host: SocketHost, port: number, { alsoTcpPorts = [], offersTls = false }: SimSocketOptions = {}) {
    this.#host = host;
    this.#port = port;
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
        return this.#sendDatagram(output.to, output.bytes, output.ttl);
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
    this.#host.moved(this, before);
    this.#streams.dropAll('rebound', 'reset');
    this.tellEndpoints();
    return this.#port;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#sink = undefined;
    for (const stream of this.#streams.ids) this.#streams.close(stream);
    this.#closed = true;
  }

  /** The process died: the kernel resets every stream, and nothing is told. */
  kill(): void {
    this.#sink = undefined;
    this.#streams.dropAll('killed', 'reset');
    this.#closed = true;
  }

  /** The machine moved: streams break. The new addresses are told by `tellEndpoints`, when the poll finds them. */
  breakStreams(): void {
    this.#streams.dropAll('unreachable', 'silence');
  }

  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  tellEndpoints(): void {
    const hosts = [...this.#host.addresses, '127.0.0.1'];
    const endpoints = hosts.map((host): Endpoint => ({ carrier: 'udp', host, port: this.#port }));
    const text = endpoints.map(printEndpoint).join(' ');
    if (text === this.#toldEndpoints) return;
    this.#toldEndpoints = text;
    this.#sink?.({
      type: 'local-endpoints',
      endpoints,
      network: `sim ${this.#host.addresses.map(prefixOf).join(' ')}`,
    });
  }

  /** True when the packet is for these sockets: `take` it then. */
  wants(packet: Packet): boolean {
    const started = this.#sink !== undefined;
    const ours = packet.to.port === this.#port;
    if (packet.carrier === 'udp') return started && ours;
    return this.#streams.wants(packet, started && (ours || this.#alsoTcpPorts.includes(packet.to.port)));
  }

  take(packet: Packet): void {
    if (packet.carrier === 'tcp') this.#streams.take(packet);
    else this.#sink?.({ type: 'datagram', from: packet.from, bytes: Buffer.from(packet.bytes) });
  }

  #sendDatagram(to: Endpoint, bytes: Buffer, ttl: number | undefined): void {
    if (bytes.length > DATAGRAM_BYTES_MAX) return this.#count('datagram unsent: too long');
    if (!(to.port >= 1 && to.port <= 65_535)) return this.#count('datagram unsent: bad port');
    const host = this.#host.resolve(to.host);
    if (host === undefined) return this.#count('datagram unsent: name unknown');
    // What the system says to a TTL that is none.
    if (ttl !== undefined && !(ttl >= 1 && ttl <= 255)) return this.#count('datagram unsent: EINVAL');
    const there: Endpoint = { ...to, host };
    const own = this.#host.addressFor(there);
    if (own === undefined) return this.#count('datagram unsent: ENETUNREACH');
    const from: Endpoint = { carrier: 'udp', host: own, port: this.#port };
    const aged = ttl === undefined ? {} : { ttl };
    this.#host.send({ carrier: 'udp', kind: 'datagram', from, to: there, bytes, sequence: 0, ...aged });
  }

  #count(fact: string): void {
    this.#counts.set(fact, (this.#counts.get(fact) ?? 0) + 1);
  }
}
