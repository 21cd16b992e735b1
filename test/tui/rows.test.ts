import { expect, test } from 'vitest';
import type { AppState } from '../../src/store/state.ts';
import { layoutOf } from '../../src/tui/layout.ts';
import { buddyRow, listRows, windowTop } from '../../src/tui/rows/buddy-rows.ts';
import { callRowCount, callRows } from '../../src/tui/rows/call-rows.ts';
import { hintRow } from '../../src/tui/rows/hint-rows.ts';
import { scrollRows, visibleRows } from '../../src/tui/rows/message-rows.ts';
import { statusRow } from '../../src/tui/rows/status-rows.ts';
import { plainText, rowWidth } from '../../src/tui/text/spans.ts';
import { UNICODE_GLYPHS as glyphs } from '../../src/tui/theme.ts';
import { INITIAL_UI } from '../../src/tui/ui-state.ts';
import { call, GOOD, NOW_MS, Scene } from '../support/screen-scenes.ts';
import { buddy, chatLine, SIGNED_IN } from '../support/scripted-agent.ts';

const nowMs = NOW_MS;
const hour = 3_600_000;

function shown(one: ReturnType<typeof buddy>, columns: number): string {
  return plainText(buddyRow(one, { columns, glyphs, nowMs, chosen: false, focused: false }));
}

test('presence is a sign and a word, in the longest words that leave the name whole', () => {
  const seen = buddy('erika_m', { presence: 'offline', lastSeenAtMs: nowMs - 3 * hour });
  expect(shown(seen, 40)).toMatch(/^ {2}○ erika_m {8}offline, seen 3 h ago$/);
  expect(shown(seen, 26)).toMatch(/^ {2}○ erika_m +seen 3 h ago$/);
  expect(shown(seen, 22)).toMatch(/^ {2}○ erika_m +3 h ago$/);
  expect(shown(buddy('daniel', { presence: 'do-not-disturb', unread: 2 }), 40)).toMatch(
    /⊘ daniel +do not disturb 2 new$/,
  );
  expect(shown(buddy('carol-w', { presence: 'away' }), 24)).toMatch(/◐ carol-w +away$/);
  expect(shown(buddy('mallory', { relation: 'blocked' }), 24)).toMatch(/× mallory +blocked$/);
});

test('a buddy takes one row of the exact width, however long the name and narrow the pane', () => {
  const long = buddy('a'.repeat(32), { unread: 12, presence: 'do-not-disturb' });
  for (let columns = 10; columns < 60; columns++) {
    for (const chosen of [true, false]) {
      expect(rowWidth(buddyRow(long, { columns, glyphs, nowMs, chosen, focused: true }))).toBe(columns);
    }
  }
});

test('requests stand first, then who is here, who is not, who was asked, who is blocked', () => {
  const app: AppState = {
    ...SIGNED_IN,
    buddies: [
      buddy('anna-b', { presence: 'offline' }),
      buddy('bobby1'),
      buddy('carol-w', { relation: 'incoming' }),
      buddy('daniel', { relation: 'outgoing' }),
      buddy('erika_m', { relation: 'blocked' }),
    ],
  };
  const order = listRows(app, '').map((row) => (row.type === 'section' ? `[${row.title}]` : row.buddy.name));
  expect(order.join(' ')).toBe('[Requests] carol-w [Here] bobby1 [Offline] anna-b [Asked] daniel [Blocked] erika_m');
  expect(listRows(app, 'BOB').map((row) => row.type)).toEqual(['section', 'buddy']);
});

test('the window of rows moves as little as it can', () => {
  expect(windowTop(0, 5, 10, 30)).toBe(0);
  expect(windowTop(0, 12, 10, 30)).toBe(3);
  expect(windowTop(20, 12, 10, 30)).toBe(12);
  expect(windowTop(25, 29, 10, 30)).toBe(20);
  expect(windowTop(9, 1, 10, 30)).toBe(0);
});

const TALK = [
  chatLine('yesterday', { id: '1', storedAtMs: nowMs - 26 * hour }),
  chatLine('a long message that will not fit into one single row of the pane', { id: '2', storedAtMs: nowMs - hour }),
  chatLine('mine', { id: '3', direction: 'out', mark: 'waiting', storedAtMs: nowMs - hour + 1 }),
  chatLine('mine too', { id: '4', direction: 'out', mark: 'delivered', storedAtMs: nowMs - hour + 2 }),
];
const STYLE = { columns: 40, glyphs, nowMs };

test('messages have a time, a name, a mark for those of mine, and a line for each day', () => {
  const rows = visibleRows(TALK, null, 20, STYLE).map(({ spans }) => plainText(spans).trimEnd());
  expect(rows[0]).toContain('Yesterday');
  expect(rows[1]).toMatch(/^\d\d:\d\d bobby1 {2}yesterday$/);
  expect(rows[2]).toContain('Today');
  expect(rows.slice(3, 6).every((row) => row.length <= 38)).toBe(true);
  expect(rows.at(-2)).toMatch(/you {5}mine …$/);
  expect(rows.at(-1)).toMatch(/you {5}mine too ✓$/);
});

