/**
 * Handshakes under way, both roles: resends, time-outs, cookies, and bounds against floods. The cryptography is in
 * `handshake.ts`. What it hands on is either an established pair of keys or a failure code.
 *
 *   outgoing: Hello sent --Cookie--> Hello sent again --Auth1--> established (the switchboard repeats Auth2)
 *   incoming: Hello --> Auth1 sent --Auth2--> established
 *
 * Who has a ticket of an earlier session shows it (`resumption.ts`); what becomes of it is told in PROTOCOL.md section 5.
 * A repeated Hello gets the same Auth1 again and costs no second signature. Nothing is remembered of a Hello that is
 * answered by a Cookie.
 *
 * What a flood can do: a datagram whose address is unproven gets no more bytes than it brought. Once twenty
 * handshakes are open, or half of this second's signatures are given, addresses must be proven by a cookie, and a
 * proven source has its share and no more. When the table is full the oldest unfinished handshake makes room; honest
 * ones are finished within a round trip, long before that.
 */
import { createHash } from 'node:crypto';
import type { Millis, Random } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import {
  COOKIES_PER_HANDSHAKE_MAX,
  HANDSHAKE_RETRY_MS,
  HANDSHAKE_RETRY_MS_MAX,
  HANDSHAKE_SOURCE_BURST,
  HANDSHAKE_SOURCE_REFILL_MS,
  HANDSHAKE_TIMEOUT_MS,
  HANDSHAKES_BEFORE_COOKIE,
  HANDSHAKES_PENDING_MAX,
  HANDSHAKES_PER_SECOND_MAX,
  HELLO_PACKET_BYTES,
  HELLO_SPARE_BYTES,
} from '../protocol/params.ts';
import { RateLimit } from '../protocol/rate-limit.ts';
import { TokenBucket } from '../protocol/token-bucket.ts';
import { type Route, routeKey, sameRoute, sameWay } from '../protocol/traffic.ts';
import { decodeBody, encodeBody, type HandshakeBody } from '../wire/messages.ts';
import { handshakePacket, type Packet, PacketKind } from '../wire/packet.ts';
import { COOKIE_BYTES, Cookies } from './cookies.ts';
import {
  answerHello,
  beginInitiator,
  checkAuth1,
  type Established,
  finishResponder,
  makeAuth2,
  type Outcome,
  parseHello,
  type ResponderState,
} from './handshake.ts';
import { finishOutgoing, helloOf, type Outgoing, takeCookie } from './outgoing.ts';
import { answerTicket, finishAnswered, isBound, type ResumingState, showTicket } from './resumption.ts';
import { keyOfNode, type Ticket, type TicketBook } from './tickets.ts';
import type { Expectation, OwnIdentity, Trust, Welcome } from './trust.ts';

export interface BeginOptions {
  readonly anonymous: boolean;
  readonly wantAuthority: boolean;
  /** One of very many: its Hello is not sent again. */
  readonly once?: boolean;
  /** Anybody else is no answer. */
  readonly expect?: Expectation | undefined;
  /** The key of a ticket of what stands there; a node that is expected has its own. */
  readonly place?: string | undefined;
  /** We do not know yet who we are: `answered` tells of Auth1, and Auth2 waits for `prove`. */
  readonly inAdvance?: boolean | undefined;
}

interface Incoming {
  readonly state: ResponderState | ResumingState;
  readonly key: string;
  readonly route: Route;
  readonly forgetAt: Millis;
}

export type HandshakeOutput =
  | { readonly type: 'send'; readonly route: Route; readonly bytes: Buffer }
  | {
      readonly type: 'established';
      readonly localIndex: number;
      readonly initiated: boolean;
      readonly keys: Established;
      readonly route: Route;
      /** The initiator's: to be repeated until the responder is heard. The responder's: to be known when repeated. */
      readonly auth2: Buffer;
    }
  /** Somebody whom we look for has proven to be there, and waits for our proof. */
  | { readonly type: 'answered'; readonly localIndex: number }
  | { readonly type: 'failed'; readonly localIndex: number; readonly code: FailureCode };

export class Handshakes {
  readonly #random: Random;
  readonly #trust: Trust;
  readonly #welcome: Welcome;
  readonly #freeIndex: () => number;
  readonly #tickets: TicketBook | undefined;
  #own: OwnIdentity | undefined;
  readonly #outgoing = new Map<number, Outgoing>();
  readonly #incoming = new Map<number, Incoming>();
  readonly #incomingByKey = new Map<string, Incoming>();
  readonly #signatures = new TokenBucket(HANDSHAKES_PER_SECOND_MAX, HANDSHAKES_PER_SECOND_MAX);
  readonly #sources = new RateLimit(HANDSHAKE_SOURCE_BURST, HANDSHAKE_SOURCE_REFILL_MS);
  readonly #cookies: Cookies;
  #out: HandshakeOutput[] = [];
  /** Handshake packets dropped as garbage, over a bound, or failing a check. */
  dropped = 0;

