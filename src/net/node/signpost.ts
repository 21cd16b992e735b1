/**
 * What an ordinary node says to somebody who takes it for a supernode, and what it makes of such an answer (PROTOCOL.md
 * 9.14). Supernodes cannot be generated (slides; BS04): a client that was made to know nothing but an ordinary node ends up
 * at that node's supernode. The answer tells nothing of whoever is here.
 *
 *   Hello by datagram | by stream --> our supernode's signed entry, asked for when there is none --> Elsewhere
 *   Elsewhere to a Hello of ours --> where it leads, to be tried
 *
 * By datagram the answer is never longer than the Hello, and each host and all together have an allowance.
 */
import { readHint, type SealedEntry, type SupernodeRecord } from '../overlay/supernode-entry.ts';
import type { Millis, Random } from '../protocol/core.ts';
import { type Endpoint, isPrivateHost } from '../protocol/endpoint.ts';
import { bytesOf, hexOf, type NodeId } from '../protocol/ids.ts';
import {
  ELSEWHERE_BURST,
  ELSEWHERE_ENTRY_MS,
  ELSEWHERE_ENTRY_RETRY_MS,
  ELSEWHERE_FOLLOWED_MAX,
  ELSEWHERE_HELLOS_MAX,
  ELSEWHERE_HOST_BURST,
  ELSEWHERE_HOST_REFILL_MS,
  ELSEWHERE_REFILL_MS,
  ELSEWHERE_STREAM_MS,
  ELSEWHERE_STREAMS_MAX,
  ELSEWHERE_WAITING_MAX,
} from '../protocol/overlay-params.ts';
import { hostKey, RateLimit } from '../protocol/rate-limit.ts';
import { setRecent } from '../protocol/recent-table.ts';
import type { NetInput, NetOutput, StreamId } from '../protocol/traffic.ts';
import { NONCE_BYTES } from '../transport/handshake.ts';
import { Mask } from '../wire/mask.ts';
import { type Body, decodeBody, encodeBody, type Message, message } from '../wire/messages.ts';
import { HANDSHAKE_HEADER_BYTES, handshakePacket, type Packet, PacketKind } from '../wire/packet.ts';
import { StreamFramer } from '../wire/stream-framer.ts';

/** Numbers of our requests lie between those of `promotion-desk.ts` and those of `overlay/known-supernodes.ts`. */
const REQUEST_IDS_FROM = 2 ** 29;

export type SignpostOutput =
  | NetOutput
  | { readonly type: 'to-supernode'; readonly message: Message }
  /** Somebody led us there. */
  | { readonly type: 'pointed'; readonly record: SupernodeRecord };

interface Incoming {
  readonly framer: StreamFramer;
  readonly remote: Endpoint;
  readonly until: Millis;
}

/** A Hello that waits for the entry. */
interface Waiting {
  readonly nonce: Buffer;
  readonly to: Endpoint;
  readonly stream: StreamId | undefined;
  readonly bytesMax: number;
}

export class Signpost {
  readonly #random: Random;
  readonly #mask: Mask;
  readonly #streams = new Map<StreamId, Incoming>();
  readonly #all = new RateLimit(ELSEWHERE_BURST, ELSEWHERE_REFILL_MS, 1);
  readonly #hosts = new RateLimit(ELSEWHERE_HOST_BURST, ELSEWHERE_HOST_REFILL_MS);
  #supernode: NodeId | undefined;
  #entry: { readonly of: NodeId; readonly sealed: SealedEntry; readonly until: Millis } | undefined;
  #requestId = REQUEST_IDS_FROM;
  #askAgainAt: Millis = 0;
  #askAt: Millis = Number.POSITIVE_INFINITY;
  #waiting: Waiting[] = [];
  /** Nonces of the Hellos that we sent, and where; the newest last. */
  readonly #hellos = new Map<string, Endpoint>();
  #followed = 0;
  /** What was none of ours, or too much. Only rises. */
  dropped = 0;
  #out: SignpostOutput[] = [];

  constructor(options: { readonly random: Random; readonly pin: Uint8Array }) {
    this.#random = options.random;
    this.#mask = new Mask(options.pin);
  }

