/**
 * TCP as the cores see it, in virtual time: reliable, ordered, torn into arbitrary pieces, slow to connect, reset
 * when the other process dies. A piece that the network loses is sent again after a timeout that doubles, so loss
 * becomes delay (RFC 6298 without its estimator); a way that stays closed ends the stream as `timed-out`.
 *
 *   open(0) -> ; <- accept(0) ; data(1..n) both ways ; end(n+1) ; reset without a number, at once
 *
 * A stream that asks for TLS is open a round trip later, and its bytes look like TLS (`sim-tls.ts`).
 *
 * Limits and endings are those of `src/net/io/streams.ts`; one contract suite holds both.
 */
import { judgeOpening } from '../../src/net/io/tls.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import {
  STREAM_BACKLOG_BYTES_MAX,
  STREAM_CONNECT_TIMEOUT_MS,
  STREAM_FIRST_BYTE_MS,
  STREAM_IDLE_MS,
  STREAM_LINGER_MS,
  STREAMS_MAX,
  STREAMS_PER_HOST_MAX,
} from '../../src/net/protocol/params.ts';
import type { NetInput, StreamId } from '../../src/net/protocol/traffic.ts';
import type { Chance } from './chance.ts';
import type { Fate, Packet } from './network.ts';
import { SimTls } from './sim-tls.ts';
import type { Timeline } from './timeline.ts';

/** What a stream needs of the host it lives on. */
export interface StreamHost {
  readonly timeline: Timeline;
  readonly chance: Chance;
  send(packet: Packet, fate?: Fate): void;
  tell(input: NetInput): void;
  count(fact: string): void;
  /** A fresh local port for an outgoing connection, and our address as `to` sees it; undefined without one. */
  localFor(to: Endpoint): Endpoint | undefined;
  resolve(host: string): string | undefined;
}

const NOTHING = Buffer.alloc(0);
/** An Ethernet frame less IP and TCP headers and a little. */
const PIECE_BYTES_MAX = 1400;
/** Share of pieces that are torn once more, at a random place. */
const TORN = 0.1;
/** What a kernel holds of a connection on top of our own backlog. */
const KERNEL_BUFFER_BYTES = 262_144;
const RETRY_MS = 200;
/** 200 ms doubled seven times: 25 s in all. */
const RETRIES_MAX = 7;

/** One end. `told` ends hear no more: closed by the core, or their ending was told. */
interface End {
  readonly id: StreamId;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly incoming: boolean;
  stage: 'opening' | 'open' | 'lingering' | 'dead';
  nextOut: number;
  nextIn: number;
  /** Came before their turn. */
  readonly held: Map<number, Packet>;
  /** Written before the connection stood. */
  readonly early: Buffer[];
  /** Bytes written that have not arrived, and the pieces they are in. */
  waitingBytes: number;
  readonly waiting: Map<number, number>;
  activeAt: number;
  heard: boolean;
  tls: SimTls | undefined;
  /** First bytes of a caller, until they tell whether it speaks TLS. */
  sniffed: Buffer | undefined;
}

export class SimStreams {
  readonly #host: StreamHost;
  readonly #offersTls: boolean;
  readonly #byId = new Map<StreamId, End>();
  /** By local port and remote endpoint, as packets name them. */
  readonly #byWay = new Map<string, End>();
  #lastIncoming = 0;

  constructor(host: StreamHost, offersTls = false) {
    this.#host = host;
    this.#offersTls = offersTls;
  }

  open(id: StreamId, to: Endpoint, options: { readonly tls?: boolean } = {}): void {
    if (this.#byId.has(id)) throw new Error(`stream ${id} is in use already`);
    const fail = (why: string): void => {
      this.#host.timeline.after(0, () => this.#host.tell({ type: 'stream-closed', stream: id, why }));
    };
    if (this.#byWay.size >= STREAMS_MAX) return fail('too-many');
    const host = this.#host.resolve(to.host);
    if (host === undefined) return fail('name-unknown');
    if (!(to.port >= 1 && to.port <= 65_535)) return fail('unreachable');
    const remote: Endpoint = { ...to, host };
    const local = this.#host.localFor(remote);
    if (!local) return fail('unreachable');
    const end = this.#add(id, local, remote, false);
    if (options.tls) end.tls = new SimTls('client', this.#host.chance);
    this.#transmit(end, 'open', NOTHING);
    this.#host.timeline.after(STREAM_CONNECT_TIMEOUT_MS, () => {
      if (end.stage === 'opening' || (end.stage === 'open' && isPending(end))) this.#die(end, 'connect-timeout');
    });
  }

  write(id: StreamId, bytes: Buffer): void {
    const end = this.#byId.get(id);
    if (!end) return this.#host.count('stream write dropped: closed');
    const waiting = end.waitingBytes;
    if (waiting > 0 && waiting + bytes.length > STREAM_BACKLOG_BYTES_MAX + KERNEL_BUFFER_BYTES) {
      return this.#host.count('stream write dropped: backlog');
    }
    if (end.stage === 'opening' || isPending(end)) {
      end.waitingBytes += bytes.length;
      end.early.push(bytes);
    } else this.#put(end, bytes);
  }

  #put(end: End, bytes: Buffer): void {
    // Beyond what the kernel holds it waits in the process, which is told.
    const waitingBytes = end.waitingBytes - KERNEL_BUFFER_BYTES;
    if (waitingBytes > 0) this.#host.tell({ type: 'stream-backlog', stream: end.id, waitingBytes });
    const sealed = end.tls?.isOpen ? end.tls.seal(bytes) : bytes;
    end.waitingBytes += sealed.length;
    this.#cut(end, sealed);
  }

