/**
 * The words of conferences (`conferences.ts`): what a member states of itself, what our person may want, what is told.
 * The rules are in PROTOCOL.md, section 9.18.
 */
import type { Millis } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import type { CallId, NodeId, UserName } from '../protocol/ids.ts';
import type { Message } from '../wire/messages.ts';
import type { PeerSend } from '../wire/peers.ts';
import type { CallEndReason, MediaOrder } from './call-record.ts';

export type ConferenceId = CallId;
export type InviteId = CallId;

/** Which node mixes, and of which term. */
export interface Reign {
  readonly term: number;
  readonly mixer: NodeId;
}

/** One who is in, by whatever word. */
export interface Member {
  readonly name: UserName;
  readonly node: NodeId;
  readonly invite: InviteId;
  /** Who invited; empty: the founder. */
  readonly by: UserName;
  readonly order: number;
  readonly incarnation: number;
}

/** What a mixer is chosen by; 0 is "not known". */
export interface MixerFacts {
  readonly uplinkKbps: number;
  readonly idleCenticores: number;
  /** 1 TCP only .. 5 open. */
  readonly reach: number;
  readonly roundTrips: ReadonlyMap<NodeId, number>;
  readonly deafTo: readonly NodeId[];
}

export const ASK_STATES = [
  'calling',
  'ringing',
  'in',
  'declined',
  'busy',
  'no-answer',
  'unreachable',
  'cancelled',
  'removed',
  'full',
  'failed',
] as const;
export type AskState = (typeof ASK_STATES)[number];

export interface Asked {
  readonly name: UserName;
  readonly invite: InviteId;
  readonly state: AskState;
}

/** All that a node says of itself in a conference. */
export interface Statement extends Member {
  readonly version: number;
  readonly isIn: boolean;
  readonly asked: readonly Asked[];
  readonly removed: readonly InviteId[];
  readonly members: readonly Member[];
  readonly reign: Reign;
  readonly hears: boolean;
  readonly facts: MixerFacts;
  readonly muted: boolean;
  readonly held: boolean;
  readonly recording: boolean;
  readonly trouble: string;
  readonly relays: readonly NodeId[];
  readonly replyWanted: boolean;
  /** With whom the sender was in the call from which the conference grew; empty: it did not, or not from ours. */
  readonly grownWith: NodeId | '';
}

/** What this machine can say of itself as a mixer. */
export type OwnFacts = Pick<MixerFacts, 'uplinkKbps' | 'idleCenticores' | 'reach'>;

export type ConferenceCommand =
  /** Calls several at once. */
  | { readonly type: 'found'; readonly call: CallId; readonly names: readonly UserName[] }
  /** Invites into the conference; `grow` comes first for a call of two. */
  | { readonly type: 'add'; readonly call: CallId; readonly names: readonly UserName[] }
  | { readonly type: 'remove'; readonly call: CallId; readonly name: UserName }
  | { readonly type: 'rejoin'; readonly call: CallId }
  | {
      readonly type: 'answer' | 'decline' | 'hang-up' | 'hold' | 'resume' | 'mute' | 'unmute' | 'record' | 'record-end';
      readonly call: CallId;
    }
  /** Who spoke since the last one, as the mixer's sound says; its own node among them. */
  | { readonly type: 'speaking'; readonly call: CallId; readonly nodes: readonly NodeId[] }
  /** Of our leg with the mixer; empty: none. */
  | { readonly type: 'trouble'; readonly call: CallId; readonly text: string }
  /** As in `CallCommand`. */
  | { readonly type: 'candidates'; readonly endpoints: readonly string[]; readonly relays?: readonly NodeId[] };

/** A person of a conference, as it is told. */
export interface ConferencePerson {
  readonly name: UserName;
  /** Empty while nobody has answered. */
  readonly node: NodeId;
  readonly state: AskState;
  readonly isMe: boolean;
  readonly isMixer: boolean;
  /** 1: takes over first; 0: mixes, or cannot. */
  readonly deputy: number;
  readonly muted: boolean;
  readonly held: boolean;
  readonly recording: boolean;
  /** Empty: none. `not heard`: nothing comes of that person's program. */
  readonly trouble: string;
  /** Who invited; empty: the founder. */
  readonly by: UserName;
  /** We may remove this one. */
  readonly removable: boolean;
  /** Our person has blocked this one. */
  readonly blocked: boolean;
}

