/**
 * One conference, as one member runs it: what it states, what it hears of the others, and what follows from both for the
 * mixer, the legs and the person. Sans-I/O; `conferences.ts` hands in messages and commands and drains it. Rules and
 * reasons: PROTOCOL.md, section 9.18.
 *
 *   statements, beats -> ConferenceRoster (who is in)  -> ReignKeeper (who mixes) -> ConferenceLegs (media)
 *   our own statement, when it has changed -> everybody
 *
 * Above 400 lines: all that one message can lead to is one thing to read.
 */
import {
  CONFERENCE_ADOPTED_MAX,
  CONFERENCE_ASK_AGAIN_MS,
  CONFERENCE_BEAT_MS,
  CONFERENCE_COUNT_MAX,
  CONFERENCE_DEAF_MS,
  CONFERENCE_DEAF_PAIR_MS,
  CONFERENCE_FACTS_MS,
  CONFERENCE_FIRST_VOICE_MS,
  CONFERENCE_JUMP_MAX,
  CONFERENCE_LOST_MS,
  CONFERENCE_MEMBERS_MAX,
  CONFERENCE_QUIET_MS,
  CONFERENCE_REMOVED_MAX,
  CONFERENCE_RESTATE_MS,
  CONFERENCE_RTT_STEP_MS,
  CONFERENCE_SPEAKING_MS,
} from '../protocol/conference-params.ts';
import type { Millis, Random } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { bytesOf, type CallId, foldName, hexOf, ID_BYTES, type NodeId, type UserName } from '../protocol/ids.ts';
import { CALL_SILENCE_MS_MAX, INVITE_TIMEOUT_MS } from '../protocol/params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { type CallEndReason, moreTelling } from './call-record.ts';
import { type Ask, ConferenceAsks, isOpen } from './conference-asks.ts';
import { ConferenceLegs, legId, type WishedLeg } from './conference-legs.ts';
import type {
  Asked,
  AskState,
  ConferenceEvent,
  ConferenceId,
  ConferenceOutput,
  ConferencePerson,
  InviteId,
  Member,
  MixerFacts,
  OwnFacts,
  PersonEndReason,
  Reign,
  RunningCall,
  Statement,
} from './conference-record.ts';
import { isHigher, isLost, ReignKeeper, type ReignView, type Seen } from './conference-reign.ts';
import { ConferenceRoster } from './conference-roster.ts';
import { idOf, readStatement, writeMember, writeStatement } from './conference-wire.ts';

export interface ConferenceOptions {
  readonly id: ConferenceId;
  /** What our side calls it. */
  readonly call: CallId;
  readonly me: { readonly name: UserName; readonly node: NodeId };
  readonly direction: 'in' | 'out';
  readonly random: Random;
  /** Round trip of the signalling with a node, ms. */
  readonly rttMs: (node: NodeId) => number | undefined;
  readonly ownFacts: () => OwnFacts;
  /** The invitation by which we came; the founder's own is the conference's id. */
  readonly invite: InviteId;
  readonly by: UserName;
  readonly members: readonly Member[];
  /** The highest that anybody ever had; -1 before the first. */
  readonly order: number;
  readonly reign: Reign;
  readonly muted: boolean;
  readonly isBlocked: (name: UserName) => boolean;
}

/** A node with which we exchange statements. */
interface Contact {
  name: UserName;
  readonly node: NodeId;
  readonly since: Millis;
  heardAt: Millis;
  /** When it was heard again after a silence. */
  backAt: Millis;
  restatedAt: Millis;
  askedAt: Millis;
  /** What its newest word said of hearing the mixer, and of which term. */
  hears: { readonly reign: Reign; readonly on: boolean } | undefined;
}

const NEVER = Number.NEGATIVE_INFINITY;

export class Conference {
  readonly id: ConferenceId;
  readonly call: CallId;
  readonly #options: ConferenceOptions;
  readonly #me: { readonly name: UserName; readonly node: NodeId };
  readonly #roster = new ConferenceRoster();
  readonly #reign: ReignKeeper;
  readonly #legs: ConferenceLegs;
  readonly #asks = new ConferenceAsks();
  readonly #contacts = new Map<NodeId, Contact>();
  /** Those told as being in. */
  #present = new Map<NodeId, Statement>();
  /** What we say of ourselves. */
  #own: Statement;
  #published = '';
  #rosterTold = '';
  #startedAt: Millis;
  #joinedAt: Millis;
  #hadCompany = false;
  #isOver = false;
  /** By which we may not come back. */
  #barred = false;
  /** Came to others who talk already, who are to be heard before anything follows. */
  #comes: boolean;
  #hears = true;
  /** Since when we do not hear the mixer though others do. */
  #deafSince: Millis = Number.POSITIVE_INFINITY;
  #beatAt: Millis;
  #factsAt: Millis = 0;
  #speaking: { readonly at: Millis; readonly text: string } = { at: 0, text: '' };
  /** The call that this was, and with whom. */
  #grown: { readonly running: RunningCall; readonly pair: readonly NodeId[] } | undefined;
  #relays: readonly NodeId[] = [];
  /** Invitations of those who are gone that we have sent once more. */
  readonly #adopted = new Set<InviteId>();
  /** Whom our person blocked, and who is in: told. */
  readonly #blockedTold = new Set<string>();
  /** Those who say that we were removed. */
  readonly #removedSay = new Set<NodeId>();
  /** Leg ids that were computed lately. */
  readonly #wires = new Map<string, CallId>();
  #out: ConferenceOutput[] = [];
  /** Messages that no honest member sends. Only rises. */
  refused = 0;

