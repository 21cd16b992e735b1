/**
 * The conferences of one node: the one we are in, one that rings, a call of two that is about to become one, and those we
 * left and may go back to. Commands and messages are led to the right one here; what a conference is, is `conference.ts`, what
 * invites to one, `conference-invitations.ts`.
 * One at a time has our ears, as with calls: `isBusy` and `occupied` keep the two apart.
 *
 *   invitation -> rings -> answer -> Conference        running call + names -> grows -> Conference, the call absorbed
 *
 * Above 400 lines: which of them a command or message is for, and whether there is room for one more, is read in one place.
 */
import {
  CONFERENCE_ASK_AGAIN_MS,
  CONFERENCE_INVITES_PAST_MAX,
  CONFERENCE_MEMBERS_MAX,
  CONFERENCE_REJOIN_MS,
  CONFERENCE_WARN_MS,
  CONFERENCES_PAST_MAX,
} from '../protocol/conference-params.ts';
import type { Millis, Random } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { type CallId, foldName, hexOf, ID_BYTES, type NodeId, type UserName } from '../protocol/ids.ts';
import { INVITE_TIMEOUT_MS } from '../protocol/params.ts';
import type { Body, Message } from '../wire/messages.ts';
import type { PeerInput } from '../wire/peers.ts';
import { Conference } from './conference.ts';
import { ConferenceInvitations, type Invitation, readInvitation } from './conference-invitations.ts';
import type {
  ConferenceCommand,
  ConferenceId,
  ConferenceOutput,
  Member,
  OwnFacts,
  RunningCall,
} from './conference-record.ts';
import { idOf } from './conference-wire.ts';
import { refusalOf } from './conference-words.ts';

const KINDS = [
  'conferenceInvite',
  'conferenceRinging',
  'conferenceRefusal',
  'conferenceState',
  'conferenceLeg',
  'conferenceBeat',
  'conferenceSpeaking',
] as const;

export interface ConferencesOptions {
  readonly me: { readonly name: UserName; readonly node: NodeId };
  readonly random: Random;
  readonly rttMs: (node: NodeId) => number | undefined;
  readonly ownFacts: () => OwnFacts;
  /** A call of two wants our ears. */
  readonly isBusy: () => boolean;
  readonly isBlocked: (name: UserName) => boolean;
  /** The running call of this id, ours or the common one; undefined: there is none, or it is on hold. */
  readonly running: (call: CallId) => RunningCall | undefined;
}

/** A call of two whose other end has been told that it becomes a conference. */
interface Growing {
  readonly conference: Conference;
  readonly running: RunningCall;
  readonly names: readonly UserName[];
  readonly giveUpAt: Millis;
  /** Told when it has come about. */
  readonly news: ConferenceOutput[];
}

export class Conferences {
  readonly #options: ConferencesOptions;
  #live: Conference | undefined;
  readonly #invitations: ConferenceInvitations;
  #growing: Growing | undefined;
  readonly #past = new Map<ConferenceId, { readonly conference: Conference; readonly until: Millis }>();
  /** To whom we said that we are not in what they speak of. */
  readonly #overSaidAt = new Map<NodeId, Millis>();
  readonly #warnedAt = new Map<string, Millis>();
  #reach: { readonly endpoints: readonly string[]; readonly relays: readonly NodeId[] } = { endpoints: [], relays: [] };
  #out: ConferenceOutput[] = [];
  /** Messages that no honest program sends. Only rises. */
  dropped = 0;

  constructor(options: ConferencesOptions) {
    this.#options = options;
    this.#invitations = new ConferenceInvitations(options.me.name);
  }

