import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  asFromVoice,
  asToVoice,
  encodeControl,
  encodeVoiceDown,
  encodeVoiceUp,
  PortDecoder,
  type PortMessage,
} from '../../src/audio/port-codec.ts';
import { INPUT_GAIN_DB_MAX } from '../../src/net/protocol/params.ts';

const frames = [
  encodeControl({ type: 'start', spec: 'file:a.wav,b.wav', call: 'c1' }),
  encodeVoiceUp(Buffer.alloc(60, 7)),
  encodeVoiceUp(Buffer.alloc(60, 5), 4),
  encodeVoiceDown(1234.5, 3, Buffer.alloc(60, 9)),
  encodeControl({ type: 'stop' }),
];
const wanted = [
  { type: 'control', value: { type: 'start', spec: 'file:a.wav,b.wav', call: 'c1' } },
  { type: 'voice-up', talker: 0, body: Buffer.alloc(60, 7) },
  { type: 'voice-up', talker: 4, body: Buffer.alloc(60, 5) },
  { type: 'voice-down', arrivalMs: 1234.5, talker: 3, body: Buffer.alloc(60, 9) },
  { type: 'control', value: { type: 'stop' } },
];

/** Bodies are views on the chunk: kept, they must be copied. */
function copied(message: PortMessage): PortMessage {
  return message.type === 'control' ? message : { ...message, body: Buffer.from(message.body) };
}

describe('the framing of the port', () => {
  it('is type, three bytes of length, payload', () => {
    expect(encodeVoiceUp(Buffer.from([1, 2])).toString('hex')).toBe('020000020102');
    expect(encodeVoiceUp(Buffer.from([1, 2]), 3).toString('hex')).toBe('04000003030102');
    expect(encodeVoiceDown(1, 2, Buffer.from([3])).toString('hex')).toBe('0300000a3ff00000000000000203');
    expect(encodeControl({ type: 'stop' }).subarray(4).toString()).toBe('{"type":"stop"}');
  });

  it('gives the same messages however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 }), (cuts) => {
        const stream = Buffer.concat(frames);
        const decoder = new PortDecoder();
        const got: PortMessage[] = [];
        let at = 0;
        for (let n = 0; at < stream.length; n++) {
          const size = cuts[n % cuts.length]!;
          for (const message of decoder.push(stream.subarray(at, at + size))) got.push(copied(message));
          at += size;
        }
        expect(got).toEqual(wanted);
        expect(decoder.ignored).toBe(0);
      }),
    );
  });

  it('ignores and counts unknown types, short frames and what is no JSON object, and goes on', () => {
    const decoder = new PortDecoder();
    const odd = [
      Buffer.from('0900000101', 'hex'),
      Buffer.from('0300000101', 'hex'),
      Buffer.from('04000000', 'hex'),
      ...['{', '[]', 'null', '5', '"x"'].map((text) => {
        const bytes = Buffer.from(text);
        return Buffer.concat([Buffer.from([1, 0, 0, bytes.length]), bytes]);
      }),
      frames[4]!,
    ];
    expect(decoder.push(Buffer.concat(odd)).map(copied)).toEqual([wanted[4]]);
    expect(decoder.ignored).toBe(8);
    expect(decoder.broken).toBe(false);
  });

  it('breaks off at a length that no frame has, and stays broken', () => {
    const decoder = new PortDecoder();
    expect(decoder.push(Buffer.concat([frames[4]!, Buffer.from('01ffffff', 'hex')]))).toHaveLength(1);
    expect(decoder.broken).toBe(true);
    expect(decoder.push(frames[4]!)).toEqual([]);
  });

  it('never throws, whatever comes in', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
        const decoder = new PortDecoder();
        for (const chunk of chunks)
          for (const message of decoder.push(Buffer.from(chunk))) expect(message).toBeDefined();
      }),
    );
  });
});

