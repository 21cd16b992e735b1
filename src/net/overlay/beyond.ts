/**
 * What a supernode's registrar asks of the rooms that know the other supernodes (`node/mesh-desk.ts` answers): who is
 * elsewhere, packets to them, and the Global Index. Answers with a ticket come later, by `Registrar.found`, `searched` and
 * `published`.
 */
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import type { Body } from '../wire/messages.ts';
import type { Client } from './abroad.ts';
import type { Query } from './index-store.ts';

export interface Beyond {
  /** Does any other supernode live, as far as we know? */
  readonly hasOthers: boolean;
  /** A client whose first supernode we are watches these folded names, and no others; none when it has left. */
  setWatch(client: Client, keys: ReadonlySet<string>): void;
  /** Somebody of this folded name came, left or hides from others than before. */
  changedHere(key: string): void;
  /** Does a client here see this node at another supernode? */
  sees(watcher: NodeId, node: NodeId): boolean;
  /** Whom a client here sees at other supernodes. */
  seenBy(watcher: NodeId): readonly { readonly name: string; readonly node: NodeId }[];
  /** `ticket` comes back with the nodes, those here among them. */
  lookup(now: Millis, ticket: number, name: string, viewer: string): void;
  /** `ticket` comes back with what the index has of this person. */
  records(now: Millis, ticket: number, name: string): void;
  forward(now: Millis, client: Client, target: NodeId, packet: Buffer): void;
  vouch(client: Client, target: NodeId, host: string): void;
  /** `ticket` comes back with the page. */
  search(now: Millis, ticket: number, query: Query): void;
  /** `ticket` comes back when enough others have the record, unless it was refused. */
  publish(now: Millis, ticket: number, node: NodeId, entry: Body<'publish'>['entry']): 'record-refused' | undefined;
  /** What the record of this node says, in short, if it is of the last hours; 0: there is none. */
  printOf(node: NodeId): number;
}
