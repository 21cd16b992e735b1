/**
 * Cuts one TCP stream into packets. A stream may begin with the classic face of the login dialogue: the opening
 * record 16 03 01 00 00, answered by 17 03 01 00 00 (slides, "Login Messages"); what follows are the same packets
 * that datagrams carry. The framer holds at most one packet; a stream that breaks the rules is dead for good.
 */
import { COMMON_HEADER_BYTES, LOGIN_OPENING, LOGIN_OPENING_REPLY } from '../protocol/paper.ts';
import { PACKET_BODY_BYTES_MAX } from '../protocol/params.ts';
import { looksLikePacket, type Packet, readPacket } from './packet.ts';

export type StreamFace = 'classic' | 'plain';

export interface Framed {
  readonly packets: Packet[];
  /** Bytes to write back at once (the answer to an opening record); empty mostly. */
  readonly reply: Buffer;
  /** True when the stream is not ours: close it. */
  readonly bad: boolean;
}

const NOTHING = Buffer.alloc(0);

export class StreamFramer {
  #rest: Buffer = NOTHING;
  #dead = false;
  /** The record still expected at the head of the stream; undefined once past it. */
  #opening: Uint8Array | undefined;
  readonly #incoming: boolean;
  #faceDecided: boolean;

  /** `face` is what we chose for an outgoing stream; an incoming one decides by its first byte. */
  constructor(options: { incoming: boolean; face?: StreamFace }) {
    this.#incoming = options.incoming;
    this.#faceDecided = !options.incoming;
    this.#opening = !options.incoming && options.face === 'classic' ? LOGIN_OPENING_REPLY : undefined;
  }

  /** What an outgoing stream writes before its first packet. */
  static opening(face: StreamFace): Buffer {
    return face === 'classic' ? Buffer.from(LOGIN_OPENING) : NOTHING;
  }

  push(bytes: Buffer): Framed {
    if (this.#dead) return { packets: [], reply: NOTHING, bad: true };
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const reply = this.#passOpening();
    const packets: Packet[] = [];
    while (!this.#dead && this.#opening === undefined && this.#rest.length >= COMMON_HEADER_BYTES) {
      if (!looksLikePacket(this.#rest)) {
        this.#dead = true;
        break;
      }
      const length = COMMON_HEADER_BYTES + this.#rest.readUInt16BE(2);
      if (this.#rest.length < length) break;
      const packet = readPacket(this.#rest.subarray(0, length));
      if (packet) packets.push(packet);
      else this.#dead = true;
      this.#rest = this.#rest.subarray(length);
    }
    if (this.#rest.length > COMMON_HEADER_BYTES + PACKET_BODY_BYTES_MAX) this.#dead = true;
    this.#rest = this.#dead ? NOTHING : Buffer.from(this.#rest);
    return { packets, reply, bad: this.#dead };
  }

  /** Consumes the opening record, if this stream has one; returns what must be answered. */
  #passOpening(): Buffer {
    if (!this.#faceDecided && this.#rest.length > 0) {
      this.#faceDecided = true;
      if (this.#rest[0] === LOGIN_OPENING[0]) this.#opening = LOGIN_OPENING;
    }
    const record = this.#opening;
    if (record === undefined) return NOTHING;
    const there = Math.min(record.length, this.#rest.length);
    for (let i = 0; i < there; i++) if (this.#rest[i] !== record[i]) this.#dead = true;
    if (this.#dead || there < record.length) return NOTHING;
    this.#opening = undefined;
    this.#rest = this.#rest.subarray(record.length);
    return this.#incoming ? Buffer.from(LOGIN_OPENING_REPLY) : NOTHING;
  }
}
