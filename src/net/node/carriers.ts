/**
 * Between the driver and the switchboard: takes the mask from what comes and cuts it into packets, covers what goes,
 * opens streams for outgoing links, and tells how each link that was asked for turned out. Every kind of node uses it.
 *
 *   NetInput --> packets --> switchboard          switchboard 'send' --> NetOutput
 *   connect(endpoint) --> [stream] --> handshake --> link-up | link-down
 *   connectCarried, acceptCarried: a stream whose bytes leave as `carry` and come by `receiveCarried`
 */
import type { Millis, Random } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { hostKey } from '../protocol/rate-limit.ts';
import type { NetInput, NetOutput, Route, Side, StreamId } from '../protocol/traffic.ts';
import type { SessionId, Switchboard } from '../transport/switchboard.ts';
import { keyOfPlace } from '../transport/tickets.ts';
import type { Expectation, PeerIdentity } from '../transport/trust.ts';
import { InstallNoticeReader } from '../wire/install-notice.ts';
import { Mask, readDatagram } from '../wire/mask.ts';
import { isClear, type Packet, PacketKind } from '../wire/packet.ts';
import { beginsLikeAnother, type StreamFace, StreamFramer } from '../wire/stream-framer.ts';

export type LinkId = number;

export interface ConnectOptions {
  readonly anonymous: boolean;
  readonly wantAuthority: boolean;
  /** One of very many: nothing is sent twice. */
  readonly once?: boolean;
  /** Anybody else is no answer, and learns nothing of us. */
  readonly expect: Expectation;
  /** How a stream begins; a datagram has the plain face always. */
  readonly face: StreamFace;
  /** Open the stream through the proxy of this machine. */
  readonly proxy?: boolean;
  /** Open the stream inside genuine TLS. */
  readonly tls?: boolean;
  /** We do not know yet who we are: our proof waits for `prove`. */
  readonly inAdvance?: boolean;
}

/** A packet without a session, and the port of ours at which it came. */
export interface ClearPacket {
  readonly from: Endpoint;
  readonly side: Side;
  readonly packet: Packet;
}

export interface CarriersOptions {
  /** Of the network's authority: the mask comes of it. */
  readonly pin: Uint8Array;
  readonly random: Random;
  /** What install notices are answered with; without it there are none, as for all but login servers. */
  readonly newestVersion?: string | undefined;
  /** Takes packets without a session; where it is missing they are dropped. */
  readonly onClear?: (now: Millis, clear: ClearPacket) => void;
  /** Is shown each Hello that comes by datagram, before the switchboard is. */
  readonly onHello?: (now: Millis, clear: ClearPacket) => void;
}

export type CarrierOutput =
  | NetOutput
  /** For the other end of a carried stream, in a message; after `end` there is no such stream any more. */
  | { readonly type: 'carry'; readonly stream: StreamId; readonly bytes: Buffer; readonly end: boolean }
  | { readonly type: 'link-up'; readonly link: LinkId; readonly session: SessionId; readonly peer: PeerIdentity }
  | { readonly type: 'link-down'; readonly link: LinkId; readonly code: FailureCode };

interface Stream {
  readonly framer: StreamFramer;
  readonly remote: Endpoint;
  /** Its bytes travel in messages. */
  readonly carried: boolean;
  /** While an incoming stream may be an install notice. */
  notice: InstallNoticeReader | undefined;
  /** What to do once open; undefined for incoming streams and open ones. */
  link: { readonly id: LinkId; readonly options: ConnectOptions } | undefined;
  /** Nothing was written yet: what is must not look like another face. */
  untouched: boolean;
}

interface Link {
  session: SessionId | undefined;
  stream: StreamId | undefined;
  up: boolean;
}

type UdpRoute = Extract<Route, { via: 'udp' }>;

function routeFrom({ from, socket }: Extract<NetInput, { type: 'datagram' }>): UdpRoute {
  return { via: 'udp', endpoint: from, ...(socket === undefined ? {} : { socket }) };
}

