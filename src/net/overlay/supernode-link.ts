/**
 * The link to one supernode, from the client's side: find one that answers, attach, keep the lease alive, notice its
 * death, attach elsewhere. A client has two of them (`supernode-pair.ts`). The node opens sessions as asked (`connect`)
 * and tells how that went; addresses come from the host cache, best first; which of them is tried when is
 * `attach-race.ts`.
 *
 *   idle --start--> racing --first authenticated answer--> attaching --Attached--> attached
 *   idle --prepare--> racing, with nothing to prove yet --first answer--> answered --start--> racing, as good as won
 *     attaching | attached --refused (full)--> racing, that one last; or waiting, when all of them refused
 *     attaching | attached --Redirect--> racing, the named ones first; a few times in a row, then as refused
 *     attached --keep-alives unanswered | session closed--> racing, at once; or waiting, when it was brief
 *     attached --"I do not know you"--> attached, with a new Attach
 *     racing --nothing answers--> waiting (backoff with jitter) --> racing
 *   any --stop--> idle
 *
 * Above 400 lines: one state machine is one thing to read.
 */
import type { Millis, Random } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { bytesOf, hexOf, type NodeId } from '../protocol/ids.ts';
import { REDIRECTS_MAX } from '../protocol/overlay-params.ts';
import {
  ATTACH_STAGGER_AT_FIRST_MS,
  ATTACH_STAGGER_MS,
  ATTACH_TIMEOUT_MS,
  ATTACHMENT_BRIEF_MS,
  KEEP_ALIVE_HURRIED_RETRY_MS,
  KEEP_ALIVE_MISSES_MAX,
  KEEP_ALIVE_MS,
  KEEP_ALIVE_RETRY_MS,
  LADDER_SERVERS,
  REATTACH_BACKOFF_MS,
  SUPERNODE_REFUSED_MS,
  SWEEP_BURST,
  SWEEP_STEPS_PER_SECOND,
} from '../protocol/params.ts';
import { type RelayCap, relayCapOf } from '../protocol/relay-cap.ts';
import { TokenBucket } from '../protocol/token-bucket.ts';
import { isByProxy, isByTls, type Way, type WayName } from '../protocol/ways.ts';
import { type Body, type Message, type MessageOf, message } from '../wire/messages.ts';
import { AttachRace, type AttemptId, isSamePlace, type Tried } from './attach-race.ts';

export type { AttemptId, Tried } from './attach-race.ts';

/** Numbers of our requests begin here, so that no answer to another room's question is taken for ours. */
const REQUEST_IDS_FROM = 2 ** 31;

const KEEP_ALIVES_OUT_MAX = 16;

/** What the supernode must know of us; sent with every attach. */
export interface AttachDetails {
  readonly displayName: string;
  readonly listed: boolean;
  readonly hiddenFrom: readonly string[];
  readonly watch: readonly string[];
  readonly software: string;
  /** Another supernode is our first one. */
  readonly standby?: boolean;
  /** That one. */
  readonly first?: NodeId | undefined;
}

export type LinkOutput =
  /** `server`: the supernode as it was named. */
  | {
      readonly type: 'connect';
      readonly attempt: AttemptId;
      readonly endpoint: Endpoint;
      readonly server: Endpoint;
      /** One of very many, so that nothing of it is sent again. */
      readonly once: boolean;
      /** Through the proxy of this machine. */
      readonly proxy: boolean;
      /** Inside genuine TLS. */
      readonly tls: boolean;
      /** Who we are is not known yet: what proves it waits for `prove`. */
      readonly inAdvance: boolean;
    }
  /** It is known now who we are. */
  | { readonly type: 'prove'; readonly attempt: AttemptId }
  | { readonly type: 'abandon'; readonly attempt: AttemptId }
  | { readonly type: 'send'; readonly attempt: AttemptId; readonly message: Message; readonly reliable: boolean }
  | {
      readonly type: 'attached';
      readonly endpoint: Endpoint;
      readonly way: WayName;
      /** As it was named. */
      readonly server: Endpoint;
      /** Ways to other servers that had their time and did not answer. */
      readonly missed: readonly Way[];
      readonly observed: string;
      readonly loginServers: readonly string[];
      readonly present: readonly { readonly name: string; readonly node: NodeId }[];
    }
  /** Told again after the lists changed: of the watched names, those attached there now. */
  | {
      readonly type: 'present';
      readonly present: readonly { readonly name: string; readonly node: NodeId }[];
      /** Others, who are at other supernodes, will be told in a moment. */
      readonly follows: boolean;
    }
  /** Not attached (any more), and why; a new race is on, or will be. */
  | { readonly type: 'detached'; readonly code: FailureCode }
  /** A round came to nothing; the next one begins by itself. */
  | { readonly type: 'nobody'; readonly tried: Tried }
  /** Our endpoint as the supernode sees it is not the one it was. */
  | { readonly type: 'observed'; readonly observed: string }
  | { readonly type: 'rtt'; readonly rttMs: number }
  /** It dropped packets of ours that it was to forward. */
  | { readonly type: 'limited'; readonly cap: RelayCap; readonly dropped: number };

