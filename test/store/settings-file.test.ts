import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SETTINGS_FILE } from '../../src/store/profile-folder.ts';
import { DEFAULT_SETTINGS, openSettings } from '../../src/store/settings-file.ts';
import { mountSmallDisk } from '../support/small-disk.ts';

let profile: string;
let path: string;
beforeEach(() => {
  profile = mkdtempSync(join(tmpdir(), 'wren-settings-'));
  path = join(profile, SETTINGS_FILE);
});
afterEach(() => rmSync(profile, { recursive: true, force: true }));

test('a new profile has the default settings and writes none', () => {
  const { settings, notice } = openSettings(profile);
  expect(settings.get()).toEqual(DEFAULT_SETTINGS);
  expect(notice).toBeUndefined();
  expect(readdirSync(profile)).toEqual([]);
});

test('a changed setting is there at the next start, in a file for the owner only', () => {
  openSettings(profile).settings.set({ audioSpec: 'file:in.wav,out.wav' });
  expect(openSettings(profile).settings.get()).toEqual({ ...DEFAULT_SETTINGS, audioSpec: 'file:in.wav,out.wav' });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a bad value costs that value only, and the file as it was is kept', () => {
  const before = JSON.stringify({ presence: 'sleepy', audioSpec: 'none', port: 12_345, colour: 'blue' });
  writeFileSync(path, before);
  const { settings, notice } = openSettings(profile);
  expect(settings.get()).toEqual({ ...DEFAULT_SETTINGS, audioSpec: 'none', port: 12_345 });
  expect(notice?.detail).toBe('settings.json: no good value for presence; kept as settings.json.damaged-1');
  expect(readFileSync(`${path}.damaged-1`, 'utf8')).toBe(before);
  expect(openSettings(profile).notice).toBeUndefined();
});

test('settings of a newer version stay in the file', () => {
  writeFileSync(path, JSON.stringify({ colour: 'blue', nested: { 'a.b': 1 } }));
  openSettings(profile).settings.set({ port: 20_000 });
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
    ...DEFAULT_SETTINGS,
    port: 20_000,
    colour: 'blue',
    nested: { 'a.b': 1 },
  });
});

test.each(['', '{"presence":"aw', '[]', 'null', '7', '\0\0\0\0'])('a file that holds %j is kept aside', (content) => {
  writeFileSync(path, content);
  const { settings, notice } = openSettings(profile);
  expect(settings.get()).toEqual(DEFAULT_SETTINGS);
  expect(notice?.code).toBe('profile-damaged');
  expect(readFileSync(`${path}.damaged-1`, 'utf8')).toBe(content);
  settings.set({ presence: 'away' });
  expect(openSettings(profile)).toMatchObject({ notice: undefined });
});

test('a file that is damaged while it is open is replaced by the whole settings at the next change', () => {
  const { settings } = openSettings(profile);
  settings.set({ port: 20_000 });
  writeFileSync(path, '{');
  settings.set({ presence: 'away' });
  expect(openSettings(profile).settings.get()).toEqual({ ...DEFAULT_SETTINGS, port: 20_000, presence: 'away' });
});

test('a full disk refuses with disk-full and the settings stay as they were', async (context) => {
  const disk = mountSmallDisk(65_536);
  if (disk === undefined) return context.skip();
  try {
    const { settings } = openSettings(disk.folder);
    settings.set({ port: 20_000 });
    disk.fill();
    const long = 'x'.repeat(8_000);
    expect(() => settings.set({ audioSpec: long })).toThrow(expect.objectContaining({ code: 'disk-full' }));
    expect(settings.get()).toEqual({ ...DEFAULT_SETTINGS, port: 20_000 });
    expect(openSettings(disk.folder)).toMatchObject({ notice: undefined });
    expect(openSettings(disk.folder).settings.get().port).toBe(20_000);
    // The library takes its unfinished file away a moment after it has thrown.
    await expect.poll(() => readdirSync(disk.folder).sort(), { timeout: 60_000 }).toEqual(['ballast', 'settings.json']);
  } finally {
    disk.unmount();
  }
});
