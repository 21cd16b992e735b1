/**
 * Whom a supernode names to a client that it does not take: such as live and have less to do, out of the few that are
 * this client's for the day (`EntryDesk.drawnFor`), so that nobody learns all of them by asking often, and not everybody
 * is sent to the same one (the power of a few choices: Mitzenmacher 2001).
 */
import type { NodeId } from '../protocol/ids.ts';
import { REDIRECT_CHOICES, REDIRECT_ENTRIES_MAX, REDIRECT_LOAD_PERMILLE_MAX } from '../protocol/overlay-params.ts';
import type { News } from './member.ts';

/** `drawn`: in the client's own order. `newsOf`: what the member gossips of itself. The least loaded first. */
export function lessLoaded<T extends { readonly nodeId: NodeId }>(
  drawn: readonly T[],
  newsOf: (id: NodeId) => Pick<News, 'status' | 'loadPermille'> | undefined,
): T[] {
  const loadOf = ({ nodeId }: T): number => newsOf(nodeId)?.loadPermille ?? 1_000;
  return drawn
    .filter(({ nodeId }) => newsOf(nodeId)?.status === 'alive')
    .slice(0, REDIRECT_CHOICES)
    .filter((one) => loadOf(one) < REDIRECT_LOAD_PERMILLE_MAX)
    .sort((a, b) => loadOf(a) - loadOf(b))
    .slice(0, REDIRECT_ENTRIES_MAX);
}
