import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { AudioFailure } from '../../src/audio/failure.ts';
import { WavReader, WavRecorder } from '../../src/audio/wav-file.ts';
import { readWavLayout, wavHeader } from '../../src/audio/wav-header.ts';
import { correlation } from '../support/likeness.ts';
import { framesOf, readWav, tone, writeWav } from '../support/speech.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'wren-wav-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fileOf = (name: string): string => path.join(folder, name);

interface Made {
  readonly tag?: number;
  readonly extensible?: boolean;
  readonly channels?: number;
  readonly rateHz?: number;
  readonly bits?: number;
  readonly data?: Buffer;
  readonly claimed?: number;
  readonly before?: Buffer;
}

function wav(made: Made): Buffer {
  const { tag = 1, extensible = false, channels = 1, rateHz = 16_000, bits = 16, before = Buffer.alloc(0) } = made;
  const data = made.data ?? Buffer.alloc(640);
  const format = Buffer.alloc(extensible ? 40 : 16);
  format.writeUInt16LE(extensible ? 0xfffe : tag, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rateHz, 4);
  format.writeUInt16LE((bits / 8) * channels, 12);
  format.writeUInt16LE(bits, 14);
  if (extensible) format.writeUInt16LE(tag, 24);
  const chunk = (name: string, bytes: Buffer, size = bytes.length): Buffer => {
    const head = Buffer.alloc(8);
    head.write(name, 0, 'latin1');
    head.writeUInt32LE(size, 4);
    return Buffer.concat([head, bytes, Buffer.alloc(bytes.length % 2)]);
  };
  const chunks = Buffer.concat([before, chunk('fmt ', format), chunk('data', data, made.claimed)]);
  return Buffer.concat([Buffer.from('RIFF\0\0\0\0WAVE', 'latin1'), chunks]);
}

/** A second of 440 Hz at half of full scale, as bytes of the given kind. */
function samplesAs(kind: 'pcm16' | 'pcm24' | 'pcm32' | 'float32', rateHz: number, channels: number): Buffer {
  const width = { pcm16: 2, pcm24: 3, pcm32: 4, float32: 4 }[kind];
  const bytes = Buffer.alloc(rateHz * channels * width);
  for (let at = 0; at < rateHz * channels; at++) {
    const value = 0.5 * Math.sin((2 * Math.PI * 440 * Math.floor(at / channels)) / rateHz);
    if (kind === 'float32') bytes.writeFloatLE(value, at * width);
    else bytes.writeIntLE(Math.round(value * (2 ** (width * 8 - 1) - 1)), at * width, width);
  }
  return bytes;
}

function failureOf(bytes: Buffer): AudioFailure {
  writeFileSync(fileOf('bad.wav'), bytes);
  try {
    WavReader.open(fileOf('bad.wav'));
  } catch (thrown) {
    return thrown as AudioFailure;
  }
  throw new Error('it was read');
}

