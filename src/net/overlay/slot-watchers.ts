/**
 * Who is to hear of news of a name, on the side of a replica: whoever asked for it and said so, for a while. Four of
 * eight replicas are asked and five take each record, so one that was asked tells.
 */
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import { SLOT_WATCH_MS, SLOT_WATCHES_MAX } from '../protocol/overlay-params.ts';

export class SlotWatchers {
  /** By folded name: supernodes, and until when. The name that was asked for longest ago stands first. */
  readonly #byKey = new Map<string, Map<NodeId, Millis>>();
  #size = 0;

  add(now: Millis, key: string, from: NodeId): void {
    const watchers = this.#byKey.get(key) ?? new Map<NodeId, Millis>();
    this.#byKey.delete(key);
    this.#byKey.set(key, watchers);
    if (!watchers.has(from)) this.#size += 1;
    watchers.set(from, now + SLOT_WATCH_MS);
    for (const [oldest, { size }] of this.#byKey) {
      if (this.#size <= SLOT_WATCHES_MAX || oldest === key) return;
      this.#byKey.delete(oldest);
      this.#size -= size;
    }
  }

  /** Those who want to hear of this name now. */
  of(now: Millis, key: string): NodeId[] {
    const watchers = this.#byKey.get(key);
    if (!watchers) return [];
    for (const [from, until] of watchers) {
      if (now < until) continue;
      watchers.delete(from);
      this.#size -= 1;
    }
    if (watchers.size === 0) this.#byKey.delete(key);
    return [...watchers.keys()];
  }
}
