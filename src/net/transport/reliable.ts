/**
 * Messages in order, each once, over packets that get lost, doubled and disordered: the reliable channel inside a
 * session. It runs over every route alike (datagrams, streams, forwarding), so a session may change its route in
 * the middle of a message. Retransmission after RFC 6298, window growth and halving after RFC 5681, both small.
 *
 *   segment   0x00 | sequence (4) | flags (1): 1 = last of its message | payload (up to SEGMENT_BYTES)
 *   ack       0x01 | next sequence expected (4) | bits for the 32 after it (4)
 *
 * It seals nothing: `take` gives plaintexts to seal, and the switchboard gives opened ones back.
 */
import type { Millis } from '../protocol/core.ts';
import {
  RELIABLE_MESSAGE_BYTES_MAX,
  RELIABLE_QUEUE_BYTES_MAX,
  RELIABLE_SILENCE_MS_MAX,
  RTO_MS_MAX,
  RTO_MS_MIN,
  RTO_MS_START,
  SEGMENT_BYTES,
  SEGMENTS_IN_FLIGHT_MAX,
  SEGMENTS_PER_MESSAGE_MAX,
  SKIPS_BEFORE_RESEND,
} from '../protocol/params.ts';

export const ContentType = { segment: 0, ack: 1, datagram: 2, voice: 0x80 } as const;

const SEGMENT_HEADER_BYTES = 6;
const ACK_BYTES = 9;
const LAST = 1;
const WINDOW_START = 4;

interface Outgoing {
  readonly sequence: number;
  readonly plaintext: Buffer;
  sends: number;
  sentAt: Millis;
  /** How many later segments were acknowledged while this one was not, since it was last sent. */
  skips: number;
}

export class ReliableChannel {
  #nextSequence = 0;
  readonly #queue: Outgoing[] = [];
  readonly #flight = new Map<number, Outgoing>();
  #queuedBytes = 0;
  #window = WINDOW_START;
  #rtoMs = RTO_MS_START;
  #srttMs: number | undefined;
  #rttvarMs = 0;
  /** When the other end last showed that it hears us; only meaningful while something is in flight. */
  #progressAt: Millis = 0;

  #expected = 0;
  readonly #early = new Map<number, { last: boolean; payload: Buffer }>();
  readonly #parts: Buffer[] = [];
  #partsBytes = 0;
  #ackDue = false;
  #broken = false;

