/**
 * The buddy relations of one person: who asked whom, who agreed, who is blocked. The node hands it what other people
 * say (`PeerInput`) and what its own person wants; it hands back messages, changed entries for the store, and the
 * lists for the supernode (whom to watch, from whom to hide). Names are compared folded, kept as their owner writes
 * them. Classic network: the list lay in the profile and at a central server (classic-network.md 1.6).
 *
 *                 add                  they accept, or they ask as well
 *      (nobody) ------> outgoing ----------------------------------------> both
 *         | they ask       | they decline                                  ^  |
 *         v                v                     accept, or add            |  | they remove me
 *      incoming -----------------------------------------------------------+  +-----------------> declined
 *         | decline
 *         +------> declined                 remove: from anywhere to a tombstone; block: from anywhere
 *
 * Both may be away at different times and every message may be lost, so nothing here waits for an answer. Whoever
 * asked asks again whenever the other is seen, with the time of asking; a request that was settled before is answered
 * as it was settled. Whoever hears presence or chat from somebody who is no buddy says so again. Hence two lists
 * agree some time after both people have met, whatever was lost.
 *
 * Why there is no state "removed by them": to a person it would look the same as `declined`.
 */
import type { Core, Millis, WallClock } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { foldName, isName, type NodeId, type UserName } from '../protocol/ids.ts';
import { REQUEST_MESSAGE_BYTES_MAX, REQUESTS_INCOMING_MAX } from '../protocol/params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import type { PeerInput, PeerSend } from '../wire/peers.ts';
import type { RosterEntry, RosterRelation } from './roster-entry.ts';
import { type ListChange, RosterList } from './roster-list.ts';
import {
  isNews,
  isSettled,
  type No,
  requestText,
  type Standing,
  shownName,
  standingAfterUnblock,
  standingOf,
  timeOf,
  waitBeforeAskingMs,
} from './roster-rules.ts';

export interface RosterOptions {
  /** Our own certified name. */
  readonly name: string;
  /** Sent along with requests. */
  readonly displayName: string;
  /** As stored, tombstones included. */
  readonly entries: readonly RosterEntry[];
  readonly wallClock: WallClock;
  /** A service (echo): every request is accepted at once. */
  readonly welcomesEverybody?: boolean;
}

/** Each may be answered by one `refused` in the next drain; the codes stand beside it. */
export type RosterCommand =
  /** `too-large`, `name-malformed`, `person-self`, `blocked` (unblock first), `too-many-tries`. */
  | { readonly type: 'add'; readonly name: string; readonly message: string }
  /** `nothing-pending`; `accept` of a buddy is done already. */
  | { readonly type: 'accept' | 'decline'; readonly name: string }
  /** `not-a-buddy`. Also withdraws a request, and forgets a blocked person. */
  | { readonly type: 'remove'; readonly name: string }
  /** Anybody may be blocked: `name-malformed`, `person-self`, `too-large`. */
  | { readonly type: 'block'; readonly name: string }
  /**
   * `not-a-buddy`. The relation is again what it was. After a restart that is not known any more: then somebody whom
   * we saw (`lastSeenAtMs`) is a buddy again, and a stranger is forgotten. Were they no buddy, they will say so.
   */
  | { readonly type: 'unblock'; readonly name: string }
  /** What the presence book learned about a buddy; kept, but no change that wins a merge. */
  | { readonly type: 'seen'; readonly name: string; readonly displayName: string; readonly atMs: number }
  | { readonly type: 'rename'; readonly displayName: string }
  /** The list as merged with another copy. Whatever was changed here later stays, and nobody is lost. */
  | { readonly type: 'replace'; readonly entries: readonly RosterEntry[] };

export type RosterOutput =
  | PeerSend
  | ListChange
  /** `retryAfterMs` is 0 when waiting does not help. */
  | { readonly type: 'refused'; readonly code: FailureCode; readonly name: string; readonly retryAfterMs: number };

export class Roster implements Core<PeerInput, RosterCommand, RosterOutput> {
  readonly #options: RosterOptions;
  readonly #list: RosterList;
  /** When a pending stranger asked, by their clock: the answer says which request it is for. */
  readonly #askedAtMs = new Map<string, number>();
  readonly #noes = new Map<string, No>();
  readonly #beforeBlock = new Map<string, Standing>();
  #displayName: string;
  #online = false;
  #outputs: RosterOutput[] = [];

