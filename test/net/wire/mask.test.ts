/** The mask: what it gives back, what it makes of garbage, and that two packets have nothing in common. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Mask, readDatagram } from '../../../src/net/wire/mask.ts';
import { handshakePacket, PacketKind, writeHeader } from '../../../src/net/wire/packet.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const mask = new Mask(Buffer.alloc(32, 7));
const random = seededRandom('mask');

function dataPacket(sealed: Uint8Array): Buffer {
  const packet = Buffer.alloc(12 + 16 + sealed.length);
  writeHeader(packet, PacketKind.data, 2, 0x0badcafe);
  packet.set(sealed, 28);
  return packet;
}

const packets = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map(dataPacket),
  fc
    .tuple(fc.constantFrom(1, 2, 3, 4), fc.uint8Array({ minLength: 4, maxLength: 300 }))
    .map(([kind, body]) => handshakePacket(kind as 1, 7, body)),
);

describe('the mask', () => {
  it('gives back every packet, and leaves what was handed in as it was', () => {
    fc.assert(
      fc.property(packets, (packet) => {
        const before = Buffer.from(packet);
        const covered = mask.cover(packet, random);
        const sent = Buffer.from(covered);
        const cut = mask.uncover(covered);
        expect(cut).toMatchObject({ length: covered.length, packet: { bytes: before } });
        expect([packet, covered]).toEqual([before, sent]);
      }),
    );
  });

  it('adds nothing to data and sixteen bytes to a handshake', () => {
    expect(mask.cover(dataPacket(Buffer.alloc(9)), random)).toHaveLength(37);
    expect(mask.cover(handshakePacket(PacketKind.cookie, 1, Buffer.alloc(18)), random)).toHaveLength(8 + 18 + 16);
  });

  it('covers the same Hello otherwise each time, in every byte', () => {
    const hello = handshakePacket(PacketKind.hello, 0, Buffer.alloc(40));
    const [one, other] = [mask.cover(hello, random), mask.cover(hello, random)];
    const alike = one.filter((byte, i) => byte === other[i]).length;
    expect(alike).toBeLessThan(5);
  });

  it('does not let header and body betray one another', () => {
    const hello = handshakePacket(PacketKind.hello, 0, Buffer.alloc(40));
    const between = (): string => {
      const bytes = mask.cover(hello, random);
      return Buffer.from(bytes.subarray(0, 12).map((byte, i) => byte ^ (bytes[28 + i] ?? 0))).toString('hex');
    };
    expect(between()).not.toBe(between());
  });

  it('is another one in another network', () => {
    const other = new Mask(Buffer.alloc(32, 8));
    const covered = mask.cover(dataPacket(Buffer.alloc(30)), random);
    expect(other.uncover(covered)).toBe('bad');
  });

  it('makes nothing of garbage, and is none the worse for it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const cut = mask.uncover(Buffer.from(bytes));
        if (typeof cut !== 'string') expect(cut.length).toBeLessThanOrEqual(bytes.length);
      }),
    );
    const packet = dataPacket(Buffer.alloc(30));
    expect(mask.uncover(mask.cover(packet, random))).toMatchObject({ packet: { bytes: packet } });
  });

  it('waits for what is not whole', () => {
    const covered = mask.cover(dataPacket(Buffer.alloc(30)), random);
    for (let length = 0; length < covered.length; length++) {
      expect(mask.uncover(covered.subarray(0, length)), `${length} bytes`).toBe('more');
    }
  });
});

describe('a datagram', () => {
  it('holds up to eight packets, each under its own mask', () => {
    const packet = dataPacket(Buffer.alloc(5, 1));
    const nine = Array.from({ length: 9 }, () => mask.cover(packet, random));
    expect(readDatagram(Buffer.concat(nine.slice(1)), mask)).toMatchObject({ bad: false, packets: { length: 8 } });
    expect(readDatagram(Buffer.concat(nine), mask)).toMatchObject({ bad: true, packets: { length: 8 } });
  });

  it('is read up to what is bad in it', () => {
    const good = mask.cover(dataPacket(Buffer.alloc(5, 1)), random);
    expect(readDatagram(Buffer.concat([good, Buffer.alloc(40)]), mask)).toMatchObject({
      ...{ bad: true, packets: { length: 1 } },
    });
    expect(readDatagram(Buffer.concat([good, good.subarray(0, 30)]), mask).packets).toHaveLength(1);
  });
});