type State =
  | { readonly name: 'idle' }
  | { readonly name: 'waiting'; readonly until: Millis }
  | {
      readonly name: 'racing';
      readonly race: AttachRace;
    }
  /** A race that was prepared has a winner, who waits to hear who we are. */
  | { readonly name: 'answered'; readonly race: AttachRace; readonly attempt: AttemptId }
  | {
      readonly name: 'attaching';
      readonly attempt: AttemptId;
      readonly way: Way;
      readonly missed: readonly Way[];
      readonly giveUpAt: Millis;
    }
  | {
      readonly name: 'attached';
      readonly attempt: AttemptId;
      readonly way: Way;
      readonly since: Millis;
      keepAliveAt: Millis;
      misses: number;
      /** Until a keep-alive that is not answered is repeated. */
      retryMs: number;
      keepAliveId: number;
      /** Our endpoint as the supernode sees it, and as it told when we attached last. */
      observed: string;
      observedThen: string;
      /** When each keep-alive since the last answer was sent. */
      readonly sentAt: Map<number, Millis>;
    };

export class SupernodeLink {
  readonly #random: Random;
  #details: AttachDetails | undefined;
  #supernodes: readonly Endpoint[] = [];
  /** How often each place was swept since we were attached last: whoever was not comes first. */
  readonly #swept = new Map<string, number>();
  readonly #sweepSteps = new TokenBucket(SWEEP_STEPS_PER_SECOND, SWEEP_BURST);
  #state: State = { name: 'idle' };
  #nextAttempt: AttemptId;
  readonly #attemptStep: number;
  #keepAliveMs = KEEP_ALIVE_MS;
  #retryMs = KEEP_ALIVE_RETRY_MS;
  #goesOn = true;
  /** Rounds and brief attachments in a row that came to nothing. */
  #failures = 0;
  #requestId = REQUEST_IDS_FROM;
  #everTold = false;
  /** The way that worked last on this network. */
  #worked: WayName | undefined;
  #hasProxy = false;
  /** Supernodes that refused us, by host and port, and until when they stand last. */
  readonly #refusedUntil = new Map<string, Millis>();
  /** Sent on so often since we were attached last. */
  #redirects = 0;
  /** We had one, and it fell silent: others are asked sooner than at first. */
  #fellSilent = false;
  #out: LinkOutput[] = [];

  /**
   * `worked`: the way that worked on this network when the program ran last. `attempts`: the numbers that attempts get,
   * so that those of two links are different.
   */
  constructor(random: Random, worked?: WayName, attempts = { from: 1, step: 1 }) {
    this.#random = random;
    this.#worked = worked;
    this.#nextAttempt = attempts.from;
    this.#attemptStep = attempts.step;
  }

  /**
   * Looks for a supernode before it is known who we are, so that `start` finds one that has answered; says nothing to
   * anybody of how it goes. One round at most.
   */
  prepare(now: Millis, supernodes: readonly Endpoint[]): void {
    if (this.#state.name !== 'idle' || this.#details || supernodes.length === 0) return;
    this.#supernodes = supernodes;
    this.#race(now);
  }

  /** Begins to look for a supernode; the endpoints are tried in this order. What was prepared is gone on with. */
  start(now: Millis, supernodes: readonly Endpoint[], details: AttachDetails): void {
    const prepared = this.#details === undefined ? this.#state : undefined;
    const goesOn = prepared?.name === 'racing' || prepared?.name === 'answered';
    if (!goesOn) this.stop('idle');
    this.#details = details;
    this.#failures = 0;
    this.#everTold = false;
    this.#refusedUntil.clear();
    this.#redirects = 0;
    this.#fellSilent = false;
    if (goesOn) return this.#goOn(now, prepared, supernodes);
    this.#supernodes = supernodes;
    this.#race(now);
  }

  #goOn(now: Millis, prepared: Extract<State, { name: 'racing' | 'answered' }>, supernodes: readonly Endpoint[]): void {
    const { race } = prepared;
    const attempts = prepared.name === 'answered' ? [prepared.attempt] : race.attempts;
    this.#state = { name: 'racing', race };
    this.setSupernodes(now, supernodes);
    for (const attempt of attempts) this.#out.push({ type: 'prove', attempt });
  }

