import { expect, test } from 'vitest';
import type { AppState, DevicesReport } from '../../src/store/state.ts';
import { callLogRows } from '../../src/tui/rows/call-log-rows.ts';
import { otherDevices } from '../../src/tui/rows/device-rows.ts';
import { SETTING_ITEMS, type SettingItem, settingsRows, settingWords } from '../../src/tui/rows/settings-rows.ts';
import { statusRow } from '../../src/tui/rows/status-rows.ts';
import { plainText } from '../../src/tui/text/spans.ts';
import { UNICODE_GLYPHS } from '../../src/tui/theme.ts';
import { SENTENCES } from '../../src/tui/wording.ts';
import { call, NOW_MS, Scene } from '../support/screen-scenes.ts';
import { buddy, SIGNED_IN } from '../support/scripted-agent.ts';
import { SERVES } from '../support/serving-reports.ts';

const DEVICES: DevicesReport = {
  version: 2,
  accountKey: '',
  list: [
    { id: 'aa'.repeat(16), label: 'laptop', addedAtMs: NOW_MS, thisOne: true, online: true },
    { id: 'bb'.repeat(16), label: 'old-desk', addedAtMs: NOW_MS, thisOne: false, online: true },
  ],
  revoked: [],
};
const PEOPLE: AppState = {
  ...SIGNED_IN,
  buddies: [buddy('bobby1'), buddy('carol-w')],
  devices: DEVICES,
  serving: SERVES,
  privacy: { pathTests: true },
  history: { protection: 'secret-store', why: 'The key is in the keyring.' },
  audio: { ...SIGNED_IN.audio, talk: { talk: 'open', watch: 'warn', watchMinutes: 10 } },
};
const style = { columns: 64, glyphs: UNICODE_GLYPHS };

/** The settings with this line chosen. */
function at(item: SettingItem, app: AppState = PEOPLE): Scene {
  return new Scene(app).type(`,${'j'.repeat(SETTING_ITEMS.indexOf(item))}`);
}

/** What was asked of the agent, but for the word that a screen is there. */
function asked(scene: Scene): unknown[] {
  return scene.asked().filter((command) => (command as { type: string }).type !== 'serving.screen');
}

test('every setting has a line with what is set, and words on what it means', () => {
  const scene = new Scene(PEOPLE).type(',');
  const rows = settingsRows(scene.world.app, scene.ui, 0, style).map(plainText);
  expect(rows).toHaveLength(SETTING_ITEMS.length);
  expect(rows.join('\n')).toMatch(/Devices +2, of which 2 online/);
  expect(rows.join('\n')).toMatch(/Who may call +your buddies, nobody else/);
  for (const item of SETTING_ITEMS) expect(settingWords(item, PEOPLE, scene.ui).length).toBeGreaterThan(20);
  expect(settingWords('supernode', PEOPLE, scene.ui)).toMatch(/of \d+ people.*% of a core/);
});

test('what belongs to the agent is asked of it', () => {
  expect(asked(at('talk').type(' '))).toEqual([{ type: 'talk.set', talk: 'push' }]);
  expect(asked(at('watch').type('l'))).toEqual([{ type: 'talk.set', watch: 'close' }]);
  expect(asked(at('pathTests').type('\r'))).toEqual([{ type: 'privacy.set', pathTests: false }]);
  expect(asked(at('history').type('\r'))).toEqual([{ type: 'history.encrypt', encryption: 'off' }]);
  expect(asked(at('alertBell').type('\r'))).toEqual([{ type: 'settings.set', key: 'alertBell', value: 'off' }]);
  expect(asked(at('callers').type('\r'))).toEqual([]);
});

test('the theme and the mouse are in force at once and remembered', () => {
  const scene = at('theme').type('h');
  expect(scene.ui.preferences.theme).toBe('plain');
  expect(scene.effects.at(-1)).toEqual({ type: 'save', change: { theme: 'plain' } });
  expect(at('mouse').type('\r').ui.preferences.mouse).toBe(true);
});

test('a supernode is agreed to, and ended, after a question only', () => {
  const scene = at('supernode').type('\r');
  expect(scene.ui.dialog).toMatchObject({ type: 'confirm', what: 'serve-no-more' });
  expect(asked(scene.type('y'))).toEqual([{ type: 'serving.set', consent: 'never' }]);
  const ruled = at('supernode', { ...PEOPLE, serving: { ...SERVES, consentBy: 'environment' } }).type('\r');
  expect(ruled.ui.notice?.text).toContain('WREN_SUPERNODE');
});

