import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openOpus } from '../../src/audio/opus.ts';
import { VOICE_BODY_BYTES, VOICE_BODY_BYTES_MAX } from '../../src/audio/params.ts';
import { levelDb, SILENCE } from '../../src/audio/pcm.ts';
import {
  encodeVoiceBody,
  FRAME_DURATIONS_MS,
  mediaTimeOf,
  parseVoiceBody,
  silenceBody,
  withMediaTime,
} from '../../src/audio/voice-body.ts';

const bodies = fc
  .record({
    mediaTime: fc.integer({ min: 0, max: 0xffff }),
    durationMs: fc.constantFrom(...FRAME_DURATIONS_MS),
    distance: fc.integer({ min: 1, max: 3 }),
    muted: fc.boolean(),
    held: fc.boolean(),
    count: fc.integer({ min: 1, max: 4 }),
    length: fc.integer({ min: 2, max: 59 }),
  })
  .map(({ count, length, ...rest }) => ({
    ...rest,
    frames: Array.from({ length: count }, (_, at) => Buffer.alloc(length, at + 1)),
  }));

describe('a voice body', () => {
  it('comes back from its bytes as it went in', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const parsed = parseVoiceBody(encodeVoiceBody(body))!;
        expect({ ...parsed, frames: parsed.frames.map((frame) => Buffer.from(frame)) }).toEqual(body);
      }),
    );
  });

  it('is laid out as the specification draws it', () => {
    const bytes = encodeVoiceBody({
      mediaTime: 0x1234,
      durationMs: 20,
      distance: 2,
      muted: true,
      held: false,
      frames: [Buffer.from([1, 2]), Buffer.from([3, 4])],
    });
    expect(bytes.toString('hex')).toBe('65123401020304');
  });

  it('of any bytes is taken apart or refused, never thrown at', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const body = parseVoiceBody(bytes);
        if (!body) return;
        expect(body.frames.length).toBe((bytes[0]! >> 6) + 1);
        expect(3 + body.frames.reduce((sum, frame) => sum + frame.length, 0)).toBe(bytes.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused when too short, too long, not divisible, or with distance 0', () => {
    const good = silenceBody(0);
    expect(parseVoiceBody(good)).toBeDefined();
    expect(parseVoiceBody(good.subarray(0, 4))).toBeUndefined();
    expect(parseVoiceBody(Buffer.alloc(VOICE_BODY_BYTES_MAX + 1, 0x14))).toBeUndefined();
    const two = Buffer.from(good);
    two[0] = 0x54;
    expect(parseVoiceBody(two)).toBeUndefined();
    const zero = Buffer.from(good);
    zero[0] = 0x04;
    expect(parseVoiceBody(zero)).toBeUndefined();
  });

  it('cannot be made of frames that no body carries', () => {
    const one = { mediaTime: 0, durationMs: 20, distance: 1, muted: false, held: false } as const;
    expect(() => encodeVoiceBody({ ...one, frames: [] })).toThrow(RangeError);
    expect(() => encodeVoiceBody({ ...one, frames: [Buffer.alloc(1)] })).toThrow(RangeError);
    expect(() => encodeVoiceBody({ ...one, frames: [Buffer.alloc(9), Buffer.alloc(8)] })).toThrow(RangeError);
    expect(() => encodeVoiceBody({ ...one, frames: Array(5).fill(Buffer.alloc(9)) })).toThrow(RangeError);
    expect(() => encodeVoiceBody({ ...one, distance: 4, frames: [Buffer.alloc(9)] })).toThrow(RangeError);
  });

  it('changes its media time and nothing else', () => {
    const body = silenceBody(7);
    const moved = withMediaTime(body, 65_536 + 900);
    expect(mediaTimeOf(moved)).toBe(900);
    expect(withMediaTime(moved, 7)).toEqual(body);
    expect(withMediaTime(Buffer.from([1]), 5)).toEqual(Buffer.from([1]));
    expect(mediaTimeOf(Buffer.from([1]))).toBeUndefined();
  });
});

describe('the ready body of silence', () => {
  it('is what the codec makes of silence, and has the size of speech', () => {
    const codec = openOpus();
    const frames = Array.from({ length: 10 }, () => Buffer.from(codec.encode(SILENCE)));
    codec.close();
    const body = parseVoiceBody(silenceBody(3))!;
    expect(frames.some((frame) => frame.equals(Buffer.from(body.frames[0]!)))).toBe(true);
    expect(silenceBody(3).length).toBe(VOICE_BODY_BYTES);
    expect(body).toMatchObject({ mediaTime: 3, durationMs: 20, muted: false, held: false });
  });

  it('decodes to silence however often it is repeated', () => {
    const codec = openOpus();
    const frame = parseVoiceBody(silenceBody(0))!.frames[0]!;
    const pcm = new Int16Array(960);
    for (let n = 0; n < 100; n++) {
      expect(codec.decode(frame, 20, pcm)).toBe(320);
      expect(levelDb(pcm.subarray(0, 320))).toBeLessThanOrEqual(-90);
    }
    codec.close();
  });
});
