/**
 * An ordinary node's part in becoming a supernode (PROTOCOL.md 9.13): feeds the judge (`overlay/promotion.ts`) with what
 * the node and the agent know, asks our supernode for dial-backs and sends the train of packets, and tells the agent what
 * to do with the process that is to serve.
 *
 *   agent: consent, machine, opened, dialled, certified, closed --> judge --> agent: open, serve, leave, judged
 *   node: attached, NAT kind --> judge      judge: look, ask, train <--> our supernode
 */
import { type NatKind, natClass } from '../nat/nat-kind.ts';
import { type Consent, type Exposure, type Judgement, Promotion, type PromotionOutput } from '../overlay/promotion.ts';
import type { Millis, Random } from '../protocol/core.ts';
import { type Endpoint, isLoopbackHost, isPrivateHost, isUnicastHost } from '../protocol/endpoint.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { hexOf } from '../protocol/ids.ts';
import { DIAL_BACK_PADDING_BYTES, TRAIN_FILLING_BYTES, TRAIN_PACKETS } from '../protocol/overlay-params.ts';
import { NAT_TRANSACTION_BYTES } from '../protocol/params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';

export type { Consent, Judgement, Machine, Role, Why } from '../overlay/promotion.ts';

/** What the agent tells. */
export type PromotionFact =
  | { readonly type: 'consent'; readonly consent: Consent }
  | { readonly type: 'machine'; readonly busyPercent: number; readonly freeMemoryBytes: number }
  /** What is to serve listens there, UDP and TCP; the port as others see it, where a gateway passes it on. */
  | { readonly type: 'opened'; readonly port: number }
  /** Somebody has said this number there. Hexadecimal. */
  | { readonly type: 'dialled'; readonly nonce: string; readonly carrier: 'udp' | 'tcp' }
  | { readonly type: 'certified' }
  | { readonly type: 'not-certified'; readonly code: FailureCode }
  /** What served is gone. */
  | { readonly type: 'closed' };

/** What the agent is told. */
export type PromotionNews =
  | { readonly type: 'judged'; readonly judgement: Judgement }
  /** Open a port for what is to serve, and let nothing leave it. */
  | { readonly type: 'open' }
  /** Serve, at this endpoint. `upBitsPerSecond`: what was measured. */
  | { readonly type: 'serve'; readonly endpoint: Endpoint; readonly upBitsPerSecond: number }
  /** Hand the clients over and end. */
  | { readonly type: 'leave' };

export type PromotionDeskOutput =
  | { readonly type: 'to-supernode'; readonly message: Message; readonly reliable: boolean }
  | { readonly type: 'news'; readonly news: PromotionNews };

/** Numbers of our requests lie between those of `overlay/supernode-questions.ts` and those of `signpost.ts`. */
const REQUEST_IDS_FROM = 2 ** 28;

