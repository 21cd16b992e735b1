/**
 * What a history can do, whatever it lies in: a file (`history-db.ts`), or nothing that can be opened now
 * (`history-locked.ts`). The rooms of the agent know this face.
 */
import type { GroupState } from '../net/index.ts';
import type { ProfileNotice } from './damaged-file.ts';
import type { CallLogEntry, LoggedCall, OutboxLine } from './history-sql.ts';
import type { ChatLine, LineKind, MissedCall } from './state.ts';

/** A line that came in, or that a person wrote; text clean and within CHAT_TEXT_BYTES_MAX. */
export interface NewLine {
  /** 32 hex digits, unique for a person and direction. */
  readonly id: string;
  readonly with: string;
  readonly text: string;
  /** Wall clock of the writer, ms. */
  readonly sentAtMs: number;
  /** Of what nobody wrote. */
  readonly kind?: LineKind;
  /** Of what came in a group: who wrote it. */
  readonly author?: string;
  /** Of a group: its place, by the clock of the group; else it comes behind all others. */
  readonly placeMs?: number;
}

/** A line of ours on its way to one member of a group. */
export interface GroupCopy {
  readonly to: string;
  readonly id: string;
  readonly sequence: number;
  readonly text: string;
  readonly sentAtMs: number;
  readonly placeMs: number;
  readonly keptUntilMs: number;
  readonly group: GroupState;
}

/** Groups, and lines of ours on their way to their members. */
export interface GroupHistory {
  /** Labels (`#lunch`) and states of all groups, also of those that were left. */
  list(): readonly { readonly label: string; readonly group: GroupState; readonly hidden: boolean }[];
  /** `hidden`: left, and not to be shown. */
  put(label: string, group: GroupState, hidden?: boolean): void;
  /** Of the last line; 0 when there is none. */
  newestPlace(label: string): number;
  /** A line of ours, and the copies of it, each with its sequence. `line.with` is the label. Throws like `storeOutgoing`. */
  storeCopies(
    line: NewLine,
    members: readonly string[],
    nowMs: number,
  ): { readonly line: ChatLine; readonly sequences: readonly number[] };
  /** Without a receipt. */
  copies(): readonly GroupCopy[];
  /** That member has it; the line's label when all have it now. */
  delivered(peer: string, id: string): string | undefined;
  /** The network keeps it for that member; more when that is so for all who do not have it. */
  kept(peer: string, id: string, untilMs: number): { readonly label: string; readonly untilMs: number } | undefined;
  /** Nothing goes to that person any more. Each copy, with the label of its line when nobody else is to get that. */
  withdraw(peer: string): readonly { readonly id: string; readonly label: string | undefined }[];
}

export interface SyncedLine extends NewLine {
  readonly direction: 'in' | 'out';
  readonly storedAtMs: number;
  readonly waiting: boolean;
}

export interface HistoryQuery {
  readonly with: string;
  /** 1 to HISTORY_PAGE_LINES_MAX; a page ends earlier at HISTORY_PAGE_BYTES_MAX. */
  readonly limit: number;
  /** Only lines stored before: `storedAtMs` of the first line of the page that follows. */
  readonly beforeMs?: number;
  /** With `beforeMs`: its `id`. Lines of that very time are then told too, as far as they stand before it. */
  readonly beforeId?: string;
  /** Half of the lines from those stored then on, half before them; nothing else narrows it. */
  readonly aroundMs?: number;
  /** Whole words that all occur; a word that ends in `*` stands for its beginnings. */
  readonly search?: string;
}

/** What `erase` is to take; without `with` of everybody, without `beforeMs` all that there is now. */
export interface EraseQuery {
  readonly with?: string;
  /** Only what was stored, or began, before; wall clock. */
  readonly beforeMs?: number;
}

export interface Erased {
  readonly lines: number;
  readonly calls: number;
  /** Lines that stay because they still wait to be delivered. */
  readonly waiting: number;
  /** The whole was thrown away unread, since its key was not to be had: nobody knows how much it was. */
  readonly discarded?: true;
}