  /** False when the queue is full: the session cannot keep up and should be given up. */
  send(message: Buffer): boolean {
    if (message.length > RELIABLE_MESSAGE_BYTES_MAX) return false;
    if (this.#queuedBytes + message.length > RELIABLE_QUEUE_BYTES_MAX) return false;
    let at = 0;
    do {
      const payload = message.subarray(at, at + SEGMENT_BYTES);
      at += payload.length;
      const plaintext = Buffer.allocUnsafe(SEGMENT_HEADER_BYTES + payload.length);
      plaintext[0] = ContentType.segment;
      plaintext.writeUInt32BE(this.#nextSequence, 1);
      plaintext[5] = at >= message.length ? LAST : 0;
      plaintext.set(payload, SEGMENT_HEADER_BYTES);
      this.#queue.push({ sequence: this.#nextSequence++, plaintext, sends: 0, sentAt: 0, skips: 0 });
      this.#queuedBytes += plaintext.length;
    } while (at < message.length);
    return true;
  }

  /** An opened segment or ack. Returns the whole messages that became complete, in order. */
  receive(now: Millis, plaintext: Buffer): Buffer[] {
    if (plaintext[0] === ContentType.ack) {
      this.#acknowledge(now, plaintext);
      return [];
    }
    const payloadBytes = plaintext.length - SEGMENT_HEADER_BYTES;
    if (payloadBytes < 0 || payloadBytes > SEGMENT_BYTES) return [];
    this.#ackDue = true;
    const sequence = plaintext.readUInt32BE(1);
    const ahead = sequence - this.#expected;
    if (ahead < 0 || ahead >= SEGMENTS_IN_FLIGHT_MAX || this.#early.has(sequence)) return [];
    this.#early.set(sequence, {
      last: ((plaintext[5] ?? 0) & LAST) !== 0,
      payload: plaintext.subarray(SEGMENT_HEADER_BYTES),
    });
    return this.#assemble();
  }

  /** Plaintexts to seal and send now; `again` marks a retransmission, which may take another route. */
  take(now: Millis): { plaintext: Buffer; again: boolean }[] {
    const out: { plaintext: Buffer; again: boolean }[] = [];
    if (this.#ackDue) {
      this.#ackDue = false;
      out.push({ plaintext: this.#ack(), again: false });
    }
    this.#retransmit(now, out);
    while (this.#flight.size < this.#window) {
      const next = this.#queue.shift();
      if (!next) break;
      if (this.#flight.size === 0) this.#progressAt = now;
      next.sends = 1;
      next.sentAt = now;
      this.#flight.set(next.sequence, next);
      out.push({ plaintext: next.plaintext, again: false });
    }
    return out;
  }

  /** When `take` has something to retransmit. */
  wakeAt(): Millis {
    if (this.#ackDue || (this.#queue.length > 0 && this.#flight.size < this.#window)) return 0;
    let at = Number.POSITIVE_INFINITY;
    for (const segment of this.#flight.values()) {
      at = Math.min(at, segment.skips >= SKIPS_BEFORE_RESEND ? 0 : segment.sentAt + this.#rtoMs);
    }
    return at;
  }

  /** Nothing was acknowledged for RELIABLE_SILENCE_MS_MAX, or the peer broke the rules. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Smoothed round trip, ms; undefined before the first measurement. */
  get rttMs(): number | undefined {
    return this.#srttMs;
  }

  /** Nothing waits to be sent or acknowledged. */
  get idle(): boolean {
    return this.#queue.length === 0 && this.#flight.size === 0;
  }

  #retransmit(now: Millis, out: { plaintext: Buffer; again: boolean }[]): void {
    if (this.#flight.size > 0 && now >= this.#progressAt + RELIABLE_SILENCE_MS_MAX) this.#broken = true;
    let timedOut = false;
    let sent = 0;
    for (const segment of this.#flight.values()) {
      const late = now >= segment.sentAt + this.#rtoMs;
      if (!late && segment.skips < SKIPS_BEFORE_RESEND) continue;
      timedOut ||= late;
      segment.sends += 1;
      segment.sentAt = now;
      segment.skips = 0;
      out.push({ plaintext: segment.plaintext, again: true });
      // After a time-out only the head is sure to be missing; the rest waits for its acknowledgement (RFC 5681).
      if (++sent >= WINDOW_START) break;
    }
    if (timedOut) {
      this.#rtoMs = Math.min(RTO_MS_MAX, this.#rtoMs * 2);
      this.#window = Math.max(WINDOW_START, Math.floor(this.#window / 2));
    }
  }

  #acknowledge(now: Millis, plaintext: Buffer): void {
    if (plaintext.length < ACK_BYTES) return;
    const next = plaintext.readUInt32BE(1);
    const bits = plaintext.readUInt32BE(5);
    this.#countSkips(next, bits);
    for (const segment of this.#flight.values()) {
      const offset = segment.sequence - next;
      if (offset > 32) break;
      const acknowledged = offset < 0 || (offset > 0 && ((bits >>> (offset - 1)) & 1) === 1);
      if (!acknowledged) continue;
      this.#progressAt = now;
      this.#flight.delete(segment.sequence);
      this.#queuedBytes -= segment.plaintext.length;
      if (segment.sends === 1) this.#measure(now - segment.sentAt);
      this.#window = Math.min(SEGMENTS_IN_FLIGHT_MAX, this.#window + 1);
    }
  }

  /** A segment that newly acknowledged ones have overtaken is probably lost. */
  #countSkips(next: number, bits: number): void {
    const highest = bits === 0 ? next - 1 : next + 32 - Math.clz32(bits);
    let overtaking = 0;
    for (const segment of this.#flight.values()) {
      const offset = segment.sequence - next;
      if (offset > 0 && offset <= 32 && ((bits >>> (offset - 1)) & 1) === 1) overtaking += 1;
    }
    if (overtaking === 0) return;
    for (const segment of this.#flight.values()) {
      if (segment.sequence >= highest) break;
      segment.skips += overtaking;
    }
  }

  /** RFC 6298 section 2; only of segments sent once (Karn). */
  #measure(rttMs: number): void {
    if (this.#srttMs === undefined) {
      this.#srttMs = rttMs;
      this.#rttvarMs = rttMs / 2;
    } else {
      this.#rttvarMs = 0.75 * this.#rttvarMs + 0.25 * Math.abs(this.#srttMs - rttMs);
      this.#srttMs = 0.875 * this.#srttMs + 0.125 * rttMs;
    }
    this.#rtoMs = Math.min(RTO_MS_MAX, Math.max(RTO_MS_MIN, this.#srttMs + 4 * this.#rttvarMs));
  }

  #assemble(): Buffer[] {
    const messages: Buffer[] = [];
    for (;;) {
      const segment = this.#early.get(this.#expected);
      if (!segment) return messages;
      this.#early.delete(this.#expected);
      this.#expected += 1;
      this.#parts.push(segment.payload);
      this.#partsBytes += segment.payload.length;
      if (this.#partsBytes > RELIABLE_MESSAGE_BYTES_MAX || this.#parts.length > SEGMENTS_PER_MESSAGE_MAX) {
        this.#broken = true;
        return messages;
      }
      if (!segment.last) continue;
      messages.push(this.#parts.length === 1 ? segment.payload : Buffer.concat(this.#parts));
      this.#parts.length = 0;
      this.#partsBytes = 0;
    }
  }

  #ack(): Buffer {
    const plaintext = Buffer.allocUnsafe(ACK_BYTES);
    let bits = 0;
    for (const sequence of this.#early.keys()) {
      const offset = sequence - this.#expected;
      if (offset >= 1 && offset <= 32) bits |= 1 << (offset - 1);
    }
    plaintext[0] = ContentType.ack;
    plaintext.writeUInt32BE(this.#expected, 1);
    plaintext.writeUInt32BE(bits >>> 0, 5);
    return plaintext;
  }
}
