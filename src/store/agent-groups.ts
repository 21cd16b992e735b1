/**
 * Conversations of several people as the agent keeps them: what a group is (`net/chat/group-state.ts`) lies in the history
 * under a label, `#lunch`; a line of ours is stored once and goes out as a copy to each member, by the messenger like any
 * other line, so order, doubles, receipts and letters are its matter. A change of members is a line too, which says so.
 */
import {
  cleanText,
  type GroupState,
  isGroupTitle,
  isMember,
  membersOf,
  mergeGroups,
  type OrdinaryNodeEvent,
  withMembers,
} from '../net/index.ts';
import { Refusal } from '../net/protocol/failures.ts';
import { foldName, hexOf, ID_BYTES } from '../net/protocol/ids.ts';
import { GROUPS_MAX } from '../net/protocol/mail-params.ts';
import { CHAT_TEXT_BYTES_MAX } from '../net/protocol/params.ts';
import type { AgentCore } from './agent-core.ts';
import type { ChatLine, Group } from './state.ts';

type Received = Extract<Extract<OrdinaryNodeEvent, { type: 'messenger' }>['news'], { type: 'received' }>;

export class AgentGroups {
  readonly #core: AgentCore;
  /** By label. */
  #groups = new Map<string, GroupState>();

  constructor(core: AgentCore) {
    this.#core = core;
  }

  /** Signed in: before anything is sent. Copies without a receipt, to be restored with the other lines. */
  begin() {
    const { history } = this.#core;
    this.#groups = new Map(history.groups().map(({ label, group }) => [label, group]));
    this.#tellNode();
    this.#tell();
    return history.copies().map(({ keptUntilMs, ...copy }) => (keptUntilMs > 0 ? { ...copy, keptUntilMs } : copy));
  }

  list(): readonly Group[] {
    const unread = this.#core.history.unread();
    return [...this.#groups]
      .map(([label, state]) => this.#shown(label, state, unread.get(foldName(label)) ?? 0))
      .sort((a, b) => (a.label < b.label ? -1 : 1));
  }

  make(title: string, names: readonly string[]): Group {
    const own = this.#core.signedIn();
    if (!isGroupTitle(title)) throw new Refusal('usage', 'a word of at most 32 letters, digits, ".", "_" or "-"');
    const id = hexOf(this.#core.options.random.bytes(ID_BYTES));
    const empty: GroupState = { id, title, titleVersion: 1, members: [] };
    const state = withMembers(empty, [own, ...this.#buddies(names)], false);
    if (!state || this.#groups.size >= GROUPS_MAX) throw new Refusal('group-full');
    const label = this.#freeLabel(title);
    this.#keep(label, state);
    this.#say(label, state, `made the group ${title}`);
    return this.#shown(label, state, 0);
  }

  add(named: string, names: readonly string[]): Group {
    const { label, state } = this.#own(named);
    const buddies = this.#buddies(names).filter((name) => !isMember(state, name));
    const next = withMembers(state, buddies, false);
    if (!next) throw new Refusal('group-full');
    this.#keep(label, next);
    if (buddies.length > 0) this.#say(label, next, `added ${buddies.join(', ')}`);
    return this.#shown(label, next, 0);
  }

  leave(named: string): void {
    const { label, state } = this.#own(named);
    const own = this.#core.signedIn();
    const next = withMembers(state, [own], true);
    if (!next) throw new Refusal('group-full');
    // While we still count as one of them: those who hear it know that we were.
    this.#say(label, next, 'left');
    this.#keep(label, next);
  }

  /** Resolves when stored; delivered when every member has it. */
  send(named: string, written: string): ChatLine {
    const { label, state } = this.#own(named);
    const text = cleanText(written, { bytesMax: CHAT_TEXT_BYTES_MAX, lines: 'many' });
    if (text === '') throw new Refusal('usage');
    if (Buffer.byteLength(written) > CHAT_TEXT_BYTES_MAX) throw new Refusal('too-large');
    return this.#say(label, state, text);
  }

  /** The line as stored; undefined when it was there already. Throws what the disk says. */
  received({ from, id, text, sentAtMs, group }: Received & { readonly group: GroupState }): ChatLine | undefined {
    const known = [...this.#groups].find(([, { id: other }]) => other === group.id);
    if (!known && this.#groups.size >= GROUPS_MAX) return undefined;
    const state = known ? mergeGroups(known[1], group) : group;
    // Somebody who has not heard that we left, or who made a group of others.
    if (!isMember(state, this.#core.signedIn())) return undefined;
    const label = known?.[0] ?? this.#freeLabel(group.title);
    this.#keep(label, state);
    const line = { id, with: label, text, sentAtMs, author: from };
    return this.#core.history.storeIncoming(line, this.#core.options.wallClock());
  }

  /** Unread lines have changed. */
  refresh(): void {
    this.#tell();
  }

  #say(label: string, state: GroupState, text: string): ChatLine {
    const own = this.#core.signedIn();
    const { random, wallClock } = this.#core.options;
    const to = membersOf(state).filter((name) => foldName(name) !== foldName(own));
    const now = wallClock();
    const id = hexOf(random.bytes(ID_BYTES));
    const written = { id, with: label, text, sentAtMs: now };
    const { line, sequences } = this.#core.history.storeCopies(written, to, now);
    this.#core.emit({ type: 'chat.message', line });
    for (const [index, name] of to.entries()) {
      const sequence = sequences[index] ?? 0;
      const command = { type: 'send', to: name, id, sequence, text, sentAtMs: now, group: state } as const;
      this.#core.command({ type: 'messenger', command });
    }
    return line;
  }

  #own(named: string): { readonly label: string; readonly state: GroupState } {
    const own = this.#core.signedIn();
    const found = [...this.#groups].find(([label]) => foldName(label) === foldName(named));
    if (!found || !isMember(found[1], own)) throw new Refusal('group-unknown', named);
    return { label: found[0], state: found[1] };
  }

  #buddies(names: readonly string[]): string[] {
    return names.map((name) => {
      const buddy = this.#core.state.buddies.find((one) => foldName(one.name) === foldName(name));
      if (buddy?.relation !== 'both') throw new Refusal('not-a-buddy', name);
      return buddy.name;
    });
  }

  #keep(label: string, state: GroupState): void {
    const before = this.#groups.get(label);
    if (before && JSON.stringify(before) === JSON.stringify(state)) return;
    this.#core.history.putGroup(label, state);
    this.#groups.set(label, state);
    this.#tellNode();
    this.#tell();
  }

  #freeLabel(title: string): string {
    const taken = new Set([...this.#groups.keys()].map(foldName));
    for (let number = 1; ; number += 1) {
      const label = number === 1 ? `#${title}` : `#${title}-${number}`;
      if (!taken.has(foldName(label))) return label;
    }
  }

  /** Those that we left take no more lines of ours, and their members are nobody to us. */
  #tellNode(): void {
    if (this.#groups.size === 0) return;
    const own = this.#core.signedIn();
    const groups = [...this.#groups.values()].filter((state) => isMember(state, own));
    this.#core.command({ type: 'messenger', command: { type: 'groups', groups } });
  }

  #tell(): void {
    const groups = this.list();
    if (groups.length > 0) this.#core.emit({ type: 'groups.changed', groups });
  }

  #shown(label: string, state: GroupState, unread: number): Group {
    const { id, title } = state;
    const left = !isMember(state, this.#core.signedIn());
    return { label, id, title, members: membersOf(state), left, unread };
  }
}
