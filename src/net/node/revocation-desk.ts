/**
 * What a client has to do with revoked devices at supernodes (PROTOCOL.md 9.15): words of the authority that came with the
 * login server's answers are handed to each supernode that we are attached to, as long as they count; and a word about
 * ourselves, from a supernode that turns us out, is judged. `ordinary-node.ts` owns it.
 */
import type { KeyObject } from 'node:crypto';
import { isAbout, isByAuthority, isInForce, type Revocation, readRevocation } from '../login/revocation.ts';
import type { WallClock } from '../protocol/core.ts';
import type { NodeId, UserName } from '../protocol/ids.ts';
import { DEVICES_MAX } from '../protocol/params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';

export interface RevocationDeskOptions {
  readonly wallClock: WallClock;
  /** Undefined before we have met anybody of the network. */
  readonly authorityKey: () => KeyObject | undefined;
}

export class RevocationDesk {
  readonly #options: RevocationDeskOptions;
  /** By node id, the newest last. */
  readonly #words = new Map<NodeId, Revocation>();
  /** Which word each supernode has of us. */
  readonly #told = new Map<NodeId, Set<NodeId>>();

  constructor(options: RevocationDeskOptions) {
    this.#options = options;
  }

  /** An answer of the login server; what comes of ours is of our account. */
  learn(value: Message): void {
    if (value.kind !== 'done' && value.kind !== 'devices') return;
    for (const wire of value.body.revocations.slice(0, DEVICES_MAX)) {
      const word = readRevocation(wire);
      if (!word || this.#words.has(word.nodeId) || !this.#isGood(word)) continue;
      this.#words.set(word.nodeId, word);
      const [oldest] = this.#words.keys();
      if (this.#words.size > DEVICES_MAX && oldest !== undefined) this.#words.delete(oldest);
    }
  }

  /** What these supernodes, to which we are attached, have not been told yet. */
  toTell(attachedTo: readonly NodeId[]): readonly { readonly to: NodeId; readonly message: Message }[] {
    for (const supernode of this.#told.keys()) if (!attachedTo.includes(supernode)) this.#told.delete(supernode);
    const wallMs = this.#options.wallClock();
    for (const [node, word] of this.#words) if (!isInForce(word, wallMs)) this.#words.delete(node);
    return attachedTo.flatMap((to) => {
      const told = this.#told.get(to) ?? new Set<NodeId>();
      const fresh = [...this.#words.values()].filter(({ nodeId }) => !told.has(nodeId));
      if (fresh.length === 0) return [];
      this.#told.set(to, new Set([...told, ...fresh.map(({ nodeId }) => nodeId)]));
      return [{ to, message: message('revokedTold', { words: fresh.map(({ signed }) => signed) as never }) }];
    });
  }

  /** Does the authority say here that this device, ours, is revoked? */
  isRevoked({ words }: Body<'revokedTold'>, name: UserName, node: NodeId): boolean {
    return words.slice(0, DEVICES_MAX).some((wire) => {
      const word = readRevocation(wire);
      return word !== undefined && isAbout(word, name, node) && this.#isGood(word);
    });
  }

  /** Signed out. */
  clear(): void {
    this.#words.clear();
    this.#told.clear();
  }

  #isGood(word: Revocation): boolean {
    const key = this.#options.authorityKey();
    return key !== undefined && isInForce(word, this.#options.wallClock()) && isByAuthority(word.signed, key);
  }
}