/**
 * Every write is on the disk when it returns, and throws `Refusal('disk-full')` with nothing written. Names are
 * compared without case.
 */
export interface HistoryDb {
  /** The line as stored, unread; undefined when it was there already. `nowMs` is the wall clock. */
  storeIncoming(line: NewLine, nowMs: number): ChatLine | undefined;
  /** The line as stored, waiting, with its sequence. Throws `Refusal('outbox-full')` when too many wait. */
  storeOutgoing(line: NewLine, nowMs: number): OutboxLine;
  /** Marks outgoing lines; returns the ids that were waiting until now. */
  markDelivered(peer: string, ids: readonly string[]): readonly string[];
  /** An outgoing line is kept by the network until then (wall clock). False: it does not wait any more. */
  markKept(peer: string, id: string, untilMs: number): boolean;
  /** What the network has thrown away by now is waiting again. */
  endKept(nowMs: number): void;
  readonly groups: GroupHistory;
  /** Missed calls that nobody has read of, the newest first, 20 at most. */
  unreadMissed(): readonly MissedCall[];
  /** Every waiting line, each conversation in the order of its sequences. */
  outbox(): readonly OutboxLine[];
  /** Oldest first: the newest lines that fit the query. */
  history(query: HistoryQuery): readonly ChatLine[];
  /** The same over all conversations. */
  newest(query: Omit<HistoryQuery, 'with'>): readonly ChatLine[];
  /** In the order of their storing, from the first after the row `after` (0: from the start). `next`: null at the end. */
  linesAfter(query: { readonly after: number; readonly limit: number; readonly with?: string }): {
    readonly lines: readonly ChatLine[];
    readonly next: number | null;
  };
  /**
   * A line that another device of ours has stored, in the place that its time gives; undefined when it was there already, or
   * was erased. `waiting`: that device is to deliver it.
   */
  storeSynced(line: SyncedLine): ChatLine | undefined;
  /** Outgoing lines of other devices that have arrived; returns the ids that were waiting until now. */
  markDeliveredElsewhere(peer: string, ids: readonly string[]): readonly string[];
  /** This line that came in, and all before it, are read; how many were not. */
  markReadTo(peer: string, id: string): number;
  /** Of each conversation the last line that is read, of those stored since. */
  readSince(sinceMs: number): readonly { readonly with: string; readonly id: string }[];
  /** Row numbers: the last one before the lines stored since that time, and the last of all. */
  rowsSince(sinceMs: number): { readonly before: number; readonly last: number };
  /** How far we have the lines of that device of ours, by its row numbers. */
  syncedTo(node: string): number;
  setSyncedTo(node: string, position: number): void;
  /** A line that nobody wrote, read already: what happened to the conversation. */
  storeNote(
    note: { readonly id: string; readonly with: string; readonly kind: LineKind; readonly text: string },
    nowMs: number,
  ): ChatLine;
  /** Takes lines and calls out of the file for good; a running call stays. */
  erase(query: EraseQuery, nowMs: number): Erased;
  /** Unread lines by folded name; names without any are not in it. */
  unread(): ReadonlyMap<string, number>;
  /** How many lines were unread. */
  markRead(peer: string): number;
  /** Adds the call or replaces what was logged of it. A call that a crash cut off is logged `failed` at next start. */
  logCall(entry: CallLogEntry): void;
  /** The same of a call that another device of ours had. False when it is known, and no better told. */
  logSynced(entry: CallLogEntry): boolean;
  /** Newest first; `with` narrows to one person. */
  calls(query: { readonly limit: number; readonly beforeMs?: number; readonly with?: string }): readonly LoggedCall[];
  /** Missed calls that started after `sinceMs`. */
  missedCalls(sinceMs: number): number;
  /** What was found damaged since the last call. */
  takeNotices(): readonly ProfileNotice[];
  close(): void;
  /**
   * Closes so that the file may be replaced: its log is worked in and gone. False, and still open, when another connection
   * of this process has not let go of it yet.
   */
  closeForGood(): boolean;
}
