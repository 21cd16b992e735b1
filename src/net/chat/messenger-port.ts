/**
 * What the messenger (`messenger.ts`) is told and what it tells: commands of the agent, news for it, and words for whoever
 * writes letters to devices that are not there (`letters.ts`).
 */
import type { FailureCode } from '../protocol/failures.ts';
import type { MessageId, NodeId, UserName } from '../protocol/ids.ts';
import type { Message } from '../wire/messages.ts';
import type { PeerSend } from '../wire/peers.ts';
import type { GroupState } from './group-state.ts';
import type { OutgoingLine } from './outbox.ts';

export type MessengerCommand =
  /** Ask `admits` before storing; what it does not admit is `refused`. */
  | ({ readonly type: 'send'; readonly to: UserName } & OutgoingLine)
  /** At start: every outgoing line without a receipt, in any order. */
  | { readonly type: 'restore'; readonly lines: readonly ({ readonly to: UserName } & OutgoingLine)[] }
  /** The groups that we are in, as they are from now on. */
  | { readonly type: 'groups'; readonly groups: readonly GroupState[] }
  /** A `received` line is in the history, now or since an earlier run. */
  | { readonly type: 'stored'; readonly from: UserName; readonly id: MessageId }
  /** It could not be stored; its writer will send it again. */
  | { readonly type: 'not-stored'; readonly from: UserName; readonly id: MessageId };

export type MessengerOutput =
  | PeerSend
  /** Answer with `stored` or `not-stored`. The text is clean; it may be known to the history from an earlier run. */
  | {
      readonly type: 'received';
      readonly from: UserName;
      readonly node: NodeId;
      readonly id: MessageId;
      readonly sequence: number;
      readonly text: string;
      readonly sentAtMs: number;
      /** Said in this group, which is so as its writer knows it. */
      readonly group?: GroupState;
    }
  | { readonly type: 'delivered'; readonly to: UserName; readonly id: MessageId }
  /** The person cannot be reached now, for this reason; `count` lines wait. */
  | { readonly type: 'waiting'; readonly to: UserName; readonly count: number; readonly code: FailureCode }
  | { readonly type: 'refused'; readonly to: UserName; readonly id: MessageId; readonly code: FailureCode };

/** For whoever writes letters. */
export type LetterWord =
  /** A line has been sent, or waits to be. */
  | {
      readonly type: 'posted';
      readonly to: UserName;
      readonly id: MessageId;
      readonly message: Message;
      readonly keptUntilMs?: number;
    }
  /** This device of theirs has it. */
  | { readonly type: 'reached'; readonly to: UserName; readonly node: NodeId; readonly id: MessageId }
  /** Receipts for lines that came in letters of somebody who is not here. */
  | { readonly type: 'receipts'; readonly to: UserName; readonly node: NodeId; readonly message: Message };