test('another device is revoked after a question, this one never', () => {
  const scene = at('devices').type('\r');
  expect(scene.ui.dialog?.type).toBe('devices');
  expect(scene.type('\r').ui.dialog?.type).toBe('devices');
  expect(scene.type('j\r').ui.dialog).toMatchObject({ what: 'revoke', name: 'old-desk' });
  expect(asked(scene.type('y'))).toEqual([{ type: 'device.revoke', device: 'bb'.repeat(16) }]);
  expect(at('devices').type('\r\x1b').ui.dialog).toMatchObject({ type: 'settings' });
});

test('a key is changed by pressing it; what cannot be says why and changes nothing', () => {
  const scene = at('keys').type('\rhold\r');
  expect(scene.ui.dialog).toMatchObject({ type: 'keys', capturing: true });
  scene.type('H');
  expect(scene.ui.preferences.keys).toEqual({ 'call.hold': 'H' });
  expect(scene.effects.at(-1)).toEqual({ type: 'save', change: { keys: { 'call.hold': 'H' } } });
  scene.type('\rm');
  expect(scene.ui.dialog).toMatchObject({ capturing: false, error: expect.stringContaining('would mean both') });
  expect(scene.ui.preferences.keys).toEqual({ 'call.hold': 'H' });
  scene.type('\r\x1b');
  expect(scene.ui.dialog).toMatchObject({ type: 'keys', capturing: false });
  scene.type('\r\x7f');
  expect(scene.ui.preferences.keys).toEqual({});
  expect(scene.type('\x1b').ui.dialog).toMatchObject({ type: 'settings' });
});

test('menus and settings move as lists do: g and G, Home and End, a page', () => {
  const chosen = (scene: Scene) =>
    scene.ui.dialog && 'chosen' in scene.ui.dialog ? scene.ui.dialog.chosen : undefined;
  const settings = new Scene(PEOPLE).type(',');
  expect([chosen(settings.type('G')), chosen(settings.type('g'))]).toEqual([SETTING_ITEMS.length - 1, 0]);
  expect([chosen(settings.type('\x1b[F')), chosen(settings.type('\x1b[H'))]).toEqual([SETTING_ITEMS.length - 1, 0]);
  const menu = new Scene(PEOPLE).type('p');
  expect([chosen(menu.type('\x1b[6~')), chosen(menu.type('G')), chosen(menu.type('g'))]).toEqual([5, 5, 0]);
  const walk = new Scene({ ...PEOPLE, account: null }).type('G');
  expect([walk.ui.walk.chosen, walk.type('G').ui.walk.chosen, walk.type('g').ui.walk.chosen]).toEqual([1, 1, 0]);
});

test('a group that one has left is marked, and the same key takes it off the list', () => {
  const group = { label: '#lunch', id: 'f1', title: 'lunch', members: ['alice1', 'bobby1'], left: false, unread: 0 };
  const scene = new Scene({ ...PEOPLE, groups: [group] }, { selected: '#lunch' }).type('ry');
  expect(scene.ui.notice?.text).toContain('the same key takes it off the list');
  scene.event({ type: 'groups.changed', groups: [{ ...group, left: true }] }).type('ry');
  expect(asked(scene)).toEqual([
    { type: 'group.leave', group: '#lunch' },
    { type: 'group.forget', group: '#lunch' },
  ]);
});

test('while it rings, the keys that answer are not taken for new ones', () => {
  const scene = at('keys').type('\rhold\r');
  scene.event({ type: 'call.changed', call: call({ phase: 'ringing', direction: 'in', peer: 'carol-w' }) });
  scene.type('\x1ba');
  expect(asked(scene)).toEqual([expect.objectContaining({ type: 'call.answer' })]);
  expect(scene.ui.preferences.keys).toEqual({});
});

test('the safety words of the chosen person open from there', () => {
  expect(asked(at('safety').type('\r'))).toEqual([{ type: 'safety.words', name: 'bobby1' }]);
});

test('a call that runs at another device is told and brought here by a key; in a call the key says how it goes there', () => {
  const elsewhere = { call: 'e1'.repeat(16), peer: 'bobby1', device: 'old-desk', answeredAtMs: NOW_MS };
  const scene = new Scene(PEOPLE).event({ type: 'elsewhere.changed', calls: [elsewhere] });
  const status = statusRow(scene.world.app, scene.ui, { ...style, columns: 120, nowMs: NOW_MS, context: 'browsing' });
  expect(plainText(status)).toContain('call with bobby1 at old-desk');
  expect(asked(scene.type('P'))).toEqual([{ type: 'call.pull', call: elsewhere.call }]);
  const talking = new Scene({ ...PEOPLE, calls: [call({ phase: 'running', answeredAtMs: NOW_MS })] }).type('P');
  expect([asked(talking), talking.ui.notice?.text]).toEqual([[], 'To go on at old-desk: press T here, or P there.']);
  expect(new Scene(PEOPLE).type('P').ui.notice?.text).toContain('No call of yours');
});

