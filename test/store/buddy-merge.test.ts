import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RosterEntry } from '../../src/net/chat/roster-entry.ts';
import { foldName } from '../../src/net/protocol/ids.ts';
import { BUDDIES_MAX, TOMBSTONE_LIFETIME_MS } from '../../src/net/protocol/params.ts';
import { mergeBuddies, trimBuddies } from '../../src/store/buddy-merge.ts';
import { anyList, buddy } from '../support/roster-scenes.ts';

test('a buddy added here and another added there are both in the list', () => {
  const merged = mergeBuddies([buddy('bobby1')], [buddy('carol1')]);
  expect(merged.map((entry) => entry.name)).toEqual(['bobby1', 'carol1']);
});

test('the later change of one person wins, from whichever side it comes', () => {
  const older = buddy('bobby1', { relation: 'outgoing', changedAtMs: 100 });
  const newer = buddy('Bobby1', { relation: 'blocked', changedAtMs: 200 });
  expect(mergeBuddies([older], [newer])).toEqual([newer]);
  expect(mergeBuddies([newer], [older])).toEqual([newer]);
});

test('a friendship is never lost to an older request, nor to one of the same moment', () => {
  const friends = buddy('bobby1', { relation: 'both', changedAtMs: 200 });
  for (const changedAtMs of [100, 200]) {
    const request = buddy('bobby1', { relation: 'outgoing', changedAtMs });
    expect(mergeBuddies([request], [friends])).toEqual([friends]);
    expect(mergeBuddies([friends], [request])).toEqual([friends]);
  }
});

test('a block is never lost to anything of the same moment', () => {
  const blocked = buddy('bobby1', { relation: 'blocked', changedAtMs: 200 });
  expect(mergeBuddies([buddy('bobby1', { changedAtMs: 200 })], [blocked])).toEqual([blocked]);
  expect(mergeBuddies([buddy('bobby1', { changedAtMs: 200, removed: true })], [blocked])).toEqual([blocked]);
});

test('a removal wins over the older entry and loses to a later new request', () => {
  const removed = buddy('bobby1', { changedAtMs: 200, removed: true });
  expect(mergeBuddies([buddy('bobby1', { changedAtMs: 100 })], [removed])[0]?.removed).toBe(true);
  expect(mergeBuddies([buddy('bobby1', { changedAtMs: 300 })], [removed])[0]?.removed).toBe(false);
});

test('the newest last-seen time survives whichever entry wins', () => {
  const winner = buddy('bobby1', { changedAtMs: 200, lastSeenAtMs: 5 });
  const loser = buddy('bobby1', { changedAtMs: 100, lastSeenAtMs: 9 });
  expect(mergeBuddies([winner], [loser])).toEqual([{ ...winner, lastSeenAtMs: 9 }]);
});

test('merging is commutative, associative and idempotent, and loses nobody', () => {
  fc.assert(
    fc.property(anyList, anyList, anyList, (a, b, c) => {
      const merged = mergeBuddies(a, b);
      expect(mergeBuddies(b, a)).toEqual(merged);
      expect(mergeBuddies(merged, c)).toEqual(mergeBuddies(a, mergeBuddies(b, c)));
      expect(mergeBuddies(merged, merged)).toEqual(merged);
      expect(mergeBuddies(merged, a)).toEqual(merged);
      const people = new Set([...a, ...b].map((entry) => foldName(entry.name)));
      expect(merged.map((entry) => foldName(entry.name))).toEqual([...people].sort());
    }),
  );
});

test('what a merge keeps of a person was there before, and nothing newer was passed over', () => {
  fc.assert(
    fc.property(anyList, anyList, (a, b) => {
      for (const kept of mergeBuddies(a, b)) {
        const candidates = [...a, ...b].filter((entry) => foldName(entry.name) === foldName(kept.name));
        expect(kept.changedAtMs).toBe(Math.max(...candidates.map((entry) => entry.changedAtMs)));
        expect(candidates.map(({ lastSeenAtMs: _, ...content }) => content)).toContainEqual(withoutSeen(kept));
      }
    }),
  );
});

test('a tombstone is kept for 90 days and then forgotten, a living entry never', () => {
  const nowMs = 1_700_000_000_000;
  const entries = [
    buddy('alice1', { changedAtMs: 1 }),
    buddy('bobby1', { removed: true, changedAtMs: nowMs - TOMBSTONE_LIFETIME_MS + 1 }),
    buddy('carol1', { removed: true, changedAtMs: nowMs - TOMBSTONE_LIFETIME_MS }),
  ];
  expect(trimBuddies(entries, nowMs).map((entry) => entry.name)).toEqual(['alice1', 'bobby1']);
});

test('of too many entries tombstones go first, then refusals, then the oldest', () => {
  const friends = Array.from({ length: BUDDIES_MAX - 1 }, (_, i) => buddy(`friend${i}`, { changedAtMs: i + 10 }));
  const gone = buddy('gone-one', { removed: true, changedAtMs: 1e12 });
  const refused = buddy('refused', { relation: 'declined', changedAtMs: 1e12 });
  expect(trimBuddies([gone, refused, ...friends], 1e12)).not.toContain(gone);
  expect(trimBuddies([gone, refused, ...friends], 1e12)).toContain(refused);
  const full = trimBuddies([refused, ...friends, buddy('newest', { changedAtMs: 1e12 })], 1e12);
  expect(full).toHaveLength(BUDDIES_MAX);
  expect(full.some((entry) => entry.name === 'refused')).toBe(false);
});

function withoutSeen({ lastSeenAtMs: _, ...content }: RosterEntry): Omit<RosterEntry, 'lastSeenAtMs'> {
  return content;
}
