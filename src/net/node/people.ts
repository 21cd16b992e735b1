/**
 * The services that deal with other people (roster, presence, messenger, calls), and the table between them: whose
 * output is whose input. No judgement is made here; one row an event. `ordinary-node.ts` owns it while somebody is
 * signed in.
 *
 *   PeerInput -> all of them          roster `buddy` -> presence, messenger
 *   their PeerSend -> PeerSessions    roster `watch`, `hidden` -> what the supernode must know
 *   presence heard -> roster `seen`   media orders -> call-media.ts
 *   the device book looks at everything first, and withholds nodes that may not speak for their person
 * More than 400 lines: the table is read as a whole.
 */
import { Calls } from '../call/call.ts';
import { type CallCommand, type CallInput, type CallOutput, isMissed } from '../call/call-record.ts';
import type { CallRoom } from '../call/call-table.ts';
import type { ConferenceCommand, ConferenceEvent, ConferenceOutput, OwnFacts } from '../call/conference-record.ts';
import { Conferences, isConferenceMessage } from '../call/conferences.ts';
import type { Posted } from '../chat/letters.ts';
import { type LetterWord, Messenger, type MessengerCommand, type MessengerOutput } from '../chat/messenger.ts';
import { type OwnStatus, PresenceBook, type PresenceOutput } from '../chat/presence.ts';
import { Roster, type RosterCommand, type RosterOutput } from '../chat/roster.ts';
import type { RosterEntry } from '../chat/roster-entry.ts';
import type { BuddyChange } from '../chat/roster-list.ts';
import type { DeviceJudge, SignedDevices } from '../login/device-list.ts';
import type { Millis, Random, WallClock } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { bytesOf, type CallId, foldName, hexOf, ID_BYTES, type NodeId, type UserName } from '../protocol/ids.ts';
import { GROUP_LETTER_MS, MAIL_OPEN_MAX } from '../protocol/mail-params.ts';
import { ROSTER_PEOPLE_MAX, SERVICE_CALLS_MAX, SERVICE_CALLS_PER_PERSON_MAX } from '../protocol/params.ts';
import { type Message, type MessageOf, message } from '../wire/messages.ts';
import type { PeerInput, PeerSend } from '../wire/peers.ts';
import { DeviceBook, type DeviceBookOutput, type DevicesNews, type DevicesStart } from './device-book.ts';

/** A service has an ear for every caller. */
const SERVICE_LINES: CallRoom = {
  callsMax: SERVICE_CALLS_MAX,
  callsPerPersonMax: SERVICE_CALLS_PER_PERSON_MAX,
  allTalk: true,
};

export interface PeopleOptions {
  readonly name: UserName;
  readonly displayName: string;
  readonly roster: readonly RosterEntry[];
  readonly presence: OwnStatus;
  readonly random: Random;
  readonly wallClock: WallClock;
  /** Of our devices, and of other people's. */
  readonly devices?: DevicesStart;
  readonly nodeId: NodeId;
  /** Whose key a certificate is for, also one that has ended. */
  readonly judge?: DeviceJudge;
  /** A service: accepts every buddy request, chats with everybody, and talks in many calls at once. */
  readonly isService: boolean;
  /** Round trip of the signalling with a node, ms. */
  readonly rttMs: (node: NodeId) => number | undefined;
  /** What this machine can say of itself as the mixer of a conference. */
  readonly ownFacts: () => OwnFacts;
}

export type PeopleCommand =
  | { readonly type: 'roster'; readonly command: RosterCommand }
  | { readonly type: 'messenger'; readonly command: MessengerCommand }
  /** One about a conference goes there, by its call id. */
  | { readonly type: 'calls'; readonly command: CallCommand }
  | { readonly type: 'conference'; readonly command: ConferenceCommand }
  | { readonly type: 'presence'; readonly status: OwnStatus }
  /** To another device of our own. */
  | { readonly type: 'own-device'; readonly node: NodeId; readonly message: Message }
  /** Our own list, as the account has signed it. */
  | { readonly type: 'devices'; readonly own: SignedDevices };

export type RosterNews = Exclude<RosterOutput, PeerSend | BuddyChange | { type: 'hidden' } | { type: 'watch' }>;
export type MessengerNews = Exclude<MessengerOutput, PeerSend>;
export type PresenceNews = Exclude<PresenceOutput, PeerSend>;

