/**
 * Dials a port that nobody has written from: one datagram that is sent again, and one TCP connection, each saying a nonce
 * and nothing else (the packet of a NAT probe, 26 bytes). Whoever owns the port so learns that it is reached. Its streams
 * have numbers of their own, beside those of the carriers.
 *
 *   dial(endpoint, nonce) --> clear, again after 0.7 s; open-stream --stream-open--> write-stream, close-stream
 */
import { probePacket } from '../nat/clear-questions.ts';
import type { Millis, Random } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import { DIAL_AGAIN_MS, DIAL_LINGER_MS, DIAL_STREAM_MS, DIALS_MAX } from '../protocol/overlay-params.ts';
import type { NetInput, NetOutput, StreamId } from '../protocol/traffic.ts';
import { Mask } from '../wire/mask.ts';
import { beginsLikeAnother } from '../wire/stream-framer.ts';

/** The carriers count theirs from 1. */
const STREAMS_FROM = 2 ** 40;

interface Dial {
  readonly to: Endpoint;
  readonly packet: Buffer;
  readonly byStream: Buffer;
  /** The datagram goes again. */
  againAt: Millis;
  closeAt: Millis;
}

export class Dialler {
  readonly #mask: Mask;
  readonly #random: Random;
  readonly #dials = new Map<StreamId, Dial>();
  #nextStream = STREAMS_FROM;
  #out: NetOutput[] = [];

  constructor(options: { readonly pin: Uint8Array; readonly random: Random }) {
    this.#mask = new Mask(options.pin);
    this.#random = options.random;
  }

  /** `byStream`: what the connection says, if that is something else. False when too many are under way. */
  dial(
    now: Millis,
    to: { readonly host: string; readonly port: number },
    nonce: Uint8Array,
    byStream: Uint8Array = nonce,
  ): boolean {
    if (this.#dials.size >= DIALS_MAX) return false;
    const dial: Dial = {
      to: { carrier: 'udp', host: to.host, port: to.port },
      packet: probePacket(nonce),
      byStream: probePacket(byStream),
      againAt: now + DIAL_AGAIN_MS,
      closeAt: now + DIAL_STREAM_MS,
    };
    const stream = this.#nextStream++;
    this.#dials.set(stream, dial);
    this.#sendDatagram(dial);
    this.#out.push({ type: 'open-stream', stream, to: { ...dial.to, carrier: 'tcp' } });
    return true;
  }

  /** True when it was about one of our streams. */
  receive(now: Millis, input: NetInput): boolean {
    if (!('stream' in input) || input.stream < STREAMS_FROM) return false;
    const dial = this.#dials.get(input.stream);
    if (dial && input.type === 'stream-open') {
      this.#out.push({ type: 'write-stream', stream: input.stream, bytes: this.#forStream(dial.byStream) });
      dial.closeAt = now + DIAL_LINGER_MS;
    } else if (dial && input.type === 'stream-closed') {
      // The datagram may still have to go again.
      dial.closeAt = Math.min(dial.closeAt, dial.againAt === Number.POSITIVE_INFINITY ? now : dial.againAt);
    }
    return true;
  }

  wake(now: Millis): void {
    for (const [stream, dial] of this.#dials) {
      if (now >= dial.againAt) {
        dial.againAt = Number.POSITIVE_INFINITY;
        this.#sendDatagram(dial);
      }
      if (now < dial.closeAt || dial.againAt !== Number.POSITIVE_INFINITY) continue;
      this.#dials.delete(stream);
      this.#out.push({ type: 'close-stream', stream });
    }
  }

  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const { againAt, closeAt } of this.#dials.values()) {
      at = Math.min(at, againAt === Number.POSITIVE_INFINITY ? closeAt : againAt);
    }
    return at;
  }

  drain(): NetOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #sendDatagram({ to, packet }: Dial): void {
    this.#out.push({ type: 'send-datagram', to, bytes: this.#mask.cover(packet, this.#random) });
  }

  #forStream(packet: Buffer): Buffer {
    for (;;) {
      const covered = this.#mask.cover(packet, this.#random);
      if (!beginsLikeAnother(covered)) return covered;
    }
  }
}
