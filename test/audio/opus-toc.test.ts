import { describe, expect, it } from 'vitest';
import { concealmentToc, packetDurationMs } from '../../src/audio/opus-toc.ts';

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

  it('makes a concealment packet by clearing the frame count', () => {
    expect(concealmentToc(Uint8Array.of(0x4b))).toBe(0x48);
  });
});
