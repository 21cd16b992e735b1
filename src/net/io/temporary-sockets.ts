/**
 * The temporary UDP sockets of a node, beside its one port: a path finder opens up to a few hundred for some seconds when
 * our NAT gives every other end another port (`nat/own-ports.ts`). IPv4 only, at ports that the system picks.
 * `sockets.ts` hands in what a core drained; arrivals go to the sink with the number of their socket.
 *
 * As for our own port, nothing throws for a packet; a socket that cannot be had is counted and left out.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { plainHost } from '../protocol/endpoint.ts';
import { DATAGRAM_BYTES_MAX, SOCKETS_TEMPORARY_MAX } from '../protocol/params.ts';
import type { NetInput, NetOutput, OpenSocket, SocketId } from '../protocol/traffic.ts';
import { transmit } from './datagrams.ts';
import { errorCode, type Tally } from './tally.ts';

export class TemporarySockets {
  readonly #sink: (input: NetInput) => void;
  readonly #host: string;
  readonly #tally: Tally;
  readonly #sockets = new Map<SocketId, Socket>();

  /** `host`: where our own port listens, when that is not everywhere; it may be of IPv6, and then there are none here. */
  constructor(sink: (input: NetInput) => void, host: string | undefined, tally: Tally) {
    this.#sink = sink;
    this.#host = host ?? '0.0.0.0';
    this.#tally = tally;
  }

  /** `sockets-open` is told when the last of them is bound, or was refused. */
  open(first: SocketId, count: number): void {
    const allowed = isIP(this.#host) === 4 ? Math.min(count, SOCKETS_TEMPORARY_MAX - this.#sockets.size) : 0;
    const ready: OpenSocket[] = [];
    let waiting = Math.max(0, allowed);
    const settled = (): void => {
      waiting -= 1;
      if (waiting <= 0) this.#sink({ type: 'sockets-open', sockets: ready });
    };
    if (waiting === 0) return settled();
    for (let id = first; id < first + allowed; id += 1) this.#bind(id, ready, settled);
  }

  send(id: SocketId, { to, bytes, ttl }: Extract<NetOutput, { type: 'send-datagram' }>): void {
    const socket = this.#sockets.get(id);
    if (!socket) return this.#tally.add('datagram unsent: temporary socket closed');
    if (bytes.length > DATAGRAM_BYTES_MAX) return this.#tally.add('datagram unsent: too long');
    if (isIP(to.host) !== 4) return this.#tally.add('datagram unsent: no such family');
    transmit(socket, to, { bytes, ttl }, this.#tally);
  }

  close(ids: readonly SocketId[]): void {
    for (const id of ids) {
      const socket = this.#sockets.get(id);
      this.#sockets.delete(id);
      socket?.removeAllListeners('message');
      socket?.close();
    }
  }

  closeAll(): void {
    this.close([...this.#sockets.keys()]);
  }

  #bind(id: SocketId, ready: OpenSocket[], settled: () => void): void {
    // The look-up at once, so that each packet leaves with its own TTL (`datagrams.ts`).
    const socket = createSocket({ type: 'udp4', lookup: (address, _options, done) => done(null, address, 4) });
    this.#sockets.set(id, socket);
    const refused = (error: Error): void => {
      this.#tally.add(`temporary socket refused: ${errorCode(error)}`);
      this.#sockets.delete(id);
      socket.close();
      settled();
    };
    socket.once('error', refused);
    socket.once('close', () => socket.off('error', refused));
    socket.bind({ address: this.#host, port: 0 }, () => {
      socket.off('error', refused);
      socket.on('error', (error) => this.#tally.add(`datagram unsent: ${errorCode(error)}`));
      socket.on('message', (bytes, from) => {
        if (bytes.length > DATAGRAM_BYTES_MAX) return this.#tally.add('datagram dropped: too long');
        const source = { carrier: 'udp', host: plainHost(from.address), port: from.port } as const;
        this.#sink({ type: 'datagram', from: source, bytes, socket: id });
      });
      ready.push({ socket: id, port: socket.address().port });
      settled();
    });
  }
}