export class Carriers {
  readonly #switchboard: Switchboard;
  readonly #mask: Mask;
  readonly #random: Random;
  readonly #newestVersion: string | undefined;
  readonly #onClear: CarriersOptions['onClear'];
  readonly #onHello: CarriersOptions['onHello'];
  readonly #streams = new Map<StreamId, Stream>();
  readonly #links = new Map<LinkId, Link>();
  readonly #linkBySession = new Map<SessionId, LinkId>();
  #nextStream = 1;
  #nextLink = 1;
  #out: CarrierOutput[] = [];
  /** Datagrams and streams that held something else than packets. */
  dropped = 0;

  constructor(switchboard: Switchboard, { pin, random, newestVersion, onClear, onHello }: CarriersOptions) {
    this.#switchboard = switchboard;
    this.#mask = new Mask(pin);
    this.#random = random;
    this.#newestVersion = newestVersion;
    this.#onClear = onClear;
    this.#onHello = onHello;
  }

  receive(now: Millis, input: NetInput): void {
    if (input.type === 'datagram') this.#receiveDatagram(now, routeFrom(input), input.bytes, input.side);
    else if (input.type === 'stream-bytes') this.#receiveStream(now, input.stream, input.bytes);
    else if (input.type === 'stream-open') this.#streamOpen(now, input);
    else if (input.type === 'stream-closed') this.#streamClosed(input.stream);
  }

  /** Opens a session to an endpoint; `link-up` or `link-down` follows. */
  connect(now: Millis, endpoint: Endpoint, options: ConnectOptions): LinkId {
    const id = this.#nextLink++;
    const link: Link = { session: undefined, stream: undefined, up: false };
    this.#links.set(id, link);
    if (endpoint.carrier === 'udp') {
      this.#handshake(now, id, link, { via: 'udp', endpoint }, { ...options, place: keyOfPlace(endpoint) });
      return id;
    }
    const stream = this.#nextStream++;
    link.stream = stream;
    const framer = new StreamFramer({ incoming: false, mask: this.#mask, face: options.face });
    this.#streams.set(stream, {
      ...{ framer, remote: endpoint, carried: false, untouched: true },
      notice: undefined,
      link: { id, options },
    });
    const { proxy = false, tls = false } = options;
    const how = { ...(proxy ? { proxy } : {}), ...(tls ? { tls } : {}) };
    this.#out.push({ type: 'open-stream', stream, to: endpoint, ...how });
    return id;
  }

  /** The same over a stream that somebody else carries in messages, towards what stands at `remote`. */
  connectCarried(now: Millis, remote: Endpoint, options: ConnectOptions): { link: LinkId; stream: StreamId } {
    const id = this.#nextLink++;
    const stream = this.acceptCarried(remote, false);
    const link: Link = { session: undefined, stream, up: false };
    this.#links.set(id, link);
    this.#handshake(now, id, link, { via: 'stream', stream }, options);
    return { link: id, stream };
  }

