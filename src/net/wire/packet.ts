/**
 * The outermost envelope: what every datagram holds and what every stream is cut into, once the mask is off (`mask.ts`).
 * It is sorted by its first byte once, at the edge; inside only typed messages travel. Layout in PROTOCOL.md section 2.
 *
 *   common header, 4 bytes (slides, "Login Messages": common header and length fields)
 *     byte 0   kind (high 4 bits) | key epoch (2 bits) | 0 (2 bits)
 *     byte 1   protocol version, 1
 *     2 - 3    length of what follows, big-endian; in a datagram the next packet begins there
 *   then, 4 bytes: receiver index, big-endian (0 in a Hello)
 *   then        handshake kinds, questions without a session: one protobuf body (wren.proto)
 *               data: counter (4 bytes, low half), ciphertext, tag (16 bytes)
 */
import { COMMON_HEADER_BYTES } from '../protocol/paper.ts';

export const PROTOCOL_VERSION = 1;
export const PacketKind = {
  hello: 1,
  cookie: 2,
  auth1: 3,
  auth2: 4,
  whoAmI: 5,
  youAre: 6,
  elsewhere: 7,
  data: 8,
} as const;
export type PacketKindNumber = (typeof PacketKind)[keyof typeof PacketKind];

/** Header, receiver index, counter: also the additional authenticated data of a data packet. */
export const DATA_HEADER_BYTES = 12;
export const TAG_BYTES = 16;
export const INDEX_OFFSET = 4;
export const HANDSHAKE_HEADER_BYTES = 8;
const KNOWN_KINDS = new Set<number>(Object.values(PacketKind));
const NOTHING = Buffer.alloc(0);

export interface Packet {
  readonly kind: PacketKindNumber;
  /** Two bits; meaningful for data only. */
  readonly epoch: number;
  readonly receiverIndex: number;
  /** The whole packet; a view, copy it to keep it. */
  readonly bytes: Buffer;
  /** What follows the receiver index of a handshake packet, a view; empty for data. */
  readonly body: Buffer;
}

/** One handshake packet around an encoded body. */
export function handshakePacket(kind: PacketKindNumber, receiverIndex: number, body: Uint8Array): Buffer {
  const packet = Buffer.allocUnsafe(HANDSHAKE_HEADER_BYTES + body.length);
  writeHeader(packet, kind, 0, receiverIndex);
  packet.set(body, HANDSHAKE_HEADER_BYTES);
  return packet;
}

/** Writes common header and receiver index into a packet whose final length is `packet.length`. */
export function writeHeader(packet: Buffer, kind: PacketKindNumber, epoch: number, receiverIndex: number): void {
  packet[0] = (kind << 4) | ((epoch & 3) << 2);
  packet[1] = PROTOCOL_VERSION;
  packet.writeUInt16BE(packet.length - COMMON_HEADER_BYTES, 2);
  packet.writeUInt32BE(receiverIndex, INDEX_OFFSET);
}

/** Could a packet begin like this? Looks at the first two bytes, so that a stream of something else ends early. */
export function looksLikePacket(bytes: Buffer): boolean {
  return KNOWN_KINDS.has((bytes[0] ?? 0) >> 4) && bytes[1] === PROTOCOL_VERSION;
}

export function isDataPacket(bytes: Buffer): boolean {
  return (bytes[0] ?? 0) >> 4 === PacketKind.data;
}

export function isHelloPacket(bytes: Buffer): boolean {
  return (bytes[0] ?? 0) >> 4 === PacketKind.hello;
}

/** The first packet in `bytes`, or undefined when there is none, whole and well-formed. Never throws. */
export function readPacket(bytes: Buffer): Packet | undefined {
  if (bytes.length < HANDSHAKE_HEADER_BYTES) return undefined;
  if (!looksLikePacket(bytes)) return undefined;
  const kind = (bytes[0] ?? 0) >> 4;
  const end = COMMON_HEADER_BYTES + bytes.readUInt16BE(2);
  const least = kind === PacketKind.data ? DATA_HEADER_BYTES + TAG_BYTES : HANDSHAKE_HEADER_BYTES;
  if (end > bytes.length || end < least) return undefined;
  const whole = bytes.subarray(0, end);
  return {
    kind: kind as PacketKindNumber,
    epoch: ((bytes[0] ?? 0) >> 2) & 3,
    receiverIndex: bytes.readUInt32BE(INDEX_OFFSET),
    bytes: whole,
    body: kind === PacketKind.data ? NOTHING : whole.subarray(HANDSHAKE_HEADER_BYTES),
  };
}

/** Without a session. */
export function isClear({ kind }: Packet): boolean {
  return kind === PacketKind.whoAmI || kind === PacketKind.youAre || kind === PacketKind.elsewhere;
}

/** The packet at the head of some bytes, and how many of these it was; or that it is not whole yet, or none. */
export type Cut = { readonly packet: Packet; readonly length: number } | 'more' | 'bad';

/** Cuts without a mask: what one of our messages carries is sealed as it is. */
export function cutPacket(bytes: Buffer): Cut {
  if (bytes.length < COMMON_HEADER_BYTES) return 'more';
  if (!looksLikePacket(bytes)) return 'bad';
  const length = COMMON_HEADER_BYTES + bytes.readUInt16BE(2);
  if (bytes.length < length) return 'more';
  const packet = readPacket(bytes.subarray(0, length));
  return packet ? { packet, length } : 'bad';
}
