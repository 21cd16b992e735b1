/**
 * The stream half of our port: TCP listeners with the same number, and every connection in or out. `sockets.ts`
 * hands writes in and takes `stream-open`, `stream-bytes`, `stream-closed` out.
 *
 * A stream is a carrier of whole packets: each write must hold whole packets, because when the other end reads too
 * slowly a write is dropped as a whole (STREAM_BACKLOG_BYTES_MAX), just as a datagram would be. So nothing is
 * buffered without bound and voice never queues behind minutes of itself (realtime.md 3.3).
 *
 *   connecting -> [TLS] -> open -> gone   incoming ones begin open; `gone` is told once, unless the core closed it
 *   caller's first bytes -> [TLS] -> stream-bytes   where TLS is offered: `tls.ts`
 *
 * A stream may be asked for through the proxy that `setProxy` named (`proxy-tunnel.ts`).
 *
 * After a close from either side the socket may drain for STREAM_LINGER_MS; it counts against STREAMS_MAX until then. A little
 * above 400 lines, because each rule is one of the life of a stream.
 * A vanished peer is found by keep-alives of the cores above, and in the end by STREAM_IDLE_MS.
 */
import { connect, createServer, isIP, type LookupFunction, type Server, type Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import { type Endpoint, plainHost } from '../protocol/endpoint.ts';
import {
  SOCKETS_FLUSH_MS,
  STREAM_ACCEPT_BACKLOG,
  STREAM_BACKLOG_BYTES_MAX,
  STREAM_CONNECT_TIMEOUT_MS,
  STREAM_FIRST_BYTE_MS,
  STREAM_IDLE_MS,
  STREAM_LINGER_MS,
  STREAMS_MAX,
  STREAMS_PER_HOST_MAX,
} from '../protocol/params.ts';
import { hostKey } from '../protocol/rate-limit.ts';
import type { NetInput, StreamId } from '../protocol/traffic.ts';
import type { NameBook } from './names.ts';
import { openTunnel, type ProxyProblem } from './proxy-tunnel.ts';
import type { ProxyChoice } from './proxy-url.ts';
import { StreamBacklog } from './stream-backlog.ts';
import { errorCode, type Tally } from './tally.ts';
import { acceptTls, beginTls, isTls13, judgeOpening } from './tls.ts';

/** Why a stream is gone, as `stream-closed` tells it. */
export type StreamEnding =
  | 'ended'
  | 'reset'
  | 'refused'
  | 'unreachable'
  | 'connect-timeout'
  | 'timed-out'
  | 'name-unknown'
  | 'too-many'
  | 'idle'
  | 'rebound'
  | 'failed'
  /** Wanted through a proxy, and there is none for that host. */
  | 'proxy-none'
  | 'proxy-timeout'
  | ProxyProblem;

const ENDINGS: Readonly<Record<string, StreamEnding>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ENETUNREACH: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ETIMEDOUT: 'timed-out',
  ENOTFOUND: 'name-unknown',
};

interface Stream {
  /** What is read and written; another one once a caller turned out to speak TLS. */
  socket: Socket;
  /** Whose share of STREAMS_PER_HOST_MAX this is; undefined for our own. */
  readonly caller: string | undefined;
  /** Undefined once it is open. */
  connectTimer: NodeJS.Timeout | undefined;
  /** What was written while the proxy is still asked; undefined at all other times. */
  early: Buffer[] | undefined;
  readonly backlog: StreamBacklog;
}

/** Resolves with a listening server, which turns callers away until `Streams.use`; rejects with the system's error. */
export function bindStreams(family: 4 | 6, host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: STREAM_IDLE_MS / 3 });
    server.on('connection', turnAway);
    server.once('error', reject);
    server.listen({ host, port, ipv6Only: family === 6, backlog: STREAM_ACCEPT_BACKLOG }, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}

export class Streams {
  readonly #sink: (input: NetInput) => void;
  readonly #names: NameBook;
  readonly #tally: Tally;
  #tls: SecureContext | undefined;
  readonly #streams = new Map<StreamId, Stream>();
  readonly #lingering = new Set<Socket>();
  readonly #perCaller = new Map<string, number>();
  #servers: readonly Server[] = [];
  #lastIncoming = 0;
  #proxy: ProxyChoice | undefined;