/** Another device of our own came or went, or says what all devices are to have. */
export type OwnDeviceNews =
  | { readonly type: 'here' | 'gone'; readonly node: NodeId }
  | { readonly type: 'said'; readonly node: NodeId; readonly message: SyncMessage };

const SYNC_KINDS = ['syncHello', 'syncLines', 'syncBuddies', 'syncCalls', 'syncMarks'] as const;
export type SyncMessage = MessageOf<(typeof SYNC_KINDS)[number]>;

function isSync(value: Message): value is SyncMessage {
  return SYNC_KINDS.some((kind) => kind === value.kind);
}
type LegOrder = Extract<ConferenceOutput, { type: `media-${string}` }>;

export type PeopleOutput =
  | PeerSend
  | { readonly type: 'roster'; readonly news: RosterNews }
  | { readonly type: 'messenger'; readonly news: MessengerNews }
  | { readonly type: 'presence'; readonly news: PresenceNews }
  | { readonly type: 'call'; readonly news: Exclude<CallOutput, PeerSend> }
  | { readonly type: 'conference'; readonly news: ConferenceEvent }
  /** Of a leg of a conference. */
  | { readonly type: 'leg-media'; readonly order: LegOrder }
  /** Unreliable, as signalling goes. */
  | Extract<ConferenceOutput, { type: 'datagram' }>
  | { readonly type: 'devices'; readonly news: DevicesNews }
  | { readonly type: 'own-device'; readonly news: OwnDeviceNews }
  /** This node may not speak for its person (any more): its sessions end. */
  | { readonly type: 'dismissed'; readonly name: UserName; readonly node: NodeId }
  /** The lists that the supernode must know, or our visibility, have changed. */
  | { readonly type: 'details-changed' }
  /** To be written to those devices of a person that it does not reach otherwise. */
  | { readonly type: 'post'; readonly posted: Posted }
  /** It is to go to this person no more. */
  | { readonly type: 'withdrawn'; readonly to: UserName; readonly id: string }
  /** Letters may be readable that were not. */
  | { readonly type: 'collect' }
  /** This device of a person has the message. */
  | { readonly type: 'reached'; readonly to: UserName; readonly node: NodeId; readonly id: string }
  /** Somebody called while we were away. `atMs`: their wall clock. */
  | { readonly type: 'missed-call'; readonly from: UserName; readonly call: CallId; readonly atMs: number };

export class People {
  readonly roster: Roster;
  readonly calls: Calls;
  readonly conferences: Conferences;
  readonly devices: DeviceBook;
  readonly #name: UserName;
  readonly #presence: PresenceBook;
  readonly #messenger: Messenger;
  readonly #wallClock: WallClock;
  /** Our own calls that nobody has answered. */
  readonly #placed = new Set<CallId>();
  /** To whom we are hidden: all whom we blocked, but for those who are in a conference with us. */
  hidden: readonly UserName[] = [];
  #blocked: readonly UserName[] = [];
  /** Buddies, and whoever is in a group with us. */
  watched: readonly UserName[] = [];
  #buddies: readonly UserName[] = [];
  /** Letters of strangers that speak of a group, and when they were first looked at, the oldest first. */
  readonly #strange = new Map<string, Millis>();
  status: OwnStatus;
  #out: PeopleOutput[] = [];

