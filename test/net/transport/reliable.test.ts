import { describe, expect, it } from 'vitest';
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
} from '../../../src/net/protocol/params.ts';
import { ReliableChannel } from '../../../src/net/transport/reliable.ts';

function segment(sequence: number, payload: Buffer, last: boolean): Buffer {
  const header = Buffer.alloc(6);
  header.writeUInt32BE(sequence, 1);
  header[5] = last ? 1 : 0;
  return Buffer.concat([header, payload]);
}

/** What the channel acknowledges now: the sequence it expects next. */
function expects(channel: ReliableChannel): number | undefined {
  return channel.take(0)[0]?.plaintext.readUInt32BE(1);
}

describe('a hostile sender', () => {
  it('cannot make a message of endless empty segments', () => {
    const channel = new ReliableChannel();
    for (let sequence = 0; sequence < SEGMENTS_PER_MESSAGE_MAX; sequence++) {
      channel.receive(0, segment(sequence, Buffer.alloc(0), false));
      expect(channel.broken, `after ${sequence}`).toBe(false);
    }
    channel.receive(0, segment(SEGMENTS_PER_MESSAGE_MAX, Buffer.alloc(0), false));
    expect(channel.broken).toBe(true);
  });

  it('cannot make us keep segments larger than any honest one', () => {
    const channel = new ReliableChannel();
    channel.receive(0, segment(0, Buffer.alloc(SEGMENT_BYTES + 1), true));
    channel.receive(0, segment(1, Buffer.alloc(SEGMENT_BYTES), true));
    expect(expects(channel)).toBe(0);
    channel.receive(0, segment(0, Buffer.alloc(SEGMENT_BYTES), true));
    expect(expects(channel)).toBe(2);
  });
});

describe('a message', () => {
  it('may come in the smallest segments that its bound allows', () => {
    const channel = new ReliableChannel();
    const got: Buffer[] = [];
    for (let sequence = 0; sequence < SEGMENTS_PER_MESSAGE_MAX; sequence++) {
      const last = sequence === SEGMENTS_PER_MESSAGE_MAX - 1;
      got.push(...channel.receive(0, segment(sequence, Buffer.of(sequence & 255), last)));
    }
    expect(got).toHaveLength(1);
    expect(got[0]).toHaveLength(SEGMENTS_PER_MESSAGE_MAX);
  });
});

/** Two channels in a world without delay of its own; the scene says what arrives. */
class Conversation {
  now = 0;
  readonly sender = new ReliableChannel();
  readonly receiver = new ReliableChannel();
  readonly got: string[] = [];

  says(...texts: string[]): void {
    for (const text of texts) expect(this.sender.send(Buffer.from(text))).toBe(true);
  }

  /** What the sender puts on the wire now. */
  sent(): Buffer[] {
    return this.sender.take(this.now).map(({ plaintext }) => plaintext);
  }

  /** These arrive; returns the acknowledgement. */
  arrive(...segments: (Buffer | undefined)[]): Buffer {
    for (const one of segments)
      if (one) this.got.push(...this.receiver.receive(this.now, one).map((bytes) => bytes.toString()));
    return this.receiver.take(this.now)[0]?.plaintext ?? Buffer.alloc(0);
  }

  acknowledged(ack: Buffer): void {
    this.sender.receive(this.now, ack);
  }

  /** Everything arrives and is acknowledged, round after round of so long. */
  flows(rounds: number, roundTripMs: number): void {
    for (let round = 0; round < rounds; round++) {
      const segments = this.sent();
      this.now += roundTripMs;
      this.acknowledged(this.arrive(...segments));
    }
  }
}

const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `line ${i}`);

describe('the window', () => {
  it('begins small, grows with every acknowledgement, and has an end', () => {
    const it = new Conversation();
    it.says(...many(400));
    const sizes: number[] = [];
    for (let round = 0; round < 8; round++) {
      const segments = it.sent();
      sizes.push(segments.length);
      it.now += 20;
      it.acknowledged(it.arrive(...segments));
    }
    expect(sizes.slice(0, 3)).toEqual([4, 8, 16]);
    expect(Math.max(...sizes)).toBe(SEGMENTS_IN_FLIGHT_MAX);
  });

  it('is halved by a time-out', () => {
    const it = new Conversation();
    it.says(...many(200));
    it.flows(4, 20);
    const before = it.sent().length;
    it.now += RTO_MS_MAX;
    it.acknowledged(it.arrive(...it.sent()));
    it.flows(1, 20);
    expect(it.sent().length).toBeLessThan(before);
  });
});

