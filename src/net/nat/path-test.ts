/**
 * Which way would a call take? One silent test between two buddies (PROTOCOL.md 9.12): the path finder of a call, with
 * echoes in place of voice. The asking end sends them and counts; the answering end sends each back the way it came. No
 * media, no session of a call, nothing that a person hears or sees.
 *
 *   relay: 20 echoes, then a few to be heard      direct way taken: 20 echoes by it      measured, or too late: done
 *
 * The room above (`node/path-desk.ts`) says who may ask, carries the messages, and names what is found.
 */
import type { Millis, Random } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import { bytesOf, type CallId, type NodeId } from '../protocol/ids.ts';
import {
  PATH_TEST_ANSWERED_MS,
  PATH_TEST_ECHO_MS,
  PATH_TEST_ECHOES,
  PATH_TEST_ECHOES_BURST,
  PATH_TEST_ECHOES_PER_SECOND_MAX,
  PATH_TEST_LOST_MS,
  PATH_TEST_MS,
  PATH_TEST_PADDING_BYTES,
  PATH_TEST_REST_MS,
} from '../protocol/params.ts';
import { TokenBucket } from '../protocol/token-bucket.ts';
import { type Route, routeKey } from '../protocol/traffic.ts';
import { type Body, type MessageOf, message } from '../wire/messages.ts';
import type { PathKind } from './candidate.ts';
import { PathFinder } from './path-finder.ts';
import type { PathInput, PathOutput, Surroundings } from './path-port.ts';
import type { RelayLists } from './relays.ts';

/** Echoes by one way. */
export interface EchoCount {
  readonly sent: number;
  readonly received: number;
  /** The median; null when none came back. */
  readonly rttMs: number | null;
}

/** What the asking end found. */
export interface PathFound {
  readonly path: PathKind;
  readonly route: Route;
  readonly relay: EchoCount;
  /** By the newest direct way; undefined when there never was one. */
  readonly direct: EchoCount | undefined;
  /** From the answer until a direct way was taken for the first time. */
  readonly directAfterMs: Millis | undefined;
}

export type PathTestOutput =
  | Exclude<PathOutput, { type: 'send-on' | 'path' | 'contact' | 'relay-silent' }>
  | { readonly type: 'echo'; readonly to: Route; readonly message: MessageOf<'pathTestEcho'> };

export interface PathTestOptions {
  /** Of this test, which both ends know. */
  readonly id: CallId;
  /** The other end's. */
  readonly node: NodeId;
  readonly asks: boolean;
  readonly relays: RelayLists;
  readonly remoteCandidates: readonly string[];
  readonly ours: readonly Endpoint[];
  /** Until the other end knows our candidates. */
  readonly punchAfterMs: Millis;
  /** How long a direct way is waited for; PATH_TEST_MS when there is hope. */
  readonly waitMs?: Millis;
  readonly surroundings: Surroundings;
  readonly random: Random;
}

interface Series {
  sent: number;
  readonly rttsMs: number[];
  lastAt: Millis;
}

const PADDING = Buffer.alloc(PATH_TEST_PADDING_BYTES);
/** Of an echo that is not counted: it only keeps the way. */
const UNCOUNTED = 0;

export class PathTest {
  readonly node: NodeId;
  readonly #id: CallId;
  readonly #asks: boolean;
  readonly #finder: PathFinder;
  readonly #begunAt: Millis;
  readonly #waitMs: Millis;
  readonly #answers = new TokenBucket(PATH_TEST_ECHOES_PER_SECOND_MAX, PATH_TEST_ECHOES_BURST);
  #path: PathKind = 'relay';
  #route: Route;
  readonly #relay = newSeries();
  #direct: Series | undefined;
  #directAfterMs: Millis | undefined;
  /** Echoes under way by number. */
  readonly #pending = new Map<number, { readonly series: Series; readonly sentAt: Millis }>();
  #number = UNCOUNTED;
  #echoAt: Millis;
  #stopped = false;
  #out: PathTestOutput[] = [];

  constructor(now: Millis, options: PathTestOptions) {
    const { id, node, asks, waitMs = PATH_TEST_MS } = options;
    this.node = node;
    this.#id = id;
    this.#asks = asks;
    this.#begunAt = now;
    this.#waitMs = waitMs;
    this.#echoAt = asks ? now : Number.POSITIVE_INFINITY;
    this.#finder = new PathFinder(now, { wire: id, ...options });
    this.#route = { via: 'forward', node };
    this.#settle(now);
  }

  receive(now: Millis, input: PathInput): void {
    this.#finder.receive(now, input);
    this.#settle(now);
  }