  /** `tls`: what callers are shown who speak it. */
  constructor(sink: (input: NetInput) => void, names: NameBook, tally: Tally, tls?: SecureContext) {
    this.#tls = tls;
    this.#sink = sink;
    this.#names = names;
    this.#tally = tally;
  }

  /** Takes over listening servers; those held before stop listening, unless they are among them. */
  use(servers: readonly Server[]): void {
    for (const server of this.#servers) if (!servers.includes(server)) server.close();
    const fresh = servers.filter((server) => !this.#servers.includes(server));
    this.#servers = servers;
    for (const server of fresh) {
      server.off('connection', turnAway);
      server.on('connection', (socket) => this.#accept(socket));
      server.on('error', (error) => this.#tally.add(`stream not accepted: ${errorCode(error)}`));
    }
  }

  /** For the streams that are opened through a proxy from now on. */
  setProxy(proxy: ProxyChoice | undefined): void {
    this.#proxy = proxy;
  }

  /** What callers are shown who speak TLS from now on. */
  offerTls(context: SecureContext): void {
    this.#tls = context;
  }

  /** Everything from here on comes as inputs, never before the next turn. Throws when `stream` is in use: our mistake. */
  open(stream: StreamId, to: Endpoint, options: { readonly proxy?: boolean; readonly tls?: boolean } = {}): void {
    if (this.#streams.has(stream)) throw new Error(`stream ${stream} is in use already`);
    const { proxy: byProxy = false, tls = false } = options;
    const proxy = byProxy && !this.#proxy?.bypasses(to.host, to.port) ? this.#proxy : undefined;
    const why = this.#refuses(to, byProxy && !proxy);
    if (why) setImmediate(() => this.#sink({ type: 'stream-closed', stream, why }));
    else if (proxy) this.#openThrough(proxy, stream, to);
    else this.#openStraight(stream, to, tls);
  }

  #refuses(to: Endpoint, lacksProxy: boolean): StreamEnding | undefined {
    if (this.#full()) return 'too-many';
    if (!(to.port >= 1 && to.port <= 65_535)) return 'unreachable';
    return lacksProxy ? 'proxy-none' : undefined;
  }

  #openThrough({ server }: ProxyChoice, stream: StreamId, to: Endpoint): void {
    const failed = (why: StreamEnding): void => {
      if (this.#streams.get(stream)?.socket === socket) this.#gone(stream, why);
      this.#tally.add(`stream unopened: ${why}`);
    };
    const open = (): void => {
      const known = this.#streams.get(stream);
      if (known?.socket !== socket) return;
      for (const bytes of known.early ?? []) socket.write(bytes);
      known.early = undefined;
      this.#opened(stream, socket, to);
      this.#watchEnd(stream, socket);
      this.#hear(stream, socket);
    };
    const socket: Socket = openTunnel(server, to, { open, failed, names: this.#names, lookup: this.#lookup });
    const connectTimer = setTimeout(() => failed('proxy-timeout'), STREAM_CONNECT_TIMEOUT_MS);
    this.#streams.set(stream, { socket, caller: undefined, connectTimer, early: [], backlog: new StreamBacklog() });
  }

  #openStraight(stream: StreamId, to: Endpoint, tls: boolean): void {
    const wire = connect({
      host: to.host,
      port: to.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: STREAM_IDLE_MS / 3,
      autoSelectFamily: true,
      lookup: this.#lookup,
    });
    const secure = tls ? beginTls(wire, to.host) : undefined;
    const socket = secure ?? wire;
    const connectTimer = setTimeout(() => this.#gone(stream, 'connect-timeout'), STREAM_CONNECT_TIMEOUT_MS);
    this.#streams.set(stream, {
      socket,
      caller: undefined,
      connectTimer,
      early: undefined,
      backlog: new StreamBacklog(),
    });
    this.#watchEnd(stream, socket);
    this.#hear(stream, socket);
    if (secure) this.#watchWire(stream, wire, secure);
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      if (secure && !isTls13(secure)) return this.#gone(stream, 'failed');
      this.#opened(stream, socket, remoteOf(wire) ?? to);
    });
  }

  #opened(stream: StreamId, socket: Socket, remote: Endpoint): void {
    const known = this.#streams.get(stream);
    if (known?.socket !== socket) return;
    clearTimeout(known.connectTimer);
    known.connectTimer = undefined;
    socket.setTimeout(STREAM_IDLE_MS);
    this.#sink({ type: 'stream-open', stream, remote, incoming: false });
  }

  /** `bytes` are whole packets; dropped as a whole when too much waits. They must not change afterwards. */
  write(stream: StreamId, bytes: Buffer): void {
    const known = this.#streams.get(stream);
    if (!known) return this.#tally.add('stream write dropped: closed');
    const { socket, early } = known;
    const waiting = early ? early.reduce((sum, { length }) => sum + length, 0) : socket.writableLength;
    if (waiting > 0 && waiting + bytes.length > STREAM_BACKLOG_BYTES_MAX) {
      return this.#tally.add('stream write dropped: backlog');
    }
    if (early) early.push(bytes);
    else {
      this.#tellBacklog(stream, known, waiting);
      if (!known.backlog.isTold) socket.write(bytes);
      else socket.write(bytes, () => this.#tellBacklog(stream, known, socket.writableLength));
    }
  }

  /** The system takes no more. */
  #tellBacklog(stream: StreamId, known: Stream, waitingBytes: number): void {
    if (this.#streams.get(stream) !== known || !known.backlog.isNews(waitingBytes, performance.now())) return;
    this.#sink({ type: 'stream-backlog', stream, waitingBytes });
  }

  /** What was written still goes out, unless it never connected; nothing more is told of this stream. */
  close(stream: StreamId): void {
    const known = this.#forget(stream);
    if (!known) return;
    if (known.connectTimer === undefined) this.#linger(known.socket);
    else known.socket.destroy();
  }

  /** Ends every stream at once and says why: the machine seems to have moved. */
  dropAll(why: StreamEnding): void {
    for (const stream of [...this.#streams.keys()]) this.#gone(stream, why);
  }

  /** Stops listening, lets open streams drain for SOCKETS_FLUSH_MS at most, then destroys what is left. */
  async shutDown(): Promise<void> {
    for (const server of this.#servers) server.close();
    this.#servers = [];
    for (const stream of [...this.#streams.keys()]) this.close(stream);
    const drained = [...this.#lingering].map(
      (socket) => new Promise<void>((done) => socket.once('close', () => done())),
    );
    const timer = setTimeout(() => {
      for (const socket of this.#lingering) socket.destroy();
    }, SOCKETS_FLUSH_MS);
    await Promise.all(drained);
    clearTimeout(timer);
  }

  #full(): boolean {
    return this.#streams.size + this.#lingering.size >= STREAMS_MAX;
  }

  #accept(socket: Socket): void {
    const remote = remoteOf(socket);
    const caller = hostKey(remote?.host ?? '');
    const callers = this.#perCaller.get(caller) ?? 0;
    if (!remote || this.#full() || callers >= STREAMS_PER_HOST_MAX) {
      this.#tally.add('stream not accepted: too many');
      return turnAway(socket);
    }
    const stream = --this.#lastIncoming;
    this.#perCaller.set(caller, callers + 1);
    this.#streams.set(stream, {
      socket,
      caller,
      connectTimer: undefined,
      early: undefined,
      backlog: new StreamBacklog(),
    });
    this.#watchEnd(stream, socket);
    socket.setTimeout(STREAM_FIRST_BYTE_MS);
    if (this.#tls) this.#sniff(stream, socket, this.#tls);
    else this.#hearCaller(stream, socket);
    this.#sink({ type: 'stream-open', stream, remote, incoming: true });
  }

  /** Holds the first bytes of a caller until they tell whether it speaks TLS; then they are read like all others. */
  #sniff(stream: StreamId, socket: Socket, context: SecureContext): void {
    // However slowly they come: neither the first bytes nor a TLS handshake may take longer.
    const timer = setTimeout(() => this.#gone(stream, 'idle'), STREAM_FIRST_BYTE_MS);
    socket.once('close', () => clearTimeout(timer));
    let held: Buffer = Buffer.alloc(0);
    const take = (bytes: Buffer): void => {
      held = Buffer.concat([held, bytes]);
      const opening = judgeOpening(held);
      if (opening === 'more') return;
      socket.off('data', take);
      socket.pause();
      socket.unshift(held);
      if (opening === 'tls') return this.#secure(stream, socket, context, timer);
      clearTimeout(timer);
      this.#hearCaller(stream, socket);
      socket.resume();
    };
    socket.on('data', take);
  }

  #secure(stream: StreamId, wire: Socket, context: SecureContext, timer: NodeJS.Timeout): void {
    const known = this.#streams.get(stream);
    if (!known) return;
    const secure = acceptTls(wire, context);
    wire.setTimeout(0);
    known.socket = secure;
    this.#watchEnd(stream, secure);
    this.#watchWire(stream, wire, secure);
    secure.once('secure', () => clearTimeout(timer));
    this.#hearCaller(stream, secure);
    secure.setTimeout(STREAM_FIRST_BYTE_MS);
  }

  #hearCaller(stream: StreamId, socket: Socket): void {
    this.#hear(stream, socket);
    socket.once('data', () => socket.setTimeout(STREAM_IDLE_MS));
  }

  #hear(stream: StreamId, socket: Socket): void {
    socket.on('data', (bytes: Buffer) => {
      if (this.#streams.get(stream)?.socket === socket) this.#sink({ type: 'stream-bytes', stream, bytes });
    });
  }

  /** A socket that TLS was put over meanwhile says nothing more of the stream. */
  #watchEnd(stream: StreamId, socket: Socket): void {
    const gone = (why: StreamEnding): void => {
      if (this.#streams.get(stream)?.socket === socket) this.#gone(stream, why);
    };
    socket.on('end', () => gone('ended'));
    socket.on('timeout', () => gone('idle'));
    socket.on('error', (error) => gone(ENDINGS[errorCode(error)] ?? 'failed'));
    socket.on('close', () => gone('reset'));
  }

  /** The connection below TLS: it alone knows why it did not come about, and goes with what stands on it. */
  #watchWire(stream: StreamId, wire: Socket, secure: TLSSocket): void {
    wire.on('error', (error) => {
      if (this.#streams.get(stream)?.socket === secure) this.#gone(stream, ENDINGS[errorCode(error)] ?? 'failed');
    });
    secure.once('close', () => wire.destroy());
  }

  #gone(stream: StreamId, why: StreamEnding): void {
    const known = this.#forget(stream);
    if (!known) return;
    if (why === 'ended') this.#linger(known.socket);
    else known.socket.destroy();
    this.#sink({ type: 'stream-closed', stream, why });
  }

  #forget(stream: StreamId): Stream | undefined {
    const known = this.#streams.get(stream);
    if (!known) return undefined;
    this.#streams.delete(stream);
    clearTimeout(known.connectTimer);
    if (known.caller !== undefined) {
      const left = (this.#perCaller.get(known.caller) ?? 1) - 1;
      if (left > 0) this.#perCaller.set(known.caller, left);
      else this.#perCaller.delete(known.caller);
    }
    return known;
  }

  /** Ends our half, throws away what still comes, and is done with it after STREAM_LINGER_MS at the latest. */
  #linger(socket: Socket): void {
    if (socket.connecting || socket.destroyed) {
      socket.destroy();
      return;
    }
    this.#lingering.add(socket);
    const timer = setTimeout(() => socket.destroy(), STREAM_LINGER_MS).unref();
    socket.once('close', () => {
      clearTimeout(timer);
      this.#lingering.delete(socket);
    });
    socket.end();
  }

  /** Only names come here; Node then tries the addresses of both families in turn (RFC 8305). */
  readonly #lookup: LookupFunction = (host, options, done) => {
    const answer = (addresses: readonly string[]): void => {
      const found = addresses.map((address) => ({ address, family: isIP(address) }));
      const [first] = found;
      if (!first) done(Object.assign(new Error('name unknown'), { code: 'ENOTFOUND' }), []);
      else if (options.all) done(null, found);
      else done(null, first.address, first.family);
    };
    if (!this.#names.find(host, answer)) answer([]);
  };
}

function turnAway(socket: Socket): void {
  socket.on('error', () => {});
  socket.destroy();
}

function remoteOf(socket: Socket): Endpoint | undefined {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return { carrier: 'tcp', host: plainHost(remoteAddress), port: remotePort };
}
