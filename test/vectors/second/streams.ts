/** A second implementation of wren: streams and their faces (PROTOCOL.md, section 3), from the page alone. */
import type { Mask } from './mask.ts';
import type { Packet } from './wire.ts';

const OPENING = Buffer.from('1603010000', 'hex');
const OPENING_ANSWER = Buffer.from('1703010000', 'hex');

export class StreamEnd {
  readonly opening: Buffer;
  #rest: Buffer = Buffer.alloc(0);
  #expected: Buffer | undefined;
  #reply: Buffer;
  #undecided: boolean;
  #bad = false;
  readonly #mask: Mask;

  constructor(role: 'listener' | 'classic-client' | 'plain-client', mask: Mask) {
    this.#mask = mask;
    this.opening = role === 'classic-client' ? OPENING : Buffer.alloc(0);
    this.#expected = role === 'classic-client' ? OPENING_ANSWER : undefined;
    this.#reply = role === 'listener' ? OPENING_ANSWER : Buffer.alloc(0);
    this.#undecided = role === 'listener';
  }

  receive(bytes: Buffer): { packets: Packet[]; reply: Buffer; bad: boolean } {
    const packets: Packet[] = [];
    let reply: Buffer = Buffer.alloc(0);
    if (!this.#bad) {
      this.#rest = Buffer.concat([this.#rest, bytes]);
      if (this.#undecided && this.#rest.length >= 2) {
        this.#undecided = false;
        if (this.#rest.readUInt16BE(0) === 0x1603) this.#expected = OPENING;
      }
      reply = this.#passOpening();
      if (this.#expected === undefined && !this.#undecided) this.#cut(packets);
    }
    return { packets, reply, bad: this.#bad };
  }

  #passOpening(): Buffer {
    if (this.#expected === undefined) return Buffer.alloc(0);
    const there = this.#rest.subarray(0, this.#expected.length);
    this.#bad = !this.#expected.subarray(0, there.length).equals(there);
    if (this.#bad || there.length < this.#expected.length) return Buffer.alloc(0);
    this.#rest = this.#rest.subarray(there.length);
    this.#expected = undefined;
    return this.#reply;
  }

  #cut(packets: Packet[]): void {
    for (let next = this.#mask.uncover(this.#rest); next !== 'need'; next = this.#mask.uncover(this.#rest)) {
      if (next === 'bad') {
        this.#bad = true;
        return;
      }
      packets.push(next.packet);
      this.#rest = this.#rest.subarray(next.length);
    }
  }
}
