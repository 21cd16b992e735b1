/** What members say beside their statements, as messages: invitation, its refusal, beat, who speaks. */
import { bytesOf, type CallId, type NodeId } from '../protocol/ids.ts';
import { type MessageOf, message } from '../wire/messages.ts';
import type { Asked, ConferenceId, InviteId, Member, Reign, Statement } from './conference-record.ts';
import { writeMember } from './conference-wire.ts';

/** What an invitation tells of the conference. */
export interface Offer {
  readonly members: readonly Member[];
  readonly reign: Reign;
  /** The highest that anybody ever had. */
  readonly order: number;
}

/** `grownFrom`: the call of two that it is to come out of. */
export function inviteOf(
  conference: ConferenceId,
  { invite, name }: Asked,
  { members, reign, order }: Offer,
  grownFrom: CallId = '',
): MessageOf<'conferenceInvite'> {
  return message('conferenceInvite', {
    conferenceId: bytesOf(conference),
    inviteId: bytesOf(invite),
    invitee: name,
    members: members.map(writeMember),
    term: reign.term,
    mixer: bytesOf(reign.mixer),
    order,
    grownFrom: bytesOf(grownFrom),
  });
}

/** `newer`: of "old", what is held of the receiver. */
export function refusalOf(
  conference: ConferenceId,
  invite: InviteId,
  reason: string,
  newer: { readonly order: number; readonly incarnation: number } = { order: 0, incarnation: 0 },
): MessageOf<'conferenceRefusal'> {
  const { order, incarnation } = newer;
  const ids = { conferenceId: bytesOf(conference), inviteId: bytesOf(invite) };
  return message('conferenceRefusal', { ...ids, reason, order, incarnation });
}

export function beatOf(
  conference: ConferenceId,
  { incarnation, version }: Statement,
  { term, mixer }: Reign,
  hears: boolean,
): MessageOf<'conferenceBeat'> {
  const of = { conferenceId: bytesOf(conference), incarnation, version };
  return message('conferenceBeat', { ...of, term, mixer: bytesOf(mixer), hears });
}

export function speakingOf(
  conference: ConferenceId,
  term: number,
  nodes: readonly NodeId[],
): MessageOf<'conferenceSpeaking'> {
  return message('conferenceSpeaking', { conferenceId: bytesOf(conference), term, speaking: nodes.map(bytesOf) });
}
