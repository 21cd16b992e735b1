/**
 * Joining two copies of a buddy list that were both changed (profile and login server, or two machines of one
 * person) so that neither loses a change. Pure. `buddies-file.ts` and the agent hand in lists and store the result.
 *
 * Each person is one register: the later `changedAtMs` wins, equal times are decided by the entry's content, and
 * `lastSeenAtMs` grows on its own. Both are maxima over total orders, so merging is commutative, associative and
 * idempotent, and copies agree whatever the order in which they meet (Shapiro et al. 2011, "A comprehensive study
 * of convergent replicated data types", LWW register). Forgetting is kept apart in `trimBuddies`, because an order
 * of events could be found in which a merge that forgets brings a removed person back.
 */
import type { RosterEntry } from '../net/chat/roster-entry.ts';
import { foldName } from '../net/protocol/ids.ts';
import { BUDDIES_MAX, TOMBSTONE_LIFETIME_MS } from '../net/protocol/params.ts';

/**
 * Which content wins when both copies changed at the same time: a block is never lost, a friendship is not lost to
 * the request that led to it, and somebody rather stays than vanishes.
 */
const STRENGTH = { declined: 1, outgoing: 2, incoming: 3, both: 4, blocked: 5 } as const;
const REMOVED_STRENGTH = 0;

/** The union, one entry a person, sorted by folded name. Nothing is forgotten; unchanged entries keep identity. */
export function mergeBuddies(a: readonly RosterEntry[], b: readonly RosterEntry[]): RosterEntry[] {
  const merged = new Map<string, RosterEntry>();
  for (const entry of [...a, ...b]) {
    const key = foldName(entry.name);
    const known = merged.get(key);
    merged.set(key, known === undefined ? entry : mergeEntry(known, entry));
  }
  return [...merged.values()].sort(byName);
}

/**
 * What is worth storing at wall clock `nowMs`: tombstones older than TOMBSTONE_LIFETIME_MS go, and of more than
 * BUDDIES_MAX entries those go first that cost a person least. Sorted by folded name.
 */
export function trimBuddies(entries: readonly RosterEntry[], nowMs: number): RosterEntry[] {
  const kept = entries.filter((entry) => !entry.removed || entry.changedAtMs > nowMs - TOMBSTONE_LIFETIME_MS);
  return kept.toSorted(byWorth).slice(0, BUDDIES_MAX).sort(byName);
}

/** Dearest first: a tombstone before anything else is let go, then what is weak, then what is old. */
export function byWorth(a: RosterEntry, b: RosterEntry): number {
  return strengthOf(b) - strengthOf(a) || b.changedAtMs - a.changedAtMs || byName(a, b);
}

export function byName(a: RosterEntry, b: RosterEntry): number {
  return compareTexts(foldName(a.name), foldName(b.name));
}

function mergeEntry(a: RosterEntry, b: RosterEntry): RosterEntry {
  const winner = compareEntries(a, b) >= 0 ? a : b;
  const lastSeenAtMs = Math.max(a.lastSeenAtMs, b.lastSeenAtMs);
  return winner.lastSeenAtMs === lastSeenAtMs ? winner : { ...winner, lastSeenAtMs };
}

/** A total order over everything but `lastSeenAtMs`; 0 only for the same content. */
function compareEntries(a: RosterEntry, b: RosterEntry): number {
  return (
    a.changedAtMs - b.changedAtMs ||
    strengthOf(a) - strengthOf(b) ||
    STRENGTH[a.relation] - STRENGTH[b.relation] ||
    compareTexts(a.message, b.message) ||
    compareTexts(a.displayName, b.displayName) ||
    compareTexts(a.name, b.name)
  );
}

function strengthOf(entry: RosterEntry): number {
  return entry.removed ? REMOVED_STRENGTH : STRENGTH[entry.relation];
}

/** By code unit: the same on every machine, whatever its locale. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
