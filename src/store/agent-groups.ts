/**
 * Conversations of several people as the agent keeps them: what a group is (`net/chat/group-state.ts`) lies in the history
 * under a label, `#lunch`; a line of ours is stored once and goes out as a copy to each member, by the messenger like any
 * other line, so order, doubles, receipts and letters are its matter. A change of members is a line too, which says so. Where a
 * line stands is told by who wrote it (the clock of the group), so all members have the same order.
 */
import {
  asKnownTo,
  cleanText,
  type GroupState,
  groupTime,
  isGroupTitle,
  isMember,
  membersOf,
  mergeHeard,
  mergeOwn,
  newestOf,
  type OrdinaryNodeEvent,
  withMembers,
} from '../net/index.ts';
import { Refusal } from '../net/protocol/failures.ts';
import { foldName, hexOf, ID_BYTES, isIdHex } from '../net/protocol/ids.ts';
import { GROUP_AHEAD_MS, GROUP_TOLD_MS, GROUPS_MAX } from '../net/protocol/mail-params.ts';
import { CHAT_TEXT_BYTES_MAX } from '../net/protocol/params.ts';
import type { AgentCore } from './agent-core.ts';
import { type BuddyRelation, buddyNamed, type ChatLine, type Group, isGroup } from './state.ts';

type MessengerNews = Extract<OrdinaryNodeEvent, { type: 'messenger' }>['news'];
type Received = Extract<MessengerNews, { type: 'received' }>;

export class AgentGroups {
  readonly #core: AgentCore;
  /** By label. */
  #groups = new Map<string, GroupState>();
  /** Labels of those that we left and that are not to be shown. */
  #hidden = new Set<string>();
  /** When the person was last told of somebody's words that did not count. */
  readonly #toldAt = new Map<string, number>();
  /** Words that did not count. Only rises. */
  refused = 0;
  /** A group is another one than it was: our other devices are to know it. */
  onState: (group: GroupState) => void = () => {};

  constructor(core: AgentCore) {
    this.#core = core;
    core.onEvent((event) => {
      if (event.type === 'buddy.changed' && event.buddy.relation === 'blocked') this.#withdraw(event.buddy.name);
    });
  }

