/**
 * All calls of one node: their signalling, end to end. The node hands in what people's nodes say (`PeerInput`) and what
 * our person wants (`CallCommand`); handed on are messages to send, events, and orders to start and stop media.
 * The dialogue is that of the classic network (classic-network.md 1.11, 1.14): every device of the callee rings, the
 * first answer wins, the others are told at once. One call talks; calls that we hold wait beside it.
 *
 *   new         -> dialling     placed; the invite goes to every node of the name
 *   new         -> ringing-in   invited
 *   new         -> running      placed while the same person rings here: that is an answer
 *   dialling    -> ringing-out  a device rings
 *   dialling    -> settling     a device is busy or gone; others may still ring
 *   ringing-out -> settling     the last ringing device refused or left
 *   settling    -> ringing-out  another device rings, or the gone one came back
 *   dialling, ringing-out, settling -> running   answered; or the peer's own invite has the lower id (both called)
 *   ringing-in  -> running      we answered
 *   ringing-in  -> ended        another of our own devices says that it was answered there
 *   running     -> running      held, resumed, muted, recorded; the other end goes on at another of its devices
 *   new         -> taking       we pull a call that runs at another of our devices (`own-calls.ts`)
 *   taking      -> running      its other end agrees
 *   running     -> running      we ask another of our devices to pull it (`hand-over.ts`); `moved` ends it here
 *   any         -> ended        the record leaves the table, a tombstone answers latecomers
 *
 * There is no state for "hanging up": an end is never acknowledged and never answered, so that two ends which cross
 * are both the last word. When both call at once, the invite with the lower id lives; its receiver, who plainly wants
 * to talk, answers it, and keeps calling the call by the id its own side knows (`wire` is the common one).
 * Being offline ourselves changes nothing here: the timers of each state decide. Words and judgements are in
 * `call-record.ts`; the table, and the one function that changes a state, in `call-table.ts`.
 * Well above 400 lines, because what may follow from what above is one thing to read.
 */
import type { Core, Millis, Random, WallClock } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { type CallId, foldName, hexOf, ID_BYTES, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  CALL_RESTART_SILENCE_MS,
  DEVICES_GRACE_MS,
  END_REPEAT_MS,
  ENDED_CALLS_MAX,
  INVITE_TIMEOUT_MS,
  PEER_GONE_PATIENCE_MS,
  RING_MARGIN_MS,
  RING_TIMEOUT_MS,
} from '../protocol/params.ts';
import type { Body, Message, MessageOf } from '../wire/messages.ts';
import type { PeerInput } from '../wire/peers.ts';
import {
  boundCandidates,
  boundRelays,
  type CallCommand,
  type CallEndReason,
  type CallInput,
  type CallOutput,
  type CallRecord,
  type CallSnapshot,
  endReason,
  expiryOf,
  heldBy,
  isOutgoing,
  occupies,
  type Running,
  type WireEndReason,
  wireReason,
  withDevice,
  withoutDevice,
} from './call-record.ts';
import { type CallRoom, CallTable, isOf, type Word } from './call-table.ts';
import type { RunningCall } from './conference-record.ts';
import { HandOvers } from './hand-over.ts';
import { OwnCalls } from './own-calls.ts';

const CALL_KINDS = [
  'callInvite',
  'callRinging',
  'callAnswer',
  'callEnd',
  'callHold',
  'callMute',
  'callRecording',
  'callCandidates',
  'callTake',
] as const;
type CallMessage = MessageOf<(typeof CALL_KINDS)[number]>;
type SwitchKind = 'callHold' | 'callMute' | 'callRecording';

export class Calls implements Core<CallInput, CallCommand, CallOutput> {
  readonly #name: UserName;
  readonly #random: Random;
  readonly #table: CallTable;
  readonly #own = new OwnCalls();
  readonly #handOvers = new HandOvers();
  readonly #ownNodes: () => readonly NodeId[];
  readonly #wallClock: WallClock;
  /** Calls that became conferences, oldest first: whoever still speaks of one as a call is not answered. */
  readonly #absorbed = new Set<CallId>();
  /** Call messages without a proper call id. */
  dropped = 0;

