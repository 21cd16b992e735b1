/**
 * The people of a roster by folded name, tombstones included, and what has to be told when one of them changes: the
 * entry itself, who became or is no longer a buddy, whom to watch, from whom to hide. `roster.ts` decides what
 * changes; this only keeps it, bounded.
 */
import type { WallClock } from '../protocol/core.ts';
import { foldName, type UserName } from '../protocol/ids.ts';
import { BUDDIES_MAX, ROSTER_PEOPLE_MAX } from '../protocol/params.ts';
import type { RosterEntry } from './roster-entry.ts';
import { newEntry, type Standing, sameEntry, standingOf } from './roster-rules.ts';

/** Somebody has become a buddy or is no buddy any more: what presence and messenger go by. */
export interface BuddyChange {
  readonly type: 'buddy';
  readonly name: UserName;
  readonly is: boolean;
  readonly displayName: string;
  readonly lastSeenAtMs: number;
}

export type ListChange =
  | BuddyChange
  /** To be stored and shown. When only name, `displayName` or `lastSeenAtMs` is new, `changedAtMs` is the old one. */
  | { readonly type: 'changed'; readonly entry: RosterEntry }
  /** No longer shown; the entry is the tombstone to be stored. */
  | { readonly type: 'removed'; readonly name: UserName; readonly entry: RosterEntry }
  /** The whole list of the blocked, sorted, whenever it differs; and once at start. */
  | { readonly type: 'hidden'; readonly names: readonly UserName[] }
  /** The whole list of those whose coming and going matters, sorted, whenever it differs; and once at start. */
  | { readonly type: 'watch'; readonly names: readonly UserName[] };

export class RosterList {
  readonly #entries = new Map<string, RosterEntry>();
  readonly #wallClock: WallClock;
  readonly #tell: (change: ListChange) => void;
  #isStale = true;
  /** Both as last told; undefined at start, so that even an empty list is told. */
  #watch: string | undefined;
  #hidden: string | undefined;

  /** Tells of every buddy among `entries` at once; the caller calls `tellNames` when it has settled. */
  constructor(entries: readonly RosterEntry[], wallClock: WallClock, tell: (change: ListChange) => void) {
    this.#wallClock = wallClock;
    this.#tell = tell;
    for (const entry of entries) this.#entries.set(foldName(entry.name), entry);
    for (const entry of this.#entries.values()) if (standingOf(entry) === 'both') tell(buddyChange(entry));
  }

  all(): RosterEntry[] {
    return [...this.#entries.values()];
  }

  get(name: string): RosterEntry | undefined {
    return this.#entries.get(foldName(name));
  }

  standing(name: string): Standing {
    return standingOf(this.get(name));
  }

  /** Sorted. */
  names(...standings: readonly Standing[]): UserName[] {
    const found = this.all().filter((entry) => standings.includes(standingOf(entry)));
    return found.map((entry) => entry.name).sort();
  }

  /** No room for somebody who is not in the list. */
  isFull(name: string): boolean {
    return this.standing(name) === 'none' && this.all().filter((entry) => !entry.removed).length >= ROSTER_PEOPLE_MAX;
  }

  /** A change by a person or a peer: later than whatever stood there (see `RosterEntry.changedAtMs`). */
  change(name: UserName, change: Partial<RosterEntry>): RosterEntry {
    const before = this.get(name) ?? newEntry(name);
    // Whole, because it names the request on the wire.
    const changedAtMs = Math.max(Math.floor(this.#wallClock()), before.changedAtMs + 1);
    return this.put({ ...before, removed: false, ...change, changedAtMs });
  }

  /** The one place where the list changes. Returns what stands there now. */
  put(entry: RosterEntry): RosterEntry {
    const before = this.get(entry.name);
    if (before !== undefined && sameEntry(before, entry)) return before;
    this.#entries.set(foldName(entry.name), entry);
    this.#isStale = true;
    const standing = standingOf(entry);
    if (standing !== 'none') this.#tell({ type: 'changed', entry });
    else if (standingOf(before) !== 'none') this.#tell({ type: 'removed', name: entry.name, entry });
    if ((standing === 'both') !== (standingOf(before) === 'both')) this.#tell(buddyChange(entry));
    if (this.#entries.size > BUDDIES_MAX) this.#dropOldestTombstone();
    return entry;
  }

  /** After each input: the lists of names, if they differ from what was told last. */
  tellNames(): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    const watch = this.names('both', 'outgoing');
    if (watch.join(' ') !== this.#watch) this.#tell({ type: 'watch', names: watch });
    this.#watch = watch.join(' ');
    const hidden = this.names('blocked');
    if (hidden.join(' ') !== this.#hidden) this.#tell({ type: 'hidden', names: hidden });
    this.#hidden = hidden.join(' ');
  }

  #dropOldestTombstone(): void {
    const tombs = this.all().filter((entry) => entry.removed);
    const oldest = tombs.sort((a, b) => a.changedAtMs - b.changedAtMs)[0];
    if (oldest !== undefined) this.#entries.delete(foldName(oldest.name));
  }
}

function buddyChange(entry: RosterEntry): BuddyChange {
  const { name, displayName, lastSeenAtMs } = entry;
  return { type: 'buddy', name, is: standingOf(entry) === 'both', displayName, lastSeenAtMs };
}