  constructor(options: PeopleOptions) {
    const { name, displayName, wallClock, random, isService } = options;
    const entries = options.roster;
    this.status = options.presence;
    this.#wallClock = wallClock;
    this.#name = name;
    this.devices = new DeviceBook({
      ...{ own: undefined, people: [], ...options.devices, name, nodeId: options.nodeId },
      judge: options.judge ?? (() => undefined),
      isBuddy: (peer) => this.#mayWrite(peer),
      isInvisible: () => this.status === 'invisible',
    });
    this.#presence = new PresenceBook({ status: options.presence, displayName, wallClock });
    this.#messenger = new Messenger({ talksWithEverybody: isService, wallClock });
    this.calls = new Calls({
      ...{ name, random, wallClock, isBuddy: (peer) => this.#isBuddy(peer) },
      ownNodes: () => this.devices.ownNodes(),
      occupied: () => this.conferences.occupied,
      ...(isService ? SERVICE_LINES : {}),
    });
    this.conferences = new Conferences({
      ...{ me: { name, node: options.nodeId }, random, rttMs: options.rttMs, ownFacts: options.ownFacts },
      isBusy: () => this.calls.busy,
      isBlocked: (peer) => this.roster.isBlocked(peer),
      running: (call) => this.calls.running(call),
    });
    this.roster = new Roster({ name, displayName, entries, wallClock, welcomesEverybody: isService });
    this.#settle(0);
  }

  /** Something about other people, or our own attachment. What a blocked person says is dropped here. */
  tell(now: Millis, input: PeerInput): void {
    if (input.type === 'message' && isConferenceMessage(input.message)) {
      const isHeard = !this.roster.isBlocked(input.from) || this.conferences.isOfMember(input.node, input.message);
      // A node that its account has revoked speaks for nobody here either.
      if (isHeard && !this.devices.receive(now, input)) this.conferences.receive(now, input);
      return this.#settle(now);
    }
    if (input.type === 'message' && this.roster.isBlocked(input.from)) return;
    const isWithheld = this.devices.receive(now, input);
    this.#settle(now);
    if (isWithheld) return;
    if (!this.#isOwn(input)) return this.#tellServices(now, input);
    this.#fromOwn(now, input);
    this.#settle(now);
  }

  #fromOwn(now: Millis, input: PeerInput): void {
    this.calls.receiveOwn(now, input);
    if (input.type === 'peer-seen' || input.type === 'peer-gone') {
      const type = input.type === 'peer-seen' ? 'here' : 'gone';
      this.#out.push({ type: 'own-device', news: { type, node: input.node } });
    } else if (input.type === 'message' && isSync(input.message)) {
      this.#out.push({ type: 'own-device', news: { type: 'said', node: input.node, message: input.message } });
    }
  }

  /** Our own other devices are no people to us. */
  #isOwn(input: PeerInput): boolean {
    const name = input.type === 'online' ? undefined : input.type === 'message' ? input.from : input.name;
    return name !== undefined && foldName(name) === foldName(this.#name);
  }

  #tellServices(now: Millis, input: PeerInput): void {
    this.roster.receive(now, input);
    // The roster first: a request that makes somebody a buddy opens presence and chat to them.
    this.#settle(now);
    this.#presence.receive(now, input);
    this.#messenger.receive(now, input);
    this.calls.receive(now, input);
    this.conferences.receive(now, input);
    this.#settle(now);
  }

