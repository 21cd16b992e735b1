/**
 * The Global Index as a supernode uses it, whatever its size: full copies while supernodes are few, slots above
 * (global-index.md 4.3). Answers come by ticket, since slots lie elsewhere; a full copy answers at once.
 */
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import type { Message } from '../wire/messages.ts';
import type { IndexRecord, RecordReader } from './index-record.ts';
import type { Page, Query } from './index-store.ts';

export type Ticket = number;
export type WireRecord = Parameters<RecordReader['read']>[1];

export type GlobalIndexOutput =
  /** Reliably, to another supernode. */
  | { readonly type: 'send'; readonly to: NodeId; readonly message: Message }
  /** A record is new here, or newer than it was. */
  | { readonly type: 'record'; readonly record: IndexRecord }
  /** What `find` asked for, newest first. Not complete: there may be others. */
  | {
      readonly type: 'found';
      readonly ticket: Ticket;
      readonly records: readonly IndexRecord[];
      readonly complete: boolean;
    }
  | { readonly type: 'page'; readonly ticket: Ticket; readonly page: Page; readonly complete: boolean }
  /** What `publish` gave a ticket for. Not ok: too few have taken it; the client may try again. */
  | { readonly type: 'published'; readonly ticket: Ticket; readonly ok: boolean };

export interface GlobalIndex {
  /** The other supernodes that live. `left`: this one said good-bye. */
  setMembers(now: Millis, members: readonly NodeId[], left?: NodeId): void;
  /** What a client says of itself, from a session that has proven `node`. */
  publish(now: Millis, node: NodeId, wire: WireRecord): Ticket | 'record-refused';
  /**
   * All current nodes of the person of exactly this name, listed or not. `watch`: what is new of that name is to come by
   * itself as well, as `record`.
   */
  find(now: Millis, name: string, asOfMs: number, watch?: boolean): Ticket;
  search(now: Millis, query: Query): Ticket;
  /** A message from a certified supernode. True when it was ours. */
  receive(now: Millis, from: NodeId, value: Message): boolean;
  wake(now: Millis): void;
  wakeAt(): Millis;
  /** Call until it is empty. */
  drain(): GlobalIndexOutput[];
}
