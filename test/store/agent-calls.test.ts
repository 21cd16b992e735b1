/** Calls and their voice ends: who makes sound when, what happens when nobody can, and how everything ends. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ToVoice } from '../../src/audio/port.ts';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { AgentCalls } from '../../src/store/agent-calls.ts';
import { changeSound } from '../../src/store/agent-sound.ts';
import type { CallEvent } from '../../src/store/port.ts';
import type { VoiceEnd, VoiceEvents } from '../../src/store/voice-end.ts';
import { AgentScene, type AgentSceneOptions, WALL_MS } from '../support/agent-scene.ts';

const CALL = 'c'.repeat(32);
const OTHER = 'd'.repeat(32);

/** A voice end that does as it is told, and remembers it. */
class ScriptedVoice implements VoiceEnd {
  readonly pid = 4_711;
  readonly told: ToVoice[] = [];
  /** Talkers of what was played. */
  readonly played: number[] = [];
  readonly events: VoiceEvents;
  stopped: (() => void) | undefined;

  constructor(events: VoiceEvents) {
    this.events = events;
  }

  tell(message: ToVoice): void {
    this.told.push(message);
  }

  play(_arrivalMs: number, _body: Buffer, talker = 0): void {
    this.played.push(talker);
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.stopped = resolve;
    });
  }
}

let scene: AgentScene;
let voices: ScriptedVoice[];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  scene.end();
});

function calls(options: AgentSceneOptions = {}): AgentCalls {
  voices = [];
  scene = new AgentScene({
    makeVoice: (events) => {
      const voice = new ScriptedVoice(events);
      voices.push(voice);
      return voice;
    },
    ...options,
  }).signedIn();
  return new AgentCalls(scene.core);
}

const rings = (room: AgentCalls, call = CALL): void =>
  room.fromNode({ type: 'ringing', call, peer: 'bobby1', direction: 'in' });
const answered = (room: AgentCalls, call = CALL): void =>
  room.fromNode({ type: 'answered', call, peer: 'bobby1', setupMs: 120 });
const ended = (room: AgentCalls, call = CALL): void =>
  room.fromNode({ type: 'ended', call, peer: 'bobby1', reason: 'hangup', by: 'them', code: null, durationMs: 1_000 });

function told(): CallEvent['event'][] {
  return scene.events.flatMap((event) => (event.type === 'call.event' ? [event.event.event] : []));
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};

test('a voice end is made while it rings, and starts when somebody answers', () => {
  const room = calls();
  rings(room);
  expect(voices).toHaveLength(1);
  expect(voices[0]?.told).toEqual([]);
  room.answer(CALL, 'file:,b.wav');
  answered(room);
  expect(voices[0]?.told.filter(({ type }) => type === 'start')).toEqual([
    { type: 'start', spec: 'file:,b.wav', call: CALL },
  ]);
  expect(told()).toEqual(['ringing', 'answered']);
  expect(room.voicePid).toBe(4_711);
});

test('a call that hears nothing says that it looks for another way, and when it has one', () => {
  const room = calls();
  rings(room);
  answered(room);
  room.fromMedia({ type: 'reconnecting', call: CALL, on: true });
  expect(scene.core.state.calls[0]).toMatchObject({ phase: 'running', reconnecting: true });
  room.fromMedia({ type: 'reconnecting', call: CALL, on: false });
  expect(scene.core.state.calls[0]).toMatchObject({ phase: 'running', reconnecting: false });
  expect(told()).toEqual(['ringing', 'answered', 'reconnecting', 'reconnected']);
});

test('the end is told when the recording is finished, and with the totals', async () => {
  const room = calls();
  rings(room);
  answered(room);
  room.fromMedia({
    type: 'media-totals',
    call: CALL,
    totals: { sentPackets: 50, receivedPackets: 49, sentBytes: 1, receivedBytes: 1, lostIn: 1, concealedPct: 2 },
  });
  ended(room);
  await settled();
  expect(told()).not.toContain('ended');
  voices[0]?.stopped?.();
  await settled();
  const last = scene.events.at(-1);
  expect(last?.type === 'call.event' && last.event).toMatchObject({
    event: 'ended',
    reason: 'hangup',
    sentPackets: 50,
  });
});