  constructor(now: Millis, options: ConferenceOptions) {
    const { id, call, me, invite, by, members, reign } = options;
    this.#options = options;
    this.id = id;
    this.call = call;
    this.#me = me;
    this.#startedAt = now;
    this.#joinedAt = now;
    this.#comes = options.direction === 'in';
    this.#beatAt = now + CONFERENCE_BEAT_MS;
    this.#reign = new ReignKeeper(now, reign);
    this.#legs = new ConferenceLegs(id, call);
    for (const one of members) this.#roster.vouch(one.invite, one.name, one.by);
    this.#roster.vouch(invite, me.name, by);
    this.#own = {
      ...{ name: me.name, node: me.node, invite, by },
      order: after(Math.max(options.order, ...members.map(({ order }) => order))),
      incarnation: options.random.bytes(4).readUInt32BE(0),
      ...{ version: 0, isIn: true, asked: [], removed: [], members: [], reign, hears: true },
      facts: { ...options.ownFacts(), roundTrips: new Map(), deafTo: [] },
      ...{
        muted: options.muted,
        held: false,
        recording: false,
        trouble: '',
        relays: [],
        replyWanted: false,
        grownWith: '',
      },
    };
    for (const { name, node } of members) if (node !== me.node) this.#contact(now, name, node);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The one by which we are in. */
  get invite(): InviteId {
    return this.#own.invite;
  }

  get isHeld(): boolean {
    return this.#own.held;
  }

  get reign(): Reign {
    return this.#reign.reign;
  }

  get isMuted(): boolean {
    return this.#own.muted;
  }

  /** Nodes of which a statement is kept. */
  get nodesKnown(): number {
    return this.#roster.size;
  }

  /** Of all who are or were in. */
  get highestOrder(): number {
    return this.#roster.highestOrder();
  }

