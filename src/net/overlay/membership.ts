/**
 * Which supernodes there are, and which of them live: SWIM (Das, Gupta, Motivala 2002) with Lifeguard's doubt in
 * oneself (Dadgar, Phillips, Currey 2018), over sessions of certified supernodes. The node carries the messages and
 * keeps the entries (addresses); nothing is known here but ids.
 *
 *   every SWIM_PERIOD_MS one probe, by turns of our successor in the ring of ids and of one at random
 *   probe --SWIM_PING_MS without answer--> three others are asked to probe it --SWIM_ASK_MS--> suspect
 *   suspect --it contradicts (incarnation + 1)--> alive      suspect --SWIM_SUSPECT_MS--> dead
 *
 * News travels at once to a few, who pass it on, and again on every probe. So the death of one is known to all in some
 * seconds, and costs each member the same whatever their number. The ring makes sure that everybody is probed every
 * second by somebody; by chance alone one in a hundred would wait for five.
 *
 * A little above 400 lines: probing and judging are one protocol.
 */
import type { Millis, Random } from '../protocol/core.ts';
import { bytesOf, hexOf, ID_BYTES, type NodeId } from '../protocol/ids.ts';
import {
  MEMBER_DEAD_MS,
  MEMBERS_MAX,
  MEMBERS_PER_SYNC_MAX,
  MEMBERS_SYNC_MS,
  SWIM_ASK_MS,
  SWIM_ASKED,
  SWIM_DOUBT_MAX,
  SWIM_ERRANDS_MAX,
  SWIM_FANOUT,
  SWIM_PERIOD_MS,
  SWIM_PING_MS,
  SWIM_PROBES_MAX,
  SWIM_RECONNECT_MS,
  SWIM_SUSPECT_MS,
} from '../protocol/overlay-params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { draw } from './lots.ts';
import {
  after,
  fresh,
  isAbove,
  isHere,
  type Member,
  type News,
  newsFrom,
  newsOf,
  overrides,
  wireOf,
} from './member.ts';
import { MemberTable, type MemberView, type Standing } from './member-table.ts';
import { placeIn } from './ordered-texts.ts';
import { Rumours } from './rumours.ts';

export type MembershipOutput =
  /** To a member; it may have no session yet. */
  | { readonly type: 'send'; readonly to: NodeId; readonly message: Message; readonly reliable: boolean }
  /** It lives now, or no longer does. */
  | { readonly type: 'changed'; readonly id: NodeId; readonly lives: boolean }
  /** It does not answer somebody, and has not contradicted yet. */
  | { readonly type: 'doubted'; readonly id: NodeId }
  /** We lack this member's newest entry; `from` told of it. */
  | { readonly type: 'entry-wanted'; readonly id: NodeId; readonly from: NodeId };

interface Probe {
  readonly target: NodeId;
  readonly sentAt: Millis;
  asked: boolean;
  dueAt: Millis;
}

/** A probe for somebody else, whose answer we pass on. */
interface Errand {
  readonly asker: NodeId;
  readonly sequence: number;
  readonly until: Millis;
}

export class Membership {
  readonly #random: Random;
  readonly #self: NodeId;
  readonly #members: MemberTable;
  readonly #probes = new Map<number, Probe>();
  readonly #errands = new Map<number, Errand>();
  readonly #rumours: Rumours;
  /** For the probes of every other turn: where we are on our way through the ring, how far a step is, steps left. */
  #round = { at: 0, step: 1, left: 0 };
  readonly #suspects = new Set<NodeId>();
  #own: News;
  #running = false;
  #contacts: readonly NodeId[] = [];
  #sequence = 0;
  #ticks = 0;
  /** Lifeguard's doubt: how badly our own probes go. */
  #doubt = 0;
  #tickAt: Millis = Number.POSITIVE_INFINITY;
  #syncAt: Millis = Number.POSITIVE_INFINITY;
  #reconnectAt: Millis = Number.POSITIVE_INFINITY;
  /** Garbage and lies that were not followed. Only rises. */
  refused = 0;
  #out: MembershipOutput[] = [];