  constructor(options: RosterOptions) {
    this.#options = options;
    this.#displayName = options.displayName;
    const entries = options.entries.filter((entry) => isName(entry.name) && !this.#isSelf(entry.name));
    this.#list = new RosterList(entries, options.wallClock, (change) => this.#outputs.push(change));
    this.#list.tellNames();
  }

  /** Everybody, tombstones included: what is to be stored and merged. */
  entries(): RosterEntry[] {
    return this.#list.all();
  }

  /** Undefined for strangers and removed people. */
  relationOf(name: string): RosterRelation | undefined {
    const standing = this.#list.standing(name);
    return standing === 'none' ? undefined : standing;
  }

  /** The node drops whatever a blocked person sends, before any core hears of it. */
  isBlocked(name: string): boolean {
    return this.#list.standing(name) === 'blocked';
  }

  receive(now: Millis, input: PeerInput): void {
    if (input.type === 'message') this.#heard(now, input.from, input.node, input.message);
    else if (input.type === 'peer-seen') this.#seen(input.name, input.node);
    else if (input.type === 'online') this.#attached(input.online);
    this.#list.tellNames();
  }

  command(now: Millis, command: RosterCommand): void {
    if (command.type === 'replace') this.#replace(command.entries);
    else if (command.type === 'rename') this.#displayName = command.displayName;
    else if (!isName(command.name)) this.#refuse('name-malformed', command.name);
    else if (this.#isSelf(command.name)) this.#refuse('person-self', command.name);
    else this.#obey(now, command);
    this.#list.tellNames();
  }

  /** Nothing here waits for a time: whoever is seen again brings things on. */
  wake(_now: Millis): void {}

  wakeAt(): Millis {
    return Number.POSITIVE_INFINITY;
  }

  drain(): RosterOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  // ------------------------------------------------------------------------------------------- what others say

  #seen(name: UserName, node: NodeId): void {
    const entry = this.#list.get(name);
    if (entry !== undefined && standingOf(entry) === 'outgoing') this.#ask(entry, node);
  }

  /** A request made while we were away is tried at once: its person may be found without being announced. */
  #attached(online: boolean): void {
    this.#online = online;
    if (!online) return;
    for (const entry of this.#list.all()) if (standingOf(entry) === 'outgoing') this.#ask(entry);
  }

  #heard(now: Millis, from: UserName, node: NodeId, heard: Message): void {
    if (!isName(from) || this.#isSelf(from) || this.isBlocked(from)) return;
    const entry = this.#list.get(from);
    // A person may have typed the name otherwise than its owner writes it.
    if (entry !== undefined && entry.name !== from) this.#list.put({ ...entry, name: from });
    if (heard.kind === 'buddyRequest') this.#requested(now, from, node, heard.body);
    else if (heard.kind === 'buddyAnswer') this.#answered(now, from, heard.body);
    else if (heard.kind === 'presence' || heard.kind === 'chatMessage') this.#treatedAsBuddy(from, node);
  }

  #requested(now: Millis, from: UserName, node: NodeId, body: Body<'buddyRequest'>): void {
    const entry = this.#list.get(from);
    const askedAtMs = timeOf(body.askedAtMs);
    switch (standingOf(entry)) {
      case 'both': // Our yes was lost.
        return this.#answer(from, true, askedAtMs, node);
      case 'outgoing':
        this.#answer(from, true, askedAtMs, node);
        return this.#befriend(from, body.displayName);
      case 'incoming':
        return this.#letIn(from, askedAtMs, body);
      default:
        if (isSettled(now, entry, askedAtMs, this.#noes.get(foldName(from)))) {
          return this.#answer(from, false, askedAtMs, node);
        }
        if (this.#list.isFull(from)) return;
        if (!this.#options.welcomesEverybody) return this.#letIn(from, askedAtMs, body);
        this.#answer(from, true, askedAtMs, node);
        this.#befriend(from, body.displayName);
    }
  }

  /** Puts a request before our person, or what is new in it. */
  #letIn(from: UserName, askedAtMs: number, body: Body<'buddyRequest'>): void {
    const entry = this.#list.get(from);
    const told = { message: requestText(body.message), displayName: shownName(body.displayName) };
    const isPending = standingOf(entry) === 'incoming';
    if (!isPending && this.#list.names('incoming').length >= REQUESTS_INCOMING_MAX) return;
    this.#askedAtMs.set(foldName(from), askedAtMs);
    if (isPending && entry?.message === told.message && entry.displayName === told.displayName) return;
    this.#change(from, { relation: 'incoming', ...told, lastSeenAtMs: this.#whenAsked(from) });
  }

  /** They were there when they asked, by their clock, which may go fast. */
  #whenAsked(name: UserName): number {
    return Math.min(this.#askedAtMs.get(foldName(name)) ?? 0, this.#options.wallClock());
  }

  #answered(now: Millis, from: UserName, body: Body<'buddyAnswer'>): void {
    const entry = this.#list.get(from);
    const standing = standingOf(entry);
    if (entry === undefined) return;
    const askedAtMs = timeOf(body.askedAtMs);
    if (standing === 'outgoing') {
      if (askedAtMs !== entry.changedAtMs && !(body.accepted && askedAtMs === 0)) return;
      return body.accepted ? this.#befriend(from) : this.#refusedBy(now, from, true);
    }
    if (body.accepted || !isNews(entry, timeOf(body.decidedAtMs))) return;
    if (standing === 'incoming') this.#change(from, { removed: true, message: '' });
    if (standing === 'both') this.#refusedBy(now, from, false);
  }

  /** Agreed just now, so they are there. */
  #befriend(name: UserName, displayName?: string): void {
    const shown = displayName === undefined ? {} : { displayName: shownName(displayName) };
    this.#change(name, { relation: 'both', message: '', lastSeenAtMs: this.#options.wallClock(), ...shown });
  }

  #refusedBy(now: Millis, name: UserName, toRequest: boolean): void {
    this.#change(name, { relation: 'declined' });
    this.#noes.set(foldName(name), { by: 'them', atMs: now, toRequest });
  }

