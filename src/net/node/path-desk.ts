/**
 * Silent path tests of one node, asked and answered (PROTOCOL.md 9.12; `wren check NAME`). Decides who may ask and how
 * often, exchanges addresses with buddies only, and lends each test (`nat/path-test.ts`) what a call's path finder has.
 *
 *   ask --PathTest--> PathTestAnswer --> test runs --> PathTestEnd, `path-tested`
 *   PathTest --> refused, or PathTestAnswer --> test runs --> PathTestEnd or its time is over
 *
 * What strangers can get out of it: a refusal now and then. What a buddy can: two tests at a time, three at once and
 * then one in twenty seconds, each of some hundred small packets to addresses that the buddy proves, as in a call.
 */
import type { CallPath } from '../media/quality.ts';
import type { NatKind } from '../nat/nat-kind.ts';
import type { Surroundings } from '../nat/path-port.ts';
import { type EchoCount, PathTest, type PathTestOutput } from '../nat/path-test.ts';
import { hopelessWhy, type NatTold, toldOf, type WhyRelayed, whyRelayed } from '../nat/why-relayed.ts';
import type { Millis, Random } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import { type FailureCode, isFailureCode } from '../protocol/failures.ts';
import { bytesOf, type CallId, foldName, hexOf, ID_BYTES, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  PATH_TEST_ANSWER_MS,
  PATH_TEST_BURST,
  PATH_TEST_HOPELESS_MS,
  PATH_TEST_MS,
  PATH_TEST_PEOPLE_MAX,
  PATH_TEST_REFILL_MS,
  PATH_TEST_REFUSALS_BURST,
  PATH_TEST_REFUSALS_REFILL_MS,
  PATH_TESTS_ANSWERED_MAX,
  PATH_TESTS_ASKED_MAX,
  PUNCH_DELAY_MS_MAX,
} from '../protocol/params.ts';
import { RateLimit } from '../protocol/rate-limit.ts';
import type { OpenSocket, Route } from '../protocol/traffic.ts';
import { type Body, type Message, type MessageOf, message } from '../wire/messages.ts';
import type { PeerInput, PeerSend } from '../wire/peers.ts';
import { type CallMediaMessage, type CallMediaOutput, pathInputOf, probeTo } from './call-media-port.ts';
import { offerOf, offerTo, readTold } from './path-offer.ts';

const KINDS = ['pathTest', 'pathTestAnswer', 'pathTestEcho', 'pathTestEnd'] as const;
export type PathTestMessage = MessageOf<(typeof KINDS)[number]>;

export function isPathTestMessage(value: Message): value is PathTestMessage {
  return KINDS.some((kind) => kind === value.kind);
}

/** What came of a test that we asked for. */
export interface PathReport {
  readonly path: CallPath;
  /** Null: the way is direct. */
  readonly why: WhyRelayed | null;
  readonly relay: EchoCount;
  readonly direct: EchoCount | null;
  /** From the answer until a direct way was taken. */
  readonly directAfterMs: Millis | null;
  /** From the question to this. */
  readonly tookMs: Millis;
  readonly ours: NatTold;
  readonly theirs: NatTold;
}

export type PathDeskOutput =
  | PeerSend
  | Extract<CallMediaOutput, { type: 'send-datagram' | 'vouch' | 'open-sockets' | 'close-sockets' }>
  | { readonly type: 'path-tested'; readonly ticket: number; readonly report: PathReport }
  /** `timed-out`: not a word came. `retryAfterMs`: 0 when trying again makes no sense. */
  | {
      readonly type: 'path-test-failed';
      readonly ticket: number;
      readonly code: FailureCode;
      readonly retryAfterMs: number;
    }
  /** For the log: somebody tested the way to us. Undefined: they were let. */
  | { readonly type: 'path-test-asked'; readonly name: UserName; readonly refused: FailureCode | undefined };

export interface PathDeskOptions {
  readonly random: Random;
  readonly isBuddy: (name: UserName) => boolean;
  /** Must nobody know that we are here? */
  readonly isInvisible: () => boolean;
  /** May others test at all? */
  readonly answers: () => boolean;
  readonly natKind: () => NatKind;
  readonly rttMs: (node: NodeId) => number | undefined;
  readonly relayedPath: (through: NodeId | undefined) => { readonly path: CallPath };
  readonly surroundingsOf: (node: NodeId) => Surroundings;
  /** Our addresses and those of the machine alone, and the supernodes that forward for us: as in a call. */
  readonly here: () => {
    readonly candidates: readonly string[];
    readonly ours: readonly Endpoint[];
    readonly relays: readonly NodeId[];
  };
}

