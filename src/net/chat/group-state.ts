/**
 * A group: a named set of people who talk together, without a host (PROTOCOL.md 9.17). What everybody keeps of it is this
 * state; it travels with each line, and two states of one group make one, the same wherever and in whatever order they
 * meet: of each name, and of the title, the later change counts. Times are those of the group's own clock: the wall clock
 * of whoever writes, but always ahead of all that the writer has of the group. Pure; `messenger.ts` asks who may speak, the
 * agent changes and stores it.
 */
import { bytesOf, foldName, hexOf, ID_BYTES, isName, type UserName } from '../protocol/ids.ts';
import { GROUP_AHEAD_MS, GROUP_ENTRIES_MAX, GROUP_LATE_MS, GROUP_MEMBERS_MAX } from '../protocol/mail-params.ts';
import type { Body } from '../wire/messages.ts';

export interface GroupMember {
  /** As its owner writes it. */
  readonly name: UserName;
  readonly removed: boolean;
  /** When the person came in or went out. */
  readonly atMs: number;
}

export interface GroupState {
  /** 32 hex digits. */
  readonly id: string;
  readonly title: string;
  readonly titleAtMs: number;
  /** By folded name; those who are no members any more too. */
  readonly members: readonly GroupMember[];
}

/** A word that a shell leaves alone. */
const TITLE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;

export function isGroupTitle(text: string): boolean {
  return TITLE.test(text);
}

/** Members of now, as they write their names. */
export function membersOf(state: GroupState): UserName[] {
  return state.members.filter(({ removed }) => !removed).map(({ name }) => name);
}

export function isMember(state: GroupState, name: UserName): boolean {
  return entryOf(state, name)?.removed === false;
}

/**
 * What this person may hear of it: somebody who is out hears nothing of later changes. Undefined: it is so long since that they
 * would take no line that was said before. A title that is newer says nothing but itself.
 */
export function asKnownTo(state: GroupState, name: UserName, wallMs: number): GroupState | undefined {
  const own = entryOf(state, name);
  if (!own) return undefined;
  if (!own.removed) return state;
  if (own.atMs <= wallMs - GROUP_LATE_MS) return undefined;
  return { ...state, members: state.members.filter(({ atMs }) => atMs <= own.atMs) };
}

/** Is, or was, this person in it, as far as this state knows? */
export function isNamed(state: GroupState, name: UserName): boolean {
  return entryOf(state, name) !== undefined;
}

/**
 * May this line of that person be taken? `late`: they are out, but it was said before, by somebody who had not heard of it.
 * `no`: they are no member, as far as this state knows.
 */
export function standingIn(state: GroupState, from: UserName, said: GroupState, placeMs: number): 'in' | 'late' | 'no' {
  const known = entryOf(state, from);
  if (!known) return 'no';
  if (!known.removed) return 'in';
  const own = entryOf(said, from);
  // Nor does it change anything by a date that is newer than their going.
  const isBefore = own !== undefined && !own.removed && newestOf(said) < known.atMs;
  return isBefore && placeMs < known.atMs && placeMs > known.atMs - GROUP_LATE_MS ? 'late' : 'no';
}

/** Both are of one group. */
export function mergeGroups(a: GroupState, b: GroupState): GroupState {
  const members = new Map(a.members.map((one) => [foldName(one.name), one]));
  for (const one of b.members) {
    const known = members.get(foldName(one.name));
    if (!known || isAhead(one, known)) members.set(foldName(one.name), one);
  }
  const isNewer = b.titleAtMs > a.titleAtMs || (b.titleAtMs === a.titleAtMs && b.title > a.title);
  const { title, titleAtMs } = isNewer ? b : a;
  return { id: a.id, title, titleAtMs, members: inOrder([...members.values()]) };
}

/**
 * What a member says of the group, joined to what is known. Nobody brings themselves back in: that somebody has done so is to be
 * heard of others. Undefined: it would be too large.
 */
