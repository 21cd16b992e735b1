/** The sound settings of the screen: every one reached and changed by keys, told in words, with a meter that lives. */
import { expect, test } from 'vitest';
import type { AgentCommand, SoundDevicesReport } from '../../src/store/port.ts';
import type { AppState } from '../../src/store/state.ts';
import { soundMeterRows, soundRows } from '../../src/tui/rows/sound-rows.ts';
import { fitRow, plainText } from '../../src/tui/text/spans.ts';
import { ASCII_GLYPHS } from '../../src/tui/theme.ts';
import { call, NOW_MS, Scene } from '../support/screen-scenes.ts';
import { buddy, SIGNED_IN } from '../support/scripted-agent.ts';

const device = (name: string, description: string, isDefault = false) => ({
  ...{ name, description, isDefault, isMonitor: false, isChosen: false, inUse: false },
});
const DEVICES: SoundDevicesReport = {
  spec: 'default',
  backend: 'pulse',
  inputs: [device('usb.mono', 'USB Headset'), device('pci.analog', 'Built-in', true)],
  outputs: [device('hdmi', 'Screen', true)],
};
const SOUND = { echo: 'auto', noise: 'auto', gain: 'off', headphones: false, inputGainDb: 0 } as const;
const APP: AppState = {
  ...SIGNED_IN,
  buddies: [buddy('bobby1')],
  audio: { ...SIGNED_IN.audio, sound: SOUND },
};

function open(app = APP): Scene {
  const scene = new Scene(app).type('t');
  scene.reply({ for: 'devices' }, DEVICES);
  return scene;
}

/** What was asked since the settings were opened. */
function asked(scene: Scene): readonly AgentCommand[] {
  const all = scene.asked() as readonly AgentCommand[];
  return all.filter(({ type }) => type !== 'sound.devices' && type !== 'sound.listen');
}

function words({ world }: Scene): string[] {
  const { dialog } = world.ui;
  if (dialog?.type !== 'sound') return [];
  const style = { columns: 60, glyphs: ASCII_GLYPHS };
  const rows = [...soundRows(world.app, dialog, style), ...soundMeterRows(world.app, style)];
  return rows.map((row) => plainText(row).replace(/ +/g, ' ').trim());
}

test('the settings open with one key, also while typing, ask for devices and for the meter, and close again', () => {
  const scene = new Scene(APP).type('t');
  expect(scene.asked()).toEqual([{ type: 'sound.devices' }, { type: 'sound.listen' }]);
  expect(words(scene)[0]).toBe('> Microphone default looking...');
  expect(scene.type('\x1b').ui.dialog).toBeNull();
  const typing = new Scene(APP, { selected: 'bobby1', focus: 'chat' }).type('\x1bt');
  expect(typing.ui.dialog).toMatchObject({ type: 'sound' });
});

test('devices are chosen for each side by itself, around through the default', () => {
  const scene = open();
  expect(words(scene).slice(0, 2)).toEqual(['> Microphone default: Built-in', 'Speaker default: Screen']);
  expect(asked(scene.type('\x1b[C'))).toEqual([{ type: 'audio.set', spec: 'device:usb.mono|' }]);
  scene.event({ type: 'audio.changed', audio: { ...APP.audio, spec: 'device:usb.mono|' } });
  expect(words(scene)[0]).toBe('> Microphone USB Headset');
  expect(asked(scene.type('h')).at(-1)).toEqual({ type: 'audio.set', spec: 'default' });
  expect(asked(scene.type('j ')).at(-1)).toEqual({ type: 'audio.set', spec: 'device:usb.mono|hdmi' });
  const gone = open({
    ...APP,
    audio: { ...APP.audio, spec: 'device:Old', using: { input: 'pci.analog', output: null } },
  });
  expect(words(gone)[0]).toBe('> Microphone Old (not there) in use: Built-in');
});

