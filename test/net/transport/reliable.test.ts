import { describe, expect, it } from 'vitest';
import { SEGMENT_BYTES, SEGMENTS_PER_MESSAGE_MAX } from '../../../src/net/protocol/params.ts';
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