export function mergeHeard(known: GroupState, said: GroupState, from: UserName): GroupState | undefined {
  const before = entryOf(known, from);
  const members = said.members.filter((one) => {
    return foldName(one.name) !== foldName(from) || one.removed || before === undefined;
  });
  const joined = mergeGroups(known, { ...said, members });
  return fits(joined) ? joined : undefined;
}

/** What another device of ours has of it. Where both together would be too large, what it says of those who are known here. */
export function mergeOwn(known: GroupState, said: GroupState): GroupState {
  const joined = mergeGroups(known, said);
  if (fits(joined)) return joined;
  const less = mergeGroups(known, { ...said, members: said.members.filter(({ name }) => isNamed(known, name)) });
  return fits(less) ? less : known;
}

/** These become members, or are none any more, at `atMs` of the group's clock, or just after their last change. Undefined: there would be too many. */
export function withMembers(
  state: GroupState,
  names: readonly UserName[],
  { removed, atMs }: { readonly removed: boolean; readonly atMs: number },
): GroupState | undefined {
  // Whoever came with a date further ahead than ours may be could not go for as long.
  const members = names.map((name) => {
    const known = entryOf(state, name)?.atMs ?? Number.NEGATIVE_INFINITY;
    return { name, removed, atMs: Math.max(atMs, known + 1) };
  });
  const next = mergeGroups(state, { ...state, members });
  return fits(next) ? next : undefined;
}

/** The newest change of it. */
export function newestOf({ titleAtMs, members }: GroupState): number {
  return Math.max(titleAtMs, ...members.map(({ atMs }) => atMs));
}

/** What comes next on the group's clock, where `newest` was the last that we know of. */
export function groupTime(wallMs: number, newest: number): number {
  return Math.min(Math.max(wallMs, newest + 1), wallMs + GROUP_AHEAD_MS);
}

/** From the wire; undefined for what is no state. `wallMs`: changes lie no further ahead than clocks may differ. */
export function readGroup(wire: Body<'chatMessage'>['group'], wallMs: number): GroupState | undefined {
  if (wire?.id?.length !== ID_BYTES || !isGroupTitle(wire.title ?? '')) return undefined;
  const members = (wire.members ?? []).slice(0, GROUP_ENTRIES_MAX + 1).map((one) => ({
    name: one.name ?? '',
    removed: one.removed ?? false,
    atMs: dateOf(one.atMs),
  }));
  const isEach = new Set(members.map(({ name }) => foldName(name))).size === members.length;
  const titleAtMs = dateOf(wire.titleAtMs);
  const state = { id: hexOf(wire.id), title: wire.title ?? '', titleAtMs, members: inOrder(members) };
  const isSound = members.every(({ name }) => isName(name)) && newestOf(state) <= wallMs + 2 * GROUP_AHEAD_MS;
  return isSound && isEach && fits(state) ? state : undefined;
}

export function wireGroup({ id, title, titleAtMs, members }: GroupState) {
  return { id: bytesOf(id), title, titleAtMs, members: members.map((one) => ({ ...one })) };
}

function entryOf(state: GroupState, name: UserName): GroupMember | undefined {
  return state.members.find((one) => foldName(one.name) === foldName(name));
}

/** Of a change; what is no date lies further ahead than anybody may be. */
function dateOf(value: number | null | undefined): number {
  const time = Number(value ?? 0);
  return Number.isSafeInteger(time) && time >= 0 ? time : Number.POSITIVE_INFINITY;
}

function fits({ members }: GroupState): boolean {
  return members.length <= GROUP_ENTRIES_MAX && members.filter(({ removed }) => !removed).length <= GROUP_MEMBERS_MAX;
}

/** Of equals the one who is no member; then the spelling decides, so that all end with the same. */
function isAhead(one: GroupMember, other: GroupMember): boolean {
  if (one.atMs !== other.atMs) return one.atMs > other.atMs;
  return one.removed === other.removed ? one.name > other.name : one.removed;
}

function inOrder(members: readonly GroupMember[]): GroupMember[] {
  return members.toSorted((a, b) => (foldName(a.name) < foldName(b.name) ? -1 : 1));
}
