/**
 * Chat: every line is delivered once and in order, whatever the network loses, doubles or turns round, and whoever is
 * restarted meanwhile. The agent stores an outgoing line first (id and sequence come from its history), then hands it
 * in; what comes out as `received` it stores, then says `stored`; only then the writer gets a receipt. A line without
 * a receipt is sent again when the person is seen, and from time to time. So a crash at any point loses nothing, and
 * what comes twice is dropped here by its id, after a restart by the history.
 *
 *   writer: stored, sent ......... sent again ... receipt -> `delivered`
 *   reader:          `received`, stored, receipt     (a double of a stored line gets its receipt again)
 *
 * What is sent is a word `posted` too, and each receipt a word `reached`, for whoever writes letters to devices that are not
 * there (`letters.ts`); a line that came in a letter is handed in by `heardInLetter`, and its receipt may go in one.
 *
 * Chat is between buddies; service names (`echo`) are open to everybody. A line goes to every node of a person, as
 * the classic client had it (classic-network.md 1.14), and the first receipt counts.
 *
 * More than 400 lines: writing, reading and whom we talk with are one set of rules.
 */
import type { Core, Millis, WallClock } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import {
  bytesOf,
  foldName,
  hexOf,
  isIdHex,
  isServiceName,
  type MessageId,
  type NodeId,
  type UserName,
} from '../protocol/ids.ts';
import { GROUP_LATE_LINES_MAX } from '../protocol/mail-params.ts';
import {
  CHAT_RESEND_MS,
  CHAT_RESEND_UNSEEN_MS,
  CHAT_TEXT_BYTES_MAX,
  LOOKUP_RETRY_MS,
  OUTBOX_MESSAGES_MAX,
  PEERS_MAX,
  RECEIPT_DELAY_MS,
  RECEIPT_IDS_MAX,
} from '../protocol/params.ts';
import { setRecent } from '../protocol/recent-table.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import type { PeerInput } from '../wire/peers.ts';
import { cleanText } from './clean-text.ts';
import { type GroupState, isMember, isNamed, membersOf, readGroup, standingIn, wireGroup } from './group-state.ts';
import { Inbox } from './inbox.ts';
import type { LetterWord, MessengerCommand, MessengerOutput } from './messenger-port.ts';
import { Outbox, type OutgoingLine } from './outbox.ts';
import { Reach } from './reach.ts';
import type { BuddyChange } from './roster-list.ts';
import { timeOf } from './roster-rules.ts';

export type { LetterWord, MessengerCommand, MessengerOutput } from './messenger-port.ts';

export interface MessengerOptions {
  /** A service (echo) talks with everybody. */
  readonly talksWithEverybody?: boolean;
  /** For the clocks of groups. */
  readonly wallClock?: WallClock;
}

interface Peer {
  /** As its owner writes it, once heard. */
  name: UserName;
  isBuddy: boolean;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  /** Unreachable since; undefined while sending makes sense. */
  stoppedAt: Millis | undefined;
  /** Pauses without a receipt so far. */
  pauses: number;
  resendAt: Millis;
}

interface Receipts {
  readonly to: UserName;
  readonly node: NodeId;
  readonly byLetter: boolean;
  /** Of a group, perhaps of one that we are parted from. */
  readonly ofGroup: boolean;
  readonly ids: MessageId[];
}

const NEVER: Millis = Number.POSITIVE_INFINITY;

export class Messenger implements Core<PeerInput | BuddyChange, MessengerCommand, MessengerOutput> {
  readonly #everybody: boolean;
  readonly #wallClock: WallClock;
  /** By id; those that we left, too. */
  #groups: ReadonlyMap<string, GroupState> = new Map();
  /** Our own name, as it stands in them. */
  #own: UserName = '';
  /** Lines taken of people who were out already, by group and person. */
  readonly #late = new Map<string, number>();
  /** All who are in one with us, as they write their names, by folded name. */
  #companions: ReadonlyMap<string, UserName> = new Map();
  readonly #peers = new Map<string, Peer>();
  readonly #reach = new Reach();
  readonly #receipts = new Map<string, Receipts>();
  /** Lines that came in letters and are not stored yet. */
  readonly #lettered = new Set<MessageId>();
  #receiptsAt: Millis = NEVER;
  #waiting = 0;
  #online = false;
  #dropped = 0;
  #outputs: MessengerOutput[] = [];
  #words: LetterWord[] = [];