  constructor(options: {
    random: Random;
    trust: Trust;
    welcome: Welcome;
    freeIndex: () => number;
    /** Without it every handshake is a full one. */
    tickets?: TicketBook | undefined;
  }) {
    this.#tickets = options.tickets;
    this.#random = options.random;
    this.#trust = options.trust;
    this.#welcome = options.welcome;
    this.#freeIndex = options.freeIndex;
    this.#cookies = new Cookies(options.random);
  }

  /** Whom we prove to be; until then we answer no Hello. What was answered as somebody else is forgotten. */
  setOwn(own: OwnIdentity | undefined): void {
    if (own?.nodeId !== this.#own?.nodeId) {
      this.#incoming.clear();
      this.#incomingByKey.clear();
    }
    this.#own = own;
  }

  /** Starts an outgoing handshake; returns our index, by which the outcome is told. */
  begin(now: Millis, route: Route, options: BeginOptions): number {
    const localIndex = this.#freeIndex();
    const state = beginInitiator(this.#random, {
      localIndex,
      wantAuthority: options.wantAuthority,
      padded: route.via === 'udp',
      spareBytes: route.via === 'stream' ? Math.floor(HELLO_SPARE_BYTES * this.#random.fraction()) : 0,
    });
    const inAdvance = options.inAdvance ?? false;
    const own = options.anonymous || inAdvance ? undefined : this.#own;
    const ticketKey = options.expect?.nodeId === undefined ? options.place : keyOfNode(options.expect.nodeId);
    const ticket =
      own && !options.wantAuthority && ticketKey !== undefined
        ? this.#tickets?.find(own.nodeId, ticketKey, options.expect)
        : undefined;
    const outgoing: Outgoing = {
      state,
      shown: ticket && showTicket(state, ticket),
      inFull: ticket === undefined,
      ticketKey,
      route,
      ...{ own, inAdvance, answered: undefined },
      expect: options.expect,
      giveUpAt: now + HANDSHAKE_TIMEOUT_MS,
      resendAt: options.once ? Number.POSITIVE_INFINITY : now + HANDSHAKE_RETRY_MS,
      retryMs: HANDSHAKE_RETRY_MS,
      cookies: 0,
      lastCode: 'unreachable',
    };
    this.#outgoing.set(localIndex, outgoing);
    this.#out.push({ type: 'send', route: outgoing.route, bytes: helloOf(outgoing) });
    return localIndex;
  }

  /** It is known now who we are: what was begun in advance goes on, at once where the other end has answered. */
  prove(localIndex: number): void {
    const outgoing = this.#outgoing.get(localIndex);
    if (!outgoing?.inAdvance) return;
    outgoing.inAdvance = false;
    outgoing.own = this.#own;
    const { answered } = outgoing;
    if (answered) this.#establish(localIndex, outgoing, makeAuth2(answered.by, outgoing.own), answered.route);
  }

  /** Forgets an outgoing handshake without a word. */
  abandon(localIndex: number): void {
    this.#outgoing.delete(localIndex);
  }

  has(index: number): boolean {
    return this.#outgoing.has(index) || this.#incoming.has(index);
  }

  /** Outgoing ones forgotten as well: nothing of what was begun is to be finished. */
  abandonAll(): void {
    this.#outgoing.clear();
  }

  /** `source`: who is to be charged for the work, as the carriers know it. */
  receive(now: Millis, route: Route, packet: Packet, source: string): void {
    if (packet.kind === PacketKind.hello) this.#receiveHello(now, route, packet, source);
    else if (packet.kind === PacketKind.cookie) this.#receiveCookie(now, route, packet);
    else if (packet.kind === PacketKind.auth1) this.#receiveAuth1(route, packet);
    else if (packet.kind === PacketKind.auth2) this.#receiveAuth2(route, packet);
  }

