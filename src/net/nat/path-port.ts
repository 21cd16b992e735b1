/**
 * The words of the path finder (`path-finder.ts`): what it is told, what it tells, and what it may ask of the node that
 * it lives in. `node/call-media.ts` speaks them.
 */
import type { Millis } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import type { OpenSocket, Route, SocketId } from '../protocol/traffic.ts';
import type { Body, MessageOf, NatMapping } from '../wire/messages.ts';
import type { PathKind } from './candidate.ts';
import type { Probe } from './prober.ts';
import type { RelayLists } from './relays.ts';

export type PathInput =
  /** A PathProbe or PathReply of this call's peer, and the way it came. */
  | { readonly type: 'probe'; readonly from: Route; readonly probe: Body<'pathProbe'> }
  | { readonly type: 'reply'; readonly from: Route; readonly reply: Body<'pathReply'> }
  /** The other end has opened its side to the addresses that we offered. */
  | { readonly type: 'opened'; readonly opened: Body<'pathOpened'> }
  /** It has opened ports of its own to us. */
  | { readonly type: 'ports'; readonly ports: Body<'pathPorts'> }
  /** Our supernode sees the other end at this host (text from outside). */
  | { readonly type: 'vouched'; readonly host: string }
  /** Temporary sockets that this path finder asked for. */
  | { readonly type: 'sockets-open'; readonly sockets: readonly OpenSocket[] }
  /** A voice packet of this call came this way, opened for the first time. Probes and replies speak for themselves. */
  | { readonly type: 'heard'; readonly route: Route };

export type PathCommand =
  | { readonly type: 'hold'; readonly on: boolean }
  /** Further texts from outside. */
  | { readonly type: 'candidates'; readonly remoteCandidates: readonly string[] }
  /** Who forwards for us, or for the other end, changed. */
  | { readonly type: 'relays'; readonly relays: Partial<RelayLists> }
  /** Our own addresses changed, or sending failed: doubt the path now instead of waiting for silence. */
  | { readonly type: 'doubt' }
  /** The call is over: lets go of temporary sockets. */
  | { readonly type: 'stop' };

/** What asks for temporary sockets, and lets go of them. */
export type SocketOrder =
  | { readonly type: 'open-sockets'; readonly first: SocketId; readonly count: number }
  | { readonly type: 'close-sockets'; readonly sockets: readonly SocketId[] };

export type PathOutput =
  /** An unreliable message, sealed end to end, by UDP to this address only. */
  | Probe
  /** The same, on the way that the probe came; or a probe through the relay, which tells our doubt. */
  | { readonly type: 'reply'; readonly to: Route; readonly message: MessageOf<'pathReply' | 'pathProbe'> }
  /** A reliable message, by signalling. */
  | { readonly type: 'tell'; readonly message: MessageOf<'pathOpened' | 'pathPorts'> }
  | SocketOrder
  /** Our supernode is to tell the other end where it sees us. */
  | { readonly type: 'vouch' }
  /** From now on media goes on all of these, sealed once; the first is the path. Never empty. */
  | { readonly type: 'send-on'; readonly routes: readonly Route[] }
  /** A relay that should bring media is silent: its supernode may be dead. */
  | { readonly type: 'relay-silent' }
  /** Nothing is heard by any way, or something again. */
  | { readonly type: 'contact'; readonly lost: boolean }
  /** What the path is now, for people. */
  | { readonly type: 'path'; readonly path: PathKind; readonly route: Route };

/** What the path finders of a node share. */
export interface Surroundings {
  /** Where we are seen by UDP from outside, and what our NAT does, as far as we know. */
  self(): {
    readonly reflexive: Endpoint | undefined;
    readonly mapping: NatMapping;
    /** What our gateway passes on to us. */
    readonly mapped?: Endpoint | undefined;
  };
  /** The round trip of signalling with the other end, if it is known: hardly shorter than that of a direct way. */
  rttMs(): number | undefined;
  /** The first of so many numbers that no temporary socket had yet. */
  socketNumbers(count: number): SocketId;
  /** Many ports cost much, so they are rationed (`wide-ration.ts`): whether they may be opened, or tried, now. */
  mayGoWide(now: Millis): boolean;
  /** They led to a path. */
  wentWide(now: Millis): void;
}

/** Nobody who could open sockets, or vouch. */
export const NO_SURROUNDINGS: Surroundings = {
  self: () => ({ reflexive: undefined, mapping: 'unknown' }),
  rttMs: () => undefined,
  socketNumbers: () => 1,
  mayGoWide: () => false,
  wentWide: () => {},
};
