/**
 * One conference, as one member runs it: what it states, what it hears of the others, and what follows from both for the
 * mixer, the legs and the person. Sans-I/O; `conferences.ts` hands in messages and commands and drains it. Rules and
 * reasons: PROTOCOL.md, section 9.18.
 *
 *   statements, beats -> ConferenceRoster (who is in)  -> ReignKeeper (who mixes) -> ConferenceMedia (legs)
 *          |                    ConferenceEars (do we hear the mixer) -^
 *   ConferenceContacts (who is heard)          ConferenceInviter (whom we call)
 *   our own statement, when it has changed -> everybody
 *
 * Well above 400 lines: what is stated, heard and settled is one state, and all that one message can lead to is one thing to read.
 */
import {
  CONFERENCE_ASK_AGAIN_MS,
  CONFERENCE_BEAT_MS,
  CONFERENCE_COUNT_MAX,
  CONFERENCE_JUMP_MAX,
  CONFERENCE_LOST_MS,
  CONFERENCE_MEMBERS_MAX,
  CONFERENCE_REMOVED_MAX,
  CONFERENCE_RESTATE_MS,
  CONFERENCE_SPEAKING_MS,
} from '../protocol/conference-params.ts';
import type { Millis, Random } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { type CallId, foldName, type NodeId, type UserName } from '../protocol/ids.ts';
import { CALL_SILENCE_MS_MAX, INVITE_TIMEOUT_MS } from '../protocol/params.ts';
import type { Body, Message } from '../wire/messages.ts';
import { moreTelling } from './call-record.ts';
import { ConferenceContacts, type Contact, NEVER } from './conference-contacts.ts';
import { ConferenceEars, type EarsOptions, type Listening } from './conference-ears.ts';
import { ConferenceInviter } from './conference-inviter.ts';
import { ConferenceMedia, type MediaView } from './conference-media.ts';
import { reignView } from './conference-outlook.ts';
import { peopleOf } from './conference-people.ts';
import { endReasonOf, refusalReason } from './conference-reasons.ts';
import type {
  ConferenceEvent,
  ConferenceId,
  ConferenceOutput,
  InviteId,
  Member,
  PersonEndReason,
  Reign,
  RunningCall,
  Statement,
} from './conference-record.ts';
import { isHigher, isLost, ReignKeeper, type ReignView } from './conference-reign.ts';
import { ConferenceRoster } from './conference-roster.ts';
import { idOf, readStatement, writeStatement } from './conference-wire.ts';
import { beatOf, type Offer, refusalOf, speakingOf } from './conference-words.ts';

export interface ConferenceOptions extends EarsOptions {
  readonly id: ConferenceId;
  /** What our side calls it. */
  readonly call: CallId;
  readonly me: { readonly name: UserName; readonly node: NodeId };
  readonly direction: 'in' | 'out';
  readonly random: Random;
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

export class Conference {
  readonly id: ConferenceId;
  readonly call: CallId;
  readonly #options: ConferenceOptions;
  readonly #me: { readonly name: UserName; readonly node: NodeId };
  readonly #roster = new ConferenceRoster();
  readonly #reign: ReignKeeper;
  readonly #ears: ConferenceEars;
  readonly #media: ConferenceMedia;
  readonly #inviter: ConferenceInviter;
  readonly #contacts: ConferenceContacts;
  /** Those told as being in. */
  #present = new Map<NodeId, Statement>();
  /** What we say of ourselves. */
  #own: Statement;
  #published = '';
  #rosterTold = '';
  #startedAt: Millis;
  #hadCompany = false;
  #isOver = false;
  /** By which we may not come back. */
  #barred = false;
  /** Came to others who talk already, who are to be heard before anything follows. */
  #comes: boolean;
  #beatAt: Millis;
  #speaking: { readonly at: Millis; readonly text: string } = { at: NEVER, text: '' };
  #relays: readonly NodeId[] = [];
  /** Whom our person blocked, and who is in: told. */
  readonly #blockedTold = new Set<string>();
  /** Those who say that we were removed. */
  readonly #removedSay = new Set<NodeId>();
  #out: ConferenceOutput[] = [];
  /** Messages that no honest member sends. Only rises. */
  refused = 0;

