/**
 * What the devices of an account tell one another besides lines (PROTOCOL.md 9.15): calls that are over, for the log, and
 * what the person said of safety words. Both are told whole, for the last 72 h, to a device that says hello, and then one by
 * one as they come; whatever comes twice changes nothing. `agent-sync.ts` says when a device is here.
 */
import type { SyncMessage } from '../net/index.ts';
import { hexOf, isIdHex, isName, type NodeId } from '../net/protocol/ids.ts';
import { SAFETY_PEOPLE_MAX, SYNC_CALLS_MAX, SYNC_CLOCK_MS, SYNC_MARKS_MAX, SYNC_MS } from '../net/protocol/params.ts';
import type { Message } from '../net/wire/messages.ts';
import type { AgentCore } from './agent-core.ts';
import type { CallLogEntry } from './history-sql.ts';
import type { SafetyMark } from './safety-file.ts';
import type { CallEndReason, CallPath } from './state.ts';

export interface BesidesHooks {
  /** What was said of keys, as far as we know. */
  readonly marks: () => readonly SafetyMark[];
  /** The person has said this on another device. */
  readonly marked: (mark: SafetyMark) => void;
}

const REASONS: readonly CallEndReason[] = [
  ...(['hangup', 'declined', 'busy', 'no-answer', 'cancelled'] as const),
  ...(['answered-elsewhere', 'moved', 'failed', 'unreachable'] as const),
];
const PATHS: readonly CallPath[] = ['direct', 'lan', 'relay', 'tcp', 'tcp443'];
const KEY_BYTES = 32;

export class AgentSyncBesides {
  readonly #core: AgentCore;
  readonly #hooks: BesidesHooks;
  /** Devices that have said hello. */
  readonly #here = new Set<NodeId>();
  /** Calls and marks that made no sense. Only rises. */
  dropped = 0;

  constructor(core: AgentCore, hooks: BesidesHooks) {
    this.#core = core;
    this.#hooks = hooks;
    core.onEvent((event) => {
      if (event.type === 'account.signed-out') this.#here.clear();
      else if (event.type === 'call.event' && event.event.event === 'ended') this.#tellCall(event.event.call);
    });
  }

  /** It has said what it has. */
  hello(node: NodeId): void {
    this.#here.add(node);
    const calls = this.#ended();
    if (calls.length > 0) this.#send(node, { kind: 'syncCalls', body: { calls: calls.map(wireOfCall) } } as never);
    this.#sendMarks(node, this.#hooks.marks());
  }

  gone(node: NodeId): void {
    this.#here.delete(node);
  }

  /** The person has compared words here, or took it back. */
  marked(marks: readonly SafetyMark[]): void {
    for (const node of this.#here) this.#sendMarks(node, marks);
  }

  heard(message: Extract<SyncMessage, { kind: 'syncCalls' | 'syncMarks' }>): void {
    if (message.kind === 'syncMarks') {
      for (const wire of message.body.marks.slice(0, SYNC_MARKS_MAX) as WireMark[]) {
        const mark = markOf(wire, this.#core.options.wallClock());
        if (mark) this.#hooks.marked(mark);
        else this.dropped += 1;
      }
      return;
    }
    for (const wire of message.body.calls.slice(0, SYNC_CALLS_MAX) as WireCall[]) {
      const entry = callOf(wire, this.#core.options.wallClock());
      if (entry) this.#core.history.logSynced(entry);
      else this.dropped += 1;
    }
  }

  #ended(): CallLogEntry[] {
    const since = this.#core.options.wallClock() - SYNC_MS;
    return this.#core.history
      .calls({ limit: SYNC_CALLS_MAX })
      .filter(({ endedAtMs, startedAtMs, reason }) => endedAtMs !== null && reason !== null && startedAtMs >= since)
      .toReversed();
  }

  #tellCall(call: string): void {
    const entry = this.#ended().find((one) => one.call === call);
    if (!entry) return;
    for (const node of this.#here)
      this.#send(node, { kind: 'syncCalls', body: { calls: [wireOfCall(entry)] } } as never);
  }

  /** Some in a message, as many as may be. */
  #sendMarks(node: NodeId, marks: readonly SafetyMark[]): void {
    const newest = marks.toSorted((a, b) => a.atMs - b.atMs).slice(-SAFETY_PEOPLE_MAX);
    for (let at = 0; at < newest.length; at += SYNC_MARKS_MAX) {
      const page = newest.slice(at, at + SYNC_MARKS_MAX);
      this.#send(node, { kind: 'syncMarks', body: { marks: page.map(wireOfMark) } } as never);
    }
  }

  #send(node: NodeId, message: Message): void {
    this.#core.command({ type: 'own-device', node, message });
  }
}

interface WireCall {
  readonly callId?: Uint8Array;
  readonly with?: string;
  readonly outgoing?: boolean;
  readonly startedAtMs?: number;
  readonly answeredAtMs?: number;
  readonly endedAtMs?: number;
  readonly reason?: string;
  readonly path?: string;
}
interface WireMark {
  readonly with?: string;
  readonly key?: Uint8Array;
  readonly verified?: boolean;
  readonly atMs?: number;
}

const NOTHING = Buffer.alloc(0);

function wireOfCall({ call, peer, direction, startedAtMs, answeredAtMs, endedAtMs, reason, path }: CallLogEntry) {
  const times = { startedAtMs, answeredAtMs: answeredAtMs ?? 0, endedAtMs: endedAtMs ?? 0 };
  const words = { reason: reason ?? '', path: path ?? '' };
  return { callId: Buffer.from(call, 'hex'), with: peer, outgoing: direction === 'out', ...times, ...words };
}

function wireOfMark({ name, key, verified, atMs }: SafetyMark) {
  return { with: name, key: Buffer.from(key, 'hex'), verified, atMs };
}

/** Undefined for what makes no sense. */
function callOf(wire: WireCall, nowMs: number): CallLogEntry | undefined {
  const [call, peer] = [hexOf(wire.callId ?? NOTHING), wire.with ?? ''];
  const [startedAtMs, answeredAtMs, endedAtMs] = [wire.startedAtMs, wire.answeredAtMs, wire.endedAtMs].map((time) =>
    Number(time ?? 0),
  ) as [number, number, number];
  const reason = REASONS.find((one) => one === wire.reason);
  const isNow = startedAtMs > nowMs - SYNC_MS - SYNC_CLOCK_MS && endedAtMs < nowMs + SYNC_CLOCK_MS;
  const isInOrder = endedAtMs >= startedAtMs && (answeredAtMs === 0 || answeredAtMs >= startedAtMs);
  if (!isIdHex(call) || !isName(peer) || !reason || !isNow || !isInOrder) return undefined;
  return {
    ...{ call, peer, direction: wire.outgoing ? 'out' : 'in', startedAtMs, endedAtMs, reason },
    answeredAtMs: answeredAtMs || null,
    path: PATHS.find((one) => one === wire.path) ?? null,
  };
}

function markOf(wire: WireMark, nowMs: number): SafetyMark | undefined {
  const [name, atMs] = [wire.with ?? '', Number(wire.atMs ?? 0)];
  if (!isName(name) || wire.key?.length !== KEY_BYTES || !(atMs > 0 && atMs < nowMs + SYNC_CLOCK_MS)) return undefined;
  return { name, key: Buffer.from(wire.key).toString('hex'), verified: wire.verified === true, atMs };
}