  /** `name`: our own, to refuse calls to ourselves. `isBuddy`: may know our addresses before an answer. */
  constructor(
    options: {
      readonly name: UserName;
      readonly random: Random;
      readonly isBuddy: (name: UserName) => boolean;
      /** Our own other devices that are here; nobody when not said. */
      readonly ownNodes?: () => readonly NodeId[];
      readonly wallClock?: WallClock;
    } & CallRoom,
  ) {
    const { name, random, isBuddy, ownNodes = () => [], wallClock = () => 0, ...room } = options;
    this.#name = name;
    this.#ownNodes = ownNodes;
    this.#wallClock = wallClock;
    this.#random = random;
    this.#table = new CallTable(room, isBuddy);
  }

  receive(now: Millis, input: CallInput): void {
    this.#take(now, input);
    this.#settle(now);
  }

  #take(now: Millis, input: CallInput): void {
    switch (input.type) {
      case 'message':
        if (isCallMessage(input.message)) this.#hear(now, input.from, input.node, input.message);
        return;
      case 'peer-seen':
        return this.#peerSeen(now, input.name, input.node);
      case 'peer-gone':
        return this.#peerGone(now, input.name, input.node);
      case 'unreachable':
        return this.#unreachable(now, input.name, input.code);
      case 'media-alive':
        return this.#mediaAlive(now, input.call);
      case 'online':
        return input.online ? undefined : this.receiveOwn(now, input);
    }
  }

  /** The same from our own other devices. */
  receiveOwn(now: Millis, input: PeerInput): void {
    const before = JSON.stringify(this.#own.list());
    if (input.type === 'online' && !input.online) this.#own.clear();
    else if (input.type === 'peer-gone') {
      this.#own.gone(input.node);
      this.#handOvers.gone(input.node);
    } else if (input.type === 'peer-seen' && this.#runs()) this.#tellOwn(now, input.node);
    else if (input.type === 'message' && input.message.kind === 'ownCalls') {
      for (const { call, peer } of this.#own.told(input.node, input.message.body)) this.#answeredThere(now, call, peer);
    } else if (input.type === 'message') this.#hearOffer(now, input.node, input.message);
    const calls = this.#own.list();
    if (JSON.stringify(calls) !== before) this.#table.push({ type: 'elsewhere', calls });
    this.#settle(now);
  }

  /** Another device of ours hands a call to this one, or answers that it would take ours. */
  #hearOffer(now: Millis, node: NodeId, heard: Message): void {
    if (heard.kind !== 'callOffer' && heard.kind !== 'callOfferWord') return;
    const { callId } = heard.body;
    if (callId?.length !== ID_BYTES || !this.#ownNodes().includes(node)) {
      this.dropped += 1;
      return;
    }
    const wire = hexOf(callId);
    if (heard.kind === 'callOffer') return this.#offered(now, node, wire, heard.body);
    const muted = this.#table.byEitherId(wire)?.mutedByMe ?? false;
    this.#handOvers.heard(now, node, wire, heard.body.code, muted);
  }

  /** Of a call that this very device has told of, and only while nothing wants our ears. */
  #offered(now: Millis, node: NodeId, wire: CallId, { go, muted }: Body<'callOffer'>): void {
    const there = this.#own.find(wire);
    const known = this.#table.byEitherId(wire);
    if (there?.node !== node) return this.#handOvers.answer(node, wire, 'no-call');
    if (known) return;
    if (!this.#table.free(there.peer)) return this.#handOvers.answer(node, wire, 'device-busy');
    if (!go) return this.#handOvers.answer(node, wire, '');
    this.#pull(now, wire);
    this.#handOvers.takes(wire, node);
    const call = this.#table.byEitherId(wire);
    if (call && muted) this.#mute(call, true);
    this.#table.push({ type: 'offered', call: wire, peer: there.peer, node });
  }

  /** What follows for our other devices from what has just changed. */
  #settle(now: Millis): void {
    this.#tellOwnChanges(now);
    this.#handOvers.settle(
      now,
      (id, wire) =>
        this.#table.byEitherId(id) ? 'runs' : this.#table.past(wire)?.reason === 'moved' ? 'moved' : 'over',
      (wire) => {
        const name = this.#table.byEitherId(wire)?.state.name;
        return name === 'taking' ? 'taking' : name !== undefined;
      },
    );
    for (const output of this.#handOvers.drain()) {
      if (output.type === 'handed-over') this.#table.push(output);
      else this.#table.push({ type: 'send', to: this.#name, node: output.node, message: output.message });
    }
  }

  #runs(): boolean {
    return this.#table.find(({ state }) => state.name === 'running') !== undefined;
  }

  #tellOwn(now: Millis, node: NodeId): void {
    this.#table.sendOwn(this.#name, node, (at) => this.#wallClock() - (now - at));
  }

  /** At once, without waiting for the caller's word. */
  #answeredThere(now: Millis, wire: CallId, peer: UserName): void {
    const call = this.#table.find((one) => one.wire === wire && isOf(one, peer));
    if (call?.state.name !== 'ringing-in') return;
    const ended = { name: 'ended', reason: 'answered-elsewhere', by: 'me' } as const;
    this.#table.change(now, call, ended, 'answered at another of our devices');
  }

  command(now: Millis, command: CallCommand): void {
    this.#carryOut(now, command);
    this.#settle(now);
  }

  #tellOwnChanges(now: Millis): void {
    if (!this.#table.runningChanged) return;
    this.#table.runningChanged = false;
    for (const node of this.#ownNodes()) this.#tellOwn(now, node);
  }

  #carryOut(now: Millis, command: CallCommand): void {
    if (command.type === 'candidates') return this.#table.setCandidates(command.endpoints, command.relays ?? []);
    const code = command.type === 'place' ? this.#place(now, command) : this.#act(now, command);
    if (code === undefined) return;
    this.#table.push({ type: 'refused', call: command.call ?? '', command: command.type, code });
  }

  wake(now: Millis): void {
    for (const call of this.#table.calls()) if (now >= expiryOf(call.state)) this.#expire(now, call);
    this.#settle(now);
    this.#table.forget(now);
  }

  drain(): CallOutput[] {
    return this.#table.drain();
  }

  wakeAt(): Millis {
    return Math.min(this.#table.wakeAt(), this.#handOvers.wakeAt());
  }

  /** Every call that has not ended, oldest first. */
  list(): CallSnapshot[] {
    return this.#table.list();
  }

  /** A call that wants our ears. */
  get busy(): boolean {
    return this.#table.calls().some((call) => occupies(call.state));
  }

  /** The call of this id, ours or the common one, that runs and is on hold by nobody. */
  running(id: CallId): RunningCall | undefined {
    const call = this.#table.byEitherId(id);
    if (call?.state.name !== 'running' || heldBy(call.state) !== 'nobody') return undefined;
    const { id: own, wire, peer, direction, mutedByMe: muted } = call;
    const { node, answeredAt, recordedByMe: recording } = call.state;
    return { call: own, wire, node, peer, direction, answeredAt, muted, recording };
  }

  /** It is a conference from now on: nothing more is said of it as a call, and nothing is answered. */
  absorb(id: CallId): void {
    const call = this.#table.byEitherId(id);
    if (!call) return;
    this.#table.absorb(call);
    this.#absorbed.add(call.wire);
    for (const oldest of this.#absorbed) {
      if (this.#absorbed.size <= ENDED_CALLS_MAX) break;
      this.#absorbed.delete(oldest);
    }
  }

  // ------------------------------------------------------------------ commands

  #place(now: Millis, command: Extract<CallCommand, { type: 'place' }>): FailureCode | undefined {
    const { to } = command;
    const id = command.call ?? hexOf(this.#random.bytes(ID_BYTES));
    if (foldName(to) === foldName(this.#name)) return 'person-self';
    if (this.#table.knows(id)) return 'already-in-call';
    const ringing = this.#table.find((call) => call.state.name === 'ringing-in' && isOf(call, to));
    if (ringing) return this.#placeAsAnswer(now, id, ringing);
    if (!this.#table.free(to)) return 'already-in-call';
    const call = this.#table.open(now, { id, wire: id, peer: to, direction: 'out' });
    this.#table.change(now, call, { name: 'dialling', giveUpAt: now + INVITE_TIMEOUT_MS }, 'placed');
    this.#table.sendInvite(call);
    return undefined;
  }

  /** Both want to talk: the ring is answered, and goes on under the id that the placing side was promised. */
  #placeAsAnswer(now: Millis, id: CallId, ringing: CallRecord): FailureCode | undefined {
    const { state, wire, peer } = ringing;
    if (state.name !== 'ringing-in' || this.#table.talksBeside(ringing)) return 'already-in-call';
    this.#table.change(
      now,
      ringing,
      { name: 'ended', reason: 'answered-elsewhere', by: 'me' },
      'answered by calling back',
    );
    this.#table.exhume(wire);
    const call = this.#table.open(now, { id, wire, peer, direction: 'out' }, ringing.mutedByMe);
    call.remoteRelays = ringing.remoteRelays;
    this.#accept(now, call, state.node, state.remoteCandidates, 'called back while ringing');
    return undefined;
  }

  #act(now: Millis, command: Exclude<CallCommand, { type: 'place' | 'candidates' }>): FailureCode | undefined {
    if (command.type === 'pull') return this.#pull(now, command.call);
    const call = this.#table.byEitherId(command.call);
    if (!call) return 'no-call';
    switch (command.type) {
      case 'hand-over':
        return this.#handOver(now, call, command.node);
      case 'answer':
        return this.#answer(now, call);
      case 'decline':
      case 'hang-up':
        return this.#hangUp(now, call);
      case 'hold':
        return this.#hold(now, call, true);
      case 'resume':
        return this.#table.talksBeside(call) ? 'already-in-call' : this.#hold(now, call, false);
      case 'mute':
      case 'unmute':
        return this.#mute(call, command.type === 'mute');
      case 'record':
      case 'record-end':
        return this.#record(now, call, command.type === 'record');
    }
  }

  #answer(now: Millis, call: CallRecord): FailureCode | undefined {
    if (call.state.name === 'running') return undefined;
    if (call.state.name !== 'ringing-in') return 'no-call';
    if (this.#table.talksBeside(call)) return 'already-in-call';
    this.#accept(now, call, call.state.node, call.state.remoteCandidates, 'answered here');
    return undefined;
  }

  /** The other end decides; our other device hears from it. */
  #pull(now: Millis, id: CallId): FailureCode | undefined {
    const there = this.#own.find(id);
    if (!there || this.#table.byEitherId(id)) return 'no-call';
    const { peer, peerNode: node, role } = there;
    if (!this.#table.free(peer)) return 'already-in-call';
    // It may have rung here before it was answered there.
    this.#table.exhume(id);
    const call = this.#table.open(now, { id, wire: id, peer, direction: role === 'callee' ? 'in' : 'out' });
    this.#table.change(now, call, { name: 'taking', node, role, giveUpAt: now + INVITE_TIMEOUT_MS }, 'pulled here');
    this.#table.sendTake(call, node);
    return undefined;
  }

  #handOver(now: Millis, call: CallRecord, node: NodeId): FailureCode | undefined {
    if (call.state.name !== 'running') return 'no-call';
    if (!this.#ownNodes().includes(node)) return 'device-offline';
    return this.#handOvers.ask(now, call.id, call.wire, node);
  }

  #hangUp(now: Millis, call: CallRecord): undefined {
    const { state } = call;
    if (state.name === 'running') return this.#end(now, call, { reason: 'hangup', by: 'me', tell: state.node });
    if (state.name === 'ringing-in') return this.#end(now, call, { reason: 'declined', by: 'me', tell: state.node });
    // The other end may have agreed already: what was pulled ends here.
    if (state.name === 'taking') return this.#end(now, call, { reason: 'hangup', by: 'me', tell: state.node });
    return this.#end(now, call, { reason: 'cancelled', by: 'me', tell: 'everyone' });
  }

  #hold(now: Millis, call: CallRecord, on: boolean): FailureCode | undefined {
    const { state } = call;
    if (state.name !== 'running') return 'no-call';
    if (state.heldByMe === on) return undefined;
    const next = { ...state, heldByMe: on };
    this.#table.change(now, call, next, on ? 'held by me' : 'resumed by me');
    this.#table.sendHold(call, next);
    this.#table.tellHold(call, on, 'me');
    return undefined;
  }

  /** May be asked before the answer already; the other end is told as soon as there is one. */
  #mute(call: CallRecord, on: boolean): undefined {
    if (call.mutedByMe === on) return;
    call.mutedByMe = on;
    if (call.state.name === 'running') this.#table.sendMute(call, call.state.node);
    this.#table.tellMute(call, on, 'me');
  }

  #record(now: Millis, call: CallRecord, on: boolean): FailureCode | undefined {
    const { state } = call;
    if (state.name !== 'running') return 'no-call';
    if (state.recordedByMe === on) return undefined;
    const next = { ...state, recordedByMe: on };
    this.#table.change(now, call, next, on ? 'recorded by me' : 'recorded by me no more');
    this.#table.sendRecording(call, next);
    this.#table.tellRecording(call, on, 'me');
    return undefined;
  }

  // ------------------------------------------------------------------ what the other ends say

  #hear(now: Millis, from: UserName, node: NodeId, heard: CallMessage): void {
    const { callId } = heard.body;
    if (callId?.length !== ID_BYTES) {
      this.dropped += 1;
      return;
    }
    const word: Word = { from, node, wire: hexOf(callId) };
    if (this.#absorbed.has(word.wire)) return;
    if (heard.kind === 'callInvite') return this.#invited(now, word, reachOf(heard.body));
    const call = this.#table.find((one) => one.wire === word.wire && isOf(one, from));
    if (!call) {
      // An end is never answered, or two ends would answer one another for ever.
      if (heard.kind !== 'callEnd') this.#table.answerEnd(word, this.#table.pastReason(word));
      return;
    }
    if (call.state.name === 'running' && call.state.node === node) call.state.heardAt = now;
    if (heard.kind === 'callRinging') this.#rings(now, call, word);
    else if (heard.kind === 'callAnswer') this.#answered(now, call, word, reachOf(heard.body));
    else if (heard.kind === 'callTake') this.#taken(now, call, word, reachOf(heard.body));
    else if (heard.kind === 'callCandidates') this.#told(call, node, reachOf(heard.body));
    else if (heard.kind === 'callEnd') this.#endedByThem(now, call, node, endReason(heard.body.reason));
    else this.#toldSwitch(now, call, node, heard.kind, heard.body.on);
  }

  #invited(now: Millis, word: Word, reach: Reach): void {
    const known = this.#table.byEitherId(word.wire);
    if (known) return this.#invitedAgain(known, word);
    if (this.#table.past(word.wire)) return this.#table.answerEnd(word, this.#table.pastReason(word));
    const mine = this.#table.find((call) => isOutgoing(call.state) && isOf(call, word.from));
    if (mine) return this.#bothCalled(now, mine, word, reach);
    this.#dropRestarted(now, word);
    if (!this.#table.free(word.from)) return this.#table.answerEnd(word, 'busy');
    const call = this.#table.open(now, { id: word.wire, wire: word.wire, peer: word.from, direction: 'in' });
    call.remoteRelays = reach.remoteRelays;
    const { remoteCandidates } = reach;
    const giveUpAt = now + RING_TIMEOUT_MS + RING_MARGIN_MS;
    const goneAt = Number.POSITIVE_INFINITY;
    this.#table.change(
      now,
      call,
      { name: 'ringing-in', node: word.node, remoteCandidates, giveUpAt, goneAt },
      'invited',
    );
    this.#table.sendRinging(call, word.node);
  }

  /** The same invite once more: what we said to it is said again. */
  #invitedAgain(call: CallRecord, word: Word): void {
    const { state } = call;
    if (!isOf(call, word.from) || call.wire !== word.wire) return this.#table.answerEnd(word, 'failed');
    if (state.name === 'ringing-in' && state.node === word.node) this.#table.sendRinging(call, word.node);
    if (state.name === 'running' && state.role === 'callee' && state.node === word.node)
      this.#table.sendAnswer(call, word.node);
  }

  /** Glare: both ends compare the same two ids, so both keep the same invite without another word. */
  #bothCalled(now: Millis, mine: CallRecord, theirs: Word, reach: Reach): void {
    if (mine.wire < theirs.wire) {
      this.#table.bury(now, theirs.wire, { peer: theirs.from, node: theirs.node, reason: 'answered-elsewhere' });
      // They are within reach now, whatever became of our first invite.
      return this.#table.sendInvite(mine, theirs.node);
    }
    this.#table.sendEnd(mine, 'answered-elsewhere');
    this.#table.bury(now, mine.wire, { peer: mine.peer, node: undefined, reason: 'answered-elsewhere' });
    mine.wire = theirs.wire;
    mine.peer = theirs.from;
    mine.remoteRelays = reach.remoteRelays;
    this.#accept(now, mine, theirs.node, reach.remoteCandidates, 'both called; their id is lower');
  }

  /** A node that talked with us and now invites us, out of a silence, has forgotten our call. */
  #dropRestarted(now: Millis, word: Word): void {
    const old = this.#table.find((call) => call.state.name === 'running' && call.state.node === word.node);
    if (old?.state.name !== 'running' || heldBy(old.state) !== 'nobody') return;
    if (now - old.state.heardAt >= CALL_RESTART_SILENCE_MS)
      this.#end(now, old, { reason: 'failed', by: 'nobody', tell: 'nobody' });
  }

  #rings(now: Millis, call: CallRecord, { from, node, wire }: Word): void {
    const { state } = call;
    if (state.name === 'running' && state.node !== node)
      return this.#table.answerEnd({ from, node, wire }, 'answered-elsewhere');
    if (!isOutgoing(state)) return;
    call.peer = from;
    this.#table.change(now, call, withDevice(now, state, node), 'a device rings');
  }

  /** The same person goes on at another device. Whoever that is has proven to be that person, and knows the id. */
  #taken(now: Millis, call: CallRecord, word: Word, { remoteCandidates, remoteRelays }: Reach): void {
    const { state } = call;
    if (state.name !== 'running') return this.#table.answerEnd(word, 'failed');
    if (state.node === word.node) return this.#table.sendAnswer(call, word.node);
    call.remoteRelays = remoteRelays;
    const quiet = { heldByThem: false, mutedByThem: false, recordedByThem: false };
    const next = { ...state, ...quiet, node: word.node, remoteCandidates, heardAt: now };
    this.#table.move(call, next, 'pulled to another device of theirs');
    if (state.heldByThem) this.#table.tellHold(call, false, 'them');
    if (state.mutedByThem) this.#table.tellMute(call, false, 'them');
    if (state.recordedByThem) this.#table.tellRecording(call, false, 'them');
    this.#table.sendAnswer(call, word.node);
    if (next.heldByMe) this.#table.sendHold(call, next);
    if (call.mutedByMe) this.#table.sendMute(call, word.node);
    if (next.recordedByMe) this.#table.sendRecording(call, next);
    this.#table.sendEnd(call, 'moved', state.node);
  }

  #answered(now: Millis, call: CallRecord, word: Word, { remoteCandidates, remoteRelays }: Reach): void {
    const { state } = call;
    if (state.name === 'taking') {
      if (state.node !== word.node) return;
      call.remoteRelays = remoteRelays;
      return this.#run(now, call, { node: word.node, role: state.role, remoteCandidates }, 'taken over');
    }
    if (state.name === 'running' && state.node !== word.node) return this.#table.answerEnd(word, 'answered-elsewhere');
    if (!isOutgoing(state)) return;
    call.peer = word.from;
    call.remoteRelays = remoteRelays;
    this.#run(now, call, { node: word.node, role: 'caller', remoteCandidates }, 'answered there');
    if (state.name !== 'ringing-out') return;
    // Devices whose `ringing` is still under way are told when it comes.
    for (const node of state.ringing) if (node !== word.node) this.#table.sendEnd(call, 'answered-elsewhere', node);
  }

  #endedByThem(now: Millis, call: CallRecord, node: NodeId, reason: WireEndReason): void {
    const { state } = call;
    if (isOutgoing(state)) return this.#refusedBy(now, call, node, reason);
    if ((state.name === 'running' || state.name === 'ringing-in' || state.name === 'taking') && state.node !== node)
      return;
    const plain = state.name === 'ringing-in' && reason === 'hangup' ? 'cancelled' : reason;
    this.#table.change(now, call, { name: 'ended', reason: plain, by: 'them' }, 'they ended it');
  }

  /** One device refuses. A person's "no" is for all of them; a busy or failing device is only one of them. */
  #refusedBy(now: Millis, call: CallRecord, node: NodeId, reason: WireEndReason): void {
    if (reason === 'declined' || reason === 'hangup' || reason === 'cancelled') {
      this.#table.sendEnd(call, 'answered-elsewhere');
      this.#table.change(now, call, { name: 'ended', reason: 'declined', by: 'them' }, 'declined');
      return;
    }
    const verdict = reason === 'answered-elsewhere' ? 'failed' : reason;
    const fate = { reason: verdict, endAt: now + DEVICES_GRACE_MS };
    this.#table.change(now, call, withoutDevice(now, call.state, node, fate), `a device refuses: ${reason}`);
  }

  /** Where else they may be met. */
  #told(call: CallRecord, node: NodeId, reach: Reach): void {
    const { id, peer, state } = call;
    if (state.name !== 'running' || state.node !== node) return;
    call.remoteRelays = reach.remoteRelays;
    this.#table.push({ type: 'media-candidates', call: id, peer, ...reach });
  }

  #toldSwitch(now: Millis, call: CallRecord, node: NodeId, kind: SwitchKind, on: boolean): void {
    const { state } = call;
    if (state.name !== 'running' || state.node !== node) return;
    if (kind === 'callHold') {
      if (state.heldByThem === on) return;
      this.#table.change(now, call, { ...state, heldByThem: on }, on ? 'held by them' : 'resumed by them');
      return this.#table.tellHold(call, on, 'them');
    }
    if (kind === 'callRecording') {
      if (state.recordedByThem === on) return;
      this.#table.change(now, call, { ...state, recordedByThem: on }, on ? 'recorded by them' : 'recorded no more');
      return this.#table.tellRecording(call, on, 'them');
    }
    if (state.mutedByThem === on) return;
    this.#table.change(now, call, { ...state, mutedByThem: on }, on ? 'muted by them' : 'unmuted by them');
    this.#table.tellMute(call, on, 'them');
  }

  // ------------------------------------------------------------------ people coming and going

  #peerGone(now: Millis, name: UserName, node: NodeId): void {
    for (const call of this.#table.callsWith(name)) {
      const { state } = call;
      const endAt = now + PEER_GONE_PATIENCE_MS;
      if (state.name === 'ringing-in' && state.node === node)
        this.#table.change(now, call, { ...state, goneAt: endAt }, 'caller gone');
      const affected = state.name === 'dialling' || (state.name === 'ringing-out' && state.ringing.has(node));
      if (!affected) continue;
      const fate = { reason: 'unreachable', code: 'person-offline', endAt } as const;
      this.#table.change(now, call, withoutDevice(now, state, node, fate), 'a device left');
    }
  }

  #unreachable(now: Millis, name: UserName, code: FailureCode): void {
    for (const [, stone] of this.#table.pastWith(name)) stone.doubtful = true;
    for (const call of this.#table.callsWith(name)) {
      const { state } = call;
      call.doubtful = true;
      if (state.name === 'dialling' || state.name === 'taking')
        this.#table.change(now, call, { name: 'ended', reason: 'unreachable', by: 'nobody', code }, 'unreachable');
      if (state.name !== 'ringing-out') continue;
      const fate = { reason: 'unreachable', code, endAt: now + PEER_GONE_PATIENCE_MS } as const;
      this.#table.change(now, call, withoutDevice(now, state, 'all', fate), 'unreachable while it rings');
    }
  }

  /** Back in reach: everything that may have been lost is said again; all of it is idempotent. */
  #peerSeen(now: Millis, name: UserName, node: NodeId): void {
    for (const [wire, stone] of this.#table.pastWith(name)) {
      if (!stone.doubtful) continue;
      stone.doubtful = false;
      this.#table.answerEnd({ from: stone.peer, node, wire }, stone.reason);
    }
    for (const call of this.#table.callsWith(name)) {
      const { state, doubtful } = call;
      if (state.name === 'settling') this.#table.sendInvite(call, node);
      if ((state.name !== 'ringing-in' && state.name !== 'running') || state.node !== node) continue;
      call.doubtful = false;
      if (state.name === 'running' && doubtful) this.#sayAgain(call, state);
      if (state.name !== 'ringing-in' || (!doubtful && state.goneAt === Number.POSITIVE_INFINITY)) continue;
      this.#table.change(now, call, { ...state, goneAt: Number.POSITIVE_INFINITY }, 'caller back');
      this.#table.sendRinging(call, node);
    }
  }

  #sayAgain(call: CallRecord, state: Running): void {
    if (state.role === 'callee') this.#table.sendAnswer(call, state.node);
    else this.#table.sendCandidates(call, state.node);
    this.#table.sendHold(call, state);
    this.#table.sendMute(call, state.node);
  }

  #mediaAlive(now: Millis, id: CallId): void {
    const call = this.#table.byEitherId(id);
    if (call?.state.name === 'running') call.state.heardAt = now;
    const stone = call ? undefined : this.#table.past(id);
    if (!stone || stone.node === undefined || now < stone.repeatAt) return;
    stone.repeatAt = now + END_REPEAT_MS;
    this.#table.answerEnd({ from: stone.peer, node: stone.node, wire: id }, stone.reason);
  }

  // ------------------------------------------------------------------ changes of state

  #expire(now: Millis, call: CallRecord): void {
    const { state } = call;
    switch (state.name) {
      case 'dialling':
        return this.#end(now, call, { reason: 'unreachable', by: 'nobody', tell: 'everyone' });
      case 'taking':
        return this.#end(now, call, { reason: 'unreachable', by: 'nobody', tell: 'nobody' });
      case 'ringing-out':
        return this.#end(now, call, { reason: 'no-answer', by: 'nobody', tell: 'everyone' });
      case 'settling': {
        const { reason, code } = state;
        const by = reason === 'unreachable' ? 'nobody' : 'them';
        return this.#table.change(now, call, { name: 'ended', reason, by, code }, 'every device refused');
      }
      case 'ringing-in': {
        const reason = now >= state.giveUpAt ? 'no-answer' : 'cancelled';
        return this.#end(now, call, { reason, by: 'nobody', tell: state.node });
      }
      case 'running':
        return this.#end(now, call, { reason: 'failed', by: 'nobody', tell: state.node });
      default:
        return;
    }
  }

  /** Ends a call from our side and tells one node, every node of the person, or nobody. */
  #end(
    now: Millis,
    call: CallRecord,
    { reason, by, tell }: { reason: CallEndReason; by: 'me' | 'nobody'; tell: NodeId | 'everyone' | 'nobody' },
  ): undefined {
    if (tell !== 'nobody') this.#table.sendEnd(call, wireReason(reason), tell === 'everyone' ? undefined : tell);
    const code = reason === 'unreachable' ? 'unreachable' : undefined;
    this.#table.change(now, call, { name: 'ended', reason, by, code }, `ended here: ${reason}`);
  }

  /** We answer, whether by a key or because our own invite lost. */
  #accept(now: Millis, call: CallRecord, node: NodeId, remoteCandidates: readonly string[], why: string): void {
    this.#table.sendAnswer(call, node);
    this.#run(now, call, { node, role: 'callee', remoteCandidates }, why);
  }

  #run(now: Millis, call: CallRecord, way: Pick<Running, 'node' | 'role' | 'remoteCandidates'>, why: string): void {
    const switches = { heldByMe: false, heldByThem: false, mutedByThem: false };
    const quiet = { ...switches, recordedByMe: false, recordedByThem: false };
    this.#table.change(now, call, { name: 'running', ...way, ...quiet, answeredAt: now, heardAt: now }, why);
    if (way.role === 'caller' && call.addressesKept) this.#table.sendCandidates(call, way.node);
    if (call.mutedByMe) this.#table.sendMute(call, way.node);
  }
}

/** Where the other end may be met, and who forwards for it. */
interface Reach {
  readonly remoteCandidates: readonly string[];
  readonly remoteRelays: readonly NodeId[];
}

function reachOf({
  candidates,
  relays,
}: CallMessage['body'] & { candidates?: string[]; relays?: Uint8Array[] }): Reach {
  return { remoteCandidates: boundCandidates(candidates), remoteRelays: boundRelays(relays) };
}

function isCallMessage(heard: Message): heard is CallMessage {
  return CALL_KINDS.some((kind) => kind === heard.kind);
}
