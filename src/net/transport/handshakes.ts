/**
 * Handshakes under way, both roles: resends, time-outs, cookies, and bounds against floods. The cryptography is in
 * `handshake.ts`. What it hands on is either an established pair of keys or a failure code.
 *
 *   outgoing: Hello sent --Cookie--> Hello sent again --Auth1--> established (the switchboard repeats Auth2)
 *   incoming: Hello --> Auth1 sent --Auth2--> established
 *
 * A repeated Hello gets the same Auth1 again and costs no second signature. Nothing is remembered of a Hello that is
 * answered by a Cookie.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Millis, Random } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import {
  COOKIE_SECRET_MS,
  HANDSHAKE_RETRY_MS,
  HANDSHAKE_RETRY_MS_MAX,
  HANDSHAKE_TIMEOUT_MS,
  HANDSHAKES_BEFORE_COOKIE,
  HANDSHAKES_PENDING_MAX,
  HANDSHAKES_PER_SECOND_MAX,
} from '../protocol/params.ts';
import { TokenBucket } from '../protocol/token-bucket.ts';
import { type Route, routeKey } from '../protocol/traffic.ts';
import { decodeBody, encodeBody, type HandshakeBody } from '../wire/messages.ts';
import { handshakePacket, type Packet, PacketKind } from '../wire/packet.ts';
import {
  answerHello,
  beginInitiator,
  type Established,
  finishInitiator,
  finishResponder,
  type InitiatorState,
  parseHello,
  type ResponderState,
  withCookie,
} from './handshake.ts';
import type { OwnIdentity, Trust } from './trust.ts';

const COOKIE_BYTES = 16;

interface Outgoing {
  state: InitiatorState;
  readonly route: Route;
  readonly anonymous: boolean;
  readonly giveUpAt: Millis;
  resendAt: Millis;
  retryMs: number;
  /** Why the answers so far were not good enough; a forger could send such, so we go on until time is up. */
  lastCode: FailureCode;
}

interface Incoming {
  readonly state: ResponderState;
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
      /** Auth2, to be repeated until the responder is heard; only for the initiator. */
      readonly auth2: Buffer | undefined;
    }
  | { readonly type: 'failed'; readonly localIndex: number; readonly code: FailureCode };

export class Handshakes {
  readonly #random: Random;
  readonly #trust: Trust;
  readonly #freeIndex: () => number;
  /** Set once we can prove ourselves; until then we answer no Hello and stay anonymous. */
  own: OwnIdentity | undefined;
  readonly #outgoing = new Map<number, Outgoing>();
  readonly #incoming = new Map<number, Incoming>();
  readonly #incomingByKey = new Map<string, Incoming>();
  readonly #signatures = new TokenBucket(HANDSHAKES_PER_SECOND_MAX, HANDSHAKES_PER_SECOND_MAX);
  #cookieSecrets: [Buffer, Buffer];
  #cookieRotateAt: Millis = 0;
  #out: HandshakeOutput[] = [];
  /** Handshake packets dropped as garbage, over a bound, or failing a check. */
  dropped = 0;

  constructor(options: { random: Random; trust: Trust; freeIndex: () => number }) {
    this.#random = options.random;
    this.#trust = options.trust;
    this.#freeIndex = options.freeIndex;
    this.#cookieSecrets = [options.random.bytes(32), options.random.bytes(32)];
  }