test('a window shorter than the talk shows its end, and scrolling shows every row once', () => {
  const all = visibleRows(TALK, null, 99, STYLE);
  const height = 3;
  expect(visibleRows(TALK, null, height, STYLE)).toEqual(all.slice(-height));
  let anchor = null as ReturnType<typeof scrollRows>['anchor'];
  for (let up = 1; up <= all.length - height; up++) {
    const moved = scrollRows(TALK, anchor, -1, height, STYLE);
    anchor = moved.anchor;
    expect(visibleRows(TALK, anchor, height, STYLE)).toEqual(all.slice(all.length - height - up, all.length - up));
    expect(moved.atTop).toBe(up === all.length - height);
  }
  expect(scrollRows(TALK, anchor, 99, height, STYLE).anchor).toBeNull();
});

function callTexts(
  change: Parameters<typeof call>[0],
  columns: number,
  context: 'browsing' | 'writing' = 'browsing',
): string[] {
  const app = { ...SIGNED_IN, calls: [call(change)] };
  const rows = callRows(app, { columns, glyphs, nowMs: nowMs + 252_000, context, details: false });
  expect(rows).toHaveLength(callRowCount(app, false));
  for (const row of rows) expect(rowWidth(row)).toBeLessThanOrEqual(columns);
  return rows.map((row) => plainText(row).trimEnd());
}

test('a running call says who, how it sounds, how long, which way and with which figures', () => {
  const [first, second] = callTexts({ phase: 'running', answeredAtMs: nowMs, quality: GOOD, path: 'direct' }, 90);
  expect(first).toMatch(/^bobby1 · sounds good +mic ┄+ {2}ear ┄+ {2}4:12$/);
  expect(second).toBe(
    'direct · round trip 23 ms · loss 0.0 % in, 0 % out · jitter 3 ms'.replace('0 % out', '0.0 % out'),
  );
});

test('mute, hold, relay and a bad verdict are told in words', () => {
  const bad = { ...GOOD, path: 'relay', verdict: 'you hear gaps', lossInPct: 12.4 } as const;
  const [first, second] = callTexts(
    { phase: 'running', answeredAtMs: nowMs, quality: bad, via: 'sn-4', muted: true },
    70,
  );
  expect(first).toMatch(/^bobby1 · microphone muted · you hear gaps/);
  expect(second).toMatch(/^relayed by sn-4 · .*loss 12 % in/);
  const lost = { phase: 'running', answeredAtMs: nowMs, quality: GOOD, reconnecting: true } as const;
  expect(callTexts(lost, 70)[0]).toMatch(/^bobby1 · reconnecting\.\.\./);
  expect(callTexts({ phase: 'held', heldBy: 'them', answeredAtMs: nowMs }, 70)[0]).toMatch(/^bobby1 · on hold by them/);
});

test('a call that rings here names its keys for the place where the focus is', () => {
  const ringing = { phase: 'ringing', direction: 'in', peer: 'carol-w' } as const;
  expect(callTexts(ringing, 60)[1]).toBe('a answer    d decline');
  expect(callTexts(ringing, 60, 'writing')[1]).toBe('Alt-a answer    Alt-d decline');
});

test('hints name only keys that do something now, the urgent ones first, within the width', () => {
  const scene = new Scene({ ...SIGNED_IN, buddies: [buddy('bobby1')] }, { selected: 'bobby1' });
  const hints = () => plainText(hintRow(scene.world.app, scene.ui, 'browsing', 120));
  expect(hints()).toMatch(/^Enter write {3}c call {3}s search/);
  expect(hints()).not.toMatch(/answer|mute|accept/);
  scene.event({ type: 'call.changed', call: call({ phase: 'ringing', direction: 'in' }) });
  expect(hints()).toMatch(/^a answer {3}d decline/);
  expect(plainText(hintRow(scene.world.app, scene.ui, 'writing', 36))).toBe('Alt-a answer   Alt-d decline');
});

test('the status line keeps what weighs most when the window is narrow', () => {
  const app = {
    ...SIGNED_IN,
    buddies: [buddy('bobby1', { unread: 3 })],
    calls: [call({ phase: 'running', answeredAtMs: nowMs })],
  };
  const status = (columns: number) =>
    plainText(
      statusRow(app, { ...INITIAL_UI, columns, link: { type: 'up' } }, { columns, glyphs, nowMs, context: 'browsing' }),
    );
  expect(status(100)).toMatch(/^ alice1 ● online +│ +bobby1 0:00 +│ +3 unread +│ +connected 12 ms +\? help $/);
  expect(status(40)).toMatch(/^ alice1 ● online │ bobby1 0:00/);
  for (let columns = 30; columns < 120; columns++) expect(status(columns)).toHaveLength(columns);
});

test('from 70 columns two panes stand side by side, below only the one with the focus', () => {
  const at = (columns: number, focus: 'list' | 'chat') => layoutOf(SIGNED_IN, { ...INITIAL_UI, columns, focus });
  expect(at(70, 'list')).toMatchObject({ listColumns: 28, chatColumns: 42 });
  expect(at(69, 'list')).toMatchObject({ listColumns: 69, chatColumns: 0 });
  expect(at(69, 'chat')).toMatchObject({ listColumns: 0, chatColumns: 69 });
  expect(layoutOf(SIGNED_IN, { ...INITIAL_UI, columns: 29 }).tooSmall).toBe(true);
});
