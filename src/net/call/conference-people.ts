/**
 * The people of a conference as our person is shown them (pure): who is in, in the order of their coming, then those who are
 * called, by anybody, or did not come.
 */
import { foldName, type NodeId, type UserName } from '../protocol/ids.ts';
import { isOpen } from './conference-asks.ts';
import type { Asked, ConferencePerson, InviteId, Reign, Statement } from './conference-record.ts';

export interface PeopleView {
  readonly own: Statement;
  /** Whom we ask ourselves, as it stands now. */
  readonly asked: readonly Asked[];
  /** The others who are in. */
  readonly present: readonly Statement[];
  readonly reign: Reign;
  /** Who takes over, in this order. */
  readonly deputies: readonly NodeId[];
  readonly isAlive: (node: NodeId) => boolean;
  readonly isBlocked: (name: UserName) => boolean;
  readonly mayRemove: (invite: InviteId) => boolean;
}

export function peopleOf(view: PeopleView): ConferencePerson[] {
  const inside = [view.own, ...view.present].sort((a, b) => a.order - b.order || (a.node < b.node ? -1 : 1));
  const names = inside.map(({ name }) => foldName(name));
  return [...inside.map((one) => personOf(view, one)), ...outside(view, names)];
}

function personOf(view: PeopleView, one: Statement): ConferencePerson {
  const { name, node, muted, held, recording, by } = one;
  const isMe = node === view.own.node;
  return {
    ...{ name, node, muted, held, recording, by, isMe },
    state: 'in',
    isMixer: node === view.reign.mixer,
    deputy: view.deputies.indexOf(node) + 1,
    trouble: view.isAlive(node) ? one.trouble : 'not heard',
    removable: !isMe && view.mayRemove(one.invite),
    blocked: !isMe && view.isBlocked(name),
  };
}

function outside(view: PeopleView, inside: readonly string[]): ConferencePerson[] {
  const found = new Map<string, ConferencePerson>();
  for (const said of [{ ...view.own, asked: view.asked }, ...view.present]) {
    for (const { name, state } of said.asked) {
      const key = foldName(name);
      if (state === 'in' || inside.includes(key) || (found.has(key) && !isOpen({ state }))) continue;
      const nothing = { isMe: false, isMixer: false, deputy: 0, muted: false, held: false, recording: false };
      const removable = said.node === view.own.node && isOpen({ state });
      const blocked = view.isBlocked(name);
      found.set(key, { name, node: '', state, ...nothing, trouble: '', by: said.name, removable, blocked });
    }
  }
  return [...found.values()];
}