  /** Others are known now, or in another order; who was not known is tried at once, unless we are attached. */
  setSupernodes(now: Millis, supernodes: readonly Endpoint[]): void {
    const fresh = supernodes.filter((one) => !this.#supernodes.some((known) => isSamePlace(known, one)));
    this.#supernodes = supernodes;
    const state = this.#state;
    if (fresh.length === 0) return;
    if (state.name === 'racing') {
      state.race.add(now, fresh);
      this.#step(now);
    } else if (state.name === 'waiting') {
      this.#failures = 0;
      this.#race(now);
    }
  }

  /** The same for the next race: the one that is on goes on with those whom it knows. */
  setNextSupernodes(supernodes: readonly Endpoint[]): void {
    this.#supernodes = supernodes;
  }

  /** The way that worked last on the network that we are on now; undefined: none is known. */
  setWorked(way: WayName | undefined): void {
    this.#worked = way;
  }

  /** Leaves politely and stays away. */
  stop(_why: string): void {
    if (this.#state.name === 'attached') this.#send(message('detach'), false);
    this.#abandonAll();
    this.#details = undefined;
  }

  /** Tells the supernode what changed (names watched or hidden from, display name), when attached. */
  update(details: AttachDetails): void {
    this.#details = details;
    if (this.#state.name === 'attached' || this.#state.name === 'attaching') this.#sendAttach();
  }

  /** Ends the present link and races again, as after a change of network. */
  restart(now: Millis): void {
    if (this.#state.name === 'idle') return;
    if (!this.#details) return this.#abandonAll();
    this.#failures = 0;
    this.#leave(now, 'unreachable-network', { atOnce: true });
  }

  /** From the next race on: whether this machine has a proxy. */
  setHasProxy(hasProxy: boolean): void {
    this.#hasProxy = hasProxy;
  }

  /** Nobody asked it to look for anybody. */
  get idle(): boolean {
    return this.#state.name === 'idle';
  }

  /** Goes on looking after all, where `setGoesOn(false)` made it rest. */
  resume(now: Millis): void {
    if (this.#state.name === 'idle' && this.#details) this.#race(now);
  }

  get attached(): boolean {
    return this.#state.name === 'attached';
  }

  /** It is on its way to one: a race is on, or won. */
  get onItsWay(): boolean {
    return this.#state.name === 'racing' || this.#state.name === 'attaching';
  }

  /** A keep-alive was not answered in time, and was repeated. */
  get inDoubt(): boolean {
    return this.#state.name === 'attached' && this.#state.misses > 1;
  }

  /** When the next keep-alive is due; undefined when we are not attached. */
  get keepAliveAt(): Millis | undefined {
    return this.#state.name === 'attached' ? this.#state.keepAliveAt : undefined;
  }

  /** Another time for the next keep-alive, when none is out. */
  postpone(keepAliveAt: Millis): void {
    if (this.#state.name === 'attached' && this.#state.misses === 0) this.#state.keepAliveAt = keepAliveAt;
  }

  /** True until `stop`, and again from `start` on. */
  get started(): boolean {
    return this.#details !== undefined;
  }

  /** The session that we are attached by, and where; undefined when we are not. */
  get attachment(): { readonly attempt: AttemptId; readonly way: Way; readonly observed: string } | undefined {
    return this.#state.name === 'attached' ? this.#state : undefined;
  }

  /** How often an idle link looks whether the supernode still answers, and how soon again when it does not. */
  setKeepAlive(now: Millis, keepAliveMs: number, retryMs = KEEP_ALIVE_RETRY_MS): void {
    if (keepAliveMs === this.#keepAliveMs) return;
    this.#keepAliveMs = keepAliveMs;
    this.#retryMs = retryMs;
    const state = this.#state;
    if (state.name !== 'attached') return;
    state.keepAliveAt = Math.min(state.keepAliveAt, now + keepAliveMs);
    if (state.misses === 0) state.retryMs = retryMs;
  }

  /** What happens when the supernode is lost: another is looked for (as at first), or nothing. */
  setGoesOn(goesOn: boolean): void {
    this.#goesOn = goesOn;
  }

  /** Looks from `at` on whether the supernode still answers, with less patience than usual. */
  check(at: Millis): void {
    const state = this.#state;
    if (state.name !== 'attached' || state.retryMs <= KEEP_ALIVE_HURRIED_RETRY_MS) return;
    // On the way to find out, as fast as in a call: to begin anew would only take longer.
    if (state.misses > 0 && state.retryMs < KEEP_ALIVE_RETRY_MS) return;
    state.retryMs = KEEP_ALIVE_HURRIED_RETRY_MS;
    state.misses = 0;
    state.keepAliveAt = Math.min(state.keepAliveAt, at);
  }

  /** This supernode is tried after all others until then. */
  avoid(until: Millis, endpoint: Endpoint): void {
    this.#refusedUntil.set(placeOf(endpoint), until);
  }

  /** Of a race that was prepared: this one is there, and the others are let go. */
  answered(attempt: AttemptId): void {
    if (this.#state.name !== 'racing' || this.#details) return;
    const { race } = this.#state;
    for (const other of race.attempts) if (other !== attempt) this.#out.push({ type: 'abandon', attempt: other });
    this.#state = { name: 'answered', race, attempt };
  }

  connected(now: Millis, attempt: AttemptId): void {
    if (this.#state.name !== 'racing') {
      this.#out.push({ type: 'abandon', attempt });
      return;
    }
    const { race } = this.#state;
    const way = race.wayOf(attempt);
    if (!way) return;
    for (const other of race.attempts) if (other !== attempt) this.#out.push({ type: 'abandon', attempt: other });
    const missed = race.missed(now, way.server);
    this.#state = { name: 'attaching', attempt, way, missed, giveUpAt: now + ATTACH_TIMEOUT_MS };
    this.#sendAttach();
  }

  failed(now: Millis, attempt: AttemptId): void {
    const state = this.#state;
    if (state.name === 'racing') {
      state.race.failed(now, attempt);
      this.#step(now);
    } else if (state.name === 'answered' && state.attempt === attempt) {
      this.#state = { name: 'idle' };
    } else if ((state.name === 'attaching' || state.name === 'attached') && state.attempt === attempt) {
      this.#leave(now, 'unreachable-network');
    }
  }

  /** A message from the link's session. True when it was ours to handle. */
  receive(now: Millis, attempt: AttemptId, value: Message): boolean {
    const state = this.#state;
    if ((state.name !== 'attaching' && state.name !== 'attached') || state.attempt !== attempt) return false;
    if (state.name === 'attached') state.misses = 0;
    if (value.kind === 'attached') this.#receiveAttached(now, state.attempt, state.way, value);
    else if (value.kind === 'keepAliveReply') this.#receiveKeepAlive(now, value.body);
    else if (value.kind === 'quota') this.#limited(value.body);
    else if (value.kind === 'failure' && value.body.requestId === this.#requestId) {
      this.#refused(now, state.way.server, value.body.retryAfterMs);
    } else return false;
    return true;
  }

  /**
   * Our supernode sends us on. `targets`: what it names, checked by whoever handed it in. True when it was the answer to
   * our last Attach; then this one stands last for a while.
   */
  redirected(now: Millis, attempt: AttemptId, body: Body<'redirect'>, targets: readonly Endpoint[]): boolean {
    const state = this.#state;
    if ((state.name !== 'attaching' && state.name !== 'attached') || state.attempt !== attempt) return false;
    if (body.requestId !== this.#requestId) return false;
    this.#redirects += 1;
    const others = targets.filter((one) => !isSamePlace(one, state.way.server) && !this.#refuses(now, one));
    const rest = this.#supernodes.filter((one) => !others.some((other) => isSamePlace(one, other)));
    this.#supernodes = [...others, ...rest];
    this.#refused(now, state.way.server, body.retryAfterMs);
    return true;
  }

  wake(now: Millis): void {
    const state = this.#state;
    if (state.name === 'waiting' && now >= state.until) this.#race(now);
    else if (state.name === 'racing') {
      this.#step(now);
    } else if (state.name === 'attaching' && now >= state.giveUpAt) this.#leave(now, 'unreachable-network');
    else if (state.name === 'attached' && now >= state.keepAliveAt) this.#keepAlive(now, state);
  }

  wakeAt(): Millis {
    const state = this.#state;
    if (state.name === 'waiting') return state.until;
    if (state.name === 'racing') return state.race.wakeAt();
    if (state.name === 'attaching') return state.giveUpAt;
    return state.name === 'attached' ? state.keepAliveAt : Number.POSITIVE_INFINITY;
  }

  drain(): LinkOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #race(now: Millis): void {
    const refused = (endpoint: Endpoint): number => (this.#refuses(now, endpoint) ? 1 : 0);
    const swept = (endpoint: Endpoint): number => this.#swept.get(placeOf(endpoint)) ?? 0;
    const inOrder = this.#supernodes.toSorted((a, b) => refused(a) - refused(b));
    const rest = inOrder.splice(LADDER_SERVERS).sort((a, b) => swept(a) - swept(b));
    inOrder.push(...rest);
    const staggerMs = this.#details ? ATTACH_STAGGER_MS : ATTACH_STAGGER_AT_FIRST_MS;
    const options = { hasProxy: this.#hasProxy, hurried: this.#fellSilent, staggerMs };
    const race = new AttachRace(now, inOrder, this.#worked, this.#sweepSteps, options);
    this.#state = { name: 'racing', race };
    this.#step(now);
  }

  #refuses(now: Millis, endpoint: Endpoint): boolean {
    return now < (this.#refusedUntil.get(placeOf(endpoint)) ?? 0);
  }

  /** It answers, but will not have us: the others first, for a while. */
  #refused(now: Millis, endpoint: Endpoint, retryAfterMs: number): void {
    this.#refusedUntil.set(placeOf(endpoint), now + Math.max(retryAfterMs, SUPERNODE_REFUSED_MS));
    const othersLeft = this.#supernodes.some((other) => !this.#refuses(now, other));
    this.#leave(now, 'unreachable-network', { atOnce: othersLeft && this.#redirects <= REDIRECTS_MAX });
    // It knows best when it can have us.
    if (this.#state.name === 'waiting') {
      const asked = Math.min(retryAfterMs, REATTACH_BACKOFF_MS.at(-1) ?? retryAfterMs);
      this.#state = { name: 'waiting', until: Math.max(this.#state.until, now + asked) };
    }
  }

  /** Begins and lets go of what is due. */
  #step(now: Millis): void {
    const state = this.#state;
    if (state.name !== 'racing') return;
    const { begin, abandon } = state.race.step(now, () => this.#number());
    for (const attempt of abandon) this.#out.push({ type: 'abandon', attempt });
    for (const { attempt, way, sweeping } of begin) {
      if (sweeping) this.#swept.set(placeOf(way.server), (this.#swept.get(placeOf(way.server)) ?? 0) + 1);
      const { endpoint, server, name } = way;
      const how = { once: sweeping, proxy: isByProxy(name), tls: isByTls(name) };
      this.#out.push({ type: 'connect', attempt, endpoint, server, ...how, inAdvance: this.#details === undefined });
    }
    if (!state.race.isOver(now)) return;
    if (!this.#details) return this.#abandonAll();
    const { tried } = state.race;
    this.#wait(now);
    this.#out.push({ type: 'nobody', tried });
  }

  #number(): AttemptId {
    const attempt = this.#nextAttempt;
    this.#nextAttempt += this.#attemptStep;
    return attempt;
  }

  #wait(now: Millis): void {
    this.#abandonAll();
    const base = REATTACH_BACKOFF_MS[Math.min(this.#failures, REATTACH_BACKOFF_MS.length - 1)] ?? 60_000;
    this.#failures += 1;
    // 20 % either way: a mass restart must not come back in step (2007 and 2010 outages).
    this.#state = { name: 'waiting', until: now + base * (0.8 + 0.4 * this.#random.fraction()) };
    this.#tell('unreachable-network');
  }

  /** `atOnce` undefined: at once after an attachment that lasted, else after a pause. */
  #leave(now: Millis, code: FailureCode, { atOnce }: { readonly atOnce?: boolean } = {}): void {
    const state = this.#state;
    this.#abandonAll();
    const lasted = state.name === 'attached' && now - state.since >= ATTACHMENT_BRIEF_MS;
    if (lasted) this.#failures = 0;
    if (state.name === 'attached') {
      this.#everTold = false;
      this.#tell(code);
      if (!this.#goesOn) return;
    }
    if (atOnce ?? lasted) this.#race(now);
    else this.#wait(now);
  }

  #tell(code: FailureCode): void {
    if (!this.#everTold) this.#out.push({ type: 'detached', code });
    this.#everTold = true;
  }

  #abandonAll(): void {
    const state = this.#state;
    const attempts =
      state.name === 'racing'
        ? state.race.attempts
        : state.name === 'answered' || state.name === 'attaching' || state.name === 'attached'
          ? [state.attempt]
          : [];
    for (const attempt of attempts) this.#out.push({ type: 'abandon', attempt });
    this.#state = { name: 'idle' };
  }

  #sendAttach(): void {
    if (!this.#details) return;
    this.#requestId += 1;
    const { displayName, listed, hiddenFrom, watch, software, standby = false, first = '' } = this.#details;
    const body = { requestId: this.#requestId, displayName, listed, software, standby, first: bytesOf(first) };
    const value = message('attach', { ...body, hiddenFrom: [...hiddenFrom], watch: [...watch] });
    this.#send(value, true);
  }

  #send(value: Message, reliable: boolean): void {
    const state = this.#state;
    if (state.name !== 'attaching' && state.name !== 'attached') return;
    this.#out.push({ type: 'send', attempt: state.attempt, message: value, reliable });
  }

  #receiveAttached(now: Millis, attempt: AttemptId, way: Way, value: MessageOf<'attached'>): void {
    const present = value.body.present.map(presentOf);
    if (this.#state.name !== 'attaching') {
      if (this.#state.name === 'attached') this.#state.observedThen = value.body.observed;
      // An answer to older lists says nothing of those that were added since; theirs is on its way.
      if (value.body.requestId === this.#requestId)
        this.#out.push({ type: 'present', present, follows: value.body.presentFollows });
      return;
    }
    const { observed, loginServers } = value.body;
    const { missed } = this.#state;
    this.#swept.clear();
    this.#redirects = 0;
    this.#fellSilent = false;
    this.#everTold = false;
    this.#state = {
      name: 'attached',
      attempt,
      way,
      since: now,
      // Anywhere in the round: whoever of many looks first at a dead supernode has the others look.
      keepAliveAt: now + this.#keepAliveMs * (0.1 + 0.9 * this.#random.fraction()),
      misses: 0,
      retryMs: this.#retryMs,
      keepAliveId: 0,
      observed,
      observedThen: observed,
      sentAt: new Map(),
    };
    this.#worked = way.name;
    const { endpoint, name, server } = way;
    const told = { observed, loginServers, present };
    this.#out.push({ type: 'attached', endpoint, way: name, server, missed, ...told });
  }

  #receiveKeepAlive(now: Millis, body: Body<'keepAliveReply'>): void {
    const state = this.#state;
    if (state.name !== 'attached') return;
    // Any of those that are out: on a slow link the answer to the first comes after the third was sent.
    const sentAt = state.sentAt.get(body.id);
    if (sentAt !== undefined) {
      this.#out.push({ type: 'rtt', rttMs: now - sentAt });
      state.keepAliveAt = now + this.#keepAliveMs;
      state.retryMs = this.#retryMs;
      state.sentAt.clear();
    }
    // What has not changed since is not said again.
    const observed = body.observed === '' ? state.observedThen : body.observed;
    if (observed !== state.observed) {
      state.observed = observed;
      this.#out.push({ type: 'observed', observed });
    }
    if (!body.attached) this.#sendAttach();
  }

  #limited({ cap, dropped }: Body<'quota'>): void {
    this.#out.push({ type: 'limited', cap: relayCapOf(cap), dropped });
  }

  #keepAlive(now: Millis, state: Extract<State, { name: 'attached' }>): void {
    if (state.misses >= KEEP_ALIVE_MISSES_MAX) {
      this.#fellSilent = true;
      return this.#leave(now, 'unreachable-network');
    }
    state.misses += 1;
    state.keepAliveId += 1;
    // Somebody who forwards but never answers these is alive; what is that old needs no answer any more.
    if (state.sentAt.size >= KEEP_ALIVES_OUT_MAX) state.sentAt.clear();
    state.sentAt.set(state.keepAliveId, now);
    state.keepAliveAt = now + state.retryMs;
    this.#send(message('keepAlive', { id: state.keepAliveId }), false);
  }
}

function presentOf(seen: { name?: string | null; nodeId?: Uint8Array | null }): { name: string; node: NodeId } {
  return { name: seen.name ?? '', node: hexOf(seen.nodeId ?? Buffer.alloc(0)) };
}

/** A supernode is one behind both carriers. */
export function placeOf({ host, port }: Endpoint): string {
  return `${host} ${port}`;
}
