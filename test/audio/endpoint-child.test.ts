/**
 * A voice child that has no sound of its own, and the laptop at the other end of a socket with files for a microphone and a
 * speaker: real processes on both sides, WebAssembly for a codec at HOST.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Endpoint, enrol, serveEndpoint } from '../../src/audio/endpoint.ts';
import type { FromVoice } from '../../src/audio/port.ts';
import { spawnVoiceChild } from '../../src/store/agent-voice-io.ts';
import { comparePieces } from '../support/likeness.ts';
import { readWav, speech, writeWav } from '../support/speech.ts';
import { bundle, VoiceChildUnderTest } from '../support/voice-child.ts';

const CODE = 'c'.repeat(32);
const folder = mkdtempSync(path.join(os.tmpdir(), 'wren-near-'));
const fileOf = (name: string): string => path.join(folder, name);
const children: VoiceChildUnderTest[] = [];
const laptops: Endpoint[] = [];
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const spoken = new Int16Array(16_000 * 5);
spoken.set(speech().samples.subarray(0, 16_000 * 3.5), 16_000);
writeWav(fileOf('speech.wav'), spoken);

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    await child.exited;
  }
  await Promise.all(laptops.splice(0).map((laptop) => laptop.close()));
  rmSync(fileOf('endpoints'), { recursive: true, force: true });
});

async function laptop(name: string): Promise<Endpoint> {
  const socketPath = fileOf(`${name}.sock`);
  const near = await serveEndpoint({
    ...{ socketPath, code: CODE, name },
    spec: `file:${fileOf('speech.wav')},${fileOf(`${name}.wav`)}`,
    makeVoice: (events) => spawnVoiceChild({ entry: bundle(), logPath: fileOf('voice.log') }, events),
    onEnrolled: () => undefined,
    onTaken: () => undefined,
  });
  laptops.push(near);
  expect(await enrol({ socket: socketPath, code: CODE }, fileOf('endpoints'))).toHaveProperty('forget');
  return near;
}

function host(): VoiceChildUnderTest {
  const child = new VoiceChildUnderTest({ WREN_AUDIO_BACKEND: 'none', WREN_OPUS: 'wasm' });
  children.push(child);
  child.command({ type: 'start', spec: `socket:${fileOf('endpoints')}`, call: 'call-1' });
  return child;
}

const states = (child: VoiceChildUnderTest) =>
  child.told.filter((one): one is Extract<FromVoice, { type: 'endpoint' }> => one.type === 'endpoint');

describe('a voice child whose sound is at a laptop', () => {
  it('passes a call of two on as it is, tells what the laptop does, and goes on when it comes back', {
    retry: 2,
  }, async () => {
    const near = await laptop('first');
    const child = host();
    child.onBody = (body) => child.voiceDown(body);
    expect(await child.message('ready')).toMatchObject({ capture: 'socket', playback: 'socket', bodyBytes: 60 });
    await child.until(() => child.bodies.length > 220, 8000, 'no voice from the laptop');
    await child.message('first-sound');
    expect((await child.message('stats')).captureMs).toBeGreaterThanOrEqual(0);
    await near.close();
    await child.until(() => states(child).at(-1)?.attached === false, 3000, 'the laptop is not missed');
    expect(states(child)[0]).toMatchObject({ attached: true, name: 'first' });
    const alike = comparePieces(spoken, readWav(fileOf('first.wav')));
    expect(alike.correlation).toBeGreaterThan(0.7);
    const before = child.bodies.length;
    await laptop('second');
    await child.until(() => child.bodies.length > before + 50, 8000, 'no voice from the second laptop');
    expect(states(child).at(-1)).toMatchObject({ attached: true, name: 'second' });
  });

  it('decodes where it mixes, and mixes on while the laptop is away', { retry: 2 }, async () => {
    const near = await laptop('third');
    const child = host();
    child.command({ type: 'leg', talker: 1, on: true });
    // One of them says back what it hears, which is the laptop: each hears all but itself.
    child.onBody = (body, talker) => {
      if (talker === 0) child.voiceDown(body);
    };
    await child.until(() => states(child).at(-1)?.attached === true, 10_000, 'no laptop');
    await sleep(5500);
    await near.close();
    const alike = comparePieces(spoken, readWav(fileOf('third.wav')));
    expect(alike.correlation).toBeGreaterThan(0.6);
    const of = (talker: number): number => child.bodies.filter((body) => body.talker === talker).length;
    const [one, two] = [of(0), of(1)];
    await sleep(1000);
    expect(of(0) - one).toBeGreaterThan(35);
    expect(of(1) - two).toBeGreaterThan(35);
  });
});
