/**
 * What an ordinary node understands and tells: plain data in both directions. The agent (`store/agent.ts`) gives
 * commands through the driver and gets events back; in tests the simulated world does the same.
 */
import type { KeyObject } from 'node:crypto';
import type { OwnStatus } from '../chat/presence.ts';
import type { RosterEntry } from '../chat/roster-entry.ts';
import type { LoginRequest } from '../login/login-client.ts';
import type { FillerBody } from '../media/media-session.ts';
import type { VoiceReport } from '../media/quality.ts';
import type { NatKind } from '../nat/nat-kind.ts';
import type { NatSeen } from '../nat/seen-from-outside.ts';
import type { Remembered } from '../overlay/known-supernodes.ts';
import type { FoundPerson, SearchFailed, SearchResults } from '../overlay/supernode-questions.ts';
import type { Random, WallClock } from '../protocol/core.ts';
import type { Carrier, Endpoint } from '../protocol/endpoint.ts';
import type { FailureCode } from '../protocol/failures.ts';
import type { CallId, NodeId, UserName } from '../protocol/ids.ts';
import type { RelayCap } from '../protocol/relay-cap.ts';
import type { WayName } from '../protocol/ways.ts';
import type { Ticket } from '../transport/tickets.ts';
import type { Message } from '../wire/messages.ts';
import type { PeerSend } from '../wire/peers.ts';
import type { CallMediaNews } from './call-media-port.ts';
import type { DevicesStart } from './device-book.ts';
import type { MailDeskOutput } from './mail-desk.ts';
import type { PathDeskOutput } from './path-desk.ts';
import type { PeopleCommand, PeopleOutput } from './people.ts';
import type { PromotionFact, PromotionNews } from './promotion-desk.ts';

export type { Ticket } from '../transport/tickets.ts';

export interface OrdinaryNodeOptions {
  readonly random: Random;
  readonly wallClock: WallClock;
  readonly pin: Buffer;
  readonly authorityDer?: Buffer | undefined;
  readonly loginServers: readonly Endpoint[];
  readonly supernodes: readonly Endpoint[];
  /** What was learned of supernodes and networks in earlier runs. */
  readonly remembered?: Remembered | undefined;
  /** The sockets know a proxy, through which streams may be opened. */
  readonly hasProxy?: boolean;
  /** Name and version of the program, told to the supernode. */
  readonly software: string;
  /** A ready voice body of encoded silence with this media time and shape, for when the voice child is missing. */
  readonly fillerBody: FillerBody;
  /** May buddies test silently which way leads to us? They may, when not said. */
  readonly answersPathTests?: () => boolean;
}

/** Who is signed in. */
export interface Member {
  readonly name: UserName;
  readonly displayName: string;
  readonly nodeId: NodeId;
  readonly privateKey: KeyObject;
  readonly certificateDer: Buffer;
  /** Wall clock, ms. */
  readonly expiresAtMs: number;
  readonly roster: readonly RosterEntry[];
  readonly presence: OwnStatus;
  /** A service: accepts every buddy request and chats with everybody. */
  readonly isService: boolean;
  /** X25519 private keys, 32 bytes each: that of our device list first, then those that it replaced. None: no letters come. */
  readonly mailSeeds?: readonly Buffer[];
  /** Device lists, ours and those of buddies; without them none is told and nobody is held to one. */
  readonly devices?: DevicesStart;
  /** For short handshakes with those whom the program met before. */
  readonly tickets?: readonly Ticket[];
}

