import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { filterWords } from '../../bin/commands/sound.ts';
import { problemWords } from '../../bin/commands/status.ts';
import { INITIAL_STATE, specAfter } from '../../src/store/state.ts';
import { type ScriptedAgent, SIGNED_IN, scriptedAgent } from '../support/scripted-agent.ts';
import { type BuiltWren, buildWren, jsonLines } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent | undefined;
beforeAll(() => {
  wren = buildWren();
});
afterEach(async () => {
  await agent?.close();
  agent = undefined;
});
afterAll(() => wren.remove());

const SOUND = { echo: 'auto', noise: 'auto', gain: 'auto', headphones: false, inputGainDb: 0 } as const;
const TALK = { talk: 'open', watch: 'warn', watchMinutes: 10 } as const;
const FILTERS = { echo: true, noise: true, gain: true, echoDelayMs: 92 };

async function sound(...words: string[]) {
  const profile = wren.profile();
  const audio = { ...SIGNED_IN.audio, filter: 'speex', filters: FILTERS } as const;
  agent = await scriptedAgent(
    profile,
    {
      'sound.set': ({ type: _type, ...change }) => ({ ...SOUND, ...change }),
      'talk.set': ({ type: _type, ...change }) => ({ ...TALK, ...change }),
    },
    { ...SIGNED_IN, audio },
  );
  return wren.run(['sound', ...words, '--profile', profile]);
}

test.each<[string, object]>([
  ['', {}],
  ['echo off', { echo: 'off' }],
  ['noise strong', { noise: 'strong' }],
  ['gain on', { gain: 'on' }],
  ['headphones on', { headphones: true }],
  ['input -6', { inputGainDb: -6 }],
  ['input 12.5', { inputGainDb: 12.5 }],
])('`wren sound %s` asks the agent for just that, and tells all as it is then', async (line, change) => {
  const { code, stdout, stderr } = await sound(...line.split(' ').filter(Boolean), '--json');
  expect([code, stderr]).toEqual([0, '']);
  expect(agent?.asked.slice(0, 2)).toEqual([{ type: 'sound.set', ...change }, { type: 'talk.set' }]);
  const now = line === '' ? { now: FILTERS } : {};
  expect(jsonLines(stdout)).toEqual([{ event: 'sound', ...SOUND, ...TALK, ...change, filter: 'speex', ...now }]);
});

test('it reads well for people', async () => {
  const rows = (stdout: string): string[] => stdout.split('\n').map((line) => line.replace(/ +/g, ' '));
  const rest = [
    'Talk: open microphone',
    'Watch: a warning when it is open for 10 min and nobody speaks or looks',
    ...['Input: 0 dB', 'Filtered by: speexdsp', ''],
  ];
  const shown = await sound();
  expect(shown.code).toBe(0);
  expect(rows(shown.stdout)).toEqual([
    'Echo: auto, in use; it comes after 92 ms',
    'Noise: auto, in use',
    'Gain: auto, in use',
    'Headphones: off',
    ...rest,
  ]);
  await agent?.close();
  expect(rows((await sound('headphones', 'on')).stdout)).toEqual([
    'Echo: auto, but headphones are on',
    'Noise: auto',
    'Gain: auto',
    'Headphones: on',
    ...rest,
  ]);
});

const HEADSET = { name: 'usb-headset', description: 'USB Headset', isMonitor: false, isChosen: false };
const DEVICES = {
  spec: 'default',
  backend: 'pulse',
  inputs: [
    { ...HEADSET, isDefault: true, inUse: true },
    { ...HEADSET, name: 'out.monitor', description: 'Monitor', isMonitor: true, isDefault: false, inUse: false },
  ],
  outputs: [{ ...HEADSET, name: 'out', description: 'out', isDefault: true, inUse: false }],
} as const;

async function devices(words: readonly string[], report: object = DEVICES) {
  const profile = wren.profile();
  const state = { ...SIGNED_IN, audio: { ...SIGNED_IN.audio, spec: 'device:Old Thing' } };
  agent = await scriptedAgent(profile, { 'sound.devices': () => report, 'audio.set': () => null }, state);
  return wren.run(['sound', ...words, '--profile', profile]);
}

test('`wren sound devices` lists microphones and speakers: default, in use, and by which name they are chosen', async () => {
  const { code, stdout } = await devices(['devices', '--json']);
  expect(code).toBe(0);
  const usb = { name: 'usb-headset', description: 'USB Headset' };
  expect(jsonLines(stdout)).toMatchObject([
    { event: 'device', side: 'input', backend: 'pulse', ...usb, default: true, inUse: true, chosen: false },
    { event: 'device', side: 'input', name: 'out.monitor', monitor: true, default: false, inUse: false },
    { event: 'device', side: 'output', name: 'out', default: true },
    { event: 'done', spec: 'default', backend: 'pulse', inputs: 2, outputs: 1 },
  ]);
  await agent?.close();
  const words = (await devices(['devices'])).stdout.split('\n').map((line) => line.replace(/ +/g, ' '));
  expect(words).toContain(' usb-headset USB Headset, in use, default, used in calls');
  expect(words).toContain(' out.monitor Monitor, hears a speaker');
  await agent?.close();
  const none = await devices(['devices'], { spec: 'default', backend: 'none', inputs: [], outputs: [] });
  expect(none.stdout).toMatch(/^No microphone and no speaker can be found/);
});

test('`wren sound use` chooses for both sides or one, and says when nothing is called so now', async () => {
  const { code, stderr } = await devices(['use', 'Headset']);
  expect(code).toBe(0);
  expect(await agent?.wasAsked('audio.set')).toEqual({ type: 'audio.set', spec: 'device:Headset' });
  expect(stderr).toContain('No device is called "Headset" now');
  expect(specAfter('default', 'mic', 'input')).toBe('device:mic|');
  expect(specAfter('device:mic|', 'box', 'output')).toBe('device:mic|box');
  expect(specAfter('device:both', '', 'output')).toBe('device:both|');
  expect(specAfter('device:mic|', '', 'input')).toBe('default');
  expect(specAfter('file:a.wav', '')).toBe('default');
});

test('status says in a sentence what is wrong with a device', () => {
  expect(problemWords('audio-device-absent: "Headset"')).toBe(
    '"Headset": The sound device that you chose is not there: the default one is used instead.',
  );
  expect(problemWords('words of an older agent')).toBe('words of an older agent');
});

test('status says in a call what is done with the microphone, and by what', () => {
  const { audio } = INITIAL_STATE;
  expect(filterWords(audio)).toBeUndefined();
  expect(filterWords({ ...audio, filter: 'own' })).toBeUndefined();
  expect(filterWords({ ...audio, filter: 'own', filters: FILTERS })).toBe(
    "microphone: echo, noise, gain controlled by wren's own filter",
  );
  const strong = { ...FILTERS, noiseBy: 'rnnoise' } as const;
  expect(filterWords({ ...audio, filter: 'speex', filters: strong })).toBe(
    'microphone: echo, noise, gain controlled by speexdsp and RNNoise',
  );
  expect(filterWords({ ...audio, filter: 'speex', filters: { ...strong, echo: false } })).toBe(
    'microphone: noise, gain controlled by RNNoise',
  );
  const none = { echo: false, noise: false, gain: false, echoDelayMs: null };
  expect(filterWords({ ...audio, filter: 'own', filters: none })).toBe('microphone as it is');
  expect(filterWords({ ...audio, filter: 'own', filters: none, sound: { ...SOUND, headphones: true } })).toBe(
    'microphone as it is, headphones on',
  );
});
