/**
 * The calls of one node as a table: the live ones, tombstones of the ended, and the queue of what follows from their
 * changes. `call.ts` decides; this changes a call's state, in one function, and says what every change means to the
 * world (an event, media to start or stop, a tombstone). Looking up and the few messages of calls are here too.
 */
import type { Millis } from '../protocol/core.ts';
import { bytesOf, type CallId, foldName, type NodeId, type UserName } from '../protocol/ids.ts';
import { CALLS_MAX, ENDED_CALL_MEMORY_MS, ENDED_CALLS_MAX, RELAYS_MAX } from '../protocol/params.ts';
import { type Message, message } from '../wire/messages.ts';
import {
  boundCandidates,
  type CallOutput,
  type CallRecord,
  type CallSnapshot,
  type CallState,
  type Ended,
  expiryOf,
  heldBy,
  occupies,
  type Running,
  type Tombstone,
  type WireEndReason,
  wireReason,
} from './call-record.ts';

/** Who said something, about which call. */
export interface Word {
  readonly from: UserName;
  readonly node: NodeId;
  readonly wire: CallId;
}

/** How many calls there may be, and how many ears there are for them. */
export interface CallRoom {
  /** Default CALLS_MAX; 1 forbids a second call beside one on hold. */
  readonly callsMax?: number;
  /** Default CALLS_MAX. */
  readonly callsPerPersonMax?: number;
  /** A service: every call has an ear of its own, so that all may talk at once. For a person only one does. */
  readonly allTalk?: boolean;
  /** Something besides calls wants our ears: a conference. */
  readonly occupied?: () => boolean;
}

export class CallTable {
  readonly #room: Required<CallRoom>;
  readonly #isBuddy: (name: UserName) => boolean;
  readonly #live = new Map<CallId, CallRecord>();
  readonly #past = new Map<CallId, Tombstone>();
  #candidates: readonly string[] = [];
  #relays: readonly NodeId[] = [];
  #out: CallOutput[] = [];

  /** `isBuddy`: who learns our addresses before the call is answered. */
  constructor(room: CallRoom, isBuddy: (name: UserName) => boolean) {
    this.#isBuddy = isBuddy;
    this.#room = { callsMax: CALLS_MAX, callsPerPersonMax: CALLS_MAX, allTalk: false, occupied: () => false, ...room };
  }

  /** A new record; it has no meaning to anybody before its first `change`. */
  open(now: Millis, of: Pick<CallRecord, 'id' | 'wire' | 'peer' | 'direction'>, mutedByMe = false): CallRecord {
    const flags = { rang: false, mutedByMe, doubtful: false, addressesKept: false, remoteRelays: [] };
    const call: CallRecord = { ...of, ...flags, startedAt: now, state: { name: 'new' }, why: '' };
    this.#live.set(call.id, call);
    return call;
  }

  /** The one place where a call changes its state. `why` is for the log. */
  change(now: Millis, call: CallRecord, next: CallState, why: string): void {
    const before = call.state;
    const of = { call: call.id, peer: call.peer };
    call.state = next;
    call.why = why;
    if (next.name === 'dialling') this.#out.push({ type: 'dialling', ...of });
    if ((next.name === 'ringing-out' || next.name === 'ringing-in') && !call.rang) {
      call.rang = true;
      this.#out.push({ type: 'ringing', direction: call.direction, ...of });
    }
    if (next.name === 'running' && before.name !== 'running') {
      const { node, role, remoteCandidates } = next;
      this.#out.push({ type: 'answered', setupMs: now - call.startedAt, ...of });
      const tellsLast = role === 'callee' || call.addressesKept;
      const { wire, remoteRelays } = call;
      this.#out.push({ type: 'media-start', wire, node, remoteCandidates, remoteRelays, role, tellsLast, ...of });
    }
    if (next.name === 'ended') this.#finish(now, call, before, next);
  }