export type OrdinaryNodeCommand =
  /** Asks the login server; answered by `login-reply` or `login-failed` with the ticket. */
  | { readonly type: 'login'; readonly ticket: number; readonly request: LoginRequest }
  /** Signed in: prove this identity from now on, attach, be there for people. */
  | { readonly type: 'become'; readonly member: Member }
  /** Signed out: leave politely, forget the identity. */
  | { readonly type: 'leave' }
  /** Asks the supernode; answered by `search-results` or `search-failed`. */
  | { readonly type: 'search'; readonly ticket: number; readonly pattern: string; readonly limit: number }
  /** Tests silently which way a call to this buddy would take; answered by `path-tested` or `path-test-failed`. */
  | { readonly type: 'test-path'; readonly ticket: number; readonly name: UserName }
  /** How all ways of the calls that run stand; answered at once by `call-ways`. */
  | { readonly type: 'call-ways'; readonly ticket: number }
  /** A voice body from the voice child, for the call that talks. */
  | { readonly type: 'voice'; readonly call: CallId; readonly body: Buffer }
  /** What the voice child measures, for the reports to the other end and the quality events. */
  | { readonly type: 'voice-stats'; readonly call: CallId; readonly stats: VoiceReport | undefined }
  /** Our gateway passes this endpoint on to us; undefined: not any more. One more place to be met at. */
  | { readonly type: 'mapped'; readonly endpoint: Endpoint | undefined }
  /** Processor to spare, in hundredths of a core: what makes this machine fit to mix a conference. */
  | { readonly type: 'machine'; readonly idleCenticores: number }
  /** What the judge of promotion must know from the agent. */
  | { readonly type: 'promotion'; readonly fact: PromotionFact }
  /** Drop the link and attach anew (fault switch; change of network). */
  | { readonly type: 'reattach' }
  /** Whether the sockets know a proxy has changed. */
  | { readonly type: 'proxy'; readonly known: boolean }
  | PeopleCommand;

/** What was tried in vain. */
export interface TriedReport {
  readonly supernodes: number;
  readonly ways: readonly WayName[];
  /** `waiting`: asked, or about to be. */
  readonly loginServer: 'waiting' | 'answers' | 'silent';
}

export interface SearchHit extends FoundPerson {
  /** The index could not answer: the login server knows the name, and nothing else is told of it. */
  readonly from?: 'login-server';
}

export type OrdinaryNodeEvent =
  | {
      readonly type: 'login-reply';
      readonly ticket: number;
      readonly message: Message;
      readonly authorityDer: Buffer | undefined;
    }
  | {
      readonly type: 'login-failed';
      readonly ticket: number;
      readonly code: FailureCode;
      readonly retryAfterMs: number;
    }
  /** The certificate was renewed: to be stored. */
  | {
      readonly type: 'renewed';
      readonly certificateDer: Buffer;
      readonly expiresAtMs: number;
      readonly serverTimeMs: number;
    }
  | {
      readonly type: 'link';
      readonly state: 'connecting' | 'online' | 'offline';
      readonly endpoint: Endpoint | undefined;
      readonly carrier: Carrier | undefined;
      /** Through the proxy of this machine. */
      readonly byProxy?: boolean;
      readonly trouble: FailureCode | undefined;
      /** Ourselves as the supernode sees us, and what follows from that; while online only. */
      readonly observed?: Endpoint | undefined;
      readonly nat?: NatSeen;
      /** After a round in which nobody answered. */
      readonly tried?: TriedReport;
      /** Supernodes that are known; while online only. */
      readonly known?: number;
    }
  /** What stands between us and the internet, found or found to be otherwise. */
  | { readonly type: 'nat'; readonly kind: NatKind }
  /** Whether we are to be a supernode, and what to do for it. */
  | { readonly type: 'promotion'; readonly news: PromotionNews }
  /** The supernode that takes over when ours dies; undefined: none is attached. */
  | { readonly type: 'standby'; readonly endpoint: Endpoint | undefined }
  | { readonly type: 'rtt'; readonly rttMs: number }
  /** The supernode dropped so many packets of ours, for this cap of its. */
  | { readonly type: 'limited'; readonly cap: RelayCap; readonly dropped: number }
  /** `tickets()` tells others than before: to be stored, for this account alone. */
  | { readonly type: 'tickets-changed' }
  /** Host cache and networks have changed: to be stored. */
  | { readonly type: 'remember'; readonly remembered: Remembered }
  | SearchResults<SearchHit>
  | SearchFailed
  | Extract<PathDeskOutput, { type: 'path-tested' | 'path-test-failed' | 'path-test-asked' }>
  | CallMediaNews
  | { readonly type: 'mail'; readonly news: MailNews }
  | Exclude<
      PeopleOutput,
      | PeerSend
      | { type: 'details-changed' | 'dismissed' | 'post' | 'reached' | 'missed-call' | 'leg-media' | 'datagram' }
    >;

/** Of lines that wait for people who are not there, and of what happened while we were not. */
export type MailNews =
  | Extract<MailDeskOutput, { type: 'kept' | 'mail-refused' }>
  | Extract<PeopleOutput, { type: 'missed-call' }>;
