/**
 * The plain face: packets as they travel in datagrams and streams, without one byte that is the same in two of them
 * or that tells what it is. Like the header protection of QUIC (RFC 9001 section 5.4), but with keys that everybody
 * with an invite of the network has: it hides from who filters packets, it protects nothing. Layout in PROTOCOL.md
 * section 2.
 *
 *              0 - 11                                    12 - 27     28 ...
 *   data       header                                    ciphertext, tag
 *   handshake  header (length 16 more), 4 bytes of body  random      body ^ AES-256-CTR(body key, bytes 12 to 27)
 *              and these ^ AES-256(header key, bytes 12 to 27)
 *
 * So a reader uncovers the same 12 bytes of whatever comes, and then knows kind and length. The two keys differ: with
 * one, the body and the header would lie under the same key stream, and betray one another.
 */
import { type Cipher, createCipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { Random } from '../protocol/core.ts';
import { COMMON_HEADER_BYTES } from '../protocol/paper.ts';
import { PACKETS_PER_DATAGRAM_MAX } from '../protocol/params.ts';
import { type Cut, DATA_HEADER_BYTES, isDataPacket, looksLikePacket, type Packet, readPacket } from './packet.ts';

/** Random bytes of a handshake packet that travels. */
export const MASK_SALT_BYTES = 16;
const KEY_BYTES = 32;
/** All that is covered by the header key: a header of data, or a header and the first bytes of a body. */
const HEAD_BYTES = DATA_HEADER_BYTES;
const SAMPLE_END = HEAD_BYTES + 16;
const NOTHING = Buffer.alloc(0);

export class Mask {
  /** One for all packets: of a block cipher without chaining nothing stays behind. */
  readonly #header: Cipher;
  readonly #bodyKey: KeyObject;
  /** The header of what is looked at; it goes no further. */
  readonly #head = Buffer.alloc(HEAD_BYTES);

  /** `pin`: of the network's authority, as in the invite. */
  constructor(pin: Uint8Array) {
    const keys = Buffer.from(hkdfSync('sha256', pin, NOTHING, 'wren mask', 2 * KEY_BYTES));
    this.#header = createCipheriv('aes-256-ecb', keys.subarray(0, KEY_BYTES), null).setAutoPadding(false);
    this.#bodyKey = createSecretKey(keys.subarray(KEY_BYTES));
  }

  /** A whole packet as it travels: a copy, every time another one if it is of the handshake. */
  cover(packet: Buffer, random: Random): Buffer {
    const covered = isDataPacket(packet) ? Buffer.from(packet) : this.#coverHandshake(packet, random);
    this.#turnHeader(covered, covered);
    return covered;
  }

  /** The packet with which these bytes begin; `more`: it is not whole yet, if it is one. Never throws. */
  uncover(bytes: Buffer): Cut {
    if (bytes.length < SAMPLE_END) return 'more';
    const header = this.#head;
    bytes.copy(header, 0, 0, HEAD_BYTES);
    this.#turnHeader(header, bytes);
    const length = COMMON_HEADER_BYTES + header.readUInt16BE(2);
    if (!looksLikePacket(header) || length < SAMPLE_END) return 'bad';
    if (bytes.length < length) return 'more';
    const whole = bytes.subarray(0, length);
    const packet = readPacket(isDataPacket(header) ? withHeader(whole, header) : this.#uncoverHandshake(whole, header));
    return packet ? { packet, length } : 'bad';
  }

  #coverHandshake(packet: Buffer, random: Random): Buffer {
    const covered = Buffer.allocUnsafe(packet.length + MASK_SALT_BYTES);
    packet.copy(covered, 0, 0, HEAD_BYTES);
    covered.writeUInt16BE(covered.length - COMMON_HEADER_BYTES, 2);
    covered.set(random.bytes(MASK_SALT_BYTES), HEAD_BYTES);
    covered.set(this.#turnBody(packet.subarray(HEAD_BYTES), covered), SAMPLE_END);
    return covered;
  }

  #uncoverHandshake(whole: Buffer, header: Buffer): Buffer {
    const packet = Buffer.allocUnsafe(whole.length - MASK_SALT_BYTES);
    packet.set(header);
    packet.writeUInt16BE(packet.length - COMMON_HEADER_BYTES, 2);
    packet.set(this.#turnBody(whole.subarray(SAMPLE_END), whole), HEAD_BYTES);
    return packet;
  }

  /** Covers or uncovers the header in place, by the sample of the packet as it travels. */
  #turnHeader(header: Buffer, sampled: Buffer): void {
    const mask = this.#header.update(sampled.subarray(HEAD_BYTES, SAMPLE_END));
    for (let i = 0; i < HEAD_BYTES; i++) header[i] = (header[i] ?? 0) ^ (mask[i] ?? 0);
  }

  #turnBody(body: Buffer, sampled: Buffer): Buffer {
    return createCipheriv('aes-256-ctr', this.#bodyKey, sampled.subarray(HEAD_BYTES, SAMPLE_END)).update(body);
  }
}

/** What came may be in somebody else's hands too: it is copied, not changed. */
function withHeader(whole: Buffer, header: Buffer): Buffer {
  const packet = Buffer.from(whole);
  packet.set(header);
  return packet;
}

/** All packets of one datagram; reading stops at the first bad one, `bad` tells whether there was one. */
export function readDatagram(bytes: Buffer, mask: Mask): { packets: Packet[]; bad: boolean } {
  const packets: Packet[] = [];
  let rest = bytes;
  while (rest.length > 0 && packets.length < PACKETS_PER_DATAGRAM_MAX) {
    const cut = mask.uncover(rest);
    if (typeof cut === 'string') return { packets, bad: true };
    packets.push(cut.packet);
    rest = rest.subarray(cut.length);
  }
  return { packets, bad: rest.length > 0 };
}
