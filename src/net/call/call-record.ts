/**
 * The words of calls (`call.ts`): commands, events, the states of one call with the data each carries, and the pure
 * judgements about them. Field names follow the contract's call events, so that the agent can map them one to one.
 */
import type { Millis } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { type CallId, hexOf, isIdHex, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  CALL_SILENCE_MS_MAX,
  CANDIDATE_LENGTH_MAX,
  CANDIDATES_MAX,
  RELAYS_MAX,
  RING_TIMEOUT_MS,
} from '../protocol/params.ts';
import type { PeerInput, PeerSend } from '../wire/peers.ts';
import type { CallElsewhere } from './own-calls.ts';

/** Reasons that travel in CallEnd; `unreachable` never does, for there is nobody to tell. */
export const WIRE_END_REASONS = [
  'hangup',
  'declined',
  'busy',
  'no-answer',
  'cancelled',
  'answered-elsewhere',
  'moved',
  'failed',
] as const;
export type WireEndReason = (typeof WIRE_END_REASONS)[number];
export type CallEndReason = WireEndReason | 'unreachable';
export type HeldBy = 'nobody' | 'me' | 'them' | 'both';

export type CallInput =
  | PeerInput
  /** An authenticated media packet of this call arrived (either of its ids); once a second is enough. */
  | { readonly type: 'media-alive'; readonly call: CallId };

export type CallCommand =
  /** Without `call` a fresh id is drawn; the `dialling` event tells it. */
  | { readonly type: 'place'; readonly to: UserName; readonly call?: CallId }
  | {
      readonly type:
        | 'answer'
        | 'decline'
        | 'hang-up'
        | 'hold'
        | 'resume'
        | 'mute'
        | 'unmute'
        /** Our side records, or does no more: the other end is told. */
        | 'record'
        | 'record-end';
      readonly call: CallId;
    }
  /** The call of this id, which runs at another of our devices, goes on here. */
  | { readonly type: 'pull'; readonly call: CallId }
  /** This call, which runs here, is to go on at that other device of ours; `handed-over` tells how that went. */
  | { readonly type: 'hand-over'; readonly call: CallId; readonly node: NodeId }
  /** Where we may be met, as texts of `endpoint.ts`, and who forwards for us; kept for later invites and answers. */
  | { readonly type: 'candidates'; readonly endpoints: readonly string[]; readonly relays?: readonly NodeId[] };

interface OfCall {
  /** What our side calls it: stable from the first event to `ended`. */
  readonly call: CallId;
  readonly peer: UserName;
}

export type CallEvent =
  /** Our invite is on its way. */
  | ({ readonly type: 'dialling' } & OfCall)
  | ({ readonly type: 'ringing'; readonly direction: 'in' | 'out' } & OfCall)
  /** `setupMs`: since we placed it, or since it began to ring here. */
  | ({ readonly type: 'answered'; readonly setupMs: number } & OfCall)
  /** `heldBy` is the sum after this change: sound flows only while it is `nobody`. */
  | ({ readonly type: 'held' | 'resumed'; readonly by: 'me' | 'them'; readonly heldBy: HeldBy } & OfCall)
  | ({ readonly type: 'muted' | 'unmuted'; readonly by: 'me' | 'them' } & OfCall)
  | ({ readonly type: 'recording'; readonly on: boolean; readonly by: 'me' | 'them' } & OfCall)
  /** The other end goes on at another of its devices. */
  | ({ readonly type: 'moved' } & OfCall)
  /** That other device of ours has handed the call to this one: it is being taken. */
  | ({ readonly type: 'offered'; readonly node: NodeId } & OfCall)
  /** How a `hand-over` ended. Null: the call goes on there; else it stays here, or is over. */
  | { readonly type: 'handed-over'; readonly call: CallId; readonly code: FailureCode | null }
  /** The last word on a call; `code` says more about `unreachable`; `durationMs` counts from the answer. */
  | ({
      readonly type: 'ended';
      readonly reason: CallEndReason;
      readonly by: 'me' | 'them' | 'nobody';
      readonly code: FailureCode | null;
      readonly durationMs: number;
    } & OfCall)
  /** A command made no sense now; nothing changed. */
  | {
      readonly type: 'refused';
      readonly call: CallId;
      readonly command: CallCommand['type'];
      readonly code: FailureCode;
    };