  /** An echo of the other end's, or an answer to ours. */
  echo(now: Millis, from: Route, { number, answer }: Body<'pathTestEcho'>): void {
    if (answer === this.#asks) this.#finder.receive(now, { type: 'heard', route: from });
    if (answer && this.#asks) this.#answered(now, number);
    // The way it came, and by as many bytes: nobody gets more of us than we got.
    else if (!answer && !this.#asks && this.#answers.take(now)) this.#send(from, number, true);
    this.#settle(now);
  }

  /** The measurement is complete, or its time is over. */
  over(now: Millis): boolean {
    return now >= this.#overAt();
  }

  /** Lets go of all ports. Nothing is said any more. */
  stop(now: Millis): void {
    this.#stopped = true;
    this.#finder.command(now, { type: 'stop' });
    this.#settle(now);
    this.#out = this.#out.filter(({ type }) => type === 'close-sockets');
  }

  get found(): PathFound {
    const direct = this.#direct && countOf(this.#direct);
    return {
      ...{ path: this.#path, route: this.#route, relay: countOf(this.#relay), direct },
      directAfterMs: this.#directAfterMs,
    };
  }

  wake(now: Millis): void {
    if (now >= this.#finder.wakeAt()) this.#finder.wake(now);
    this.#settle(now);
    if (now >= this.#echoAt) this.#sendEchoes(now);
  }

  wakeAt(): Millis {
    return this.#stopped ? Number.POSITIVE_INFINITY : Math.min(this.#finder.wakeAt(), this.#echoAt, this.#overAt());
  }

  drain(): PathTestOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #overAt(): Millis {
    if (!this.#asks) return this.#begunAt + PATH_TEST_ANSWERED_MS;
    const direct = this.#path === 'relay' ? undefined : this.#direct;
    if (direct && isDone(direct) && isDone(this.#relay)) {
      const all = [direct, this.#relay];
      if (all.every(({ sent, rttsMs }) => rttsMs.length >= sent)) return Number.NEGATIVE_INFINITY;
      return Math.max(...all.map(({ lastAt }) => lastAt)) + PATH_TEST_LOST_MS;
    }
    // A way that came late is still measured, once.
    const lateMs = direct ? PATH_TEST_ECHOES * PATH_TEST_ECHO_MS + PATH_TEST_LOST_MS : 0;
    return this.#begunAt + this.#waitMs + lateMs;
  }

  #sendEchoes(now: Millis): void {
    const direct = this.#path === 'relay' ? undefined : this.#direct;
    if (direct) this.#sendCounted(now, direct, this.#route, true);
    if (!isDone(this.#relay) || !direct) {
      const [relay] = this.#finder.relays();
      if (relay) this.#sendCounted(now, this.#relay, relay, !direct);
    }
    const resting = !direct && isDone(this.#relay);
    this.#echoAt = now + (resting ? PATH_TEST_REST_MS : PATH_TEST_ECHO_MS);
  }

  /** `keeps`: also when it has been measured, for a way that nothing comes by is left. */
  #sendCounted(now: Millis, series: Series, to: Route, keeps: boolean): void {
    if (isDone(series)) {
      if (keeps) this.#send(to, UNCOUNTED, false);
      return;
    }
    this.#number += 1;
    series.sent += 1;
    series.lastAt = now;
    this.#pending.set(this.#number, { series, sentAt: now });
    this.#send(to, this.#number, false);
  }

  #answered(now: Millis, number: number): void {
    const pending = this.#pending.get(number);
    this.#pending.delete(number);
    if (pending && now - pending.sentAt <= PATH_TEST_LOST_MS) pending.series.rttsMs.push(now - pending.sentAt);
  }

  #send(to: Route, number: number, answer: boolean): void {
    const body = { testId: bytesOf(this.#id), number, answer, padding: PADDING };
    this.#out.push({ type: 'echo', to, message: message('pathTestEcho', body) });
  }

  #settle(now: Millis): void {
    for (const output of this.#finder.drain()) {
      if (output.type === 'path') this.#took(now, output.path, output.route);
      else if (output.type !== 'send-on' && output.type !== 'contact' && output.type !== 'relay-silent')
        this.#out.push(output);
    }
  }

  #took(now: Millis, path: PathKind, route: Route): void {
    const isNew = path !== 'relay' && (this.#path === 'relay' || routeKey(route) !== routeKey(this.#route));
    this.#path = path;
    this.#route = route;
    if (!isNew) return;
    this.#directAfterMs ??= now - this.#begunAt;
    this.#direct = newSeries();
    if (this.#asks) this.#echoAt = Math.min(this.#echoAt, now);
  }
}

function newSeries(): Series {
  return { sent: 0, rttsMs: [], lastAt: Number.NEGATIVE_INFINITY };
}

function isDone({ sent }: Series): boolean {
  return sent >= PATH_TEST_ECHOES;
}

function countOf({ sent, rttsMs }: Series): EchoCount {
  const sorted = rttsMs.toSorted((a, b) => a - b);
  return { sent, received: sorted.length, rttMs: sorted[Math.floor(sorted.length / 2)] ?? null };
}