  /** Starts an outgoing handshake; returns our index, by which the outcome is told. */
  begin(now: Millis, route: Route, options: { anonymous: boolean; wantAuthority: boolean }): number {
    const localIndex = this.#freeIndex();
    const state = beginInitiator(this.#random, {
      localIndex,
      wantAuthority: options.wantAuthority,
      padded: route.via === 'udp',
    });
    this.#outgoing.set(localIndex, {
      state,
      route,
      anonymous: options.anonymous,
      giveUpAt: now + HANDSHAKE_TIMEOUT_MS,
      resendAt: now + HANDSHAKE_RETRY_MS,
      retryMs: HANDSHAKE_RETRY_MS,
      lastCode: 'unreachable',
    });
    this.#out.push({ type: 'send', route, bytes: state.packet });
    return localIndex;
  }

  /** Forgets an outgoing handshake without a word. */
  abandon(localIndex: number): void {
    this.#outgoing.delete(localIndex);
  }

  has(index: number): boolean {
    return this.#outgoing.has(index) || this.#incoming.has(index);
  }

  receive(now: Millis, route: Route, packet: Packet): void {
    if (packet.kind === PacketKind.hello) this.#receiveHello(now, route, packet);
    else if (packet.kind === PacketKind.cookie) this.#receiveCookie(now, packet);
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
        this.#out.push({ type: 'send', route: outgoing.route, bytes: outgoing.state.packet });
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

  #receiveHello(now: Millis, route: Route, packet: Packet): void {
    const hello = parseHello(packet.body);
    if (!hello || !this.own) return this.#drop();
    // By its whole body: a Hello altered on the way must not stand for the true one that follows.
    const key = `${routeKey(route)}|${createHash('sha256').update(packet.body).digest('base64')}`;
    const repeated = this.#incomingByKey.get(key);
    if (repeated) {
      this.#out.push({ type: 'send', route, bytes: repeated.state.packet });
      return;
    }
    if (!this.#admitted(now, route, hello)) return;
    const localIndex = this.#freeIndex();
    const answer = answerHello({
      random: this.#random,
      localIndex,
      helloBody: Buffer.from(packet.body),
      hello,
      own: this.own,
      trust: this.#trust,
    });
    if (!answer.ok) return this.#drop();
    const incoming = { state: answer.value, key, route, forgetAt: now + HANDSHAKE_TIMEOUT_MS };
    this.#incoming.set(localIndex, incoming);
    this.#incomingByKey.set(key, incoming);
    this.#out.push({ type: 'send', route, bytes: answer.value.packet });
  }

  /** False: a cookie was sent instead, or the Hello was dropped. Streams prove their address by themselves. */
  #admitted(now: Millis, route: Route, hello: HandshakeBody<'Hello'>): boolean {
    const busy = this.#incoming.size >= HANDSHAKES_BEFORE_COOKIE;
    if (busy && route.via === 'udp' && !this.#cookieGood(now, route, hello)) {
      const cookie = encodeBody('Cookie', { cookie: this.#cookie(now, 0, route, hello) });
      this.#out.push({ type: 'send', route, bytes: handshakePacket(PacketKind.cookie, hello.senderIndex, cookie) });
      return false;
    }
    if (this.#incoming.size < HANDSHAKES_PENDING_MAX && this.#signatures.take(now)) return true;
    this.dropped += 1;
    return false;
  }

  #receiveCookie(now: Millis, packet: Packet): void {
    const outgoing = this.#outgoing.get(packet.receiverIndex);
    const body = decodeBody('Cookie', packet.body);
    if (!outgoing || !body || body.cookie.length !== COOKIE_BYTES) return this.#drop();
    outgoing.state = withCookie(outgoing.state, body.cookie);
    outgoing.resendAt = now + outgoing.retryMs;
    this.#out.push({ type: 'send', route: outgoing.route, bytes: outgoing.state.packet });
  }

  #receiveAuth1(route: Route, packet: Packet): void {
    const outgoing = this.#outgoing.get(packet.receiverIndex);
    if (!outgoing) return this.#drop();
    const own = outgoing.anonymous ? undefined : this.own;
    const done = finishInitiator(outgoing.state, packet.body, own, this.#trust);
    if (!done.ok) {
      this.dropped += 1;
      outgoing.lastCode = done.code;
      // On a stream nobody else can answer; in a datagram a forger may have been first.
      if (route.via !== 'stream') return;
      this.#outgoing.delete(packet.receiverIndex);
      this.#out.push({ type: 'failed', localIndex: packet.receiverIndex, code: done.code });
      return;
    }
    this.#outgoing.delete(packet.receiverIndex);
    const { packet: auth2, ...keys } = done.value;
    this.#out.push({ type: 'established', localIndex: packet.receiverIndex, initiated: true, keys, route, auth2 });
  }

  #receiveAuth2(route: Route, packet: Packet): void {
    const incoming = this.#incoming.get(packet.receiverIndex);
    if (!incoming) return this.#drop();
    const done = finishResponder(incoming.state, packet.body, this.#trust);
    if (!done.ok) return this.#drop();
    this.#forget(incoming);
    this.#out.push({
      type: 'established',
      localIndex: packet.receiverIndex,
      initiated: false,
      keys: done.value,
      route,
      auth2: undefined,
    });
  }

  #cookieGood(now: Millis, route: Route, hello: HandshakeBody<'Hello'>): boolean {
    if (hello.cookie.length !== COOKIE_BYTES) return false;
    return [0, 1].some((age) => timingSafeEqual(this.#cookie(now, age, route, hello), hello.cookie));
  }

  #cookie(now: Millis, age: number, route: Route, hello: HandshakeBody<'Hello'>): Buffer {
    if (now >= this.#cookieRotateAt) {
      this.#cookieSecrets = [this.#random.bytes(32), this.#cookieSecrets[0]];
      this.#cookieRotateAt = now + COOKIE_SECRET_MS;
    }
    const secret = this.#cookieSecrets[age === 0 ? 0 : 1];
    return createHmac('sha256', secret)
      .update(routeKey(route))
      .update(hello.nonce)
      .update(hello.ephemeral)
      .digest()
      .subarray(0, COOKIE_BYTES);
  }

  #forget(incoming: Incoming): void {
    this.#incoming.delete(incoming.state.localIndex);
    this.#incomingByKey.delete(incoming.key);
  }

  #drop(): void {
    this.dropped += 1;
  }
}