test('leaving hangs every call up, and waits for the recordings of those that have just ended as well', async () => {
  const room = calls();
  for (const call of [CALL, OTHER]) {
    rings(room, call);
    answered(room, call);
  }
  scene.onCommand = (command) => {
    if (command.type === 'calls' && command.command.type === 'hang-up') ended(room, command.command.call);
  };
  room.hangUpAll();
  expect(scene.told('calls').map(({ command }) => command)).toEqual([
    { type: 'hang-up', call: CALL },
    { type: 'hang-up', call: OTHER },
  ]);
  let closed = false;
  const closing = room.close().then(() => {
    closed = true;
  });
  await settled();
  expect(closed).toBe(false);
  for (const voice of voices) voice.stopped?.();
  await closing;
  expect(told().filter((event) => event === 'ended')).toHaveLength(2);
});

test('an answer to a call that is not there is refused, and leaves nothing behind to hang up', () => {
  const room = calls();
  scene.onCommand = (command) => {
    if (command.type === 'calls' && command.command.type === 'answer')
      room.fromNode({ type: 'refused', call: CALL, command: 'answer', code: 'no-call' });
  };
  expect(() => room.answer(CALL, 'none')).toThrow(expect.objectContaining({ code: 'no-call' }));
  scene.commands.length = 0;
  room.hangUpAll();
  expect(scene.commands).toEqual([]);
});

test('a call that is refused at once leaves nothing behind either', () => {
  const room = calls();
  scene.onCommand = () => room.fromNode({ type: 'refused', call: '', command: 'place', code: 'person-self' });
  expect(() => room.place('alice1', 'none')).toThrow(Refusal);
  scene.commands.length = 0;
  room.hangUpAll();
  expect(scene.commands).toEqual([]);
});

test('a voice end that dies is one line and a new one, which goes on where the old one was', () => {
  const room = calls();
  rings(room);
  answered(room);
  vi.advanceTimersByTime(3_000);
  voices[0]?.events.onDeath('SIGKILL');
  expect(scene.notices).toEqual(['audio-voice-crashed SIGKILL']);
  expect(scene.told('voice-stats')).toEqual([{ type: 'voice-stats', call: CALL, stats: undefined }]);
  vi.advanceTimersByTime(200);
  expect(voices).toHaveLength(2);
  expect(voices[1]?.told[0]).toMatchObject({ type: 'start', resumeMs: 3_200 });
});

test('the voice end is told which bodies to make, also the next one in the same call, and not before it starts', () => {
  const room = calls();
  rings(room);
  const rung = (name: 'F' | 'R1', frameMs: number, frameBytes: number, copies: number) =>
    room.fromMedia({ type: 'rung', call: CALL, rung: { name, frameMs, frameBytes, copies, distance: 1 } });
  const rungs = (voice: ScriptedVoice | undefined): unknown => voice?.told.filter(({ type }) => type === 'rung');
  rung('R1', 20, 57, 1);
  expect(rungs(voices[0])).toEqual([]);
  answered(room);
  expect(rungs(voices[0])).toEqual([{ type: 'rung', frameMs: 20, frameBytes: 57, copies: 1, distance: 1 }]);
  rung('F', 60, 117, 0);
  voices[0]?.events.onDeath('SIGKILL');
  vi.advanceTimersByTime(200);
  expect(rungs(voices[1])).toEqual([{ type: 'rung', frameMs: 60, frameBytes: 117, copies: 0, distance: 1 }]);
});

test('the voice end hears when its call goes over a TCP stream, also the next one in the same call', () => {
  const room = calls();
  rings(room);
  answered(room);
  room.fromMedia({ type: 'path', call: CALL, path: 'relay' });
  room.fromMedia({ type: 'path', call: CALL, path: 'tcp443' });
  const ways = (voice: ScriptedVoice | undefined): unknown => voice?.told.filter(({ type }) => type === 'way');
  expect(ways(voices[0])).toEqual([
    { type: 'way', stream: false },
    { type: 'way', stream: true },
  ]);
  voices[0]?.events.onDeath('SIGKILL');
  vi.advanceTimersByTime(200);
  expect(ways(voices[1])).toEqual([{ type: 'way', stream: true }]);
});

