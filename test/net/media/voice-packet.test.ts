import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  callTag,
  isVoiceBodySize,
  loadOf,
  mediaTimeOf,
  parseVoicePacket,
  setHeld,
  setMediaTime,
  VOICE_BODY_BYTES_MAX,
  VOICE_BODY_BYTES_MIN,
  voicePacket,
} from '../../../src/net/media/voice-packet.ts';
import { ContentType } from '../../../src/net/transport/reliable.ts';

describe('a voice packet', () => {
  it('has the layout of the protocol, byte for byte', () => {
    const body = Buffer.alloc(60, 0xab);
    const packet = voicePacket(0x17, 0x1234, body);
    expect(packet.subarray(0, 3).toString('hex')).toBe('971234');
    expect(packet.subarray(3)).toEqual(body);
  });

  it('comes back as it went, for every tag, sequence and body size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 127 }),
        fc.integer({ min: 0, max: 65_535 }),
        fc.uint8Array({ minLength: VOICE_BODY_BYTES_MIN, maxLength: VOICE_BODY_BYTES_MAX }),
        (tag, sequence, body) => {
          expect(parseVoicePacket(voicePacket(tag, sequence, body))).toEqual({
            tag,
            sequence,
            body: Buffer.from(body),
          });
        },
      ),
    );
  });

  it('is never more than undefined when the bytes are garbage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const parsed = parseVoicePacket(Buffer.from(bytes));
        const proper = isVoiceBodySize(bytes.length - 3) && (bytes[0] ?? 0) >= 0x80;
        expect(parsed !== undefined).toBe(proper);
      }),
    );
  });

  it('begins like voice and like nothing else that a session carries', () => {
    for (let tag = 0; tag < 128; tag += 1)
      expect(voicePacket(tag, 0, Buffer.alloc(60))[0]).toBe(ContentType.voice | tag);
  });

  it.each([
    ['00000000000000000000000000000000', 0],
    ['0000000000000000000000000000007f', 127],
    ['000000000000000000000000000000ff', 127],
    ['ffffffffffffffffffffffffffffff81', 1],
  ])('of call %s carries tag %i', (call, tag) => {
    expect(callTag(call)).toBe(tag);
  });

  it('lets the 40 to 120 bytes of the slides pass in either reading, and no others', () => {
    expect([39, 40, 60, 120, 123, 124].map(isVoiceBodySize)).toEqual([false, true, true, true, true, false]);
  });
});

describe('the header of a voice body', () => {
  it('carries a media time that wraps', () => {
    const body = Buffer.alloc(60);
    setMediaTime(body, 65_536 + 7);
    expect(mediaTimeOf(body)).toBe(7);
  });

  it('can be marked as held without losing anything else', () => {
    const body = Buffer.alloc(60, 0x51);
    setHeld(body);
    expect(body[0]).toBe(0x53);
  });

  it.each([
    [0x04, 60, { copies: 0, bitrate: 22_800 }],
    [0x14, 40, { copies: 0, bitrate: 14_800 }],
    [0x54, 119, { copies: 1, bitrate: 23_200 }],
    [0x94, 120, { copies: 2, bitrate: 15_600 }],
    [0x0c, 63, { copies: 0, bitrate: 8_000 }],
  ])('%i over %i bytes tells the rung', (first, bytes, load) => {
    const body = Buffer.alloc(bytes);
    body[0] = first;
    expect(loadOf(body)).toEqual(load);
  });
});