  #finish(now: Millis, call: CallRecord, before: CallState, { reason, by, code }: Ended): void {
    const running = before.name === 'running' ? before : undefined;
    const node = running?.node ?? (before.name === 'ringing-in' ? before.node : undefined);
    if (running) this.#out.push({ type: 'media-stop', call: call.id, wire: call.wire });
    const durationMs = running ? now - running.answeredAt : 0;
    this.#out.push({ type: 'ended', call: call.id, peer: call.peer, reason, by, code: code ?? null, durationMs });
    this.#live.delete(call.id);
    this.bury(now, call.wire, { peer: call.peer, node, reason: wireReason(reason), doubtful: call.doubtful });
  }

  /** Remembers an id that is over, so that whatever still comes of it is answered and rings nobody. */
  bury(now: Millis, wire: CallId, rest: Pick<Tombstone, 'peer' | 'node' | 'reason'> & { doubtful?: boolean }): void {
    this.#past.set(wire, { doubtful: false, ...rest, forgetAt: now + ENDED_CALL_MEMORY_MS, repeatAt: 0 });
    for (const oldest of this.#past.keys()) {
      if (this.#past.size <= ENDED_CALLS_MAX) break;
      this.#past.delete(oldest);
    }
  }

  /** The id lives on under another record. */
  exhume(wire: CallId): void {
    this.#past.delete(wire);
  }

  forget(now: Millis): void {
    for (const [wire, stone] of this.#past) if (now >= stone.forgetAt) this.#past.delete(wire);
  }

  drain(): CallOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const call of this.#live.values()) at = Math.min(at, expiryOf(call.state));
    for (const stone of this.#past.values()) at = Math.min(at, stone.forgetAt);
    return at;
  }

  list(): CallSnapshot[] {
    return this.calls().map((call) => ({
      call: call.id,
      wire: call.wire,
      peer: call.peer,
      state: call.state.name,
      heldBy: heldBy(call.state),
      node: call.state.name === 'running' || call.state.name === 'ringing-in' ? call.state.node : null,
      why: call.why,
    }));
  }

  // ------------------------------------------------------------------ looking up

  /** The live calls, oldest first; a copy, so that they may be ended while it is walked. */
  calls(): CallRecord[] {
    return [...this.#live.values()];
  }

  callsWith(name: UserName): CallRecord[] {
    return this.calls().filter((call) => isOf(call, name));
  }

  find(fits: (call: CallRecord) => boolean): CallRecord | undefined {
    for (const call of this.#live.values()) if (fits(call)) return call;
    return undefined;
  }

  byEitherId(id: CallId): CallRecord | undefined {
    return this.#live.get(id) ?? this.find((call) => call.wire === id);
  }

  /** True when the id was used, by a live call or one remembered. */
  knows(id: CallId): boolean {
    return this.#live.has(id) || this.#past.has(id);
  }

  past(wire: CallId): Tombstone | undefined {
    return this.#past.get(wire);
  }

  /** Tombstones of calls with this person, by wire id. */
  pastWith(name: UserName): [CallId, Tombstone][] {
    return [...this.#past].filter(([, stone]) => foldName(stone.peer) === foldName(name));
  }

  /** What to tell somebody who still speaks of a call that is over, or never was. */
  pastReason(word: Word): WireEndReason {
    const stone = this.#past.get(word.wire);
    return stone && foldName(stone.peer) === foldName(word.from) ? stone.reason : 'failed';
  }

  /** Room for one more call with this person, and nothing that wants our ears. */
  free(name: UserName): boolean {
    const { callsMax, callsPerPersonMax, allTalk } = this.#room;
    if (this.#live.size >= callsMax || this.callsWith(name).length >= callsPerPersonMax) return false;
    return allTalk || !this.busy();
  }

  /** Something wants our ears: a call that we have not put on hold, or a conference. */
  busy(): boolean {
    return this.#room.occupied() || this.find((call) => occupies(call.state)) !== undefined;
  }

  /** The call lives on as something else: no event, no word, no tombstone. */
  absorb(call: CallRecord): void {
    this.#live.delete(call.id);
  }

  /** Another call talks or is being placed, so this one may not. */
  talksBeside(except: CallRecord): boolean {
    if (this.#room.allTalk) return false;
    if (this.#room.occupied()) return true;
    const talks = (call: CallRecord) => call.state.name !== 'ringing-in' && occupies(call.state);
    return this.find((call) => call !== except && talks(call)) !== undefined;
  }

  // ------------------------------------------------------------------ telling

  /** Whoever talks with us is told at once when we have moved. */
  setCandidates(endpoints: readonly string[], relays: readonly NodeId[]): void {
    const before = [this.#candidates.join(), this.#relays.join()];
    this.#candidates = boundCandidates(endpoints);
    this.#relays = relays.slice(0, RELAYS_MAX);
    if (this.#candidates.join() === before[0] && this.#relays.join() === before[1]) return;
    for (const call of this.#live.values())
      if (call.state.name === 'running') this.sendCandidates(call, call.state.node);
  }

  push(output: CallOutput): void {
    this.#out.push(output);
  }

  tellHold(call: CallRecord, on: boolean, by: 'me' | 'them'): void {
    const sum = heldBy(call.state);
    this.#out.push({ type: on ? 'held' : 'resumed', call: call.id, peer: call.peer, by, heldBy: sum });
  }

  tellMute(call: CallRecord, on: boolean, by: 'me' | 'them'): void {
    this.#out.push({ type: on ? 'muted' : 'unmuted', call: call.id, peer: call.peer, by });
  }

  tellRecording(call: CallRecord, on: boolean, by: 'me' | 'them'): void {
    this.#out.push({ type: 'recording', call: call.id, peer: call.peer, on, by });
  }

  /** Without `node`: to every device of the person. A stranger learns where we are when they have answered. */
  sendInvite(call: CallRecord, node?: NodeId): void {
    const isBuddy = this.#isBuddy(call.peer);
    const candidates = isBuddy ? [...this.#candidates] : [];
    if (!isBuddy) call.addressesKept = true;
    const relays = this.#relays.map(bytesOf);
    this.#send(call, message('callInvite', { callId: bytesOf(call.wire), candidates, relays }), node);
  }

  sendRinging(call: CallRecord, node: NodeId): void {
    this.#send(call, message('callRinging', { callId: bytesOf(call.wire) }), node);
  }

  sendAnswer(call: CallRecord, node: NodeId): void {
    this.#send(call, message('callAnswer', { callId: bytesOf(call.wire), ...this.#reach() }), node);
  }

  sendCandidates(call: CallRecord, node: NodeId): void {
    this.#send(call, message('callCandidates', { callId: bytesOf(call.wire), ...this.#reach() }), node);
  }

  /** How somebody who talks with us may reach us. */
  #reach() {
    return { candidates: [...this.#candidates], relays: this.#relays.map(bytesOf) };
  }

  sendHold(call: CallRecord, state: Running): void {
    this.#send(call, message('callHold', { callId: bytesOf(call.wire), on: state.heldByMe }), state.node);
  }

  sendMute(call: CallRecord, node: NodeId): void {
    this.#send(call, message('callMute', { callId: bytesOf(call.wire), on: call.mutedByMe }), node);
  }

  sendRecording(call: CallRecord, state: Running): void {
    this.#send(call, message('callRecording', { callId: bytesOf(call.wire), on: state.recordedByMe }), state.node);
  }

  sendEnd(call: CallRecord, reason: WireEndReason, node?: NodeId): void {
    this.#send(call, message('callEnd', { callId: bytesOf(call.wire), reason }), node);
  }

  /** An end about a call that is not, or no longer, in the table. */
  answerEnd({ from, node, wire }: Word, reason: WireEndReason): void {
    this.#out.push({ type: 'send', to: from, node, message: message('callEnd', { callId: bytesOf(wire), reason }) });
  }

  #send(call: CallRecord, content: Message, node?: NodeId): void {
    this.#out.push({ type: 'send', to: call.peer, ...(node === undefined ? {} : { node }), message: content });
  }
}

export function isOf(call: CallRecord, name: UserName): boolean {
  return foldName(call.peer) === foldName(name);
}