test('a voice end that dies again and again is given up, answered or not; the call goes on', () => {
  for (const answer of [true, false]) {
    const room = calls();
    rings(room);
    if (answer) answered(room);
    for (let i = 0; i < 50; i++) {
      voices.at(-1)?.events.onDeath('exit code 1');
      vi.advanceTimersByTime(300);
    }
    expect(voices.length).toBeLessThanOrEqual(6);
    expect(scene.core.state.calls[0]?.phase).not.toBe('ended');
    expect(scene.core.state.audio.problem).toContain('audio-voice-crashed');
    if (answer) scene.end();
  }
});

test('no process to be had is no end of the call: silence goes out, and it is tried again', () => {
  let tries = 0;
  const room = calls({
    makeVoice: (events) => {
      tries += 1;
      if (tries === 1) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
      const voice = new ScriptedVoice(events);
      voices.push(voice);
      return voice;
    },
  });
  rings(room);
  expect(scene.notices).toEqual(['audio-voice-crashed too many open files']);
  answered(room);
  vi.advanceTimersByTime(200);
  expect(voices[0]?.told.some((message) => message.type === 'start')).toBe(true);
});

test('a call log that cannot be written is told once, and the call is not disturbed', () => {
  const room = calls();
  scene.core.closeHistory();
  const broken = (): never => {
    throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR' });
  };
  Object.defineProperty(scene.core, 'history', { get: broken });
  rings(room);
  answered(room);
  ended(room);
  expect(scene.notices).toEqual(['profile-unwritable call history']);
  expect(told()).toEqual(['ringing', 'answered']);
});

test('a service answers whoever rings', () => {
  const room = calls({ service: { reply: (line) => line } });
  rings(room);
  rings(room, OTHER);
  expect(scene.told('calls').map(({ command }) => command)).toEqual([
    { type: 'answer', call: CALL },
    { type: 'answer', call: OTHER },
  ]);
});

test('the screen sees a call begin, run, be held and end', () => {
  const room = calls();
  const phase = () => scene.core.state.calls.at(-1)?.phase;
  room.fromNode({ type: 'dialling', call: CALL, peer: 'bobby1' });
  expect(phase()).toBe('dialling');
  room.fromNode({ type: 'ringing', call: CALL, peer: 'bobby1', direction: 'out' });
  expect(phase()).toBe('ringing');
  answered(room);
  expect([phase(), scene.core.state.calls.at(-1)?.answeredAtMs]).toEqual(['running', WALL_MS]);
  room.fromNode({ type: 'held', call: CALL, peer: 'bobby1', by: 'them', heldBy: 'them' });
  expect(phase()).toBe('held');
  expect(voices[0]?.told.at(-1)).toEqual({ type: 'hold', on: true });
  room.fromNode({ type: 'resumed', call: CALL, peer: 'bobby1', by: 'them', heldBy: 'nobody' });
  ended(room);
  expect(phase()).toBe('ended');
});

test('a call has the name as its owner writes it, however it was typed, in every event of it', () => {
  const room = calls();
  const peer = () => scene.core.state.calls.at(-1)?.peer;
  room.fromNode({ type: 'dialling', call: CALL, peer: 'BOBBY1' });
  room.fromNode({ type: 'ringing', call: CALL, peer: 'bobby1', direction: 'out' });
  expect(peer()).toBe('bobby1');
  room.fromNode({ type: 'dialling', call: OTHER, peer: 'CAROL1' });
  room.fromNode({ type: 'answered', call: OTHER, peer: 'carol1', setupMs: 1 });
  expect(peer()).toBe('carol1');
});

test('a voice end is told of echo, noise and gain as it starts, and again when they change in the call', () => {
  const room = calls();
  rings(room);
  room.soundChanged();
  expect(voices[0]?.told).toEqual([]);
  answered(room);
  const asSet = { type: 'filters', echo: 'auto', noise: 'auto', gain: 'auto', headphones: false, inputGainDb: 0 };
  expect(voices[0]?.told.slice(0, 2)).toEqual([{ type: 'start', spec: 'default', call: CALL }, asSet]);
  expect(changeSound(scene.core, { headphones: true, inputGainDb: -3 })).toMatchObject({
    echo: 'auto',
    headphones: true,
  });
  room.soundChanged();
  expect(voices[0]?.told.at(-1)).toEqual({ ...asSet, headphones: true, inputGainDb: -3 });
  expect(scene.core.state.audio.sound).toEqual({
    echo: 'auto',
    noise: 'auto',
    gain: 'auto',
    headphones: true,
    inputGainDb: -3,
  });
});

