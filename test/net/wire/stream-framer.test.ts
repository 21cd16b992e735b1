import { describe, expect, it } from 'vitest';
import { handshakePacket, PacketKind, readDatagram, readPacket } from '../../../src/net/wire/packet.ts';
import { StreamFramer } from '../../../src/net/wire/stream-framer.ts';

const first = handshakePacket(PacketKind.hello, 0, Buffer.from('one'));
const second = handshakePacket(PacketKind.auth1, 7, Buffer.from('twotwo'));

describe('the envelope', () => {
  it('is a 4-byte common header whose length leads to the next packet', () => {
    expect(first.subarray(0, 8)).toEqual(Buffer.from([0x10, 1, 0, 7, 0, 0, 0, 0]));
    const { packets, bad } = readDatagram(Buffer.concat([first, second]));
    expect(packets.map((one) => one.body.toString())).toEqual(['one', 'twotwo']);
    expect(bad).toBe(false);
  });

  it('refuses what is short, of another version, of an unknown kind, or longer than what came', () => {
    for (const bytes of [
      first.subarray(0, 6),
      Buffer.concat([Buffer.from([0x10, 2]), first.subarray(2)]),
      Buffer.alloc(40),
    ]) {
      expect(readPacket(bytes)).toBeUndefined();
    }
    const lying = Buffer.from(first);
    lying.writeUInt16BE(500, 2);
    expect(readPacket(lying)).toBeUndefined();
    expect(readDatagram(Buffer.concat([first, lying]))).toMatchObject({ bad: true });
  });
});

describe('a stream', () => {
  it.each([1, 3, 64])('cut into pieces of %d bytes gives the same packets', (piece) => {
    const framer = new StreamFramer({ incoming: true });
    const bytes = Buffer.concat([first, second, first]);
    const bodies: string[] = [];
    for (let at = 0; at < bytes.length; at += piece) {
      bodies.push(...framer.push(bytes.subarray(at, at + piece)).packets.map((one) => one.body.toString()));
    }
    expect(bodies).toEqual(['one', 'twotwo', 'one']);
  });

  it('with the classic face opens with 16 03 01 00 00 and is answered 17 03 01 00 00', () => {
    const server = new StreamFramer({ incoming: true });
    const opening = StreamFramer.opening('classic');
    expect(opening).toEqual(Buffer.from([0x16, 3, 1, 0, 0]));
    const framed = server.push(Buffer.concat([opening, first]));
    expect(framed.reply).toEqual(Buffer.from([0x17, 3, 1, 0, 0]));
    expect(framed.packets).toHaveLength(1);
    const client = new StreamFramer({ incoming: false, face: 'classic' });
    expect(client.push(Buffer.concat([framed.reply, second])).packets.map((one) => one.body.toString())).toEqual([
      'twotwo',
    ]);
  });

  it('that is not ours is bad from its first wrong byte and for good', () => {
    const framer = new StreamFramer({ incoming: true });
    expect(framer.push(Buffer.from('GET / HTTP/1.1\r\n\r\n')).bad).toBe(true);
    expect(framer.push(first).bad).toBe(true);
    const tls = new StreamFramer({ incoming: true });
    expect(tls.push(Buffer.from([0x16, 3, 1, 2, 0, 1])).bad).toBe(true);
  });
});
