/** Both voices of a call in a file: what is in it, and that it plays however the recording ended. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type CallRecorder, openCallRecorder } from '../../src/audio/call-recorder-file.ts';
import type { AudioFailure } from '../../src/audio/failure.ts';
import { oggChecksum } from '../../src/audio/ogg-opus.ts';
import { openOpus } from '../../src/audio/opus.ts';
import { RECORDING_GAP_FRAMES_MAX } from '../../src/audio/params.ts';
import { levelDb, SILENCE } from '../../src/audio/pcm.ts';
import { readWavLayout } from '../../src/audio/wav-header.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { framesOf, tone } from '../support/speech.ts';
import { VoiceChildUnderTest } from '../support/voice-child.ts';

const folder = mkdtempSync(join(tmpdir(), 'wren-recording-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const failures: AudioFailure[] = [];
const open = (path: string, resumeMs = 0): Promise<CallRecorder> =>
  openCallRecorder({ path, resumeMs, openCodec: openOpus, onFailure: (failure) => failures.push(failure) });
const [me, them] = [framesOf(tone(440, 3)), framesOf(tone(440, 3, 800))];
function record(recorder: CallRecorder, from: number, to: number): void {
  for (let n = from; n < to; n++) recorder.frame(me[n]!, them[n]!);
}

/** Level of a stretch of one channel. */
function levelOf(path: string, channel: 0 | 1, fromMs: number, toMs: number): number {
  const bytes = readFileSync(path).subarray(44);
  const samples = Array.from({ length: (toMs - fromMs) * 16 }, (_none, at) =>
    bytes.readInt16LE(((fromMs * 16 + at) * 2 + channel) * 2),
  );
  return levelDb(Int16Array.from(samples));
}

const layoutOf = (path: string) => {
  const bytes = readFileSync(path);
  return readWavLayout((place, length) => bytes.subarray(place, place + length), bytes.length);
};

test('a WAV file has us on the left and them on the right, and is never overwritten', async () => {
  const path = join(folder, 'two.wav');
  const recorder = await open(path);
  record(recorder, 0, 50);
  await recorder.close();
  expect(layoutOf(path)).toMatchObject({ channels: 2, rateHz: 16_000, dataBytes: 64_000 });
  expect(levelOf(path, 0, 0, 1_000) - levelOf(path, 1, 0, 1_000)).toBeCloseTo(20, 0);
  await expect(open(path)).rejects.toMatchObject({ code: 'audio-file-unwritable', message: /exists already/ });
  await expect(open(join(folder, 'talk.mp3'))).rejects.toMatchObject({ message: /must end with/ });
  await expect(open(join(folder, 'no', 'talk.ogg'))).rejects.toMatchObject({ message: /no such file/ });
});

test('a voice child that is killed leaves a file that plays, and the next one goes on with it', async () => {
  const path = join(folder, 'killed.wav');
  const before = new VoiceChildUnderTest();
  expect(await before.message('hello')).toMatchObject({ raised: expect.any(Boolean) });
  before.command({ type: 'start', spec: 'none', call: 'c' });
  before.command({ type: 'record', path });
  expect(await before.message('recording')).toMatchObject({ on: true, path });
  await before.until(() => before.bodies.length > 90, 10_000, 'no bodies');
  before.process.kill('SIGKILL');
  await before.exited;
  const killed = layoutOf(path);
  expect(killed.channels).toBe(2);
  expect(killed.dataBytes).toBeGreaterThan(32_000);
  const next = new VoiceChildUnderTest();
  next.command({ type: 'start', spec: 'none', call: 'c', resumeMs: 4_000 });
  next.command({ type: 'record', path, resumeMs: 4_000 });
  await next.message('recording');
  next.command({ type: 'record-end' });
  await next.until(
    () => next.told.some((told) => told.type === 'recording' && !told.on),
    5_000,
    'the end was not told',
  );
  expect(layoutOf(path).dataBytes).toBeGreaterThanOrEqual(4 * 64_000);
  next.command({ type: 'stop' });
  expect(await next.exited).toBe(0);
});