  /** Who is in, by node, as this member sees it now. */
  get present(): readonly NodeId[] {
    return [this.#me.node, ...this.#present.keys()].sort();
  }

  /** The first word: from now on everybody may hear us. */
  begin(now: Millis): void {
    this.#push({
      type: 'begun',
      call: this.call,
      grown: this.#grown !== undefined,
      direction: this.#options.direction,
    });
    this.#settle(now);
  }

  /** The call of two that this was; its media session is a leg from now on. */
  grownFrom(running: RunningCall): void {
    this.#grown = { running, pair: [this.#me.node, running.node] };
    const { muted, recording, node } = running;
    this.#own = { ...this.#own, muted, recording, grownWith: node };
    this.#legs.adopt({ key: running.call, wire: running.wire });
  }

  // ------------------------------------------------------------------ what our person wants

  /** `grownFrom`: this one talks with us already, in that call. */
  ask(now: Millis, name: UserName, grownFrom?: CallId): FailureCode | undefined {
    if (foldName(name) === foldName(this.#me.name)) return 'person-self';
    if (this.#options.isBlocked(name)) return 'blocked';
    if (this.#isIn(name) || this.#asks.openTo(name)) return 'person-in-conference';
    const open = this.#asks.all().filter(isOpen).length;
    if (this.#present.size + 1 + open >= CONFERENCE_MEMBERS_MAX) return 'conference-full';
    const ask = this.#asks.add(now, name, hexOf(this.#options.random.bytes(ID_BYTES)));
    if (!ask) return 'conference-full';
    this.#roster.vouch(ask.invite, name, this.#me.name);
    // The others hear of it first, so that they know whoever answers.
    this.#settle(now);
    this.#sendInvite(ask, grownFrom);
    return undefined;
  }

  remove(now: Millis, name: UserName): FailureCode | undefined {
    const ask = this.#asks.openTo(name);
    if (ask) {
      this.#takeBack(ask, 'cancelled');
      this.#void(ask.invite);
      this.#askEnded(now, ask);
      return undefined;
    }
    const there = [...this.#present.values()].find((one) => foldName(one.name) === foldName(name));
    if (!there) return 'person-unknown';
    if (!this.#roster.mayRemove(this.#me.name, there.invite)) return 'not-allowed';
    this.#void(there.invite);
    this.#settle(now);
    return undefined;
  }

  switch(now: Millis, what: 'muted' | 'held' | 'recording', on: boolean): void {
    if (this.#own[what] === on) return;
    this.#own = { ...this.#own, [what]: on };
    if (what === 'muted') this.#push({ type: on ? 'muted' : 'unmuted', call: this.call });
    if (what === 'held') this.#push({ type: on ? 'held' : 'resumed', call: this.call });
    this.#settle(now);
  }

  trouble(now: Millis, text: string): void {
    if (this.#own.trouble === text) return;
    this.#own = { ...this.#own, trouble: text };
    this.#settle(now);
  }

  setReach(now: Millis, candidates: readonly string[], relays: readonly NodeId[]): void {
    this.#relays = relays;
    this.#legs.setOwn(candidates, relays);
    if (!this.#isOver) this.#settle(now);
  }

  /** As our sound says, while we mix. */
  speaking(now: Millis, nodes: readonly NodeId[]): void {
    if (this.reign.mixer !== this.#me.node) return;
    const said = nodes.filter((node) => node === this.#me.node || this.#present.has(node)).sort();
    const text = said.join();
    if (text === this.#speaking.text && now < this.#speaking.at + 5 * CONFERENCE_SPEAKING_MS) return;
    if (now < this.#speaking.at + CONFERENCE_SPEAKING_MS / 2) return;
    this.#speaking = { at: now, text };
    this.#push({ type: 'speaking', call: this.call, nodes: said });
    const { term } = this.reign;
    const body = { conferenceId: bytesOf(this.id), term, speaking: said.map(bytesOf) };
    for (const node of this.#present.keys()) this.#datagram(node, message('conferenceSpeaking', body));
  }

  /** Polite: whoever follows us as mixer is named in the good-bye. */
  leave(now: Millis, reason: PersonEndReason = 'hangup'): void {
    if (this.#isOver) return;
    for (const ask of this.#asks.all()) {
      if (!isOpen(ask)) continue;
      // Where it rings already the others wait for the answer, or ask once more.
      if (this.#present.size === 0 || ask.state === 'calling') this.#missed(ask);
      if (this.#present.size === 0) this.#takeBack(ask, 'cancelled');
    }
    this.#end(now, reason, '');
  }

  /** Comes in again by the same invitation, newer than before. */
  rejoin(now: Millis): void {
    this.#isOver = false;
    this.#own = {
      ...this.#own,
      order: after(this.#roster.highestOrder()),
      incarnation: this.#options.random.bytes(4).readUInt32BE(0),
      ...{ isIn: true, held: false, trouble: '', version: 0 },
    };
    this.#startedAt = now;
    this.#joinedAt = now;
    this.#hadCompany = false;
    this.#present = new Map();
    this.#published = '';
    this.#rosterTold = '';
    this.#grown = undefined;
    this.#comes = true;
    this.#removedSay.clear();
    this.#blockedTold.clear();
    this.#reign.again(now);
    for (const { name, node } of [...this.#contacts.values()]) {
      this.#contacts.delete(node);
      this.#contact(now, name, node);
    }
    this.begin(now);
  }

  get mayRejoin(): boolean {
    return this.#isOver && !this.#barred && this.#roster.removedBy(this.#own.invite) === undefined;
  }

  /** We exchange statements with this node. */
  knows(node: NodeId): boolean {
    return this.#contacts.has(node);
  }

  // ------------------------------------------------------------------ what the others say

  hear(now: Millis, from: UserName, node: NodeId, heard: Message): void {
    switch (heard.kind) {
      case 'conferenceState':
        return this.#heardState(now, from, node, heard.body);
      case 'conferenceBeat':
        return this.#heardBeat(now, node, heard.body);
      case 'conferenceRinging':
        return this.#heardRinging(now, from, node, heard.body);
      case 'conferenceRefusal':
        return this.#heardRefusal(now, from, node, heard.body);
      case 'conferenceLeg':
        if (this.#present.has(node)) this.#legs.told(node, heard.body);
        return this.#drainLegs();
      case 'conferenceSpeaking':
        return this.#heardSpeaking(node, heard.body);
      default:
        return;
    }
  }

  /** Voice of a leg came. */
  voiceHeard(now: Millis, key: CallId): void {
    const node = this.#legs.heard(now, key);
    const contact = node === undefined ? undefined : this.#contacts.get(node);
    if (contact) this.#heardOf(now, contact);
    if (node === this.reign.mixer && !this.#hears && !this.#isOver) this.#settle(now);
  }

  /** Somebody is within reach (again): what was said before may be lost. */
  peerSeen(now: Millis, node: NodeId): void {
    const contact = this.#contacts.get(node);
    if (contact && !this.#isOver) this.#state(now, contact, true);
  }

  unreachable(now: Millis, name: UserName): void {
    const ask = this.#asks.openTo(name);
    if (!ask || this.#isOver || ask.state !== 'calling') return;
    ask.state = 'unreachable';
    this.#askEnded(now, ask);
  }

  wake(now: Millis): void {
    this.#legs.wake(now);
    if (!this.#isOver) {
      for (const late of this.#roster.expire(now)) this.#refuseUnknown(late);
      for (const ask of this.#asks.expired(now)) this.#askExpired(now, ask);
      if (now >= this.#beatAt) this.#beat(now);
      this.#settle(now);
    }
    this.#drainLegs();
  }

  wakeAt(): Millis {
    if (this.#isOver) return this.#legs.wakeAt();
    const at = Math.min(this.#beatAt, this.#legs.wakeAt(), this.#roster.expiresAt(), this.#asks.wakeAt());
    return Math.min(at, this.#reign.wakeAt(), this.#hears ? this.#deafAt() : Number.POSITIVE_INFINITY);
  }

  drain(): ConferenceOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #heardState(now: Millis, from: UserName, node: NodeId, body: Body<'conferenceState'>): void {
    const statement = readStatement(body, from, node);
    if (!statement) {
      this.refused += 1;
      return;
    }
    const known = this.#roster.of(node);
    const taken = this.#roster.take(now, statement);
    if (taken === 'impostor' || taken === 'refused') {
      this.#warn(from, 'is not who was invited');
      return this.#settle(now);
    }
    if (taken === 'removed' && statement.isIn) this.#refuse(from, node, statement.invite, 'removed');
    if (this.#isOver) return taken === 'new' ? this.#introduceLate(now, from, node) : undefined;
    if (taken === 'removed') return this.#settle(now);
    if (taken === 'waits') return;
    const contact = this.#contact(now, from, node);
    this.#heardOf(now, contact);
    if (taken === 'known' && known && statement.isIn && known.incarnation !== statement.incarnation)
      this.#sayOutrun(now, contact, statement.invite, known);
    if (taken === 'new') {
      contact.hears = { reign: statement.reign, on: statement.hears };
      this.#hearReign(now, contact, statement.reign);
    }
    this.#settle(now);
    if (statement.replyWanted || !statement.members.some((one) => one.node === this.#me.node))
      this.#state(now, contact, false);
  }

  #heardBeat(now: Millis, node: NodeId, body: Body<'conferenceBeat'>): void {
    const contact = this.#contacts.get(node);
    const known = this.#roster.of(node);
    const mixer = idOf(body.mixer);
    if (!contact || !mixer) return;
    if (this.#isOver) return this.#sayGoodbye(now, contact.name, node);
    const wasAlive = this.#isAlive(now, node);
    this.#heardOf(now, contact);
    const isNews = !known?.isIn || known.incarnation !== body.incarnation || known.version < body.version;
    if (isNews) this.#state(now, contact, true);
    if (!known?.isIn) return;
    const before = contact.hears;
    const reign = { term: Math.min(body.term, CONFERENCE_COUNT_MAX), mixer };
    contact.hears = { reign, on: body.hears };
    const isAbove = this.#hearReign(now, contact, reign);
    const isSame = before?.on === body.hears && before.reign.term === reign.term && before.reign.mixer === mixer;
    // Most beats say nothing but that somebody lives.
    if (isAbove || !isSame || !wasAlive) this.#settle(now);
  }

  /** Voice or a word of it came. */
  #heardOf(now: Millis, contact: Contact): void {
    if (contact.heardAt !== NEVER && now >= contact.heardAt + CONFERENCE_QUIET_MS) contact.backAt = now;
    contact.heardAt = now;
  }

  /** True when another term begins for us. */
  #hearReign(now: Millis, contact: Contact, reign: Reign): boolean {
    if (!isHigher(reign, this.reign) || reign.term > this.reign.term + CONFERENCE_JUMP_MAX) return false;
    // Who went on with the smaller part of us, cut off from the mixer, does not take the mix along.
    const keeps = this.#isOfSmallerPart(now, contact);
    const next = keeps ? { term: reign.term + 1, mixer: this.reign.mixer } : reign;
    return this.#reign.follow(now, next, this.#mixerIsLost(now));
  }

  /** It is back after a silence, we hear our mixer, and those who stayed with us are more than those with it. */
  #isOfSmallerPart(now: Millis, { node, backAt }: Contact): boolean {
    if (now >= backAt + CONFERENCE_QUIET_MS || this.#mixerIsLost(now)) return false;
    const stayed = [...this.#present.keys()].filter((one) => {
      const contact = this.#contacts.get(one);
      return this.#isAlive(now, one) && contact !== undefined && now >= contact.backAt + CONFERENCE_QUIET_MS;
    });
    const ours = new Set([this.#me.node, ...stayed]);
    const members = this.#roster.of(node)?.members ?? [];
    const theirs = new Set([node, ...members.map((one) => one.node)].filter((one) => !ours.has(one)));
    return ours.has(this.reign.mixer) && ours.size > theirs.size;
  }

  /** It came anew, by somebody who did not know how high it stood before: so its words count for nothing. */
  #sayOutrun(now: Millis, contact: Contact, invite: InviteId, { order, incarnation }: Statement): void {
    if (now < contact.askedAt + CONFERENCE_ASK_AGAIN_MS) return;
    contact.askedAt = now;
    this.#refuse(contact.name, contact.node, invite, 'old', { order, incarnation });
  }

  /** Above what they still have of us, then. */
  #rise(now: Millis, order: number, incarnation: number): void {
    const { order: own } = this.#own;
    if (incarnation === this.#own.incarnation || order < own || order > own + CONFERENCE_JUMP_MAX) return;
    this.#own = { ...this.#own, order: after(order) };
    this.#settle(now);
  }

  #heardRinging(now: Millis, from: UserName, node: NodeId, body: Body<'conferenceRinging'>): void {
    const ask = this.#asks.get(idOf(body.inviteId) ?? '');
    if (!ask || foldName(ask.name) !== foldName(from) || this.#isOver) return;
    if (!isOpen(ask))
      return this.#refuse(from, node, ask.invite, ask.state === 'in' ? 'answered-elsewhere' : 'cancelled');
    const first = ask.state === 'calling';
    this.#asks.rings(now, ask, node);
    if (first) this.#push({ type: 'ringing', call: this.call, direction: 'out', peer: from });
    this.#settle(now);
  }

  #heardRefusal(now: Millis, from: UserName, node: NodeId, body: Body<'conferenceRefusal'>): void {
    const invite = idOf(body.inviteId) ?? '';
    if (this.#isOver) return;
    if (body.reason === 'old' && this.#contacts.has(node) && invite === this.#own.invite)
      return this.#rise(now, body.order, body.incarnation);
    if (body.reason === 'over' && this.#roster.gone(now, node)) return this.#settle(now);
    if (invite === this.#own.invite || body.reason === 'over') {
      if (body.reason === 'removed' && this.#present.has(node)) return this.#saidRemoved(now, node);
      // One member alone throws nobody out; but where nobody took us in, its word is all there is.
      if (this.#present.size === 0 && this.#contacts.has(node)) this.#end(now, refusalReason(body.reason), from);
      return;
    }
    const ask = this.#asks.get(invite);
    if (!ask || foldName(ask.name) !== foldName(from) || !isOpen(ask)) return;
    ask.nodes.delete(node);
    const state: AskState = body.reason === 'busy' ? 'busy' : body.reason === 'declined' ? 'declined' : 'failed';
    // A person's "no" is for all devices; a busy one is only one of them.
    if (state !== 'declined' && ask.nodes.size > 0) return;
    ask.state = state;
    for (const other of ask.nodes) this.#refuse(ask.name, other, ask.invite, 'answered-elsewhere');
    this.#askEnded(now, ask);
  }

  /** Who removed us may be gone, so that only others can tell: more than half of those whom we hear must. */
  #saidRemoved(now: Millis, node: NodeId): void {
    this.#removedSay.add(node);
    const heard = [...this.#present.keys()].filter((one) => this.#isAlive(now, one));
    const saying = heard.filter((one) => this.#removedSay.has(one));
    if (saying.length * 2 > heard.length) this.#end(now, 'removed', '');
  }

  #heardSpeaking(node: NodeId, body: Body<'conferenceSpeaking'>): void {
    const { term, mixer } = this.reign;
    if (node !== mixer || body.term !== term || this.#isOver) return;
    const nodes = body.speaking.slice(0, CONFERENCE_MEMBERS_MAX).map(idOf);
    const known = nodes.filter((one) => one !== undefined && (one === this.#me.node || this.#present.has(one)));
    this.#push({ type: 'speaking', call: this.call, nodes: known as NodeId[] });
  }

  // ------------------------------------------------------------------ what follows

  /** Everything that follows from what is known now. */
  #settle(now: Millis): void {
    if (this.#isOver) return;
    this.#introduce(now);
    this.#comeAndGo(now);
    const fate = this.#fate(now);
    if (fate) return this.#end(now, fate.reason, fate.by);
    this.#listen(now);
    const view = this.#view(now);
    if (this.#reign.judge(now, view)) this.#listen(now);
    this.#setLegs(now);
    this.#adopt(now);
    this.#publish(now);
    this.#tellRoster(now);
    this.#drainLegs();
  }

  /** Whom somebody asked who is gone since, might find nobody: the first of us asks again, by the same invite. */
  #adopt(now: Millis): void {
    const first = [...this.#present.values()].every(
      ({ order, node }) => order > this.#own.order || !this.#isAlive(now, node),
    );
    if (!first || this.#present.size === 0) return;
    for (const { node, asked } of this.#roster.admitted()) {
      if (node === this.#me.node || (this.#present.has(node) && this.#isAlive(now, node))) continue;
      for (const ask of asked) {
        if (!isOpen(ask) || this.#adopted.has(ask.invite) || this.#isIn(ask.name)) continue;
        if (this.#adopted.size >= CONFERENCE_ADOPTED_MAX) this.#adopted.clear();
        this.#adopted.add(ask.invite);
        this.#sendInvite(ask);
      }
    }
  }

  /** Others who are in, by the word of one of them that knows our invite. */
  meet(now: Millis, members: readonly Member[]): void {
    for (const one of members) {
      this.#roster.vouch(one.invite, one.name, one.by);
      if (one.node !== this.#me.node) this.#contact(now, one.name, one.node);
    }
    this.#settle(now);
  }

  /** Those of whom others tell become contacts; those nobody tells of, and who are not heard, are none any more. */
  #introduce(now: Millis): void {
    for (const { name, node } of this.#roster.hearsay()) if (node !== this.#me.node) this.#contact(now, name, node);
    for (const contact of [...this.#contacts.values()]) {
      const known = this.#roster.of(contact.node);
      const silentMs = now - Math.max(contact.heardAt, contact.since);
      const patienceMs = known?.isIn ? CONFERENCE_LOST_MS : CALL_SILENCE_MS_MAX;
      if (silentMs < patienceMs) continue;
      this.#roster.gone(now, contact.node);
      this.#contacts.delete(contact.node);
    }
    // Some were heard before anybody had vouched for them.
    for (const { name, node, isIn } of this.#roster.admitted()) {
      if (!isIn || node === this.#me.node || this.#contacts.has(node)) continue;
      this.#heardOf(now, this.#contact(now, name, node));
    }
  }

  #contact(now: Millis, name: UserName, node: NodeId): Contact {
    const known = this.#contacts.get(node);
    if (known) return known;
    const never = { heardAt: NEVER, backAt: NEVER, restatedAt: NEVER, askedAt: NEVER };
    const contact: Contact = { name, node, since: now, ...never, hears: undefined };
    if (this.#contacts.size < 4 * CONFERENCE_MEMBERS_MAX) this.#contacts.set(node, contact);
    return contact;
  }

  /** All others who are in and were heard within a minute. */
  #others(now: Millis): Statement[] {
    return this.#roster.in().filter(({ node }) => {
      const contact = this.#contacts.get(node);
      return node !== this.#me.node && contact !== undefined && now < contact.heardAt + CALL_SILENCE_MS_MAX;
    });
  }

  #comeAndGo(now: Millis): void {
    const { call } = this;
    // Our own is among them, so that there are never more than eight.
    this.#roster.setOwn(now, this.#own);
    const others = new Map(this.#others(now).map((one) => [one.node, one]));
    const before = this.#present;
    this.#present = others;
    for (const [node, one] of others) {
      if (before.has(node)) continue;
      this.#hadCompany = true;
      const ask = this.#asks.get(one.invite) ?? this.#asks.openTo(one.name);
      if (ask && ask.state !== 'in') this.#answered(ask, node);
      const setupMs = now - (ask?.since ?? this.#startedAt);
      this.#push({ type: 'answered', call, peer: one.name, setupMs, isMe: false });
      this.#tellBlocked(one.name);
    }
    for (const [node, one] of before) if (!others.has(node)) this.#went(one);
  }

  /** Nobody is kept out by one member's wish; but it is not kept from that member either. */
  #tellBlocked(name: UserName): void {
    if (!this.#options.isBlocked(name) || this.#blockedTold.has(foldName(name))) return;
    this.#blockedTold.add(foldName(name));
    this.#push({ type: 'blocked-inside', call: this.call, peer: name });
  }

  #went({ node, name, invite }: Statement): void {
    const removedBy = this.#roster.removedBy(invite);
    const why = this.#roster.whyOut(node);
    const reason = removedBy !== undefined ? 'removed' : (why ?? (this.#roster.of(node)?.isIn ? 'failed' : 'hangup'));
    this.#push({ type: 'person-ended', call: this.call, peer: name, reason, by: removedBy ?? '' });
  }

  #answered(ask: Ask, node: NodeId): void {
    ask.state = 'in';
    for (const other of ask.nodes) if (other !== node) this.#refuse(ask.name, other, ask.invite, 'answered-elsewhere');
  }

  /** What the others, and their absence, make of us. */
  #fate(now: Millis): { readonly reason: PersonEndReason; readonly by: UserName } | undefined {
    const why = this.#roster.whyOut(this.#me.node);
    if (this.#roster.removedBy(this.#own.invite) !== undefined)
      return { reason: 'removed', by: this.#roster.removedBy(this.#own.invite) ?? '' };
    if (why) return { reason: why, by: '' };
    if (this.#present.size > 0 || this.#asks.open) return undefined;
    if (this.#hadCompany) {
      const lost = this.#roster.in().some(({ node }) => node !== this.#me.node);
      return { reason: lost ? 'failed' : 'hangup', by: '' };
    }
    if (this.#comes || this.#asks.all().length === 0) {
      const waits = now < this.#joinedAt + INVITE_TIMEOUT_MS;
      return waits ? undefined : { reason: 'unreachable', by: '' };
    }
    return {
      reason: this.#asks
        .all()
        .map(({ state }) => endReasonOf(state))
        .reduce(moreTelling),
      by: '',
    };
  }

  /** When the mixer counts as not heard, if nothing comes. */
  #deafAt(): Millis {
    const { mixer } = this.reign;
    const first = this.#reign.since + CONFERENCE_FIRST_VOICE_MS;
    if (mixer === this.#me.node || this.#own.held) return Number.POSITIVE_INFINITY;
    const leg = this.#legs.heardAt(this.#wireWith(mixer) ?? '');
    if (!leg || leg.heardAt === 0) return first;
    return Math.max(leg.heardAt + CONFERENCE_DEAF_MS, Math.min(first, leg.openedAt + CONFERENCE_FIRST_VOICE_MS));
  }

  #listen(now: Millis): void {
    const { mixer } = this.reign;
    this.#hears = now < this.#deafAt();
    if (this.#hears) this.#deafSince = Number.POSITIVE_INFINITY;
    else this.#deafSince = Math.min(this.#deafSince, now);
    const deaf = new Set(this.#own.facts.deafTo.filter((node) => this.#present.has(node)));
    if (this.#hears) deaf.delete(this.#legs.heardAt(this.#wireWith(mixer) ?? '')?.heardAt ? mixer : '');
    else if (now >= this.#deafSince + CONFERENCE_DEAF_PAIR_MS && this.#present.has(mixer)) deaf.add(mixer);
    this.#gatherFacts(now, [...deaf].sort());
  }

  /** Round trips and load are looked at now and then, so that not every statement is a new one. */
  #gatherFacts(now: Millis, deafTo: readonly NodeId[]): void {
    const { facts } = this.#own;
    const isDue = now >= this.#factsAt || [...this.#present.keys()].some((node) => !facts.roundTrips.has(node));
    if (!isDue && facts.deafTo.join() === deafTo.join()) return;
    const next: MixerFacts = isDue
      ? { ...this.#options.ownFacts(), roundTrips: this.#roundTrips(facts), deafTo }
      : { ...facts, deafTo };
    if (isDue) this.#factsAt = now + CONFERENCE_FACTS_MS;
    this.#own = { ...this.#own, facts: next };
  }

  #roundTrips(before: MixerFacts): Map<NodeId, number> {
    const found = new Map<NodeId, number>();
    for (const node of [...this.#present.keys()].sort()) {
      const ms = this.#options.rttMs(node);
      const old = before.roundTrips.get(node);
      if (ms === undefined) continue;
      const stays = old !== undefined && Math.abs(ms - old) <= Math.max(CONFERENCE_RTT_STEP_MS, old / 4);
      found.set(node, stays ? old : Math.round(ms / CONFERENCE_RTT_STEP_MS) * CONFERENCE_RTT_STEP_MS);
    }
    return found;
  }

  #isAlive(now: Millis, node: NodeId): boolean {
    const contact = this.#contacts.get(node);
    return node === this.#me.node || (contact !== undefined && now < contact.heardAt + CONFERENCE_QUIET_MS);
  }

  #view(now: Millis): ReignView {
    const { reign } = this;
    const seen = [...this.#present.values(), this.#own].map((one): Seen => {
      const { node, facts, held } = one;
      const word = this.#contacts.get(node)?.hears;
      const saysDeaf = word?.on === false && word.reign.term === reign.term && word.reign.mixer === reign.mixer;
      const deaf = node === this.#me.node ? !this.#hears : saysDeaf;
      return { node, facts, held, alive: this.#isAlive(now, node), deaf };
    });
    // Those of whom we only know that they are in have not said yet what they hear.
    const unheard = [...this.#contacts.values()].filter(({ heardAt, since, node }) => {
      const isNew = heardAt === NEVER && now < since + INVITE_TIMEOUT_MS / 2;
      return isNew && !this.#present.has(node) && this.#roster.of(node)?.isIn !== false;
    });
    const facts: MixerFacts = { uplinkKbps: 1, idleCenticores: 1, reach: 1, roundTrips: new Map(), deafTo: [] };
    const waits = this.#isJoining(now)
      ? unheard.map(({ node }): Seen => ({ node, facts, held: false, alive: true, deaf: false }))
      : [];
    const mixing = this.#roster.of(reign.mixer);
    const mixerLeft =
      reign.mixer !== this.#me.node &&
      mixing !== undefined &&
      !this.#present.has(reign.mixer) &&
      (!mixing.isIn || this.#roster.whyOut(reign.mixer) !== undefined || !this.#isAlive(now, reign.mixer));
    const isFounder = this.#own.by === '' && this.#own.order === 0;
    return {
      me: this.#me.node,
      seen: [...seen, ...waits],
      mixerLeft: mixerLeft && waits.length === 0,
      isFounder,
      grown: this.#grownPair(),
    };
  }

  /** The two whose call this was, if one of them mixes or is to choose. */
  #grownPair(): readonly NodeId[] {
    if (this.#grown) return this.#grown.pair;
    const { mixer } = this.reign;
    const other = this.#present.get(mixer)?.grownWith;
    return other ? [mixer, other] : [];
  }

  /** We have just come, and may not have heard everybody yet. */
  #isJoining(now: Millis): boolean {
    return this.#comes && now < this.#joinedAt + INVITE_TIMEOUT_MS / 2;
  }

  #mixerIsLost(now: Millis): boolean {
    const view = this.#view(now);
    return isLost(view, this.reign.mixer) || !this.#hears || !this.#isAlive(now, this.reign.mixer);
  }

  /** The leg between us and the mixer, or of us as mixer with this one. */
  #wireWith(node: NodeId): CallId | undefined {
    const { term, mixer } = this.reign;
    const isMixer = mixer === this.#me.node;
    const other = this.#present.get(node);
    if (!other) return undefined;
    const grown = this.#grown;
    if (grown && term <= 1 && grown.pair.includes(mixer) && grown.pair.includes(node)) return grown.running.wire;
    const key = `${term} ${isMixer} ${node} ${other.incarnation} ${this.#own.incarnation}`;
    const known = this.#wires.get(key);
    if (known) return known;
    const wire = isMixer ? legId(this.id, term, this.#own, other) : legId(this.id, term, other, this.#own);
    if (this.#wires.size > 4 * CONFERENCE_MEMBERS_MAX) this.#wires.clear();
    this.#wires.set(key, wire);
    return wire;
  }

  #setLegs(now: Millis): void {
    const { term, mixer } = this.reign;
    const mixes = mixer === this.#me.node;
    // Who was silent before we began to mix gets a leg as soon as it is heard.
    const there = [...this.#present.values()].filter(({ node }) => {
      return this.#isAlive(now, node) || this.#legs.heardAt(this.#wireWith(node) ?? '') !== undefined;
    });
    const others = mixes ? there : [this.#present.get(mixer)];
    const wished = others.flatMap((other): WishedLeg[] => {
      const wire = other ? this.#wireWith(other.node) : undefined;
      return other && wire ? [{ wire, other, mixes, held: this.#own.held || other.held }] : [];
    });
    const lingers = (node: NodeId): boolean => this.#present.has(node) && this.#isAlive(now, node);
    this.#legs.set(now, wished, lingers);
    if (this.#grown && (term > 1 || !this.#grown.pair.includes(mixer))) this.#legs.letRunningGo();
  }

  // ------------------------------------------------------------------ saying

  /** Our statement to everybody, when it says something new. */
  #publish(now: Millis): void {
    const { incarnation, order } = this.#own;
    this.#own = {
      ...this.#own,
      ...{ asked: this.#asks.list(), reign: this.reign, hears: this.#hears, relays: this.#relays },
      members: [...this.#present.values()].map(memberOf),
    };
    const text = JSON.stringify({ ...this.#own, version: 0, facts: [...this.#own.facts.roundTrips, this.#own.facts] });
    if (text === this.#published) return;
    this.#published = text;
    this.#own = { ...this.#own, incarnation, order, version: this.#own.version + 1 };
    this.#roster.setOwn(now, this.#own);
    for (const contact of this.#contacts.values()) {
      // The others are told; those who are not heard are told again by and by.
      this.#state(now, contact, contact.heardAt === NEVER, true);
    }
  }

  /** Our statement to one; without `news` no more often than makes sense. */
  #state(now: Millis, contact: Contact, replyWanted: boolean, news = false): void {
    if (!news && now < contact.askedAt + CONFERENCE_ASK_AGAIN_MS) return;
    if (!news) contact.askedAt = now;
    contact.restatedAt = now;
    const said = writeStatement(this.id, { ...this.#own, replyWanted });
    this.#push({ type: 'send', to: contact.name, node: contact.node, message: said });
  }

  #beat(now: Millis): void {
    this.#beatAt = now + CONFERENCE_BEAT_MS;
    const { incarnation, version } = this.#own;
    const { term, mixer } = this.reign;
    const beat = {
      conferenceId: bytesOf(this.id),
      incarnation,
      version,
      term,
      mixer: bytesOf(mixer),
      hears: this.#hears,
    };
    for (const contact of this.#contacts.values()) {
      if (this.#roster.of(contact.node)?.isIn === false) continue;
      this.#datagram(contact.node, message('conferenceBeat', beat));
      const silentMs = now - Math.max(contact.heardAt, contact.restatedAt);
      if (silentMs >= CONFERENCE_RESTATE_MS) this.#state(now, contact, true);
    }
  }

  /** Those of our own invitation of whom nothing has come yet. */
  #unheard(): Member[] {
    return this.#options.members.filter(({ node }) => node !== this.#me.node && this.#roster.of(node) === undefined);
  }

  /** We have left, and somebody whom we know of has come: the good-bye names those who are in, as far as we heard. */
  #introduceLate(now: Millis, name: UserName, node: NodeId): void {
    const members = this.#roster.in().filter((one) => one.node !== this.#me.node && one.node !== node);
    const known = [...members.map(memberOf), ...this.#unheard()];
    this.#own = { ...this.#own, members: known, version: this.#own.version + 1 };
    this.#sayGoodbye(now, name, node);
  }

  #sayGoodbye(now: Millis, name: UserName, node: NodeId): void {
    const contact = this.#contact(now, name, node);
    this.#state(now, contact, false);
  }

  #sendInvite(ask: Asked, grownFrom?: CallId): void {
    const { term, mixer } = this.reign;
    const body = {
      conferenceId: bytesOf(this.id),
      inviteId: bytesOf(ask.invite),
      invitee: ask.name,
      members: [...[this.#own, ...this.#present.values()].map(memberOf), ...this.#unheard()].map(writeMember),
      term,
      mixer: bytesOf(mixer),
      order: this.#roster.highestOrder(),
      grownFrom: bytesOf(grownFrom ?? ''),
    };
    this.#push({ type: 'send', to: ask.name, message: message('conferenceInvite', body) });
  }

  #refuse(
    to: UserName,
    node: NodeId | undefined,
    invite: InviteId,
    reason: string,
    newer: { readonly order: number; readonly incarnation: number } = { order: 0, incarnation: 0 },
  ): void {
    const body = { conferenceId: bytesOf(this.id), inviteId: bytesOf(invite), reason, ...newer };
    const said = message('conferenceRefusal', body);
    this.#push(node === undefined ? { type: 'send', to, message: said } : { type: 'send', to, node, message: said });
  }

  #takeBack(ask: Ask, state: AskState): void {
    ask.state = state;
    this.#refuse(ask.name, undefined, ask.invite, 'cancelled');
  }

  #askExpired(now: Millis, ask: Ask): void {
    this.#takeBack(ask, ask.state === 'calling' ? 'unreachable' : 'no-answer');
    this.#askEnded(now, ask);
  }

  /** Nobody took our call there: whoever is not within reach is to know of it later. */
  #missed({ name }: Ask): void {
    this.#push({ type: 'missed', conference: this.id, peer: name });
  }

  #askEnded(now: Millis, ask: Ask): void {
    const reason = endReasonOf(ask.state);
    if (MISSED.has(reason)) this.#missed(ask);
    this.#push({ type: 'person-ended', call: this.call, peer: ask.name, reason, by: '' });
    this.#settle(now);
  }

  /** This invitation lets nobody in any more. */
  #void(invite: InviteId): void {
    const removed = [...this.#own.removed.filter((one) => one !== invite), invite].slice(-CONFERENCE_REMOVED_MAX);
    this.#own = { ...this.#own, removed };
  }

  #end(now: Millis, reason: PersonEndReason, by: UserName): void {
    const view = this.#view(now);
    const [deputy] = this.#reign.ranked(now, view).filter((node) => node !== this.#me.node);
    const { term, mixer } = this.reign;
    if (mixer === this.#me.node && deputy) this.#reign.follow(now, { term: term + 1, mixer: deputy }, false);
    this.#own = { ...this.#own, isIn: false };
    this.#publish(now);
    this.#isOver = true;
    this.#barred = reason === 'removed' || reason === 'answered-elsewhere';
    this.#legs.closeAll();
    this.#drainLegs();
    const rejoinable = this.#present.size > 0 && !this.#barred;
    const durationMs = this.#hadCompany ? now - this.#joinedAt : 0;
    this.#push({ type: 'ended', call: this.call, reason, by, durationMs, rejoinable });
  }

  #isIn(name: UserName): boolean {
    return [...this.#present.values()].some((one) => foldName(one.name) === foldName(name));
  }

  #datagram(node: NodeId, value: Message): void {
    this.#push({ type: 'datagram', node, message: value });
  }

  /** Nobody vouched for it in time; it may be in good faith, invited by somebody who was removed since. */
  #refuseUnknown({ name, node, invite }: Statement): void {
    this.#refuse(name, node, invite, 'removed');
    this.#warn(name, 'is not known to anybody in the conference');
  }

  #warn(name: UserName, what: string): void {
    this.refused += 1;
    this.#push({ type: 'warning', name, what });
  }

  #push(output: ConferenceOutput | ConferenceEvent): void {
    this.#out.push(output);
  }

  #drainLegs(): void {
    this.#out.push(...this.#legs.drain());
  }

  // ------------------------------------------------------------------ for the person

  #tellRoster(now: Millis): void {
    const view = this.#view(now);
    const { term, mixer } = this.reign;
    const deputies = this.#reign.ranked(now, view).filter((node) => node !== mixer);
    const inside = [this.#own, ...this.#present.values()].sort(
      (a, b) => a.order - b.order || (a.node < b.node ? -1 : 1),
    );
    const people = [
      ...inside.map((one) => this.#person(now, one, deputies)),
      ...this.#outside(inside.map(({ name }) => foldName(name))),
    ];
    const roster = { conference: this.id, term, mixer, people };
    const text = JSON.stringify(roster);
    if (text === this.#rosterTold) return;
    this.#rosterTold = text;
    this.#push({ type: 'roster', call: this.call, roster });
  }

  #person(now: Millis, one: Statement, deputies: readonly NodeId[]): ConferencePerson {
    const { name, node, muted, held, recording, by } = one;
    const isMe = node === this.#me.node;
    return {
      ...{ name, node, muted, held, recording, by, isMe },
      state: 'in',
      isMixer: node === this.reign.mixer,
      deputy: deputies.indexOf(node) + 1,
      trouble: this.#isAlive(now, node) ? one.trouble : 'not heard',
      removable: !isMe && this.#roster.mayRemove(this.#me.name, one.invite),
      blocked: !isMe && this.#options.isBlocked(name),
    };
  }

  /** Those who were asked, by anybody, and are not in. */
  #outside(inside: readonly string[]): ConferencePerson[] {
    const found = new Map<string, ConferencePerson>();
    for (const said of [this.#own, ...this.#present.values()]) {
      for (const { name, state } of said.node === this.#me.node ? this.#asks.list() : said.asked) {
        const key = foldName(name);
        if (state === 'in' || inside.includes(key) || (found.has(key) && !isOpen({ state }))) continue;
        const nothing = { isMe: false, isMixer: false, deputy: 0, muted: false, held: false, recording: false };
        const removable = said.node === this.#me.node && isOpen({ state });
        const blocked = this.#options.isBlocked(name);
        found.set(key, { name, node: '', state, ...nothing, trouble: '', by: said.name, removable, blocked });
      }
    }
    return [...found.values()];
  }
}

/** Whom an invitation did not reach in time. */
const MISSED: ReadonlySet<string> = new Set(['no-answer', 'unreachable', 'cancelled']);

/** Above this one, within what is taken for counted. */
function after(order: number): number {
  return Math.min(order + 1, CONFERENCE_COUNT_MAX);
}

function memberOf({ name, node, invite, by, order, incarnation }: Statement): Member {
  return { name, node, invite, by, order, incarnation };
}

function endReasonOf(state: AskState): CallEndReason {
  switch (state) {
    case 'declined':
    case 'busy':
    case 'no-answer':
    case 'unreachable':
    case 'cancelled':
      return state;
    default:
      return 'failed';
  }
}

function refusalReason(text: string): PersonEndReason {
  if (text === 'removed' || text === 'full' || text === 'answered-elsewhere' || text === 'cancelled') return text;
  return 'failed';
}
