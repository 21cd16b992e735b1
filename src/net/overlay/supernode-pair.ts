/**
 * Our two supernodes (PROTOCOL.md 9.3, "Standby"): the first, through which we are seen and look up others, and beside
 * it a second one, attached in standby, which forwards for us as well and takes the first one's place the moment that
 * dies. To the node it is one link: it asks for sessions, says what to send in which, and tells how we are attached.
 *
 *   first attached --some seconds--> the second is sought, among the other supernodes of the list
 *   first lost, second there --> `moved`: the second is the first now; a new second is sought
 *   first lost, no second --> `detached`; the first goes on looking, as it did before it was attached
 *   first says that it stops --> `moved` when the second is there; the old one is left a second later
 *   first lost, second racing --> `detached`; the second is the first now, and goes on
 *   the second says that others do not reach the first --> the first is looked at, at once
 *   either does not answer --> the other is looked at, too
 *   second stands before the first in the list, for minutes, no call --> `moved`: they change places
 *
 * So that people meet, everybody takes the earliest supernode of one list that answers, and comes back to it by and by.
 * A little above 400 lines: what may become of two links is one thing to read.
 */
import type { Millis, Random } from '../protocol/core.ts';
import { type Endpoint, sameEndpoint } from '../protocol/endpoint.ts';
import { hexOf, type NodeId } from '../protocol/ids.ts';
import { REDIRECTED_AVOID_MS } from '../protocol/overlay-params.ts';
import {
  COMMON_ORDER_MAX,
  GATHER_AFTER_MS,
  GATHER_LOOK_MS,
  KEEP_ALIVE_IN_CALL_CALM_MS,
  KEEP_ALIVE_IN_CALL_MS,
  KEEP_ALIVE_IN_CALL_RETRY_MS,
  KEEP_ALIVE_MS,
  KEEP_ALIVE_OF_TWO_MS,
  KEEP_ALIVE_OF_TWO_MS_MAX,
  KEEP_ALIVE_RETRY_MS,
  LEAVE_DEADLINE_MS,
  LEAVE_LINGER_MS,
  LINK_CHECK_MS,
  LINK_CHECK_SPREAD_MS,
  STANDBY_AFTER_MS,
  STANDBY_ASK_MS,
  SUPERNODE_REFUSED_MS,
} from '../protocol/params.ts';
import type { Way, WayName } from '../protocol/ways.ts';
import type { Body, Message } from '../wire/messages.ts';
import { isSamePlace } from './attach-race.ts';
import { type AttachDetails, type AttemptId, type LinkOutput, SupernodeLink } from './supernode-link.ts';
import { type Known, SupernodeList } from './supernode-list.ts';

type Attached = Extract<LinkOutput, { type: 'attached' }>;

export type PairOutput =
  | Exclude<LinkOutput, { type: 'connect' }>
  | Omit<Extract<LinkOutput, { type: 'connect' }>, 'server'>
  /** Another supernode is our first one now, and we were attached all the time; `present` follows. */
  | (Omit<Attached, 'type' | 'present'> & { readonly type: 'moved' })
  /** The supernodes that forward for us, the first one first, changed. */
  | { readonly type: 'relays'; readonly nodes: readonly NodeId[] }
  /** We know of no other supernode than our first one. */
  | { readonly type: 'wants-supernodes' };

export class SupernodePair {
  readonly #random: Random;
  /** Attempts of the one have even numbers, those of the other odd ones. */
  readonly #links: readonly [SupernodeLink, SupernodeLink];
  #firstIndex: 0 | 1 = 0;
  readonly #list = new SupernodeList();
  /** Named by a supernode that stops. */
  #preferred: readonly Endpoint[] = [];
  #details: AttachDetails | undefined;
  /** Which supernode answered by an attempt, and how the list calls it. */
  readonly #nodeOfAttempt = new Map<AttemptId, NodeId>();
  readonly #serverOfAttempt = new Map<AttemptId, Endpoint>();
  readonly #attachedAs = new Map<SupernodeLink, Attached>();
  /** Links whose supernode stops, and from when on we shall be elsewhere. */
  readonly #leaving = new Map<SupernodeLink, Millis>();
  /** The second is one that we have left, and goes then. */
  #lingerUntil: Millis = Number.POSITIVE_INFINITY;
  #seekAt: Millis = Number.POSITIVE_INFINITY;
  #reviewAt: Millis = Number.POSITIVE_INFINITY;
  #checkedAt: Millis = Number.NEGATIVE_INFINITY;
  #inCall = false;
  #talks = false;
  #relaysTold = '';
  #out: PairOutput[] = [];

