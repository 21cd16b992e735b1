/**
 * Groups in the history (`history-db.ts`, which lends its file): what each group is, under which label it stands here, and of
 * lines of ours the copies that have not arrived, one for each member. A copy is a row until that member's receipt; the line
 * itself waits as long as it has copies.
 */
import type { GroupState } from '../net/index.ts';
import { foldName } from '../net/protocol/ids.ts';
import type { GroupCopy, GroupHistory, NewLine } from './history-face.ts';
import { type Bound, type Row, GROUP_STATEMENTS as SQL, STATEMENTS, type Statement } from './history-sql.ts';
import type { ChatLine } from './state.ts';

/** What the history does for this. */
export interface GroupRowsAccess {
  readonly guarded: <T>(work: () => T) => T;
  readonly atOnce: <T>(work: () => T) => T;
  readonly run: (statement: Statement, ...bound: readonly Bound[]) => number;
  readonly all: (statement: Statement, ...bound: readonly Bound[]) => Row[];
  /** A line of ours, with so many copies. Throws `Refusal('outbox-full')`. */
  readonly storeOut: (line: NewLine, row: { readonly nowMs: number; readonly copies: number }) => ChatLine;
}

export class GroupRows implements GroupHistory {
  readonly #file: GroupRowsAccess;

  constructor(file: GroupRowsAccess) {
    this.#file = file;
  }

  list(): ReturnType<GroupHistory['list']> {
    const rows = this.#file.guarded(() => this.#file.all(SQL.groups));
    return rows.map((row) => ({
      label: String(row.label),
      group: groupOf(row),
      hidden: storedOf(row).hidden === true,
    }));
  }

  put(label: string, group: GroupState, hidden = false): void {
    const stored: Stored = hidden ? { ...group, hidden } : group;
    this.#file.guarded(() => this.#file.run(SQL.put, group.id, label, JSON.stringify(stored)));
  }

  newestPlace(label: string): number {
    return this.#file.guarded(() => Number(this.#one(SQL.newestPlace, foldName(label))?.at ?? 0));
  }

  storeCopies(line: NewLine, members: readonly string[], nowMs: number): ReturnType<GroupHistory['storeCopies']> {
    return this.#file.guarded(() =>
      this.#file.atOnce(() => {
        const stored = this.#file.storeOut(line, { nowMs, copies: members.length });
        const sequences = members.map((name) => {
          const sequence = Number(this.#one(STATEMENTS.nextSequence, foldName(name))?.last_sequence);
          this.#file.run(SQL.addCopy, line.id, foldName(name), name, line.with, sequence);
          return sequence;
        });
        return { line: stored, sequences };
      }),
    );
  }

  copies(): readonly GroupCopy[] {
    return this.#file
      .guarded(() => this.#file.all(SQL.copies))
      .map((row) => ({
        to: String(row.name),
        id: String(row.id),
        sequence: Number(row.sequence),
        text: String(row.text),
        sentAtMs: Number(row.sent_at_ms),
        placeMs: Number(row.stored_at_ms),
        keptUntilMs: Number(row.kept_until_ms),
        group: groupOf(row),
      }));
  }

  delivered(peer: string, id: string): string | undefined {
    return this.#file.guarded(() => this.#file.atOnce(() => this.#end(foldName(peer), id)));
  }

  withdraw(peer: string): ReturnType<GroupHistory['withdraw']> {
    return this.#file.guarded(() =>
      this.#file.atOnce(() =>
        this.#file.all(SQL.copiesTo, foldName(peer)).map((row) => {
          const id = String(row.id);
          return { id, label: this.#end(foldName(peer), id) };
        }),
      ),
    );
  }

  kept(peer: string, id: string, untilMs: number): ReturnType<GroupHistory['kept']> {
    return this.#file.guarded(() => {
      const label = this.#one(SQL.copyLabel, id, foldName(peer))?.label;
      if (label === undefined) return undefined;
      this.#file.run(SQL.keepCopy, untilMs, id, foldName(peer));
      const kept = Number(this.#one(SQL.copiesLeft, id)?.kept);
      if (kept === 0) return undefined;
      this.#file.run(STATEMENTS.keep, kept, foldName(String(label)), id);
      return { label: String(label), untilMs: kept };
    });
  }

  /** One copy less; the label of the line when it was the last. */
  #end(peer: string, id: string): string | undefined {
    const label = this.#one(SQL.copyLabel, id, peer)?.label;
    if (label === undefined) return undefined;
    this.#file.run(SQL.endCopy, id, peer);
    if (Number(this.#one(SQL.copiesLeft, id)?.count) > 0) return undefined;
    this.#file.run(STATEMENTS.deliver, foldName(String(label)), id);
    return String(label);
  }

  #one(statement: Statement, ...bound: readonly Bound[]): Row | undefined {
    return this.#file.all(statement, ...bound)[0];
  }
}

type Stored = GroupState & { readonly hidden?: boolean };

function storedOf(row: Row): Stored {
  return JSON.parse(String(row.state)) as Stored;
}

function groupOf(row: Row): GroupState {
  const { hidden: _, ...group } = storedOf(row);
  return group;
}
