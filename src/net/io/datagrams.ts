/**
 * The datagram half of our port: one UDP socket for IPv4 and, where the system has it, one for IPv6. Two sockets
 * instead of one that serves both, because the TTL of a mapped IPv4 packet cannot be set on an IPv6 socket, and
 * punching needs low TTLs (realtime.md 1.6). `sockets.ts` opens them and hands arrivals on.
 *
 * Nothing here throws for a packet: a bad host, a full queue, ECONNREFUSED, ENETUNREACH, EMSGSIZE are counted.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { type Endpoint, plainHost } from '../protocol/endpoint.ts';
import {
  DATAGRAM_BYTES_MAX,
  DATAGRAM_RECEIVE_BUFFER_BYTES,
  DATAGRAM_SEND_QUEUE_BYTES_MAX,
  DATAGRAM_TTL,
  SOCKETS_FLUSH_MS,
} from '../protocol/params.ts';
import type { Side } from '../protocol/traffic.ts';
import type { NameBook } from './names.ts';
import { errorCode, type Tally } from './tally.ts';

export interface DatagramSockets {
  readonly v4: Socket | undefined;
  readonly v6: Socket | undefined;
}
interface Outgoing {
  readonly bytes: Buffer;
  readonly ttl: number | undefined;
  readonly side: Side | undefined;
  /** What to do instead where this family leads nowhere from this machine. */
  readonly otherwise?: (() => void) | undefined;
}

/** `side`: the further port at which it came (`protocol/traffic.ts`). */
export type DatagramSink = (from: Endpoint, bytes: Buffer, side: Side) => void;

/** What it says when the network that a packet should leave by is gone. */
const GONE = new Set(['ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL']);

const FLUSH_POLL_MS = 10;
/** What the system says when it has no address or no route of a family. */
const NO_WAY = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT']);
const NO_SOCKETS: DatagramSockets = { v4: undefined, v6: undefined };

/** Resolves with a bound socket; rejects with the system's error (EADDRINUSE, EACCES, EAFNOSUPPORT, ...). */
export function bindDatagrams(family: 4 | 6, host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: family === 6,
      recvBufferSize: DATAGRAM_RECEIVE_BUFFER_BYTES,
      // Names are resolved before they come here. With Node's own lookup every send would leave one turn later,
      // after the TTL was set back (measured, realtime.md 1.6).
      lookup: (address, _options, done) => done(null, address, family),
    });
    const failed = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once('error', failed);
    socket.bind({ address: host, port }, () => {
      socket.off('error', failed);
      resolve(socket);
    });
  });
}

export class Datagrams {
  readonly #names: NameBook;
  readonly #tally: Tally;
  #sockets: DatagramSockets = NO_SOCKETS;
  /** Those of the further ports. */
  #sides: readonly DatagramSockets[] = [];
  readonly #sink: DatagramSink;
  readonly #noWay: (to: Endpoint) => void;

  /** `noWay`: is told of every packet that could not leave this machine. */
  constructor(sink: DatagramSink, names: NameBook, tally: Tally, noWay: (to: Endpoint) => void = () => {}) {
    this.#sink = sink;
    this.#noWay = noWay;
    this.#names = names;
    this.#tally = tally;
  }

  /** Takes over freshly bound sockets; those held before are closed. */
  use(sockets: DatagramSockets): void {
    const before = this.#sockets;
    this.#sockets = sockets;
    this.#listen(sockets, undefined);
    for (const socket of [before.v4, before.v6]) if (socket) retire(socket);
  }

  /** Takes over sockets of further ports, which are kept until the end. */
  takeSides(sides: readonly DatagramSockets[]): void {
    this.#sides = sides;
    for (const [index, sockets] of sides.entries()) this.#listen(sockets, index + 1);
  }

