/**
 * A handshake that we began, between its first Hello and Auth1: the Hello in full and the one that shows a ticket, which of
 * them goes next, and which of them an answer is to. `handshakes.ts` keeps these, and their times.
 */
import type { Millis } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import type { Route } from '../protocol/traffic.ts';
import { decodeBody } from '../wire/messages.ts';
import {
  type Answered,
  type Established,
  finishInitiator,
  type InitiatorState,
  type Outcome,
  withCookie,
} from './handshake.ts';
import { finishShown, type ShownTicket, showTicket } from './resumption.ts';
import type { Expectation, OwnIdentity, Trust } from './trust.ts';

export interface Outgoing {
  /** Of the Hello in full. */
  state: InitiatorState;
  /** The Hello that shows a ticket, if we have one. */
  shown: ShownTicket | undefined;
  /** Does the Hello in full go, or has gone? */
  inFull: boolean;
  /** By which the ticket of this session will be looked for. */
  readonly ticketKey: string | undefined;
  readonly route: Route;
  /** Whom we prove to be in it: what A began is not finished by B. Undefined: nobody. */
  own: OwnIdentity | undefined;
  /** Begun before it is known who we are: Auth2 waits for that. `answered`: with this Auth1, by this route. */
  inAdvance: boolean;
  answered: { readonly by: Answered; readonly route: Route } | undefined;
  readonly expect: Expectation | undefined;
  readonly giveUpAt: Millis;
  resendAt: Millis;
  retryMs: number;
  cookies: number;
  /** Why the answers so far were not good enough; a forger could send such, so we go on until time is up. */
  lastCode: FailureCode;
}

export function helloOf({ state, shown, inFull }: Outgoing): Buffer {
  return shown && !inFull ? shown.packet : state.packet;
}

/** The Hello goes with this cookie from now on; `inFull`: and without a ticket. */
export function takeCookie(outgoing: Outgoing, cookie: Buffer, inFull: boolean): void {
  outgoing.cookies += 1;
  outgoing.state = withCookie(outgoing.state, cookie);
  outgoing.inFull ||= inFull;
  if (outgoing.shown && !outgoing.inFull) outgoing.shown = showTicket(outgoing.state, outgoing.shown.ticket);
}

/** Checks an Auth1, which took the ticket or did not, and makes Auth2. */
export function finishOutgoing(
  outgoing: Outgoing,
  body: Buffer,
  trust: Trust,
): Outcome<Established & { packet: Buffer }> {
  const { state, shown, inFull, own, expect } = outgoing;
  const auth = shown && decodeBody('Auth1', body);
  if (shown && auth && auth.confirm.length > 0) return finishShown(state, shown, auth);
  // The ticket was no good, but where nothing is padded the same Hello serves for a full handshake.
  const asked = shown && !inFull ? { ...state, helloBody: shown.helloBody } : state;
  return finishInitiator(asked, body, own, trust, expect);
}
