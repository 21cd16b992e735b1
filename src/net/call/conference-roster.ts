/**
 * Who is in a conference, from what its members state: a merge that gives everybody the same whatever came first. It
 * holds the newest statement of each node, the invite ids that were vouched for and those that are void; both sets only
 * grow. The rules are in PROTOCOL.md, section 9.18.
 */
import {
  CONFERENCE_INVITES_MAX,
  CONFERENCE_JUMP_MAX,
  CONFERENCE_MEMBERS_MAX,
  CONFERENCE_NODES_MAX,
  CONFERENCE_PENDING_MAX,
  CONFERENCE_PENDING_MS,
} from '../protocol/conference-params.ts';
import type { Millis } from '../protocol/core.ts';
import { foldName, type NodeId, type UserName } from '../protocol/ids.ts';
import type { InviteId, Member, Statement } from './conference-record.ts';

/** What became of a statement: `waits` for somebody to vouch for its sender. */
export type Taken = 'new' | 'known' | 'waits' | 'impostor' | 'removed' | 'refused';

interface Kept {
  statement: Statement;
  readonly since: Millis;
}

interface Ticket {
  readonly name: UserName;
  readonly by: UserName;
}

export class ConferenceRoster {
  readonly #statements = new Map<NodeId, Kept>();
  readonly #tickets = new Map<InviteId, Ticket>();
  readonly #void = new Map<InviteId, UserName>();

  get size(): number {
    return this.#statements.size;
  }

