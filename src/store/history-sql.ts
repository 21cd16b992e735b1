/**
 * The tables and statements of `history-db.ts`, and how rows become what the rest of the program knows. Pure text and
 * pure functions: the file itself is opened, written and repaired there.
 */
import { foldName } from '../net/protocol/ids.ts';
import { HISTORY_PAGE_BYTES_MAX, HISTORY_SEARCH_WORDS_MAX } from '../net/protocol/params.ts';
import type { CallEndReason, CallPath, ChatLine, LineKind } from './state.ts';

/** An outgoing line; sequences rise by one in a conversation, from 1. */
export interface OutboxLine {
  readonly line: ChatLine;
  readonly sequence: number;
  /** Wall clock until which the network keeps it, ms; 0 when it does not. */
  readonly keptUntilMs: number;
}

export interface CallLogEntry {
  readonly call: string;
  readonly peer: string;
  readonly direction: 'in' | 'out';
  readonly startedAtMs: number;
  readonly answeredAtMs: number | null;
  /** Null while it goes on. */
  readonly endedAtMs: number | null;
  readonly reason: CallEndReason | null;
  readonly path: CallPath | null;
}

export interface LoggedCall extends CallLogEntry {
  /** An incoming call that ended unanswered and was not refused. */
  readonly missed: boolean;
}

/** Keeps the index of words in step with what is erased, a line at a time; part of a released script. */
const WORDS_ERASED = `CREATE TRIGGER message_erased AFTER DELETE ON message BEGIN
     INSERT INTO message_words (message_words, rowid, text) VALUES ('delete', old.number, old.text);
   END`;

/**
 * Released scripts are never changed; what changes is a new one at the end. A file that becomes encrypted, or plain again,
 * is copied row by row into a new one of the same schema (`history-form-db.ts`), where the triggers of inserting run again.
 */
export const HISTORY_SCHEMA: readonly string[] = [
  `CREATE TABLE message (
     number INTEGER PRIMARY KEY,
     peer TEXT NOT NULL,
     direction TEXT NOT NULL,
     id TEXT NOT NULL,
     name TEXT NOT NULL,
     text TEXT NOT NULL,
     sent_at_ms INTEGER NOT NULL,
     stored_at_ms INTEGER NOT NULL,
     sequence INTEGER NOT NULL,
     waiting INTEGER NOT NULL,
     unread INTEGER NOT NULL,
     UNIQUE (peer, direction, id)
   );
   CREATE UNIQUE INDEX message_by_time ON message (peer, stored_at_ms);
   CREATE INDEX message_waiting ON message (peer, sequence) WHERE waiting = 1;
   CREATE INDEX message_unread ON message (peer) WHERE unread = 1;
   CREATE TABLE conversation (
     peer TEXT PRIMARY KEY,
     last_sequence INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE VIRTUAL TABLE message_words USING fts5(
     text, content='message', content_rowid='number', tokenize='unicode61 remove_diacritics 2'
   );
   CREATE TRIGGER message_stored AFTER INSERT ON message BEGIN
     INSERT INTO message_words (rowid, text) VALUES (new.number, new.text);
   END;
   CREATE TABLE call (
     id TEXT PRIMARY KEY,
     peer TEXT NOT NULL,
     name TEXT NOT NULL,
     direction TEXT NOT NULL,
     started_at_ms INTEGER NOT NULL,
     answered_at_ms INTEGER,
     ended_at_ms INTEGER,
     reason TEXT,
     path TEXT
   ) WITHOUT ROWID;
   CREATE INDEX call_by_time ON call (started_at_ms);`,
  // `secure-delete` leaves nothing of erased words in the index (SQLite 3.42).
  `ALTER TABLE message ADD COLUMN kind TEXT;
   ${WORDS_ERASED};
   INSERT INTO message_words (message_words, rank) VALUES ('secure-delete', 1);
   CREATE TABLE erased (
     hash TEXT PRIMARY KEY,
     at_ms INTEGER NOT NULL
   ) WITHOUT ROWID;`,
  // Of a line that waits: until when the network keeps it; 0: it does not.
  'ALTER TABLE message ADD COLUMN kept_until_ms INTEGER NOT NULL DEFAULT 0;',
  // How far we have the lines of our other devices. `waiting` is 2 for a line that another device is to deliver.
  `CREATE TABLE synced (
     node TEXT PRIMARY KEY,
     position INTEGER NOT NULL
   ) WITHOUT ROWID;`,
  // Lines of a group stand under its label (`#lunch`) and say who wrote them; ours go out as a copy to each member.
  // Their place is told by who wrote them, the same for all members, so two may have the same one.
  `ALTER TABLE message ADD COLUMN author TEXT;
   DROP INDEX message_by_time;
   CREATE INDEX message_by_time ON message (peer, stored_at_ms, id);
   CREATE TABLE people_group (
     id TEXT PRIMARY KEY,
     label TEXT NOT NULL UNIQUE,
     state TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE group_copy (
     id TEXT NOT NULL,
     peer TEXT NOT NULL,
     name TEXT NOT NULL,
     label TEXT NOT NULL,
     sequence INTEGER NOT NULL,
     kept_until_ms INTEGER NOT NULL DEFAULT 0,
     PRIMARY KEY (id, peer)
   ) WITHOUT ROWID;`,
];