  /**
   * Sends now when the host is a number, after the name is resolved otherwise. `bytes` must not change afterwards.
   * `ttl` from 1 to 255; the system's own when not said.
   */
  send(to: Endpoint, bytes: Buffer, ttl?: number, side?: Side): void {
    if (bytes.length > DATAGRAM_BYTES_MAX) return this.#tally.add('datagram unsent: too long');
    if (!(to.port >= 1 && to.port <= 65_535)) return this.#tally.add('datagram unsent: bad port');
    const family = isIP(to.host);
    if (family !== 0) return this.#sendTo(family === 4 ? 4 : 6, to.host, to.port, { bytes, ttl, side });
    const asked = this.#names.find(to.host, (addresses) => {
      const v4 = addresses.find((address) => isIP(address) === 4);
      const v6 = addresses.find((address) => isIP(address) === 6);
      // IPv4 first, for there a NAT tells us our other address; IPv6 where this machine has no way to IPv4 at all.
      const what = { bytes, ttl, side };
      const otherwise = v6 === undefined ? undefined : () => this.#sendTo(6, v6, to.port, what);
      if (v4 !== undefined) this.#sendTo(4, v4, to.port, { ...what, otherwise });
      else if (v6 !== undefined) this.#sendTo(6, v6, to.port, what);
      else this.#tally.add('datagram unsent: name unknown');
    });
    if (!asked) this.#tally.add('datagram unsent: names waiting');
  }

  /** Lets what is queued leave (bounded by SOCKETS_FLUSH_MS), then closes. */
  async close(): Promise<void> {
    const all = [this.#sockets, ...this.#sides];
    const open = all.flatMap(({ v4, v6 }) => [v4, v6]).filter((socket) => socket !== undefined);
    this.#sockets = NO_SOCKETS;
    this.#sides = [];
    const queued = (): boolean => open.some((socket) => socket.getSendQueueSize() > 0);
    for (let waitedMs = 0; queued() && waitedMs < SOCKETS_FLUSH_MS; waitedMs += FLUSH_POLL_MS) {
      await new Promise((resolve) => setTimeout(resolve, FLUSH_POLL_MS));
    }
    for (const socket of open) retire(socket);
  }

  #listen({ v4, v6 }: DatagramSockets, side: Side): void {
    for (const socket of [v4, v6]) {
      socket?.on('message', (bytes, from) => this.#arrived(bytes, from, side));
      socket?.on('error', this.#sent);
    }
  }

  #sendTo(family: 4 | 6, host: string, port: number, what: Outgoing): void {
    const { side, otherwise } = what;
    const sockets = side === undefined ? this.#sockets : this.#sides[side - 1];
    const socket = family === 4 ? sockets?.v4 : sockets?.v6;
    const sent = otherwise ? (error: Error | null) => this.#sentOr(error, otherwise) : this.#sent;
    if (socket) transmit(socket, { host, port }, what, this.#tally, sent);
    else if (otherwise) otherwise();
    else this.#tally.add('datagram unsent: no such family');
  }

  /** One for all packets; an error that is about one of them says where it was to go. */
  readonly #sent = (error: (Error & { readonly address?: string; readonly port?: number }) | null): void => {
    if (!error) return;
    const code = errorCode(error);
    this.#tally.add(`datagram unsent: ${code}`);
    const { address: host, port } = error;
    if (GONE.has(code) && host !== undefined && port !== undefined) this.#noWay({ carrier: 'udp', host, port });
  };

  #sentOr(error: Error | null, otherwise: () => void): void {
    if (error && NO_WAY.has(errorCode(error))) otherwise();
    else this.#sent(error);
  }

  #arrived(bytes: Buffer, from: RemoteInfo, side: Side): void {
    if (bytes.length > DATAGRAM_BYTES_MAX) return this.#tally.add('datagram dropped: too long');
    this.#sink({ carrier: 'udp', host: plainHost(from.address), port: from.port }, bytes, side);
  }
}

/**
 * Hands a datagram to the kernel, with a TTL of its own if that is said. `sent`: hears what became of it; what goes wrong is
 * counted by whoever says no other.
 */
export function transmit(
  socket: Socket,
  to: { readonly host: string; readonly port: number },
  what: { readonly bytes: Buffer; readonly ttl?: number | undefined },
  tally: Tally,
  sent: (error: Error | null) => void = (error) => {
    if (error) tally.add(`datagram unsent: ${errorCode(error)}`);
  },
): void {
  if (socket.getSendQueueSize() > DATAGRAM_SEND_QUEUE_BYTES_MAX) return tally.add('datagram unsent: queue');
  try {
    if (what.ttl === undefined) socket.send(what.bytes, to.port, to.host, sent);
    // What has to wait behind others leaves after the TTL was set back, and does the harm it was to avoid.
    else if (socket.getSendQueueCount() > 0) tally.add('datagram unsent: ttl would be lost in the queue');
    else withTtl(socket, what.ttl, () => socket.send(what.bytes, to.port, to.host, sent));
  } catch (error) {
    // What comes later says by itself where it was to go.
    sent(Object.assign(error as Error, { address: to.host, port: to.port }));
  }
}

/** Throws what the system says to such a TTL. */
function withTtl(socket: Socket, ttl: number, send: () => void): void {
  socket.setTTL(ttl);
  try {
    send();
  } finally {
    socket.setTTL(DATAGRAM_TTL);
  }
}

function retire(socket: Socket): void {
  socket.removeAllListeners('message');
  socket.close();
}
