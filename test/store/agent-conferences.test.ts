/** Conferences as the agent tells them: one call id, events a person, legs that become talkers of one voice end. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ToVoice } from '../../src/audio/port.ts';
import { AgentCalls } from '../../src/store/agent-calls.ts';
import type { CallEvent } from '../../src/store/port.ts';
import type { VoiceEnd, VoiceEvents } from '../../src/store/voice-end.ts';
import { AgentScene } from '../support/agent-scene.ts';

const CALL = 'c'.repeat(32);
const LEG = { bobby1: '1'.repeat(32), carol1: '2'.repeat(32) } as const;

let scene: AgentScene;
let told: ToVoice[];
let voice: VoiceEvents | undefined;
beforeEach(() =>
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] }),
);
afterEach(() => {
  vi.useRealTimers();
  scene.end();
});

function room(): AgentCalls {
  told = [];
  scene = new AgentScene({
    makeVoice: (events): VoiceEnd => {
      voice = events;
      return { pid: 1, tell: (message) => void told.push(message), play: () => {}, stop: () => Promise.resolve() };
    },
  }).signedIn();
  return new AgentCalls(scene.core);
}

const news = (calls: AgentCalls, ...all: Parameters<AgentCalls['fromConference']>[0][]): void => {
  for (const one of all) calls.fromConference(one);
};

function person(name: string, change: object = {}) {
  const quiet = { isMe: false, isMixer: false, deputy: 0, muted: false, held: false, recording: false };
  return {
    name,
    node: `node of ${name}`,
    state: 'in',
    ...quiet,
    trouble: '',
    by: 'alice1',
    removable: true,
    ...change,
  } as const;
}

function roster(...people: ReturnType<typeof person>[]) {
  const mixer = people.find(({ isMixer }) => isMixer)?.node ?? '';
  return { type: 'roster', call: CALL, roster: { conference: 'd'.repeat(32), term: 1, mixer, people } } as never;
}

const events = (): CallEvent[] => scene.events.flatMap((one) => (one.type === 'call.event' ? [one.event] : []));

const ME = person('alice1', { isMe: true, isMixer: true });

/** We called two, both answered, and we mix. */
function talking(): AgentCalls {
  const calls = room();
  const { call } = calls.conferences.handle({ type: 'conference.call', names: ['bobby1', 'carol1'], audio: 'none' });
  expect(scene.told('conference').map(({ command }) => command)).toMatchObject([
    { type: 'found', call, names: ['bobby1', 'carol1'] },
  ]);
  news(calls, { type: 'begun', call: CALL, grown: false, direction: 'out' });
  for (const peer of ['bobby1', 'carol1'] as const) {
    news(calls, { type: 'ringing', call: CALL, direction: 'out', peer });
    news(calls, { type: 'answered', call: CALL, peer, setupMs: 300, isMe: false });
    news(calls, { type: 'leg', call: CALL, leg: LEG[peer], peer, node: `node of ${peer}`, on: true, mixes: true });
  }
  news(calls, roster(ME, person('bobby1'), person('carol1')));
  return calls;
}

test('rings, answers, paths and qualities are told a person, all under one call id; sound starts with the first answer', () => {
  const calls = talking();
  calls.fromMedia({ type: 'path', call: LEG.carol1, path: 'relay', via: 'udp:192.0.2.1:4000' });
  expect(events().map(({ event, call, peer }) => [event, call, peer])).toEqual([
    ['ringing', CALL, 'bobby1'],
    ['answered', CALL, 'bobby1'],
    ['ringing', CALL, 'carol1'],
    ['answered', CALL, 'carol1'],
    ['conference', CALL, expect.any(String)],
    ['path', CALL, 'carol1'],
  ]);
  expect(told.filter(({ type }) => type === 'start')).toHaveLength(1);
  expect(told.filter(({ type }) => type === 'leg')).toMatchObject([
    { talker: 0, on: false },
    { talker: 0, on: true },
    { talker: 1, on: true },
  ]);
  const view = scene.core.state.calls.find(({ call }) => call === CALL);
  expect(view).toMatchObject({ phase: 'running', peer: 'bobby1, carol1', conference: { mixer: 'alice1', iMix: true } });
  expect(view?.conference?.people.find(({ name }) => name === 'carol1')?.path).toBe('relay');
});