  constructor(random: Random) {
    this.#random = random;
    const link = (from: number) => new SupernodeLink(random, undefined, { from, step: 2 });
    this.#links = [link(2), link(1)];
  }

  /** The way that worked last on the network that we are on now; undefined: none is known. */
  setWorked(way: WayName | undefined): void {
    for (const link of this.#links) link.setWorked(way);
  }

  /** From the next race on: whether this machine has a proxy. */
  setHasProxy(hasProxy: boolean): void {
    for (const link of this.#links) link.setHasProxy(hasProxy);
  }

  /** Looks for one before it is known who we are; `start` goes on with what has answered. */
  prepare(now: Millis, supernodes: readonly Endpoint[]): void {
    this.#first.prepare(now, supernodes);
    this.#settle(now);
  }

  /** Begins to look for a supernode; the endpoints are tried in this order. */
  start(now: Millis, supernodes: readonly Endpoint[], details: AttachDetails): void {
    this.#list.endpoints = supernodes;
    this.#details = details;
    this.#dropSecond();
    this.#first.start(now, supernodes, details);
    this.#settle(now);
  }

  /** Leaves politely and stays away. */
  stop(why: string): void {
    this.#details = undefined;
    this.#dropSecond();
    this.#first.stop(why);
    this.#reviewAt = Number.POSITIVE_INFINITY;
    this.#settle(Number.NEGATIVE_INFINITY);
  }

  /** What the supernodes must know of us changed. */
  update(now: Millis, details: AttachDetails): void {
    this.#details = details;
    this.#first.update(details);
    if (this.#second.started) this.#second.update(this.#inStandby(details));
    this.#settle(now);
  }

  /** Others are known now, or in another order. */
  setSupernodes(now: Millis, supernodes: readonly Endpoint[]): void {
    this.#list.endpoints = supernodes;
    this.#first.setSupernodes(now, supernodes);
    if (this.#second.started) this.#second.setSupernodes(now, this.#candidates(now));
    if (this.#first.attached && !this.#second.started && this.#candidates(now).length > 0)
      this.#seekAt = Math.min(this.#seekAt, now + this.#untilSeekMs());
    this.#settle(now);
  }

  /** A supernode that stops names this one: it comes before all others that we are not attached to. */
  prefer(supernodes: readonly Endpoint[]): void {
    this.#preferred = supernodes;
  }

  /** Ends the present links and races again. */
  restart(now: Millis): void {
    this.#dropSecond();
    this.#first.restart(now);
    this.#settle(now);
  }

  /** In a call a dead supernode is noticed sooner, and nothing is changed that need not be. */
  setInCall(now: Millis, inCall: boolean, onHold = false): void {
    this.#inCall = inCall;
    this.#talks = inCall && !onHold;
    this.#pace(now);
  }

  /** Something says that a supernode may be dead: both are asked, soon. */
  hint(now: Millis): void {
    if (now < this.#checkedAt + LINK_CHECK_MS) return;
    this.#checkedAt = now;
    for (const link of this.#links) link.check(now + LINK_CHECK_SPREAD_MS * this.#random.fraction());
  }

  /** The same at once: our own network changed, or a call fell silent. */
  check(now: Millis): void {
    for (const link of this.#links) link.check(now);
  }

  get attached(): boolean {
    return this.#first.attached;
  }
  /** Nobody asked for a supernode, or none is known. */
  get idle(): boolean {
    return this.#first.idle;
  }
  /** The attempt by which we are attached to our first supernode, or to the one with this node id. */
  attemptAt(through?: NodeId): AttemptId | undefined {
    return (this.#linkAt(through) ?? this.#first).attachment?.attempt;
  }

  /** Where that supernode is, if we are attached to it. */
  endpointAt(through?: NodeId): Endpoint | undefined {
    return (this.#linkAt(through) ?? this.#first).attachment?.way.endpoint;
  }

  /** Do we reach one of our supernodes there? */
  uses(endpoint: Endpoint): boolean {
    return this.#links.some(({ attachment }) => attachment && sameEndpoint(attachment.way.endpoint, endpoint));
  }

  get standbyAt(): Endpoint | undefined {
    return this.#second.attachment?.way.endpoint;
  }
  /** Is it the session with our first one? */
  isFirst(attempt: AttemptId): boolean {
    return this.#linkOf(attempt) === this.#first;
  }

  /** A supernode has answered what was prepared. */
  answered(now: Millis, attempt: AttemptId): void {
    this.#linkOf(attempt).answered(attempt);
    this.#settle(now);
  }

  /** A session is up; `node` is the supernode that proved itself in it. */
  connected(now: Millis, attempt: AttemptId, node: NodeId): void {
    const link = this.#linkOf(attempt);
    const server = this.#serverOfAttempt.get(attempt);
    if (server) this.#list.learn({ server, node });
    if (link === this.#second && node === this.#nodeOf(this.#first)) {
      link.stop('our first one by another address, as we know from now on');
      this.#seek(now);
    } else {
      this.#nodeOfAttempt.set(attempt, node);
      link.connected(now, attempt);
    }
    this.#settle(now);
  }

  failed(now: Millis, attempt: AttemptId): void {
    this.#serverOfAttempt.delete(attempt);
    this.#linkOf(attempt).failed(now, attempt);
    this.#settle(now);
  }

  /** A message from a link's session. True when it was ours to handle. */
  receive(now: Millis, attempt: AttemptId, value: Message): boolean {
    const link = this.#linkOf(attempt);
    const ours = link.receive(now, attempt, value);
    if (value.kind === 'leaving' && link.attachment?.attempt === attempt)
      this.#saysItStops(now, link, value.body.afterMs);
    if (value.kind === 'firstDoubted' && link === this.#second) this.#lookAtFirst(now, hexOf(value.body.supernode));
    this.#settle(now);
    return ours || value.kind === 'leaving' || value.kind === 'firstDoubted';
  }

  /** A supernode sends us on to others, whose entries are good. */
  redirected(now: Millis, attempt: AttemptId, body: Body<'redirect'>, targets: readonly Endpoint[]): void {
    const link = this.#linkOf(attempt);
    const from = link.attachment?.way.server ?? this.#serverOfAttempt.get(attempt);
    const first = link === this.#second ? this.#known(this.#first) : undefined;
    const elsewhere = targets.filter((one) => !first || !isSamePlace(one, first.server));
    if (link.redirected(now, attempt, body, elsewhere) && from) this.#list.avoid(now + REDIRECTED_AVOID_MS, from);
    this.#settle(now);
  }

  /** Our second one says that the other supernodes do not reach our first. */
  #lookAtFirst(now: Millis, supernode: NodeId): void {
    if (supernode !== this.#nodeOf(this.#first) || now < this.#checkedAt + LINK_CHECK_MS) return;
    this.#checkedAt = now;
    this.#first.check(now + LINK_CHECK_SPREAD_MS * this.#random.fraction());
  }

  /** What killed one of them may have killed both, or it is our own network. */
  #lookBeside(now: Millis): void {
    if (now < this.#checkedAt + LINK_CHECK_MS) return;
    this.#checkedAt = now;
    for (const link of this.#links) if (!link.inDoubt) link.check(now);
  }

  wake(now: Millis): void {
    for (const link of this.#links) link.wake(now);
    if (this.#links.some((link) => link.inDoubt)) this.#lookBeside(now);
    this.#settle(now);
    if (now >= this.#lingerUntil) {
      this.#dropSecond();
      this.#seekAt = now;
    }
    if (now >= this.#leaveAt()) this.#leave(now);
    if (now >= this.#seekAt) this.#seek(now);
    if (now >= this.#reviewAt) this.#review(now);
    this.#settle(now);
  }

  wakeAt(): Millis {
    const links = this.#links.map((link) => link.wakeAt());
    return Math.min(this.#lingerUntil, this.#leaveAt(), this.#seekAt, this.#reviewAt, ...links);
  }

  drain(): PairOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  get #first(): SupernodeLink {
    return this.#links[this.#firstIndex];
  }
  get #second(): SupernodeLink {
    return this.#links[this.#firstIndex === 0 ? 1 : 0];
  }

  #linkOf(attempt: AttemptId): SupernodeLink {
    return this.#links[attempt % 2 === 0 ? 0 : 1];
  }

  #nodeOf({ attachment }: SupernodeLink): NodeId | undefined {
    return attachment && this.#nodeOfAttempt.get(attachment.attempt);
  }

  #linkAt(node: NodeId | undefined): SupernodeLink | undefined {
    return node === undefined ? undefined : this.#links.find((link) => this.#nodeOf(link) === node);
  }

  #settle(now: Millis): void {
    for (const link of [this.#first, this.#second]) for (const output of link.drain()) this.#from(now, link, output);
    this.#first.setGoesOn(!this.#second.attached);
    this.#second.setGoesOn(true);
    const forwarding = [this.#first, this.#second].filter((link) => link.attached && !this.#leaving.has(link));
    const nodes = forwarding.map((link) => this.#nodeOf(link)).filter((node) => node !== undefined);
    if (nodes.join() !== this.#relaysTold) this.#out.push({ type: 'relays', nodes });
    this.#relaysTold = nodes.join();
  }

  #from(now: Millis, link: SupernodeLink, output: LinkOutput): void {
    const isFirst = link === this.#first;
    if (output.type === 'connect') {
      const { server, ...wanted } = output;
      this.#serverOfAttempt.set(output.attempt, server);
      this.#out.push(wanted);
    } else if (output.type === 'abandon') {
      this.#serverOfAttempt.delete(output.attempt);
      this.#nodeOfAttempt.delete(output.attempt);
      this.#out.push(output);
    } else if (output.type === 'attached') this.#attached(now, link, output);
    else if (output.type === 'detached') this.#detached(now, link, output);
    else if (output.type === 'send' || isFirst) this.#out.push(output);
    if (output.type === 'rtt' && !isFirst) this.#alternate(now);
  }

  /** The second one has answered: its turn comes half a round after that of the first. */
  #alternate(now: Millis): void {
    const firstAt = this.#first.keepAliveAt;
    if (this.#inCall || firstAt === undefined) return;
    const behind = firstAt + KEEP_ALIVE_OF_TWO_MS / 2;
    this.#second.postpone(behind <= now + KEEP_ALIVE_OF_TWO_MS_MAX ? behind : behind - KEEP_ALIVE_OF_TWO_MS);
  }

  #attached(now: Millis, link: SupernodeLink, output: Attached): void {
    this.#attachedAs.set(link, output);
    this.#pace(now);
    if (link === this.#first) {
      this.#out.push(output);
      this.#seekAt = now + this.#untilSeekMs();
    } else if (now >= (this.#leaving.get(this.#first) ?? Number.POSITIVE_INFINITY)) this.#leave(now);
    this.#planReview(now);
  }

  #detached(now: Millis, link: SupernodeLink, output: Extract<LinkOutput, { type: 'detached' }>): void {
    const lost = this.#attachedAs.get(link);
    this.#attachedAs.delete(link);
    this.#leaving.delete(link);
    if (link !== this.#first) return this.#pace(now);
    if (this.#second.attached) {
      link.stop('lost');
      this.#exchange(now, lost && [{ name: lost.way, endpoint: lost.endpoint, server: lost.server }]);
      this.#seekAt = now + this.#untilSeekMs();
      return;
    }
    this.#out.push(output);
    this.#reviewAt = Number.POSITIVE_INFINITY;
    if (this.#details && this.#second.onItsWay) {
      link.stop('lost');
      this.#firstIndex = this.#firstIndex === 0 ? 1 : 0;
      this.#seekAt = Number.POSITIVE_INFINITY;
      this.#first.update(this.#details);
      this.#first.setNextSupernodes(this.#list.endpoints);
      return;
    }
    this.#dropSecond();
    link.resume(now);
  }

  /**
   * The second is the first from now on, and the first the second, if we are still attached to it. `missed`: how it was
   * reached, if it does not answer any more.
   */
  #exchange(now: Millis, missed: readonly Way[] = []): void {
    this.#firstIndex = this.#firstIndex === 0 ? 1 : 0;
    const [first, second] = [this.#first, this.#second];
    if (this.#details) {
      first.update(this.#details);
      if (second.attached && !this.#leaving.has(second)) second.update(this.#inStandby(this.#details));
    }
    this.#lingerUntil = Number.POSITIVE_INFINITY;
    this.#pace(now);
    const as = this.#attachedAs.get(first);
    if (as) {
      const { endpoint, way, server, loginServers } = as;
      this.#out.push({
        type: 'moved',
        endpoint,
        way,
        server,
        loginServers,
        missed,
        observed: first.attachment?.observed ?? as.observed,
      });
    }
    this.#planReview(now);
  }

  #saysItStops(now: Millis, link: SupernodeLink, afterMs: number): void {
    this.#leaving.set(link, now + Math.min(afterMs, LEAVE_DEADLINE_MS));
    const server = link.attachment?.way.server;
    if (server) {
      this.#list.avoid(now + SUPERNODE_REFUSED_MS, server);
      this.#first.avoid(now + SUPERNODE_REFUSED_MS, server);
    }
    if (link === this.#first && !this.#second.started) this.#seek(now);
  }

  /** When somebody who stops must have been left; without a second one, as late as we may. */
  #leaveAt(): Millis {
    const first = this.#leaving.get(this.#first) ?? Number.POSITIVE_INFINITY;
    const firstAt = this.#second.attached || !this.#second.started ? first : first + LEAVE_DEADLINE_MS / 2;
    const secondAt = this.#lingerUntil < Number.POSITIVE_INFINITY ? undefined : this.#leaving.get(this.#second);
    return Math.min(firstAt, secondAt ?? Number.POSITIVE_INFINITY);
  }

  #leave(now: Millis): void {
    if (now < (this.#leaving.get(this.#first) ?? Number.POSITIVE_INFINITY)) {
      this.#dropSecond();
      this.#seekAt = now;
    } else if (this.#second.attached && !this.#leaving.has(this.#second)) {
      this.#exchange(now);
      this.#lingerUntil = now + LEAVE_LINGER_MS;
    } else {
      this.#dropSecond();
      this.#first.restart(now);
    }
  }

  #seek(now: Millis): void {
    this.#seekAt = Number.POSITIVE_INFINITY;
    if (!this.#first.attached || this.#second.started || !this.#details) return;
    const candidates = this.#candidates(now);
    if (candidates.length > 0) {
      this.#second.start(now, candidates, this.#inStandby(this.#details));
      return this.#pace(now);
    }
    if (!this.#leaving.has(this.#first)) this.#out.push({ type: 'wants-supernodes' });
    this.#seekAt = now + this.#halfEitherWay(STANDBY_ASK_MS);
  }

  #candidates(now: Millis): Endpoint[] {
    const first = this.#known(this.#first);
    return first ? this.#list.others(now, first, this.#leaving.has(this.#first) ? this.#preferred : []) : [];
  }

  #known(link: SupernodeLink): Known | undefined {
    const node = this.#nodeOf(link);
    const server = link.attachment?.way.server;
    return node === undefined || !server ? undefined : { node, server };
  }

  #planReview(now: Millis): void {
    const rank = this.#rank(now, this.#first);
    const betterMs = this.#rank(now, this.#second) < rank ? GATHER_AFTER_MS : GATHER_LOOK_MS;
    this.#reviewAt = rank > 0 ? now + this.#halfEitherWay(betterMs) : Number.POSITIVE_INFINITY;
  }

  #review(now: Millis): void {
    this.#planReview(now);
    if (this.#inCall || this.#leaving.size > 0 || !this.#first.attached) return;
    if (this.#rank(now, this.#second) < this.#rank(now, this.#first)) return this.#exchange(now);
    this.#dropSecond();
    this.#seek(now);
  }

  #rank(now: Millis, link: SupernodeLink): number {
    return this.#list.rank(now, this.#known(link));
  }

  /** What the second one must know: who the first is, so that it can tell us when that one seems dead. */
  #inStandby(details: AttachDetails): AttachDetails {
    return { ...details, standby: true, first: this.#nodeOf(this.#first) };
  }

  #dropSecond(): void {
    this.#second.stop('not needed');
    this.#attachedAs.delete(this.#second);
    this.#leaving.delete(this.#second);
    this.#seekAt = Number.POSITIVE_INFINITY;
    this.#lingerUntil = Number.POSITIVE_INFINITY;
  }

  #pace(now: Millis): void {
    const retryMs = this.#talks ? KEEP_ALIVE_IN_CALL_RETRY_MS : KEEP_ALIVE_RETRY_MS;
    const firstMs = this.#talks ? KEEP_ALIVE_IN_CALL_MS : KEEP_ALIVE_IN_CALL_CALM_MS;
    const idleMs = this.#second.attached ? KEEP_ALIVE_OF_TWO_MS : KEEP_ALIVE_MS;
    this.#first.setKeepAlive(now, this.#inCall ? firstMs : idleMs, retryMs);
    this.#second.setKeepAlive(now, this.#inCall ? KEEP_ALIVE_IN_CALL_CALM_MS : KEEP_ALIVE_OF_TWO_MS);
  }

  /** In a large network so many look at once after an outage that the second halves must not meet the first. */
  #untilSeekMs(): number {
    const isLarge = this.#list.endpoints.length > COMMON_ORDER_MAX;
    return this.#halfEitherWay(isLarge ? 2 * STANDBY_AFTER_MS : STANDBY_AFTER_MS);
  }

  #halfEitherWay(ms: number): number {
    return ms * (0.5 + this.#random.fraction());
  }
}