  #isBuddy(name: UserName): boolean {
    return this.roster.relationOf(name) === 'both';
  }

  #mayWrite(name: UserName): boolean {
    if (this.#isBuddy(name)) return true;
    return this.#messenger.isCompanion(name) && !this.roster.isBlocked(name);
  }

  /** Whoever is in a group with us from now on learns of our devices, and we want to see them come. */
  #setGroups(now: Millis, command: Extract<MessengerCommand, { type: 'groups' }>): void {
    const before = new Set(this.#messenger.companions.map(foldName));
    this.#messenger.command(now, command);
    this.#watch();
    const fresh = this.#messenger.companions.filter((name) => !before.has(foldName(name)));
    for (const name of fresh) this.devices.befriended(name);
    if (fresh.length > 0) this.#out.push({ type: 'collect' });
  }

  #watch(): void {
    const known = new Set([foldName(this.#name), ...this.#buddies.map(foldName)]);
    const more = this.#messenger.companions.filter(
      (name) => !known.has(foldName(name)) && !this.roster.isBlocked(name),
    );
    const watched = [...this.#buddies, ...more].slice(0, ROSTER_PEOPLE_MAX);
    if (watched.length === this.watched.length && watched.every((name, at) => name === this.watched[at])) return;
    this.watched = watched;
    this.#out.push({ type: 'details-changed' });
  }

  /**
   * In a letter of somebody who is nobody to us, or not in that group: perhaps a member, of which another letter tells. It is
   * left where it is until that one can have been read, then it is thrown away.
   */
  #mayBecomeHeard(now: Millis, from: UserName, value: Message): string | undefined {
    if (value.kind !== 'chatMessage' || value.body.group == null) return undefined;
    const id = hexOf(value.body.messageId);
    const key = `${foldName(from)} ${id}`;
    const since = this.#strange.get(key) ?? now;
    if (now - since >= GROUP_LETTER_MS) return undefined;
    this.#strange.set(key, since);
    const [oldest] = this.#strange.keys();
    if (this.#strange.size > MAIL_OPEN_MAX && oldest !== undefined) this.#strange.delete(oldest);
    return id;
  }

  /**
   * A message that came in a letter of that node. Returns the id of the line, or call, that must be stored before the letter is
   * needed no more; undefined when it is needed no more at once.
   */
  heardInLetter(now: Millis, from: UserName, node: NodeId, value: Message): string | undefined {
    if (this.roster.isBlocked(from)) return undefined;
    if (!this.#mayWrite(from)) return this.#mayBecomeHeard(now, from, value);
    if (value.kind === 'missedCall') {
      const { callId, atMs } = value.body;
      if (!this.#isBuddy(from) || callId.length !== ID_BYTES) return undefined;
      this.#out.push({ type: 'missed-call', from, call: hexOf(callId), atMs });
      return hexOf(callId);
    }
    const awaits = this.#messenger.heardInLetter(now, from, node, value);
    this.#settle(now);
    return awaits === 'perhaps-later' ? this.#mayBecomeHeard(now, from, value) : awaits;
  }

  command(now: Millis, command: PeopleCommand): void {
    if (command.type === 'roster') this.roster.command(now, command.command);
    else if (command.type === 'messenger') {
      if (command.command.type === 'groups') this.#setGroups(now, command.command);
      else this.#messenger.command(now, command.command);
    } else if (command.type === 'calls') this.#call(now, command.command);
    else if (command.type === 'conference') this.conferences.command(now, command.command);
    else if (command.type === 'own-device') {
      this.#out.push({ type: 'send', to: this.#name, node: command.node, message: command.message });
    } else if (command.type === 'devices') {
      this.devices.setOwn(command.own);
      this.#out.push({ type: 'details-changed' });
    } else this.#setStatus(now, command.status);
    this.#settle(now);
  }

  /** Why a line to this person cannot be taken; undefined when it can. */
  admits(to: UserName, text: string): FailureCode | undefined {
    return this.#messenger.admits(to, text);
  }

  /** A voice packet of a call came. */
  mediaAlive(now: Millis, input: Extract<CallInput, { type: 'media-alive' }>): void {
    this.calls.receive(now, input);
    this.#settle(now);
  }

  /** A voice packet came by this leg, or by a call. */
  voiceHeard(now: Millis, key: CallId): void {
    this.conferences.voiceHeard(now, key);
    this.#settle(now);
  }

  wake(now: Millis): void {
    this.#messenger.wake(now);
    this.calls.wake(now);
    this.conferences.wake(now);
    this.#settle(now);
  }

  wakeAt(): Millis {
    const at = Math.min(this.roster.wakeAt(), this.#presence.wakeAt(), this.#messenger.wakeAt());
    return Math.min(at, this.calls.wakeAt(), this.conferences.wakeAt());
  }

  drain(): PeopleOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #setStatus(now: Millis, status: OwnStatus): void {
    this.status = status;
    this.#presence.command(now, { type: 'set', status });
    this.#out.push({ type: 'details-changed' });
    if (status !== 'invisible') this.devices.appeared();
  }

  /** Until all are silent; a row each. Bounded: only the roster's outputs lead to further inputs, of no more outputs. */
  #settle(now: Millis): void {
    for (const output of this.devices.drain()) this.#fromDevices(now, output);
    for (const output of this.roster.drain()) this.#fromRoster(now, output);
    for (const output of this.#presence.drain()) this.#fromPresence(now, output);
    for (const output of this.roster.drain()) this.#fromRoster(now, output);
    for (const output of this.#messenger.drain()) {
      this.#out.push(output.type === 'send' ? output : { type: 'messenger', news: output });
    }
    for (const word of this.#messenger.takeWords()) this.#toLetters(word);
    for (const output of this.calls.drain()) {
      if (output.type === 'ended') this.conferences.callEnded(now, output.call);
      this.#out.push(output.type === 'send' ? output : { type: 'call', news: output });
      if (output.type === 'dialling') this.#placed.add(output.call);
      if (output.type === 'answered') this.#placed.delete(output.call);
      if (output.type === 'ended') this.#callEnded(output);
    }
    for (const output of this.conferences.drain()) this.#fromConferences(output);
    if (this.#blocked.length > 0) this.#hide();
  }

  /** Whom we are hidden from cannot reach us at all, so in a conference we share they may. */
  #hide(): void {
    const company = new Set(this.conferences.company.map(foldName));
    const hidden = this.#blocked.filter((name) => !company.has(foldName(name)));
    if (hidden.join() === this.hidden.join()) return;
    this.hidden = hidden;
    this.#out.push({ type: 'details-changed' });
  }

  #call(now: Millis, command: CallCommand): void {
    if (command.type === 'candidates') this.conferences.command(now, command);
    const { type } = command;
    const isNoConferences = type === 'place' || type === 'candidates' || type === 'pull' || type === 'hand-over';
    if (!isNoConferences && this.conferences.has(command.call)) this.conferences.command(now, command);
    else this.calls.command(now, command);
  }

  #fromConferences(output: ConferenceOutput): void {
    switch (output.type) {
      case 'send':
      case 'datagram':
        this.#out.push(output);
        return;
      case 'absorb':
        return this.calls.absorb(output.call);
      case 'missed':
        return this.#missed(output.conference, output.peer);
      case 'media-start':
      case 'media-stop':
      case 'media-candidates':
      case 'media-hold':
        this.#out.push({ type: 'leg-media', order: output });
        return;
      default:
        this.#out.push({ type: 'conference', news: output });
    }
  }

  #toLetters(word: LetterWord): void {
    if (word.type === 'reached' || word.type === 'withdrawn') this.#out.push(word);
    else if (word.type === 'posted') this.#out.push({ type: 'post', posted: word });
    else {
      const { to, node, message: what } = word;
      const [first] = what.kind === 'chatReceipt' ? what.body.messageIds : [];
      if (first) this.#out.push({ type: 'post', posted: { to, node, id: hexOf(first), message: what, isNote: true } });
    }
  }

  /** Whoever was not there is to know that we called. */
  #callEnded({ call, peer, reason }: Extract<CallOutput, { type: 'ended' }>): void {
    if (this.#placed.delete(call) && isMissed(reason)) this.#missed(call, peer);
  }

  /** `call`: as it would have rung there. */
  #missed(call: CallId, peer: UserName): void {
    if (!this.#isBuddy(peer)) return;
    const what = message('missedCall', { callId: bytesOf(call), atMs: Math.floor(this.#wallClock()) });
    this.#out.push({ type: 'post', posted: { to: peer, id: call, message: what, isNote: true } });
  }

  #fromDevices(now: Millis, output: DeviceBookOutput): void {
    if (output.type === 'send') this.#out.push(output);
    else if (output.type === 'news') {
      if (output.news.type === 'own-changed') this.#out.push({ type: 'details-changed' });
      this.#out.push({ type: 'devices', news: output.news });
    } else {
      const { name, node } = output;
      const news = { type: output.type === 'admitted' ? 'peer-seen' : 'peer-gone', name, node } as const;
      if (output.type === 'dismissed') this.#out.push(output);
      if (this.#isOwn(news)) this.#fromOwn(now, news);
      else this.#tellServices(now, news);
    }
  }

  #fromRoster(now: Millis, output: RosterOutput): void {
    switch (output.type) {
      case 'send':
        this.#out.push(output);
        return;
      case 'buddy':
        this.#presence.receive(now, output);
        this.#messenger.receive(now, output);
        if (output.is) this.devices.befriended(output.name);
        return;
      case 'hidden':
        this.#blocked = output.names;
        return this.#hide();
      case 'watch':
        this.#buddies = output.names;
        return this.#watch();
      default:
        this.#out.push({ type: 'roster', news: output });
    }
  }

  #fromPresence(now: Millis, output: PresenceOutput): void {
    if (output.type === 'send') {
      this.#out.push(output);
      return;
    }
    this.#out.push({ type: 'presence', news: output });
    const { name, displayName, lastSeenAtMs } = output;
    this.roster.command(now, { type: 'seen', name, displayName, atMs: lastSeenAtMs });
  }
}