  /** Signed in: before anything is sent. Copies without a receipt, to be restored with the other lines. */
  begin() {
    const { groups } = this.#core.history;
    const all = groups.list();
    this.#groups = new Map(all.map(({ label, group }) => [label, group]));
    this.#hidden = new Set(all.filter(({ hidden }) => hidden).map(({ label }) => label));
    this.#tellNode();
    if (this.#groups.size + (this.#core.state.groups ?? []).length > 0) this.refresh();
    return groups.copies().flatMap(({ keptUntilMs, ...copy }) => {
      const group = asKnownTo(copy.group, copy.to, this.#core.options.wallClock());
      if (!group) return this.#end(copy);
      return [keptUntilMs > 0 ? { ...copy, group, keptUntilMs } : { ...copy, group }];
    });
  }

  /** This copy of a line goes to them no more. */
  #end({ to, id }: { readonly to: string; readonly id: string }): [] {
    const label = this.#core.history.groups.delivered(to, id);
    if (label !== undefined) this.#core.emit({ type: 'chat.delivered', with: label, id });
    return [];
  }

  list(): readonly Group[] {
    const unread = this.#core.history.unread();
    return [...this.#groups]
      .filter(([label]) => !this.#hidden.has(label))
      .map(([label, state]) => this.#shown(label, state, unread.get(foldName(label)) ?? 0))
      .sort((a, b) => (a.label < b.label ? -1 : 1));
  }

  make(title: string, names: readonly string[]): Group {
    const own = this.#core.signedIn();
    if (!isGroupTitle(title)) throw new Refusal('usage', 'a word of at most 32 letters, digits, ".", "_" or "-"');
    const others = this.#buddies(names);
    const atMs = this.#core.options.wallClock();
    const id = hexOf(this.#core.options.random.bytes(ID_BYTES));
    const empty: GroupState = { id, title, titleAtMs: atMs, members: [] };
    const state = withMembers(empty, [own, ...others], { removed: false, atMs });
    if (!state || this.#groups.size >= GROUPS_MAX) throw new Refusal('group-full');
    const label = this.#freeLabel(title);
    this.#keep(label, state);
    this.#say(label, state, `made the group ${title}`);
    return this.#shown(label, state, 0);
  }

  add(named: string, names: readonly string[]): Group {
    const { label, state } = this.#own(named);
    const buddies = this.#buddies(names).filter((name) => !isMember(state, name));
    if (buddies.length === 0) return this.#shown(label, state, 0);
    const next = this.#change(label, state, buddies, false);
    this.#say(label, next, `added ${buddies.join(', ')}`);
    return this.#shown(label, next, 0);
  }

  /** Any member may; they hear of it, and then nothing more. */
  remove(named: string, names: readonly string[]): Group {
    const { label, state } = this.#own(named);
    const own = this.#core.signedIn();
    const members = membersOf(state);
    const gone = names.map((name) => {
      const member = members.find((one) => foldName(one) === foldName(name));
      if (foldName(name) === foldName(own)) throw new Refusal('person-self', 'wren group leave');
      if (member === undefined) throw new Refusal('person-unknown', name);
      return member;
    });
    const next = this.#change(label, state, gone, true);
    this.#say(label, next, `removed ${gone.join(', ')}`, gone);
    return this.#shown(label, next, 0);
  }

  leave(named: string): void {
    const { label, state } = this.#own(named);
    this.#say(label, this.#change(label, state, [this.#core.signedIn()], true), 'left');
  }

  /** It stays known, so that a late word of a member is no new group. */
  forget(named: string): void {
    const own = this.#core.signedIn();
    const found = this.#find((_, label) => foldName(label) === foldName(named));
    if (!found || this.#hidden.has(found.label)) throw new Refusal('group-unknown', named);
    if (isMember(found.state, own)) throw new Refusal('usage', `leave ${found.label} first`);
    this.#core.history.groups.put(found.label, found.state, true);
    this.#hidden.add(found.label);
    this.refresh();
  }

  /** Resolves when stored; delivered when every member has it. */
  send(named: string, written: string): ChatLine {
    const { label, state } = this.#own(named);
    const text = cleanText(written, { bytesMax: CHAT_TEXT_BYTES_MAX, lines: 'many' });
    if (text === '') throw new Refusal('usage');
    if (Buffer.byteLength(written) > CHAT_TEXT_BYTES_MAX) throw new Refusal('too-large');
    return this.#say(label, state, text);
  }

  /** Whom a conference of this group calls. */
  others(named: string): readonly string[] {
    return this.#hearers(membersOf(this.#own(named).state));
  }

  /** The line as stored; undefined when it was there already, or is not for us. Throws what the disk says. */
  received({ from, id, text, sentAtMs, group, placeMs = sentAtMs }: Received & { readonly group: GroupState }) {
    const own = this.#core.signedIn();
    const known = this.#find(({ id: other }) => other === group.id);
    if (!known && this.#groups.size >= GROUPS_MAX) {
      if (isMember(group, own)) this.#core.notice('group-full', `${from}: ${group.title}`);
      return undefined;
    }
    const wasIn = known !== undefined && isMember(known.state, own);
    // Out of it we are brought back by a buddy only, as into a new one.
    if (!wasIn && (!isMember(group, own) || this.#relation(from) !== 'both')) return undefined;
    const state = known ? mergeHeard(known.state, group, from) : group;
    if (!state) this.#refused(from, known?.label ?? group.title, 'makes it larger than a group may be');
    const label = known?.label ?? this.#freeLabel(group.title);
    const next = state ?? known?.state;
    if (next) this.#keep(label, next);
    // We left, and whoever wrote this has not heard of it.
    if (!wasIn && !(next && isMember(next, own))) return undefined;
    const now = this.#core.options.wallClock();
    const line = { id, with: label, text, sentAtMs, author: from, placeMs: Math.min(placeMs, now + GROUP_AHEAD_MS) };
    return this.#core.history.storeIncoming(line, now);
  }

  /** Somebody's words of a group did not count. */
  fromMessenger({ from, group, why }: Extract<MessengerNews, { type: 'group-refused' }>): void {
    const label = this.#find(({ id }) => id === group)?.label ?? 'a group that you are not in';
    const what = why === 'unsound' ? 'said of it what makes no sense' : 'spoke there and is no member';
    this.#refused(from, label, what);
  }

  /** Unread lines have changed. */
  refresh(): void {
    this.#core.emit({ type: 'groups.changed', groups: this.list() });
  }

  // ------------------------------------------------------------------------------------- our own other devices

  states(): readonly GroupState[] {
    return [...this.#groups.values()];
  }

  /** What another device of ours has: it speaks for us. */
  fromOwn(group: GroupState): void {
    const known = this.#find(({ id }) => id === group.id);
    if (!known && this.#groups.size >= GROUPS_MAX) return;
    const label = known?.label ?? this.#freeLabel(group.title);
    this.#keep(label, known ? mergeOwn(known.state, group) : group);
  }

  /** `#` and the id, which is the same at all devices; a person's name as it is. Undefined: no such group here. */
  wireName(name: string): string | undefined {
    if (!isGroup(name)) return name;
    const state = this.#find((_, label) => foldName(label) === foldName(name))?.state;
    return state && `#${state.id}`;
  }

  localName(wire: string): string | undefined {
    if (!isGroup(wire)) return wire;
    return isIdHex(wire.slice(1)) ? this.#find(({ id }) => id === wire.slice(1))?.label : undefined;
  }

  // ------------------------------------------------------------------------------------------------------ inside

  /** `besides`: who is no member any more, and hears this last line. */
  #say(label: string, state: GroupState, text: string, besides: readonly string[] = []): ChatLine {
    const { history, options } = this.#core;
    const to = this.#hearers([...membersOf(state), ...besides]);
    const now = options.wallClock();
    const id = hexOf(options.random.bytes(ID_BYTES));
    const placeMs = groupTime(now, Math.max(newestOf(state) - 1, history.groups.newestPlace(label)));
    const { line, sequences } = history.groups.storeCopies({ id, with: label, text, sentAtMs: now, placeMs }, to, now);
    this.#core.emit({ type: 'chat.message', line });
    for (const [index, name] of to.entries()) {
      const sequence = sequences[index] ?? 0;
      const command = { type: 'send', to: name, id, sequence, text, sentAtMs: now, group: state, placeMs } as const;
      this.#core.command({ type: 'messenger', command });
    }
    return line;
  }

  #withdraw(name: string): void {
    const ended = this.#core.history.groups.withdraw(name);
    if (ended.length === 0) return;
    const ids = ended.map(({ id }) => id);
    this.#core.command({ type: 'messenger', command: { type: 'withdraw', to: name, ids } });
    for (const { id, label } of ended) {
      if (label !== undefined) this.#core.emit({ type: 'chat.delivered', with: label, id });
    }
  }

  #refused(from: string, label: string, what: string): void {
    this.refused += 1;
    const now = this.#core.options.wallClock();
    this.#core.options.log.warn('groups', 'not heard', { name: from, what, refused: this.refused });
    const key = `${foldName(from)} ${label}`;
    if (now - (this.#toldAt.get(key) ?? Number.NEGATIVE_INFINITY) < GROUP_TOLD_MS) return;
    this.#toldAt.delete(key);
    this.#toldAt.set(key, now);
    const [oldest] = this.#toldAt.keys();
    if (this.#toldAt.size > GROUPS_MAX && oldest !== undefined) this.#toldAt.delete(oldest);
    this.#core.notice('group-forged', `${from} ${what}: ${label}`);
  }

  /** The group with these added or removed now, kept. */
  #change(label: string, state: GroupState, names: readonly string[], removed: boolean): GroupState {
    const newest = Math.max(newestOf(state), this.#core.history.groups.newestPlace(label));
    const atMs = groupTime(this.#core.options.wallClock(), newest);
    const next = withMembers(state, names, { removed, atMs });
    if (!next) throw new Refusal('group-full');
    this.#keep(label, next);
    return next;
  }

  #find(fits: (state: GroupState, label: string) => boolean) {
    const found = [...this.#groups].find(([label, state]) => fits(state, label));
    return found && { label: found[0], state: found[1] };
  }

  #own(named: string): { readonly label: string; readonly state: GroupState } {
    const own = this.#core.signedIn();
    const found = this.#find((_, label) => foldName(label) === foldName(named));
    if (!found || !isMember(found.state, own)) throw new Refusal('group-unknown', named);
    return found;
  }

  #buddies(names: readonly string[]): string[] {
    const found = names.map((name) => {
      const buddy = buddyNamed(this.#core.state, name);
      if (buddy?.relation !== 'both') throw new Refusal('not-a-buddy', name);
      return buddy.name;
    });
    return [...new Set(found)];
  }

  #relation(name: string): BuddyRelation | undefined {
    return buddyNamed(this.#core.state, name)?.relation;
  }

  /** Those of them who are to hear us: neither we ourselves nor whom we have blocked. */
  #hearers(names: readonly string[]): string[] {
    const own = foldName(this.#core.signedIn());
    return names.filter((name) => foldName(name) !== own && this.#relation(name) !== 'blocked');
  }

  #keep(label: string, state: GroupState): void {
    const before = this.#groups.get(label);
    if (before && JSON.stringify(before) === JSON.stringify(state)) return;
    const isHidden = this.#hidden.has(label) && !isMember(state, this.#core.signedIn());
    if (!isHidden) this.#hidden.delete(label);
    this.#core.history.groups.put(label, state, isHidden);
    this.#groups.set(label, state);
    this.#tellNode();
    this.refresh();
    this.onState(state);
  }

  #freeLabel(title: string): string {
    const taken = new Set([...this.#groups.keys()].map(foldName));
    for (let number = 1; ; number += 1) {
      const label = number === 1 ? `#${title}` : `#${title}-${number}`;
      if (!taken.has(foldName(label))) return label;
    }
  }

  /** Also those that we left: whoever has not heard of it is to get a receipt. */
  #tellNode(): void {
    if (this.#groups.size === 0) return;
    const groups = [...this.#groups.values()];
    this.#core.command({ type: 'messenger', command: { type: 'groups', groups, own: this.#core.signedIn() } });
  }

  #shown(label: string, state: GroupState, unread: number): Group {
    const { id, title } = state;
    const left = !isMember(state, this.#core.signedIn());
    return { label, id, title, members: membersOf(state), left, unread };
  }
}