  constructor(options: { readonly random: Random; readonly self: NodeId }) {
    this.#random = options.random;
    this.#self = options.self;
    this.#members = new MemberTable(options.self);
    this.#rumours = new Rumours(options.random);
    this.#own = fresh(options.self);
  }

  /** Joins through members whose entries we have. */
  start(now: Millis, contacts: readonly NodeId[]): void {
    this.#running = true;
    this.#contacts = contacts.filter((id) => id !== this.#self);
    this.#tickAt = now + SWIM_PERIOD_MS * this.#random.fraction();
    this.#syncAt = now + this.#about(MEMBERS_SYNC_MS);
    this.#reconnectAt = now + this.#about(SWIM_RECONNECT_MS);
    for (const id of this.#contacts) this.#sync(id, true);
  }

  /** Begins in a network that knows all, ourselves too, and not by joining it (for many in one process). */
  adopt(now: Millis, view: MemberView): void {
    this.start(now, []);
    this.#members.adopt(view);
    this.#own = newsOf(view.members.get(this.#self) ?? this.#own);
  }

  /** Says good-bye to some, who tell the others. */
  stop(): void {
    if (!this.#running) return;
    this.#own = { ...this.#own, status: 'left', incarnation: after(this.#own.incarnation) };
    const news = message('swimNews', { news: [wireOf(this.#own)] });
    for (const to of this.#drawOthers(2 * SWIM_ASKED)) this.#send(to, news);
    this.#running = false;
    this.#tickAt = this.#syncAt = this.#reconnectAt = Number.POSITIVE_INFINITY;
    this.#probes.clear();
    this.#errands.clear();
    this.#rumours.clear();
  }

  /** What others shall know of us. */
  announce(now: Millis, own: { readonly loadPermille: number; readonly entryIssuedAtMs: number }): void {
    const { loadPermille, entryIssuedAtMs } = own;
    this.#own = { ...this.#own, incarnation: after(this.#own.incarnation), loadPermille, entryIssuedAtMs };
    this.#rumours.tell(now, this.#own, this.#members.size, false);
  }

  /** An entry of this age is at hand, so that the member can be reached. */
  entryKnown(now: Millis, id: NodeId, issuedAtMs: number): void {
    if (id === this.#self) return;
    const known = this.#members.get(id);
    if (!known) return this.#admit(now, { ...fresh(id), entryIssuedAtMs: issuedAtMs }, true);
    if (known.hasEntry && issuedAtMs <= known.entryIssuedAtMs) return;
    this.#put({ ...known, hasEntry: true, entryIssuedAtMs: Math.max(issuedAtMs, known.entryIssuedAtMs) });
  }

  /** A message from a certified supernode. True when it was ours. */
  receive(now: Millis, from: NodeId, value: Message): boolean {
    switch (value.kind) {
      case 'swimPing':
        this.#hear(now, from, value.body.news);
        this.#answer(now, from, value.body);
        return true;
      case 'swimAck':
        this.#hear(now, from, value.body.news);
        this.#answered(from, value.body);
        return true;
      case 'swimAsk':
        this.#hear(now, from, value.body.news);
        this.#runErrand(now, from, value.body);
        return true;
      case 'swimNews':
        this.#hear(now, from, value.body.news);
        return true;
      case 'membersSync':
        this.#hear(now, from, value.body.members.slice(0, MEMBERS_PER_SYNC_MAX));
        this.#compare(from, value.body);
        return true;
      default:
        return false;
    }
  }

  wake(now: Millis): void {
    if (!this.#running) return;
    if (now >= this.#tickAt) this.#tick(now);
    for (const [sequence, probe] of this.#probes) if (now >= probe.dueAt) this.#unanswered(now, sequence, probe);
    for (const [sequence, errand] of this.#errands) if (now >= errand.until) this.#errands.delete(sequence);
    for (const to of this.#rumours.due(now) ? this.#drawOthers(SWIM_FANOUT) : []) {
      this.#send(to, message('swimNews', { news: this.#rumours.atOnce().map(wireOf) }));
    }
    this.#rumours.spread(now);
    if (now >= this.#syncAt) {
      this.#syncAt = now + this.#about(MEMBERS_SYNC_MS);
      this.#forget(now);
      const digest = { members: [wireOf(this.#own)], answerWanted: true, digest: this.#members.digest };
      for (const to of this.#drawOthers(1)) {
        this.#out.push({ type: 'send', to, message: message('membersSync', digest), reliable: true });
      }
    }
    if (now >= this.#reconnectAt) this.#reconnect(now);
  }

  wakeAt(): Millis {
    // Alone there is nothing to do but to be found.
    if (this.#members.size === 0 && this.#contacts.length === 0) return Number.POSITIVE_INFINITY;
    const tickAt = this.#members.ring.length > 1 ? this.#tickAt : Number.POSITIVE_INFINITY;
    let at = Math.min(tickAt, this.#syncAt, this.#reconnectAt, this.#rumours.wakeAt());
    for (const { dueAt } of this.#probes.values()) at = Math.min(at, dueAt);
    return at;
  }

  drain(): MembershipOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** All members that live or are only suspected, without ourselves, by id. */
  alive(): readonly NodeId[] {
    return this.#members.others();
  }

  /** How many. */
  get aliveCount(): number {
    return this.#members.ring.length - 1;
  }

  get(id: NodeId): Member | undefined {
    return id === this.#self ? this.#own : this.#members.get(id);
  }

  /** Everybody we know of, ourselves first. */
  list(): Member[] {
    return [this.#own, ...this.#members.values()];
  }

  // ------------------------------------------------------------------ probing

  #tick(now: Millis): void {
    this.#tickAt = now + SWIM_PERIOD_MS * (0.9 + 0.2 * this.#random.fraction());
    for (const id of this.#suspects) {
      const one = this.#members.get(id);
      if (one && now >= one.since + SWIM_SUSPECT_MS * this.#patience) {
        this.#judge(now, { ...newsOf(one), status: 'dead' });
      }
    }
    this.#ticks += 1;
    if (this.#probes.size >= SWIM_PROBES_MAX) return;
    const target = this.#ticks % 2 === 0 ? this.#successor() : this.#nextTurn();
    if (target !== undefined) this.#probe(now, target);
  }

  /** The next id in the ring: who stands before a dead one is sure to notice. */
  #successor(): NodeId | undefined {
    const { ring } = this.#members;
    return ring.length > 1 ? ring[(placeIn(ring, this.#self) + 1) % ring.length] : undefined;
  }

  /**
   * Each once in a round, in an order of its own: a step through the ring that has no divisor in common with it. Where
   * the ring has changed and they have one now, another round begins, or the step might lead from ourselves to ourselves for ever.
   */
  #nextTurn(): NodeId | undefined {
    const { ring } = this.#members;
    if (ring.length < 2) return undefined;
    if (this.#round.left <= 0 || !isCoprime(this.#round.step, ring.length)) {
      let step = 1 + Math.floor(this.#random.fraction() * (ring.length - 1));
      while (!isCoprime(step, ring.length)) step = (step % ring.length) + 1;
      this.#round = { at: Math.floor(this.#random.fraction() * ring.length), step, left: ring.length };
    }
    const round = this.#round;
    do {
      round.at = (round.at + round.step) % ring.length;
      round.left -= 1;
    } while (ring[round.at] === this.#self);
    return ring[round.at];
  }

  #probe(now: Millis, target: NodeId): void {
    const sequence = this.#nextSequence();
    this.#probes.set(sequence, { target, sentAt: now, asked: false, dueAt: now + SWIM_PING_MS * this.#patience });
    this.#ping(target, sequence);
  }

  #ping(target: NodeId, sequence: number): void {
    this.#send(target, message('swimPing', { sequence, news: this.#newsFor(target) }));
  }

  #unanswered(now: Millis, sequence: number, probe: Probe): void {
    if (!probe.asked) {
      probe.asked = true;
      probe.dueAt = now + SWIM_ASK_MS * this.#patience;
      this.#ping(probe.target, sequence);
      const body = { sequence, target: bytesOf(probe.target) };
      for (const to of this.#drawOthers(SWIM_ASKED, probe.target)) {
        this.#send(to, message('swimAsk', { ...body, news: this.#newsFor(to) }));
      }
      return;
    }
    this.#probes.delete(sequence);
    this.#doubt = Math.min(SWIM_DOUBT_MAX, this.#doubt + 1);
    const one = this.#members.get(probe.target);
    if (one?.status === 'alive') this.#judge(now, { ...newsOf(one), status: 'suspect' });
  }

  #answer(now: Millis, from: NodeId, body: Body<'swimPing'>): void {
    if (!this.#running) return;
    if (!this.#members.get(from)) this.#admit(now, fresh(from), false, from);
    this.#send(from, message('swimAck', { sequence: body.sequence, news: this.#newsFor(from) }));
  }

  #answered(from: NodeId, body: Body<'swimAck'>): void {
    const errand = this.#errands.get(body.sequence);
    if (errand) {
      this.#errands.delete(body.sequence);
      const answer = { sequence: errand.sequence, target: bytesOf(from), news: this.#newsFor(errand.asker) };
      return this.#send(errand.asker, message('swimAck', answer));
    }
    const probe = this.#probes.get(body.sequence);
    const target = body.target.length === ID_BYTES ? hexOf(body.target) : from;
    if (!probe || probe.target !== target) return;
    this.#probes.delete(body.sequence);
    this.#doubt = Math.max(0, this.#doubt - 1);
  }

  #runErrand(now: Millis, asker: NodeId, body: Body<'swimAsk'>): void {
    const target = hexOf(body.target);
    if (!this.#members.get(target)?.hasEntry || this.#errands.size >= SWIM_ERRANDS_MAX) return;
    const sequence = this.#nextSequence();
    this.#errands.set(sequence, { asker, sequence: body.sequence, until: now + 2 * SWIM_ASK_MS });
    this.#ping(target, sequence);
  }

  /** One that seems dead now and then; everybody we ever knew of when we are alone. */
  #reconnect(now: Millis): void {
    this.#reconnectAt = now + this.#about(SWIM_RECONNECT_MS);
    const dead = [...this.#members.absent()].filter((one) => one.hasEntry && one.status === 'dead').map(({ id }) => id);
    if (this.#members.ring.length > 1) for (const id of this.#draw(dead, 1)) this.#probe(now, id);
    else for (const id of new Set([...this.#contacts, ...this.#draw(dead, SWIM_ASKED)])) this.#sync(id, true);
  }

  #forget(now: Millis): void {
    for (const { id, since } of this.#members.absent()) if (now >= since + MEMBER_DEAD_MS) this.#members.delete(id);
  }

  get #patience(): number {
    return 1 + this.#doubt / 2;
  }

  // ------------------------------------------------------------------ news

  #hear(now: Millis, from: NodeId, told: Body<'swimNews'>['news']): void {
    for (const one of told) {
      const news = newsFrom(one);
      if (!news) this.refused += 1;
      else if (news.id === this.#self) this.#hearOfOurselves(now, news);
      else {
        if (news.id === from) this.#correct(from, news);
        this.#judge(now, news, from);
      }
    }
  }

  /** Somebody takes us for dead, or knows what we never said (or before we were started anew): only we may contradict. */
  #hearOfOurselves(now: Millis, news: News): void {
    const isOld = isAbove(this.#own.incarnation, news.incarnation);
    const isOurs = news.incarnation === this.#own.incarnation && news.status === this.#own.status;
    if (!this.#running || isOld || isOurs) return;
    this.#own = { ...this.#own, incarnation: after(news.incarnation) };
    this.#rumours.tell(now, this.#own, this.#members.size, true);
  }

  /** What it says of itself is older than what is said of it: it shall know, or nobody would listen to it. */
  #correct(from: NodeId, own: News): void {
    const known = this.#members.get(from);
    if (known && known.status === 'alive' && isAbove(known.incarnation, own.incarnation)) {
      this.#send(from, message('swimNews', { news: [wireOf(newsOf(known))] }));
    }
  }

  #judge(now: Millis, news: News, from?: NodeId): void {
    const known = this.#members.get(news.id);
    if (!known) {
      if (news.status === 'alive' || news.status === 'suspect') this.#admit(now, news, false, from);
      return;
    }
    if (!overrides(news, known)) return;
    const was = known.status;
    const entryWanted = news.entryIssuedAtMs > known.entryIssuedAtMs || !known.hasEntry;
    const one = { ...news, hasEntry: known.hasEntry, since: was === news.status ? known.since : now };
    this.#rumours.tell(now, news, this.#members.size, was !== news.status);
    if (entryWanted && from !== undefined && isHere(one)) this.#out.push({ type: 'entry-wanted', id: one.id, from });
    if (one.status === 'suspect') this.#suspects.add(one.id);
    else this.#suspects.delete(one.id);
    if (was === 'alive' && one.status !== 'alive') this.#out.push({ type: 'doubted', id: one.id });
    this.#put(one);
  }

  #put(one: Standing): void {
    if (this.#members.set(one)) this.#out.push({ type: 'changed', id: one.id, lives: isHere(one) });
  }

  #admit(now: Millis, news: News, hasEntry: boolean, from?: NodeId): void {
    if (this.#members.size >= MEMBERS_MAX) {
      this.refused += 1;
      return;
    }
    if (news.status === 'suspect') this.#suspects.add(news.id);
    this.#put({ ...newsOf(news), hasEntry, since: now });
    this.#rumours.tell(now, news, this.#members.size, true);
    if (!hasEntry && from !== undefined) this.#out.push({ type: 'entry-wanted', id: news.id, from });
  }

  /** What is said of the receiver itself comes first, so that it can contradict. */
  #newsFor(to: NodeId) {
    const one = this.#members.get(to);
    const doubted = one && one.status !== 'alive' ? [newsOf(one)] : [];
    return [...doubted, ...this.#rumours.next(to)].map(wireOf);
  }

  #sync(to: NodeId, answerWanted: boolean): void {
    const others = this.#draw([...this.#members.values()], MEMBERS_PER_SYNC_MAX - 1);
    const members = [this.#own, ...others].map(wireOf);
    this.#out.push({ type: 'send', to, message: message('membersSync', { members, answerWanted }), reliable: true });
  }

  /** Nothing more is to be said where the same ones live; else all is told, both ways. */
  #compare(from: NodeId, { digest, answerWanted }: Body<'membersSync'>): void {
    if (!answerWanted || !this.#running) return;
    if (digest.length === 0) this.#sync(from, false);
    else if (!this.#members.digest.equals(digest)) this.#sync(from, true);
  }

  #send(to: NodeId, value: Message): void {
    this.#out.push({ type: 'send', to, message: value, reliable: false });
  }

  #nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0 || 1;
    return this.#sequence;
  }

  /** Some that live, without ourselves. */
  #drawOthers(count: number, not?: NodeId): NodeId[] {
    const { ring } = this.#members;
    const drawn = this.#draw(ring, Math.min(ring.length, count + 2));
    return drawn.filter((id) => id !== this.#self && id !== not).slice(0, count);
  }

  #draw<T>(from: readonly T[], count: number): T[] {
    return draw(from, count, this.#random);
  }

  #about(ms: number): number {
    return ms * (0.8 + 0.4 * this.#random.fraction());
  }
}

function isCoprime(a: number, b: number): boolean {
  for (let [x, y] = [a, b]; ; [x, y] = [y, x % y]) if (y === 0) return x === 1;
}
