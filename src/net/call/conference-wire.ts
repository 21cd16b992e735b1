/**
 * Statements and members of a conference as bytes and back. What comes from outside is brought within bounds here:
 * undefined for what no honest program says.
 */
import {
  CONFERENCE_ASKED_MAX,
  CONFERENCE_COUNT_MAX,
  CONFERENCE_INVITES_MAX,
  CONFERENCE_MEMBERS_MAX,
  CONFERENCE_REMOVED_MAX,
  CONFERENCE_TROUBLE_LENGTH_MAX,
} from '../protocol/conference-params.ts';
import { bytesOf, hexOf, ID_BYTES, isName, type NodeId, type UserName } from '../protocol/ids.ts';
import { type Body, type MessageOf, message } from '../wire/messages.ts';
import { boundRelays } from './call-record.ts';
import {
  ASK_STATES,
  type Asked,
  type ConferenceId,
  type Member,
  type MixerFacts,
  type Statement,
} from './conference-record.ts';

export function idOf(bytes: Uint8Array | null | undefined): string | undefined {
  return bytes?.length === ID_BYTES ? hexOf(bytes) : undefined;
}

/** Texts of other people, shown to ours. */
export function plainText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '').slice(0, CONFERENCE_TROUBLE_LENGTH_MAX);
}

type MemberBody = Body<'conferenceInvite'>['members'][number];

/** Parts of a message are typed as if they might be missing. */
export function readMember(body: MemberBody): Member | undefined {
  const { name = '', invitedBy = '', order = 0, incarnation = 0 } = body as Record<keyof MemberBody, never>;
  const by: UserName = invitedBy;
  const node = idOf(body.nodeId);
  const invite = idOf(body.inviteId);
  if (!node || !invite || !isName(name) || (by !== '' && !isName(by)) || order > CONFERENCE_COUNT_MAX) return undefined;
  return { name, node, invite, by, order, incarnation };
}

export function readMembers(bodies: readonly MemberBody[]): Member[] {
  // A departing one may be counted in beside the eight for a moment.
  return bodies
    .slice(0, 2 * CONFERENCE_MEMBERS_MAX)
    .map(readMember)
    .filter((one) => one !== undefined);
}

export function writeMember({ name, node, invite, by, order, incarnation }: Member): MemberBody {
  const ids = { nodeId: bytesOf(node), inviteId: bytesOf(invite) };
  return { name, ...ids, invitedBy: by, order, incarnation } as MemberBody;
}

/** Of the node whose session it came by. */
export function readStatement(body: Body<'conferenceState'>, name: UserName, node: NodeId): Statement | undefined {
  const invite = idOf(body.inviteId);
  const mixer = idOf(body.mixer);
  const { invitedBy: by, order, incarnation, version, term } = body;
  if (!invite || !mixer || (by !== '' && !isName(by)) || order > CONFERENCE_COUNT_MAX || term > CONFERENCE_COUNT_MAX)
    return undefined;
  return {
    ...{ name, node, invite, by, order, incarnation, version },
    isIn: body.in,
    asked: readAsked(body.asked),
    removed: ids(body.removed, CONFERENCE_REMOVED_MAX),
    members: readMembers(body.members),
    reign: { term, mixer },
    hears: body.hears,
    facts: readFacts(body.facts),
    muted: body.muted,
    held: body.held,
    recording: body.recording,
    trouble: plainText(body.trouble),
    relays: boundRelays(body.relays),
    replyWanted: body.replyWanted,
    grownWith: idOf(body.grownWith) ?? '',
  };
}

function ids(list: readonly Uint8Array[], most: number): string[] {
  return list
    .slice(0, most)
    .map(idOf)
    .filter((id) => id !== undefined);
}

function readAsked(list: Body<'conferenceState'>['asked']): Asked[] {
  return list.slice(0, CONFERENCE_ASKED_MAX).flatMap(({ name, inviteId, state }) => {
    const invite = idOf(inviteId);
    if (!invite || !name || !isName(name)) return [];
    return [{ name, invite, state: ASK_STATES.find((one) => one === state) ?? 'failed' }];
  });
}

function readFacts(body: Body<'conferenceState'>['facts']): MixerFacts {
  const roundTrips = new Map<NodeId, number>();
  for (const { nodeId, ms } of (body?.roundTrips ?? []).slice(0, 2 * CONFERENCE_MEMBERS_MAX)) {
    const node = idOf(nodeId);
    if (node) roundTrips.set(node, Math.min(ms ?? 0, 60_000));
  }
  return {
    uplinkKbps: Math.min(body?.uplinkKbps ?? 0, 10_000_000),
    idleCenticores: Math.min(body?.idleCenticores ?? 0, 100_000),
    reach: Math.min(body?.reach ?? 0, 5),
    roundTrips,
    deafTo: ids(body?.deafTo ?? [], CONFERENCE_MEMBERS_MAX),
  };
}

export function writeStatement(conference: ConferenceId, it: Statement): MessageOf<'conferenceState'> {
  const { facts } = it;
  return message('conferenceState', {
    conferenceId: bytesOf(conference),
    incarnation: it.incarnation,
    version: it.version,
    in: it.isIn,
    inviteId: bytesOf(it.invite),
    invitedBy: it.by,
    order: it.order,
    asked: it.asked.map(({ name, invite, state }) => ({ name, inviteId: bytesOf(invite), state })),
    removed: it.removed.map(bytesOf),
    members: it.members.slice(0, CONFERENCE_INVITES_MAX).map(writeMember),
    term: it.reign.term,
    mixer: bytesOf(it.reign.mixer),
    hears: it.hears,
    facts: {
      uplinkKbps: facts.uplinkKbps,
      idleCenticores: facts.idleCenticores,
      reach: facts.reach,
      roundTrips: [...facts.roundTrips].map(([node, ms]) => ({ nodeId: bytesOf(node), ms })),
      deafTo: facts.deafTo.map(bytesOf),
    },
    muted: it.muted,
    held: it.held,
    recording: it.recording,
    trouble: it.trouble,
    relays: it.relays.map(bytesOf),
    replyWanted: it.replyWanted,
    grownWith: bytesOf(it.grownWith),
  } as never);
}
