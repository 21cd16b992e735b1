/**
 * The ration of many ports (`own-ports.ts`, `port-search.ts`): one call of the node at a time, and of each person once in
 * a while. Asked by the path finders through `node/call-media.ts`. What a person gains by asking for more is packets
 * to an address that a supernode vouches to be their own; whoever could be reached so may ask again soon.
 */
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import { WIDE_PAUSE_MS, WIDE_PAUSE_SUCCESS_MS, WIDE_PEERS_MAX, WIDE_PORTS_MS } from '../protocol/params.ts';
import { setRecent } from '../protocol/recent-table.ts';

export class WideRation {
  /** Who has their turn, and until when. */
  #turn: { readonly node: NodeId; readonly until: Millis } | undefined;
  /** When each may have another; the longest known stands first. */
  readonly #nextAt = new Map<NodeId, Millis>();

  /** True gives the turn to this node for WIDE_PORTS_MS; during that it is true again, for the other half of the work. */
  admit(now: Millis, node: NodeId): boolean {
    const turn = this.#turn && now < this.#turn.until ? this.#turn : undefined;
    if (turn) return turn.node === node;
    if (now < (this.#nextAt.get(node) ?? now)) return false;
    this.#turn = { node, until: now + WIDE_PORTS_MS };
    this.#remember(node, now + WIDE_PAUSE_MS);
    return true;
  }

  succeeded(now: Millis, node: NodeId): void {
    if (this.#nextAt.has(node)) this.#remember(node, now + WIDE_PAUSE_SUCCESS_MS);
  }

  #remember(node: NodeId, nextAt: Millis): void {
    setRecent(this.#nextAt, node, nextAt, WIDE_PEERS_MAX);
  }
}
