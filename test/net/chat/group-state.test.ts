/** Who is in a group: states that are joined, in any order, end as the same everywhere. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type GroupState,
  isMember,
  membersOf,
  mergeGroups,
  readGroup,
  wireGroup,
  withMembers,
} from '../../../src/net/chat/group-state.ts';
import { decodeMessage, encodeMessage, message } from '../../../src/net/wire/messages.ts';

const ID = 'ab'.repeat(16);
const empty: GroupState = { id: ID, title: 'lunch', titleVersion: 1, members: [] };
const changed = (state: GroupState, names: string[], removed = false) =>
  withMembers(state, names, removed) as GroupState;

const anyMember = fc.record({
  name: fc.constantFrom('alice1', 'Alice1', 'bobby1', 'carol1'),
  removed: fc.boolean(),
  version: fc.integer({ min: 0, max: 3 }),
});
const anyState = fc
  .record({
    title: fc.constantFrom('lunch', 'supper'),
    titleVersion: fc.integer({ min: 0, max: 2 }),
    members: fc.uniqueArray(anyMember, { selector: ({ name }) => name.toLowerCase() }),
  })
  .map((state): GroupState => mergeGroups({ ...state, id: ID }, { ...state, id: ID }));

/** As another program gets it. */
function travelled(state: GroupState): GroupState | undefined {
  const sent = decodeMessage(encodeMessage(message('chatMessage', { group: wireGroup(state) as never })));
  return sent?.kind === 'chatMessage' ? readGroup(sent.body.group) : undefined;
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
    const three = changed(empty, ['alice1', 'Bobby1', 'carol1']);
    const left = changed(three, ['bobby1'], true);
    expect(membersOf(three)).toEqual(['alice1', 'Bobby1', 'carol1']);
    expect(membersOf(mergeGroups(left, three))).toEqual(['alice1', 'carol1']);
    const back = changed(left, ['Bobby1']);
    expect(isMember(mergeGroups(mergeGroups(left, three), back), 'BOBBY1')).toBe(true);
  });

  it('has so many members and no more', () => {
    const names = Array.from({ length: 33 }, (_, index) => `person-${index}`);
    expect(withMembers(empty, names, false)).toBe(undefined);
    const full = changed(empty, names.slice(0, 32));
    expect(withMembers(full, ['another'], false)).toBe(undefined);
    expect(membersOf(changed(changed(full, ['person-3'], true), ['another']))).toHaveLength(32);
  });

  it('is refused when it makes no sense', () => {
    const member = { name: 'alice1', removed: false, version: 1 };
    const good = { ...empty, members: [member] };
    expect(travelled(good)).toEqual(good);
    for (const bad of [
      { ...good, id: 'ab' },
      { ...good, title: '' },
      { ...good, title: 'two words' },
      { ...good, members: [{ ...member, name: 'x y' }] },
      { ...good, members: [member, { ...member, name: 'ALICE1' }] },
      { ...good, members: [{ ...member, version: 2_000_000 }] },
    ]) {
      expect(travelled(bad)).toBe(undefined);
    }
    expect(readGroup(undefined)).toBe(undefined);
  });
});
