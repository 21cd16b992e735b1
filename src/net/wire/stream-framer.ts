/**
 * Cuts one TCP stream into packets. A stream may begin with the classic face of the login dialogue: the opening
 * record 16 03 01 00 00, answered by 17 03 01 00 00 (slides, "Login Messages"); what follows are the same packets
 * that datagrams carry. The framer holds at most one packet; a stream that breaks the rules is dead for good.
 */
import { COMMON_HEADER_BYTES, LOGIN_OPENING, LOGIN_OPENING_REPLY } from '../protocol/paper.ts';
import { PACKET_BODY_BYTES_MAX } from '../protocol/params.ts';
import { INSTALL_NOTICE_WORD } from './install-notice.ts';
import type { Mask } from './mask.ts';
import { cutPacket, type Packet } from './packet.ts';

export type StreamFace = 'classic' | 'plain';

/** Bytes by which a listener takes a stream for another face: of TLS and the classic one; of the install notice. */
const OTHER_BEGINNINGS: readonly Uint8Array[] = [LOGIN_OPENING.subarray(0, 2), INSTALL_NOTICE_WORD];

/** Must a stream of packets not begin so? Who writes its first packet covers it once more. */
export function beginsLikeAnother(bytes: Buffer): boolean {
  return OTHER_BEGINNINGS.some((beginning) => bytes.subarray(0, beginning.length).equals(beginning));
}

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
  readonly #mask: Mask | undefined;
  #faceDecided: boolean;

  /**
   * `face` is what we chose for an outgoing stream; an incoming one decides by its first bytes. Without a mask: one of
   * our messages carries the stream, sealed.
   */
  constructor(options: { incoming: boolean; mask: Mask | undefined; face?: StreamFace }) {
    this.#incoming = options.incoming;
    this.#mask = options.mask;
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
    while (!this.#dead && this.#faceDecided && this.#opening === undefined) {
      const cut = this.#mask ? this.#mask.uncover(this.#rest) : cutPacket(this.#rest);
      if (cut === 'more') break;
      if (cut === 'bad') this.#dead = true;
      else {
        packets.push(cut.packet);
        this.#rest = this.#rest.subarray(cut.length);
      }
    }
    if (this.#rest.length > COMMON_HEADER_BYTES + PACKET_BODY_BYTES_MAX) this.#dead = true;
    this.#rest = this.#dead ? NOTHING : Buffer.from(this.#rest);
    return { packets, reply, bad: this.#dead };
  }

  /** Consumes the opening record, if this stream has one; returns what must be answered. */
  #passOpening(): Buffer {
    if (!this.#faceDecided && this.#rest.length > 0) {
      const [first, second] = this.#rest;
      const isOpen = first === LOGIN_OPENING[0] && second === undefined;
      this.#faceDecided = !isOpen;
      if (first === LOGIN_OPENING[0] && second === LOGIN_OPENING[1]) this.#opening = LOGIN_OPENING;
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
