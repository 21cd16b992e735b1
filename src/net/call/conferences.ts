/**
 * The conferences of one node: the one we are in, one that rings, a call of two that is about to become one, and those we
 * left and may go back to. Commands and messages are led to the right one here; what a conference is, is `conference.ts`.
 * One at a time has our ears, as with calls: `isBusy` and `occupied` keep the two apart.
 *
 *   invitation -> rings -> answer -> Conference        running call + names -> grows -> Conference, the call absorbed
 *
 * Above 400 lines: invitations, growth and what is over are one state, read in one place.
 */
import {
  CONFERENCE_ASK_AGAIN_MS,
  CONFERENCE_COUNT_MAX,
  CONFERENCE_INVITES_PAST_MAX,
  CONFERENCE_MEMBERS_MAX,
  CONFERENCE_REJOIN_MS,
  CONFERENCE_WARN_MS,
  CONFERENCES_PAST_MAX,
} from '../protocol/conference-params.ts';
import type { Millis, Random } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { bytesOf, type CallId, foldName, hexOf, ID_BYTES, type NodeId, type UserName } from '../protocol/ids.ts';
import { INVITE_TIMEOUT_MS, RING_MARGIN_MS, RING_TIMEOUT_MS } from '../protocol/params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import type { PeerInput } from '../wire/peers.ts';
import { Conference } from './conference.ts';
import type {
  ConferenceCommand,
  ConferenceId,
  ConferenceOutput,
  InviteId,
  Member,
  OwnFacts,
  Reign,
  RunningCall,
} from './conference-record.ts';
import { idOf, readMembers } from './conference-wire.ts';
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

/** An invitation that rings here. */
interface Ringing {
  readonly conference: ConferenceId;
  readonly from: UserName;
  readonly node: NodeId;
  readonly invite: InviteId;
  readonly members: readonly Member[];
  readonly order: number;
  readonly reign: Reign;
  readonly giveUpAt: Millis;
  muted: boolean;
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
  #ringing: Ringing | undefined;
  #growing: Growing | undefined;
  readonly #past = new Map<ConferenceId, { readonly conference: Conference; readonly until: Millis }>();
  /** Invitations that were not answered here, or by which we were in a conference that we are not in any more; oldest first. */
  readonly #declined = new Set<InviteId>();
  readonly #used = new Set<InviteId>();
  /** To whom we said that we are not in what they speak of. */
  readonly #overSaidAt = new Map<NodeId, Millis>();
  readonly #warnedAt = new Map<string, Millis>();
  #reach: { readonly endpoints: readonly string[]; readonly relays: readonly NodeId[] } = { endpoints: [], relays: [] };
  #out: ConferenceOutput[] = [];
  /** Messages that no honest program sends. Only rises. */
  dropped = 0;

  constructor(options: ConferencesOptions) {
    this.#options = options;
  }