/** One that we asked for; without a test while nobody has agreed. */
interface Asked {
  readonly ticket: number;
  readonly name: UserName;
  readonly id: CallId;
  readonly askedAt: Millis;
  running: { readonly test: PathTest; readonly theirs: NatTold; readonly offered: number } | undefined;
}

interface Answered {
  readonly name: UserName;
  readonly id: CallId;
  readonly test: PathTest;
}

export class PathDesk {
  readonly #options: PathDeskOptions;
  readonly #asked = new Map<CallId, Asked>();
  readonly #answered = new Map<CallId, Answered>();
  readonly #people = new RateLimit(PATH_TEST_BURST, PATH_TEST_REFILL_MS, PATH_TEST_PEOPLE_MAX);
  readonly #refusals = new RateLimit(PATH_TEST_REFUSALS_BURST, PATH_TEST_REFUSALS_REFILL_MS, PATH_TEST_PEOPLE_MAX);
  #out: PathDeskOutput[] = [];

  constructor(options: PathDeskOptions) {
    this.#options = options;
  }

  /** Answered by `path-tested` or `path-test-failed`. */
  ask(now: Millis, ticket: number, name: UserName): void {
    const id = hexOf(this.#options.random.bytes(ID_BYTES));
    const asked: Asked = { ticket, name, id, askedAt: now, running: undefined };
    if (!this.#options.isBuddy(name)) return this.#fail(asked, 'not-a-buddy');
    if (this.#asked.size >= PATH_TESTS_ASKED_MAX) return this.#fail(asked, 'busy', PATH_TEST_MS);
    this.#asked.set(id, asked);
    this.#out.push({ type: 'send', to: name, message: message('pathTest', { testId: bytesOf(id), ...this.#told() }) });
  }

  /** What a person's node says about tests. Nobody who is blocked comes as far as this. */
  receive(now: Millis, from: { readonly name: UserName; readonly node: NodeId }, route: Route, value: PathTestMessage) {
    if (value.body.testId.length !== ID_BYTES) return;
    if (value.kind === 'pathTest') this.#wanted(now, from, value.body);
    else if (value.kind === 'pathTestAnswer') this.#agreed(now, from, value.body);
    else {
      const id = hexOf(value.body.testId);
      const test = this.#testOf(id, from.node);
      if (value.kind === 'pathTestEcho') test?.echo(now, route, value.body);
      else if (this.#answered.get(id)?.test === test) this.#forget(now, id);
    }
    this.#settle(now);
  }

  /** What concerns the paths of a test or of a call, from a node: those of tests are told by their ids. */
  receivePath(now: Millis, node: NodeId, route: Route, value: CallMediaMessage): void {
    const input = pathInputOf(route, value);
    for (const [id, test] of this.#tests()) {
      if (test.node !== node || !input) continue;
      if (value.kind === 'pathReply' || hexOf(value.body.callId) === id) test.receive(now, input);
    }
    this.#settle(now);
  }

  /** What the sessions tell of people. */
  tell(now: Millis, input: PeerInput): void {
    for (const asked of [...this.#asked.values()]) {
      const isOver = input.type === 'online' && !input.online;
      const isGone = input.type === 'unreachable' && foldName(input.name) === foldName(asked.name) && !asked.running;
      if (isOver || isGone) this.#end(now, asked, isOver ? 'unreachable-network' : 'person-offline');
    }
  }

  socketsOpen(now: Millis, sockets: readonly OpenSocket[]): void {
    for (const [, test] of this.#tests()) test.receive(now, { type: 'sockets-open', sockets });
    this.#settle(now);
  }

  vouched(now: Millis, node: NodeId, host: string): void {
    for (const [, test] of this.#tests()) if (test.node === node) test.receive(now, { type: 'vouched', host });
    this.#settle(now);
  }

  /** Signed out. */
  stop(now: Millis): void {
    for (const asked of [...this.#asked.values()]) this.#end(now, asked, 'not-signed-in');
    for (const id of [...this.#answered.keys()]) this.#forget(now, id);
  }

  wake(now: Millis): void {
    for (const [, test] of this.#tests()) test.wake(now);
    for (const asked of [...this.#asked.values()])
      if (!asked.running && now >= asked.askedAt + PATH_TEST_ANSWER_MS) this.#end(now, asked, 'timed-out');
    this.#settle(now);
  }

  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const { running, askedAt } of this.#asked.values())
      if (!running) at = Math.min(at, askedAt + PATH_TEST_ANSWER_MS);
    for (const [, test] of this.#tests()) at = Math.min(at, test.wakeAt());
    return at;
  }

  drain(): PathDeskOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  // ------------------------------------------------------------------ answering

  #wanted(now: Millis, { name, node }: { name: UserName; node: NodeId }, body: Body<'pathTest'>): void {
    const { isInvisible, isBuddy, answers } = this.#options;
    if (isInvisible() || this.#answered.has(hexOf(body.testId))) return;
    const who = foldName(name);
    // A word for everything would tell a flood that somebody listens, and cost as much as it.
    if (!isBuddy(name)) return this.#refuse(now, { name, node }, body.testId, 'not-a-buddy');
    if (!answers()) return this.#refuse(now, { name, node }, body.testId, 'not-allowed');
    const own = [...this.#answered.values()].some((one) => foldName(one.name) === who);
    if (own || this.#answered.size >= PATH_TESTS_ANSWERED_MAX)
      return this.#refuse(now, { name, node }, body.testId, 'busy', PATH_TEST_MS);
    const waitMs = this.#people.take(now, who);
    if (waitMs > 0) return this.#refuse(now, { name, node }, body.testId, 'busy', waitMs);
    const id = hexOf(body.testId);
    // What we tell travels behind theirs: half a round trip later both know.
    const punchAfterMs = Math.min((this.#options.rttMs(node) ?? 0) / 2, PUNCH_DELAY_MS_MAX);
    const test = this.#begin(now, { id, node, asks: false, punchAfterMs, ...offerOf(body) });
    this.#answered.set(id, { name, id, test });
    const answer = message('pathTestAnswer', { testId: bytesOf(id), ...this.#told() });
    this.#out.push({ type: 'send', to: name, node, message: answer });
    this.#out.push({ type: 'path-test-asked', name, refused: undefined });
  }

  #refuse(
    now: Millis,
    { name, node }: { name: UserName; node: NodeId },
    testId: Uint8Array,
    refused: FailureCode,
    retryAfterMs = 0,
  ): void {
    if (this.#refusals.take(now, foldName(name)) > 0) return;
    const answer = message('pathTestAnswer', { testId, refused, retryAfterMs });
    this.#out.push({ type: 'send', to: name, node, message: answer });
    this.#out.push({ type: 'path-test-asked', name, refused });
  }

  // ------------------------------------------------------------------ asking

  /** The first of the person's nodes that agrees is tested. */
  #agreed(now: Millis, { name, node }: { name: UserName; node: NodeId }, body: Body<'pathTestAnswer'>): void {
    const id = hexOf(body.testId);
    const asked = this.#asked.get(id);
    if (asked ? foldName(asked.name) !== foldName(name) : !this.#options.isBuddy(name)) return;
    if (asked && !asked.running) {
      if (body.refused !== '') {
        const code = isFailureCode(body.refused) ? body.refused : 'not-allowed';
        return this.#end(now, asked, code, body.retryAfterMs);
      }
      const theirs = readTold(body.nat);
      const hopeless = hopelessWhy(toldOf(this.#options.natKind()), theirs) !== undefined;
      const waitMs = hopeless ? PATH_TEST_HOPELESS_MS : PATH_TEST_MS;
      const offer = offerOf(body);
      const test = this.#begin(now, { id, node, asks: true, punchAfterMs: 0, waitMs, ...offer });
      asked.running = { test, theirs, offered: offer.remoteCandidates.length };
    } else if (body.refused === '' && asked?.running?.test.node !== node) this.#sayEnd(name, node, id);
  }

  #done(now: Millis, asked: Asked, { test, theirs, offered }: NonNullable<Asked['running']>): void {
    const { path, route, relay, direct = null, directAfterMs = null } = test.found;
    const ours = toldOf(this.#options.natKind());
    const isDirect = path !== 'relay' && direct !== null && direct.received > 0;
    const why = isDirect ? null : whyRelayed(ours, theirs, { offered, wasDirect: directAfterMs !== null });
    const through = route.via === 'forward' ? route.through : undefined;
    const named = isDirect ? path : this.#options.relayedPath(through).path;
    const tookMs = now - asked.askedAt;
    const report = { path: named, why, relay, direct, directAfterMs, tookMs, ours, theirs };
    this.#out.push({ type: 'path-tested', ticket: asked.ticket, report });
    this.#leave(now, asked);
  }

  #end(now: Millis, asked: Asked, code: FailureCode, retryAfterMs = 0): void {
    this.#fail(asked, code, retryAfterMs);
    this.#leave(now, asked);
  }

  #fail({ ticket }: Asked, code: FailureCode, retryAfterMs = 0): void {
    this.#out.push({ type: 'path-test-failed', ticket, code, retryAfterMs });
  }

  #leave(now: Millis, { id, name, running }: Asked): void {
    this.#asked.delete(id);
    if (!running) return;
    running.test.stop(now);
    this.#drainTest(running.test);
    this.#sayEnd(name, running.test.node, id);
  }

  #sayEnd(to: UserName, node: NodeId, id: CallId): void {
    this.#out.push({ type: 'send', to, node, message: message('pathTestEnd', { testId: bytesOf(id) }) });
  }

  // ------------------------------------------------------------------ both

  #begin(
    now: Millis,
    of: Pick<
      ConstructorParameters<typeof PathTest>[1],
      'id' | 'node' | 'asks' | 'punchAfterMs' | 'waitMs' | 'remoteCandidates'
    > & { readonly theirs: readonly NodeId[] },
  ): PathTest {
    const { random, surroundingsOf, here } = this.#options;
    const { ours, relays } = here();
    const lists = { ours: relays, theirs: of.theirs };
    return new PathTest(now, { ...of, relays: lists, ours, random, surroundings: surroundingsOf(of.node) });
  }

  *#tests(): Generator<[CallId, PathTest]> {
    for (const [id, { test }] of this.#answered) yield [id, test];
    for (const [id, { running }] of this.#asked) if (running) yield [id, running.test];
  }

  #testOf(id: CallId, node: NodeId): PathTest | undefined {
    const test = this.#answered.get(id)?.test ?? this.#asked.get(id)?.running?.test;
    return test?.node === node ? test : undefined;
  }

  #forget(now: Millis, id: CallId): void {
    const answered = this.#answered.get(id);
    this.#answered.delete(id);
    answered?.test.stop(now);
    if (answered) this.#drainTest(answered.test);
  }

  #settle(now: Millis): void {
    for (const [, test] of this.#tests()) this.#drainTest(test);
    for (const asked of [...this.#asked.values()])
      if (asked.running?.test.over(now)) this.#done(now, asked, asked.running);
    for (const { id, test } of [...this.#answered.values()]) if (test.over(now)) this.#forget(now, id);
  }

  #drainTest(test: PathTest): void {
    for (const output of test.drain()) this.#fromTest(test, output);
  }

  #fromTest(test: PathTest, output: PathTestOutput): void {
    const { node } = test;
    if (output.type === 'open-sockets' || output.type === 'close-sockets') this.#out.push(output);
    else if (output.type === 'vouch') this.#out.push({ type: 'vouch', node });
    else if (output.type === 'tell') {
      const to = this.#nameOf(test);
      if (to !== undefined) this.#out.push({ type: 'send', to, node, message: output.message });
    } else if (output.type === 'probe') this.#out.push(probeTo(node, output));
    else this.#out.push({ type: 'send-datagram', node, message: output.message, route: output.to });
  }

  #nameOf(test: PathTest): UserName | undefined {
    for (const one of this.#answered.values()) if (one.test === test) return one.name;
    for (const one of this.#asked.values()) if (one.running?.test === test) return one.name;
    return undefined;
  }

  /** Where we are, for a buddy. */
  #told() {
    return offerTo(this.#options.here(), this.#options.natKind());
  }
}
