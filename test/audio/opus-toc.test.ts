import { describe, expect, it } from 'vitest';
import { concealmentToc, isPlayable, packetDurationMs } from '../../src/audio/opus-toc.ts';
import { silenceBody } from '../../src/audio/voice-body.ts';

const packet = (config: number, code: number, count = 0): Uint8Array => Uint8Array.of((config << 3) | code, count);

describe('the first byte of an Opus packet', () => {
  it('tells the length of a frame for all 32 configurations', () => {
    const lengths = Array.from({ length: 32 }, (_, config) => packetDurationMs(packet(config, 0)));
    const silk = [10, 20, 40, 60];
    const celt = [2.5, 5, 10, 20];
    expect(lengths).toEqual([...silk, ...silk, ...silk, 10, 20, 10, 20, ...celt, ...celt, ...celt, ...celt]);
  });

  it('counts frames: one, two, or as many as the second byte says', () => {
    expect(packetDurationMs(packet(9, 1))).toBe(40);
    expect(packetDurationMs(packet(9, 2))).toBe(40);
    expect(packetDurationMs(packet(9, 3, 0xc0 | 3))).toBe(60);
    expect(packetDurationMs(packet(9, 3, 0x41))).toBe(20);
  });

  it('refuses no frames, more than 120 ms, and nothing at all', () => {
    expect(packetDurationMs(packet(9, 3, 0))).toBeUndefined();
    expect(packetDurationMs(packet(9, 3, 7))).toBeUndefined();
    expect(packetDurationMs(Uint8Array.of((9 << 3) | 3))).toBeUndefined();
    expect(packetDurationMs(new Uint8Array(0))).toBeUndefined();
  });

  it('makes a concealment packet of 10 or 20 ms by clearing the frame count, whatever the packet lasted', () => {
    expect(concealmentToc(Uint8Array.of(0x4b))).toBe(0x48);
    for (let config = 0; config < 32; config++) {
      for (const durationMs of [10, 20] as const) {
        const toc = concealmentToc(packet(config, 3, 0x43), durationMs);
        expect(packetDurationMs(Uint8Array.of(toc, 0))).toBe(durationMs);
        // The mode and the band stay.
        expect(toc >> 5).toBe(config >> 2);
      }
    }
  });
});

describe('the structure of an Opus packet', () => {
  const bytes = (...head: number[]): Uint8Array => Uint8Array.from([...head, ...new Array(20).fill(7)]);

  it('is believed when it is whole and lasts what was announced', () => {
    expect(isPlayable(bytes(0x48), 20)).toBe(true);
    expect(isPlayable(bytes(0x48), 40)).toBe(false);
    expect(isPlayable(bytes(0x49, 0), 40)).toBe(false);
    expect(isPlayable(bytes(0x49), 40)).toBe(true);
    expect(isPlayable(bytes(0x4a, 12), 40)).toBe(true);
    expect(isPlayable(bytes(0x4b, 3, 1), 60)).toBe(true);
    expect(isPlayable(silenceBody(0).subarray(3), 20)).toBe(true);
  });

  it('is refused when lengths or padding point beyond its end', () => {
    expect(isPlayable(Uint8Array.of(0x48), 20)).toBe(false);
    expect(isPlayable(bytes(0x4a, 21), 40)).toBe(false);
    expect(isPlayable(bytes(0x4a, 252, 255), 40)).toBe(false);
    expect(isPlayable(bytes(0x4b, 3), 60)).toBe(false);
    expect(isPlayable(bytes(0x4b, 0x41, 60), 20)).toBe(false);
    expect(isPlayable(Uint8Array.of(0x4b, 0x41, 255, 255), 20)).toBe(false);
    expect(isPlayable(bytes(0x4b, 0x83, 200), 60)).toBe(false);
    expect(isPlayable(Uint8Array.of(0x4b, 0x83, 252), 60)).toBe(false);
  });
});
