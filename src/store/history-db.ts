/**
 * What was said and who called: chat lines both ways, the outbox (outgoing lines without a receipt) and the log of
 * calls, in `history-NAME.db` of the profile, SQLite through `libsql`. A file for each account: what one person wrote
 * is neither shown to the next who signs in here nor sent in the name of that one. The agent writes a line here before
 * it hands it to the messenger or answers with a receipt, so a line that anybody was told of survives any crash.
 *
 * Write-ahead log with synchronous=FULL: when a call returns, the row is on the disk. Words are found by FTS5 with
 * the `unicode61` tokenizer (case and accents do not matter; a run of Chinese or Japanese counts as one word).
 *
 * What is erased is gone from the file: freed pages and the index of words are overwritten (`secure_delete`), the log is
 * emptied. Ids of erased lines are kept hashed for a while, so that a line that is sent once more does not come back.
 *
 * With a key the whole file is encrypted (`sqlite-db.ts`); which key, and when, is decided in `history-vault-io.ts`.
 *
 * A damaged file is moved aside, at the start or when the damage is met, and a new one takes its place, with a notice.
 *
 * Somewhat above 400 lines: one method for each statement of `history-sql.ts`.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import type Database from 'libsql';
import { Refusal } from '../net/protocol/failures.ts';
import { foldName } from '../net/protocol/ids.ts';
import {
  HISTORY_CHECK_BYTES_MAX,
  HISTORY_DB_BUSY_MS,
  HISTORY_ERASED_KEPT_MS,
  HISTORY_PAGE_LINES_MAX,
  HISTORY_WAL_BYTES_MAX,
  OUTBOX_MESSAGES_MAX,
} from '../net/protocol/params.ts';
import { migrate } from './account-db.ts';
import { keepAside, type ProfileNotice } from './damaged-file.ts';
import type { Erased, EraseQuery, HistoryDb, HistoryQuery, NewLine, SyncedLine } from './history-face.ts';
import { GroupRows } from './history-groups-db.ts';
import {
  type Bound,
  type CallLogEntry,
  callOf,
  cut,
  HISTORY_SCHEMA,
  type LoggedCall,
  lineOf,
  loggedRow,
  matchOf,
  type OutboxLine,
  outboxLineOf,
  pageOf,
  REBUILD_COSTS_LINES,
  type Row,
  STATEMENTS,
  type Statement,
  WORDS_ANEW,
  WORDS_LATER,
} from './history-sql.ts';
import {
  type DatabaseKey,
  inTransaction,
  isBusy,
  isDamage,
  openDatabase,
  refusalOf,
  SQLITE_SIDECARS,
} from './sqlite-db.ts';
import { type ChatLine, isGroup, type LineKind, type MissedCall } from './state.ts';

export type { Erased, EraseQuery, HistoryDb, HistoryQuery, NewLine, SyncedLine } from './history-face.ts';
export type { CallLogEntry, LoggedCall, OutboxLine } from './history-sql.ts';

/** File name of an account's history; names are letters, digits, dots, underscores and hyphens. */
export function historyFile(account: string): string {
  return `history-${foldName(account)}.db`;
}

export interface HistoryOptions {
  /** Of a file that is, or shall be, encrypted. */
  readonly key?: DatabaseKey | undefined;
  /** Default OUTBOX_MESSAGES_MAX. */
  readonly outboxMessagesMax?: number;
}

/** Opens or makes the file. Throws for a file of a later version of the program, which has to be kept as it is. */
export function openHistory(path: string, options: HistoryOptions = {}): HistoryDb {
  return new History(path, options.outboxMessagesMax ?? OUTBOX_MESSAGES_MAX, options.key);
}

class History implements HistoryDb {
  readonly #path: string;
  readonly #outboxMessagesMax: number;
  readonly #key: DatabaseKey | undefined;
  #database: Database.Database;
  #prepared = new Map<Statement, Database.Statement>();
  #notices: ProfileNotice[] = [];
  readonly groups: GroupRows;

