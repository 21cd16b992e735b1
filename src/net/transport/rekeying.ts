/**
 * The change of keys in one session (PROTOCOL.md section 6, "Rekeying"): when it is due the initiator asks through the
 * reliable channel, the responder answers, and both go on in the next epoch. `session.ts` holds the keys.
 */
import type { Millis, Random } from '../protocol/core.ts';
import { type Body, encodeMessage, message } from '../wire/messages.ts';
import { agree, type EphemeralKey, ephemeralKey, X25519_BYTES } from './keys.ts';
import type { ReliableChannel } from './reliable.ts';
import type { Session } from './session.ts';

export class Rekeying {
  readonly #random: Random;
  readonly #session: Session;
  readonly #reliable: ReliableChannel;
  #asked: { readonly key: EphemeralKey; readonly epoch: number } | undefined;

  constructor(random: Random, session: Session, reliable: ReliableChannel) {
    this.#random = random;
    this.#session = session;
    this.#reliable = reliable;
  }

  /** Asks when it is due. */
  wake(now: Millis): void {
    if (!this.#session.rekeyDue(now) || this.#asked) return;
    const key = ephemeralKey(this.#random.bytes(X25519_BYTES));
    const epoch = this.#session.nextEpoch;
    this.#asked = { key, epoch };
    this.#reliable.send(encodeMessage(message('rekey', { epoch, ephemeral: key.publicBytes })));
  }

  wakeAt(): Millis {
    return this.#session.role === 'initiator' && !this.#asked ? this.#session.rekeyAt() : Number.POSITIVE_INFINITY;
  }

  /** `flush`: sends what waits in the reliable channel; our reply has to leave in the old keys. */
  answer(now: Millis, { epoch, ephemeral }: Body<'rekey'>, flush: () => void): void {
    if (this.#session.role !== 'responder' || epoch !== this.#session.nextEpoch) return;
    const key = ephemeralKey(this.#random.bytes(X25519_BYTES));
    const shared = agree(key, ephemeral);
    if (!shared) return;
    // Without a reply the initiator asks again; the keys must not move on alone.
    if (!this.#reliable.send(encodeMessage(message('rekeyReply', { epoch, ephemeral: key.publicBytes })))) return;
    flush();
    this.#session.advance(now, shared);
  }

  finish(now: Millis, { epoch, ephemeral }: Body<'rekeyReply'>): void {
    if (this.#asked?.epoch !== epoch) return;
    const shared = agree(this.#asked.key, ephemeral);
    this.#asked = undefined;
    if (shared) this.#session.advance(now, shared);
  }
}
