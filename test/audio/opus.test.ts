import { describe, expect, it } from 'vitest';
import { hasNativeOpus, openOpus } from '../../src/audio/opus.ts';
import { packetDurationMs } from '../../src/audio/opus-toc.ts';
import { levelDb, SILENCE } from '../../src/audio/pcm.ts';
import { correlation, findDelay } from '../support/likeness.ts';
import { framesOf, speech, tone } from '../support/speech.ts';

const { samples } = speech();
const clip = samples.subarray(0, 32_000);
const kinds = (['native', 'wasm'] as const).filter((kind) => {
  if (kind === 'wasm' || hasNativeOpus()) return true;
  console.log(
    'SKIPPED native Opus: @discordjs/opus is not installed or does not load here; only WebAssembly is tested',
  );
  return false;
});

function decodeAll(packets: readonly Uint8Array[], kind: 'native' | 'wasm'): Int16Array {
  const codec = openOpus(kind);
  const all = new Int16Array(packets.length * 320);
  const pcm = new Int16Array(960);
  for (const [at, packet] of packets.entries()) {
    expect(codec.decode(packet, 20, pcm)).toBe(320);
    all.set(pcm.subarray(0, 320), at * 320);
  }
  codec.close();
  return all;
}

function encodeAll(pcm: Int16Array, kind: 'native' | 'wasm'): Uint8Array[] {
  const codec = openOpus(kind);
  const packets = framesOf(pcm).map((frame) => codec.encode(frame));
  codec.close();
  return packets;
}