  /** Our first supernode; undefined while we have none. */
  setSupernode(node: NodeId | undefined): void {
    if (node !== undefined) this.#followed = 0;
    if (node !== this.#supernode) this.#askAgainAt = 0;
    this.#supernode = node;
  }

  /** A stream that somebody opened to us, and what comes by it. True when it was one of these. */
  receive(now: Millis, input: NetInput): boolean {
    if (input.type === 'stream-open' && input.incoming) {
      this.#open(now, input.stream, input.remote);
      return true;
    }
    const stream = 'stream' in input ? this.#streams.get(input.stream) : undefined;
    if (!stream || !('stream' in input)) return false;
    if (input.type === 'stream-bytes') this.#read(now, input.stream, stream, input.bytes);
    else this.#streams.delete(input.stream);
    return true;
  }

  /** A Hello that came by datagram. */
  hello(now: Millis, from: Endpoint, packet: Packet): void {
    this.#asked(now, { packet, to: from, stream: undefined, bytesMax: packet.bytes.length });
  }

  /** A Hello of ours leaves for there. */
  sent(to: Endpoint, packet: Buffer): void {
    const hello = decodeBody('Hello', packet.subarray(HANDSHAKE_HEADER_BYTES));
    if (hello?.nonce.length !== NONCE_BYTES) return;
    setRecent(this.#hellos, hexOf(hello.nonce), to, ELSEWHERE_HELLOS_MAX);
  }

  /** Somebody to whom we said Hello leads us elsewhere. */
  elsewhere(from: Endpoint, body: Buffer): void {
    const told = decodeBody('Elsewhere', body);
    const nonce = told ? hexOf(told.nonce) : '';
    const asked = this.#hellos.get(nonce);
    const isAnswer = asked?.host === from.host && asked.port === from.port && asked.carrier === from.carrier;
    const record = told && isAnswer ? readHint(told) : undefined;
    const isPlaced = record?.endpoints.every(({ host }) => isPrivateHost(from.host) || !isPrivateHost(host)) ?? false;
    if (!record || !isPlaced || this.#followed >= ELSEWHERE_FOLLOWED_MAX) {
      this.dropped += 1;
      return;
    }
    this.#hellos.delete(nonce);
    this.#followed += 1;
    this.#out.push({ type: 'pointed', record });
  }

  /** Our supernode's entries; true when we had asked for them. */
  entries(now: Millis, { requestId, entries }: Body<'entries'>): boolean {
    if (requestId !== this.#requestId) return false;
    const { certificate, record, signature } = entries[0] ?? {};
    const waiting = this.#waiting;
    this.#waiting = [];
    if (!this.#supernode || !certificate || !record || !signature) return true;
    const [der, of] = [Buffer.from(certificate), this.#supernode];
    const sealed = { certificate: der, record: Buffer.from(record), signature: Buffer.from(signature) };
    if (readHint(sealed)?.nodeId !== of) return true;
    this.#entry = { of, sealed, until: now + ELSEWHERE_ENTRY_MS };
    for (const one of waiting) this.#answer(one, sealed);
    return true;
  }

  wake(now: Millis): void {
    for (const [stream, { until }] of this.#streams) if (now >= until) this.#close(stream);
    if (now >= this.#askAt) this.#ask(now);
  }

  wakeAt(): Millis {
    const [first] = this.#streams.values();
    return Math.min(first?.until ?? Number.POSITIVE_INFINITY, this.#askAt);
  }

  drain(): SignpostOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #open(now: Millis, stream: StreamId, remote: Endpoint): void {
    // One that is let be would hold a place for minutes.
    if (this.#supernode === undefined || this.#streams.size >= ELSEWHERE_STREAMS_MAX) {
      this.#out.push({ type: 'close-stream', stream });
      return;
    }
    const framer = new StreamFramer({ incoming: true, mask: this.#mask });
    this.#streams.set(stream, { framer, remote, until: now + ELSEWHERE_STREAM_MS });
  }

  #read(now: Millis, id: StreamId, { framer, remote }: Incoming, bytes: Buffer): void {
    const { packets, reply, bad } = framer.push(bytes);
    if (reply.length > 0) this.#out.push({ type: 'write-stream', stream: id, bytes: reply });
    const hello = packets.find(({ kind }) => kind === PacketKind.hello);
    if (hello) this.#asked(now, { packet: hello, to: remote, stream: id, bytesMax: Number.POSITIVE_INFINITY });
    else if (bad || packets.length > 0) this.#close(id);
  }

  #asked(now: Millis, hello: Omit<Waiting, 'nonce'> & { readonly packet: Packet }): void {
    const { packet, ...how } = hello;
    const nonce = decodeBody('Hello', packet.body)?.nonce;
    const isFit = nonce?.length === NONCE_BYTES && this.#supernode !== undefined;
    const isDue =
      isFit && this.#hosts.take(now, hostKey(how.to.host)) === 0 && this.#all.take(now, 'all together') === 0;
    if (!nonce || !isDue) return this.#no(how.stream);
    const asker = { ...how, nonce: Buffer.from(nonce) };
    const entry = this.#entry;
    if (entry && entry.of === this.#supernode && now < entry.until) return this.#answer(asker, entry.sealed);
    this.#waiting.push(asker);
    if (this.#waiting.length > ELSEWHERE_WAITING_MAX) this.#no(this.#waiting.shift()?.stream);
    // In a turn of its own: what a stranger says moves nothing but the answer to him.
    this.#askAt = Math.max(now, this.#askAgainAt);
  }

  #ask(now: Millis): void {
    this.#askAt = Number.POSITIVE_INFINITY;
    if (this.#supernode === undefined) return;
    this.#askAgainAt = now + ELSEWHERE_ENTRY_RETRY_MS;
    this.#requestId += 1;
    const wanted = { requestId: this.#requestId, nodeIds: [bytesOf(this.#supernode)] };
    this.#out.push({ type: 'to-supernode', message: message('entriesGet', wanted) });
  }

  #no(stream: StreamId | undefined): void {
    this.dropped += 1;
    if (stream !== undefined) this.#close(stream);
  }

  #answer({ nonce, to, stream, bytesMax }: Waiting, { record, signature, certificate }: SealedEntry): void {
    // By datagram there is no room for the certificate, which the supernode shows anyhow.
    const body = { nonce, record, signature, ...(stream === undefined ? {} : { certificate }) };
    const packet = handshakePacket(PacketKind.elsewhere, 0, encodeBody('Elsewhere', body));
    if (packet.length > bytesMax) return this.#no(stream);
    const bytes = this.#mask.cover(packet, this.#random);
    if (stream === undefined) this.#out.push({ type: 'send-datagram', to, bytes });
    else if (this.#streams.has(stream)) {
      this.#out.push({ type: 'write-stream', stream, bytes });
      this.#close(stream);
    }
  }

  #close(stream: StreamId): void {
    if (this.#streams.delete(stream)) this.#out.push({ type: 'close-stream', stream });
  }
}