export interface ConferenceRoster {
  readonly conference: ConferenceId;
  readonly term: number;
  readonly mixer: NodeId;
  readonly people: readonly ConferencePerson[];
}

export type PersonEndReason = CallEndReason | 'removed' | 'full';

interface OfConference {
  readonly call: CallId;
}

export type ConferenceEvent =
  | ({
      readonly type: 'ringing';
      readonly direction: 'in' | 'out';
      readonly peer: UserName;
      /** Who is in already, of one that rings here. */
      readonly others?: readonly UserName[];
      /** Those of them, or of the invited, whom our person has blocked. */
      readonly blocked?: readonly UserName[];
    } & OfConference)
  /** `grown`: a call of two, running, is this conference from now on, under the same id. */
  | ({ readonly type: 'begun'; readonly grown: boolean; readonly direction: 'in' | 'out' } & OfConference)
  /** Somebody has come in; of ourselves (`isMe`) after an invitation. */
  | ({
      readonly type: 'answered';
      readonly peer: UserName;
      readonly setupMs: number;
      readonly isMe: boolean;
    } & OfConference)
  | ({ readonly type: 'roster'; readonly roster: ConferenceRoster } & OfConference)
  | ({ readonly type: 'speaking'; readonly nodes: readonly NodeId[] } & OfConference)
  /** Voice goes to and comes from this one from now on, or no more; media orders for `leg` follow, or came before. */
  | ({
      readonly type: 'leg';
      readonly leg: CallId;
      readonly peer: UserName;
      readonly node: NodeId;
      readonly on: boolean;
      /** We mix: this leg is to hear the others. */
      readonly mixes: boolean;
    } & OfConference)
  | ({
      readonly type: 'person-ended';
      readonly peer: UserName;
      readonly reason: PersonEndReason;
      /** Who removed; empty otherwise. */
      readonly by: UserName;
    } & OfConference)
  /** Somebody whom our person has blocked is in, too; told once of each. */
  | ({ readonly type: 'blocked-inside'; readonly peer: UserName } & OfConference)
  | ({ readonly type: 'muted' | 'unmuted' } & OfConference)
  | ({ readonly type: 'held' | 'resumed' } & OfConference)
  /** Over for us. `rejoinable`: it goes on without us. */
  | ({
      readonly type: 'ended';
      readonly reason: PersonEndReason;
      readonly by: UserName;
      readonly durationMs: number;
      readonly rejoinable: boolean;
    } & OfConference)
  /** Something that could only be meant ill, or a fault, was refused. */
  | { readonly type: 'warning'; readonly name: UserName; readonly what: string }
  | {
      readonly type: 'refused';
      readonly call: CallId;
      readonly command: ConferenceCommand['type'];
      readonly code: FailureCode;
    };

/** A call of two that is running, as `call.ts` gives it away. */
export interface RunningCall {
  readonly call: CallId;
  readonly wire: CallId;
  readonly node: NodeId;
  readonly peer: UserName;
  readonly direction: 'in' | 'out';
  readonly answeredAt: Millis;
  readonly muted: boolean;
  readonly recording: boolean;
}

export type ConferenceOutput =
  | PeerSend
  | ConferenceEvent
  | MediaOrder
  /** This leg is on hold by either end, or no more. */
  | { readonly type: 'media-hold'; readonly call: CallId; readonly on: boolean }
  /** Unreliable, by the way that signalling takes. */
  | { readonly type: 'datagram'; readonly node: NodeId; readonly message: Message }
  /** We called this one into it, and nobody took the call. */
  | { readonly type: 'missed'; readonly conference: ConferenceId; readonly peer: UserName }
  /** The call of two is no call of its own any more: `call.ts` forgets it without a word. */
  | { readonly type: 'absorb'; readonly call: CallId };
