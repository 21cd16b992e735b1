/**
 * What a node exchanges with the outside through its driver: datagrams, streams, and the route a packet took.
 * `io/driver.ts` turns these into sockets, `test/sim/world.ts` into a simulated internet.
 */
import type { Endpoint } from './endpoint.ts';
import type { NodeId } from './ids.ts';

/** Number of one TCP connection, chosen by the core for outgoing ones (positive), by the driver for incoming (negative). */
export type StreamId = number;

/** Number of one temporary UDP socket beside our own, chosen by the core; never used twice. */
export type SocketId = number;

/** A further UDP port of a supernode, by its place among them, from 1; undefined: the one that everybody knows. */
export type Side = number | undefined;

export type NetInput =
  /** `socket`: the temporary one that it came to, `side`: the further port; our own port when not said. */
  | {
      readonly type: 'datagram';
      readonly from: Endpoint;
      readonly bytes: Buffer;
      readonly socket?: SocketId;
      readonly side?: Side;
    }
  /** Those of the sockets asked for that could be had, each with its local port. Told once for each `open-sockets`. */
  | { readonly type: 'sockets-open'; readonly sockets: readonly OpenSocket[] }
  | { readonly type: 'stream-open'; readonly stream: StreamId; readonly remote: Endpoint; readonly incoming: boolean }
  | { readonly type: 'stream-bytes'; readonly stream: StreamId; readonly bytes: Buffer }
  /** Refused, reset, timed out or ended; nothing more comes of this stream. */
  | { readonly type: 'stream-closed'; readonly stream: StreamId; readonly why: string }
  /** So much of what was written waits here for the stream; told while it is more than a packet, and once when nothing waits. */
  | { readonly type: 'stream-backlog'; readonly stream: StreamId; readonly waitingBytes: number }
  /** This machine was asleep, or this process stood still, for SLEPT_MS_MIN or longer: whatever was agreed may be over. */
  | { readonly type: 'slept' }
  /** This machine has no way there (any more): a network went away under us. At most twice a second. */
  | { readonly type: 'no-way'; readonly to: Endpoint }
  /**
   * The local addresses changed (also told once at start): host candidates, UDP. `network`: a fingerprint of the network
   * that we are on, to be compared here and sent nowhere. `sidePorts`: numbers of the further UDP ports, if any.
   */
  | {
      readonly type: 'local-endpoints';
      readonly endpoints: readonly Endpoint[];
      readonly network?: string;
      readonly sidePorts?: readonly number[];
    };

export interface OpenSocket {
  readonly socket: SocketId;
  readonly port: number;
}

export type NetOutput =
  /**
   * `ttl`: routers that may pass it on, 1 to 255; DATAGRAM_TTL when not said. A low one opens our own NAT and dies
   * before it reaches the other end's (realtime.md 1.6); it is never sent with another TTL, rather not at all.
   * `socket`: a temporary one; nothing is sent when that is not open (any more).
   */
  | {
      readonly type: 'send-datagram';
      readonly to: Endpoint;
      readonly bytes: Buffer;
      readonly ttl?: number;
      readonly socket?: SocketId;
      readonly side?: Side;
    }
  /**
   * Temporary sockets for IPv4 with numbers from `first` on, at ports that the system picks; `sockets-open` answers. They
   * close when told, when the sockets move (`rebind`), and with them. At most SOCKETS_TEMPORARY_MAX at a time.
   */
  | { readonly type: 'open-sockets'; readonly first: SocketId; readonly count: number }
  | { readonly type: 'close-sockets'; readonly sockets: readonly SocketId[] }
  /**
   * `proxy`: through the proxy of this machine; which one that is the sockets know. Or `tls`: the bytes travel inside
   * genuine TLS 1.3, and the stream is open when that stands.
   */
  | {
      readonly type: 'open-stream';
      readonly stream: StreamId;
      readonly to: Endpoint;
      readonly proxy?: boolean;
      readonly tls?: boolean;
    }
  | { readonly type: 'write-stream'; readonly stream: StreamId; readonly bytes: Buffer }
  | { readonly type: 'close-stream'; readonly stream: StreamId };

/**
 * The way one packet came or goes. `forward` is through a supernode, to or from a node attached there: the one named by
 * `through`, or our first one when it is not said or we are not attached to it (any more).
 */
export type Route =
  /** `socket`: the temporary one at our end, when it is not our own port. */
  | { readonly via: 'udp'; readonly endpoint: Endpoint; readonly socket?: SocketId }
  | { readonly via: 'stream'; readonly stream: StreamId }
  | { readonly via: 'forward'; readonly node: NodeId; readonly through?: NodeId };

export function sameRoute(a: Route, b: Route): boolean {
  if (a.via === 'udp') {
    if (b.via !== 'udp' || a.socket !== b.socket) return false;
    return a.endpoint.port === b.endpoint.port && a.endpoint.host === b.endpoint.host;
  }
  if (a.via === 'stream') return b.via === 'stream' && a.stream === b.stream;
  return b.via === 'forward' && a.node === b.node && a.through === b.through;
}

/** A route as a map key. */
export function routeKey(route: Route): string {
  if (route.via === 'udp') {
    const { endpoint, socket } = route;
    return `udp ${endpoint.host} ${endpoint.port}${socket === undefined ? '' : ` by ${socket}`}`;
  }
  if (route.via === 'stream') return `stream ${route.stream}`;
  return route.through === undefined ? `forward ${route.node}` : `forward ${route.node} ${route.through}`;
}

/**
 * May the other half of a handshake come by this route? An address may change under way, and so may the supernode; but
 * what began through one stays so, or a node could be made to show its address to whoever knows its name.
 */
export function sameWay(route: Route, begun: Route): boolean {
  if (route.via === 'forward') return begun.via === 'forward' && begun.node === route.node;
  return route.via === 'udp' ? begun.via === 'udp' : sameRoute(route, begun);
}