test('what a voice end does with the sound is told while the call lasts, and what filter there is afterwards too', () => {
  const room = calls();
  rings(room);
  answered(room);
  const filters = { echo: true, noise: true, gain: true, echoDelayMs: 92 };
  voices[0]?.events.onMessage({ type: 'filters', filter: 'own', ...filters });
  expect(scene.core.state.audio).toMatchObject({ filter: 'own', filters });
  voices[0]?.events.onMessage({ type: 'filters', filter: 'none', ...filters, echo: false, noise: false });
  expect(scene.core.state.audio).toMatchObject({ filter: 'own', filters: { echo: false } });
  ended(room);
  expect(scene.core.state.audio.filters).toBeUndefined();
  voices[0]?.events.onMessage({ type: 'filters', filter: 'speex', ...filters });
  expect(scene.core.state.audio).toMatchObject({ filter: 'own' });
  expect(scene.core.state.audio.filters).toBeUndefined();
});

test('a call of two that becomes a conference keeps its voice end, which gets a leg for each who comes', () => {
  const room = calls();
  rings(room);
  answered(room);
  const [voice] = voices;
  const body = Buffer.alloc(60, 1);
  room.voices.confer(CALL, 'direct');
  voice!.told.length = 0;
  room.voices.openLeg(CALL, { leg: CALL, node: 'b'.repeat(32), mixes: true });
  room.voices.openLeg(CALL, { leg: OTHER, node: 'e'.repeat(32), mixes: true });
  expect(voice!.told).toEqual([{ type: 'leg', talker: 1, on: true, mix: 0 }]);
  room.fromMedia({ type: 'path', call: OTHER, path: 'tcp' });
  expect(voice!.told.at(-1)).toEqual({ type: 'way', stream: true, talker: 1 });

  // Each body and each report goes to the leg it is of, and what nobody is there for to nobody.
  scene.commands.length = 0;
  for (const talker of [0, 1, 5]) voice!.events.onBody(body, talker);
  expect(scene.told('voice').map(({ call }) => call)).toEqual([CALL, OTHER]);
  room.fromMedia({ type: 'play', call: OTHER, arrivalMs: 1, body });
  room.fromMedia({ type: 'play', call: CALL, arrivalMs: 1, body });
  room.fromMedia({ type: 'play', call: 'f'.repeat(32), arrivalMs: 1, body });
  expect(voice!.played).toEqual([1, 0]);

  // Our hold is no hold of the legs, also for a voice end that comes now.
  scene.core.emit({ type: 'call.changed', call: { ...scene.core.state.calls[0]!, phase: 'held', heldBy: 'me' } });

  // The voice end dies: each leg is without reports for a moment, and the new one knows of both.
  voice!.events.onDeath('SIGKILL');
  expect(scene.told('voice-stats').map(({ call, stats }) => [call, stats])).toEqual([
    [CALL, undefined],
    [OTHER, undefined],
  ]);
  vi.advanceTimersByTime(200);
  expect(voices[1]!.told.filter(({ type }) => type === 'leg' || type === 'way')).toEqual([
    { type: 'leg', talker: 0, on: true, mix: 0 },
    { type: 'way', stream: false, talker: 0 },
    { type: 'leg', talker: 1, on: true, mix: 0 },
    { type: 'way', stream: true, talker: 1 },
  ]);

  expect(voices[1]!.told.filter(({ type }) => type === 'hold' || type === 'away')).toEqual([
    { type: 'away', on: true },
  ]);
  room.voices.closeLeg(CALL, CALL);
  expect(voices[1]!.told.at(-1)).toEqual({ type: 'leg', talker: 0, on: false });
  expect([room.voices.callOf(OTHER), room.voices.callOf('f'.repeat(32))]).toEqual([CALL, undefined]);
  ended(room);
  expect(room.voices.callOf(OTHER)).toBeUndefined();
});
