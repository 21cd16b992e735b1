import { mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { levelDb } from '../../src/audio/pcm.ts';
import { mediaTimeOf, parseVoiceBody } from '../../src/audio/voice-body.ts';
import { comparePieces } from '../support/likeness.ts';
import { stretchedToneDb } from '../support/round-table.ts';
import { readWav, speech, tone, writeWav } from '../support/speech.ts';
import { monotonicMs, VoiceChildUnderTest } from '../support/voice-child.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'wren-child-'));
const fileOf = (name: string): string => path.join(folder, name);
const children: VoiceChildUnderTest[] = [];
const { samples, source } = speech();
console.log(`speech of these tests: ${source}`);

/** Half a second of silence, then speech. */
const spoken = new Int16Array(16_000 * 4);
spoken.set(samples.subarray(0, 16_000 * 3.5), 8000);
writeWav(fileOf('speech.wav'), spoken);

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    await child.exited;
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function started(spec: string, env: { readonly [name: string]: string } = {}): VoiceChildUnderTest {
  const child = new VoiceChildUnderTest({ WREN_AUDIO_BACKEND: 'none', ...env });
  children.push(child);
  child.command({ type: 'start', spec, call: 'call-1' });
  return child;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('the voice child', () => {
  it('says hello and ready, and sends a body of 60 bytes each 20 ms from the start', async () => {
    const child = started('none');
    expect(await child.message('hello')).toMatchObject({ type: 'hello', port: 2, pid: child.process.pid });
    expect(await child.message('ready')).toMatchObject({
      capture: 'none',
      playback: 'none',
      bodyBytes: 60,
      frameMs: 20,
      bitrate: 22_800,
    });
    await child.until(() => child.bodies.length > 0, 5000, 'no body');
    const from = child.bodies.length;
    await sleep(3000);
    const seen = child.bodies.slice(from - 1);
    const spanMs = seen.at(-1)!.atMs - seen[0]!.atMs;
    expect(Math.abs(seen.length - 1 - spanMs / 20)).toBeLessThan(5);
    expect(new Set(seen.map(({ bytes }) => bytes.length))).toEqual(new Set([60]));
    for (const [n, { bytes }] of seen.entries()) {
      expect(mediaTimeOf(bytes)).toBe((mediaTimeOf(seen[0]!.bytes)! + 2 * n) & 0xffff);
    }
    child.command({ type: 'stop' });
    expect(await child.exited).toBe(0);
    expect(child.told.at(-1)).toEqual({ type: 'stopped' });
  });

  // Real time on a machine that may be busy: a stall changes the delay in mid-word, so it may be tried again.
  const carries = 'carries a file to the file of another child (%s Opus preferred)';
  it.each(['native', 'wasm'])(carries, { retry: 2 }, async (opus) => {
    const env: { [name: string]: string } = opus === 'wasm' ? { WREN_OPUS: 'wasm' } : {};
    const [a, b] = [started(`file:${fileOf('speech.wav')}`, env), started(`file:,${fileOf('heard.wav')}`, env)];
    a.onBody = (bytes) => b.voiceDown(bytes);
    expect((await a.message('ready')).codec).toMatch(opus === 'wasm' ? /^wasm$/ : /^(native|wasm)$/);
    await a.message('input-ended');
    await b.message('first-sound');
    await sleep(300);
    for (const child of [a, b]) child.command({ type: 'stop' });
    expect(await Promise.all([a.exited, b.exited])).toEqual([0, 0]);
    const alike = comparePieces(spoken, readWav(fileOf('heard.wav')));
    expect(alike.pieces).toBeGreaterThanOrEqual(5);
    expect(alike.correlation).toBeGreaterThan(0.7);
  });

  it('takes out noise of a file when asked by name, with our own filter where the library is missing, and says so', async () => {
    const child = new VoiceChildUnderTest({ WREN_AUDIO_BACKEND: 'none', WREN_SPEEXDSP: fileOf('missing.so') });
    children.push(child);
    const settings = { echo: 'auto', noise: 'on', gain: 'off', headphones: false, inputGainDb: 0 } as const;
    child.command({ type: 'filters', ...settings });
    child.command({ type: 'start', spec: `file:${fileOf('speech.wav')}`, call: 'call-1' });
    await child.until(() => child.told.some(({ type }) => type === 'filters'), 5000, 'no word of filters');
    expect(child.told.filter(({ type }) => type === 'problem')).toEqual([]);
    expect(child.told.filter(({ type }) => type === 'filters').at(-1)).toEqual({
      type: 'filters',
      filter: 'own',
      echo: false,
      noise: true,
      gain: false,
      echoDelayMs: null,
    });
    child.command({ type: 'filters', ...settings, noise: 'auto' });
    await child.until(() => child.told.filter(({ type }) => type === 'filters').length > 1, 5000, 'no second word');
    expect(child.told.findLast(({ type }) => type === 'filters')).toMatchObject({ filter: 'none', noise: false });
  });

  it('leaves a recording that plays when it is killed', async () => {
    const child = started(`file:${fileOf('speech.wav')},${fileOf('killed.wav')}`);
    child.onBody = (bytes) => child.voiceDown(bytes);
    await child.message('ready');
    await sleep(2600);
    child.kill('SIGKILL');
    await child.exited;
    const heard = readWav(fileOf('killed.wav'));
    expect(heard.length).toBeGreaterThan(16_000 * 1.8);
    expect(levelDb(heard)).toBeGreaterThan(-50);
  });

  it.each([
    ['SIGTERM', (child: VoiceChildUnderTest) => child.kill('SIGTERM')],
    ['the end of the port', (child: VoiceChildUnderTest) => child.closePort()],
    ['rubbish on the port', (child: VoiceChildUnderTest) => child.write(Buffer.alloc(64, 0xff))],
  ] as const)('finishes the recording and exits on %s', async (name, end) => {
    const output = fileOf(`end-${name.replaceAll(' ', '-')}.wav`);
    const child = started(`file:,${output}`);
    await child.message('ready');
    await sleep(700);
    end(child);
    expect(await child.exited).toBe(0);
    const recorded = readWav(output).length;
    expect(recorded).toBeGreaterThan(16_000 * 0.5);
    expect(statSync(output).size).toBe(44 + recorded * 2);
  });

  it('tells of a file that is missing, once, and the call goes on in silence', async () => {
    const child = started(`file:${fileOf('missing.wav')}`);
    expect(await child.message('problem')).toMatchObject({
      code: 'audio-file-unreadable',
      detail: expect.stringContaining('missing.wav: no such file'),
    });
    await child.message('ready');
    await sleep(500);
    expect(child.bodies.length).toBeGreaterThan(20);
    expect(child.told.filter((message) => message.type === 'problem')).toHaveLength(1);
  });

  it('mutes, holds and resumes', async () => {
    writeWav(fileOf('tone.wav'), tone(440, 20));
    const child = started(`file:${fileOf('tone.wav')}`);
    await child.message('ready');
    const isMuted = (): boolean => child.bodies.length > 0 && parseVoiceBody(child.bodies.at(-1)!.bytes)!.muted;
    child.command({ type: 'mute', on: true });
    await child.until(isMuted, 2000, 'not muted');
    child.command({ type: 'mute', on: false });
    await child.until(() => !isMuted(), 2000, 'still muted');
    child.command({ type: 'hold', on: true });
    await sleep(200);
    const during = child.bodies.length;
    await sleep(500);
    expect(child.bodies.length).toBe(during);
    child.command({ type: 'hold', on: false });
    await child.until(() => child.bodies.length > during + 10, 2000, 'did not resume');
    const pauseUnits = mediaTimeOf(child.bodies[during]!.bytes)! - mediaTimeOf(child.bodies[during - 1]!.bytes)!;
    expect(pauseUnits).toBeGreaterThan(50);
  });

  it('changes devices in the middle of a call without a gap in what it sends', async () => {
    const child = started('none');
    await child.message('ready');
    child.command({ type: 'start', spec: `file:${fileOf('speech.wav')}`, call: 'call-1' });
    const isFile = (): boolean => child.told.some((message) => message.type === 'ready' && message.capture === 'file');
    await child.until(isFile, 5000, 'no second ready');
    await sleep(300);
    const times = child.bodies.map(({ bytes }) => mediaTimeOf(bytes)!);
    expect(times.slice(1).every((time, n) => time - times[n]! === 2)).toBe(true);
  });

  it('mixes a conference: in each recording there are all but its owner, 40 dB apart, and the mixer records both sides', {
    retry: 2,
  }, async () => {
    const hz = [433, 727, 1153, 1787];
    const seats = hz.map((one, seat) => {
      writeWav(fileOf(`tone-${seat}.wav`), tone(one, 12, 2000));
      return started(`file:${fileOf(`tone-${seat}.wav`)},${fileOf(`seat-${seat}.wav`)}`);
    });
    const [mixer, ...others] = seats;
    // The first call is a call of two, which seats 2 and 3 join a little later.
    mixer!.onBody = (bytes, talker) => others[talker]?.voiceDown(bytes);
    for (const [talker, other] of others.entries())
      other.onBody = (bytes) => mixer!.voiceDown(bytes, monotonicMs(), talker);
    await Promise.all(seats.map((child) => child.message('ready')));
    await sleep(500);
    for (const talker of [1, 2]) mixer!.command({ type: 'leg', talker, on: true });
    mixer!.command({ type: 'record', path: fileOf('both.wav') });
    await sleep(6000);
    const counts = others.map((_, talker) => mixer!.bodies.filter((body) => body.talker === talker).length);
    for (const child of seats) child.command({ type: 'stop' });
    expect(await Promise.all(seats.map((child) => child.exited))).toEqual([0, 0, 0, 0]);
    expect(Math.min(...counts)).toBeGreaterThan(280);
    const level = mixer!.told.findLast((message) => message.type === 'level');
    expect(level?.legs?.map(({ talker }) => talker)).toEqual([0, 1, 2]);
    for (const [seat, own] of hz.entries()) {
      const heard = readWav(fileOf(`seat-${seat}.wav`)).subarray(2.5 * 16_000, 6 * 16_000);
      const there = hz.filter((one) => one !== own).map((one) => stretchedToneDb(heard, one));
      expect(Math.min(...there), `seat ${seat}: ${there}`).toBeGreaterThan(-28);
      expect(stretchedToneDb(heard, own), `seat ${seat}`).toBeLessThan(Math.min(...there) - 40);
    }
    // Left is the mixer, right is what it heard.
    const both = readWav(fileOf('both.wav')).subarray(2.5 * 16_000);
    for (const one of hz) expect(stretchedToneDb(both, one)).toBeGreaterThan(-34);
  });
});
