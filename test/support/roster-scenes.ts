/** The vocabulary of tests about buddy lists: one entry with defaults, and arbitrary ones for property tests. */
import fc from 'fast-check';
import type { RosterEntry } from '../../src/net/chat/roster-entry.ts';

export function buddy(name: string, change: Partial<RosterEntry> = {}): RosterEntry {
  return {
    name,
    displayName: '',
    relation: 'both',
    message: '',
    lastSeenAtMs: 0,
    changedAtMs: 1_700_000_000_000,
    removed: false,
    ...change,
  };
}

/** Few names (in two spellings), times and texts, so that entries often meet and often tie. */
const anyEntry: fc.Arbitrary<RosterEntry> = fc.record({
  name: fc.constantFrom('bobby1', 'Bobby1', 'carol1', 'dave.x', 'erin-1'),
  displayName: fc.constantFrom('', 'Bob', 'Robert'),
  relation: fc.constantFrom('both', 'outgoing', 'incoming', 'declined', 'blocked'),
  message: fc.constantFrom('', 'hi', 'hello <you> & "me"'),
  lastSeenAtMs: fc.nat(5),
  changedAtMs: fc.nat(5),
  removed: fc.boolean(),
});
export const anyList: fc.Arbitrary<RosterEntry[]> = fc.array(anyEntry, { maxLength: 12 });

/** Entries with hard texts: every character that a person or an attacker could type. */
export const anyWildList: fc.Arbitrary<RosterEntry[]> = fc.uniqueArray(
  fc.record({
    name: fc.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{5,31}$/),
    displayName: fc.string({ unit: 'grapheme', maxLength: 20 }),
    relation: fc.constantFrom('both', 'outgoing', 'incoming', 'declined', 'blocked'),
    message: fc.string({ unit: 'grapheme', maxLength: 60 }),
    lastSeenAtMs: fc.nat(),
    changedAtMs: fc.nat(),
    removed: fc.boolean(),
  }),
  { maxLength: 20, selector: (entry) => entry.name.toLowerCase() },
);
