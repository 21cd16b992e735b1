/** Sound as the agent keeps it: a choice moves the running call, and the microphone is listened to outside of calls only while somebody looks. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ToVoice } from '../../src/audio/port.ts';
import { AgentCalls } from '../../src/store/agent-calls.ts';
import { SoundDesk } from '../../src/store/agent-sound-desk.ts';
import type { VoiceEvents } from '../../src/store/voice-end.ts';
import { AgentScene } from '../support/agent-scene.ts';

const CALL = 'c'.repeat(32);
let scene: AgentScene;
let told: ToVoice[];
let stopped: number;
let voice: VoiceEvents;
let calls: AgentCalls;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
  scene.end();
});

function desk(): SoundDesk {
  told = [];
  stopped = 0;
  scene = new AgentScene({
    makeVoice: (events) => {
      voice = events;
      const stop = async (): Promise<void> => void stopped++;
      return { pid: 1, tell: (message) => void told.push(message), play: () => {}, stop };
    },
    change: (options) => ({
      ...options,
      listDevices: async (spec) => ({
        backend: 'pulse',
        inputs: [{ name: 'mic', description: spec, isDefault: true, isMonitor: false, isChosen: false }],
        outputs: [],
      }),
    }),
  }).signedIn();
  calls = new AgentCalls(scene.core);
  return new SoundDesk(scene.core, calls);
}

const audio = () => scene.core.state.audio;
const starts = (): string[] => told.flatMap((message) => (message.type === 'start' ? [message.spec] : []));

function talks(): void {
  calls.fromNode({ type: 'ringing', call: CALL, peer: 'bobby1', direction: 'in' });
  calls.fromNode({ type: 'answered', call: CALL, peer: 'bobby1', setupMs: 1 });
}

test('another card is used by the running call at once; a file stays with the call that began with it', async () => {
  const room = desk();
  talks();
  room.handle({ type: 'audio.set', spec: 'device:Headset' });
  expect(starts()).toEqual(['default', 'device:Headset']);
  room.handle({ type: 'audio.set', spec: 'file:a.wav' });
  expect(starts()).toHaveLength(2);
  voice.onMessage({ type: 'using', input: 'mic', output: null });
  expect(await room.handle({ type: 'sound.devices' })).toEqual({
    spec: 'file:a.wav',
    backend: 'pulse',
    inputs: [
      { name: 'mic', description: 'file:a.wav', isDefault: true, isMonitor: false, isChosen: false, inUse: true },
    ],
    outputs: [],
  });
});

test('the microphone is listened to for ten seconds after each wish, sends nothing, and follows the choice', async () => {
  const room = desk();
  room.handle({ type: 'sound.listen' });
  voice.onMessage({ type: 'level', inputDb: -30, outputDb: -96, speaking: true });
  expect(audio().meter).toEqual({ inputDb: -30, speaking: true });
  voice.onBody(Buffer.alloc(60), 0);
  expect(scene.commands).toEqual([]);
  await vi.advanceTimersByTimeAsync(8_000);
  room.handle({ type: 'sound.listen' });
  room.handle({ type: 'audio.set', spec: 'device:Headset' });
  expect(starts()).toEqual(['default', 'device:Headset']);
  await vi.advanceTimersByTimeAsync(9_000);
  expect(stopped).toBe(0);
  await vi.advanceTimersByTimeAsync(2_000);
  expect([stopped, audio().meter]).toEqual([1, undefined]);
});

test('a call that begins has the microphone, and while it lasts nothing else opens it', async () => {
  const room = desk();
  room.handle({ type: 'sound.listen' });
  room.callBegins();
  await vi.advanceTimersByTimeAsync(0);
  expect(stopped).toBe(1);
  talks();
  const before = told.length;
  room.handle({ type: 'sound.listen' });
  expect(told).toHaveLength(before);
});
