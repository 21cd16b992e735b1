/**
 * Handing a running call to another device of our own (PROTOCOL.md 9.15): both halves of the question and what is waited for. The
 * device where the call runs asks, and says `go` when the other would take it; the other then pulls it (`call.ts`), which alone
 * moves it. The first word binds nobody, so an answer that comes too late moves nothing. `call.ts` owns this, tells it how
 * calls end, and sends what it hands out.
 *
 *   asks -- it would --> goes -- the call has moved --> done
 *   asks, goes -- refused, too late, the call is over --> stays
 */
import type { Millis } from '../protocol/core.ts';
import { type FailureCode, isFailureCode } from '../protocol/failures.ts';
import { bytesOf, type CallId, type NodeId } from '../protocol/ids.ts';
import { CALLS_MAX, HAND_OVER_ANSWER_MS, HAND_OVER_MS } from '../protocol/params.ts';
import { type Message, message } from '../wire/messages.ts';

/** What our person has asked for, until it is known how it went. */
interface Asked {
  readonly wire: CallId;
  readonly node: NodeId;
  readonly goes: boolean;
  readonly giveUpAt: Millis;
}

export type HandOverOutput =
  | { readonly type: 'say'; readonly node: NodeId; readonly message: Message }
  /** How the wish ended; null: the call goes on there. */
  | { readonly type: 'handed-over'; readonly call: CallId; readonly code: FailureCode | null };

/** What became of a call, as far as it matters here. */
export type CallFate = 'runs' | 'moved' | 'over';

export class HandOvers {
  /** By our own id of the call. */
  readonly #asked = new Map<CallId, Asked>();
  /** Calls that we take for another device of ours, until they run here: by the id that all know. */
  readonly #taking = new Map<CallId, NodeId>();
  #out: HandOverOutput[] = [];

  /** Our person wants that device to go on with the call. Undefined: it is asked. */
  ask(now: Millis, call: CallId, wire: CallId, node: NodeId): FailureCode | undefined {
    if (this.#asked.has(call)) return 'busy';
    this.#asked.set(call, { wire, node, goes: false, giveUpAt: now + HAND_OVER_ANSWER_MS });
    this.#say(node, wire, { go: false, muted: false });
    return undefined;
  }

  /** That device answers. `muted`: the microphone is off here. */
  heard(now: Millis, node: NodeId, wire: CallId, code: string, muted: boolean): void {
    for (const [call, asked] of this.#asked) {
      if (asked.wire !== wire || asked.node !== node) continue;
      if (code !== '') this.#end(call, isFailureCode(code) ? code : 'device-cannot');
      else if (!asked.goes) {
        this.#asked.set(call, { ...asked, goes: true, giveUpAt: now + HAND_OVER_MS });
        this.#say(node, wire, { go: true, muted });
      }
    }
  }

  /** That device has left the network; one that takes the call already may come back. */
  gone(node: NodeId): void {
    for (const [call, asked] of this.#asked) if (asked.node === node && !asked.goes) this.#end(call, 'device-offline');
  }

  /** We are taking a call for that device: it hears when that fails. */
  takes(wire: CallId, node: NodeId): void {
    this.#taking.set(wire, node);
    const [oldest] = this.#taking.keys();
    if (this.#taking.size > CALLS_MAX && oldest !== undefined) this.#taking.delete(oldest);
  }

  /** Looks whose calls have ended, begun, or waited for too long. `taken`: is the call taken still, or does it run here? */
  settle(
    now: Millis,
    fateOf: (call: CallId, wire: CallId) => CallFate,
    taken: (wire: CallId) => boolean | 'taking',
  ): void {
    for (const [call, { wire, goes, giveUpAt }] of this.#asked) {
      const fate = fateOf(call, wire);
      if (fate === 'moved') this.#end(call, null);
      else if (fate === 'over') this.#end(call, 'no-call');
      else if (now >= giveUpAt) this.#end(call, goes ? 'device-cannot' : 'device-silent');
    }
    for (const [wire, node] of this.#taking) {
      const is = taken(wire);
      if (is === 'taking') continue;
      this.#taking.delete(wire);
      if (!is) this.answer(node, wire, 'device-cannot');
    }
  }

  /** To the device that asks us; empty: yes. */
  answer(node: NodeId, wire: CallId, code: FailureCode | ''): void {
    this.#out.push({ type: 'say', node, message: message('callOfferWord', { callId: bytesOf(wire), code }) });
  }

  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const { giveUpAt } of this.#asked.values()) at = Math.min(at, giveUpAt);
    return at;
  }

  drain(): HandOverOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #say(node: NodeId, wire: CallId, how: { readonly go: boolean; readonly muted: boolean }): void {
    this.#out.push({ type: 'say', node, message: message('callOffer', { callId: bytesOf(wire), ...how }) });
  }

  #end(call: CallId, code: FailureCode | null): void {
    this.#asked.delete(call);
    this.#out.push({ type: 'handed-over', call, code });
  }
}
