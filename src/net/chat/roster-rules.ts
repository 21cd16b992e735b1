/**
 * The judgements of the roster, as pure functions: what a request or an answer from another person means, given what
 * stands in the list. `roster.ts` asks; the reasons are here.
 */
import type { Millis } from '../protocol/core.ts';
import type { UserName } from '../protocol/ids.ts';
import {
  CLOCK_DIFFERENCE_MS_MAX,
  DISPLAY_NAME_LENGTH_MAX,
  REQUEST_AGAIN_MS,
  REQUEST_MESSAGE_BYTES_MAX,
} from '../protocol/params.ts';
import { cleanText } from './clean-text.ts';
import type { RosterEntry, RosterRelation } from './roster-entry.ts';

/** A relation, or `none` for strangers and tombstones. */
export type Standing = RosterRelation | 'none';

/** A no that was said in this run. A `declined` entry itself does not tell who said it. */
export interface No {
  readonly by: 'me' | 'them';
  readonly atMs: Millis;
  /** To a request; otherwise a buddy left. */
  readonly toRequest: boolean;
}

export function standingOf(entry: RosterEntry | undefined): Standing {
  return entry === undefined || entry.removed ? 'none' : entry.relation;
}

/**
 * Whether a request from somebody whom the list has as `declined` or as a tombstone was answered with no before, so
 * that our person need not be asked: it was made before the no (which then was lost), or it pesters.
 */
export function isSettled(now: Millis, entry: RosterEntry | undefined, askedAtMs: number, no: No | undefined): boolean {
  if (entry === undefined) return false;
  if (no?.by === 'them') return false; // They changed their mind.
  if (no !== undefined && now - no.atMs < REQUEST_AGAIN_MS) return true;
  return askedAtMs <= entry.changedAtMs;
}

/**
 * Whether a no is about this friendship (or request), not about an earlier one: another machine of theirs may not
 * have merged its list yet. The friendship is at least as old as its entry and as the first sign of them in it: an
 * old request may be accepted late, and unblocking changes the entry. Clocks are trusted as far as certificates
 * need them.
 */
export function isNews(entry: RosterEntry, decidedAtMs: number): boolean {
  const seenAtMs = entry.lastSeenAtMs > 0 ? entry.lastSeenAtMs : entry.changedAtMs;
  return decidedAtMs === 0 || decidedAtMs >= Math.min(entry.changedAtMs, seenAtMs) - CLOCK_DIFFERENCE_MS_MAX;
}

/**
 * Milliseconds that others may ask again earlier than; 0 or less when they may ask now. Only a no to a request
 * counts: a buddy who left may have done so by mistake.
 */
export function waitBeforeAskingMs(now: Millis, no: No | undefined): number {
  return no?.by === 'them' && no.toRequest ? Math.ceil(no.atMs + REQUEST_AGAIN_MS - now) : 0;
}

/** The relation after `unblock`; `before` is known within one run. Of the blocked only buddies have been seen. */
export function standingAfterUnblock(entry: RosterEntry, before: Standing | undefined): Standing {
  return before ?? (entry.lastSeenAtMs > 0 ? 'both' : 'none');
}

export function newEntry(name: UserName): RosterEntry {
  return {
    name,
    displayName: '',
    relation: 'outgoing',
    message: '',
    lastSeenAtMs: 0,
    changedAtMs: 0,
    removed: false,
  };
}

export function sameEntry(a: RosterEntry, b: RosterEntry): boolean {
  return (
    a.name === b.name &&
    a.displayName === b.displayName &&
    a.relation === b.relation &&
    a.message === b.message &&
    a.lastSeenAtMs === b.lastSeenAtMs &&
    a.changedAtMs === b.changedAtMs &&
    a.removed === b.removed
  );
}

export function requestText(text: string): string {
  return cleanText(text, { bytesMax: REQUEST_MESSAGE_BYTES_MAX, lines: 'one' });
}

/** A display name as another person sent it: clean, one line, cut to DISPLAY_NAME_LENGTH_MAX characters. */
export function shownName(text: string): string {
  const clean = cleanText(text, { bytesMax: 4 * DISPLAY_NAME_LENGTH_MAX, lines: 'one' });
  // The buddy file counts UTF-16 units; a pair that does not fit goes whole.
  const cut = clean.slice(0, DISPLAY_NAME_LENGTH_MAX);
  return cut.replace(/[\ud800-\udbff]$/, '').trimEnd();
}

/** A wall-clock time off the wire as a whole number that files can hold; 0 for nonsense. */
export function timeOf(ms: number): number {
  return Number.isSafeInteger(ms) && ms >= 0 && ms <= WALL_CLOCK_MS_MAX ? ms : 0;
}

/** What `Date` can hold (ECMA-262, "Time Values and Time Range"). */
const WALL_CLOCK_MS_MAX = 8.64e15;
