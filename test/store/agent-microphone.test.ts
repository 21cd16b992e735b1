/** Push-to-talk and the watchdog, as the agent carries them out in a call. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ToVoice } from '../../src/audio/port.ts';
import { AgentCalls } from '../../src/store/agent-calls.ts';
import { changeTalk } from '../../src/store/agent-microphone.ts';
import type { VoiceEvents } from '../../src/store/voice-end.ts';
import { AgentScene } from '../support/agent-scene.ts';

const CALL = 'c'.repeat(32);
let scene: AgentScene;
let told: ToVoice[];
let voice: VoiceEvents;
let attended: boolean;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  scene.end();
});

/** A node that does as it is told about the microphone. */
function calls(): AgentCalls {
  told = [];
  attended = true;
  scene = new AgentScene({
    makeVoice: (events) => {
      voice = events;
      return { pid: 1, tell: (message) => void told.push(message), play: () => {}, stop: async () => {} };
    },
    change: (options) => ({ ...options, attended: () => attended }),
  }).signedIn();
  const room = new AgentCalls(scene.core);
  scene.onCommand = (command) => {
    if (command.type !== 'calls') return;
    const { command: word } = command;
    if (word.type === 'mute' || word.type === 'unmute')
      room.fromNode({ type: word.type === 'mute' ? 'muted' : 'unmuted', call: word.call, peer: 'bobby1', by: 'me' });
  };
  return room;
}

function talks(room: AgentCalls): void {
  room.fromNode({ type: 'ringing', call: CALL, peer: 'bobby1', direction: 'in' });
  room.fromNode({ type: 'answered', call: CALL, peer: 'bobby1', setupMs: 1 });
}

function ready(capture: 'pulse' | 'none'): void {
  voice.onMessage({
    ...{ type: 'ready', codec: 'native', playback: 'pulse', bodyBytes: 60, frameMs: 20, bitrate: 23_000 },
    capture,
  });
}

function minutes(count: number, speaking = false): void {
  for (let at = 0; at < count * 12; at++) {
    vi.advanceTimersByTime(5_000);
    voice.onMessage({ type: 'level', inputDb: -60, outputDb: -60, speaking });
  }
}

test('with push-to-talk a call begins muted, and its voice end knows before it may open a microphone', () => {
  const room = calls();
  expect(changeTalk(scene.core, { talk: 'push' })).toEqual({
    talk: 'push',
    watch: 'warn',
    watchMinutes: 10,
    detach: 'muted',
  });
  talks(room);
  expect(scene.core.state.calls[0]?.muted).toBe(true);
  const types = told.map(({ type }) => type);
  expect(types.indexOf('mute')).toBeGreaterThanOrEqual(0);
  expect(types.indexOf('mute')).toBeLessThan(types.indexOf('start'));
  room.command({ type: 'call.unmute' });
  expect(told.at(-1)).toEqual({ type: 'mute', on: false });
  room.muteAll();
  expect(told.at(-1)).toEqual({ type: 'mute', on: true });
});

test('a voice end that dies in a muted call is followed by one that is muted before it starts', () => {
  const room = calls();
  talks(room);
  room.command({ type: 'call.mute' });
  told.length = 0;
  voice.onDeath('SIGKILL');
  vi.advanceTimersByTime(1_000);
  expect(told.map(({ type }) => type).slice(0, 2)).toEqual(['mute', 'start']);
});

test('a microphone left open is told of once, stands in the state, and is closed if that is wanted', () => {
  const room = calls();
  changeTalk(scene.core, { watch: 'close', watchMinutes: 5 });
  talks(room);
  ready('pulse');
  minutes(4, true);
  minutes(4.5);
  expect(scene.notices).toEqual([]);
  minutes(0.6);
  expect(scene.notices).toEqual(['microphone-left-open call with bobby1, nobody spoke here for 5 min']);
  expect(scene.core.state.calls[0]).toMatchObject({ leftOpen: 'quiet', muted: false });
  minutes(1.1);
  expect(scene.notices.at(-1)).toMatch(/^microphone-closed /);
  expect(scene.core.state.calls[0]?.muted).toBe(true);
  minutes(0.2);
  expect(scene.core.state.calls[0]).not.toHaveProperty('leftOpen');
});

test('whether the system serves the voice process first stands in the state', () => {
  talks(calls());
  voice.onMessage({ type: 'hello', port: 1, pid: 1, raised: false });
  expect(scene.core.state.audio.priority).toBe('not allowed');
  voice.onMessage({ type: 'hello', port: 1, pid: 1, raised: true });
  expect(scene.core.state.audio.priority).toBe('raised');
});

test('nobody at a screen is a reason too; a call without a microphone is none', () => {
  const room = calls();
  talks(room);
  ready('none');
  attended = false;
  minutes(30);
  expect(scene.notices).toEqual([]);
  ready('pulse');
  minutes(11, true);
  expect(scene.notices).toEqual(['microphone-left-open call with bobby1, no screen was open for 10 min']);
});
