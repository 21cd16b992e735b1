/** The real voice child on real device backends, over a PulseAudio server of our own with null sinks for cards. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasPortAudio } from '../../src/audio/device-portaudio.ts';
import type { FromVoice } from '../../src/audio/port.ts';
import { comparePieces } from '../support/likeness.ts';
import { missingForPulse, PulseServer } from '../support/pulse-server.ts';
import { speech } from '../support/speech.ts';
import { VoiceChildUnderTest } from '../support/voice-child.ts';

const missing = missingForPulse();
const skip = missing.length > 0;
if (skip) console.log(`SKIPPED all tests of sound cards: ${missing.join(', ')} not installed`);
if (!hasPortAudio()) console.log('SKIPPED PortAudio: the optional package naudiodon is not installed');
const backends = (['pulse', 'portaudio'] as const).filter((backend) => backend === 'pulse' || hasPortAudio());
const { samples, source } = speech();
console.log(`speech of these tests: ${source}`);
const spoken = samples.subarray(0, 16_000 * 5);

describe.skipIf(skip)('sound cards', () => {
  let server: PulseServer;
  const children: VoiceChildUnderTest[] = [];

  beforeAll(async () => {
    server = await PulseServer.start();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill('SIGKILL');
      await child.exited;
    }
  });
  afterAll(async () => server?.stop());

  function started(spec: string, env: { readonly [name: string]: string } = {}): VoiceChildUnderTest {
    const child = new VoiceChildUnderTest({ ...server.env, ...env });
    children.push(child);
    child.command({ type: 'start', spec, call: 'call-1' });
    return child;
  }

  /** What the child heard comes back to it as the other person's voice. */
  async function echoed(
    child: VoiceChildUnderTest,
  ): Promise<{ readonly heard: Int16Array; readonly problems: FromVoice[] }> {
    child.onBody = (bytes) => child.voiceDown(bytes);
    const stop = server.listen();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await server.speak(spoken);
    await new Promise((resolve) => setTimeout(resolve, 700));
    return { heard: stop(), problems: child.told.filter((message) => message.type === 'problem') };
  }

  // Real time on a machine that may be busy: a stall changes the delay in mid-word, so it may be tried again.
  it.each(backends)(
    'carry speech from the microphone to the speaker (%s)',
    { retry: 2, timeout: 40_000 },
    async (backend) => {
      const child = started('default', { WREN_AUDIO_BACKEND: backend });
      expect(await child.message('ready')).toMatchObject({ capture: backend, playback: backend });
      const { heard, problems } = await echoed(child);
      expect(problems).toEqual([]);
      const alike = comparePieces(spoken, heard);
      const stats = child.told.filter((message) => message.type === 'stats').at(-1)!;
      console.log(`${backend}: correlation ${alike.correlation.toFixed(2)}, ${JSON.stringify(stats)}`);
      expect(alike.correlation).toBeGreaterThan(0.7);
      expect(stats.deviceMs).toBeGreaterThan(0);
      child.command({ type: 'stop' });
      expect(await child.exited).toBe(0);
    },
  );

  it.each(backends)('pace the call at 50 bodies a second (%s)', { retry: 2 }, async (backend) => {
    const child = started('default', { WREN_AUDIO_BACKEND: backend });
    await child.message('ready');
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = child.bodies.length;
    const atMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 4000));
    const seconds = (performance.now() - atMs) / 1000;
    expect(Math.abs((child.bodies.length - before) / seconds - 50)).toBeLessThan(1.5);
    expect(new Set(child.bodies.map(({ bytes }) => bytes.length))).toEqual(new Set([60]));
  });

  it('prefer PulseAudio, by name too, and tell of a name that is none', async () => {
    const child = started('device:test-speaker');
    expect(await child.message('ready')).toMatchObject({ capture: 'pulse', playback: 'pulse' });
    const lost = started('device:No Such Thing');
    expect(await lost.message('problem')).toMatchObject({
      code: 'audio-device-absent',
      detail: '"No Such Thing"',
    });
    // The call goes on with the default.
    expect(await lost.message('ready')).toMatchObject({ capture: 'pulse', playback: 'pulse' });
    expect(await lost.message('using')).toMatchObject({ input: 'mic.monitor', output: 'speaker' });
  });
});

describe.skipIf(skip)('a sound server that dies in a call', () => {
  it('is one problem, and the call goes on in silence until the server is back', { timeout: 60_000 }, async () => {
    const server = await PulseServer.start();
    const child = new VoiceChildUnderTest(server.env);
    const ready = (): FromVoice[] => child.told.filter((message) => message.type === 'ready');
    try {
      child.command({ type: 'start', spec: 'default', call: 'call-1' });
      await child.message('ready');
      await server.crash();
      expect(await child.message('problem')).toMatchObject({ code: 'audio-no-device' });
      const before = child.bodies.length;
      await new Promise((resolve) => setTimeout(resolve, 2500));
      expect(child.bodies.length - before).toBeGreaterThan(110);
      expect(child.told.filter((message) => message.type === 'problem')).toHaveLength(1);
      await server.revive();
      await child.until(() => ready().length === 2, 20_000, `not ready again: ${child.printed}`);
      expect(ready()[1]).toMatchObject({ capture: 'pulse', playback: 'pulse' });
      expect(child.told.filter((message) => message.type === 'problem')).toHaveLength(1);
    } finally {
      child.kill('SIGKILL');
      await child.exited;
      await server.stop();
    }
  });
});