export type MediaOrder =
  /**
   * Follows `answered`. `wire` is the id that both ends know (voice tag, probes, reports); it differs from `call` at
   * the end whose own invite lost when both called at once. `remoteCandidates` are texts from outside: parse them.
   */
  | ({
      readonly type: 'media-start';
      readonly wire: CallId;
      readonly node: NodeId;
      readonly remoteCandidates: readonly string[];
      /** The supernodes that forward for the other end. */
      readonly remoteRelays: readonly NodeId[];
      readonly role: 'caller' | 'callee';
      /** We tell our addresses after we heard theirs (or shall), so we know both sides' before they do. */
      readonly tellsLast: boolean;
      /** It begins on hold: only a call that has moved. */
      readonly onHold?: boolean;
    } & OfCall)
  /** The other end told (further) addresses, and who forwards for it now, while the call runs. */
  | ({
      readonly type: 'media-candidates';
      readonly remoteCandidates: readonly string[];
      readonly remoteRelays: readonly NodeId[];
    } & OfCall)
  /** Precedes `ended`, so that the totals of the media can be told with it. */
  | { readonly type: 'media-stop'; readonly call: CallId; readonly wire: CallId };

/** All calls that run at our own other devices, whenever that changes. */
export interface CallsElsewhere {
  readonly type: 'elsewhere';
  readonly calls: readonly CallElsewhere[];
}

export type CallOutput = PeerSend | CallEvent | MediaOrder | CallsElsewhere;

export interface Running {
  readonly name: 'running';
  readonly node: NodeId;
  readonly role: 'caller' | 'callee';
  readonly remoteCandidates: readonly string[];
  readonly answeredAt: Millis;
  /** Newest sign of life; mutable because it moves with every packet and changes nothing else. */
  heardAt: Millis;
  readonly heldByMe: boolean;
  readonly heldByThem: boolean;
  readonly mutedByThem: boolean;
  readonly recordedByMe: boolean;
  readonly recordedByThem: boolean;
}

export interface Ended {
  readonly name: 'ended';
  readonly reason: CallEndReason;
  readonly by: 'me' | 'them' | 'nobody';
  readonly code?: FailureCode | undefined;
}

export type CallState =
  | { readonly name: 'new' }
  | { readonly name: 'dialling'; readonly giveUpAt: Millis }
  | { readonly name: 'ringing-out'; readonly ringing: ReadonlySet<NodeId>; readonly giveUpAt: Millis }
  | {
      readonly name: 'settling';
      readonly reason: CallEndReason;
      readonly code?: FailureCode | undefined;
      readonly endAt: Millis;
      readonly ringUntil: Millis;
    }
  | {
      readonly name: 'ringing-in';
      readonly node: NodeId;
      readonly remoteCandidates: readonly string[];
      readonly giveUpAt: Millis;
      /** The caller's node left the network: it has until then to come back. */
      readonly goneAt: Millis;
    }
  /** We have told the other end's node that it goes on here. */
  | { readonly name: 'taking'; readonly node: NodeId; readonly role: 'caller' | 'callee'; readonly giveUpAt: Millis }
  | Running
  | Ended;

/** One call that has not ended. */
export interface CallRecord {
  readonly id: CallId;
  wire: CallId;
  peer: UserName;
  readonly direction: 'in' | 'out';
  readonly startedAt: Millis;
  state: CallState;
  /** Reason of the last change of state, for the log. */
  why: string;
  rang: boolean;
  mutedByMe: boolean;
  /** Something we told the peer may not have arrived; told again when the peer is seen. */
  doubtful: boolean;
  /** An invite went out without our addresses; who answers it is told them then. */
  addressesKept: boolean;
  /** The supernodes that forward for the other end, as it told last. */
  remoteRelays: readonly NodeId[];
}

/** What is left of an ended call: enough to answer latecomers. */
export interface Tombstone {
  readonly peer: UserName;
  readonly node: NodeId | undefined;
  readonly reason: WireEndReason;
  readonly forgetAt: Millis;
  repeatAt: Millis;
  doubtful: boolean;
}

