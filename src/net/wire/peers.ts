/**
 * How the service cores (roster, presence, messenger, calls) speak of other people. A service names a person; the
 * node looks the person up, opens a session end to end, queues meanwhile, and says so when that cannot be done.
 */
import type { FailureCode } from '../protocol/failures.ts';
import type { NodeId, UserName } from '../protocol/ids.ts';
import type { Message } from './messages.ts';

/** Handed to every service core. Names are as certified, i.e. as their owner wrote them; compare with `foldName`. */
export type PeerInput =
  | { readonly type: 'message'; readonly from: UserName; readonly node: NodeId; readonly message: Message }
  /** The person is (again) within reach: seen attached by the supernode, or a session was set up. */
  | { readonly type: 'peer-seen'; readonly name: UserName; readonly node: NodeId }
  /** That node of the person has left the network. */
  | { readonly type: 'peer-gone'; readonly name: UserName; readonly node: NodeId }
  /** Nothing sent to this person since the last `peer-seen` may be taken as delivered. */
  | { readonly type: 'unreachable'; readonly name: UserName; readonly code: FailureCode }
  /** Our own attachment to the network: false means nothing can be sent now. */
  | { readonly type: 'online'; readonly online: boolean };

/** Drained from every service core. Without `node`: to every node of that person. Delivered in order, at most once. */
export interface PeerSend {
  readonly type: 'send';
  readonly to: UserName;
  readonly node?: NodeId;
  readonly message: Message;
}