  constructor(path: string, outboxMessagesMax: number, key: DatabaseKey | undefined) {
    this.#path = path;
    this.#outboxMessagesMax = outboxMessagesMax;
    this.#key = key;
    try {
      this.#database = openSound(path, key);
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#database = this.#replace();
    }
    this.#guarded(() => this.#run(STATEMENTS.endCutOff));
    this.groups = new GroupRows({
      guarded: (work) => this.#guarded(work),
      atOnce: (work) => inTransaction(this.#database, work),
      run: (statement, ...bound) => this.#run(statement, ...bound),
      all: (statement, ...bound) => this.#all(statement, ...bound),
      storeOut: (line, row) => {
        const waiting = Number(this.#one(STATEMENTS.waiting)?.count);
        if (waiting + row.copies > this.#outboxMessagesMax) throw new Refusal('outbox-full');
        const { copies, nowMs } = row;
        const isNew = this.#store(line, {
          direction: 'out',
          nowMs,
          sequence: 0,
          waiting: copies > 0 ? 1 : 0,
          unread: 0,
        });
        if (!isNew) throw new Error(`the id ${line.id} was used before`);
        return lineOf(this.#find(line, 'out'));
      },
    });
  }

  storeIncoming(line: NewLine, nowMs: number): ChatLine | undefined {
    return this.#guarded(() => {
      const { kind } = line;
      const row = { direction: 'in', nowMs, sequence: 0, waiting: 0, unread: 1 } as const;
      const isNew = this.#store(line, { ...row, ...(kind === undefined ? {} : { kind }) });
      return isNew ? lineOf(this.#find(line, 'in')) : undefined;
    });
  }

  storeOutgoing(line: NewLine, nowMs: number): OutboxLine {
    return this.#guarded(() =>
      inTransaction(this.#database, () => {
        const waiting = Number(this.#one(STATEMENTS.waiting)?.count);
        if (waiting >= this.#outboxMessagesMax) throw new Refusal('outbox-full');
        const sequence = Number(this.#one(STATEMENTS.nextSequence, foldName(line.with))?.last_sequence);
        const isNew = this.#store(line, { direction: 'out', nowMs, sequence, waiting: 1, unread: 0 });
        if (!isNew) throw new Error(`the id ${line.id} was used before`);
        return outboxLineOf(this.#find(line, 'out'));
      }),
    );
  }

  markDelivered(peer: string, ids: readonly string[]): readonly string[] {
    return this.#guarded(() =>
      inTransaction(this.#database, () => ids.filter((id) => this.#run(STATEMENTS.deliver, foldName(peer), id) > 0)),
    );
  }

  storeSynced(line: SyncedLine): ChatLine | undefined {
    const { id, with: name, text, sentAtMs, direction, author = null } = line;
    const peer = foldName(name);
    return this.#guarded(() => {
      if (this.#one(STATEMENTS.wasErased, hashOf(peer, id)) || this.#find(line, direction)) return undefined;
      let storedAtMs = line.storedAtMs;
      // In a group the place is the same for all members.
      while (!isGroup(peer) && this.#one(STATEMENTS.takenAt, peer, storedAtMs)) storedAtMs += 1;
      const kind = line.kind ?? null;
      const state = { waiting: line.waiting ? 2 : 0, unread: direction === 'in' ? 1 : 0, kind };
      this.#run(STATEMENTS.storeSynced, { peer, direction, id, name, text, sentAtMs, storedAtMs, author, ...state });
      return lineOf(this.#find(line, direction));
    });
  }

  markDeliveredElsewhere(peer: string, ids: readonly string[]): readonly string[] {
    return this.#guarded(() => ids.filter((id) => this.#run(STATEMENTS.deliverElsewhere, foldName(peer), id) > 0));
  }

  markReadTo(peer: string, id: string): number {
    return this.#guarded(() => this.#run(STATEMENTS.readTo, foldName(peer), id));
  }

  readSince(sinceMs: number): readonly { readonly with: string; readonly id: string }[] {
    const rows = this.#guarded(() => this.#all(STATEMENTS.readSince, sinceMs));
    return rows.map((row) => ({ with: String(row.name), id: String(row.id) }));
  }

  rowsSince(sinceMs: number): { readonly before: number; readonly last: number } {
    return this.#guarded(() => {
      const last = Number(this.#one(STATEMENTS.lastNumber)?.number ?? 0);
      const first = this.#one(STATEMENTS.firstSince, sinceMs)?.number ?? null;
      return { before: first === null ? last : Number(first) - 1, last };
    });
  }

  syncedTo(node: string): number {
    return this.#guarded(() => Number(this.#one(STATEMENTS.position, node)?.position ?? 0));
  }

  setSyncedTo(node: string, position: number): void {
    this.#guarded(() => this.#run(STATEMENTS.setPosition, node, position));
  }

  markKept(peer: string, id: string, untilMs: number): boolean {
    return this.#guarded(() => this.#run(STATEMENTS.keep, untilMs, foldName(peer), id) > 0);
  }

  endKept(nowMs: number): void {
    this.#guarded(() => this.#run(STATEMENTS.endKept, nowMs));
  }

  unreadMissed(): readonly MissedCall[] {
    const rows = this.#guarded(() => this.#all(STATEMENTS.unreadMissed));
    return rows.map((row) => ({ call: String(row.id), peer: String(row.name), atMs: Number(row.sent_at_ms) }));
  }

  outbox(): readonly OutboxLine[] {
    return this.#guarded(() => this.#all(STATEMENTS.outbox).map(outboxLineOf));
  }

  history(query: HistoryQuery): readonly ChatLine[] {
    const limit = Math.max(1, Math.min(query.limit, HISTORY_PAGE_LINES_MAX));
    const { beforeMs: before = Number.MAX_SAFE_INTEGER, beforeId = '' } = query;
    const peer = foldName(query.with);
    if (query.aroundMs !== undefined) return this.#around(peer, query.aroundMs, Math.max(1, Math.floor(limit / 2)));
    const words = query.search === undefined ? undefined : matchOf(query.search);
    if (words === '') return [];
    const rows = this.#guarded(() =>
      words === undefined
        ? this.#all(STATEMENTS.page, peer, before, beforeId, limit + 1)
        : this.#all(STATEMENTS.search, peer, before, beforeId, words, limit + 1),
    );
    return pageOf(rows, limit);
  }

  #around(peer: string, aroundMs: number, half: number): readonly ChatLine[] {
    const [before, from] = this.#guarded(() => [
      this.#all(STATEMENTS.page, peer, aroundMs, '', half + 1),
      this.#all(STATEMENTS.pageFrom, peer, aroundMs, half),
    ]);
    return [...pageOf(before ?? [], half), ...cut((from ?? []).slice(0, half).map(lineOf))];
  }

  newest(query: Omit<HistoryQuery, 'with'>): readonly ChatLine[] {
    const limit = Math.max(1, Math.min(query.limit, HISTORY_PAGE_LINES_MAX));
    const { beforeMs: before = Number.MAX_SAFE_INTEGER, beforeId = '' } = query;
    const words = query.search === undefined ? undefined : matchOf(query.search);
    if (words === '') return [];
    const rows = this.#guarded(() =>
      words === undefined
        ? this.#all(STATEMENTS.newest, before, beforeId, limit + 1)
        : this.#all(STATEMENTS.searchAll, before, beforeId, words, limit + 1),
    );
    return pageOf(rows, limit);
  }

  linesAfter(query: Parameters<HistoryDb['linesAfter']>[0]): ReturnType<HistoryDb['linesAfter']> {
    const { after, with: peer } = query;
    const limit = Math.max(1, Math.min(query.limit, HISTORY_PAGE_LINES_MAX));
    const rows = this.#guarded(() =>
      peer === undefined
        ? this.#all(STATEMENTS.after, after, limit)
        : this.#all(STATEMENTS.afterWith, after, foldName(peer), limit),
    );
    const lines = cut(rows.map(lineOf));
    const last = rows[lines.length - 1];
    return { lines, next: last === undefined ? null : Number(last.number) };
  }

  storeNote(note: Parameters<HistoryDb['storeNote']>[0], nowMs: number): ChatLine {
    const line: NewLine = { id: note.id, with: note.with, text: note.text, sentAtMs: nowMs };
    return this.#guarded(() => {
      const row = { direction: 'in', nowMs, sequence: 0, waiting: 0, unread: 0, kind: note.kind } as const;
      this.#store(line, row);
      return lineOf(this.#find(line, 'in'));
    });
  }

  erase(query: EraseQuery, nowMs: number): Erased {
    const peer = query.with === undefined ? null : foldName(query.with);
    const which = { peer, beforeMs: query.beforeMs ?? Number.MAX_SAFE_INTEGER };
    const since = nowMs - HISTORY_ERASED_KEPT_MS;
    return this.#guarded(() => {
      const erased = inTransaction(this.#database, () => {
        this.#run(STATEMENTS.forgetErased, since);
        const rows = this.#statement(STATEMENTS.erasable).all(which) as Row[];
        for (const row of rows) {
          if (Number(row.stored_at_ms) < since) continue;
          this.#run(STATEMENTS.noteErased, hashOf(String(row.peer), String(row.id)), nowMs);
        }
        const left = Number(this.#one(STATEMENTS.lines)?.count) - rows.length;
        const many = rows.length * REBUILD_COSTS_LINES > left;
        if (many) this.#database.exec(WORDS_LATER);
        const lines = this.#run(STATEMENTS.erase, which);
        if (many) this.#database.exec(WORDS_ANEW);
        return {
          lines,
          calls: this.#run(STATEMENTS.eraseCalls, which),
          waiting: Number((this.#statement(STATEMENTS.kept).get(which) as Row).count),
        };
      });
      // The log still holds pages as they were.
      this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
      return erased;
    });
  }

  unread(): ReadonlyMap<string, number> {
    const rows = this.#guarded(() => this.#all(STATEMENTS.unread));
    return new Map(rows.map((row) => [String(row.peer), Number(row.count)]));
  }

  markRead(peer: string): number {
    return this.#guarded(() => this.#run(STATEMENTS.markRead, foldName(peer)));
  }

  logCall(entry: CallLogEntry): void {
    this.#guarded(() => this.#run(STATEMENTS.logCall, ...loggedRow(entry)));
  }

  logSynced(entry: CallLogEntry): boolean {
    return this.#guarded(() => this.#run(STATEMENTS.logSynced, ...loggedRow(entry)) > 0);
  }

  calls(query: { readonly limit: number; readonly beforeMs?: number; readonly with?: string }): readonly LoggedCall[] {
    const limit = Math.max(1, Math.min(query.limit, HISTORY_PAGE_LINES_MAX));
    const before = query.beforeMs ?? Number.MAX_SAFE_INTEGER;
    const peer = query.with;
    const rows = this.#guarded(() =>
      peer === undefined
        ? this.#all(STATEMENTS.calls, before, limit)
        : this.#all(STATEMENTS.callsWith, before, foldName(peer), limit),
    );
    return rows.map(callOf);
  }

  missedCalls(sinceMs: number): number {
    return this.#guarded(() => Number(this.#one(STATEMENTS.missedCalls, sinceMs)?.count));
  }

  takeNotices(): readonly ProfileNotice[] {
    const notices = this.#notices;
    this.#notices = [];
    return notices;
  }

  close(): void {
    this.#database.close();
  }

  closeForGood(): boolean {
    try {
      this.#database.exec('PRAGMA journal_mode = DELETE');
    } catch (error) {
      if (!isBusy(error)) throw refusalOf(error, this.#path);
      return false;
    }
    this.close();
    return true;
  }

  #store(
    line: NewLine,
    row: {
      readonly direction: 'in' | 'out';
      readonly nowMs: number;
      readonly sequence: number;
      readonly waiting: 0 | 1;
      readonly unread: 0 | 1;
      readonly kind?: LineKind;
    },
  ): boolean {
    const { id, with: name, text, sentAtMs, author = null, placeMs = null } = line;
    if (row.kind === undefined && this.#one(STATEMENTS.wasErased, hashOf(foldName(name), id))) return false;
    const whole = { kind: null, author, placeMs, peer: foldName(name), id, name, text, sentAtMs, ...row };
    return this.#run(STATEMENTS.store, whole) > 0;
  }

  #find(line: NewLine, direction: 'in' | 'out'): Row {
    return this.#one(STATEMENTS.find, foldName(line.with), direction, line.id) as Row;
  }

  /** Damage that was not seen at the start costs the file, not the agent: it is replaced and the work done again. */
  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!isDamage(error)) throw refusalOf(error, this.#path);
      this.#database.close();
      this.#database = this.#replace();
      return work();
    }
  }

  #replace(): Database.Database {
    this.#prepared = new Map();
    this.#notices.push(keepAside(this.#path, 'the history cannot be read', SQLITE_SIDECARS));
    return openSound(this.#path, this.#key);
  }

  #run(statement: Statement, ...bound: readonly (Bound | Readonly<Record<string, Bound>>)[]): number {
    return this.#statement(statement).run(...bound).changes;
  }

  #one(statement: Statement, ...bound: readonly Bound[]): Row | undefined {
    return this.#statement(statement).get(...bound) as Row | undefined;
  }

  #all(statement: Statement, ...bound: readonly Bound[]): Row[] {
    return this.#statement(statement).all(...bound) as Row[];
  }

  #statement(sql: Statement): Database.Statement {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const prepared = this.#database.prepare(sql);
    this.#prepared.set(sql, prepared);
    return prepared;
  }
}

/** Says nothing of who it was. */
function hashOf(peer: string, id: string): string {
  return createHash('sha256').update(`${peer} ${id}`).digest('hex').slice(0, 32);
}

/** Throws SQLITE_CORRUPT or SQLITE_NOTADB for a file that `isDamage`. */
function openSound(path: string, key: DatabaseKey | undefined): Database.Database {
  const database = openDatabase(path, { waitMs: HISTORY_DB_BUSY_MS, key });
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON');
    database.exec(`PRAGMA journal_size_limit = ${HISTORY_WAL_BYTES_MAX}`);
    if (statSync(path).size <= HISTORY_CHECK_BYTES_MAX) check(database);
    migrate(database, HISTORY_SCHEMA);
    return database;
  } catch (error) {
    database.close();
    throw refusalOf(error, path);
  }
}

function check(database: Database.Database): void {
  const found = database.prepare('PRAGMA quick_check(1)').get() as Row | undefined;
  if (found?.quick_check === 'ok') return;
  throw Object.assign(new Error(String(found?.quick_check)), { code: 'SQLITE_CORRUPT' });
}
