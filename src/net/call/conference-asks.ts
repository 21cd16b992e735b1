/**
 * The invitations of one member: whom it has asked into the conference, and what came of that. Each rings at all devices
 * of the person; the timers are those of a call of two (PROTOCOL.md, section 9.7).
 */
import { CONFERENCE_ASKED_MAX } from '../protocol/conference-params.ts';
import type { Millis } from '../protocol/core.ts';
import { foldName, type NodeId, type UserName } from '../protocol/ids.ts';
import { INVITE_TIMEOUT_MS, RING_TIMEOUT_MS } from '../protocol/params.ts';
import type { Asked, AskState, InviteId } from './conference-record.ts';

export interface Ask {
  readonly name: UserName;
  readonly invite: InviteId;
  state: AskState;
  readonly since: Millis;
  giveUpAt: Millis;
  /** Where it rings. */
  readonly nodes: Set<NodeId>;
}

/** Nobody has decided yet. */
export function isOpen({ state }: { readonly state: AskState }): boolean {
  return state === 'calling' || state === 'ringing';
}

export class ConferenceAsks {
  readonly #asks = new Map<InviteId, Ask>();

  /** Makes room by forgetting what came to nothing; undefined when there is none. */
  add(now: Millis, name: UserName, invite: InviteId): Ask | undefined {
    for (const [id, ask] of this.#asks) {
      if (this.#asks.size < CONFERENCE_ASKED_MAX) break;
      if (!isOpen(ask) && ask.state !== 'in') this.#asks.delete(id);
    }
    if (this.#asks.size >= CONFERENCE_ASKED_MAX) return undefined;
    const ask: Ask = {
      name,
      invite,
      state: 'calling',
      since: now,
      giveUpAt: now + INVITE_TIMEOUT_MS,
      nodes: new Set(),
    };
    this.#asks.set(invite, ask);
    return ask;
  }

  get(invite: InviteId): Ask | undefined {
    return this.#asks.get(invite);
  }

  openTo(name: UserName): Ask | undefined {
    return this.all().find((ask) => isOpen(ask) && foldName(ask.name) === foldName(name));
  }

  all(): Ask[] {
    return [...this.#asks.values()];
  }

  rings(now: Millis, ask: Ask, node: NodeId): void {
    if (ask.nodes.size < 16) ask.nodes.add(node);
    if (ask.state !== 'calling') return;
    ask.state = 'ringing';
    ask.giveUpAt = now + RING_TIMEOUT_MS;
  }

  /** Those for whom the time is over, with what is to be said of it. */
  expired(now: Millis): Ask[] {
    return this.all().filter((ask) => isOpen(ask) && now >= ask.giveUpAt);
  }

  wakeAt(): Millis {
    return Math.min(...this.all().map((ask) => (isOpen(ask) ? ask.giveUpAt : Infinity)), Number.POSITIVE_INFINITY);
  }

  list(): Asked[] {
    return this.all().map(({ name, invite, state }) => ({ name, invite, state }));
  }
}