test('a key lists the other devices that are online, and the chosen one is handed the call', () => {
  const talks = { ...PEOPLE, calls: [call({ phase: 'running', answeredAtMs: NOW_MS })] };
  const scene = new Scene(talks).type('T');
  expect(scene.ui.dialog).toEqual({ type: 'transfer', chosen: 0 });
  const [there] = otherDevices(talks);
  const wish = { type: 'call.transfer', device: there?.id };
  expect(asked(scene.type('jj\r'))).toEqual([wish]);
  expect([scene.ui.dialog, scene.ui.notice?.text]).toEqual([null, 'old-desk is asked to take the call...']);
  const tag = { for: 'transfer', device: 'old-desk' } as const;
  scene.refuse(tag, 'device-busy');
  expect(scene.ui.notice?.text).toBe('old-desk: That device is in another call: the call stays here.');
  scene.reply(tag, { call: 'c1', peer: 'bobby1', device: 'old-desk' });
  expect(scene.ui.notice?.text).toBe('The call with bobby1 goes on at old-desk.');
});

test('what cannot be handed over says why, and nothing opens', () => {
  const talks = call({ phase: 'running', answeredAtMs: NOW_MS });
  const alone = { ...PEOPLE, devices: null, calls: [talks] };
  expect(new Scene(alone).type('T').ui).toMatchObject({ dialog: null, notice: { text: SENTENCES.noOtherDevice } });
  expect(new Scene(PEOPLE).type('T').ui.notice?.text).toBe(SENTENCES.nothingToTransfer);
  // It is gone while the list is open: nobody is asked.
  const open = new Scene({ ...PEOPLE, calls: [talks] }).type('\x1bT');
  expect(asked(open.event({ type: 'devices.changed', devices: null }).type('\r'))).toEqual([]);
  expect(open.ui.dialog).toBeNull();
});

test('the list of calls says which one runs now, and leaves the name room on a small terminal', () => {
  const logged = { startedAtMs: NOW_MS, answeredAtMs: null, endedAtMs: null, reason: null, path: null } as const;
  const calls = [
    { ...logged, call: 'f1', peer: 'bobby1', direction: 'out', missed: false },
    { ...logged, call: 'f2', peer: 'carol-williams', direction: 'out', missed: false },
  ] as const;
  const log = { glyphs: UNICODE_GLYPHS, fresh: new Set<string>(), running: new Set(['f1']) };
  const [runs, over] = callLogRows(calls, 1, { ...log, columns: 62 }).map(plainText);
  expect(runs).toMatch(/^ {2}to {6}bobby1 +now {2}\d{4}-/);
  expect(over).toMatch(/carol-williams +not answered {2}\d{4}-/);
  expect(plainText(callLogRows(calls, 1, { ...log, columns: 36 })[1]!)).toMatch(/carol-w\S* +-:-- {2}\d\d-\d\d \d\d:/);
});

test('missed calls are counted below, listed among all others, and called back', () => {
  const missedCalls = [{ call: 'f1'.repeat(16), peer: 'carol-w', atMs: NOW_MS }];
  const scene = new Scene({ ...PEOPLE, missedCalls });
  const status = statusRow(scene.world.app, scene.ui, { ...style, columns: 120, nowMs: NOW_MS, context: 'browsing' });
  expect(plainText(status)).toContain('1 missed call');
  scene.type('M');
  expect(asked(scene)).toEqual([{ type: 'history.calls', limit: 100 }]);
  const logged = {
    startedAtMs: NOW_MS,
    answeredAtMs: null,
    endedAtMs: NOW_MS,
    reason: 'no-answer',
    path: null,
  } as const;
  scene.reply({ for: 'calls' }, [
    { ...logged, call: 'f2'.repeat(16), peer: 'bobby1', direction: 'out', missed: false },
    { ...logged, call: 'f1'.repeat(16), peer: 'carol-w', direction: 'in', missed: true },
  ]);
  scene.type('j\r');
  expect(asked(scene).at(-1)).toEqual({ type: 'call.place', to: 'carol-w' });
  expect(scene.ui.selected).toBe('carol-w');
});
