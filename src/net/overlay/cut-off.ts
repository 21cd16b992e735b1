/**
 * Are we cut off from the others? A supernode that loses half of those it knew cannot tell whether they died or cannot be
 * reached, and they may know of people of whom it does not: until they are back it calls no answer complete. After an
 * hour they are dead, and so are those who said good-bye at once. With fewer than CUT_OFF_KNOWN_MIN supernodes a death is
 * likelier than a cut. Who comes back is compared with before an answer counts as complete again.
 */
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import { CUT_OFF_KNOWN_MIN, CUT_OFF_MS } from '../protocol/overlay-params.ts';

export class CutOff {
  readonly #lost = new Map<NodeId, Millis>();
  /** Back after we were cut off, and not compared with yet; asked first stands first. */
  readonly #back = new Set<NodeId>();
  #members: readonly NodeId[] = [];

  /** The others that live now; `left`: one of those that are missing said good-bye. */
  setMembers(now: Millis, members: readonly NodeId[], left?: NodeId): void {
    const here = new Set(members);
    const wasCutOff = this.isCutOff;
    for (const id of this.#members) if (!here.has(id) && id !== left) this.#lost.set(id, now);
    if (left !== undefined) this.#lost.delete(left);
    for (const id of members) if (this.#lost.delete(id) && wasCutOff) this.#back.add(id);
    for (const id of this.#back) if (!here.has(id)) this.#back.delete(id);
    this.#members = [...members];
  }

  /** Whoever was lost for so long is dead. */
  wake(now: Millis): void {
    for (const [id, since] of this.#lost) if (now >= since + CUT_OFF_MS) this.#lost.delete(id);
  }

  get isCutOff(): boolean {
    const lives = this.#members.length + 1;
    return this.#lost.size >= lives && this.#lost.size + lives >= CUT_OFF_KNOWN_MIN;
  }

  /** May somebody else know what we do not? */
  get inDoubt(): boolean {
    return this.isCutOff || this.#back.size > 0;
  }

  /** Whom to compare with next; each in turn. */
  next(): NodeId | undefined {
    const [first] = this.#back;
    if (first === undefined) return undefined;
    this.#back.delete(first);
    this.#back.add(first);
    return first;
  }

  /** A comparison with this one has shown that nothing is missing here. */
  compared(id: NodeId): void {
    this.#back.delete(id);
  }
}