describe('a lost segment', () => {
  it('is sent again at once when three later ones are acknowledged, long before its time is up', () => {
    const it = new Conversation();
    it.says(...many(4));
    const [lost, ...rest] = it.sent();
    it.now += 10;
    it.acknowledged(it.arrive(...rest));
    expect(it.sent()).toEqual([lost]);
    it.acknowledged(it.arrive(lost));
    expect(it.got).toEqual(many(4));
    expect(it.sender.idle).toBe(true);
  });

  it('is not sent again for two later ones: they may only have overtaken it', () => {
    const it = new Conversation();
    it.says(...many(3));
    const [lost, ...rest] = it.sent();
    it.now += 10;
    it.acknowledged(it.arrive(...rest));
    expect(it.sent()).toEqual([]);
    it.now += RTO_MS_START;
    expect(it.sent()).toEqual([lost]);
  });

  it('is sent again ever more rarely, and the channel breaks when nothing is acknowledged for long', () => {
    const it = new Conversation();
    it.says('hello?');
    const at: number[] = [];
    for (; it.now < 60_000; it.now = Math.min(it.sender.wakeAt(), RELIABLE_SILENCE_MS_MAX)) {
      if (it.sent().length > 0) at.push(it.now);
      if (it.sender.broken) break;
    }
    const pauses = at.slice(1).map((time, i) => time - (at[i] ?? 0));
    expect(pauses[0]).toBe(RTO_MS_START);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(RTO_MS_MAX);
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
    expect(it.now).toBe(RELIABLE_SILENCE_MS_MAX);
  });

  it('costs the round trip measured so far nothing: what was sent twice is not measured', () => {
    const it = new Conversation();
    it.says('one');
    it.flows(1, 40);
    expect(it.sender.rttMs).toBe(40);
    it.says('two');
    it.sent();
    it.now += RTO_MS_START;
    it.acknowledged(it.arrive(...it.sent()));
    expect(it.sender.rttMs).toBe(40);
  });
});

describe('a quiet channel', () => {
  it('asks for no waking, however long ago the last word was', () => {
    const it = new Conversation();
    it.says('one');
    it.flows(1, 40);
    it.sent();
    expect(it.sender.wakeAt()).toBe(Number.POSITIVE_INFINITY);
    it.now += 10 * RELIABLE_SILENCE_MS_MAX;
    it.says('two');
    it.sent();
    expect(it.sender.broken).toBe(false);
    expect(it.sender.wakeAt() - it.now).toBeGreaterThanOrEqual(RTO_MS_MIN);
  });
});

describe('bounds', () => {
  it('refuse a message that is too long, and a queue that nobody empties', () => {
    const { sender } = new Conversation();
    expect(sender.send(Buffer.alloc(RELIABLE_MESSAGE_BYTES_MAX + 1))).toBe(false);
    let taken = 0;
    while (sender.send(Buffer.alloc(100_000))) taken += 100_000;
    expect(taken).toBeLessThanOrEqual(RELIABLE_QUEUE_BYTES_MAX);
    expect(taken).toBeGreaterThan(RELIABLE_QUEUE_BYTES_MAX / 2);
  });

  it('let an acknowledgement of what was never sent do no harm', () => {
    const it = new Conversation();
    it.says('one');
    it.sent();
    const ack = Buffer.alloc(9, 0xff);
    ack[0] = 1;
    it.acknowledged(ack);
    it.says('two');
    expect(it.sent()).toHaveLength(1);
    expect(it.sender.broken).toBe(false);
  });

  it('keep a segment from far ahead out', () => {
    const it = new Conversation();
    it.arrive(segment(SEGMENTS_IN_FLIGHT_MAX, Buffer.from('far'), true));
    for (let sequence = 0; sequence < SEGMENTS_IN_FLIGHT_MAX; sequence++) {
      it.arrive(segment(sequence, Buffer.from(`${sequence}`), true));
    }
    expect(it.got).not.toContain('far');
    expect(it.got).toHaveLength(SEGMENTS_IN_FLIGHT_MAX);
  });
});
