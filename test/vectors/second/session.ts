/**
 * A second implementation of wren, third part: data packets and the reliable channel (PROTOCOL.md, sections 6 and 7),
 * from the page alone. It holds its state in plain maps and forgets nothing: it is for tests.
 */
import { gcmOpen, gcmSeal, hkdf } from './handshake.ts';
import { DATA, type Packet, packet } from './wire.ts';

interface Keys {
  readonly key: Buffer;
  readonly salt: Buffer;
}

export function keysOf(root: Buffer): { readonly toResponder: Keys; readonly toInitiator: Keys } {
  const direction = (info: string): Keys => {
    const bytes = hkdf(root, Buffer.alloc(0), info, 36);
    return { key: bytes.subarray(0, 32), salt: bytes.subarray(32) };
  };
  return {
    toResponder: direction('wren initiator to responder'),
    toInitiator: direction('wren responder to initiator'),
  };
}

export function nextRoot(root: Buffer, shared: Buffer): Buffer {
  return hkdf(shared, root, 'wren rekey', 32);
}

export class SessionEnd {
  readonly #isInitiator: boolean;
  readonly #peerIndex: number;
  readonly #roots: Buffer[];
  #sendEpoch = 0;
  #sendCounter = 0;
  /** For each epoch the counters seen, and the highest of them. */
  readonly #seen: { readonly counters: Set<number>; highest: number }[] = [{ counters: new Set(), highest: -1 }];

  constructor(options: { readonly isInitiator: boolean; readonly root: Buffer; readonly peerIndex: number }) {
    this.#isInitiator = options.isInitiator;
    this.#peerIndex = options.peerIndex;
    this.#roots = [options.root];
  }

  get nextEpoch(): number {
    return this.#roots.length;
  }

  seal(plaintext: Buffer): Buffer {
    const keys = this.#keys(this.#sendEpoch, this.#isInitiator);
    const counter = this.#sendCounter++;
    const empty = packet(DATA, this.#sendEpoch, this.#peerIndex, Buffer.alloc(4 + plaintext.length + 16));
    empty.writeUInt32BE(counter % 2 ** 32, 8);
    const header = empty.subarray(0, 12);
    return Buffer.concat([header, gcmSeal(keys.key, nonce(keys, counter), header, plaintext)]);
  }

  open(read: Packet): { readonly plaintext: Buffer; readonly epoch: number; readonly counter: number } | undefined {
    const newest = this.#roots.length - 1;
    const epoch = [newest, newest - 1, newest - 2].find((one) => one >= 0 && one % 4 === read.epoch);
    const seen = epoch === undefined ? undefined : this.#seen[epoch];
    if (epoch === undefined || seen === undefined) return undefined;
    const counter = complete(read.bytes.readUInt32BE(8), seen.highest + 1);
    if (seen.counters.has(counter) || counter <= seen.highest - 1024) return undefined;
    const keys = this.#keys(epoch, !this.#isInitiator);
    const plaintext = gcmOpen(keys.key, nonce(keys, counter), read.bytes.subarray(0, 12), read.bytes.subarray(12));
    if (plaintext === undefined) return undefined;
    seen.counters.add(counter);
    seen.highest = Math.max(seen.highest, counter);
    if (epoch > this.#sendEpoch) this.#sendIn(epoch);
    return { plaintext, epoch, counter };
  }

  /** The exchange of Rekey and RekeyReply is complete. */
  rekey(shared: Buffer): void {
    this.#roots.push(nextRoot(this.#roots.at(-1) ?? Buffer.alloc(0), shared));
    this.#seen.push({ counters: new Set(), highest: -1 });
    if (this.#isInitiator) this.#sendIn(this.#roots.length - 1);
  }

  #sendIn(epoch: number): void {
    this.#sendEpoch = epoch;
    this.#sendCounter = 0;
  }

  #keys(epoch: number, toResponder: boolean): Keys {
    const both = keysOf(this.#roots[epoch] ?? Buffer.alloc(0));
    return toResponder ? both.toResponder : both.toInitiator;
  }
}

function nonce(keys: Keys, counter: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.set(keys.salt);
  bytes.writeBigUInt64BE(BigInt(counter), 4);
  return bytes;
}

/** Of all counters with these low 32 bits the one nearest to the expected. */
function complete(low: number, expected: number): number {
  const high = Math.floor(expected / 2 ** 32);
  const candidates = [high - 1, high, high + 1].map((half) => half * 2 ** 32 + low).filter((one) => one >= 0);
  return candidates.reduce((best, one) => (Math.abs(one - expected) < Math.abs(best - expected) ? one : best));
}

// ------------------------------------------------------------------ reliable channel

const SEGMENT_BYTES = 1024;

/** Segments of one message from this sequence on. */
export function segmentsOf(message: Buffer, firstSequence: number): Buffer[] {
  const count = Math.max(1, Math.ceil(message.length / SEGMENT_BYTES));
  return Array.from({ length: count }, (_, i) => {
    const header = Buffer.alloc(6);
    header.writeUInt32BE(firstSequence + i, 1);
    header[5] = i === count - 1 ? 1 : 0;
    return Buffer.concat([header, message.subarray(i * SEGMENT_BYTES, (i + 1) * SEGMENT_BYTES)]);
  });
}

export class Receiver {
  readonly #early = new Map<number, Buffer>();
  #expected = 0;
  #parts: Buffer[] = [];

  /** Messages that this segment completes; undefined when it is to be dropped. */
  receive(segment: Buffer): Buffer[] | undefined {
    if (segment.length < 6 || segment.length > 6 + SEGMENT_BYTES) return undefined;
    const sequence = segment.readUInt32BE(1);
    if (sequence >= this.#expected && sequence < this.#expected + 64) this.#early.set(sequence, segment);
    const messages: Buffer[] = [];
    for (let next = this.#early.get(this.#expected); next; next = this.#early.get(this.#expected)) {
      this.#early.delete(this.#expected++);
      this.#parts.push(next.subarray(6));
      if (((next[5] ?? 0) & 1) === 0) continue;
      messages.push(Buffer.concat(this.#parts));
      this.#parts = [];
    }
    return messages;
  }

  acknowledgement(): Buffer {
    const bytes = Buffer.alloc(9);
    bytes[0] = 1;
    bytes.writeUInt32BE(this.#expected, 1);
    let bits = 0;
    for (let i = 0; i < 32; i++) if (this.#early.has(this.#expected + 1 + i)) bits += 2 ** i;
    bytes.writeUInt32BE(bits, 5);
    return bytes;
  }
}
