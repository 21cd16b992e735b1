/**
 * The invitations that come to this node: what they say, the one that rings here, and those that were declined or are used
 * up. `conferences.ts` decides whether one may ring, and makes the conference when it is answered; whom we invite ourselves is
 * in `conference-inviter.ts`.
 *
 *   invitation -> read -> rings -> answered, by us
 *                               -> ended: declined, taken back, answered elsewhere, not answered in time
 */
import {
  CONFERENCE_COUNT_MAX,
  CONFERENCE_INVITES_PAST_MAX,
  CONFERENCE_MEMBERS_MAX,
} from '../protocol/conference-params.ts';
import type { Millis } from '../protocol/core.ts';
import { bytesOf, type CallId, foldName, type NodeId, type UserName } from '../protocol/ids.ts';
import { RING_MARGIN_MS, RING_TIMEOUT_MS } from '../protocol/params.ts';
import { type Body, message } from '../wire/messages.ts';
import type { ConferenceId, ConferenceOutput, InviteId, Member, Reign } from './conference-record.ts';
import { idOf, readMembers } from './conference-wire.ts';
import { refusalOf } from './conference-words.ts';

export interface Invitation {
  readonly conference: ConferenceId;
  readonly from: UserName;
  readonly node: NodeId;
  /** The name it is for, as it says. */
  readonly invitee: UserName;
  readonly invite: InviteId;
  readonly members: readonly Member[];
  /** The highest that anybody ever had. */
  readonly order: number;
  readonly reign: Reign;
  readonly giveUpAt: Millis;
  /** The microphone is closed before anybody can hear it. */
  readonly muted: boolean;
}

/** Undefined: it makes no sense. */
export function readInvitation(
  now: Millis,
  { conference, from, node }: Pick<Invitation, 'conference' | 'from' | 'node'>,
  body: Body<'conferenceInvite'>,
): Invitation | undefined {
  const invite = idOf(body.inviteId);
  const mixer = idOf(body.mixer);
  const members = readMembers(body.members);
  if (!invite || !mixer || members.length === 0) return undefined;
  return {
    ...{ conference, from, node, invitee: body.invitee, invite, members },
    order: Math.min(body.order, CONFERENCE_COUNT_MAX),
    reign: { term: Math.min(body.term, CONFERENCE_COUNT_MAX), mixer },
    giveUpAt: now + RING_TIMEOUT_MS + RING_MARGIN_MS,
    muted: false,
  };
}

export class ConferenceInvitations {
  readonly #me: UserName;
  #ringing: Invitation | undefined;
  /** Those that were not answered here, or by which we were in a conference that we are not in any more; oldest first. */
  readonly #declined = new Set<InviteId>();
  readonly #used = new Set<InviteId>();
  #out: ConferenceOutput[] = [];

  constructor(me: UserName) {
    this.#me = me;
  }

  get ringing(): Invitation | undefined {
    return this.#ringing;
  }

  /** By the call id that its conference would have. */
  rings(call: CallId): boolean {
    return this.#ringing?.conference === call;
  }

  isDeclined(invite: InviteId): boolean {
    return this.#declined.has(invite);
  }

  spend(invite: InviteId): void {
    remember(this.#used, invite);
  }

  /** Why one is refused, in words that go behind a name; undefined: it is as it should be. */
  wrongWith({ invitee, invite, from, node, members }: Invitation): string | undefined {
    if (foldName(invitee) !== foldName(this.#me)) return 'hands on an invitation that is for somebody else';
    if (this.#used.has(invite)) return 'repeats an invitation that is used up';
    const sender = members.find((one) => one.node === node);
    if (!sender || foldName(sender.name) !== foldName(from)) return 'invites in the name of others';
    return undefined;
  }

  ring(invitation: Invitation, isBlocked: (name: UserName) => boolean): void {
    const { conference, from, node, members } = invitation;
    this.#ringing = invitation;
    const others = members.filter((one) => one.node !== node).map(({ name }) => name);
    const blocked = others.filter(isBlocked);
    this.#out.push({ type: 'ringing', call: conference, direction: 'in', peer: from, others, blocked });
    this.#say(invitation);
  }

  /** The conference for which it rings invites once more. */
  ringAgain(ringing: Invitation, again: Invitation): void {
    // The one who asked first may be gone: whom this one knows is worth knowing too. Under another invite it may be anybody.
    const more = again.invite === ringing.invite ? again.members : [];
    const members = [...ringing.members, ...more].slice(-2 * CONFERENCE_MEMBERS_MAX);
    this.#ringing = { ...ringing, members };
    this.#say(again);
  }

  mute(call: CallId, on: boolean): void {
    if (this.#ringing?.conference !== call || this.#ringing.muted === on) return;
    this.#ringing = { ...this.#ringing, muted: on };
    this.#out.push({ type: on ? 'muted' : 'unmuted', call });
  }

  /** By us: nothing rings any more. */
  answered(): void {
    this.#ringing = undefined;
  }

  decline({ conference, invite, from, node }: Invitation): void {
    this.#out.push({ type: 'send', to: from, node, message: refusalOf(conference, invite, 'declined') });
    this.#end('declined');
  }

  /** The conference for which it rings says so; only whoever invited is believed. */
  takenBack(from: UserName, { inviteId, reason }: Body<'conferenceRefusal'>): void {
    const ringing = this.#ringing;
    if (!ringing || idOf(inviteId) !== ringing.invite || foldName(from) !== foldName(ringing.from)) return;
    this.#end(reason === 'answered-elsewhere' ? 'answered-elsewhere' : 'cancelled');
  }

  wake(now: Millis): void {
    if (now >= this.wakeAt()) this.#end('no-answer');
  }

  wakeAt(): Millis {
    return this.#ringing?.giveUpAt ?? Number.POSITIVE_INFINITY;
  }

  drain(): ConferenceOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #end(reason: 'declined' | 'no-answer' | 'cancelled' | 'answered-elsewhere'): void {
    const ringing = this.#ringing;
    if (!ringing) return;
    this.#ringing = undefined;
    remember(this.#declined, ringing.invite);
    const by = reason === 'cancelled' ? ringing.from : '';
    this.#out.push({ type: 'ended', call: ringing.conference, reason, by, durationMs: 0, rejoinable: false });
  }

  #say({ from, node, conference, invite }: Invitation): void {
    const body = { conferenceId: bytesOf(conference), inviteId: bytesOf(invite) };
    this.#out.push({ type: 'send', to: from, node, message: message('conferenceRinging', body) });
  }
}

function remember(ids: Set<InviteId>, id: InviteId): void {
  ids.add(id);
  for (const oldest of ids) {
    if (ids.size <= CONFERENCE_INVITES_PAST_MAX) break;
    ids.delete(oldest);
  }
}
