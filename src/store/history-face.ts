/**
 * What a history can do, whatever it lies in: a file (`history-db.ts`), or nothing that can be opened now
 * (`history-locked.ts`). The rooms of the agent know this face.
 */
import type { ProfileNotice } from './damaged-file.ts';
import type { CallLogEntry, LoggedCall, OutboxLine } from './history-sql.ts';
import type { ChatLine, LineKind } from './state.ts';

/** A line that came in, or that a person wrote; text clean and within CHAT_TEXT_BYTES_MAX. */
export interface NewLine {
  /** 32 hex digits, unique for a person and direction. */
  readonly id: string;
  readonly with: string;
  readonly text: string;
  /** Wall clock of the writer, ms. */
  readonly sentAtMs: number;
}

export interface HistoryQuery {
  readonly with: string;
  /** 1 to HISTORY_PAGE_LINES_MAX; a page ends earlier at HISTORY_PAGE_BYTES_MAX. */
  readonly limit: number;
  /** Only lines stored before: `storedAtMs` of the first line of the page that follows. */
  readonly beforeMs?: number;
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
