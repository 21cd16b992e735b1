/**
 * What we wrote to one person and have no receipt for, in the order of the conversation. The first lines of it, a
 * window bounded in number and bytes, are under way; a receipt moves the window on. `messenger.ts` owns one for each
 * person and decides when to send.
 */
import type { MessageId } from '../protocol/ids.ts';
import { CHAT_IN_FLIGHT_BYTES_MAX, CHAT_IN_FLIGHT_MAX } from '../protocol/params.ts';
import type { GroupState } from './group-state.ts';

export interface OutgoingLine {
  /** 32 hex digits. */
  readonly id: MessageId;
  /** From 1, rising by one for each line of the conversation. */
  readonly sequence: number;
  readonly text: string;
  /** Wall clock, ms. */
  readonly sentAtMs: number;
  /** The network keeps it, since an earlier run, until then (wall clock). */
  readonly keptUntilMs?: number;
  /** Said in this group, at this place of it. */
  readonly group?: GroupState;
  readonly placeMs?: number;
}

export class Outbox {
  /** By sequence. */
  readonly #lines: OutgoingLine[] = [];
  readonly #ids = new Set<MessageId>();
  /** Lines of groups: their members need not be buddies. */
  #ofGroups = 0;
  /** Sent since the last `ground()`. */
  readonly #underWay = new Set<MessageId>();

  get size(): number {
    return this.#lines.length;
  }

  get hasGroupLines(): boolean {
    return this.#ofGroups > 0;
  }

  get isUnderWay(): boolean {
    return this.#underWay.size > 0;
  }

  /** The lowest sequence without a receipt; 0 when nothing waits. */
  get waitingFrom(): number {
    return this.#lines[0]?.sequence ?? 0;
  }

  /** False when the line is there already. */
  add(line: OutgoingLine): boolean {
    if (this.#ids.has(line.id)) return false;
    this.#ids.add(line.id);
    if (line.group) this.#ofGroups += 1;
    const after = this.#lines.findLastIndex((other) => other.sequence <= line.sequence);
    this.#lines.splice(after + 1, 0, line);
    return true;
  }

  /** What is not said in a group. */
  get privateLines(): readonly OutgoingLine[] {
    return this.#lines.filter(({ group }) => group === undefined);
  }

  /** A receipt came. False for an id that does not wait. */
  settle(id: MessageId): boolean {
    if (!this.#ids.delete(id)) return false;
    this.#underWay.delete(id);
    const [settled] = this.#lines.splice(
      this.#lines.findIndex((line) => line.id === id),
      1,
    );
    if (settled?.group) this.#ofGroups -= 1;
    return true;
  }

  /** Lines of the window that are not under way yet, in order; from now on they are. The others wait for a buddy. */
  takeOff({ onlyOfGroups }: { readonly onlyOfGroups: boolean }): OutgoingLine[] {
    const starting: OutgoingLine[] = [];
    let bytes = 0;
    const lines = onlyOfGroups ? this.#lines.filter(({ group }) => group !== undefined) : this.#lines;
    for (const line of lines.slice(0, CHAT_IN_FLIGHT_MAX)) {
      bytes += Buffer.byteLength(line.text);
      if (bytes > CHAT_IN_FLIGHT_BYTES_MAX) break;
      if (this.#underWay.has(line.id)) continue;
      this.#underWay.add(line.id);
      starting.push(line);
    }
    return starting;
  }

  /** Nothing of what was sent may be taken as delivered: all of it has to be sent again. */
  ground(): void {
    this.#underWay.clear();
  }
}