  #putEarly(end: End): void {
    for (const bytes of end.early.splice(0)) {
      end.waitingBytes -= bytes.length;
      this.#put(end, bytes);
    }
  }

  close(id: StreamId): void {
    const end = this.#byId.get(id);
    if (!end) return;
    this.#byId.delete(id);
    if (end.stage === 'opening') return this.#bury(end);
    this.#transmit(end, 'end', NOTHING);
    this.#linger(end);
  }

  /** Ends all streams here at once, telling why; the other ends get a reset, or hear nothing ever again. */
  dropAll(why: string, others: 'reset' | 'silence'): void {
    for (const end of [...this.#byWay.values()]) {
      if (others === 'reset') this.#reset(end.local, end.remote);
      this.#die(end, why);
    }
  }

  get ids(): StreamId[] {
    return [...this.#byId.keys()];
  }

  /** True when the packet is for a connection here, or opens one where we listen. */
  wants(packet: Packet, listening: boolean): boolean {
    return this.#byWay.has(wayOf(packet.to.port, packet.from)) || (packet.kind === 'open' && listening);
  }

  take(packet: Packet): void {
    const end = this.#byWay.get(wayOf(packet.to.port, packet.from));
    if (end) this.#take(end, packet);
    else this.#accept(packet);
  }

  #accept(packet: Packet): void {
    const callers = [...this.#byId.values()].filter((end) => end.incoming && end.remote.host === packet.from.host);
    if (this.#byWay.size >= STREAMS_MAX || callers.length >= STREAMS_PER_HOST_MAX) {
      this.#host.count('stream not accepted: too many');
      return this.#reset(packet.to, packet.from);
    }
    const id = --this.#lastIncoming;
    const end = this.#add(id, packet.to, packet.from, true);
    end.stage = 'open';
    end.nextIn = 1;
    if (this.#offersTls) end.sniffed = NOTHING;
    this.#transmit(end, 'accept', NOTHING);
    this.#watchIdle(end);
    this.#host.tell({ type: 'stream-open', stream: id, remote: packet.from, incoming: true });
  }

  #add(id: StreamId, local: Endpoint, remote: Endpoint, incoming: boolean): End {
    const end: End = {
      ...{ id, local, remote, incoming, stage: 'opening', nextOut: 0, nextIn: 0, waitingBytes: 0, heard: false },
      ...{ held: new Map(), early: [], waiting: new Map(), activeAt: this.#host.timeline.now },
      ...{ tls: undefined, sniffed: undefined },
    };
    this.#byId.set(id, end);
    this.#byWay.set(wayOf(local.port, remote), end);
    return end;
  }

  #take(end: End, packet: Packet): void {
    if (packet.kind === 'reset') return this.#die(end, end.stage === 'opening' ? 'refused' : 'reset');
    if (packet.sequence < end.nextIn) return;
    end.held.set(packet.sequence, packet);
    const pieces: Buffer[] = [];
    for (let next = end.held.get(end.nextIn); next; next = end.held.get(end.nextIn)) {
      end.held.delete(end.nextIn);
      end.nextIn += 1;
      if (next.kind === 'accept') this.#opened(end);
      else if (next.kind === 'data') pieces.push(next.bytes);
      else if (next.kind === 'end') {
        this.#hear(end, pieces.splice(0));
        return this.#ended(end);
      }
    }
    this.#hear(end, pieces);
  }

  #hear(end: End, pieces: Buffer[]): void {
    if (pieces.length === 0) return;
    end.heard = true;
    end.activeAt = this.#host.timeline.now;
    const bytes = this.#sniff(end, Buffer.concat(pieces));
    if (bytes && bytes.length > 0) this.#hearTls(end, bytes);
  }

  /** The bytes to be read now; undefined while they do not tell yet whether this is TLS. */
  #sniff(end: End, bytes: Buffer): Buffer | undefined {
    if (end.sniffed === undefined) return bytes;
    end.sniffed = Buffer.concat([end.sniffed, bytes]);
    const opening = judgeOpening(end.sniffed);
    if (opening === 'more') return undefined;
    const all = end.sniffed;
    end.sniffed = undefined;
    if (opening === 'tls') end.tls = new SimTls('server', this.#host.chance);
    return all;
  }

  #hearTls(end: End, bytes: Buffer): void {
    if (!end.tls) return this.#tellBytes(end, bytes);
    const wasOpen = end.tls.isOpen;
    const { plain, reply, bad } = end.tls.receive(bytes);
    if (reply.length > 0) {
      end.waitingBytes += reply.length;
      this.#cut(end, reply);
    }
    if (!wasOpen && end.tls.isOpen) {
      this.#putEarly(end);
      if (!end.incoming) this.#tellOpen(end);
    }
    if (plain.length > 0) this.#tellBytes(end, plain);
    if (!bad) return;
    this.#reset(end.local, end.remote);
    this.#die(end, 'failed');
  }

  #tellBytes(end: End, bytes: Buffer): void {
    if (this.#byId.has(end.id)) this.#host.tell({ type: 'stream-bytes', stream: end.id, bytes });
  }

  #tellOpen(end: End): void {
    if (!this.#byId.has(end.id)) return;
    this.#host.tell({ type: 'stream-open', stream: end.id, remote: end.remote, incoming: false });
  }

  #opened(end: End): void {
    if (end.stage !== 'opening') return;
    end.stage = 'open';
    end.heard = true;
    this.#watchIdle(end);
    if (end.tls) {
      const hello = end.tls.hello();
      end.waitingBytes += hello.length;
      return this.#cut(end, hello);
    }
    this.#putEarly(end);
    this.#tellOpen(end);
  }

  /** The other end is done: ours goes too, as with `allowHalfOpen: false`. */
  #ended(end: End): void {
    if (!this.#byId.delete(end.id)) return;
    this.#transmit(end, 'end', NOTHING);
    this.#linger(end);
    this.#host.tell({ type: 'stream-closed', stream: end.id, why: 'ended' });
  }

  #linger(end: End): void {
    end.stage = 'lingering';
    this.#host.timeline.after(STREAM_LINGER_MS, () => this.#bury(end));
  }

  #die(end: End, why: string): void {
    const known = this.#byId.delete(end.id);
    this.#bury(end);
    if (known) this.#host.tell({ type: 'stream-closed', stream: end.id, why });
  }

  #bury(end: End): void {
    end.stage = 'dead';
    this.#byWay.delete(wayOf(end.local.port, end.remote));
  }

  #watchIdle(end: End): void {
    const deadline = end.activeAt + (end.heard ? STREAM_IDLE_MS : STREAM_FIRST_BYTE_MS);
    this.#host.timeline.at(deadline, () => {
      if (end.stage !== 'open') return;
      const due = end.activeAt + (end.heard ? STREAM_IDLE_MS : STREAM_FIRST_BYTE_MS);
      if (this.#host.timeline.now < due) return this.#watchIdle(end);
      this.#reset(end.local, end.remote);
      this.#die(end, 'idle');
    });
  }

  #cut(end: End, bytes: Buffer): void {
    end.activeAt = this.#host.timeline.now;
    let rest = bytes;
    while (rest.length > 0) {
      const whole = Math.min(rest.length, PIECE_BYTES_MAX);
      const length = this.#host.chance.hits(TORN) ? this.#host.chance.between(1, whole) : whole;
      this.#transmit(end, 'data', rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  }

  #transmit(end: End, kind: Packet['kind'], bytes: Buffer): void {
    const packet: Packet = {
      ...{ carrier: 'tcp', kind, from: end.local, to: end.remote },
      ...{ bytes, sequence: end.nextOut++ },
    };
    end.waiting.set(packet.sequence, bytes.length);
    this.#attempt(end, packet, 0);
  }

  #attempt(end: End, packet: Packet, retries: number): void {
    const arrived = (): void => {
      end.waitingBytes -= end.waiting.get(packet.sequence) ?? 0;
      end.waiting.delete(packet.sequence);
    };
    const lost = (): void => {
      if (end.stage === 'dead') return;
      if (retries >= RETRIES_MAX) return this.#die(end, 'timed-out');
      this.#host.timeline.after(RETRY_MS * 2 ** retries, () => {
        if (end.stage !== 'dead') this.#attempt(end, packet, retries + 1);
      });
    };
    this.#host.send(packet, { arrived, lost });
  }

  #reset(from: Endpoint, to: Endpoint): void {
    this.#host.send({ carrier: 'tcp', kind: 'reset', from, to, bytes: NOTHING, sequence: 0 });
  }
}

/** Is the TLS of this stream still being agreed on? */
function isPending({ tls }: End): boolean {
  return tls !== undefined && !tls.isOpen;
}

function wayOf(localPort: number, remote: Endpoint): string {
  return `${localPort} ${remote.host} ${remote.port}`;
}