describe('reading', () => {
  const wanted = tone(440, 1, 16_384);

  it.each([
    { kind: 'pcm16', tag: 1, bits: 16, rateHz: 16_000, channels: 1, extensible: false },
    { kind: 'pcm16', tag: 1, bits: 16, rateHz: 44_100, channels: 2, extensible: false },
    { kind: 'pcm16', tag: 1, bits: 16, rateHz: 8000, channels: 1, extensible: false },
    { kind: 'pcm24', tag: 1, bits: 24, rateHz: 48_000, channels: 2, extensible: true },
    { kind: 'pcm32', tag: 1, bits: 32, rateHz: 22_050, channels: 1, extensible: true },
    { kind: 'float32', tag: 3, bits: 32, rateHz: 48_000, channels: 1, extensible: false },
    { kind: 'float32', tag: 3, bits: 32, rateHz: 11_025, channels: 2, extensible: true },
  ] as const)('gives $kind, $rateHz Hz, $channels channels as 16 kHz mono', ({ kind, ...format }) => {
    writeFileSync(fileOf('a.wav'), wav({ ...format, data: samplesAs(kind, format.rateHz, format.channels) }));
    const read = readWav(fileOf('a.wav'));
    expect(Math.abs(read.length - 16_000)).toBeLessThanOrEqual(320);
    expect(correlation(read.subarray(0, 16_000), wanted)).toBeGreaterThan(0.999);
    expect(Math.max(...read.subarray(800, 15_000))).toBeGreaterThan(16_000);
  });

  it('skips other chunks, of odd length too, and fills the last frame up with silence', () => {
    const before = Buffer.concat([Buffer.from('LIST\x05\0\0\0abcde\0', 'latin1')]);
    const data = Buffer.alloc(500, 1);
    writeFileSync(fileOf('list.wav'), wav({ before, data }));
    const reader = WavReader.open(fileOf('list.wav'));
    expect(reader.durationMs).toBeCloseTo(15.6, 1);
    const frame = reader.frame()!;
    expect([frame[249], frame[250]]).toEqual([0x0101, 0]);
    expect(reader.frame()).toBeUndefined();
    expect(reader.frame()).toBeUndefined();
    reader.close();
  });

  it('takes a recording whose header was never finished, or claims too much, to the end of the file', () => {
    for (const claimed of [0, 0xffff_ffff, 1280]) {
      writeFileSync(fileOf('cut.wav'), wav({ data: Buffer.alloc(640, 1), claimed }));
      expect(readWav(fileOf('cut.wav')).length).toBe(320);
    }
  });

  it('tells in words why a file cannot be read, with its name', () => {
    expect(() => WavReader.open(fileOf('none.wav'))).toThrow(/none\.wav: no such file/);
    expect(() => WavReader.open(folder)).toThrow(/not a regular file/);
    expect(failureOf(Buffer.alloc(0)).message).toMatch(/bad\.wav: too short/);
    expect(failureOf(Buffer.from('OggS this is something else')).message).toMatch(/not a RIFF WAVE/);
    expect(failureOf(wav({ tag: 85 })).message).toMatch(/kind 85/);
    expect(failureOf(wav({ bits: 8 })).message).toMatch(/8 bits/);
    expect(failureOf(wav({ channels: 6 })).message).toMatch(/6 channels/);
    expect(failureOf(wav({ rateHz: 1 })).message).toMatch(/1 Hz/);
    expect(failureOf(wav({ data: Buffer.alloc(0) })).message).toMatch(/no samples/);
    expect(failureOf(wav({}).subarray(0, 36)).message).toMatch(/no samples/);
    expect(failureOf(wav({ tag: 85 })).code).toBe('audio-file-unreadable');
  });

  it('of any bytes ends in a layout or a failure, quickly', () => {
    const start = wav({ data: Buffer.alloc(64) });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(107), fc.nat(255)), { maxLength: 8 }), fc.nat(108), (edits, length) => {
        const bytes = Buffer.from(start.subarray(0, length));
        for (const [place, value] of edits) if (place < bytes.length) bytes[place] = value;
        try {
          const layout = readWavLayout((place, count) => bytes.subarray(place, place + count), bytes.length);
          expect(layout.dataStart + layout.dataBytes).toBeLessThanOrEqual(bytes.length);
          expect(layout.dataBytes).toBeGreaterThan(0);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(AudioFailure);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('gives up a file of endless chunks', () => {
    const chunks = Buffer.concat(Array.from({ length: 100 }, () => Buffer.from('junk\0\0\0\0', 'latin1')));
    expect(failureOf(wav({ before: chunks })).message).toMatch(/no format/);
  });
});

describe('recording', () => {
  it('writes what it was given, whole, and readable by us', async () => {
    const sound = tone(300, 2.5);
    const recorder = await WavRecorder.open(fileOf('out.wav'), () => undefined);
    for (const frame of framesOf(sound)) recorder.frame(frame);
    expect(recorder.recordedMs).toBe(2500);
    await recorder.close();
    expect(readWav(fileOf('out.wav'))).toEqual(sound);
    expect(statSync(fileOf('out.wav')).size).toBe(44 + sound.byteLength);
    expect(readFileSync(fileOf('out.wav')).subarray(0, 44)).toEqual(wavHeader(sound.byteLength));
  });

  it('has a right header while it still records, at least once a second', async () => {
    const recorder = await WavRecorder.open(fileOf('live.wav'), () => undefined);
    for (const frame of framesOf(tone(300, 1.9))) recorder.frame(frame);
    const told = () => readFileSync(fileOf('live.wav')).readUInt32LE(40);
    await expect.poll(told, { timeout: 60_000 }).toBe(32_000);
    const bytes = readFileSync(fileOf('live.wav'));
    expect(bytes.length).toBeGreaterThanOrEqual(44 + 32_000);
    await recorder.close();
    await recorder.close();
    expect(readFileSync(fileOf('live.wav')).readUInt32LE(40)).toBe(60_800);
    recorder.frame(new Int16Array(320));
    expect(recorder.recordedMs).toBe(1900);
  });

  it('tells why a file cannot be made', async () => {
    const nowhere = path.join(folder, 'missing', 'x.wav');
    await expect(WavRecorder.open(nowhere, () => undefined)).rejects.toThrow(/x\.wav: no such file or folder/);
    await expect(WavRecorder.open(folder, () => undefined)).rejects.toMatchObject({ code: 'audio-file-unwritable' });
  });

  it('empties a file that was there before', async () => {
    writeWav(fileOf('old.wav'), tone(300, 1));
    const recorder = await WavRecorder.open(fileOf('old.wav'), () => undefined);
    recorder.frame(new Int16Array(320).fill(5));
    await recorder.close();
    expect(readWav(fileOf('old.wav'))).toEqual(new Int16Array(320).fill(5));
  });
});

describe('a recording whose process died', () => {
  it('goes on where the call is: what was written stays, the gap is silence', async () => {
    const file = fileOf('resumed.wav');
    const sound = framesOf(tone(440, 1));
    const first = await WavRecorder.open(file, () => {});
    for (const frame of sound) first.frame(frame);
    await first.close();
    const second = await WavRecorder.open(file, () => {}, 1_500);
    for (const frame of sound) second.frame(frame);
    await second.close();
    const heard = readWav(file);
    expect(heard.length).toBe(2.5 * 16_000);
    expect(heard.subarray(0, 16_000)).toEqual(tone(440, 1));
    expect(heard.subarray(16_000, 24_000).every((sample) => sample === 0)).toBe(true);
    expect(heard.subarray(24_000)).toEqual(tone(440, 1));
  });

  it('is begun anew when there is nothing to go on from', async () => {
    const file = fileOf('anew.wav');
    const recorder = await WavRecorder.open(file, () => {}, 5_000);
    for (const frame of framesOf(tone(440, 1))) recorder.frame(frame);
    await recorder.close();
    expect(readWav(file)).toHaveLength(16_000);
  });

  it('is played on from where it was', () => {
    const file = fileOf('played.wav');
    writeWav(file, tone(440, 1));
    const reader = WavReader.open(file);
    reader.skip(500);
    let frames = 0;
    while (reader.frame()) frames += 1;
    expect(frames).toBe(25);
    reader.close();
  });
});
