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
import type { NameBook } from './names.ts';
import { errorCode, type Tally } from './tally.ts';

export interface DatagramSockets {
  readonly v4: Socket | undefined;
  readonly v6: Socket | undefined;
}
export type DatagramSink = (from: Endpoint, bytes: Buffer) => void;

const FLUSH_POLL_MS = 10;
/** What the system says when it has no address or no route of a family. */
const NO_WAY = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT']);

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
  #sockets: DatagramSockets = { v4: undefined, v6: undefined };
  readonly #sink: DatagramSink;

  constructor(sink: DatagramSink, names: NameBook, tally: Tally) {
    this.#sink = sink;
    this.#names = names;
    this.#tally = tally;
  }

  /** Takes over freshly bound sockets; those held before are closed. */
  use(sockets: DatagramSockets): void {
    const before = this.#sockets;
    this.#sockets = sockets;
    for (const socket of [sockets.v4, sockets.v6]) {
      socket?.on('message', this.#arrived);
      socket?.on('error', this.#sent);
    }
    for (const socket of [before.v4, before.v6]) if (socket) retire(socket);
  }

  /**
   * Sends now when the host is a number, after the name is resolved otherwise. `bytes` must not change afterwards.
   * `ttl` from 1 to 255; the system's own when not said.
   */
  send(to: Endpoint, bytes: Buffer, ttl?: number): void {
    if (bytes.length > DATAGRAM_BYTES_MAX) return this.#tally.add('datagram unsent: too long');
    if (!(to.port >= 1 && to.port <= 65_535)) return this.#tally.add('datagram unsent: bad port');
    const family = isIP(to.host);
    if (family !== 0) return this.#sendTo(family === 4 ? 4 : 6, to.host, to.port, bytes, ttl);
    const asked = this.#names.find(to.host, (addresses) => {
      const v4 = addresses.find((address) => isIP(address) === 4);
      const v6 = addresses.find((address) => isIP(address) === 6);
      // IPv4 first, for there a NAT tells us our other address; IPv6 where this machine has no way to IPv4 at all.
      const other = v4 !== undefined && v6 !== undefined ? () => this.#sendTo(6, v6, to.port, bytes, ttl) : undefined;
      if (v4 !== undefined) this.#sendTo(4, v4, to.port, bytes, ttl, other);
      else if (v6 !== undefined) this.#sendTo(6, v6, to.port, bytes, ttl);
      else this.#tally.add('datagram unsent: name unknown');
    });
    if (!asked) this.#tally.add('datagram unsent: names waiting');
  }

  /** Lets what is queued leave (bounded by SOCKETS_FLUSH_MS), then closes. */
  async close(): Promise<void> {
    const open = [this.#sockets.v4, this.#sockets.v6].filter((socket) => socket !== undefined);
    this.#sockets = { v4: undefined, v6: undefined };
    const queued = (): boolean => open.some((socket) => socket.getSendQueueSize() > 0);
    for (let waitedMs = 0; queued() && waitedMs < SOCKETS_FLUSH_MS; waitedMs += FLUSH_POLL_MS) {
      await new Promise((resolve) => setTimeout(resolve, FLUSH_POLL_MS));
    }
    for (const socket of open) retire(socket);
  }

  /** `otherwise`: what to do instead where this family leads nowhere from this machine. */
  #sendTo(
    family: 4 | 6,
    host: string,
    port: number,
    bytes: Buffer,
    ttl: number | undefined,
    otherwise?: () => void,
  ): void {
    const socket = family === 4 ? this.#sockets.v4 : this.#sockets.v6;
    if (!socket) return otherwise ? otherwise() : this.#tally.add('datagram unsent: no such family');
    transmit(socket, { host, port }, { bytes, ttl }, this.#tally, otherwise);
  }

  readonly #sent = (error: Error | null): void => {
    if (error) this.#tally.add(`datagram unsent: ${errorCode(error)}`);
  };

  readonly #arrived = (bytes: Buffer, from: RemoteInfo): void => {
    if (bytes.length > DATAGRAM_BYTES_MAX) return this.#tally.add('datagram dropped: too long');
    this.#sink({ carrier: 'udp', host: plainHost(from.address), port: from.port }, bytes);
  };
}

/**
 * Hands a datagram to the kernel, with a TTL of its own if that is said; what goes wrong is counted. `otherwise`: what to
 * do instead where no way leads there from this machine.
 */
export function transmit(
  socket: Socket,
  to: { readonly host: string; readonly port: number },
  what: { readonly bytes: Buffer; readonly ttl?: number | undefined },
  tally: Tally,
  otherwise?: () => void,
): void {
  const sent = (error: Error | null): void => {
    if (error && otherwise && NO_WAY.has(errorCode(error))) otherwise();
    else if (error) tally.add(`datagram unsent: ${errorCode(error)}`);
  };
  if (socket.getSendQueueSize() > DATAGRAM_SEND_QUEUE_BYTES_MAX) return tally.add('datagram unsent: queue');
  try {
    if (what.ttl === undefined) socket.send(what.bytes, to.port, to.host, sent);
    // What has to wait behind others leaves after the TTL was set back, and does the harm it was to avoid.
    else if (socket.getSendQueueCount() > 0) tally.add('datagram unsent: ttl would be lost in the queue');
    else withTtl(socket, what.ttl, () => socket.send(what.bytes, to.port, to.host, sent));
  } catch (error) {
    sent(error as Error);
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
