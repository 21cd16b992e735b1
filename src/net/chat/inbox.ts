/**
 * What one person writes to us, put in order and freed of doubles. Sequences belong to the node that wrote (each of a
 * person's machines has its own history), ids to the person. `messenger.ts` owns one for each person, hands it every
 * `ChatMessage` and passes on what becomes `ready`.
 *
 *   receive -> held (an earlier one is missing) -> ready -> handed on -> stored (the agent says so; then the receipt)
 *
 * A gap is brief disorder, as at a change of route, or it is nothing: the sender sends everything without a receipt
 * again, in order, and tells with each message from where on that is (`waiting_from`). So a message waits for earlier
 * ones at most CHAT_GAP_MS; what comes after that is handed on late, never lost.
 */
import type { Millis } from '../protocol/core.ts';
import type { MessageId, NodeId } from '../protocol/ids.ts';
import { CHAT_GAP_MS, CHAT_HELD_MAX, CHAT_IDS_KNOWN_MAX, NODES_PER_PERSON_MAX } from '../protocol/params.ts';

import type { GroupState } from './group-state.ts';

export interface IncomingLine {
  readonly node: NodeId;
  readonly id: MessageId;
  readonly sequence: number;
  /** Clean. */
  readonly text: string;
  /** Wall clock of the writer, ms. */
  readonly sentAtMs: number;
  /** Said in this group. */
  readonly group?: GroupState;
}

interface Held {
  readonly line: IncomingLine;
  readonly until: Millis;
}

interface Known {
  /** To which the receipt goes. */
  readonly node: NodeId;
  readonly isStored: boolean;
}

/** One writing node. */
interface Stream {
  /** The sequence that may be handed on next. */
  next: number;
  /** By sequence. */
  held: Held[];
}

export class Inbox {
  /** Ids met before, the oldest first. */
  readonly #known = new Map<MessageId, Known>();
  readonly #streams = new Map<NodeId, Stream>();
  #ready: IncomingLine[] = [];

  /** `stored`: a double of what was stored before, so its receipt was lost. Anything else needs no receipt yet. */
  receive(now: Millis, line: IncomingLine, waitingFrom: number): 'stored' | 'new' | 'double' {
    const known = this.#known.get(line.id);
    if (known !== undefined) return known.isStored ? 'stored' : 'double';
    this.#remember(line.id, { node: line.node, isStored: false });
    const lowest = waitingFrom > 0 ? Math.min(waitingFrom, line.sequence) : line.sequence;
    const stream = this.#streams.get(line.node) ?? this.#open(line.node, lowest);
    const after = stream.held.findLastIndex((held) => held.line.sequence <= line.sequence);
    stream.held.splice(after + 1, 0, { line, until: now + CHAT_GAP_MS });
    if (waitingFrom > stream.next) this.#skipTo(stream, waitingFrom);
    this.#handOn(stream);
    if (stream.held.length > CHAT_HELD_MAX) this.#skipTo(stream, stream.held[0]?.line.sequence ?? stream.next);
    this.#handOn(stream);
    return 'new';
  }

  /** The agent has it: doubles get a receipt from now on. Returns whom to send the first one; undefined if forgotten. */
  stored(id: MessageId): NodeId | undefined {
    const known = this.#known.get(id);
    if (known !== undefined) this.#remember(id, { ...known, isStored: true });
    return known?.node;
  }

  /** The agent could not keep it: when it comes again, it is new. */
  forget(id: MessageId): void {
    this.#known.delete(id);
  }

  wake(now: Millis): void {
    for (const stream of this.#streams.values()) {
      const overdue = stream.held.findLast((held) => held.until <= now);
      if (overdue === undefined) continue;
      this.#skipTo(stream, overdue.line.sequence + 1);
      this.#handOn(stream);
    }
  }

  /** When the first held message has waited long enough; `Infinity` when none is held. */
  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const stream of this.#streams.values()) for (const held of stream.held) at = Math.min(at, held.until);
    return at;
  }

  /** To be handed on now, in order. */
  takeReady(): IncomingLine[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  #open(node: NodeId, next: number): Stream {
    const stream: Stream = { next, held: [] };
    this.#streams.set(node, stream);
    for (const [oldest, old] of this.#streams) {
      if (this.#streams.size <= NODES_PER_PERSON_MAX) break;
      this.#skipTo(old, Number.POSITIVE_INFINITY);
      this.#streams.delete(oldest);
    }
    return stream;
  }

  /** Whatever is missing below `sequence` is not waited for. */
  #skipTo(stream: Stream, sequence: number): void {
    const from = stream.held.findIndex((held) => held.line.sequence >= sequence);
    const passed = stream.held.splice(0, from < 0 ? stream.held.length : from);
    this.#ready.push(...passed.map((held) => held.line));
    stream.next = Math.max(stream.next, sequence);
  }

  #handOn(stream: Stream): void {
    let count = 0;
    for (const { line } of stream.held) {
      if (line.sequence > stream.next) break;
      this.#ready.push(line);
      stream.next = Math.max(stream.next, line.sequence + 1);
      count += 1;
    }
    stream.held.splice(0, count);
  }

  #remember(id: MessageId, known: Known): void {
    this.#known.delete(id);
    this.#known.set(id, known);
    if (this.#known.size <= CHAT_IDS_KNOWN_MAX) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}