/** Rows of `:peer`, or of everybody when it is null, that were stored before `:beforeMs`; what waits to be delivered stays. */
const ERASABLE = `(:peer IS NULL OR peer = :peer) AND stored_at_ms < :beforeMs AND waiting <> 1`;

/**
 * Taking a line out of the index overwrites its words wherever they are, which takes as long as indexing a hundred lines
 * anew: of many lines the index is made anew of what is left.
 */
export const REBUILD_COSTS_LINES = 100;
/** Before many lines are erased, and after. */
export const WORDS_LATER = 'DROP TRIGGER message_erased';
export const WORDS_ANEW = `INSERT INTO message_words (message_words) VALUES ('rebuild'); ${WORDS_ERASED}`;

const MISSED = `direction = 'in' AND answered_at_ms IS NULL AND ended_at_ms IS NOT NULL
                AND reason NOT IN ('declined', 'answered-elsewhere')`;

export const STATEMENTS = {
  // One more than the last when the clock was set back, so that the order of a conversation is that of its times.
  store: `INSERT OR IGNORE INTO message
            (peer, direction, id, name, text, sent_at_ms, stored_at_ms, sequence, waiting, unread, kind, author)
          VALUES (:peer, :direction, :id, :name, :text, :sentAtMs,
            ifnull(:placeMs, max(:nowMs, ifnull((SELECT max(stored_at_ms) + 1 FROM message WHERE peer = :peer), 0))),
            :sequence, :waiting, :unread, :kind, :author)`,
  storeSynced: `INSERT OR IGNORE INTO message
                  (peer, direction, id, name, text, sent_at_ms, stored_at_ms, sequence, waiting, unread, kind, author)
                VALUES
                  (:peer, :direction, :id, :name, :text, :sentAtMs, :storedAtMs, 0, :waiting, :unread, :kind, :author)`,
  takenAt: 'SELECT 1 AS found FROM message WHERE peer = ? AND stored_at_ms = ?',
  deliverElsewhere: `UPDATE message SET waiting = 0 WHERE peer = ? AND direction = 'out' AND id = ? AND waiting = 2`,
  readTo: `UPDATE message SET unread = 0 WHERE peer = ?1 AND unread = 1 AND stored_at_ms <=
             (SELECT stored_at_ms FROM message WHERE peer = ?1 AND direction = 'in' AND id = ?2)`,
  readSince: `SELECT name, id, max(stored_at_ms) AS at FROM message
              WHERE direction = 'in' AND unread = 0 AND (kind IS NULL OR kind = 'missed-call') AND stored_at_ms >= ?
              GROUP BY peer`,
  firstSince: 'SELECT min(number) AS number FROM message WHERE stored_at_ms >= ?',
  lastNumber: 'SELECT max(number) AS number FROM message',
  position: 'SELECT position FROM synced WHERE node = ?',
  setPosition: 'INSERT OR REPLACE INTO synced (node, position) VALUES (?, ?)',
  find: 'SELECT * FROM message WHERE peer = ? AND direction = ? AND id = ?',
  nextSequence: `INSERT INTO conversation (peer, last_sequence) VALUES (?, 1)
                 ON CONFLICT (peer) DO UPDATE SET last_sequence = last_sequence + 1 RETURNING last_sequence`,
  // Of a line of a group each copy counts: that is what goes out.
  waiting: `SELECT (SELECT count(*) FROM message WHERE waiting = 1 AND peer NOT LIKE '#%')
              + (SELECT count(*) FROM group_copy) AS count`,
  outbox: `SELECT * FROM message WHERE waiting = 1 AND peer NOT LIKE '#%' ORDER BY peer, sequence`,
  deliver: `UPDATE message SET waiting = 0 WHERE peer = ? AND direction = 'out' AND id = ? AND waiting = 1`,
  keep: `UPDATE message SET kept_until_ms = ?
         WHERE peer = ? AND direction = 'out' AND id = ? AND waiting = 1`,
  endKept: 'UPDATE message SET kept_until_ms = 0 WHERE kept_until_ms > 0 AND kept_until_ms <= ? AND waiting = 1',
  unreadMissed: `SELECT id, name, sent_at_ms FROM message WHERE unread = 1 AND kind = 'missed-call'
                 ORDER BY stored_at_ms DESC LIMIT 20`,
  page: `SELECT * FROM message WHERE peer = ? AND (stored_at_ms, id) < (?, ?)
         ORDER BY stored_at_ms DESC, id DESC LIMIT ?`,
  pageFrom: 'SELECT * FROM message WHERE peer = ? AND stored_at_ms >= ? ORDER BY stored_at_ms, id LIMIT ?',
  search: `SELECT * FROM message WHERE peer = ? AND (stored_at_ms, id) < (?, ?)
             AND number IN (SELECT rowid FROM message_words WHERE message_words MATCH ?)
           ORDER BY stored_at_ms DESC, id DESC LIMIT ?`,
  newest: `SELECT * FROM message WHERE (stored_at_ms, id) < (?, ?) ORDER BY stored_at_ms DESC, id DESC LIMIT ?`,
  searchAll: `SELECT * FROM message WHERE (stored_at_ms, id) < (?, ?)
                AND number IN (SELECT rowid FROM message_words WHERE message_words MATCH ?)
              ORDER BY stored_at_ms DESC, id DESC LIMIT ?`,
  after: 'SELECT * FROM message WHERE number > ? ORDER BY number LIMIT ?',
  afterWith: 'SELECT * FROM message WHERE number > ? AND peer = ? ORDER BY number LIMIT ?',
  erasable: `SELECT peer, id, stored_at_ms FROM message WHERE ${ERASABLE}`,
  erase: `DELETE FROM message WHERE ${ERASABLE}`,
  lines: 'SELECT count(*) AS count FROM message',
  kept: `SELECT count(*) AS count FROM message WHERE waiting = 1 AND (:peer IS NULL OR peer = :peer)
           AND stored_at_ms < :beforeMs`,
  eraseCalls: `DELETE FROM call WHERE (:peer IS NULL OR peer = :peer) AND started_at_ms < :beforeMs
                 AND ended_at_ms IS NOT NULL`,
  noteErased: 'INSERT OR REPLACE INTO erased (hash, at_ms) VALUES (?, ?)',
  wasErased: 'SELECT 1 AS found FROM erased WHERE hash = ?',
  forgetErased: 'DELETE FROM erased WHERE at_ms < ?',
  unread: 'SELECT peer, count(*) AS count FROM message WHERE unread = 1 GROUP BY peer',
  markRead: 'UPDATE message SET unread = 0 WHERE peer = ? AND unread = 1',
  logCall: `INSERT OR REPLACE INTO call
              (id, peer, name, direction, started_at_ms, answered_at_ms, ended_at_ms, reason, path)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  endCutOff: `UPDATE call SET ended_at_ms = ifnull(answered_at_ms, started_at_ms), reason = 'failed'
              WHERE ended_at_ms IS NULL`,
  /** What was only seen from here is told by whoever had the call. */
  logSynced: `INSERT INTO call (id, peer, name, direction, started_at_ms, answered_at_ms, ended_at_ms, reason, path)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
              ON CONFLICT (id) DO UPDATE SET answered_at_ms = excluded.answered_at_ms, ended_at_ms = excluded.ended_at_ms,
                reason = excluded.reason, path = excluded.path
              WHERE call.ended_at_ms IS NOT NULL AND call.answered_at_ms IS NULL AND excluded.answered_at_ms IS NOT NULL`,
  calls: `SELECT *, (${MISSED}) AS missed FROM call WHERE started_at_ms < ? ORDER BY started_at_ms DESC, id LIMIT ?`,
  callsWith: `SELECT *, (${MISSED}) AS missed FROM call WHERE started_at_ms < ? AND peer = ?
              ORDER BY started_at_ms DESC, id LIMIT ?`,
  missedCalls: `SELECT count(*) AS count FROM call WHERE started_at_ms > ? AND ${MISSED}`,
} as const;

/** Of `history-groups-db.ts`. */
export const GROUP_STATEMENTS = {
  groups: 'SELECT label, state FROM people_group ORDER BY label',
  put: 'INSERT OR REPLACE INTO people_group (id, label, state) VALUES (?, ?, ?)',
  addCopy: 'INSERT INTO group_copy (id, peer, name, label, sequence) VALUES (?, ?, ?, ?, ?)',
  copies: `SELECT group_copy.*, message.text, message.sent_at_ms, message.stored_at_ms, people_group.state FROM group_copy
           JOIN message ON message.peer = lower(group_copy.label) AND message.direction = 'out' AND message.id = group_copy.id
           JOIN people_group ON people_group.label = group_copy.label ORDER BY group_copy.peer, group_copy.sequence`,
  copyLabel: 'SELECT label FROM group_copy WHERE id = ? AND peer = ?',
  endCopy: 'DELETE FROM group_copy WHERE id = ? AND peer = ?',
  keepCopy: 'UPDATE group_copy SET kept_until_ms = ? WHERE id = ? AND peer = ?',
  copiesLeft: `SELECT count(*) AS count, min(kept_until_ms) AS kept FROM group_copy WHERE id = ?`,
  copiesTo: 'SELECT id FROM group_copy WHERE peer = ? ORDER BY sequence',
  newestPlace: 'SELECT max(stored_at_ms) AS at FROM message WHERE peer = ?',
} as const;

export type Statement =
  | (typeof STATEMENTS)[keyof typeof STATEMENTS]
  | (typeof GROUP_STATEMENTS)[keyof typeof GROUP_STATEMENTS];
export type Row = Readonly<Record<string, unknown>>;
export type Bound = string | number | null;

/** Words of any script, quoted, so that nothing a person types is syntax; empty when there is no word. */
export function matchOf(search: string): string {
  const words = search.match(/[\p{L}\p{N}\p{M}\p{Co}]+\*?/gu) ?? [];
  return words
    .slice(0, HISTORY_SEARCH_WORDS_MAX)
    .map((word) => (word.endsWith('*') ? `"${word.slice(0, -1)}"*` : `"${word}"`))
    .join(' ');
}

/**
 * A page of at most `limit`, oldest first, from rows that were asked for newest first, one more than that. Whoever asks for the
 * page before this one names its first line, or only the time of that, so lines of one time are parted only where they fill a page.
 */
export function pageOf(rows: readonly Row[], limit: number): ChatLine[] {
  const lines = rows.map(lineOf);
  const page = cut(lines.slice(0, limit));
  const next = lines[page.length];
  const whole = next ? page.filter(({ storedAtMs }) => storedAtMs > next.storedAtMs) : page;
  return (whole.length > 0 ? whole : page).reverse();
}

/** As many of the first lines as a page may hold, one at least. */
export function cut(lines: readonly ChatLine[]): ChatLine[] {
  let bytes = 0;
  const end = lines.findIndex((line, i) => {
    bytes += Buffer.byteLength(JSON.stringify(line)) + 1;
    return i > 0 && bytes > HISTORY_PAGE_BYTES_MAX;
  });
  return lines.slice(0, end === -1 ? lines.length : end);
}

export function lineOf(row: Row): ChatLine {
  return {
    id: String(row.id),
    with: String(row.name),
    direction: row.direction === 'in' ? 'in' : 'out',
    text: String(row.text),
    sentAtMs: Number(row.sent_at_ms),
    storedAtMs: Number(row.stored_at_ms),
    mark: row.waiting === 0 ? 'delivered' : Number(row.kept_until_ms) > 0 ? 'kept' : 'waiting',
    ...(typeof row.kind === 'string' ? { kind: row.kind as LineKind } : {}),
    ...(typeof row.author === 'string' ? { author: row.author } : {}),
  };
}

export function outboxLineOf(row: Row): OutboxLine {
  return { line: lineOf(row), sequence: Number(row.sequence), keptUntilMs: Number(row.kept_until_ms) };
}

/** As the statements that log a call take it. */
export function loggedRow(entry: CallLogEntry): Bound[] {
  const { call, peer, direction, startedAtMs, answeredAtMs, endedAtMs, reason, path } = entry;
  return [call, foldName(peer), peer, direction, startedAtMs, answeredAtMs, endedAtMs, reason, path];
}

export function callOf(row: Row): LoggedCall {
  const timeOf = (value: unknown) => (value === null ? null : Number(value));
  return {
    call: String(row.id),
    peer: String(row.name),
    direction: row.direction === 'in' ? 'in' : 'out',
    startedAtMs: Number(row.started_at_ms),
    answeredAtMs: timeOf(row.answered_at_ms),
    endedAtMs: timeOf(row.ended_at_ms),
    reason: row.reason as CallEndReason | null,
    path: row.path as CallPath | null,
    missed: row.missed === 1,
  };
}
