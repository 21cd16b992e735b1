/**
 * Seals and opens data packets of one session: AES-256-GCM, a counter per epoch, a replay window per epoch, and the
 * change of epoch (rekeying). It knows no route and no message; the switchboard hands plaintext in and out.
 *
 *   plaintext --seal--> header | counter | ciphertext | tag --open--> plaintext
 *
 * An epoch's counter starts at 0. The two epoch bits in the header choose the keys; older keys open packets until
 * EPOCH_OVERLAP_MS after the other end was first heard in the new ones (not before: the reply that tells it of them may
 * be lost for long). Counters are 48 bits here and 32 on the wire: the high half is that which brings
 * the counter nearest to the highest one seen (rekeying comes long before 2^32).
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Millis } from '../protocol/core.ts';
import { EPOCH_OVERLAP_MS, REKEY_AFTER_MS, REKEY_AFTER_PACKETS, REKEY_QUIET_MS } from '../protocol/params.ts';
import { DATA_HEADER_BYTES, type Packet, PacketKind, TAG_BYTES, writeHeader } from '../wire/packet.ts';
import { type DirectionKeys, epochKeys, nextRoot, type Role } from './keys.ts';
import { ReplayWindow } from './replay-window.ts';

/** Two bits tell four epochs apart, and one of them is the next. */
const EPOCHS_BEHIND_MAX = 2;

interface ReceiveEpoch {
  readonly keys: DirectionKeys;
  readonly window: ReplayWindow;
  /** When these keys are forgotten; Infinity until the other end was heard in a later epoch. */
  forgetAt: Millis;
}

export interface SessionOptions {
  readonly role: Role;
  readonly root: Buffer;
  readonly remoteIndex: number;
}

export class Session {
  readonly role: Role;
  readonly #remoteIndex: number;
  #root: Buffer;
  /** Number of the epoch we send in; the one we may already receive in can be one ahead. */
  #sendEpoch = 0;
  #sendKeys: DirectionKeys;
  #sendCounter = 0;
  readonly #receive = new Map<number, ReceiveEpoch>();
  #newestEpoch = 0;
  /** Send keys of the newest epoch, until the other end is known to have it. */
  #pendingSend: DirectionKeys | undefined;
  /** When the keys are due to change for what was said with them; Infinity while nothing was. */
  #rekeyAt: Millis = Number.POSITIVE_INFINITY;
  #openedNewest = false;

  constructor(options: SessionOptions) {
    this.role = options.role;
    this.#remoteIndex = options.remoteIndex;
    this.#root = options.root;
    const keys = epochKeys(options.root, options.role);
    this.#sendKeys = keys.send;
    this.#receive.set(0, { keys: keys.receive, window: new ReplayWindow(), forgetAt: Number.POSITIVE_INFINITY });
  }

