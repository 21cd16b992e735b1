/** Who is in a group: states that are joined, in any order, end as the same everywhere. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type GroupState,
  groupTime,
  isMember,
  membersOf,
  mergeGroups,
  mergeHeard,
  readGroup,
  standingIn,
  wireGroup,
  withMembers,
} from '../../../src/net/chat/group-state.ts';
import { decodeMessage, encodeMessage, message } from '../../../src/net/wire/messages.ts';

const WALL_MS = 1_000_000;
const ID = 'ab'.repeat(16);
const empty: GroupState = { id: ID, title: 'lunch', titleAtMs: 1, members: [] };
const changed = (state: GroupState, names: string[], atMs: number, removed = false) =>
  withMembers(state, names, { removed, atMs }) as GroupState;

const anyMember = fc.record({
  name: fc.constantFrom('alice1', 'Alice1', 'bobby1', 'carol1'),
  removed: fc.boolean(),
  atMs: fc.integer({ min: 0, max: 3 }),
});
const anyState = fc
  .record({
    title: fc.constantFrom('lunch', 'supper'),
    titleAtMs: fc.integer({ min: 0, max: 2 }),
    members: fc.uniqueArray(anyMember, { selector: ({ name }) => name.toLowerCase() }),
  })
  .map((state): GroupState => mergeGroups({ ...state, id: ID }, { ...state, id: ID }));

/** As another program gets it. */
function travelled(state: GroupState): GroupState | undefined {
  const sent = decodeMessage(encodeMessage(message('chatMessage', { group: wireGroup(state) as never })));
  return sent?.kind === 'chatMessage' ? readGroup(sent.body.group, WALL_MS) : undefined;
}

describe('the state of a group', () => {
  it('is the same in whatever order, and however often, changes are heard of', () => {
    fc.assert(
      fc.property(anyState, anyState, anyState, (a, b, c) => {
        expect(mergeGroups(a, b)).toEqual(mergeGroups(b, a));
        expect(mergeGroups(mergeGroups(a, b), c)).toEqual(mergeGroups(a, mergeGroups(b, c)));
        expect(mergeGroups(mergeGroups(a, b), b)).toEqual(mergeGroups(a, b));
      }),
    );
  });

  it('travels as it is', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        expect(travelled(state)).toEqual(state);
      }),
    );
  });

  it('knows who was added and who left, and an older word brings nobody back', () => {
    const three = changed(empty, ['alice1', 'Bobby1', 'carol1'], 1);
    const left = changed(three, ['bobby1'], 2, true);
    expect(membersOf(three)).toEqual(['alice1', 'Bobby1', 'carol1']);
    expect(membersOf(mergeGroups(left, three))).toEqual(['alice1', 'carol1']);
    const back = changed(left, ['Bobby1'], 3);
    expect(isMember(mergeGroups(mergeGroups(left, three), back), 'BOBBY1')).toBe(true);
  });

  it('has so many members and no more', () => {
    const names = Array.from({ length: 33 }, (_, index) => `person-${index}`);
    expect(withMembers(empty, names, { removed: false, atMs: 1 })).toBe(undefined);
    const full = changed(empty, names.slice(0, 32), 1);
    expect(withMembers(full, ['another'], { removed: false, atMs: 2 })).toBe(undefined);
    expect(membersOf(changed(changed(full, ['person-3'], 2, true), ['another'], 3))).toHaveLength(32);
  });

  it('lets nobody bring themselves back, and nobody speak who is out and knows it', () => {
    const three = changed(empty, ['alice1', 'bobby1', 'carol1'], 1);
    const without = changed(three, ['bobby1'], 10, true);
    const forged = changed(without, ['bobby1'], 20);
    // Carol has not heard of the removal, and takes the rest of what he says.
    const carols = mergeHeard(three, changed(forged, ['david1'], 21), 'bobby1') as GroupState;
    expect(isMember(mergeGroups(carols, without), 'bobby1')).toBe(false);
    expect(isMember(carols, 'david1')).toBe(true);
    // Alice brings him back: that counts, whoever tells it.
    const back = changed(without, ['bobby1'], 30);
    expect(isMember(mergeHeard(carols, back, 'alice1') as GroupState, 'bobby1')).toBe(true);
    expect(standingIn(without, 'bobby1', forged, 40)).toBe('no');
    expect(standingIn(without, 'bobby1', without, 5)).toBe('no');
    expect(standingIn(without, 'bobby1', three, 40)).toBe('no');
    // Said before, by somebody who had not heard of it.
    expect(standingIn(without, 'bobby1', three, 5)).toBe('late');
    expect(standingIn(without, 'mallory', three, 5)).toBe('no');
  });

  it('lets nobody who is out change it with a date that is newer than their going', () => {
    const three = changed(empty, ['alice1', 'bobby1', 'carol1'], 1);
    const without = changed(three, ['bobby1'], 10, true);
    const early = changed(three, ['david1'], 9);
    expect(standingIn(without, 'bobby1', early, 9)).toBe('late');
    const revenge = changed(three, ['alice1'], 11, true);
    expect(standingIn(without, 'bobby1', revenge, 9)).toBe('no');
  });

  it('can be left, and somebody removed from it, whatever date ahead their coming bears', () => {
    const ahead = changed(empty, ['alice1', 'bobby1'], WALL_MS + 2 * 3_600_000 - 1);
    const atMs = groupTime(WALL_MS, WALL_MS + 2 * 3_600_000 - 1);
    const left = changed(ahead, ['bobby1'], atMs, true);
    expect(membersOf(left)).toEqual(['alice1']);
    expect(membersOf(mergeGroups(ahead, left))).toEqual(['alice1']);
    expect(travelled(left)).toEqual(left);
    // And brought in again at once.
    expect(isMember(changed(left, ['bobby1'], atMs), 'bobby1')).toBe(true);
  });

  it('has a clock that is ahead of all that was heard, but never far from that of the wall', () => {
    expect(groupTime(1_000, 500)).toBe(1_000);
    expect(groupTime(1_000, 5_000)).toBe(5_001);
    expect(groupTime(1_000, 9_000_000_000)).toBe(1_000 + 3_600_000);
  });

  it('is refused when it makes no sense', () => {
    const member = { name: 'alice1', removed: false, atMs: 1 };
    const good = { ...empty, members: [member] };
    expect(travelled(good)).toEqual(good);
    for (const bad of [
      { ...good, id: 'ab' },
      { ...good, title: '' },
      { ...good, title: 'two words' },
      { ...good, members: [{ ...member, name: 'x y' }] },
      { ...good, members: [member, { ...member, name: 'ALICE1' }] },
      { ...good, members: [{ ...member, atMs: WALL_MS + 2 * 3_600_000 + 1 }] },
    ]) {
      expect(travelled(bad)).toBe(undefined);
    }
    expect(readGroup(undefined, WALL_MS)).toBe(undefined);
  });
});