  constructor(options: MessengerOptions = {}) {
    this.#everybody = options.talksWithEverybody ?? false;
    this.#wallClock = options.wallClock ?? (() => 0);
  }

  /** Why a text cannot be sent to that person, to be asked before it is stored; undefined when it can. */
  admits(to: UserName, text: string): FailureCode | undefined {
    return this.#talksWith(to) ? this.#fits(text) : 'not-a-buddy';
  }

  #fits(text: string): FailureCode | undefined {
    if (text === '') return 'usage';
    return Buffer.byteLength(text) > CHAT_TEXT_BYTES_MAX || this.#waiting >= OUTBOX_MESSAGES_MAX
      ? 'too-large'
      : undefined;
  }

  /** Who is in a group with us, we ourselves too. */
  get companions(): readonly UserName[] {
    return [...this.#companions.values()];
  }

  isCompanion(name: UserName): boolean {
    return this.#companions.has(foldName(name));
  }

  /** Messages that made no sense, or came from nobody we talk with. */
  get dropped(): number {
    return this.#dropped;
  }

  receive(now: Millis, input: PeerInput | BuddyChange): void {
    switch (input.type) {
      case 'message':
        if (input.message.kind === 'chatMessage') this.#heard(now, input.from, input.node, input.message.body);
        else if (input.message.kind === 'chatReceipt') this.#receipted(now, input.from, input.node, input.message.body);
        return;
      case 'buddy':
        return this.#related(now, input);
      case 'peer-seen':
        this.#reach.seen(input.name, input.node);
        return this.#resend(now, this.#peers.get(foldName(input.name)));
      case 'peer-gone':
        this.#reach.gone(input.name, input.node);
        if (!this.#reach.has(input.name)) this.#stop(now, input.name, undefined);
        return;
      case 'unreachable':
        return this.#stop(now, input.name, input.code);
      case 'online':
        return this.#attached(now, input.online);
    }
  }

  /**
   * The same of a message that came in a letter. Returns the id of the line that must be stored before the letter is
   * needed no more; undefined when it is needed no more at once; `perhaps-later`: it did not count, and may when more is
   * known of its group.
   */
  heardInLetter(now: Millis, from: UserName, node: NodeId, value: Message): MessageId | 'perhaps-later' | undefined {
    if (value.kind === 'chatReceipt') this.#receipted(now, from, node, value.body);
    if (value.kind !== 'chatMessage') return undefined;
    const id = hexOf(value.body.messageId);
    this.#lettered.add(id);
    const verdict = this.#heard(now, from, node, value.body);
    // A member whom we do not know as one yet, or a group: who made them one may be heard later.
    const isToWait = verdict === undefined && readGroup(value.body.group, this.#wallClock()) !== undefined;
    if (verdict === undefined || verdict === 'stored') this.#lettered.delete(id);
    if (isToWait) return 'perhaps-later';
    return verdict === 'new' || verdict === 'double' ? id : undefined;
  }

  command(now: Millis, command: MessengerCommand): void {
    switch (command.type) {
      case 'send':
        return this.#send(now, command);
      case 'restore':
        for (const line of command.lines) this.#keep(this.#peer(line.to), line);
        return;
      case 'groups':
        return this.#setGroups(now, command.groups, command.own);
      case 'withdraw':
        return this.#withdraw(now, command.to, command.ids);
      case 'stored':
        return this.#stored(now, command.from, command.id);
      case 'not-stored':
        this.#peers.get(foldName(command.from))?.inbox.forget(command.id);
    }
  }

  wake(now: Millis): void {
    if (this.#receiptsAt <= now) this.#sendReceipts();
    for (const peer of this.#peers.values()) {
      peer.inbox.wake(now);
      this.#handOn(peer);
      if (peer.resendAt <= now) this.#pausedLongEnough(now, peer);
    }
  }

  wakeAt(): Millis {
    let at = this.#receiptsAt;
    for (const peer of this.#peers.values()) at = Math.min(at, peer.resendAt, peer.inbox.wakeAt());
    return at;
  }

  drain(): MessengerOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  /** What has happened since, for whoever writes letters. */
  takeWords(): LetterWord[] {
    const words = this.#words;
    this.#words = [];
    return words;
  }

  // ------------------------------------------------------------------------------------------------- as a writer

  #send(now: Millis, command: Extract<MessengerCommand, { type: 'send' }>): void {
    const { to, id } = command;
    const { group, text } = command;
    // Whom a line of a group goes to, the agent knows: also those who are to hear that they are out.
    const admitted = group ? this.#fits(text) : this.admits(to, text);
    const code = isIdHex(id) ? admitted : 'internal';
    if (code !== undefined) {
      this.#outputs.push({ type: 'refused', to, id, code });
      return;
    }
    const peer = this.#peer(to);
    this.#keep(peer, command);
    if (peer.stoppedAt === undefined || now >= peer.stoppedAt + LOOKUP_RETRY_MS) {
      peer.stoppedAt = undefined;
      this.#takeOff(now, peer);
    } else {
      // The node has just looked, and would not look again so soon.
      peer.resendAt = Math.min(peer.resendAt, peer.stoppedAt + LOOKUP_RETRY_MS);
    }
  }

  #keep(peer: Peer, line: OutgoingLine): void {
    const { id, sequence, text, sentAtMs, keptUntilMs, group, placeMs = 0 } = line;
    const own = { id, sequence, text, sentAtMs, ...(group ? { group, placeMs } : {}) };
    if (!isIdHex(id) || !peer.outbox.add(own)) return;
    this.#waiting += 1;
    // Somebody with whom we have parted since an earlier run.
    if (group || this.#talksWith(peer.name)) this.#post(peer, own, keptUntilMs);
  }

  #post(peer: Peer, line: OutgoingLine, keptUntilMs?: number): void {
    const what = message('chatMessage', bodyOf(line, peer.outbox.waitingFrom));
    const kept = keptUntilMs === undefined ? {} : { keptUntilMs };
    this.#words.push({ type: 'posted', to: peer.name, id: line.id, message: what, ...kept });
  }

  /** Sends what the window has room for, and arms the timer for the case that no receipt comes. */
  #takeOff(now: Millis, peer: Peer): void {
    if (!this.#online || peer.stoppedAt !== undefined || !this.#reaches(peer.name)) return;
    const waitingFrom = peer.outbox.waitingFrom;
    for (const line of peer.outbox.takeOff({ onlyOfGroups: !this.#talksWith(peer.name) })) {
      this.#outputs.push({ type: 'send', to: peer.name, message: message('chatMessage', bodyOf(line, waitingFrom)) });
    }
    if (!peer.outbox.isUnderWay) peer.resendAt = NEVER;
    else if (peer.resendAt === NEVER) peer.resendAt = now + this.#pauseMs(peer);
  }

  #pauseMs(peer: Peer): Millis {
    if (!this.#reach.has(peer.name)) return CHAT_RESEND_UNSEEN_MS;
    return CHAT_RESEND_MS[Math.min(peer.pauses, CHAT_RESEND_MS.length - 1)] ?? CHAT_RESEND_UNSEEN_MS;
  }

  /** Seen (again): whatever was under way may have gone to a node that is no more. */
  #resend(now: Millis, peer: Peer | undefined, pauses = 0): void {
    if (peer === undefined) return;
    peer.outbox.ground();
    peer.stoppedAt = undefined;
    peer.pauses = pauses;
    peer.resendAt = NEVER;
    this.#takeOff(now, peer);
  }

  #pausedLongEnough(now: Millis, peer: Peer): void {
    this.#resend(now, peer, peer.pauses + 1);
  }

  #withdraw(now: Millis, to: UserName, ids: readonly MessageId[]): void {
    const peer = this.#peers.get(foldName(to));
    for (const id of ids) {
      if (!peer?.outbox.settle(id)) continue;
      this.#waiting -= 1;
      this.#words.push({ type: 'withdrawn', to: peer.name, id });
    }
    if (peer && !peer.outbox.isUnderWay) this.#takeOff(now, peer);
  }

  #stop(now: Millis, name: UserName, code: FailureCode | undefined): void {
    const peer = this.#peers.get(foldName(name));
    if (peer === undefined || peer.outbox.size === 0) return;
    const wasUnderWay = peer.outbox.isUnderWay;
    peer.outbox.ground();
    // Having left is no failed look-up: the next line is tried at once.
    peer.stoppedAt = code === undefined ? now - LOOKUP_RETRY_MS : now;
    peer.resendAt = now + CHAT_RESEND_UNSEEN_MS;
    const told = code ?? 'person-offline';
    if (wasUnderWay) this.#outputs.push({ type: 'waiting', to: peer.name, count: peer.outbox.size, code: told });
  }

  #attached(now: Millis, online: boolean): void {
    this.#online = online;
    if (!online) this.#reach.clear();
    for (const peer of this.#peers.values()) {
      peer.outbox.ground();
      peer.stoppedAt = undefined;
      peer.pauses = 0;
      // Who is attached where we are is seen at once; the others are looked for a little later.
      peer.resendAt = online && peer.outbox.size > 0 ? now + CHAT_RESEND_MS[0] : NEVER;
    }
  }

  #receipted(now: Millis, from: UserName, node: NodeId, body: Body<'chatReceipt'>): void {
    const peer = this.#peers.get(foldName(from));
    if (peer === undefined || !this.#reaches(from)) return;
    let isProgress = false;
    for (const bytes of body.messageIds.slice(0, RECEIPT_IDS_MAX)) {
      const id = hexOf(bytes);
      this.#words.push({ type: 'reached', to: peer.name, node, id });
      if (!peer.outbox.settle(id)) continue;
      this.#waiting -= 1;
      isProgress = true;
      this.#outputs.push({ type: 'delivered', to: peer.name, id });
    }
    if (!isProgress) return;
    peer.stoppedAt = undefined; // Whatever was said of them, they are there.
    peer.pauses = 0;
    peer.resendAt = NEVER;
    this.#takeOff(now, peer);
  }

  // ------------------------------------------------------------------------------------------------- as a reader

  /** Undefined: dropped. */
  #heard(
    now: Millis,
    from: UserName,
    node: NodeId,
    body: Body<'chatMessage'>,
  ): 'stored' | 'new' | 'double' | undefined {
    const id = hexOf(body.messageId);
    const known = this.#peers.get(foldName(from));
    // Its receipt was lost, and meanwhile we may have parted.
    if (known?.inbox.isStored(id) && known.inbox.isOfGroup(id)) {
      this.#oweReceipt(now, from, node, id);
      return 'stored';
    }
    const group = readGroup(body.group, this.#wallClock());
    const isSound = isIdHex(id) && Buffer.byteLength(body.text) <= CHAT_TEXT_BYTES_MAX;
    if (!isSound || !this.#mayHear(from, body, group)) {
      this.#dropped += 1;
      return undefined;
    }
    const peer = this.#peer(from);
    peer.name = from;
    const text = cleanText(body.text, { bytesMax: CHAT_TEXT_BYTES_MAX, lines: 'many' });
    const sentAtMs = timeOf(body.sentAtMs);
    const placeMs = timeOf(body.placeMs) || sentAtMs;
    const line = { node, id, sequence: body.sequence, text, sentAtMs, ...(group ? { group, placeMs } : {}) };
    const verdict = peer.inbox.receive(now, line, body.waitingFrom);
    if (verdict === 'stored') this.#oweReceipt(now, from, node, id);
    this.#handOn(peer);
    return verdict;
  }

  #handOn(peer: Peer): void {
    for (const line of peer.inbox.takeReady()) this.#outputs.push({ type: 'received', from: peer.name, ...line });
  }

  #stored(now: Millis, from: UserName, id: MessageId): void {
    const node = this.#peers.get(foldName(from))?.inbox.stored(id);
    if (node !== undefined) this.#oweReceipt(now, from, node, id);
  }

  #oweReceipt(now: Millis, to: UserName, node: NodeId, id: MessageId): void {
    const byLetter = this.#lettered.delete(id);
    const ofGroup = this.#peers.get(foldName(to))?.inbox.isOfGroup(id) ?? false;
    const key = `${foldName(to)} ${node} ${byLetter} ${ofGroup}`;
    const owed = this.#receipts.get(key) ?? { to, node, byLetter, ofGroup, ids: [] };
    this.#receipts.set(key, owed);
    if (!owed.ids.includes(id)) owed.ids.push(id);
    if (owed.ids.length >= RECEIPT_IDS_MAX) this.#sendReceipts();
    else if (this.#receiptsAt === NEVER) this.#receiptsAt = now + RECEIPT_DELAY_MS;
  }

  #sendReceipts(): void {
    this.#receiptsAt = NEVER;
    for (const { to, node, ids, byLetter, ofGroup } of this.#receipts.values()) {
      if (!this.#online || !(ofGroup || this.#reaches(to))) continue; // They will send the lines again, and then get it.
      const what = message('chatReceipt', { messageIds: ids.map((id) => bytesOf(id)) });
      if (!byLetter || this.#reach.nodes(to).has(node)) this.#outputs.push({ type: 'send', to, node, message: what });
      else this.#words.push({ type: 'receipts', to, node, message: what });
    }
    this.#receipts.clear();
  }

  // ------------------------------------------------------------------------------------------------------ people

  #setGroups(now: Millis, groups: readonly GroupState[], own: UserName): void {
    this.#groups = new Map(groups.map((group) => [group.id, group]));
    this.#own = own;
    const before = this.#companions;
    const names = groups.filter((group) => isMember(group, own)).flatMap(membersOf);
    this.#companions = new Map(names.map((name) => [foldName(name), name]));
    for (const key of this.#companions.keys()) if (!before.has(key)) this.#resend(now, this.#peers.get(key));
  }

  /** Whoever gets lines of ours, at least in a group: also those who are to hear that they are out. */
  #reaches(name: UserName): boolean {
    if (this.#talksWith(name) || this.isCompanion(name)) return true;
    return this.#peers.get(foldName(name))?.outbox.hasGroupLines ?? false;
  }

  /**
   * Buddies say what they like, members what is said in their group; into one that is new, or that we are out of and they came
   * to since, a buddy takes us who is in it.
   */
  #mayHear(from: UserName, body: Body<'chatMessage'>, group: GroupState | undefined): boolean {
    if (body.group == null) return this.#talksWith(from);
    const id = hexOf(body.group.id ?? new Uint8Array());
    const known = this.#groups.get(id);
    const standing = known && group && standingIn(known, from, group, timeOf(body.placeMs));
    const isTaken = standing === 'in' || (standing === 'late' && this.#takesLate(from, id));
    const mayTakeUsIn = !known || (!isMember(known, this.#own) && !isNamed(known, from));
    if (isTaken || (mayTakeUsIn && group && this.#talksWith(from) && isMember(group, from))) return true;
    const why = group ? 'no-member' : 'unsound';
    if (known || this.#talksWith(from)) this.#outputs.push({ type: 'group-refused', from, group: id, why });
    return false;
  }

  #takesLate(from: UserName, group: string): boolean {
    const key = `${group} ${foldName(from)}`;
    const count = (this.#late.get(key) ?? 0) + 1;
    if (count > GROUP_LATE_LINES_MAX) return false;
    setRecent(this.#late, key, count, PEERS_MAX);
    return true;
  }

  #talksWith(name: UserName): boolean {
    return this.#everybody || isServiceName(name) || (this.#peers.get(foldName(name))?.isBuddy ?? false);
  }

  #related(now: Millis, change: BuddyChange): void {
    const peer = this.#peer(change.name);
    const { privateLines } = peer.outbox;
    if (change.is && !peer.isBuddy) for (const line of privateLines) this.#post(peer, line);
    peer.isBuddy = change.is;
    // They wait until we are buddies again, if ever, and go in no letter meanwhile.
    if (!change.is) for (const { id } of privateLines) this.#words.push({ type: 'withdrawn', to: peer.name, id });
    if (change.is) this.#resend(now, peer);
    else if (peer.outbox.size === 0) this.#peers.delete(foldName(change.name));
    else {
      peer.outbox.ground();
      peer.resendAt = NEVER;
    }
  }

  #peer(name: UserName): Peer {
    const known = this.#peers.get(foldName(name));
    if (known !== undefined) return known;
    const peer: Peer = {
      name,
      isBuddy: false,
      outbox: new Outbox(),
      inbox: new Inbox(),
      stoppedAt: undefined,
      pauses: 0,
      resendAt: NEVER,
    };
    this.#peers.set(foldName(name), peer);
    if (this.#peers.size > PEERS_MAX) this.#dropOldestStranger(peer);
    return peer;
  }

  /** Only a service has strangers here; their ids may be forgotten, for the sake of memory. */
  #dropOldestStranger(newest: Peer): void {
    for (const [key, peer] of this.#peers) {
      if (peer === newest || peer.isBuddy || peer.outbox.size > 0) continue;
      this.#peers.delete(key);
      return;
    }
  }
}

function bodyOf({ id, sequence, sentAtMs, text, group, placeMs = 0 }: OutgoingLine, waitingFrom: number) {
  const body = { messageId: bytesOf(id), sequence, sentAtMs, text, waitingFrom };
  return group ? { ...body, group: wireGroup(group) as never, placeMs } : body;
}