  /** A sealed packet of `plaintext.length + 28` bytes; the caller owns it. */
  seal(plaintext: Uint8Array): Buffer {
    const counter = this.#sendCounter++;
    const packet = Buffer.allocUnsafe(DATA_HEADER_BYTES + plaintext.length + TAG_BYTES);
    writeHeader(packet, PacketKind.data, this.#sendEpoch, this.#remoteIndex);
    packet.writeUInt32BE(counter >>> 0, 8);
    const cipher = createCipheriv('aes-256-gcm', this.#sendKeys.key, nonceOf(this.#sendKeys.salt, counter));
    cipher.setAAD(packet.subarray(0, DATA_HEADER_BYTES));
    packet.set(cipher.update(plaintext), DATA_HEADER_BYTES);
    cipher.final();
    packet.set(cipher.getAuthTag(), packet.length - TAG_BYTES);
    return packet;
  }

  /** The plaintext, or undefined for a forged, damaged, replayed or too old packet. Never throws. */
  open(now: Millis, packet: Packet): Buffer | undefined {
    const epoch = this.#epochOf(packet.epoch);
    const state = epoch === undefined ? undefined : this.#receive.get(epoch);
    if (epoch === undefined || state === undefined || now >= state.forgetAt) return undefined;
    const counter = wholeCounter(packet.bytes.readUInt32BE(8), state.window.highest);
    if (!state.window.fresh(counter)) return undefined;
    const plaintext = decrypt(state.keys, counter, packet.bytes);
    if (plaintext === undefined) return undefined;
    this.#openedNewest = epoch === this.#newestHeard(epoch) && counter > state.window.highest;
    state.window.mark(counter);
    if (epoch === this.#newestEpoch) this.#retireOlder(now);
    if (epoch > this.#sendEpoch) this.#switchToNewest();
    return plaintext;
  }

  /** Was the packet that was opened last sent after every other one that came? */
  get openedNewest(): boolean {
    return this.#openedNewest;
  }

  /** Only the initiator starts a rekey, so two can never cross. */
  rekeyDue(now: Millis): boolean {
    return this.role === 'initiator' && this.#pendingSend === undefined && now >= this.rekeyAt();
  }

  /** When the initiator should rekey; never while nothing was said with the present keys. */
  rekeyAt(): Millis {
    return this.#sendCounter >= REKEY_AFTER_PACKETS ? 0 : this.#rekeyAt;
  }

  /** Something was said, by either end, that whoever takes the keys later shall not read; `quiet`: a mere sign of life. */
  said(now: Millis, quiet: boolean): void {
    this.#rekeyAt = Math.min(this.#rekeyAt, now + (quiet ? REKEY_QUIET_MS : REKEY_AFTER_MS));
  }

  /** Number of the next epoch. */
  get nextEpoch(): number {
    return this.#newestEpoch + 1;
  }

  /**
   * Both ends have made the next exchange. The initiator (who has the reply) sends in the new epoch at once; the
   * responder goes on in the old one until it sees a packet of the new.
   */
  advance(now: Millis, shared: Buffer): void {
    this.#root = nextRoot(this.#root, shared);
    const keys = epochKeys(this.#root, this.role);
    this.#newestEpoch += 1;
    for (const [epoch, state] of this.#receive) {
      if (now >= state.forgetAt || epoch < this.#newestEpoch - EPOCHS_BEHIND_MAX) this.#receive.delete(epoch);
    }
    this.#receive.set(this.#newestEpoch, {
      keys: keys.receive,
      window: new ReplayWindow(),
      forgetAt: Number.POSITIVE_INFINITY,
    });
    this.#pendingSend = keys.send;
    this.#rekeyAt = Number.POSITIVE_INFINITY;
    if (this.role === 'initiator') this.#switchToNewest();
  }

  /** The newest epoch that the other end was heard in, this packet's counted in. */
  #newestHeard(epoch: number): number {
    for (const [other, { window }] of this.#receive) if (other > epoch && window.highest >= 0) return other;
    return epoch;
  }

  /** The other end was heard in the newest epoch: from here on the older ones are only for what was overtaken. */
  #retireOlder(now: Millis): void {
    for (const [epoch, state] of this.#receive) {
      if (epoch < this.#newestEpoch) state.forgetAt = Math.min(state.forgetAt, now + EPOCH_OVERLAP_MS);
    }
  }

  #switchToNewest(): void {
    if (this.#pendingSend === undefined) return;
    this.#sendKeys = this.#pendingSend;
    this.#pendingSend = undefined;
    this.#sendEpoch = this.#newestEpoch;
    this.#sendCounter = 0;
  }

  /** The epoch that the two bits mean: the newest, or one of the two before it. */
  #epochOf(bits: number): number | undefined {
    for (let epoch = this.#newestEpoch; epoch >= Math.max(0, this.#newestEpoch - EPOCHS_BEHIND_MAX); epoch--) {
      if ((epoch & 3) === bits) return epoch;
    }
    return undefined;
  }
}

function decrypt(keys: DirectionKeys, counter: number, bytes: Buffer): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', keys.key, nonceOf(keys.salt, counter));
  decipher.setAAD(bytes.subarray(0, DATA_HEADER_BYTES));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  const plaintext = decipher.update(bytes.subarray(DATA_HEADER_BYTES, bytes.length - TAG_BYTES));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plaintext;
}

function nonceOf(salt: Buffer, counter: number): Buffer {
  const nonce = Buffer.allocUnsafe(12);
  nonce.set(salt);
  nonce.writeUInt32BE(Math.floor(counter / 2 ** 32), 4);
  nonce.writeUInt32BE(counter >>> 0, 8);
  return nonce;
}

/** The 48-bit counter nearest to `highest + 1` with these low 32 bits. */
function wholeCounter(low: number, highest: number): number {
  const expected = highest + 1;
  const base = Math.floor(expected / 2 ** 32) * 2 ** 32;
  let best = base + low;
  for (const candidate of [best - 2 ** 32, best + 2 ** 32]) {
    if (candidate >= 0 && Math.abs(candidate - expected) < Math.abs(best - expected)) best = candidate;
  }
  return best;
}