/** Pages of an Ogg file, each checked. */
function pagesOf(bytes: Buffer) {
  const pages = [];
  for (let at = 0; at < bytes.length; ) {
    const count = bytes[at + 26]!;
    const sizes = [...bytes.subarray(at + 27, at + 27 + count)];
    const end = at + 27 + count + sizes.reduce((sum, size) => sum + size, 0);
    const page = bytes.subarray(at, end);
    expect(page.toString('latin1', 0, 4)).toBe('OggS');
    expect(page.readUInt32LE(22)).toBe(oggChecksum(page));
    const packets = sizes.map((size, n) => {
      const place = 27 + count + sizes.slice(0, n).reduce((sum, one) => sum + one, 0);
      return page.subarray(place, place + size);
    });
    const [flags, granule, serial, number] = [
      page[5],
      page.readBigUInt64LE(6),
      page.readUInt32LE(14),
      page.readUInt32LE(18),
    ];
    pages.push({ flags, granule, serial, number, packets });
    at = end;
  }
  return pages;
}

test('an Ogg file is what RFC 7845 says, and has both voices in it', async () => {
  const path = join(folder, 'both.opus');
  const recorder = await open(path);
  record(recorder, 0, 120);
  await recorder.close();
  const pages = pagesOf(readFileSync(path));
  expect(pages.map(({ flags }) => flags)).toEqual([2, 0, 0, 0, 4]);
  expect(pages.map(({ granule }) => Number(granule))).toEqual([0, 0, 48_000, 96_000, 115_200]);
  expect(pages.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4]);
  expect(new Set(pages.map(({ serial }) => serial)).size).toBe(1);
  expect(pages[0]?.packets[0]?.toString('hex')).toBe('4f707573486561640101380180 3e0000000000'.replaceAll(' ', ''));
  expect(pages[1]?.packets[0]?.toString('latin1', 0, 8)).toBe('OpusTags');
  const codec = openOpus();
  const pcm = new Int16Array(960);
  const levels = pages
    .slice(2)
    .flatMap(({ packets }) => packets.map((packet) => levelDb(pcm.subarray(0, codec.decode(packet, 20, pcm)))));
  codec.close();
  expect(levels).toHaveLength(120);
  expect(levels[60]).toBeCloseTo(levelDb(me[60]!) + 0.8, 0);
  // A restart adds a stream of its own to the file.
  const resumed = await open(path, 5_000);
  record(resumed, 0, 10);
  await resumed.close();
  const chained = pagesOf(readFileSync(path));
  expect(new Set(chained.map(({ serial }) => serial)).size).toBe(2);
  expect(chained.map(({ flags }) => flags)).toEqual([2, 0, 0, 0, 4, 2, 0, 4]);
});

test.each(['wav', 'opus'])('all the silence that stands for a sleep is taken at once: %s', async (kind) => {
  const recorder = await open(join(folder, `slept.${kind}`));
  failures.length = 0;
  for (let n = 0; n < RECORDING_GAP_FRAMES_MAX; n++) recorder.frame(SILENCE, SILENCE);
  await recorder.close();
  expect(failures).toEqual([]);
});

test('the checksum of a page is the one of RFC 3533', () => {
  // One bit gives the polynomial itself, and CRC-32/MPEG-2 differs in its beginning only: the check value of its kind.
  expect(oggChecksum(Uint8Array.of(1))).toBe(0x04c11db7);
  expect(oggChecksum(Buffer.from('123456789'))).toBe(0x89a1897f);
});

test.each(['wav', 'opus'])(
  'a full disk ends a recording in %s, is told once, and what is there plays',
  async (kind) => {
    const disk = mountSmallDisk(256 * 1024);
    if (!disk) return;
    try {
      const path = join(disk.folder, `full.${kind}`);
      const recorder = await open(path);
      failures.length = 0;
      disk.fill(kind === 'wav' ? 128 * 1024 : 8_192);
      for (let round = 0; round < 4; round++) {
        record(recorder, 0, 150);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await recorder.close();
      expect(failures.map(({ code }) => code)).toEqual(['disk-full']);
      if (kind === 'wav') expect(layoutOf(path).dataBytes).toBeGreaterThan(32_000);
      else expect(readFileSync(path).toString('latin1', 0, 4)).toBe('OggS');
    } finally {
      disk.unmount();
    }
  },
);