  /** Somebody whom we trust says that this invite id is this person's. */
  vouch(invite: InviteId, name: UserName, by: UserName): void {
    if (this.#tickets.has(invite)) return;
    this.#learn(invite, name, by);
    this.#merge();
  }

  /** Our own, or what follows from a word, which needs no judging. */
  setOwn(now: Millis, statement: Statement): void {
    this.#statements.set(statement.node, { statement, since: now });
    this.#merge();
  }

  take(now: Millis, statement: Statement): Taken {
    const { node, invite } = statement;
    const known = this.#statements.get(node);
    if (known && !isNewer(statement, known.statement)) return 'known';
    const ticket = this.#tickets.get(invite);
    if (ticket && foldName(ticket.name) !== foldName(statement.name)) return 'impostor';
    if (this.#void.has(invite)) return 'removed';
    if (!ticket && !known && this.#waiting().length >= CONFERENCE_PENDING_MAX) return 'refused';
    if (statement.order > this.highestOrder() + CONFERENCE_JUMP_MAX) return 'refused';
    if (!known && !this.#makesRoom()) return 'refused';
    // Who waits for somebody to vouch waits no longer for saying it again.
    this.#statements.set(node, { statement, since: ticket ? now : (known?.since ?? now) });
    this.#merge();
    return this.#tickets.has(invite) ? 'new' : 'waits';
  }

  /** Those for whom nobody vouched in time, forgotten. */
  expire(now: Millis): Statement[] {
    const late = this.#waiting().filter(({ since }) => now >= since + CONFERENCE_PENDING_MS);
    for (const { statement } of late) this.#statements.delete(statement.node);
    return late.map(({ statement }) => statement);
  }

  expiresAt(): Millis {
    return Math.min(...this.#waiting().map(({ since }) => since + CONFERENCE_PENDING_MS), Number.POSITIVE_INFINITY);
  }

  /** The newest of this node, be it in, gone, or waiting; undefined: never heard. */
  of(node: NodeId): Statement | undefined {
    return this.#statements.get(node)?.statement;
  }

  /** It knows nothing of the conference any more, as it says itself; true when that is news. */
  gone(now: Millis, node: NodeId): boolean {
    const statement = this.of(node);
    if (!statement?.isIn) return false;
    this.setOwn(now, { ...statement, isIn: false, version: statement.version + 1 });
    return true;
  }

  /** Of all who ever said anything. */
  highestOrder(): number {
    return Math.max(0, ...[...this.#statements.values()].map(({ statement }) => statement.order));
  }

  /** All who were let in and not removed, in or gone. */
  admitted(): Statement[] {
    return [...this.#statements.values()]
      .map(({ statement }) => statement)
      .filter(({ invite }) => this.#tickets.has(invite) && !this.#void.has(invite));
  }

  /** All who are in and may be, in the order of their coming; more than fit, and two nodes of one account, are sorted out. */
  in(): Statement[] {
    const present = this.admitted().filter(({ isIn }) => isIn);
    const best = new Map<string, Statement>();
    for (const one of present) {
      const other = best.get(foldName(one.name));
      if (!other || comesLater(one, other)) best.set(foldName(one.name), one);
    }
    return [...best.values()].sort(inOrder).slice(0, CONFERENCE_MEMBERS_MAX);
  }

  /** Why this node is not among them though it says that it is in. */
  whyOut(node: NodeId): 'removed' | 'answered-elsewhere' | 'full' | undefined {
    const statement = this.of(node);
    if (!statement?.isIn) return undefined;
    if (this.#void.has(statement.invite)) return 'removed';
    if (!this.#tickets.has(statement.invite) || this.in().some((one) => one.node === node)) return undefined;
    const same = this.admitted().some(
      (one) =>
        one.isIn && one.node !== node && foldName(one.name) === foldName(statement.name) && comesLater(one, statement),
    );
    return same ? 'answered-elsewhere' : 'full';
  }

  /** Whom others count in and who was never heard here. */
  hearsay(): Member[] {
    const found = new Map<NodeId, Member>();
    // Of those who left too: whoever was invited by one of them knows nobody else.
    for (const { members } of this.admitted()) {
      for (const one of members) {
        if (!this.#statements.has(one.node) && !this.#void.has(one.invite)) found.set(one.node, one);
      }
    }
    return [...found.values()].slice(0, CONFERENCE_MEMBERS_MAX);
  }

  /** May somebody of this name remove the bearer of this invite? Whoever stands above it in the tree of invitations. */
  mayRemove(remover: UserName, invite: InviteId): boolean {
    let by = this.#tickets.get(invite)?.by;
    for (let depth = 0; by !== undefined && by !== '' && depth < CONFERENCE_INVITES_MAX; depth += 1) {
      if (foldName(by) === foldName(remover)) return true;
      by = this.#invitedBy(by);
    }
    return false;
  }

  /** Who made this invite void; undefined: nobody. */
  removedBy(invite: InviteId): UserName | undefined {
    return this.#void.get(invite);
  }

  /** Of several invitations of one person the one by which it is in, else the first. */
  #invitedBy(name: UserName): UserName | undefined {
    const present = this.in().find((one) => foldName(one.name) === foldName(name));
    if (present) return this.#tickets.get(present.invite)?.by;
    for (const ticket of this.#tickets.values()) if (foldName(ticket.name) === foldName(name)) return ticket.by;
    return undefined;
  }

  #waiting(): Kept[] {
    return [...this.#statements.values()].filter(({ statement }) => !this.#tickets.has(statement.invite));
  }

  /** Until nothing new follows from what was stated. */
  #merge(): void {
    for (let size = -1; size !== this.#tickets.size + this.#void.size; ) {
      size = this.#tickets.size + this.#void.size;
      for (const said of this.admitted()) {
        for (const { invite, name } of said.asked) this.#learn(invite, name, said.name);
        for (const { invite, name, by } of said.members) this.#learn(invite, name, by);
        for (const invite of said.removed) {
          if (!this.#void.has(invite) && this.mayRemove(said.name, invite)) this.#void.set(invite, said.name);
        }
      }
      this.#dropImpostors();
    }
  }

  /** One came before its ticket, and the ticket turned out to be somebody else's. */
  #dropImpostors(): void {
    for (const [node, { statement }] of this.#statements) {
      const ticket = this.#tickets.get(statement.invite);
      if (ticket && foldName(ticket.name) !== foldName(statement.name)) this.#statements.delete(node);
    }
  }

  /** Where there is no room the oldest that nobody bears, and nobody tells of any more, is forgotten. */
  #learn(invite: InviteId, name: UserName, by: UserName): void {
    if (this.#tickets.has(invite)) return;
    if (this.#tickets.size >= CONFERENCE_INVITES_MAX) {
      const needed = this.#needed();
      const old = [...this.#tickets.keys()].find((one) => !needed.has(one));
      if (old === undefined) return;
      this.#tickets.delete(old);
      this.#void.delete(old);
    }
    this.#tickets.set(invite, { name, by });
  }

  #needed(): Set<InviteId> {
    const all = [...this.#statements.values()].map(({ statement }) => statement);
    return new Set(
      all.flatMap(({ invite, asked, members }) => [invite, ...[...asked, ...members].map((one) => one.invite)]),
    );
  }

  /** For one more node: of those who are gone the one whose word is the oldest is forgotten. */
  #makesRoom(): boolean {
    if (this.#statements.size < CONFERENCE_NODES_MAX) return true;
    const gone = [...this.#statements.values()].filter(({ statement }) => !statement.isIn);
    const [oldest] = gone.sort((a, b) => a.since - b.since);
    if (!oldest) return false;
    this.#statements.delete(oldest.statement.node);
    return true;
  }
}

function isNewer(a: Statement, b: Statement): boolean {
  if (a.order !== b.order) return a.order > b.order;
  if (a.incarnation !== b.incarnation) return a.incarnation > b.incarnation;
  return a.version > b.version;
}

function comesLater(a: Member, b: Member): boolean {
  return a.order > b.order || (a.order === b.order && a.node > b.node);
}

function inOrder(a: Member, b: Member): number {
  return a.order - b.order || (a.node < b.node ? -1 : 1);
}
