/**
 * A group: a named set of people who talk together, without a host (PROTOCOL.md 9.17). What everybody keeps of it is this
 * state; it travels with each line, and two states of one group make one, the same wherever and in whatever order they
 * meet: of each name, and of the title, the higher version counts. Pure; `messenger.ts` asks who may speak, the agent
 * changes and stores it.
 */
import { bytesOf, foldName, hexOf, ID_BYTES, isName, type UserName } from '../protocol/ids.ts';
import { GROUP_ENTRIES_MAX, GROUP_MEMBERS_MAX, GROUP_VERSION_MAX } from '../protocol/mail-params.ts';
import type { Body } from '../wire/messages.ts';

export interface GroupMember {
  /** As its owner writes it. */
  readonly name: UserName;
  readonly removed: boolean;
  readonly version: number;
}

export interface GroupState {
  /** 32 hex digits. */
  readonly id: string;
  readonly title: string;
  readonly titleVersion: number;
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
  return state.members.some((one) => !one.removed && foldName(one.name) === foldName(name));
}

/** Both are of one group. */
export function mergeGroups(a: GroupState, b: GroupState): GroupState {
  const members = new Map(a.members.map((one) => [foldName(one.name), one]));
  for (const one of b.members) {
    const known = members.get(foldName(one.name));
    if (!known || isAhead(one, known)) members.set(foldName(one.name), one);
  }
  const isNewer = b.titleVersion > a.titleVersion || (b.titleVersion === a.titleVersion && b.title > a.title);
  const { title, titleVersion } = isNewer ? b : a;
  return { id: a.id, title, titleVersion, members: inOrder([...members.values()]) };
}

/** These become members, or are none any more. Undefined: there would be too many. */
export function withMembers(state: GroupState, names: readonly UserName[], removed: boolean): GroupState | undefined {
  const changed = names.map((name) => {
    const known = state.members.find((one) => foldName(one.name) === foldName(name));
    return { name, removed, version: (known?.version ?? 0) + 1 };
  });
  const next = mergeGroups(state, { ...state, members: changed });
  return fits(next) ? next : undefined;
}

/** From the wire; undefined for what is no state. */
export function readGroup(wire: Body<'chatMessage'>['group']): GroupState | undefined {
  if (wire?.id?.length !== ID_BYTES || !isGroupTitle(wire.title ?? '')) return undefined;
  const members = (wire.members ?? []).slice(0, GROUP_ENTRIES_MAX + 1).map((one) => ({
    name: one.name ?? '',
    removed: one.removed ?? false,
    version: one.version ?? 0,
  }));
  const versions = [wire.titleVersion ?? 0, ...members.map(({ version }) => version)];
  const isSound = members.every(({ name }) => isName(name)) && versions.every((one) => one <= GROUP_VERSION_MAX);
  const isEach = new Set(members.map(({ name }) => foldName(name))).size === members.length;
  const { title, titleVersion } = { title: wire.title ?? '', titleVersion: wire.titleVersion ?? 0 };
  const state = { id: hexOf(wire.id), title, titleVersion, members: inOrder(members) };
  return isSound && isEach && fits(state) ? state : undefined;
}

export function wireGroup({ id, title, titleVersion, members }: GroupState) {
  return { id: bytesOf(id), title, titleVersion, members: members.map((one) => ({ ...one })) };
}

function fits({ members }: GroupState): boolean {
  return members.length <= GROUP_ENTRIES_MAX && members.filter(({ removed }) => !removed).length <= GROUP_MEMBERS_MAX;
}

/** Of equals the one who is no member; then the spelling decides, so that all end with the same. */
function isAhead(one: GroupMember, other: GroupMember): boolean {
  if (one.version !== other.version) return one.version > other.version;
  return one.removed === other.removed ? one.name > other.name : one.removed;
}

function inOrder(members: readonly GroupMember[]): GroupMember[] {
  return members.toSorted((a, b) => (foldName(a.name) < foldName(b.name) ? -1 : 1));
}
