import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { filterWords } from '../../bin/commands/sound.ts';
import { INITIAL_STATE } from '../../src/store/state.ts';
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
