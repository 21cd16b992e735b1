/**
 * A supernode's side of NAT discovery (`discovery.ts`): tells whoever asks where the question came from, and has probes
 * sent for those who have proven their address by a cookie. PROTOCOL.md 9.9.
 *
 * Nobody gets more bytes than were sent in his name: an answer is no longer than its question, a question for probes is
 * longer than answer and probes together, probes go to proven addresses only, and each host has its allowance. The port
 * that probes come from is never written to by anybody, so that no NAT was opened for it, nor is spoilt by it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Millis, Random } from '../protocol/core.ts';
import { type Endpoint, isLoopbackHost, isPrivateHost, isUnicastHost, printEndpoint } from '../protocol/endpoint.ts';
import {
  COOKIE_SECRET_MS,
  NAT_AVOID_MAX,
  NAT_PARTNER_BURST,
  NAT_PARTNER_REFILL_MS,
  NAT_PROBES_BURST,
  NAT_PROBES_REFILL_MS,
  NAT_QUESTIONS_BURST,
  NAT_QUESTIONS_REFILL_MS,
  NAT_TRANSACTION_BYTES,
  WHO_AM_I_PROBES_BYTES,
} from '../protocol/params.ts';
import { hostKey, RateLimit } from '../protocol/rate-limit.ts';
import { addressText } from './address-bytes.ts';
import { probePacket, readWhoAmI, type WhoAmI, youArePacket } from './clear-questions.ts';

/** Which UDP port of ours: the one everybody knows, one more that is asked, one that only sends. */
export type PortName = 'main' | 'other' | 'stranger';

export interface AnswererOutput {
  readonly from: PortName;
  readonly to: Endpoint;
  readonly packet: Buffer;
}

export interface Asked {
  readonly from: Endpoint;
  readonly at: 'main' | 'other';
  readonly body: Uint8Array;
  /** Of the whole packet. */
  readonly packetBytes: number;
}

/** Has a probe sent from another address; false when there is nobody who could. */
export type AskPartner = (
  now: Millis,
  probe: { transaction: Buffer; target: Endpoint; avoid: readonly string[] },
) => boolean;

const COOKIE_BYTES = 8;
const SECRET_BYTES = 32;

export class NatAnswerer {
  readonly #random: Random;
  readonly #askPartner: AskPartner;
  readonly #questions = new RateLimit(NAT_QUESTIONS_BURST, NAT_QUESTIONS_REFILL_MS);
  readonly #probes = new RateLimit(NAT_PROBES_BURST, NAT_PROBES_REFILL_MS);
  readonly #partners = new RateLimit(NAT_PARTNER_BURST, NAT_PARTNER_REFILL_MS);
  #secrets: { readonly current: Buffer; readonly previous: Buffer; readonly until: Millis } | undefined;
  /** Our second port, when it is open, and whether there is one that only sends. */
  #otherPort: number | undefined;
  #hasStranger = false;
  /** May we write into private networks? Only one who stands in one. */
  #servesPrivate = false;
  #out: AnswererOutput[] = [];
  /** Questions that were none, or too many. */
  dropped = 0;

  constructor(options: { random: Random; endpoints: readonly Endpoint[]; askPartner: AskPartner }) {
    this.#random = options.random;
    this.#askPartner = options.askPartner;
    this.setEndpoints(options.endpoints);
  }

  /** How others reach us. */
  setEndpoints(endpoints: readonly Endpoint[]): void {
    this.#servesPrivate = endpoints.some(({ host }) => isPrivateHost(host));
  }

  setPorts(other: number | undefined, hasStranger: boolean): void {
    this.#otherPort = other;
    this.#hasStranger = hasStranger;
  }

  receive(now: Millis, asked: Asked): void {
    const { from, body, packetBytes } = asked;
    const question = readWhoAmI(body);
    const tooMany = question && this.#questions.take(now, hostKey(from.host)) > 0;
    if (!question || tooMany) {
      this.dropped += 1;
      return;
    }
    const probed = this.#probe(now, asked, question);
    const { transaction } = question;
    const otherPort = asked.at === 'main' ? this.#otherPort : undefined;
    const packet = youArePacket({ transaction, to: from, cookie: this.#cookie(now, from), otherPort, ...probed });
    if (packet && packet.length <= packetBytes) this.#out.push({ from: asked.at, to: from, packet });
    else this.dropped += 1;
  }

  /** Another supernode, whose certificate we have seen, wants a probe sent. */
  probeFor(now: Millis, partner: string, transaction: Uint8Array, target: Endpoint): void {
    const isFit = transaction.length === NAT_TRANSACTION_BYTES && target.carrier === 'udp' && this.#mayWriteTo(target);
    const isDue =
      isFit && this.#partners.take(now, partner) === 0 && this.#probes.take(now, `for ${hostKey(target.host)}`) === 0;
    if (isDue && this.#hasStranger) {
      this.#out.push({ from: 'stranger', to: target, packet: probePacket(transaction) });
    } else this.dropped += 1;
  }

  drain(): AnswererOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #probe(now: Millis, { from, at, packetBytes }: Asked, question: WhoAmI): { hostAsked: boolean; portAsked: boolean } {
    const nothing = { hostAsked: false, portAsked: false };
    const wanted = question.fromHost.length + question.fromPort.length > 0;
    if (!wanted || at !== 'main' || packetBytes < WHO_AM_I_PROBES_BYTES) return nothing;
    if (!this.#isProven(now, from, question.cookie) || !this.#mayWriteTo(from)) return nothing;
    if (this.#probes.take(now, hostKey(from.host)) > 0) return nothing;
    const portAsked = this.#hasStranger && question.fromPort.length > 0;
    if (portAsked) this.#out.push({ from: 'stranger', to: from, packet: probePacket(question.fromPort) });
    const avoid = question.avoid
      .slice(0, NAT_AVOID_MAX)
      .map(addressText)
      .filter((host) => host !== undefined);
    const probe = { transaction: Buffer.from(question.fromHost), target: from, avoid };
    return { portAsked, hostAsked: question.fromHost.length > 0 && this.#askPartner(now, probe) };
  }

  #mayWriteTo({ host }: Endpoint): boolean {
    if (!isUnicastHost(host)) return false;
    return this.#servesPrivate || !(isPrivateHost(host) || isLoopbackHost(host));
  }

  #isProven(now: Millis, from: Endpoint, cookie: Uint8Array): boolean {
    if (cookie.length !== COOKIE_BYTES) return false;
    const { current, previous } = this.#secretsAt(now);
    return [current, previous].some((secret) => timingSafeEqual(cookieOf(secret, from), cookie));
  }

  #cookie(now: Millis, from: Endpoint): Buffer {
    return cookieOf(this.#secretsAt(now).current, from);
  }

  #secretsAt(now: Millis): { readonly current: Buffer; readonly previous: Buffer } {
    const fresh = (): Buffer => this.#random.bytes(SECRET_BYTES);
    const until = now + COOKIE_SECRET_MS;
    const isOver = this.#secrets !== undefined && now >= this.#secrets.until + COOKIE_SECRET_MS;
    if (!this.#secrets || isOver) this.#secrets = { current: fresh(), previous: fresh(), until };
    else if (now >= this.#secrets.until) this.#secrets = { current: fresh(), previous: this.#secrets.current, until };
    return this.#secrets;
  }
}

function cookieOf(secret: Buffer, from: Endpoint): Buffer {
  return createHmac('sha256', secret).update(printEndpoint(from)).digest().subarray(0, COOKIE_BYTES);
}
