/**
 * A second implementation of wren: the mask of what travels (PROTOCOL.md, section 2, "The plain face"), from the page
 * alone.
 */
import { createCipheriv, hkdfSync } from 'node:crypto';
import { DATA, firstPacket, KINDS, type Packet } from './wire.ts';

export class Mask {
  readonly headerKey: Buffer;
  readonly bodyKey: Buffer;

  constructor(pin: Buffer) {
    const keys = Buffer.from(hkdfSync('sha256', pin, Buffer.alloc(0), 'wren mask', 64));
    this.headerKey = keys.subarray(0, 32);
    this.bodyKey = keys.subarray(32);
  }

  /** `salt`: 16 bytes, for packets of the handshake. */
  cover(packet: Buffer, salt: Buffer): Buffer {
    if ((packet[0] ?? 0) >> 4 === DATA) {
      return Buffer.concat([this.#head(packet.subarray(0, 12), packet.subarray(12, 28)), packet.subarray(12)]);
    }
    const head = Buffer.from(packet.subarray(0, 12));
    head.writeUInt16BE(head.readUInt16BE(2) + 16, 2);
    return Buffer.concat([this.#head(head, salt), salt, this.#body(packet.subarray(12), salt)]);
  }

  /** The packet at the head of these bytes, and how many of them it was. */
  uncover(bytes: Buffer): { packet: Packet; length: number } | 'bad' | 'need' {
    if (bytes.length < 28) return 'need';
    const sample = bytes.subarray(12, 28);
    const head = this.#head(bytes.subarray(0, 12), sample);
    const [first = 0, version] = head;
    const length = 4 + head.readUInt16BE(2);
    if (!KINDS.includes(first >> 4) || version !== 1 || length < 28) return 'bad';
    if (bytes.length < length) return 'need';
    let packet = Buffer.concat([head, bytes.subarray(12, length)]);
    if (first >> 4 !== DATA) {
      head.writeUInt16BE(length - 4 - 16, 2);
      packet = Buffer.concat([head, this.#body(bytes.subarray(28, length), sample)]);
    }
    const read = firstPacket(packet);
    return typeof read === 'string' ? 'bad' : { packet: read, length };
  }

  #head(head: Buffer, sample: Buffer): Buffer {
    const cipher = createCipheriv('aes-256-ecb', this.headerKey, null);
    const stream = cipher.update(sample);
    return Buffer.from(head.map((byte, i) => byte ^ (stream[i] ?? 0)));
  }

  #body(body: Buffer, sample: Buffer): Buffer {
    return createCipheriv('aes-256-ctr', this.bodyKey, sample).update(body);
  }
}

export function readDatagram(bytes: Buffer, mask: Mask): { packets: Packet[]; bad: boolean } {
  const packets: Packet[] = [];
  let rest = bytes;
  while (rest.length > 0 && packets.length < 8) {
    const next = mask.uncover(rest);
    if (typeof next === 'string') return { packets, bad: true };
    packets.push(next.packet);
    rest = rest.subarray(next.length);
  }
  return { packets, bad: rest.length > 0 };
}
