import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { changeSetting } from '../../src/store/agent-settings.ts';
import type { AgentCommand } from '../../src/store/port.ts';
import { DEFAULT_SETTINGS } from '../../src/store/settings-file.ts';
import {
  readSetting,
  SETTING_KEYS,
  settingReport,
  settingReports,
  settingWord,
} from '../../src/store/settings-table.ts';
import { AgentScene } from '../support/agent-scene.ts';

let scene: AgentScene | undefined;
afterEach(() => scene?.end());

test('every setting is told with its value, its default, what it may be, and when a change holds', () => {
  const reports = settingReports({ ...DEFAULT_SETTINGS, alertBell: false });
  expect(reports.map(({ key }) => key)).toEqual(SETTING_KEYS);
  expect(new Set(SETTING_KEYS).size).toBe(SETTING_KEYS.length);
  expect(settingReport({ ...DEFAULT_SETTINGS, alertBell: false }, 'alertBell')).toEqual({
    key: 'alert-bell',
    value: false,
    default: true,
    choices: 'on or off',
    about: 'alerts ring the bell of the terminal',
    holds: 'now',
  });
  for (const report of reports) expect(`${report.key}: ${report.about}`).toMatch(/^[a-z0-9-]+: .{5,70}$/);
});

test('no setting tells what is private: the proxy may hold a password', () => {
  expect(SETTING_KEYS.filter((key) => /proxy|port$|notice|answer/.test(key))).toEqual([]);
});

test('the default of every setting reads as itself, typed as it is shown', () => {
  for (const { key, default: value } of settingReports(DEFAULT_SETTINGS)) {
    const property = Object.keys(DEFAULT_SETTINGS).find((one) => one.toLowerCase() === key.replaceAll('-', ''));
    for (const text of [settingWord(value), 'default']) {
      expect(readSetting(key, text)).toMatchObject({ ok: true, change: { [property ?? '']: value } });
    }
  }
});

test.each([
  ['alert-bell', 'yes', true],
  ['alert-bell', 'OFF', false],
  ['alertbell', 'false', false],
  ['screen-mode', 'Screen-Reader', 'screen-reader'],
  ['input-gain-db', '-6.5', -6.5],
  ['microphone-watch-minutes', '15', 15],
  ['alert-command', 'notify-send wren', 'notify-send wren'],
  ['alert-command', '', ''],
])('%s takes %j', (key, text, value) => {
  const read = readSetting(key, text);
  expect(read.ok && Object.values(read.change)).toEqual([value]);
});

test.each([
  ['alert-bell', 'loud', 'alert-bell takes on or off'],
  ['talk', '', 'talk takes open or push'],
  ['screen-mode', 'tall', 'screen-mode takes auto, full, plain or screen-reader'],
  ['input-gain-db', '21', 'input-gain-db takes a number from -20 to 20 dB'],
  ['microphone-watch-minutes', '1.5', 'microphone-watch-minutes takes a whole number from 1 to 1440 min'],
  ['hook-command', 'a\nb', 'hook-command takes a program and its arguments, every quote closed'],
  ['hook-command', 'x'.repeat(1025), 'hook-command takes a program and its arguments, every quote closed'],
  ['hook-command', '"x', 'hook-command takes a program and its arguments, every quote closed'],
  ['alert-command', '"" wren', 'alert-command takes a program and its arguments, every quote closed'],
  ['colour', 'red', 'there is no setting "colour"'],
])('%s refuses %j with one sentence', (key, text, sentence) => {
  expect(readSetting(key, text)).toMatchObject({ ok: false, sentence });
});

test('no text whatever makes reading throw, or gives what the file would not keep', () => {
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...SETTING_KEYS), fc.string()), fc.string(), (key, text) => {
      const read = readSetting(key, text);
      if (!read.ok) return;
      const [[property, value] = ['', undefined]] = Object.entries(read.change);
      expect(typeof value).toBe(typeof DEFAULT_SETTINGS[property as keyof typeof DEFAULT_SETTINGS]);
    }),
  );
});

test('a change is stored and told to every screen, or carried out by the command that owns the setting', async () => {
  scene = new AgentScene();
  const { core } = scene;
  const carried: AgentCommand[] = [];
  const change = (key: string, value: string) =>
    changeSetting(core, { key, value }, async (command) => void carried.push(command));
  expect(await change('alert-bell', 'off')).toMatchObject({ key: 'alert-bell', value: false });
  expect(core.state.settings?.alertBell).toBe(false);
  expect(core.options.profile.settings.get().alertBell).toBe(false);
  await change('talk', 'push');
  await change('presence', 'away');
  expect(carried).toEqual([
    { type: 'talk.set', talk: 'push' },
    { type: 'presence.set', presence: 'away' },
  ]);
  await expect(change('talk', 'loud')).rejects.toMatchObject({ code: 'usage', message: 'talk takes open or push' });
});
