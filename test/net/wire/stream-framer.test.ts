/** Streams: whatever they are cut into, which face they have, and what is not ours. */
import { describe, expect, it } from 'vitest';
import { Mask } from '../../../src/net/wire/mask.ts';
import { handshakePacket, PacketKind, readPacket } from '../../../src/net/wire/packet.ts';
import { beginsLikeAnother, StreamFramer } from '../../../src/net/wire/stream-framer.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const mask = new Mask(Buffer.alloc(32, 7));
const random = seededRandom('streams');
const first = handshakePacket(PacketKind.hello, 0, Buffer.from('one two'));
const second = handshakePacket(PacketKind.auth1, 7, Buffer.from('twotwo'));
const covered = (packet: Buffer): Buffer => mask.cover(packet, random);

describe('the envelope', () => {
  it('is a 4-byte common header whose length leads to the next packet', () => {
    expect(first.subarray(0, 8)).toEqual(Buffer.from([0x10, 1, 0, 11, 0, 0, 0, 0]));
    const packet = readPacket(Buffer.concat([first, second]));
    expect(packet?.bytes).toEqual(first);
    expect(packet?.body.toString()).toBe('one two');
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
  });
});

describe('a stream', () => {
  it.each([
    ['masked', 1],
    ['masked', 3],
    ['masked', 64],
    ['carried', 1],
    ['carried', 64],
  ] as const)('%s, cut into pieces of %d bytes gives the same packets', (how, piece) => {
    const framer = new StreamFramer({ incoming: true, mask: how === 'masked' ? mask : undefined });
    const packets = [first, second, first];
    const bytes = Buffer.concat(how === 'masked' ? packets.map(covered) : packets);
    const bodies: string[] = [];
    for (let at = 0; at < bytes.length; at += piece) {
      bodies.push(...framer.push(bytes.subarray(at, at + piece)).packets.map((one) => one.body.toString()));
    }
    expect(bodies).toEqual(['one two', 'twotwo', 'one two']);
  });

  it('with the classic face opens with 16 03 01 00 00 and is answered 17 03 01 00 00', () => {
    const server = new StreamFramer({ incoming: true, mask });
    const opening = StreamFramer.opening('classic');
    expect(opening).toEqual(Buffer.from([0x16, 3, 1, 0, 0]));
    const framed = server.push(Buffer.concat([opening, covered(first)]));
    expect(framed.reply).toEqual(Buffer.from([0x17, 3, 1, 0, 0]));
    expect(framed.packets).toHaveLength(1);
    const client = new StreamFramer({ incoming: false, mask, face: 'classic' });
    const { packets } = client.push(Buffer.concat([framed.reply, covered(second)]));
    expect(packets.map((one) => one.body.toString())).toEqual(['twotwo']);
  });

  it('may begin with 16 alone: the second byte tells the classic face', () => {
    let bytes = covered(first);
    while (bytes[0] !== 0x16 || bytes[1] === 3) bytes = covered(first);
    const framer = new StreamFramer({ incoming: true, mask });
    expect(framer.push(bytes.subarray(0, 1))).toMatchObject({ packets: [], bad: false });
    expect(framer.push(bytes.subarray(1)).packets).toHaveLength(1);
  });

  it('must not begin like TLS, the classic face or an install notice', () => {
    for (const text of ['160301020001', '1603010000', '47455420']) {
      expect(beginsLikeAnother(Buffer.from(text, 'hex')), text).toBe(true);
    }
    for (const text of ['16', '160201', '474554', '470301']) {
      expect(beginsLikeAnother(Buffer.from(text, 'hex')), text).toBe(false);
    }
  });

  it('that is not ours is bad from its first packet and for good', () => {
    const framer = new StreamFramer({ incoming: true, mask });
    expect(framer.push(Buffer.from('GET / HTTP/1.1\r\nHost: example\r\n\r\n')).bad).toBe(true);
    expect(framer.push(covered(first)).bad).toBe(true);
    const tls = new StreamFramer({ incoming: true, mask });
    expect(tls.push(Buffer.from([0x16, 3, 1, 2, 0, 1])).bad).toBe(true);
  });
});
