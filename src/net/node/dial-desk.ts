/**
 * A supernode's part in making supernodes of clients (PROTOCOL.md 9.13): it dials a client back by UDP and by TCP
 * (`dialler.ts`), has two others do so, which the client need never have written to, and measures how fast a train of
 * packets arrives.
 *
 *   client's DialBackAsk --> ourselves, and DialBackFor to two others --> DialBackTold
 *   client's BandwidthProbes --> BandwidthSeen
 *
 * Only the address at which a client is seen is dialled, by us or by those whom we ask; never is more sent than came; and
 * clients, hosts and other supernodes have their allowances. So nobody is hit who has not asked.
 */
import { draw } from '../overlay/lots.ts';
import type { Millis, Random } from '../protocol/core.ts';
import { type Endpoint, isLoopbackHost, isPrivateHost, isUnicastHost } from '../protocol/endpoint.ts';
import type { NodeId } from '../protocol/ids.ts';
import {
  DIAL_BACK_BURST,
  DIAL_BACK_PADDING_BYTES,
  DIAL_BACK_PARTNER_BURST,
  DIAL_BACK_PARTNER_REFILL_MS,
  DIAL_BACK_REFILL_MS,
  DIAL_BACKS,
  TRAIN_BURST,
  TRAIN_FILLING_BYTES,
  TRAIN_MS,
  TRAIN_PACKETS,
  TRAIN_REFILL_MS,
  TRAINS_MAX,
} from '../protocol/overlay-params.ts';
import { NAT_TRANSACTION_BYTES } from '../protocol/params.ts';
import { hostKey, RateLimit } from '../protocol/rate-limit.ts';
import type { NetInput, NetOutput } from '../protocol/traffic.ts';
import type { SessionId } from '../transport/switchboard.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { Dialler } from './dialler.ts';

/** The other supernodes, as the mesh knows them. */
export interface DialPartners {
  readonly alive: () => readonly NodeId[];
  readonly endpointsOf: (id: NodeId) => readonly Endpoint[];
  /** Of all that live, ourselves too, on average. */
  readonly loadPermille: () => number;
  readonly send: (now: Millis, to: NodeId, value: Message) => void;
}

export interface DialAsker {
  readonly session: SessionId;
  readonly node: NodeId;
  /** From which we see it. */
  readonly host: string;
}

export type DialDeskOutput =
  | NetOutput
  | { readonly type: 'to-client'; readonly session: SessionId; readonly message: Message };

interface Train {
  readonly number: number;
  readonly from: Millis;
  to: Millis;
  packets: number;
  bytes: number;
  readonly endsAt: Millis;
}

export class DialDesk {
  readonly #random: Random;
  readonly #partners: DialPartners;
  readonly #dialler: Dialler;
  readonly #askers = new RateLimit(DIAL_BACK_BURST, DIAL_BACK_REFILL_MS);
  readonly #others = new RateLimit(DIAL_BACK_PARTNER_BURST, DIAL_BACK_PARTNER_REFILL_MS);
  readonly #trainsOf = new RateLimit(TRAIN_BURST, TRAIN_REFILL_MS);
  readonly #trains = new Map<SessionId, Train>();
  #servesPrivate = false;
  /** Questions that were none, or too many. Only rises. */
  dropped = 0;
  #out: DialDeskOutput[] = [];

  constructor(options: { readonly random: Random; readonly pin: Uint8Array; readonly partners: DialPartners }) {
    this.#random = options.random;
    this.#partners = options.partners;
    this.#dialler = new Dialler(options);
  }

  /** How others reach us: only one who stands in a private network writes into one. */
  setEndpoints(endpoints: readonly Endpoint[]): void {
    this.#servesPrivate = endpoints.some(({ host }) => isPrivateHost(host));
  }

  /** True when it was about a stream of ours. */
  receive(now: Millis, input: NetInput): boolean {
    return this.#dialler.receive(now, input);
  }

  /** A message of an attached client; true when it was ours. */
  fromClient(now: Millis, client: DialAsker, value: Message): boolean {
    if (value.kind === 'dialBackAsk') this.#asked(now, client, value.body);
    else if (value.kind === 'bandwidthProbe') this.#probed(now, client, value.body);
    else return false;
    return true;
  }