test('echo, noise, gain, headphones and input gain are changed in their places', () => {
  const wishes = [
    ['jj\r', { echo: 'on' }],
    ['jjj\x1b[D', { noise: 'off' }],
    ['jjjj\r', { gain: 'auto' }],
    ['jjjjj ', { headphones: true }],
    ['jjjjjj-', { inputGainDb: -1 }],
    ['jjjjjj+', { inputGainDb: 1 }],
  ] as const;
  for (const [keys, change] of wishes) expect(asked(open().type(keys))).toEqual([{ type: 'sound.set', ...change }]);
  const loud = open({ ...APP, audio: { ...APP.audio, sound: { ...SOUND, inputGainDb: 20 } } });
  expect(asked(loud.type('jjjjjj+'))).toEqual([{ type: 'sound.set', inputGainDb: 20 }]);
  expect(words(loud)[6]).toBe('> Input gain +20 dB');
});

test('a test call begins and ends here, and nobody else is hung up by it', () => {
  const scene = open();
  expect(asked(scene.type('t'))).toEqual([{ type: 'call.place', to: 'echo' }]);
  const running = call({ phase: 'running', answeredAtMs: NOW_MS, peer: 'echo' });
  scene.event({ type: 'call.changed', call: running });
  expect(words(scene)[7]).toContain('Enter ends it');
  expect(asked(scene.type('jjjjjjj\r')).at(-1)).toEqual({ type: 'call.hang-up', call: running.call });
  const talking = open();
  talking.event({ type: 'call.changed', call: { ...running, peer: 'bobby1' } });
  expect(asked(talking.type('t'))).toEqual([]);
  expect(talking.ui.notice?.text).toContain('bobby1');
});

test('in a narrow window the meter is shorter, and says how loud it is', () => {
  const meter = { inputDb: -30, speaking: true };
  const state = { ...SIGNED_IN, audio: { ...SIGNED_IN.audio, meter } };
  const row = (columns: number) =>
    plainText(fitRow(soundMeterRows(state, { columns, glyphs: ASCII_GLYPHS })[0] ?? [], columns));
  for (const columns of [26, 36, 60]) expect(row(columns)).toMatch(/^ {2}Level +=+\.+ -30 dB/);
  const silent = { ...state, audio: { ...state.audio, meter: { inputDb: -96, speaking: false } } };
  // A part without text takes nothing of the rest with it.
  const cut = fitRow(soundMeterRows(silent, { columns: 60, glyphs: ASCII_GLYPHS })[0] ?? [], 40);
  expect(plainText(cut)).toMatch(/^ {2}Level +\.{10}/);
});

test('the meter is asked for again while it is looked at, lives, and says in words what is silent or too loud', () => {
  const scene = open();
  expect(words(scene).at(-1)).toBe('The microphone is opening...');
  const heard = (inputDb: number, speaking: boolean): string => {
    scene.event({ type: 'sound.level', inputDb, outputDb: -96, speaking });
    return words(scene).at(-1) ?? '';
  };
  expect(heard(-30, true)).toMatch(/^Level =+\.* -30 dB voice$/);
  expect(heard(-96, false)).toMatch(/^Level \.* -96 dB silent$/);
  expect(heard(-1, true)).toMatch(/too loud$/);
  const listens = (): number =>
    (scene.asked() as readonly AgentCommand[]).filter(({ type }) => type === 'sound.listen').length;
  expect(listens()).toBe(1);
  scene.world = { ...scene.world, nowMs: NOW_MS + 4_000 };
  heard(-30, true);
  expect(listens()).toBe(2);
  scene.event({
    type: 'call.changed',
    call: call({ phase: 'running', answeredAtMs: NOW_MS, inputDb: -20, outputDb: -40 }),
  });
  expect(words(scene).slice(-2)).toEqual([expect.stringContaining('-20 dB'), expect.stringContaining('-40 dB')]);
  scene.world = { ...scene.world, nowMs: NOW_MS + 9_000 };
  scene.type('j');
  expect(listens()).toBe(2);
});