  /** A conference wants our ears, so that no call may begin. */
  get occupied(): boolean {
    const isWaiting = this.#invitations.ringing !== undefined || this.#growing !== undefined;
    return isWaiting || (this.#live !== undefined && !this.#live.isHeld);
  }

  /** The conference we are in, for looking at. */
  get live(): Conference | undefined {
    return this.#live;
  }

  receive(now: Millis, input: PeerInput): void {
    if (input.type === 'message') this.#hear(now, input.from, input.node, input.message);
    else if (input.type === 'peer-seen') this.#current?.peerSeen(now, input.node);
    else if (input.type === 'unreachable') this.#current?.unreachable(now, input.name);
    this.#settle(now);
  }

  command(now: Millis, command: ConferenceCommand): void {
    const code = this.#do(now, command);
    this.#settle(now);
    if (code === undefined || command.type === 'candidates') return;
    this.#out.push({ type: 'refused', call: command.call, command: command.type, code });
  }

  /** Voice of this leg, or of the call that became one, came. */
  voiceHeard(now: Millis, key: CallId): void {
    this.#live?.voiceHeard(now, key);
    if (this.#live) this.#settle(now);
  }

  /** The call of two is over, of which a conference was to come. */
  callEnded(now: Millis, call: CallId): void {
    if (this.#growing?.running.call !== call) return;
    this.#giveGrowthUp(now);
    this.#settle(now);
  }

  /** Is this the call id of a conference? */
  has(call: CallId): boolean {
    return this.#live?.call === call || this.#invitations.rings(call) || this.#pastOf(call) !== undefined;
  }

  /** Who is in our conference, as far as we know. */
  get company(): readonly UserName[] {
    return this.#current?.company ?? [];
  }

  /** A member of our conference: its sessions are wanted, also when our person has blocked its. */
  expects(node: NodeId): boolean {
    return this.#current?.knows(node) ?? false;
  }

  /** What somebody whom our person has blocked says as a member of our conference; nothing else of theirs is heard. */
  isOfMember(node: NodeId, heard: Message): boolean {
    const current = this.#current;
    if (!current?.knows(node) || !isConferenceMessage(heard) || heard.kind === 'conferenceInvite') return false;
    return idOf(heard.body.conferenceId) === current.id;
  }

  wake(now: Millis): void {
    this.#current?.wake(now);
    for (const { conference } of this.#past.values()) conference.wake(now);
    this.#invitations.wake(now);
    if (this.#growing && now >= this.#growing.giveUpAt) this.#giveGrowthUp(now, 'conference-old');
    this.#settle(now);
  }

  wakeAt(): Millis {
    const at = Math.min(this.#invitations.wakeAt(), this.#growing?.giveUpAt ?? Infinity);
    return Math.min(at, this.#current?.wakeAt() ?? Number.POSITIVE_INFINITY);
  }

  drain(): ConferenceOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  get #current(): Conference | undefined {
    return this.#live ?? this.#growing?.conference;
  }

  // ------------------------------------------------------------------ commands

  #do(now: Millis, command: ConferenceCommand): FailureCode | undefined {
    switch (command.type) {
      case 'candidates':
        this.#reach = { endpoints: command.endpoints, relays: command.relays ?? [] };
        this.#current?.setReach(now, this.#reach.endpoints, this.#reach.relays);
        return undefined;
      case 'found':
        return this.#found(now, command.call, command.names);
      case 'add':
        return this.#add(now, command.call, command.names);
      case 'answer':
        return this.#answer(now, command.call);
      case 'rejoin':
        return this.#rejoin(now, command.call);
      case 'decline':
      case 'hang-up':
        return this.#leave(now, command.call);
      case 'speaking':
        this.#of(command.call)?.speaking(now, command.nodes);
        return undefined;
      case 'trouble':
        this.#of(command.call)?.trouble(now, command.text);
        return undefined;
      case 'mute':
      case 'unmute':
        this.#invitations.mute(command.call, command.type === 'mute');
        return this.#switch(now, command.call, 'muted', command.type === 'mute');
      case 'hold':
      case 'resume':
        if (command.type === 'resume' && this.#options.isBusy()) return 'already-in-call';
        return this.#switch(now, command.call, 'held', command.type === 'hold');
      case 'record':
      case 'record-end':
        return this.#switch(now, command.call, 'recording', command.type === 'record');
      case 'remove': {
        const live = this.#of(command.call);
        return live ? live.remove(now, command.name) : 'no-call';
      }
    }
  }

  #of(call: CallId): Conference | undefined {
    return this.#live?.call === call ? this.#live : undefined;
  }

  #switch(now: Millis, call: CallId, what: 'muted' | 'held' | 'recording', on: boolean): FailureCode | undefined {
    const live = this.#of(call);
    if (!live) return this.#invitations.rings(call) ? undefined : 'no-call';
    live.switch(now, what, on);
    return undefined;
  }

  #found(now: Millis, call: CallId, names: readonly UserName[]): FailureCode | undefined {
    if (this.occupied || this.#live || this.#options.isBusy()) return 'already-in-call';
    const fault = this.#unfit(names, 1);
    if (fault) return fault;
    const live = this.#make(now, { id: hexOf(this.#options.random.bytes(ID_BYTES)), call });
    this.#live = live;
    live.begin(now);
    for (const name of distinct(names)) live.ask(now, name);
    return undefined;
  }

  #add(now: Millis, call: CallId, names: readonly UserName[]): FailureCode | undefined {
    const live = this.#of(call);
    if (!live) return this.#grow(now, call, names);
    let fault: FailureCode | undefined;
    for (const name of distinct(names)) fault = live.ask(now, name) ?? fault;
    return fault;
  }

  /** The other end of the call is told; when it is in, the others are called. */
  #grow(now: Millis, call: CallId, names: readonly UserName[]): FailureCode | undefined {
    const running = this.#options.running(call);
    if (!running || this.#live) return 'no-call';
    if (this.#growing) return 'already-in-call';
    const fault = this.#unfit(names, 2);
    if (fault) return fault;
    const others = distinct(names).filter((name) => foldName(name) !== foldName(running.peer));
    if (others.length === 0) return 'person-in-conference';
    const id = hexOf(this.#options.random.bytes(ID_BYTES));
    const conference = this.#make(now, { id, call: running.call, direction: running.direction });
    conference.grownFrom(running);
    this.#growing = { conference, running, names: others, giveUpAt: now + INVITE_TIMEOUT_MS, news: [] };
    conference.begin(now);
    conference.ask(now, running.peer, running.wire);
    return undefined;
  }

  #unfit(names: readonly UserName[], inside: number): FailureCode | undefined {
    const those = distinct(names);
    if (those.some((name) => foldName(name) === foldName(this.#options.me.name))) return 'person-self';
    if (those.some((name) => this.#options.isBlocked(name))) return 'blocked';
    return those.length + inside > CONFERENCE_MEMBERS_MAX ? 'conference-full' : undefined;
  }

  #answer(now: Millis, call: CallId): FailureCode | undefined {
    const { ringing } = this.#invitations;
    if (ringing?.conference !== call) return this.#of(call) ? undefined : 'no-call';
    if (this.#options.isBusy()) return 'already-in-call';
    this.#invitations.answered();
    this.#join(now, call, ringing, undefined);
    return undefined;
  }

  #rejoin(now: Millis, call: CallId): FailureCode | undefined {
    const past = this.#pastOf(call);
    if (!past?.mayRejoin) return 'conference-over';
    if (this.occupied || this.#live || this.#options.isBusy()) return 'already-in-call';
    this.#past.delete(past.id);
    this.#live = past;
    past.setReach(now, this.#reach.endpoints, this.#reach.relays);
    past.rejoin(now);
    return undefined;
  }

  #pastOf(call: CallId): Conference | undefined {
    for (const { conference } of this.#past.values()) if (conference.call === call) return conference;
    return undefined;
  }

  #leave(now: Millis, call: CallId): FailureCode | undefined {
    const { ringing } = this.#invitations;
    if (ringing?.conference === call) {
      this.#invitations.decline(ringing);
      return undefined;
    }
    const live = this.#of(call);
    if (!live) return 'no-call';
    live.leave(now);
    return undefined;
  }

  // ------------------------------------------------------------------ what the others say

  #hear(now: Millis, from: UserName, node: NodeId, heard: Message): void {
    if (!isConferenceMessage(heard)) return;
    const id = idOf(heard.body.conferenceId);
    if (id === undefined) {
      this.dropped += 1;
      return;
    }
    if (heard.kind === 'conferenceInvite') return this.#invited(now, id, from, node, heard.body);
    if (heard.kind === 'conferenceRefusal' && this.#invitations.rings(id))
      return this.#invitations.takenBack(from, heard.body);
    const current = this.#current;
    if (current?.id === id) return current.hear(now, from, node, heard);
    const past = this.#past.get(id)?.conference;
    if (past) return past.hear(now, from, node, heard);
    this.dropped += 1;
    // Whoever still believes that we are in it, after our program was started anew, learns that we are not.
    if (heard.kind !== 'conferenceBeat' && (heard.kind !== 'conferenceState' || !heard.body.in)) return;
    if (isDue(now, this.#overSaidAt, node, CONFERENCE_ASK_AGAIN_MS))
      this.#refuse({ from, node, conference: id, invite: id }, 'over');
  }

  #invited(now: Millis, conference: ConferenceId, from: UserName, node: NodeId, body: Body<'conferenceInvite'>): void {
    const read = readInvitation(now, { conference, from, node }, body);
    if (!read) {
      this.dropped += 1;
      return;
    }
    if (this.#invitations.isDeclined(read.invite)) return this.#refuse(read, 'declined');
    const wrong = this.#invitations.wrongWith(read);
    if (wrong !== undefined) {
      this.#warn(now, from, wrong);
      return this.#refuse(read, 'failed');
    }
    // Who was in before stands above itself, also where the inviter did not know that.
    const order = Math.max(read.order, this.#past.get(conference)?.conference.highestOrder ?? 0);
    const invitation = { ...read, order };
    if (body.grownFrom.length > 0) return this.#grown(now, invitation, idOf(body.grownFrom) ?? '');
    const { ringing } = this.#invitations;
    if (ringing?.conference === conference) return this.#invitations.ringAgain(ringing, invitation);
    const live = this.#live;
    if (live?.id === conference)
      return live.invite === invitation.invite ? this.#meet(now, live, node, invitation.members) : undefined;
    if (this.occupied || live || this.#options.isBusy()) return this.#refuse(invitation, 'busy');
    this.#past.delete(conference);
    this.#invitations.ring(invitation, this.#options.isBlocked);
  }

  /** Once others have taken us in, only one of them vouches: a removed one knows our invite, too. */
  #meet(now: Millis, live: Conference, node: NodeId, members: readonly Member[]): void {
    const { present } = live;
    if (present.length < 2 || present.includes(node)) live.meet(now, members);
    else this.dropped += 1;
  }

  /** The call of two that runs is to be a conference. */
  #grown(now: Millis, offer: Invitation, wire: CallId): void {
    const running = this.#options.running(wire);
    if (!running || running.node !== offer.node || this.#live) return this.#refuse(offer, 'failed');
    // Both at once: the invitation with the lower conference id lives.
    if (this.#growing) {
      if (this.#growing.conference.id < offer.conference) return this.#refuse(offer, 'failed');
      const { names } = this.#growing;
      this.#giveGrowthUp(now);
      const live = this.#join(now, running.call, offer, running);
      for (const name of names) live.ask(now, name);
      return;
    }
    this.#join(now, running.call, offer, running);
  }

  #join(now: Millis, call: CallId, offer: Invitation, running: RunningCall | undefined): Conference {
    const { conference: id, from: by, invite, members, order, reign, muted } = offer;
    const direction = running?.direction ?? 'in';
    const live = this.#make(now, { id, call, invite, by, members, order, reign, muted, direction });
    if (running) {
      live.grownFrom(running);
      this.#out.push({ type: 'absorb', call: running.call });
    }
    this.#live = live;
    live.begin(now);
    return live;
  }

  // ------------------------------------------------------------------ from within

  /** What the conference said is ours to hand on; of one that is growing only what goes to others. */
  #settle(now: Millis): void {
    this.#out.push(...this.#invitations.drain());
    const growing = this.#growing;
    if (growing) this.#settleGrowth(now, growing);
    const live = this.#live;
    for (const output of live?.drain() ?? []) {
      if (output.type === 'warning') this.#warn(now, output.name, output.what);
      else this.#out.push(output);
    }
    if (live?.isOver) this.#bury(now, live);
    for (const { conference } of this.#past.values()) this.#out.push(...conference.drain());
    for (const [id, { until }] of this.#past) if (now >= until) this.#past.delete(id);
  }

  #settleGrowth(now: Millis, growing: Growing): void {
    const { conference, running, names, news } = growing;
    for (const output of conference.drain()) {
      const isForOthers = output.type === 'send' || output.type === 'datagram';
      if (isForOthers) this.#out.push(output);
      else news.push(output);
    }
    if (conference.isOver) return this.#giveGrowthUp(now, 'conference-old');
    if (conference.present.length < 2) return;
    this.#growing = undefined;
    this.#live = conference;
    this.#out.push({ type: 'absorb', call: running.call }, ...news);
    this.#followSwitches(now, conference, running);
    for (const name of names) conference.ask(now, name);
  }

  /** What was done to the call while the other end was being told. One on hold is not said to run. */
  #followSwitches(now: Millis, conference: Conference, { call }: RunningCall): void {
    const { muted } = this.#options.running(call) ?? { muted: conference.isMuted };
    conference.switch(now, 'muted', muted);
    if (!this.#options.running(call)) conference.switch(now, 'held', true);
  }

  #giveGrowthUp(now: Millis, code?: FailureCode): void {
    const growing = this.#growing;
    if (!growing) return;
    this.#growing = undefined;
    const { conference, running } = growing;
    conference.leave(now);
    for (const output of conference.drain()) if (output.type === 'send') this.#out.push(output);
    if (code) this.#out.push({ type: 'refused', call: running.call, command: 'add', code });
  }

  #bury(now: Millis, live: Conference): void {
    this.#live = undefined;
    this.#past.set(live.id, { conference: live, until: now + CONFERENCE_REJOIN_MS });
    for (const oldest of this.#past.keys()) {
      if (this.#past.size <= CONFERENCES_PAST_MAX) break;
      this.#past.delete(oldest);
    }
    this.#invitations.spend(live.invite);
  }

  #make(
    now: Millis,
    of: { id: ConferenceId; call: CallId } & Partial<ConstructorParameters<typeof Conference>[1]>,
  ): Conference {
    const { me, random, rttMs, ownFacts, isBlocked } = this.#options;
    const founder = { invite: of.id, by: '', members: [], order: -1, reign: { term: 0, mixer: me.node } };
    const made = new Conference(now, {
      me,
      random,
      rttMs,
      ownFacts,
      isBlocked,
      muted: false,
      direction: 'out',
      ...founder,
      ...of,
    });
    made.setReach(now, this.#reach.endpoints, this.#reach.relays);
    return made;
  }

  #refuse(
    { from, node, conference, invite }: Pick<Invitation, 'from' | 'node' | 'conference' | 'invite'>,
    reason: string,
  ): void {
    this.#out.push({ type: 'send', to: from, node, message: refusalOf(conference, invite, reason) });
  }

  /** Told once a minute of each person. */
  #warn(now: Millis, name: UserName, what: string): void {
    this.dropped += 1;
    if (isDue(now, this.#warnedAt, foldName(name), CONFERENCE_WARN_MS)) this.#out.push({ type: 'warning', name, what });
  }
}

/** Is it long enough ago that this was said last? Then it counts as said now. */
function isDue(now: Millis, saidAt: Map<string, Millis>, key: string, pauseMs: number): boolean {
  if (now < (saidAt.get(key) ?? Number.NEGATIVE_INFINITY) + pauseMs) return false;
  if (saidAt.size >= CONFERENCE_INVITES_PAST_MAX) saidAt.clear();
  saidAt.set(key, now);
  return true;
}

function distinct(names: readonly UserName[]): UserName[] {
  return [...new Map(names.map((name) => [foldName(name), name])).values()];
}

type ConferenceMessage = Extract<Message, { kind: (typeof KINDS)[number] }>;

export function isConferenceMessage(heard: Message): heard is ConferenceMessage {
  return KINDS.some((kind) => kind === heard.kind);
}