  /** A message of a certified supernode; true when it was ours. */
  fromSupernode(now: Millis, from: NodeId, value: Message): boolean {
    if (value.kind !== 'dialBackFor') return false;
    const { nonce, host, port } = value.body;
    const isFit = nonce.length === NAT_TRANSACTION_BYTES && isPort(port) && this.#mayWriteTo(host);
    const isDue = isFit && this.#others.take(now, from) === 0 && this.#others.take(now, `for ${hostKey(host)}`) === 0;
    if (!isDue || !this.#dialler.dial(now, { host, port }, nonce)) this.dropped += 1;
    return true;
  }

  wake(now: Millis): void {
    this.#dialler.wake(now);
    for (const [session, train] of this.#trains) if (now >= train.endsAt) this.#trainOver(session, train);
  }

  wakeAt(): Millis {
    let at = this.#dialler.wakeAt();
    for (const { endsAt } of this.#trains.values()) at = Math.min(at, endsAt);
    return at;
  }

  drain(): DialDeskOutput[] {
    const out = [...this.#out, ...this.#dialler.drain()];
    this.#out = [];
    return out;
  }

  #asked(now: Millis, client: DialAsker, body: Body<'dialBackAsk'>): void {
    const nonces = body.nonces.slice(0, DIAL_BACKS);
    const isFit = nonces.every(({ length }) => length === NAT_TRANSACTION_BYTES);
    const isPaid = nonces.length === 0 || body.padding.length >= DIAL_BACK_PADDING_BYTES;
    const isDue =
      this.#askers.take(now, client.node) === 0 && this.#askers.take(now, `at ${hostKey(client.host)}`) === 0;
    if (!isFit || !isPaid || !isDue) {
      this.dropped += 1;
      return;
    }
    const elsewhere = this.#elsewhere(client.host);
    const mayDial = isPort(body.port) && this.#mayWriteTo(client.host);
    const dialling = mayDial ? this.#dialAll(now, client.host, body.port, nonces, elsewhere) : 0;
    const told = message('dialBackTold', {
      requestId: body.requestId,
      dialling,
      supernodes: elsewhere.length + 1,
      loadPermille: Math.round(this.#partners.loadPermille()),
      host: client.host,
    });
    this.#out.push({ type: 'to-client', session: client.session, message: told });
  }

  /** We are the first; how many there are. */
  #dialAll(
    now: Millis,
    host: string,
    port: number,
    [own, ...others]: readonly Uint8Array[],
    elsewhere: readonly NodeId[],
  ): number {
    if (!own || !this.#dialler.dial(now, { host, port }, own)) return 0;
    const partners = draw(elsewhere, others.length, this.#random);
    for (const [index, partner] of partners.entries()) {
      this.#partners.send(now, partner, message('dialBackFor', { nonce: others[index] ?? own, host, port }));
    }
    return 1 + partners.length;
  }

  /** Those at the client's own address see it from inside. */
  #elsewhere(host: string): NodeId[] {
    const { alive, endpointsOf } = this.#partners;
    return alive().filter((id) => !endpointsOf(id).some((endpoint) => endpoint.host === host));
  }

  #probed(now: Millis, { session, node }: DialAsker, { train: number, filling }: Body<'bandwidthProbe'>): void {
    const known = this.#trains.get(session);
    const bytes = Math.min(filling.length, TRAIN_FILLING_BYTES);
    if (known?.number === number) {
      known.to = now;
      known.packets += 1;
      known.bytes += bytes;
      if (known.packets >= TRAIN_PACKETS) this.#trainOver(session, known);
      return;
    }
    // What comes behind the end of a train begins none.
    if (known || this.#trains.size >= TRAINS_MAX || this.#trainsOf.take(now, node) > 0) {
      this.dropped += 1;
      return;
    }
    this.#trains.set(session, { number, from: now, to: now, packets: 1, bytes, endsAt: now + TRAIN_MS });
  }

  #trainOver(session: SessionId, { number, from, to, packets, bytes }: Train): void {
    this.#trains.delete(session);
    const seen = message('bandwidthSeen', { train: number, packets, bytes, spanMs: Math.round(to - from) });
    this.#out.push({ type: 'to-client', session, message: seen });
  }

  #mayWriteTo(host: string): boolean {
    if (!isUnicastHost(host)) return false;
    return this.#servesPrivate || !(isPrivateHost(host) || isLoopbackHost(host));
  }
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535;
}