describe.each(kinds)('Opus, %s', (kind) => {
  it('makes packets of one size for speech, tones, noise and silence', () => {
    const codec = openOpus(kind);
    expect(codec.kind).toBe(kind);
    const noise = Int16Array.from({ length: 16_000 }, (_, at) => ((at * 7919) % 65_536) - 32_768);
    for (const sound of [clip, tone(440, 1), noise, new Int16Array(16_000)]) {
      for (const frame of framesOf(sound)) expect(codec.encode(frame).length).toBe(57);
    }
    codec.close();
  });

  it('gives speech back after the delay of the codec', () => {
    const heard = decodeAll(encodeAll(clip, kind), kind);
    const delay = findDelay(clip, heard);
    expect(delay / 16).toBeCloseTo(6.5, 0);
    expect(correlation(clip.subarray(0, clip.length - delay), heard.subarray(delay))).toBeGreaterThan(0.88);
  });

  it('is understood by every other one', () => {
    for (const other of kinds) {
      const heard = decodeAll(encodeAll(clip, kind), other);
      const delay = findDelay(clip, heard);
      expect(correlation(clip.subarray(0, clip.length - delay), heard.subarray(delay))).toBeGreaterThan(0.88);
    }
  });

  it('refuses frames of a wrong length as our own mistake, without ending the process', () => {
    const codec = openOpus(kind);
    for (const length of [0, 1, 160, 240, 319, 321, 480, 641, 961, 1280, 2240]) {
      expect(() => codec.encode(new Int16Array(length))).toThrow(RangeError);
    }
    expect(codec.encode(SILENCE).length).toBe(57);
    codec.close();
  });

  it('makes packets of exactly the size asked for, 20 to 60 ms long, and refuses bit rates out of bounds', () => {
    const codec = openOpus(kind);
    for (const [samples, bytes] of [
      [320, 37],
      [960, 45],
      [320, 117],
      [640, 77],
      [960, 117],
      [320, 39],
      [960, 66],
      [320, 57],
    ] as const) {
      for (let at = 3200; at < 9600; at += samples) {
        const packet = codec.encode(clip.subarray(at, at + samples), bytes);
        expect(packet.length).toBe(bytes);
        expect(packetDurationMs(packet)).toBe(samples / 16);
      }
    }
    for (const [samples, bytes] of [
      [960, 44],
      [320, 161],
      [640, 56.5],
      [320, 0],
    ] as const) {
      expect(() => codec.encode(new Int16Array(samples), bytes)).toThrow(RangeError);
    }
    codec.close();
  });

  it('encodes a frame that lies anywhere in memory', () => {
    const [one, other] = [openOpus(kind), openOpus(kind)];
    const frame = clip.slice(3200, 3520);
    expect(Buffer.from(one.encode(clip.subarray(3200, 3520)))).toEqual(Buffer.from(other.encode(frame)));
    one.close();
    other.close();
  });

  it('conceals 20 ms at a time, fading, in the manner of the last packet', () => {
    const codec = openOpus(kind);
    const pcm = new Int16Array(960);
    expect(codec.conceal(pcm)).toBe(0);
    for (const packet of encodeAll(tone(200, 0.4), kind)) codec.decode(packet, 20, pcm);
    const levels = [levelDb(pcm.subarray(0, 320))];
    for (let n = 0; n < 4; n++) {
      expect(codec.conceal(pcm)).toBe(320);
      levels.push(levelDb(pcm.subarray(0, 320)));
    }
    expect(levels[1]).toBeGreaterThan(levels[0]! - 6);
    expect(levels[4]).toBeLessThan(levels[1]! - 6);
    codec.close();
  });

  it('decodes only what was announced: not the empty packet, not another duration, not into too little room', () => {
    const codec = openOpus(kind);
    const pcm = new Int16Array(960);
    const [packet] = encodeAll(clip.subarray(0, 320), kind);
    expect(codec.decode(new Uint8Array(0), 20, pcm)).toBe(0);
    expect(codec.decode(packet!.subarray(0, 1), 20, pcm)).toBe(0);
    expect(codec.decode(packet!, 40, pcm)).toBe(0);
    expect(codec.decode(packet!, 20, new Int16Array(319))).toBe(0);
    expect(codec.decode(Buffer.alloc(241, 0x48), 20, pcm)).toBe(0);
    expect(codec.decode(packet!, 20, pcm)).toBe(320);
    codec.close();
  });

  it('survives 20 000 damaged packets and still works', () => {
    const codec = openOpus(kind);
    const pcm = new Int16Array(960);
    const good = encodeAll(clip, kind);
    let seed = 7;
    const chance = (below: number): number => {
      seed = (seed * 48_271) % 0x7fff_ffff;
      return seed % below;
    };
    let refused = 0;
    for (let n = 0; n < 20_000; n++) {
      const packet = Buffer.from(good[chance(good.length)]!.subarray(0, 2 + chance(56)));
      for (let flips = chance(6); flips >= 0; flips--) packet[chance(packet.length)] = chance(256);
      const count = codec.decode(packet, [10, 20, 40, 60][chance(4)]!, pcm);
      if (count === 0) refused++;
      if (chance(10) === 0) codec.conceal(pcm);
    }
    expect(refused).toBeGreaterThan(5000);
    for (const packet of good.slice(0, 5)) expect(codec.decode(packet, 20, pcm)).toBe(320);
    codec.close();
  });
});

describe('the choice of Opus', () => {
  it('prefers the native one and takes WebAssembly when asked', () => {
    const [preferred, forced] = [openOpus(), openOpus('wasm')];
    expect(preferred.kind).toBe(kinds[0]);
    expect(forced.kind).toBe('wasm');
    preferred.close();
    forced.close();
  });

  it('keeps several WebAssembly codecs out of one another', () => {
    const together = Array.from({ length: 6 }, () => openOpus('wasm'));
    const alone = encodeAll(clip.subarray(0, 6400), 'wasm').map((packet) => Buffer.from(packet));
    const pcm = new Int16Array(960);
    for (const [at, frame] of framesOf(clip.subarray(0, 6400)).entries()) {
      for (const codec of together) {
        const packet = codec.encode(frame);
        expect(Buffer.from(packet)).toEqual(alone[at]);
        codec.decode(packet, 20, pcm);
      }
    }
    for (const codec of together) codec.close();
  });
});