describe('control messages', () => {
  it('for the child are known commands with their fields, without what is unknown', () => {
    expect(asToVoice({ type: 'start', spec: 'none', call: 'c', more: 1 })).toEqual({
      type: 'start',
      spec: 'none',
      call: 'c',
    });
    expect(asToVoice({ type: 'mute', on: true })).toEqual({ type: 'mute', on: true });
    expect(asToVoice({ type: 'hold', on: false })).toEqual({ type: 'hold', on: false });
    expect(asToVoice({ type: 'way', stream: true })).toEqual({ type: 'way', stream: true });
    expect(asToVoice({ type: 'way', stream: 'tcp' })).toBeUndefined();
    expect(asToVoice({ type: 'stop' })).toEqual({ type: 'stop' });
    const rung = { type: 'rung', frameMs: 60, frameBytes: 45, copies: 0, distance: 1 };
    expect(asToVoice({ ...rung, name: 'E' })).toEqual(rung);
    for (const wrong of [{ frameMs: 15 }, { frameBytes: 500 }, { copies: '1' }, { distance: 0 }, { frameBytes: 1e9 }]) {
      expect(asToVoice({ ...rung, ...wrong })).toBeUndefined();
    }
    const filters = { type: 'filters', echo: 'auto', noise: 'on', gain: 'off', headphones: true, inputGainDb: -20 };
    expect(asToVoice({ ...filters, more: 1 })).toEqual(filters);
    for (const wrong of [
      { echo: 'loud' },
      { gain: true },
      { headphones: 1 },
      { inputGainDb: 21 },
      { inputGainDb: '3' },
    ]) {
      expect(asToVoice({ ...filters, ...wrong })).toBeUndefined();
    }
    expect(asToVoice({ ...filters, inputGainDb: Number.NaN })).toBeUndefined();
    for (const wrong of [{ type: 'start', spec: 1, call: 'c' }, { type: 'mute' }, { type: 'fly' }, {}]) {
      expect(asToVoice(wrong)).toBeUndefined();
    }
  });

  it('carry every input gain that a person may set, and none above it', () => {
    const filters = { type: 'filters', echo: 'auto', noise: 'auto', gain: 'auto', headphones: false };
    for (const inputGainDb of [-INPUT_GAIN_DB_MAX, INPUT_GAIN_DB_MAX])
      expect(asToVoice({ ...filters, inputGainDb })).toEqual({ ...filters, inputGainDb });
    expect(asToVoice({ ...filters, inputGainDb: INPUT_GAIN_DB_MAX + 0.1 })).toBeUndefined();
  });

  it('name a far end, or talker 0 by not naming one, and mean nothing when it cannot be', () => {
    const rung = { type: 'rung', frameMs: 20, frameBytes: 57, copies: 0, distance: 1 };
    for (const known of [
      { type: 'leg', talker: 7, on: true },
      { type: 'leg', talker: 0, on: true, mix: 3 },
      { type: 'mute', on: true, talker: 3 },
      { type: 'hold', on: true, talker: 3 },
      { type: 'way', stream: true, talker: 3 },
      { type: 'away', on: true },
      { ...rung, talker: 2 },
    ])
      expect(asToVoice({ ...known, more: 1 })).toEqual(known);
    expect(asToVoice({ type: 'leg', talker: 1, on: true, mix: '2' })).toEqual({ type: 'leg', talker: 1, on: true });
    for (const talker of [8, -1, 1.5, '1', null, Number.NaN]) {
      for (const word of [{ type: 'leg', on: true }, { type: 'mute', on: true }, rung])
        expect(asToVoice({ ...word, talker })).toBeUndefined();
    }
    for (const wrong of [{ type: 'leg', on: true }, { type: 'leg', talker: 1 }, { type: 'away' }])
      expect(asToVoice(wrong)).toBeUndefined();
  });

  it('of the child are taken by their type', () => {
    expect(asFromVoice({ type: 'input-ended' })).toEqual({ type: 'input-ended' });
    expect(asFromVoice({ type: 'from-the-future' })).toBeUndefined();
    expect(asFromVoice({})).toBeUndefined();
  });
});