  /** A carried stream that the other end began. */
  acceptCarried(remote: Endpoint, incoming = true): StreamId {
    const stream = this.#nextStream++;
    this.#streams.set(stream, {
      framer: new StreamFramer({ incoming, mask: undefined }),
      ...{ remote, carried: true, untouched: false },
      notice: undefined,
      link: undefined,
    });
    return stream;
  }

  /** What came for a carried stream; no `carry` follows an `end`. */
  receiveCarried(now: Millis, stream: StreamId, bytes: Buffer, end: boolean): void {
    this.#receiveStream(now, stream, bytes);
    if (end) this.#streamClosed(stream);
  }

  /** It is known now who we are: a link that was asked for in advance goes on. */
  prove(now: Millis, id: LinkId): void {
    const link = this.#links.get(id);
    const stream = link?.stream === undefined ? undefined : this.#streams.get(link.stream);
    if (stream?.link) stream.link = { id, options: { ...stream.link.options, inAdvance: false } };
    if (link?.session !== undefined) this.#switchboard.prove(now, link.session);
  }

  /** Lets go of a link: closes its session and stream, without an event. */
  drop(id: LinkId, reason: string): void {
    const link = this.#links.get(id);
    if (!link) return;
    this.#links.delete(id);
    if (link.session !== undefined) {
      this.#linkBySession.delete(link.session);
      this.#switchboard.close(link.session, reason);
    }
    if (link.stream !== undefined) this.#closeStream(link.stream);
  }

  /** A packet that the switchboard wants sent by datagram or stream. */
  send(route: Route, bytes: Buffer, ttl?: number): void {
    if (route.via === 'udp') {
      const { endpoint: to, socket } = route;
      const how = { ...(ttl === undefined ? {} : { ttl }), ...(socket === undefined ? {} : { socket }) };
      const covered = this.#mask.cover(bytes, this.#random);
      this.#out.push({ type: 'send-datagram', to, bytes: covered, ...how });
    } else if (route.via === 'stream') this.#writePacket(route.stream, bytes);
  }

  /** A packet without a session, by datagram, from a port of ours. */
  sendClear(to: Endpoint, bytes: Buffer, side?: Side): void {
    const covered = this.#mask.cover(bytes, this.#random);
    this.#out.push({ type: 'send-datagram', to, bytes: covered, ...(side === undefined ? {} : { side }) });
  }

  /** A session was established; true when it belongs to one of our links. */
  established(session: SessionId, peer: PeerIdentity): boolean {
    const id = this.#linkBySession.get(session);
    const link = id === undefined ? undefined : this.#links.get(id);
    if (id === undefined || !link) return false;
    link.up = true;
    this.#out.push({ type: 'link-up', link: id, session, peer });
    return true;
  }

  /** A handshake failed or a session ended; true when it belonged to one of our links. */
  ended(session: SessionId, code: FailureCode): boolean {
    const id = this.#linkBySession.get(session);
    if (id === undefined) return false;
    const stream = this.#links.get(id)?.stream;
    this.#linkBySession.delete(session);
    this.#links.delete(id);
    if (stream !== undefined) this.#closeStream(stream);
    this.#out.push({ type: 'link-down', link: id, code });
    return true;
  }

  /** Whose handshake or session it is. */
  linkOf(session: SessionId): LinkId | undefined {
    return this.#linkBySession.get(session);
  }

  /** The session of a link that is up. */
  sessionOf(id: LinkId): SessionId | undefined {
    const link = this.#links.get(id);
    return link?.up ? link.session : undefined;
  }

  /** The other end of a route, for those who must know where a session comes from. */
  remoteOf(route: Route): Endpoint | undefined {
    if (route.via === 'udp') return route.endpoint;
    return route.via === 'stream' ? this.#streams.get(route.stream)?.remote : undefined;
  }

  drain(): CarrierOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #receiveDatagram(now: Millis, route: UdpRoute, bytes: Buffer, side: Side): void {
    const { packets, bad } = readDatagram(bytes, this.#mask);
    if (bad) this.dropped += 1;
    const source = hostKey(route.endpoint.host);
    for (const packet of packets) {
      if (packet.kind === PacketKind.hello && side === undefined) {
        this.#onHello?.(now, { from: route.endpoint, side, packet });
      }
      if (isClear(packet) && this.#onClear) this.#onClear(now, { from: route.endpoint, side, packet });
      // A further port is there for such alone.
      else if (side === undefined) this.#switchboard.receive(now, route, packet, source);
      else this.dropped += 1;
    }
  }

  #receiveStream(now: Millis, id: StreamId, bytes: Buffer): void {
    const stream = this.#streams.get(id);
    const unread = stream && this.#receiveNotice(id, stream, bytes);
    if (!stream || !unread) return;
    const { packets, reply, bad } = stream.framer.push(unread);
    if (reply.length > 0) this.#write(id, stream, reply);
    const route: Route = { via: 'stream', stream: id };
    for (const packet of packets) {
      const isFor = isClear(packet) && this.#onClear && !stream.carried;
      if (isFor) this.#onClear?.(now, { from: stream.remote, side: undefined, packet });
      else this.#switchboard.receive(now, route, packet, hostKey(stream.remote.host));
    }
    if (!bad) return;
    this.dropped += 1;
    this.#sayClosed(id, stream);
    this.#streamClosed(id);
  }

  #writePacket(id: StreamId, packet: Buffer): void {
    const stream = this.#streams.get(id);
    if (stream?.carried) this.#out.push({ type: 'carry', stream: id, bytes: packet, end: false });
    if (!stream || stream.carried) return;
    let covered = this.#mask.cover(packet, this.#random);
    // A Hello comes out otherwise every time.
    while (stream.untouched && beginsLikeAnother(covered)) covered = this.#mask.cover(packet, this.#random);
    this.#write(id, stream, covered);
  }

  #write(id: StreamId, stream: Stream, bytes: Buffer): void {
    stream.untouched = false;
    this.#out.push({ type: 'write-stream', stream: id, bytes });
  }

  #closeStream(id: StreamId): void {
    const stream = this.#streams.get(id);
    if (stream) this.#sayClosed(id, stream);
    this.#streams.delete(id);
  }

  #sayClosed(id: StreamId, { carried }: Stream): void {
    if (carried) this.#out.push({ type: 'carry', stream: id, bytes: Buffer.alloc(0), end: true });
    else this.#out.push({ type: 'close-stream', stream: id });
  }

  /** What is to be read as packets; undefined while the bytes belong to an install notice, or may do so. */
  #receiveNotice(id: StreamId, stream: Stream, bytes: Buffer): Buffer | undefined {
    if (!stream.notice) return bytes;
    const read = stream.notice.push(bytes);
    if (read === 'more') return undefined;
    stream.notice = undefined;
    if ('notHttp' in read) return read.notHttp;
    this.#streams.delete(id);
    this.#out.push({ type: 'write-stream', stream: id, bytes: read.reply }, { type: 'close-stream', stream: id });
    return undefined;
  }

  #streamOpen(now: Millis, input: Extract<NetInput, { type: 'stream-open' }>): void {
    if (input.incoming) {
      const framer = new StreamFramer({ incoming: true, mask: this.#mask });
      const notice = this.#newestVersion === undefined ? undefined : new InstallNoticeReader(this.#newestVersion);
      this.#streams.set(input.stream, {
        ...{ framer, remote: input.remote, carried: false, untouched: false },
        notice,
        link: undefined,
      });
      return;
    }
    const stream = this.#streams.get(input.stream);
    const waiting = stream?.link;
    if (!stream || !waiting) return;
    stream.link = undefined;
    const link = this.#links.get(waiting.id);
    if (!link) return;
    const opening = StreamFramer.opening(waiting.options.face);
    if (opening.length > 0) this.#write(input.stream, stream, opening);
    const options = { ...waiting.options, place: keyOfPlace(stream.remote) };
    this.#handshake(now, waiting.id, link, { via: 'stream', stream: input.stream }, options);
  }

  /** The sessions that ran over this stream end with it. */
  #streamClosed(id: StreamId): void {
    if (!this.#streams.delete(id)) return;
    for (const [linkId, link] of this.#links) {
      if (link.stream !== id) continue;
      this.#links.delete(linkId);
      if (link.session !== undefined) {
        this.#linkBySession.delete(link.session);
        this.#switchboard.forget(link.session);
      }
      this.#out.push({ type: 'link-down', link: linkId, code: 'unreachable' });
    }
    this.#switchboard.routeGone({ via: 'stream', stream: id });
  }

  #handshake(
    now: Millis,
    id: LinkId,
    link: Link,
    route: Route,
    options: ConnectOptions & { readonly place?: string },
  ): void {
    link.session = this.#switchboard.connect(now, route, options);
    this.#linkBySession.set(link.session, id);
  }
}
