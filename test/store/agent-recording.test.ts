/** The recording of a call as the agent leads it: who is told when, and what becomes of it when things fail. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ToVoice } from '../../src/audio/port.ts';
import type { Refusal } from '../../src/net/protocol/failures.ts';
import { AgentCalls } from '../../src/store/agent-calls.ts';
import type { VoiceEvents } from '../../src/store/voice-end.ts';
import { AgentScene } from '../support/agent-scene.ts';

const CALL = 'c'.repeat(32);
let scene: AgentScene;
let told: (ToVoice['type'] | string)[];
let voice: VoiceEvents;
let room: AgentCalls;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  told = [];
  scene = new AgentScene({
    makeVoice: (events) => {
      voice = events;
      const tell = (message: ToVoice): void => {
        if (message.type === 'record') told.push(`record ${message.path} ${message.resumeMs ?? 0}`);
        else if (message.type === 'record-end') told.push('record-end');
      };
      return { pid: 1, tell, play: () => {}, stop: async () => {} };
    },
  }).signedIn();
  room = new AgentCalls(scene.core);
  scene.onCommand = (command) => {
    if (command.type !== 'calls' || !command.command.type.startsWith('record')) return;
    const on = command.command.type === 'record';
    told.push(on ? 'they are told' : 'they are told of the end');
    room.fromNode({ type: 'recording', call: CALL, peer: 'bobby1', by: 'me', on });
  };
  room.fromNode({ type: 'ringing', call: CALL, peer: 'bobby1', direction: 'in' });
});
afterEach(() => {
  vi.useRealTimers();
  scene.end();
});

const answered = (): void => room.fromNode({ type: 'answered', call: CALL, peer: 'bobby1', setupMs: 1 });
const opened = (path = '/tmp/a.wav'): void => voice.onMessage({ type: 'recording', on: true, path });
const codeOf = (act: () => unknown): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as Refusal).code;
  }
};
const recorders = () => scene.core.state.calls[0]?.recordedBy;

test('the other end is told before the file is opened, and who records stands in the state', async () => {
  expect(codeOf(() => room.recording.start(undefined, '/tmp/a.wav'))).toBe('no-call');
  answered();
  const asked = room.recording.start(undefined, '/tmp/a.wav');
  expect(told).toEqual(['they are told', 'record /tmp/a.wav 0']);
  opened();
  expect(await asked).toEqual({ call: CALL, path: '/tmp/a.wav' });
  expect(recorders()).toBe('me');
  expect(codeOf(() => room.recording.start(undefined, '/tmp/b.wav'))).toBe('usage');
  room.fromNode({ type: 'recording', call: CALL, peer: 'bobby1', by: 'them', on: true });
  expect(recorders()).toBe('both');
  room.recording.stop(undefined);
  expect(recorders()).toBe('them');
  expect(told.slice(2)).toEqual(['record-end', 'they are told of the end']);
  const events = scene.events.flatMap((event) => (event.type === 'call.event' ? [event.event] : []));
  expect(events.filter(({ event }) => event === 'recording')).toMatchObject([
    { call: CALL, peer: 'bobby1', by: 'me', on: true },
    { by: 'them', on: true },
    { by: 'me', on: false },
  ]);
  expect(codeOf(() => room.recording.stop(undefined))).toBe('usage');
});

test('a file that cannot be opened, or not in time, is the answer, and the other end hears of the end', async () => {
  answered();
  const asked = room.recording.start(undefined, '/tmp/a.wav');
  const detail = '/tmp/a.wav: it exists already';
  voice.onMessage({ type: 'recording', on: false, path: '/tmp/a.wav', code: 'audio-file-unwritable', detail });
  await expect(asked).rejects.toMatchObject({ code: 'audio-file-unwritable' });
  expect(recorders()).toBe('nobody');
  const late = room.recording.start(undefined, '/tmp/b.wav');
  vi.advanceTimersByTime(6_000);
  await expect(late).rejects.toMatchObject({ code: 'timed-out' });
  expect(recorders()).toBe('nobody');
  expect(scene.notices).toEqual([]);
});

test('a recording outlives its voice end, and ends with a notice when the disk is full', async () => {
  answered();
  const asked = room.recording.start(undefined, '/tmp/a.wav');
  opened();
  await asked;
  vi.advanceTimersByTime(3_000);
  told.length = 0;
  voice.onDeath('SIGKILL');
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual(['record /tmp/a.wav 3200']);
  opened();
  voice.onMessage({ type: 'recording', on: false, path: '/tmp/a.wav', code: 'disk-full', detail: '/tmp/a.wav: full' });
  expect(scene.notices.at(-1)).toBe('disk-full /tmp/a.wav: full');
  expect(recorders()).toBe('nobody');
});

test('without a name it is a WAV file in the profile; the end of the call ends the waiting', async () => {
  answered();
  const asked = room.recording.start(undefined, undefined);
  expect(told[1]).toMatch(/^record .*bobby1-2026-01-01-000000\.wav 0$/);
  room.fromNode({ type: 'ended', call: CALL, peer: 'bobby1', reason: 'hangup', by: 'them', code: null, durationMs: 1 });
  await expect(asked).rejects.toMatchObject({ code: 'no-call' });
});