  constructor(now: Millis, options: ConferenceOptions) {
    const { id, call, me, invite, by, members, reign, random } = options;
    this.#options = options;
    this.id = id;
    this.call = call;
    this.#me = me;
    this.#startedAt = now;
    this.#comes = options.direction === 'in';
    this.#beatAt = now + CONFERENCE_BEAT_MS;
    this.#reign = new ReignKeeper(now, reign);
    this.#ears = new ConferenceEars(options);
    this.#media = new ConferenceMedia(id, call);
    this.#inviter = new ConferenceInviter({ id, call, random });
    this.#contacts = new ConferenceContacts(me.node);
    for (const one of members) this.#roster.vouch(one.invite, one.name, one.by);
    this.#roster.vouch(invite, me.name, by);
    this.#own = {
      ...{ name: me.name, node: me.node, invite, by },
      order: after(Math.max(options.order, ...members.map(({ order }) => order))),
      incarnation: random.bytes(4).readUInt32BE(0),
      ...{ version: 0, isIn: true, asked: [], removed: [], members: [], reign, hears: true },
      ...{ facts: this.#ears.facts, muted: options.muted, held: false, recording: false, trouble: '' },
      ...{ relays: [], replyWanted: false, grownWith: '' },
    };
    for (const { name, node } of members) if (node !== me.node) this.#contacts.meet(now, name, node);
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

  get isMuted(): boolean {
    return this.#own.muted;
  }

  get reign(): Reign {
    return this.#reign.reign;
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

  get mayRejoin(): boolean {
    return this.#isOver && !this.#barred && this.#roster.removedBy(this.#own.invite) === undefined;
  }

  /** With whom we exchange statements. */
  get company(): readonly UserName[] {
    return this.#contacts.all().map(({ name }) => name);
  }

  /** We exchange statements with this node. */
  knows(node: NodeId): boolean {
    return this.#contacts.of(node) !== undefined;
  }

  /** The first word: from now on everybody may hear us. */
  begin(now: Millis): void {
    const grown = this.#media.grownPair.length > 0;
    this.#push({ type: 'begun', call: this.call, grown, direction: this.#options.direction });
    this.#settle(now);
  }

  /** The call of two that this was; its media session is a leg from now on. */
  grownFrom(running: RunningCall): void {
    const { muted, recording, node } = running;
    this.#own = { ...this.#own, muted, recording, grownWith: node };
    this.#media.grownFrom(this.#me.node, running);
  }

  // ------------------------------------------------------------------ what our person wants

  /** `grownFrom`: this one talks with us already, in that call. */
  ask(now: Millis, name: UserName, grownFrom?: CallId): FailureCode | undefined {
    if (foldName(name) === foldName(this.#me.name)) return 'person-self';
    if (this.#options.isBlocked(name)) return 'blocked';
    if (this.#inside(name) || this.#inviter.openTo(name)) return 'person-in-conference';
    if (this.#present.size + 1 + this.#inviter.open.length >= CONFERENCE_MEMBERS_MAX) return 'conference-full';
    const ask = this.#inviter.add(now, name);
    if (!ask) return 'conference-full';
    this.#roster.vouch(ask.invite, name, this.#me.name);
    // The others hear of it first, so that they know whoever answers.
    this.#settle(now);
    this.#inviter.send(ask, this.#offer(), grownFrom);
    this.#collect();
    return undefined;
  }

  remove(now: Millis, name: UserName): FailureCode | undefined {
    const ask = this.#inviter.openTo(name);
    const there = this.#inside(name);
    if (!ask && !there) return 'person-unknown';
    if (!ask && there && !this.#roster.mayRemove(this.#me.name, there.invite)) return 'not-allowed';
    if (ask) this.#inviter.takeBack(ask);
    this.#void((ask ?? there)?.invite ?? '');
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
    this.#media.setOwn(candidates, relays);
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
    const told = speakingOf(this.id, this.reign.term, said);
    for (const node of this.#present.keys()) this.#push({ type: 'datagram', node, message: told });
  }

  /** Polite: whoever follows us as mixer is named in the good-bye. */
  leave(now: Millis, reason: PersonEndReason = 'hangup'): void {
    if (this.#isOver) return;
    this.#inviter.leave(this.#present.size === 0);
    this.#collectInvited();
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
    this.#hadCompany = false;
    this.#present = new Map();
    this.#published = '';
    this.#rosterTold = '';
    this.#comes = true;
    this.#media.anew();
    this.#removedSay.clear();
    this.#blockedTold.clear();
    this.#reign.again(now);
    this.#contacts.anew(now);
    this.begin(now);
  }

  // ------------------------------------------------------------------ what the others say

  hear(now: Millis, from: UserName, node: NodeId, heard: Message): void {
    switch (heard.kind) {
      case 'conferenceState':
        return this.#heardState(now, from, node, heard.body);
      case 'conferenceBeat':
        return this.#heardBeat(now, node, heard.body);
      case 'conferenceRinging': {
        const invite = idOf(heard.body.inviteId) ?? '';
        if (!this.#isOver && this.#inviter.rings(now, from, node, invite)) this.#settle(now);
        return this.#collect();
      }
      case 'conferenceRefusal':
        this.#heardRefusal(now, from, node, heard.body);
        return this.#collect();
      case 'conferenceLeg':
        if (this.#present.has(node)) this.#media.told(node, heard.body);
        return this.#collect();
      case 'conferenceSpeaking':
        return this.#heardSpeaking(node, heard.body);
      default:
        return;
    }
  }

  /** Voice of a leg came. */
  voiceHeard(now: Millis, key: CallId): void {
    const node = this.#media.heard(now, key);
    const contact = node === undefined ? undefined : this.#contacts.of(node);
    if (contact) this.#contacts.heard(now, contact);
    if (node === this.reign.mixer && !this.#ears.hears && !this.#isOver) this.#settle(now);
  }

  /** Somebody is within reach (again): what was said before may be lost. */
  peerSeen(now: Millis, node: NodeId): void {
    const contact = this.#contacts.of(node);
    if (contact && !this.#isOver) this.#state(now, contact, true);
  }

  unreachable(now: Millis, name: UserName): void {
    if (!this.#isOver && this.#inviter.unreachable(name)) this.#settle(now);
  }

  wake(now: Millis): void {
    this.#media.wake(now);
    if (!this.#isOver) {
      for (const late of this.#roster.expire(now)) this.#refuseUnknown(late);
      this.#inviter.expire(now);
      if (now >= this.#beatAt) this.#beat(now);
      this.#settle(now);
    }
    this.#collect();
  }

  wakeAt(): Millis {
    if (this.#isOver) return this.#media.wakeAt();
    const at = Math.min(this.#beatAt, this.#media.wakeAt(), this.#roster.expiresAt(), this.#inviter.wakeAt());
    return Math.min(at, this.#reign.wakeAt(), this.#ears.wakeAt(this.#listening));
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
    const contact = this.#contacts.meet(now, from, node);
    this.#contacts.heard(now, contact);
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
    const contact = this.#contacts.of(node);
    const known = this.#roster.of(node);
    const mixer = idOf(body.mixer);
    if (!contact || !mixer) return;
    if (this.#isOver) return this.#state(now, contact, false);
    const wasAlive = this.#contacts.isAlive(now, node);
    this.#contacts.heard(now, contact);
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

  /** True when another term begins for us. */
  #hearReign(now: Millis, contact: Contact, reign: Reign): boolean {
    if (!isHigher(reign, this.reign) || reign.term > this.reign.term + CONFERENCE_JUMP_MAX) return false;
    // Who went on with the smaller part of us, cut off from the mixer, does not take the mix along.
    const keeps = this.#isOfSmallerPart(now, contact);
    const next = keeps ? { term: reign.term + 1, mixer: this.reign.mixer } : reign;
    return this.#reign.follow(now, next, this.#mixerIsLost(now));
  }

  /** It is back after a silence, we hear our mixer, and those who stayed with us are more than those with it. */
  #isOfSmallerPart(now: Millis, contact: Contact): boolean {
    if (!this.#contacts.isJustBack(now, contact) || this.#mixerIsLost(now)) return false;
    const ours = new Set([this.#me.node, ...this.#contacts.steady(now, this.#present.keys())]);
    const members = this.#roster.of(contact.node)?.members ?? [];
    const theirs = new Set([contact.node, ...members.map(({ node }) => node)].filter((node) => !ours.has(node)));
    return ours.has(this.reign.mixer) && ours.size > theirs.size;
  }

  /** It came anew, by somebody who did not know how high it stood before: so its words count for nothing. */
  #sayOutrun(now: Millis, contact: Contact, invite: InviteId, newer: Statement): void {
    if (now < contact.askedAt + CONFERENCE_ASK_AGAIN_MS) return;
    contact.askedAt = now;
    this.#refuse(contact.name, contact.node, invite, 'old', newer);
  }

  /** Above what they still have of us, then. */
  #rise(now: Millis, { order, incarnation }: Body<'conferenceRefusal'>): void {
    const { order: own } = this.#own;
    if (incarnation === this.#own.incarnation || order < own || order > own + CONFERENCE_JUMP_MAX) return;
    this.#own = { ...this.#own, order: after(order) };
    this.#settle(now);
  }

  #heardRefusal(now: Millis, from: UserName, node: NodeId, body: Body<'conferenceRefusal'>): void {
    const invite = idOf(body.inviteId) ?? '';
    const { reason } = body;
    if (this.#isOver) return;
    if (reason === 'old' && this.knows(node) && invite === this.#own.invite) return this.#rise(now, body);
    if (reason === 'over' && this.#roster.gone(now, node)) return this.#settle(now);
    if (invite === this.#own.invite || reason === 'over') {
      if (reason === 'removed' && this.#present.has(node)) return this.#saidRemoved(now, node);
      // One member alone throws nobody out; but where nobody took us in, its word is all there is.
      if (this.#present.size === 0 && this.knows(node)) this.#end(now, refusalReason(reason), from);
    } else if (this.#inviter.refused(from, node, invite, reason)) this.#settle(now);
  }

  /** Who removed us may be gone, so that only others can tell: more than half of those whom we hear must. */
  #saidRemoved(now: Millis, node: NodeId): void {
    this.#removedSay.add(node);
    const heard = [...this.#present.keys()].filter((one) => this.#contacts.isAlive(now, one));
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
    this.#collectInvited();
    this.#introduce(now);
    this.#comeAndGo(now);
    const fate = this.#fate(now);
    if (fate) return this.#end(now, fate.reason, fate.by);
    this.#listen(now);
    if (this.#reign.judge(now, this.#view(now))) this.#listen(now);
    this.#media.set(now, this.#mediaView(now));
    this.#adopt(now);
    this.#publish(now);
    this.#tellRoster(now);
    this.#collect();
  }

  /** Whom somebody asked who is gone since, might find nobody: the first of us asks again, by the same invite. */
  #adopt(now: Millis): void {
    const isThere = (node: NodeId): boolean => this.#present.has(node) && this.#contacts.isAlive(now, node);
    const { order: own } = this.#own;
    const first = [...this.#present.values()].every(({ order, node }) => order > own || !isThere(node));
    if (!first || this.#present.size === 0) return;
    for (const { node, asked } of this.#roster.admitted()) {
      if (node === this.#me.node || isThere(node)) continue;
      const missing = asked.filter(({ name }) => !this.#inside(name));
      if (missing.length > 0) this.#inviter.adopt(missing, this.#offer());
    }
  }

  /** Others who are in, by the word of one of them that knows our invite. */
  meet(now: Millis, members: readonly Member[]): void {
    for (const one of members) {
      this.#roster.vouch(one.invite, one.name, one.by);
      if (one.node !== this.#me.node) this.#contacts.meet(now, one.name, one.node);
    }
    this.#settle(now);
  }

  /** Those of whom others tell become contacts; those nobody tells of, and who are not heard, are none any more. */
  #introduce(now: Millis): void {
    for (const { name, node } of this.#roster.hearsay())
      if (node !== this.#me.node) this.#contacts.meet(now, name, node);
    for (const { node, heardAt, since } of this.#contacts.all()) {
      const patienceMs = this.#roster.of(node)?.isIn ? CONFERENCE_LOST_MS : CALL_SILENCE_MS_MAX;
      if (now - Math.max(heardAt, since) < patienceMs) continue;
      this.#roster.gone(now, node);
      this.#contacts.forget(node);
    }
    // Some were heard before anybody had vouched for them.
    for (const { name, node, isIn } of this.#roster.admitted()) {
      if (!isIn || node === this.#me.node || this.knows(node)) continue;
      this.#contacts.heard(now, this.#contacts.meet(now, name, node));
    }
  }

  #comeAndGo(now: Millis): void {
    // Our own is among them, so that there are never more than eight.
    this.#roster.setOwn(now, this.#own);
    const heard = ({ node }: Statement): boolean => this.#contacts.wasHeard(now, node, CALL_SILENCE_MS_MAX);
    const others = this.#roster.in().filter((one) => one.node !== this.#me.node && heard(one));
    const before = this.#present;
    this.#present = new Map(others.map((one) => [one.node, one]));
    for (const one of others) if (!before.has(one.node)) this.#came(now, one);
    for (const one of before.values()) if (!this.#present.has(one.node)) this.#went(one);
  }

  #came(now: Millis, one: Statement): void {
    this.#hadCompany = true;
    const since = this.#inviter.cameIn(one) ?? this.#startedAt;
    this.#collectInvited();
    this.#push({ type: 'answered', call: this.call, peer: one.name, setupMs: now - since, isMe: false });
    // Nobody is kept out by one member's wish; but it is not kept from that member either.
    if (!this.#options.isBlocked(one.name) || this.#blockedTold.has(foldName(one.name))) return;
    this.#blockedTold.add(foldName(one.name));
    this.#push({ type: 'blocked-inside', call: this.call, peer: one.name });
  }

  #went({ node, name, invite }: Statement): void {
    const removedBy = this.#roster.removedBy(invite);
    const why = this.#roster.whyOut(node);
    const reason = removedBy !== undefined ? 'removed' : (why ?? (this.#roster.of(node)?.isIn ? 'failed' : 'hangup'));
    this.#push({ type: 'person-ended', call: this.call, peer: name, reason, by: removedBy ?? '' });
  }

  /** What the others, and their absence, make of us. */
  #fate(now: Millis): { readonly reason: PersonEndReason; readonly by: UserName } | undefined {
    const by = this.#roster.removedBy(this.#own.invite);
    if (by !== undefined) return { reason: 'removed', by };
    const why = this.#roster.whyOut(this.#me.node);
    if (why) return { reason: why, by: '' };
    if (this.#present.size > 0 || this.#inviter.open.length > 0) return undefined;
    if (this.#hadCompany) {
      const lost = this.#roster.in().some(({ node }) => node !== this.#me.node);
      return { reason: lost ? 'failed' : 'hangup', by: '' };
    }
    const asks = this.#inviter.all();
    if (!this.#comes && asks.length > 0)
      return { reason: asks.map(({ state }) => endReasonOf(state)).reduce(moreTelling), by: '' };
    return now < this.#startedAt + INVITE_TIMEOUT_MS ? undefined : { reason: 'unreachable', by: '' };
  }

  get #listening(): Listening {
    const { mixer } = this.reign;
    const idle = mixer === this.#me.node || this.#own.held;
    const leg = this.#media.legWith(this.#mediaView(NEVER), mixer);
    return { mixer, idle, since: this.#reign.since, leg, present: new Set(this.#present.keys()) };
  }

  #listen(now: Millis): void {
    this.#ears.listen(now, this.#listening);
    this.#own = { ...this.#own, facts: this.#ears.facts };
  }

  #mediaView(now: Millis): MediaView {
    const isAlive = (node: NodeId): boolean => this.#contacts.isAlive(now, node);
    return { own: this.#own, present: this.#present, reign: this.reign, isAlive };
  }

  #view(now: Millis): ReignView {
    const { reign } = this;
    return reignView(now, {
      ...{ own: this.#own, present: this.#present, reign, hears: this.#ears.hears },
      ...{ contacts: this.#contacts, roster: this.#roster, grown: this.#grownPair() },
      isJoining: this.#comes && now < this.#startedAt + INVITE_TIMEOUT_MS / 2,
    });
  }

  /** The two whose call this was, if one of them mixes or is to choose. */
  #grownPair(): readonly NodeId[] {
    const pair = this.#media.grownPair;
    const { mixer } = this.reign;
    const other = this.#present.get(mixer)?.grownWith;
    return pair.length === 0 && other ? [mixer, other] : pair;
  }

  #mixerIsLost(now: Millis): boolean {
    const { mixer } = this.reign;
    return isLost(this.#view(now), mixer) || !this.#ears.hears || !this.#contacts.isAlive(now, mixer);
  }

  // ------------------------------------------------------------------ saying

  /** Our statement to everybody, when it says something new. */
  #publish(now: Millis): void {
    this.#own = {
      ...this.#own,
      ...{ asked: this.#inviter.list(), reign: this.reign, hears: this.#ears.hears, relays: this.#relays },
      members: [...this.#present.values()].map(memberOf),
    };
    const text = JSON.stringify({ ...this.#own, version: 0, facts: [...this.#own.facts.roundTrips, this.#own.facts] });
    if (text === this.#published) return;
    this.#published = text;
    this.#own = { ...this.#own, version: this.#own.version + 1 };
    this.#roster.setOwn(now, this.#own);
    // The others are told; those who are not heard are told again by and by.
    for (const contact of this.#contacts.all()) this.#state(now, contact, contact.heardAt === NEVER, true);
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
    const beat = beatOf(this.id, this.#own, this.reign, this.#ears.hears);
    for (const contact of this.#contacts.all()) {
      if (this.#roster.of(contact.node)?.isIn === false) continue;
      this.#push({ type: 'datagram', node: contact.node, message: beat });
      const silentMs = now - Math.max(contact.heardAt, contact.restatedAt);
      if (silentMs >= CONFERENCE_RESTATE_MS) this.#state(now, contact, true);
    }
  }

  /** Those of our own invitation of whom nothing has come yet. */
  #unheard(): Member[] {
    return this.#options.members.filter(({ node }) => node !== this.#me.node && this.#roster.of(node) === undefined);
  }

  /** We have left, and somebody has come who was invited: the good-bye names those who are in, as far as we heard. */
  #introduceLate(now: Millis, name: UserName, node: NodeId): void {
    const members = this.#roster.in().filter((one) => one.node !== this.#me.node && one.node !== node);
    const known = [...members.map(memberOf), ...this.#unheard()];
    this.#own = { ...this.#own, members: known, version: this.#own.version + 1 };
    this.#state(now, this.#contacts.meet(now, name, node), false);
  }

  #offer(): Offer {
    const members = [...[this.#own, ...this.#present.values()].map(memberOf), ...this.#unheard()];
    return { members, reign: this.reign, order: this.#roster.highestOrder() };
  }

  #refuse(to: UserName, node: NodeId, invite: InviteId, reason: string, newer?: Statement): void {
    this.#push({ type: 'send', to, node, message: refusalOf(this.id, invite, reason, newer) });
  }

  /** This invitation lets nobody in any more. */
  #void(invite: InviteId): void {
    const removed = [...this.#own.removed.filter((one) => one !== invite), invite].slice(-CONFERENCE_REMOVED_MAX);
    this.#own = { ...this.#own, removed };
  }

  #end(now: Millis, reason: PersonEndReason, by: UserName): void {
    const [deputy] = this.#reign.ranked(now, this.#view(now)).filter((node) => node !== this.#me.node);
    const { term, mixer } = this.reign;
    if (mixer === this.#me.node && deputy) this.#reign.follow(now, { term: term + 1, mixer: deputy }, false);
    this.#own = { ...this.#own, isIn: false };
    this.#publish(now);
    this.#isOver = true;
    this.#barred = reason === 'removed' || reason === 'answered-elsewhere';
    this.#media.closeAll();
    this.#collect();
    const rejoinable = this.#present.size > 0 && !this.#barred;
    const durationMs = this.#hadCompany ? now - this.#startedAt : 0;
    this.#push({ type: 'ended', call: this.call, reason, by, durationMs, rejoinable });
  }

  #inside(name: UserName): Statement | undefined {
    return [...this.#present.values()].find((one) => foldName(one.name) === foldName(name));
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

  #collectInvited(): void {
    this.#out.push(...this.#inviter.drain());
  }

  #collect(): void {
    this.#collectInvited();
    this.#out.push(...this.#media.drain());
  }

  // ------------------------------------------------------------------ for the person

  #tellRoster(now: Millis): void {
    const { term, mixer } = this.reign;
    const deputies = this.#reign.ranked(now, this.#view(now)).filter((node) => node !== mixer);
    const people = peopleOf({
      ...{ own: this.#own, present: [...this.#present.values()], reign: this.reign, deputies },
      asked: this.#inviter.list(),
      isAlive: (node) => this.#contacts.isAlive(now, node),
      isBlocked: this.#options.isBlocked,
      mayRemove: (invite) => this.#roster.mayRemove(this.#me.name, invite),
    });
    const roster = { conference: this.id, term, mixer, people };
    const text = JSON.stringify(roster);
    if (text === this.#rosterTold) return;
    this.#rosterTold = text;
    this.#push({ type: 'roster', call: this.call, roster });
  }
}

/** Above this one, within what is taken for counted. */
function after(order: number): number {
  return Math.min(order + 1, CONFERENCE_COUNT_MAX);
}

function memberOf({ name, node, invite, by, order, incarnation }: Statement): Member {
  return { name, node, invite, by, order, incarnation };
}