test('whoever mixes tells who speaks, by its voice end; the mute, hold and recording of others are told as in a call of two', () => {
  const calls = talking();
  const level = { type: 'level', inputDb: -20, outputDb: -20, speaking: true } as const;
  voice?.onMessage({ ...level, legs: [{ talker: 1, db: -15, speaking: true }] });
  expect(scene.told('conference').at(-1)?.command).toMatchObject({
    type: 'speaking',
    nodes: ['node of carol1', 'node of alice1'],
  });
  news(calls, { type: 'speaking', call: CALL, nodes: ['node of carol1'] });
  expect(events().at(-1)).toMatchObject({ event: 'conference', speaking: ['carol1'], mixer: 'alice1', iMix: true });
  news(calls, roster(ME, person('bobby1', { muted: true }), person('carol1', { held: true, recording: true })));
  expect(
    events()
      .slice(-4)
      .map(({ event, peer }) => `${event} ${peer}`),
  ).toEqual(['muted bobby1', 'held carol1', 'recording carol1', expect.stringMatching(/^conference/)]);
  expect(told.at(-1)).toMatchObject({ type: 'hold', on: true, talker: 1 });
});

test('one who leaves does not end it; who removed us, and a forger, are named; what was left may be gone back to', async () => {
  const calls = talking();
  news(calls, { type: 'person-ended', call: CALL, peer: 'bobby1', reason: 'hangup', by: '' });
  expect(events().at(-1)).toMatchObject({ event: 'ended', peer: 'bobby1', reason: 'hangup', goesOn: true });
  news(calls, { type: 'warning', name: 'mallory', what: 'is not who was invited' });
  expect(scene.events.at(-1)).toMatchObject({
    type: 'notice',
    code: 'conference-forged',
    detail: 'mallory is not who was invited',
  });
  news(calls, { type: 'ended', call: CALL, reason: 'hangup', by: '', durationMs: 5_000, rejoinable: true });
  for (let i = 0; i < 5; i += 1) await Promise.resolve();
  const last = events().at(-1);
  expect(last).toMatchObject({ event: 'ended', call: CALL, reason: 'hangup' });
  expect(last).not.toHaveProperty('goesOn');
  calls.conferences.handle({ type: 'conference.rejoin' });
  expect(scene.told('conference').at(-1)?.command).toMatchObject({ type: 'rejoin', call: CALL });
  news(calls, { type: 'begun', call: CALL, grown: false, direction: 'out' });
  expect(scene.core.state.calls.find(({ call }) => call === CALL)).toMatchObject({ phase: 'dialling', reason: null });
});

test('a conference that rang in vain is a missed call like any other: in the log, in the state, for whoever looks later', async () => {
  const missed: string[][] = [];
  room();
  const calls = new AgentCalls(scene.core, (peer, call) => void missed.push([peer, call]));
  news(calls, {
    type: 'ringing',
    call: CALL,
    direction: 'in',
    peer: 'bobby1',
    others: ['carol1'],
    blocked: ['carol1'],
  });
  expect(events().at(-1)).toMatchObject({ event: 'ringing', others: ['carol1'], blocked: ['carol1'] });
  const view = () => scene.core.state.calls.find(({ call }) => call === CALL);
  expect(view()).toMatchObject({ phase: 'ringing', conference: { others: ['carol1'], blocked: ['carol1'] } });
  news(calls, { type: 'ended', call: CALL, reason: 'no-answer', by: '', durationMs: 0, rejoinable: false });
  for (let i = 0; i < 5; i += 1) await Promise.resolve();
  expect(missed).toEqual([['bobby1', CALL]]);
  expect(events().at(-1)).toMatchObject({ event: 'ended', peer: 'bobby1', reason: 'no-answer' });
  expect(view()).toMatchObject({ phase: 'ended', reason: 'no-answer', direction: 'in', answeredAtMs: null });
});

test('somebody whom we blocked is marked among the people, and named in a notice', () => {
  const calls = talking();
  news(calls, roster(ME, person('bobby1'), person('carol1', { blocked: true })));
  news(calls, { type: 'blocked-inside', call: CALL, peer: 'carol1' });
  expect(scene.events.at(-1)).toMatchObject({ type: 'notice', code: 'blocked-inside', detail: 'carol1' });
  const people = scene.core.state.calls.find(({ call }) => call === CALL)?.conference?.people;
  expect(people?.find(({ name }) => name === 'carol1')?.blocked).toBe(true);
});