/** A call as the log and tests see it. */
export interface CallSnapshot extends OfCall {
  readonly wire: CallId;
  readonly state: CallState['name'];
  readonly heldBy: HeldBy;
  readonly node: NodeId | null;
  readonly why: string;
}

/** Our invite is out and unanswered. */
export function isOutgoing(state: CallState): boolean {
  return state.name === 'dialling' || state.name === 'ringing-out' || state.name === 'settling';
}

/** The call wants our ears, so that no other may begin: everything but a call that we have put on hold. */
export function occupies(state: CallState): boolean {
  return !(state.name === 'running' && state.heldByMe);
}

export function heldBy(state: CallState): HeldBy {
  if (state.name !== 'running') return 'nobody';
  if (state.heldByMe) return state.heldByThem ? 'both' : 'me';
  return state.heldByThem ? 'them' : 'nobody';
}

/** When time alone changes this state. */
export function expiryOf(state: CallState): Millis {
  switch (state.name) {
    case 'dialling':
    case 'ringing-out':
    case 'taking':
      return state.giveUpAt;
    case 'settling':
      return state.endAt;
    case 'ringing-in':
      return Math.min(state.giveUpAt, state.goneAt);
    case 'running':
      return state.heardAt + CALL_SILENCE_MS_MAX;
    default:
      return Number.POSITIVE_INFINITY;
  }
}

/** What a device's refusal says of the whole call; of several the most telling one is kept. */
const TELLING: readonly CallEndReason[] = ['failed', 'unreachable', 'no-answer', 'busy', 'declined'];

export function moreTelling(a: CallEndReason, b: CallEndReason): CallEndReason {
  return TELLING.indexOf(b) > TELLING.indexOf(a) ? b : a;
}

/** Did the call end so that the other side may never have heard of it? */
export function isMissed(reason: CallEndReason): boolean {
  return reason === 'no-answer' || reason === 'unreachable' || reason === 'cancelled';
}

/** An outgoing call after one more device has begun to ring. */
export function withDevice(now: Millis, state: CallState, node: NodeId): CallState {
  const ringing = new Set(state.name === 'ringing-out' ? state.ringing : []).add(node);
  return { name: 'ringing-out', ringing, giveUpAt: ringUntilOf(now, state) };
}

/** An outgoing call without one device, or without any: when none rings any more, it settles for its fate. */
export function withoutDevice(
  now: Millis,
  state: CallState,
  node: NodeId | 'all',
  fate: { readonly reason: CallEndReason; readonly code?: FailureCode; readonly endAt: Millis },
): CallState {
  if (state.name === 'settling') {
    const reason = moreTelling(state.reason, fate.reason);
    const code = reason === 'unreachable' ? (fate.code ?? state.code) : undefined;
    return { ...state, reason, code, endAt: Math.min(state.endAt, fate.endAt) };
  }
  if (state.name === 'ringing-out' && node !== 'all') {
    const ringing = new Set(state.ringing);
    ringing.delete(node);
    if (ringing.size > 0) return { ...state, ringing };
  }
  return { name: 'settling', ...fate, ringUntil: ringUntilOf(now, state) };
}

/** A ring that was interrupted goes on to the moment it had. */
function ringUntilOf(now: Millis, state: CallState): Millis {
  if (state.name === 'ringing-out') return state.giveUpAt;
  return state.name === 'settling' ? state.ringUntil : now + RING_TIMEOUT_MS;
}

/** Reads the reason of a CallEnd; one that we do not know counts as `failed`. */
export function endReason(text: string): WireEndReason {
  return WIRE_END_REASONS.find((reason) => reason === text) ?? 'failed';
}

/** How our reason is told to the other end. */
export function wireReason(reason: CallEndReason): WireEndReason {
  return reason === 'unreachable' ? 'cancelled' : reason;
}

/** The supernodes that the other end says forward for it. */
export function boundRelays(relays: readonly Uint8Array[] | undefined): NodeId[] {
  return (relays ?? []).slice(0, RELAYS_MAX).map(hexOf).filter(isIdHex);
}

/** Keeps a candidate list from outside within bounds; the texts themselves stay unparsed. */
export function boundCandidates(endpoints: readonly string[] | undefined): string[] {
  return (endpoints ?? []).filter((text) => text.length <= CANDIDATE_LENGTH_MAX).slice(0, CANDIDATES_MAX);
}