  /** A conference wants our ears, so that no call may begin. */
  get occupied(): boolean {
    return (
      this.#ringing !== undefined || this.#growing !== undefined || (this.#live !== undefined && !this.#live.isHeld)
    );
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
    return this.#live?.call === call || this.#ringing?.conference === call || this.#pastOf(call) !== undefined;
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
    if (this.#ringing && now >= this.#ringing.giveUpAt) this.#ringEnds('no-answer');
    if (this.#growing && now >= this.#growing.giveUpAt) this.#giveGrowthUp(now, 'conference-old');
    this.#settle(now);
  }

  wakeAt(): Millis {
    const at = Math.min(this.#ringing?.giveUpAt ?? Infinity, this.#growing?.giveUpAt ?? Infinity);
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
        if (this.#ringing?.conference === command.call) this.#muteRinging(this.#ringing, command.type === 'mute');
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

  /** As in a call of two: the microphone is closed before anybody can hear it. */
  #muteRinging(ringing: Ringing, on: boolean): void {
    if (ringing.muted === on) return;
    ringing.muted = on;
    this.#out.push({ type: on ? 'muted' : 'unmuted', call: ringing.conference });
  }

  #of(call: CallId): Conference | undefined {
    return this.#live?.call === call ? this.#live : undefined;
  }

  #switch(now: Millis, call: CallId, what: 'muted' | 'held' | 'recording', on: boolean): FailureCode | undefined {
    const live = this.#of(call);
    if (!live) return this.#ringing?.conference === call ? undefined : 'no-call';
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
    const ringing = this.#ringing;
    if (ringing?.conference !== call) return this.#of(call) ? undefined : 'no-call';
    if (this.#options.isBusy()) return 'already-in-call';
    this.#ringing = undefined;
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
    const ringing = this.#ringing;
    if (ringing?.conference === call) {
      this.#refuse(ringing.from, ringing.node, ringing, 'declined');
      this.#ringEnds('declined');
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
    if (heard.kind === 'conferenceRefusal' && this.#ringing?.conference === id)
      return this.#takenBack(from, heard.body);
    const current = this.#current;
    if (current?.id === id) return current.hear(now, from, node, heard);
    const past = this.#past.get(id)?.conference;
    if (past) return past.hear(now, from, node, heard);
    this.dropped += 1;
    // Whoever still believes that we are in it, after our program was started anew, learns that we are not.
    if (heard.kind !== 'conferenceBeat' && (heard.kind !== 'conferenceState' || !heard.body.in)) return;
    if (now < (this.#overSaidAt.get(node) ?? Number.NEGATIVE_INFINITY) + CONFERENCE_ASK_AGAIN_MS) return;
    if (this.#overSaidAt.size >= CONFERENCE_INVITES_PAST_MAX) this.#overSaidAt.clear();
    this.#overSaidAt.set(node, now);
    this.#refuse(from, node, { conference: id, invite: id }, 'over');
  }

  #invited(now: Millis, id: ConferenceId, from: UserName, node: NodeId, body: Body<'conferenceInvite'>): void {
    const invite = idOf(body.inviteId);
    const mixer = idOf(body.mixer);
    const members = readMembers(body.members);
    if (!invite || !mixer || members.length === 0) {
      this.dropped += 1;
      return;
    }
    const offer = { conference: id, invite };
    if (this.#declined.has(invite)) return this.#refuse(from, node, offer, 'declined');
    const wrong = this.#wrongWith(from, node, body.invitee, invite, members);
    if (wrong !== undefined) {
      this.#warn(now, from, wrong);
      return this.#refuse(from, node, offer, 'failed');
    }
    const reign = { term: Math.min(body.term, CONFERENCE_COUNT_MAX), mixer };
    const giveUpAt = now + RING_TIMEOUT_MS + RING_MARGIN_MS;
    // Who was in before stands above itself, also where the inviter did not know that.
    const order = Math.max(
      Math.min(body.order, CONFERENCE_COUNT_MAX),
      this.#past.get(id)?.conference.highestOrder ?? 0,
    );
    const ringing: Ringing = { ...offer, from, node, members, order, reign, giveUpAt, muted: false };
    if (body.grownFrom.length > 0) return this.#grown(now, ringing, idOf(body.grownFrom) ?? '');
    if (this.#ringing?.conference === id) {
      // The one who asked first may be gone: whom this one knows is worth knowing too. Under another invite it may be anybody.
      const more = invite === this.#ringing.invite ? members : [];
      const known = [...this.#ringing.members, ...more].slice(-2 * CONFERENCE_MEMBERS_MAX);
      this.#ringing = { ...this.#ringing, members: known };
      return this.#say(from, node, offer);
    }
    if (this.#live?.id === id)
      return this.#live.invite === invite ? this.#meet(now, this.#live, node, members) : undefined;
    if (this.occupied || this.#live || this.#options.isBusy()) return this.#refuse(from, node, offer, 'busy');
    this.#past.delete(id);
    this.#ringing = ringing;
    const others = members.filter((one) => one.node !== node).map(({ name }) => name);
    const blocked = others.filter((name) => this.#options.isBlocked(name));
    this.#out.push({ type: 'ringing', call: id, direction: 'in', peer: from, others, blocked });
    this.#say(from, node, offer);
  }

  /** Once others have taken us in, only one of them vouches: a removed one knows our invite, too. */
  #meet(now: Millis, live: Conference, node: NodeId, members: readonly Member[]): void {
    const { present } = live;
    if (present.length < 2 || present.includes(node)) live.meet(now, members);
    else this.dropped += 1;
  }

  /** Why an invitation is refused, in words that go behind a name; undefined: it is as it should be. */
  #wrongWith(
    from: UserName,
    node: NodeId,
    invitee: string,
    invite: InviteId,
    members: readonly Member[],
  ): string | undefined {
    if (foldName(invitee) !== foldName(this.#options.me.name))
      return 'hands on an invitation that is for somebody else';
    if (this.#used.has(invite)) return 'repeats an invitation that is used up';
    const sender = members.find((one) => one.node === node);
    if (!sender || foldName(sender.name) !== foldName(from)) return 'invites in the name of others';
    return undefined;
  }

  /** The call of two that runs is to be a conference. */
  #grown(now: Millis, offer: Ringing, wire: CallId): void {
    const running = this.#options.running(wire);
    if (!running || running.node !== offer.node || this.#live)
      return this.#refuse(offer.from, offer.node, offer, 'failed');
    // Both at once: the invitation with the lower conference id lives.
    if (this.#growing) {
      if (this.#growing.conference.id < offer.conference) return this.#refuse(offer.from, offer.node, offer, 'failed');
      const { names } = this.#growing;
      this.#giveGrowthUp(now);
      const live = this.#join(now, running.call, offer, running);
      for (const name of names) live.ask(now, name);
      return;
    }
    this.#join(now, running.call, offer, running);
  }

  #join(now: Millis, call: CallId, offer: Ringing, running: RunningCall | undefined): Conference {
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

  #takenBack(from: UserName, { inviteId, reason }: Body<'conferenceRefusal'>): void {
    const ringing = this.#ringing;
    if (!ringing || idOf(inviteId) !== ringing.invite || foldName(from) !== foldName(ringing.from)) return;
    this.#ringEnds(reason === 'answered-elsewhere' ? 'answered-elsewhere' : 'cancelled');
  }

  #ringEnds(reason: 'declined' | 'no-answer' | 'cancelled' | 'answered-elsewhere'): void {
    const ringing = this.#ringing;
    if (!ringing) return;
    this.#ringing = undefined;
    remember(this.#declined, ringing.invite);
    const by = reason === 'cancelled' ? ringing.from : '';
    this.#out.push({ type: 'ended', call: ringing.conference, reason, by, durationMs: 0, rejoinable: false });
  }

  // ------------------------------------------------------------------ from within

  /** What the conference said is ours to hand on; of one that is growing only what goes to others. */
  #settle(now: Millis): void {
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
    remember(this.#used, live.invite);
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

  #say(to: UserName, node: NodeId, { conference, invite }: Pick<Ringing, 'conference' | 'invite'>): void {
    const body = { conferenceId: bytesOf(conference), inviteId: bytesOf(invite) };
    this.#out.push({ type: 'send', to, node, message: message('conferenceRinging', body) });
  }

  #refuse(
    to: UserName,
    node: NodeId,
    { conference, invite }: Pick<Ringing, 'conference' | 'invite'>,
    reason: string,
  ): void {
    this.#out.push({ type: 'send', to, node, message: refusalOf(conference, invite, reason) });
  }

  /** Told once a minute of each person. */
  #warn(now: Millis, name: UserName, what: string): void {
    this.dropped += 1;
    const key = foldName(name);
    if (now < (this.#warnedAt.get(key) ?? Number.NEGATIVE_INFINITY) + CONFERENCE_WARN_MS) return;
    if (this.#warnedAt.size >= CONFERENCE_INVITES_PAST_MAX) this.#warnedAt.clear();
    this.#warnedAt.set(key, now);
    this.#out.push({ type: 'warning', name, what });
  }
}

function remember(ids: Set<InviteId>, id: InviteId): void {
  ids.add(id);
  for (const oldest of ids) {
    if (ids.size <= CONFERENCE_INVITES_PAST_MAX) break;
    ids.delete(oldest);
  }
}

function distinct(names: readonly UserName[]): UserName[] {
  return [...new Map(names.map((name) => [foldName(name), name])).values()];
}

type ConferenceMessage = Extract<Message, { kind: (typeof KINDS)[number] }>;

export function isConferenceMessage(heard: Message): heard is ConferenceMessage {
  return KINDS.some((kind) => kind === heard.kind);
}