  wake(now: Millis): void {
    for (const [index, outgoing] of this.#outgoing) {
      if (now >= outgoing.giveUpAt) {
        this.#outgoing.delete(index);
        this.#out.push({ type: 'failed', localIndex: index, code: outgoing.lastCode });
      } else if (now >= outgoing.resendAt) {
        outgoing.retryMs = Math.min(HANDSHAKE_RETRY_MS_MAX, outgoing.retryMs * 2);
        outgoing.resendAt = now + outgoing.retryMs;
        // Somebody who knows no tickets says nothing to so short a datagram.
        if (outgoing.route.via === 'udp') outgoing.inFull = true;
        this.#out.push({ type: 'send', route: outgoing.route, bytes: helloOf(outgoing) });
      }
    }
    for (const incoming of this.#incoming.values()) if (now >= incoming.forgetAt) this.#forget(incoming);
  }

  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const outgoing of this.#outgoing.values()) at = Math.min(at, outgoing.resendAt, outgoing.giveUpAt);
    const oldest = this.#incoming.values().next().value;
    return oldest ? Math.min(at, oldest.forgetAt) : at;
  }

  drain(): HandshakeOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #receiveHello(now: Millis, route: Route, packet: Packet, source: string): void {
    if (!this.#own || (this.#welcome.ways === 'forward' && route.via !== 'forward')) return this.#drop();
    const short = route.via === 'udp' && packet.bytes.length < HELLO_PACKET_BYTES;
    const hello = parseHello(packet.body);
    // A shorter question could be used to send a victim more than it cost (section 5 of PROTOCOL.md).
    if (!hello || (short && hello.ticket.length === 0)) return this.#drop();
    // By its whole body: a Hello altered on the way must not stand for the true one that follows.
    const key = `${routeKey(route)}|${createHash('sha256').update(packet.body).digest('base64')}`;
    const repeated = this.#incomingByKey.get(key);
    if (repeated) {
      this.#out.push({ type: 'send', route, bytes: repeated.state.packet });
      return;
    }
    const ticket = this.#ticketShown(this.#own, packet.body, hello);
    if (short && !ticket) return this.#sendCookie(now, route, hello, true);
    if (!this.#admitted(now, route, hello, source)) return;
    const localIndex = this.#freeIndex();
    const begun = { random: this.#random, localIndex, helloBody: Buffer.from(packet.body) };
    if (ticket) return this.#remember(answerTicket({ ...begun, hello, ticket }), { key, route, now });
    const answer = answerHello({
      ...begun,
      // With the CA certificate in it, an answer would not fit a datagram.
      hello: { ...hello, wantAuthority: hello.wantAuthority && route.via !== 'udp' },
      own: this.#own,
      trust: this.#trust,
    });
    if (answer.ok && route.via === 'udp' && answer.value.packet.length > packet.bytes.length) return this.#drop();
    this.#remember(answer, { key, route, now });
  }

  /** The ticket that this Hello shows, if it is good, and the Hello is its holder's. */
  #ticketShown(own: OwnIdentity, body: Buffer, hello: HandshakeBody<'Hello'>): Ticket | undefined {
    const ticket = hello.ticket.length === 0 ? undefined : this.#tickets?.shown(own.nodeId, hello.ticket);
    if (!ticket || !this.#welcome.kinds.includes(ticket.peer.kind)) return undefined;
    return isBound(body, hello, ticket) ? ticket : undefined;
  }

  #sendCookie(now: Millis, route: Route, hello: HandshakeBody<'Hello'>, inFull: boolean): void {
    const cookie = encodeBody('Cookie', { cookie: this.#cookies.make(now, route, hello), inFull });
    this.#out.push({ type: 'send', route, bytes: handshakePacket(PacketKind.cookie, hello.senderIndex, cookie) });
  }

  /** False: a cookie was sent instead, or the Hello was dropped. Streams and our supernode prove the source. */
  #admitted(now: Millis, route: Route, hello: HandshakeBody<'Hello'>, source: string): boolean {
    const proven = route.via !== 'udp' || this.#cookies.areGood(now, route, hello);
    const busy =
      this.#incoming.size >= HANDSHAKES_BEFORE_COOKIE ||
      this.#signatures.waitMs(now, HANDSHAKES_PER_SECOND_MAX / 2) > 0;
    if (busy && !proven) {
      this.#sendCookie(now, route, hello, false);
      return false;
    }
    // Only what is proven is charged, or a forger could use up somebody else's share.
    if ((!proven || this.#sources.take(now, source) === 0) && this.#signatures.take(now)) return true;
    this.dropped += 1;
    return false;
  }

  /** Sends the answer, and keeps what is needed until Auth2 comes. */
  #remember(
    answer: Outcome<Incoming['state']>,
    of: { readonly key: string; readonly route: Route; now: Millis },
  ): void {
    if (!answer.ok) return this.#drop();
    const { key, route, now } = of;
    const incoming = { state: answer.value, key, route, forgetAt: now + HANDSHAKE_TIMEOUT_MS };
    const oldest = this.#incoming.size >= HANDSHAKES_PENDING_MAX ? this.#incoming.values().next().value : undefined;
    if (oldest) this.#forget(oldest);
    this.#incoming.set(incoming.state.localIndex, incoming);
    this.#incomingByKey.set(incoming.key, incoming);
    this.#out.push({ type: 'send', route, bytes: incoming.state.packet });
  }

  /** A cookie makes us send a whole Hello, so only new ones are taken, and only a few. */
  #receiveCookie(now: Millis, route: Route, packet: Packet): void {
    const outgoing = this.#outgoing.get(packet.receiverIndex);
    const { cookie, inFull = false } = decodeBody('Cookie', packet.body) ?? {};
    if (!outgoing || !sameRoute(route, outgoing.route) || cookie?.length !== COOKIE_BYTES) return this.#drop();
    if (outgoing.cookies >= COOKIES_PER_HANDSHAKE_MAX || outgoing.state.cookie.equals(cookie)) return this.#drop();
    takeCookie(outgoing, Buffer.from(cookie), inFull);
    outgoing.resendAt = now + outgoing.retryMs;
    this.#out.push({ type: 'send', route: outgoing.route, bytes: helloOf(outgoing) });
  }

  #receiveAuth1(route: Route, packet: Packet): void {
    const localIndex = packet.receiverIndex;
    const outgoing = this.#outgoing.get(localIndex);
    if (!outgoing || outgoing.answered || !sameWay(route, outgoing.route)) return this.#drop();
    if (outgoing.inAdvance) {
      const checked = checkAuth1(outgoing.state, packet.body, this.#trust, outgoing.expect);
      if (!checked.ok) return this.#notAnswered(localIndex, outgoing, route, checked.code);
      outgoing.answered = { by: checked.value, route };
      outgoing.resendAt = Number.POSITIVE_INFINITY;
      this.#out.push({ type: 'answered', localIndex });
      return;
    }
    const done = finishOutgoing(outgoing, packet.body, this.#trust);
    if (done.ok) this.#establish(localIndex, outgoing, done.value, route);
    else this.#notAnswered(localIndex, outgoing, route, done.code);
  }

  #notAnswered(localIndex: number, outgoing: Outgoing, route: Route, code: FailureCode): void {
    this.dropped += 1;
    outgoing.lastCode = code;
    // On a stream nobody else can answer; in a datagram a forger may have been first.
    if (route.via !== 'stream') return;
    if (outgoing.shown) this.#tickets?.drop(outgoing.shown.ticket);
    this.#outgoing.delete(localIndex);
    this.#out.push({ type: 'failed', localIndex, code });
  }

  #establish(localIndex: number, outgoing: Outgoing, done: Established & { packet: Buffer }, route: Route): void {
    this.#outgoing.delete(localIndex);
    const { packet: auth2, ...keys } = done;
    this.#tickets?.succeed(keys, outgoing.own?.nodeId, outgoing.ticketKey, outgoing.shown?.ticket);
    this.#out.push({ type: 'established', localIndex, initiated: true, keys, route, auth2 });
  }

  #receiveAuth2(route: Route, packet: Packet): void {
    const incoming = this.#incoming.get(packet.receiverIndex);
    if (!incoming || !sameWay(route, incoming.route)) return this.#drop();
    const { state } = incoming;
    const done =
      'ticket' in state ? finishAnswered(state, packet.body) : finishResponder(state, packet.body, this.#trust);
    if (!done.ok) {
      // The other end's own word, and no good: it gets no second look, for each costs a signature's check.
      if (done.sealed) this.#forget(incoming);
      return this.#drop();
    }
    this.#forget(incoming);
    if (!this.#welcome.kinds.includes(done.value.peer.kind)) return this.#drop();
    const ticketKey = route.via === 'forward' ? keyOfNode(done.value.peer.nodeId) : undefined;
    this.#tickets?.succeed(done.value, this.#own?.nodeId, ticketKey);
    this.#out.push({
      type: 'established',
      localIndex: packet.receiverIndex,
      initiated: false,
      keys: done.value,
      route,
      auth2: Buffer.from(packet.bytes),
    });
  }

  #forget(incoming: Incoming): void {
    this.#incoming.delete(incoming.state.localIndex);
    this.#incomingByKey.delete(incoming.key);
  }

  #drop(): void {
    this.dropped += 1;
  }
}
