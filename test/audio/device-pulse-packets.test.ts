import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMMAND, commandPacket, PacketSplitter, samplesPacket } from '../../src/audio/device-pulse-packets.ts';

/** What comes out of these bytes in pieces of such lengths. */
function split(bytes: Buffer, lengths: readonly number[]): string[] {
  const splitter = new PacketSplitter();
  const out: string[] = [];
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const length = lengths[n % lengths.length]!;
    for (const packet of splitter.push(Buffer.from(bytes.subarray(at, at + length)))) {
      out.push(
        packet.type === 'samples'
          ? `${packet.channel}: ${packet.bytes.toString()}`
          : `${packet.command}, ${packet.tag}: ${packet.values.string()}`,
      );
    }
    at += length;
  }
  return out;
}

describe('packets of the native protocol', () => {
  it('come out whole, in whatever pieces they came', () => {
    const bytes = Buffer.concat([
      commandPacket(COMMAND.reply, 3, (values) => values.string('speaker')),
      samplesPacket(0, Buffer.from('abcdef')),
      samplesPacket(9, Buffer.alloc(0)),
      commandPacket(COMMAND.underflow, 0xffff_ffff, (values) => values.string(undefined)),
    ]);
    const whole = ['2, 3: speaker', '0: abcdef', '9: ', '63, 4294967295: undefined'];
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 9 }), (lengths) => {
        expect(split(bytes, lengths)).toEqual(whole);
      }),
    );
  });

  it('too long to be any end it, and nothing is kept for them', () => {
    const head = Buffer.alloc(20, 0xff);
    const splitter = new PacketSplitter();
    expect(splitter.push(head)).toEqual([]);
    expect(splitter.broken).toBe(true);
    expect(splitter.push(samplesPacket(0, Buffer.from('x')))).toEqual([]);
  });

  it('of commands that are none are passed over', () => {
    const splitter = new PacketSplitter();
    expect(splitter.push(samplesPacket(0xffff_ffff, Buffer.from('LXX')))).toEqual([]);
    expect(splitter.broken).toBe(false);
  });
});