export class PromotionDesk {
  readonly #random: Random;
  readonly #judge = new Promotion();
  #requestId = REQUEST_IDS_FROM;
  /** What the present round of dial-backs says, in order; hexadecimal. */
  #nonces: readonly string[] = [];
  #train = 0;
  /** The train that we sent for ourselves, if one is under way; what was seen of any. */
  #ownTrain = -1;
  #uplinkKbps = 0;
  #port = 0;
  /** Where we were dialled. */
  #host = '';
  #kind: NatKind | undefined;
  #mapped = false;
  #observed: Endpoint | undefined;
  #out: PromotionDeskOutput[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  fact(now: Millis, fact: PromotionFact): void {
    const judge = this.#judge;
    if (fact.type === 'consent') judge.setConsent(now, fact.consent);
    else if (fact.type === 'machine') {
      const { busyPercent, freeMemoryBytes } = fact;
      judge.setMachine(now, { busyPercent, freeMemoryBytes });
    } else if (fact.type === 'opened') {
      this.#port = fact.port;
      judge.opened(now);
    } else if (fact.type === 'dialled') {
      const number = this.#nonces.indexOf(fact.nonce);
      if (number >= 0) judge.dialled(now, number, fact.carrier);
    } else if (fact.type === 'certified') judge.certified(now);
    else if (fact.type === 'not-certified') judge.notCertified(now, fact.code);
    else judge.closed(now);
    this.#settle(now);
  }

  /** Attached to a supernode or not; `observed`: where it sees us. */
  setAttached(now: Millis, attached: boolean, observed?: Endpoint | undefined): void {
    if (observed) this.#observed = observed;
    if (!attached) this.#observed = undefined;
    this.#judge.setAttached(now, attached);
    this.#expose(now);
  }

  setNat(now: Millis, kind: NatKind): void {
    this.#kind = kind;
    this.#expose(now);
  }

  /** Whether our gateway passes a port on to us: then it will pass on another. */
  setMapped(now: Millis, mapped: boolean): void {
    this.#mapped = mapped;
    this.#expose(now);
  }

  /** A message of our first supernode; true when it was ours. */
  receive(now: Millis, value: Message): boolean {
    if (value.kind === 'dialBackTold') this.#told(now, value.body);
    else if (value.kind === 'bandwidthSeen') this.#seen(now, value.body);
    else return false;
    this.#settle(now);
    return true;
  }

  /** As a supernode saw it last, kbit/s; 0: never measured. */
  get uplinkKbps(): number {
    return this.#uplinkKbps;
  }

  /** Measures that, for whoever wants to know besides the judge. */
  measureUplink(): void {
    this.#sendTrain();
    this.#ownTrain = this.#train;
  }

  wake(now: Millis): void {
    this.#judge.wake(now);
    this.#settle(now);
  }

  wakeAt(): Millis {
    return this.#judge.wakeAt();
  }

  drain(): PromotionDeskOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #expose(now: Millis): void {
    this.#judge.setExposure(now, this.#exposure());
    this.#settle(now);
  }

  #exposure(): Exposure {
    const kind = this.#kind;
    const word = kind ? natClass(kind) : 'unknown';
    if (word === 'no-udp') return 'no-udp';
    if (!kind || word === 'unknown') return 'unknown';
    const isOpen = this.#mapped || word === 'public' || word === 'full-cone';
    if (!isOpen) return 'closed';
    const host = kind.publicEndpoint?.host ?? this.#observed?.host ?? '';
    if (isPrivateHost(host) || isLoopbackHost(host)) return 'private';
    return 'open';
  }

  #told(now: Millis, { requestId, dialling, supernodes, loadPermille, host }: Body<'dialBackTold'>): void {
    if (requestId !== this.#requestId) return;
    if (isUnicastHost(host)) this.#host = host;
    this.#judge.setNetwork(now, { supernodes: Math.max(1, supernodes), loadPermille: Math.min(1_000, loadPermille) });
    if (this.#nonces.length > 0) this.#judge.told(now, Math.min(dialling, this.#nonces.length));
  }

  #seen(now: Millis, { train, packets, bytes, spanMs }: Body<'bandwidthSeen'>): void {
    if (train !== this.#train || packets > TRAIN_PACKETS) return;
    // The first packet only starts the clock, and half a train that was lost says that there is no more.
    const carried = packets > 1 ? (bytes * (packets - 1)) / packets : 0;
    const bitsPerSecond = packets * 2 < TRAIN_PACKETS ? 0 : (8_000 * carried) / Math.max(1, spanMs);
    this.#uplinkKbps = Math.round(bitsPerSecond / 1_000);
    if (train !== this.#ownTrain) this.#judge.measured(now, Math.round(bitsPerSecond));
  }

  #settle(now: Millis): void {
    for (let said = this.#judge.drain(); said.length > 0; said = this.#judge.drain()) {
      for (const output of said) this.#from(now, output);
    }
  }

  #from(now: Millis, output: PromotionOutput): void {
    switch (output.type) {
      case 'look':
        return this.#ask(0);
      case 'ask':
        return this.#ask(output.count);
      case 'train':
        return this.#sendTrain();
      case 'serve': {
        const endpoint = { carrier: 'udp', host: this.#host, port: this.#port } as const;
        return this.#tell({ type: 'serve', endpoint, upBitsPerSecond: output.upBitsPerSecond });
      }
      case 'leave':
        this.#nonces = [];
        return this.#tell(output);
      case 'open':
        return this.#tell(output);
      case 'judged':
        return this.#tell({ type: 'judged', judgement: this.#judge.judgementAt(now) });
    }
  }

  #ask(count: number): void {
    const nonces = Array.from({ length: count }, () => this.#random.bytes(NAT_TRANSACTION_BYTES));
    this.#nonces = nonces.map(hexOf);
    this.#requestId += 1;
    const padding = Buffer.alloc(count > 0 ? DIAL_BACK_PADDING_BYTES : 0);
    const ask = message('dialBackAsk', { requestId: this.#requestId, nonces, port: this.#port, padding });
    this.#out.push({ type: 'to-supernode', message: ask, reliable: true });
  }

  #sendTrain(): void {
    this.#train += 1;
    for (let n = 0; n < TRAIN_PACKETS; n += 1) {
      const filling = Buffer.alloc(TRAIN_FILLING_BYTES);
      const probe = message('bandwidthProbe', { train: this.#train, filling });
      this.#out.push({ type: 'to-supernode', message: probe, reliable: false });
    }
  }

  #tell(news: PromotionNews): void {
    this.#out.push({ type: 'news', news });
  }
}