  /** Presence and chat are between buddies; somebody who sends them has missed what we said last. */
  #treatedAsBuddy(from: UserName, node: NodeId): void {
    const entry = this.#list.get(from);
    if (entry === undefined) return; // Perhaps our own list has not come yet: nothing that we know of is over.
    const standing = standingOf(entry);
    if (standing === 'outgoing') this.#ask(entry, node);
    if (standing === 'declined' || standing === 'none') this.#answer(from, false, 0, node);
  }

  // ---------------------------------------------------------------------------------- what our own person wants

  #obey(now: Millis, command: Exclude<RosterCommand, { type: 'replace' | 'rename' }>): void {
    const { name } = command;
    const entry = this.#list.get(name);
    const standing = standingOf(entry);
    switch (command.type) {
      case 'add':
        return this.#add(now, name, command.message);
      case 'accept':
        if (standing === 'incoming') return this.#accept(name);
        return standing === 'both' ? undefined : this.#refuse('nothing-pending', name);
      case 'decline':
        return standing === 'incoming' ? this.#decline(now, name) : this.#refuse('nothing-pending', name);
      case 'remove':
        return standing === 'none' ? this.#refuse('not-a-buddy', name) : this.#remove(name, standing);
      case 'block':
        return standing === 'blocked' ? undefined : this.#block(name, standing);
      case 'unblock':
        if (entry === undefined || standing === 'none') return this.#refuse('not-a-buddy', name);
        return standing === 'blocked' ? this.#unblock(entry) : undefined;
      case 'seen': {
        if (entry === undefined || standing !== 'both') return;
        const lastSeenAtMs = Math.max(entry.lastSeenAtMs, command.atMs);
        this.#list.put({ ...entry, displayName: shownName(command.displayName), lastSeenAtMs });
      }
    }
  }

  #add(now: Millis, name: string, text: string): void {
    const standing = this.#list.standing(name);
    if (standing === 'both') return;
    if (standing === 'incoming') return this.#accept(name);
    if (standing === 'blocked') return this.#refuse('blocked', name);
    if (Buffer.byteLength(text) > REQUEST_MESSAGE_BYTES_MAX) return this.#refuse('too-large', name);
    const waitMs = waitBeforeAskingMs(now, this.#noes.get(foldName(name)));
    if (waitMs > 0) return this.#refuse('too-many-tries', name, waitMs);
    if (this.#list.isFull(name)) return this.#refuse('too-large', name);
    const asked = this.#list.get(name);
    const isSame = standing === 'outgoing' && asked?.message === requestText(text);
    this.#ask(isSame ? asked : this.#change(name, { relation: 'outgoing', message: requestText(text) }));
  }

  #accept(name: string): void {
    const entry = this.#list.get(name);
    this.#answer(entry?.name ?? name, true, this.#askedAtMs.get(foldName(name)) ?? 0);
    this.#change(name, { relation: 'both', message: '' });
  }

  #decline(now: Millis, name: string): void {
    const askedAtMs = this.#askedAtMs.get(foldName(name)) ?? 0;
    const entry = this.#change(name, { relation: 'declined' });
    this.#noes.set(foldName(name), { by: 'me', atMs: now, toRequest: true });
    this.#answer(entry.name, false, askedAtMs);
  }

  #remove(name: string, standing: Standing): void {
    const askedAtMs = this.#askedAtMs.get(foldName(name)) ?? 0;
    const entry = this.#change(name, { removed: true, message: '', lastSeenAtMs: 0 });
    if (standing !== 'blocked' && standing !== 'declined') this.#answer(entry.name, false, askedAtMs);
  }

  /** They hear nothing of it: the supernode shows us to them as gone. */
  #block(name: string, standing: Standing): void {
    if (this.#list.isFull(name)) return this.#refuse('too-large', name);
    // Only of a buddy, so that `unblock` knows after a restart who was one.
    this.#change(name, { relation: 'blocked', ...(standing === 'both' ? {} : { lastSeenAtMs: 0 }) });
    this.#beforeBlock.set(foldName(name), standing);
  }

  #unblock(entry: RosterEntry): void {
    const before = standingAfterUnblock(entry, this.#beforeBlock.get(foldName(entry.name)));
    if (before === 'none') {
      this.#change(entry.name, { removed: true, message: '', lastSeenAtMs: 0 });
      return;
    }
    const seen = before === 'incoming' ? { lastSeenAtMs: this.#whenAsked(entry.name) } : {};
    const after = this.#change(entry.name, { relation: before, ...seen });
    if (before === 'outgoing') this.#ask(after);
  }

  #replace(entries: readonly RosterEntry[]): void {
    for (const entry of entries) {
      const mine = this.#list.get(entry.name);
      if (!isName(entry.name) || this.#isSelf(entry.name)) continue;
      if (mine !== undefined && mine.changedAtMs > entry.changedAtMs) continue;
      if (!entry.removed && this.#list.isFull(entry.name)) continue;
      const lastSeenAtMs = Math.max(entry.lastSeenAtMs, mine?.lastSeenAtMs ?? 0);
      const merged = this.#list.put({ ...entry, lastSeenAtMs });
      this.#tidy(merged);
      if (standingOf(merged) === 'outgoing' && merged.changedAtMs !== mine?.changedAtMs) this.#ask(merged);
    }
  }

  #change(name: UserName, change: Partial<RosterEntry>): RosterEntry {
    const entry = this.#list.change(name, change);
    this.#tidy(entry);
    return entry;
  }

  /** What is remembered beside the list lasts only as long as the relation that it is about. */
  #tidy(entry: RosterEntry): void {
    const key = foldName(entry.name);
    const standing = standingOf(entry);
    if (standing !== 'declined') this.#noes.delete(key);
    if (standing !== 'incoming' && standing !== 'blocked') this.#askedAtMs.delete(key);
    if (standing !== 'blocked') this.#beforeBlock.delete(key);
  }

  // ------------------------------------------------------------------------------------------------- what we say

  #ask(entry: RosterEntry, node?: NodeId): void {
    const body = { message: entry.message, displayName: this.#displayName, askedAtMs: entry.changedAtMs };
    this.#send(entry.name, message('buddyRequest', body), node);
  }

  /** `askedAtMs` as the request told it; 0 when it is no answer to a request. */
  #answer(to: UserName, accepted: boolean, askedAtMs: number, node?: NodeId): void {
    const decidedAtMs = this.#list.get(to)?.changedAtMs ?? 0;
    this.#send(to, message('buddyAnswer', { accepted, askedAtMs, decidedAtMs }), node);
  }

  /** Away from the network nothing is queued: every message has its occasion to come again. */
  #send(to: UserName, what: Message, node?: NodeId): void {
    if (!this.#online) return;
    this.#outputs.push({ type: 'send', to, ...(node === undefined ? {} : { node }), message: what });
  }

  #refuse(code: FailureCode, name: string, retryAfterMs = 0): void {
    this.#outputs.push({ type: 'refused', code, name, retryAfterMs });
  }

  #isSelf(name: string): boolean {
    return foldName(name) === foldName(this.#options.name);
  }
}
