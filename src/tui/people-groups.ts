/**
 * Conversations of several people beside those with one: in the list, and wherever the chosen conversation is asked for,
 * a group stands as an entry with its label, so what is done to a conversation needs to know nothing of it.
 */
import type { AppState, Buddy, Group } from '../store/state.ts';

export { isGroup } from '../store/state.ts';

/** Buddies, then groups. */
export function conversationsOf(app: AppState): readonly Buddy[] {
  return [...app.buddies, ...(app.groups ?? []).map(entryOf)];
}

/** Where one can write; `declined` stands for a group that we are out of. */
function entryOf({ label, members, left, unread }: Group): Buddy {
  const relation = left ? 'declined' : 'both';
  const displayName = members.join(', ');
  const message = `${members.length} ${members.length === 1 ? 'person' : 'people'}`;
  return { name: label, displayName, relation, presence: 'offline', lastSeenAtMs: 0, message, unread };
}
