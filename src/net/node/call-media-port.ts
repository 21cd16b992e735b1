/**
 * What `call-media.ts` tells the node and takes from it: the words of its face, which messages of the wire are its, and
 * how those and the words of a path finder become one another. `ordinary-node.ts` and `path-desk.ts` read them.
 */
import type { MediaTotals } from '../media/media-session.ts';
import type { CallPath, CallQuality } from '../media/quality.ts';
import type { Rung } from '../media/rungs.ts';
import type { PathInput, PathOutput, SocketOrder } from '../nat/path-port.ts';
import type { Way } from '../nat/path-ways.ts';
import type { Millis } from '../protocol/core.ts';
import type { CallId, NodeId, UserName } from '../protocol/ids.ts';
import type { Route } from '../protocol/traffic.ts';
import type { Message, MessageOf } from '../wire/messages.ts';
import type { PeerSend } from '../wire/peers.ts';

/** One way of a call, as people are told of it; of a relay with the words of its path and where it is. */
export type CallWay = Omit<Way, 'kind' | 'through'> & {
  readonly kind: Exclude<Way['kind'], 'relay'> | CallPath;
  readonly via?: string;
};
/** Of a call, or of one leg of a conference. */
export interface CallWays {
  readonly call: CallId;
  readonly peer: UserName;
  readonly ways: readonly CallWay[];
}

/** What the agent is told. */
export type CallMediaNews =
  /** To the voice end; `arrivalMs` on the node's clock. */
  | { readonly type: 'play'; readonly call: CallId; readonly body: Buffer; readonly arrivalMs: Millis }
  | { readonly type: 'path'; readonly call: CallId; readonly path: CallPath; readonly via?: string }
  /** What the voice end's bodies are to consist of from now on; at first 57 bytes each 20 ms. */
  | { readonly type: 'rung'; readonly call: CallId; readonly rung: Rung }
  /** Nothing comes by any way, or something again. */
  | { readonly type: 'reconnecting'; readonly call: CallId; readonly on: boolean }
  | { readonly type: 'quality'; readonly call: CallId; readonly quality: CallQuality }
  /** The answer to `call-ways`. */
  | { readonly type: 'call-ways'; readonly ticket: number; readonly calls: readonly CallWays[] }
  /** Precedes the end of the call. */
  | { readonly type: 'media-totals'; readonly call: CallId; readonly totals: MediaTotals };

export type CallMediaOutput =
  | CallMediaNews
  | { readonly type: 'send-voice'; readonly node: NodeId; readonly bytes: Buffer; readonly routes: readonly Route[] }
  | {
      readonly type: 'send-datagram';
      readonly node: NodeId;
      readonly message: Message;
      readonly route: Route;
      readonly ttl?: number;
    }
  | PeerSend
  | SocketOrder
  /** Our supernode is to tell this node where it sees us. */
  | { readonly type: 'vouch'; readonly node: NodeId }
  /** Signalling to this node should go this way from now on; what is repeated also goes the other. */
  | { readonly type: 'use-route'; readonly node: NodeId; readonly route: Route; readonly fallback: Route | undefined }
  /** A relay that should bring media is silent. */
  | { readonly type: 'relay-silent' }
  /** Voice came for this call; of one that is over, the id that both ends know. */
  | { readonly type: 'alive'; readonly call: CallId };

const MEDIA_KINDS = ['pathProbe', 'pathReply', 'pathOpened', 'pathPorts', 'mediaReport'] as const;
export type CallMediaMessage = MessageOf<(typeof MEDIA_KINDS)[number]>;

export function isCallMediaMessage(value: Message): value is CallMediaMessage {
  return MEDIA_KINDS.some((kind) => kind === value.kind);
}

/** As the path finder takes it; undefined for what is not its business. */
export function pathInputOf(from: Route, value: CallMediaMessage): PathInput | undefined {
  switch (value.kind) {
    case 'pathProbe':
      return { type: 'probe', from, probe: value.body };
    case 'pathReply':
      return { type: 'reply', from, reply: value.body };
    case 'pathOpened':
      return { type: 'opened', opened: value.body };
    case 'pathPorts':
      return { type: 'ports', ports: value.body };
    default:
      return undefined;
  }
}

/** A probe of the path finder's, on its way to this node. */
export function probeTo(
  node: NodeId,
  { message, to, socket, ttl }: Extract<PathOutput, { type: 'probe' }>,
): Extract<CallMediaOutput, { type: 'send-datagram' }> {
  const route: Route = { via: 'udp', endpoint: to, ...(socket === undefined ? {} : { socket }) };
  return { type: 'send-datagram', node, message, route, ...(ttl === undefined ? {} : { ttl }) };
}
