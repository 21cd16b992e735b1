/** The laptop of `wren ssh` as the agent at HOST sees it: which device calls go through, and what becomes of them without it. */
import { rmSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { endpointsFolder, forgetEndpoint, writeEndpoint } from '../../src/audio/endpoints-file.ts';
import type { FromVoice, ToVoice } from '../../src/audio/port.ts';
import { AgentCalls } from '../../src/store/agent-calls.ts';
import { changeTalk } from '../../src/store/agent-microphone.ts';
import { SoundDesk } from '../../src/store/agent-sound-desk.ts';
import type { VoiceEvents } from '../../src/store/voice-end.ts';
import { AgentScene } from '../support/agent-scene.ts';

const CALL = 'c'.repeat(32);
let scene: AgentScene;
afterEach(() => scene.end());

function host() {
  const told: ToVoice[] = [];
  let events: VoiceEvents | undefined;
  scene = new AgentScene({
    makeVoice: (given) => {
      events = given;
      return { pid: 1, tell: (message) => told.push(message), play: () => undefined, stop: async () => undefined };
    },
  });
  scene.signedIn('alice1');
  const calls = new AgentCalls(scene.core);
  const desk = new SoundDesk(scene.core, calls);
  const done: string[] = [];
  scene.onCommand = (command) => {
    if (command.type !== 'calls') return;
    const { type } = command.command;
    done.push(type);
    const of = { call: CALL, peer: 'bobby1', by: 'me' } as const;
    if (type === 'mute' || type === 'unmute') calls.fromNode({ type: type === 'mute' ? 'muted' : 'unmuted', ...of });
    if (type === 'hold') calls.fromNode({ type: 'held', ...of, heldBy: 'me' });
    if (type === 'resume') calls.fromNode({ type: 'resumed', ...of, heldBy: 'nobody' });
  };
  const folder = endpointsFolder(scene.core.options.profile.folder);
  const session = (id: string, atMs: number) => {
    const record = { socket: `/tmp/${id}.sock`, token: 'a'.repeat(64), atMs, pid: process.pid, name: id };
    writeEndpoint(folder, id, record);
    desk.handle({ type: 'sound.attach' });
    return record;
  };
  const laptop = (attached: boolean) =>
    events?.onMessage({ type: 'endpoint', attached, name: 'laptop', rttMs: 40, holdMs: 22 } as FromVoice);
  const begin = () => {
    calls.fromNode({ type: 'ringing', direction: 'in', call: CALL, peer: 'bobby1' } as never);
    calls.fromNode({ type: 'answered', call: CALL, peer: 'bobby1', setupMs: 1 } as never);
  };
  return { calls, desk, told, done, folder, session, laptop, begin };
}

const audio = () => scene.core.state.audio;
const spec = () => audio().spec;

test('calls go through the newest session while one is there, and by the chosen device when none is', () => {
  const { folder, session, desk } = host();
  expect(spec()).toBe('default');
  const first = session('first', 1);
  expect([spec(), audio().endpoint]).toEqual([
    `socket:${folder}`,
    { name: 'first', state: 'ready', rttMs: null, delayMs: null },
  ]);
  session('second', 2);
  expect(audio().endpoint?.name).toBe('second');
  rmSync(folder, { recursive: true });
  desk.handle({ type: 'sound.attach' });
  expect([spec(), audio().endpoint]).toEqual(['default', undefined]);
  forgetEndpoint(folder, first);
});

test('a device chosen by hand goes before the session that is there, until the next one', () => {
  const { session, desk } = host();
  session('first', 1);
  desk.handle({ type: 'audio.set', spec: 'device:Headset' });
  desk.handle({ type: 'sound.attach' });
  expect([spec(), audio().endpoint]).toEqual(['device:Headset', undefined]);
  session('second', 2);
  expect(spec()).toMatch(/^socket:/);
  expect(scene.core.options.profile.settings.get().audioSpec).toBe('device:Headset');
});

test('a session whose process has ended is cleared away', () => {
  const { folder, calls } = host();
  writeEndpoint(folder, 'dead', {
    ...{ socket: '/tmp/dead.sock', token: 'a'.repeat(64), atMs: 1, pid: 2 ** 30, name: 'dead' },
  });
  calls.endpoint.look();
  expect(spec()).toBe('default');
});

test('a running call moves to a session that comes, and tells what ssh adds', () => {
  const { session, begin, told, laptop, folder } = host();
  begin();
  session('laptop', 1);
  expect(told.filter(({ type }) => type === 'start')).toEqual([
    { type: 'start', spec: 'default', call: CALL },
    { type: 'start', spec: `socket:${folder}`, call: CALL },
  ]);
  laptop(true);
  expect(audio().endpoint).toEqual({ name: 'laptop', state: 'attached', rttMs: 40, delayMs: 42 });
});

test.each([
  ['muted', ['mute'], ['mute', 'unmute']],
  ['held', ['hold'], ['hold', 'resume']],
  ['open', [], []],
] as const)(
  'when the laptop goes away a call goes on %s, and a laptop that comes undoes just that',
  (detach, away, back) => {
    const { session, begin, done, laptop } = host();
    changeTalk(scene.core, { detach });
    session('laptop', 1);
    begin();
    laptop(true);
    laptop(false);
    expect(done).toEqual(away);
    expect(audio().endpoint?.state).toBe('away');
    expect(scene.events.filter(({ type }) => type === 'notice')).toMatchObject([{ code: 'audio-endpoint-away' }]);
    laptop(true);
    expect(done).toEqual(back);
    expect(scene.core.state.calls[0]).toMatchObject({ phase: 'running', muted: false });
  },
);

test('what a person has muted, or mutes while the laptop is away, stays so', () => {
  const { session, begin, done, laptop, calls } = host();
  session('laptop', 1);
  begin();
  calls.command({ type: 'call.mute', call: CALL });
  laptop(false);
  laptop(true);
  expect(done).toEqual(['mute']);
  calls.command({ type: 'call.unmute', call: CALL });
  laptop(false);
  calls.command({ type: 'call.mute', call: CALL });
  laptop(true);
  expect(done).toEqual(['mute', 'unmute', 'mute', 'mute']);
});
