import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_INDEX, TagReader, TagWriter } from '../../src/audio/device-pulse-tags.ts';

describe('values of the native protocol', () => {
  it('are read as they were written', () => {
    const bytes = new TagWriter().u32(7, NO_INDEX).string('grün').string(undefined).flags(true, false).bytes;
    const reader = new TagReader(bytes);
    expect([reader.u32(), reader.u32(), reader.string(), reader.string()]).toEqual([7, NO_INDEX, 'grün', undefined]);
    expect([reader.flag(), reader.flag(), reader.ended, reader.broken]).toEqual([true, false, true, false]);
  });

  it('have the bytes that servers know', () => {
    expect(new TagWriter().sampleSpec(16_000).monoMap().fullVolume().bytes.toString('hex')).toBe(
      '610301' + '00003e80' + '6d0100' + '7601' + '00010000',
    );
    expect(new TagWriter().properties({ a: 'b' }).bytes.toString('hex')).toBe(
      `50${'746100'}${'4c00000002'}${'78000000026200'}4e`,
    );
  });

  it('of every kind can be passed over', () => {
    const all = new TagWriter()
      .sampleSpec(8000)
      .monoMap()
      .fullVolume()
      .time(1, 2)
      .raw(Buffer.from('cookie'))
      .properties({ 'application.name': 'wren', 'media.role': 'phone' })
      .string('x')
      .flags(true)
      .u32(5).bytes;
    const reader = new TagReader(all);
    reader.skip(8);
    expect(reader.u32()).toBe(5);
    expect(reader.ended).toBe(true);
  });

  it('of 64 bits are numbers, also below zero', () => {
    const bytes = Buffer.alloc(18);
    bytes.write('r', 0);
    bytes.writeBigInt64BE(-5n, 1);
    bytes.write('U', 9);
    bytes.writeBigUInt64BE(20_000n, 10);
    const reader = new TagReader(bytes);
    expect([reader.s64(), reader.microseconds()]).toEqual([-5, 20_000]);
  });

  it('that are something else give nothing from there on', () => {
    const reader = new TagReader(new TagWriter().string('a').u32(1).bytes);
    expect([reader.u32(), reader.string(), reader.flag(), reader.broken]).toEqual([0, undefined, false, true]);
  });

  it('cut short or of rubbish are never thrown over, nor read for ever', () => {
    const read = [
      (reader: TagReader) => reader.u32(),
      (reader: TagReader) => reader.s64(),
      (reader: TagReader) => reader.string(),
      (reader: TagReader) => reader.flag(),
      (reader: TagReader) => reader.skip(3),
    ];
    const tags = fc.constantFrom(...Buffer.from('tNLBRrax10TUmvPVf'));
    const rubbish = fc.array(fc.oneof(tags, fc.integer({ min: 0, max: 255 })), { maxLength: 60 });
    fc.assert(
      fc.property(rubbish, fc.array(fc.nat(read.length - 1), { maxLength: 30 }), (bytes, steps) => {
        const reader = new TagReader(Buffer.from(bytes));
        for (const step of steps) read[step]!(reader);
        reader.skip(100);
        expect(reader.ended).toBe(true);
      }),
    );
  });
});
