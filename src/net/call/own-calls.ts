/**
 * The calls that run at our own other devices, as each tells (PROTOCOL.md 9.15): so that they can be pulled here, and so
 * that a ring stops here the moment it is answered there. `call.ts` owns it; the node hands it what own devices say.
 */
import { type CallId, hexOf, ID_BYTES, isName, type NodeId, type UserName } from '../protocol/ids.ts';
import { CALLS_MAX, NODES_PER_PERSON_MAX } from '../protocol/params.ts';
import type { Body } from '../wire/messages.ts';

/** A call of ours that runs at another of our devices. */
export interface CallElsewhere {
  /** The id that both ends know. */
  readonly call: CallId;
  readonly peer: UserName;
  /** With which of their nodes. */
  readonly peerNode: NodeId;
  /** Our device. */
  readonly node: NodeId;
  /** What our end is in it. */
  readonly role: 'caller' | 'callee';
  /** Wall clock of that device, ms. */
  readonly answeredAtMs: number;
}

export class OwnCalls {
  readonly #byNode = new Map<NodeId, readonly CallElsewhere[]>();
  /** Calls without proper ids. */
  dropped = 0;

  list(): CallElsewhere[] {
    return [...this.#byNode.values()].flat();
  }

  find(call: CallId): CallElsewhere | undefined {
    return this.list().find((one) => one.call === call);
  }

  /** All that run there, instead of those told before; those that make sense are returned. */
  told(node: NodeId, { calls }: Body<'ownCalls'>): readonly CallElsewhere[] {
    const good: CallElsewhere[] = [];
    for (const one of calls.slice(0, CALLS_MAX)) {
      const [callId, peerNode, peer] = [one.callId ?? NOTHING, one.peerNode ?? NOTHING, one.peer ?? ''];
      if (callId.length !== ID_BYTES || peerNode.length !== ID_BYTES || !isName(peer)) {
        this.dropped += 1;
        continue;
      }
      const role = one.callee ? 'callee' : 'caller';
      const ids = { call: hexOf(callId), peerNode: hexOf(peerNode) };
      good.push({ ...ids, peer, node, role, answeredAtMs: Number(one.answeredAtMs ?? 0) });
    }
    this.#byNode.delete(node);
    if (good.length > 0) this.#byNode.set(node, good);
    for (const oldest of this.#byNode.keys()) {
      if (this.#byNode.size <= NODES_PER_PERSON_MAX) break;
      this.#byNode.delete(oldest);
    }
    return good;
  }

  /** True when that device had calls. */
  gone(node: NodeId): boolean {
    return this.#byNode.delete(node);
  }

  /** We are away ourselves: nothing is known. */
  clear(): boolean {
    const had = this.#byNode.size > 0;
    this.#byNode.clear();
    return had;
  }
}

const NOTHING = Buffer.alloc(0);
