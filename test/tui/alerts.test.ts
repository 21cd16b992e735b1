import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DEFAULT_SCREEN_SETTINGS } from '../../src/store/screen-settings.ts';
import { type AppState, LOST_AFTER_MS } from '../../src/store/state.ts';
import { ALERT_COLUMNS_MAX, AlertDesk } from '../../src/tui/alerts.ts';
import { alertBytes, alertWays } from '../../src/tui/terminal/alert-bytes.ts';
import { widthOf } from '../../src/tui/text/width.ts';
import { INITIAL_UI, type UiState } from '../../src/tui/ui-state.ts';
import { update } from '../../src/tui/update/update.ts';
import type { Message } from '../../src/tui/update/world.ts';
import { call, NOW_MS } from '../support/screen-scenes.ts';
import { buddy, chatLine, SIGNED_IN } from '../support/scripted-agent.ts';

/** A screen with its alerts, in time of its own. */
class Scene {
  readonly desk = new AlertDesk();
  world = {
    app: { ...SIGNED_IN, buddies: [buddy('bobby1')], settings: DEFAULT_SCREEN_SETTINGS } as AppState,
    ui: { ...INITIAL_UI, link: { type: 'up' } } as UiState,
    nowMs: NOW_MS,
  };
  readonly told: string[] = [];

  constructor(app: Partial<AppState> = {}) {
    this.world = { ...this.world, app: { ...this.world.app, ...app } };
  }
  later(ms: number): this {
    this.world = { ...this.world, nowMs: this.world.nowMs + ms };
    this.told.push(...this.desk.wake(this.world).map(({ text }) => text));
    return this;
  }
  gets(message: Message): this {
    const before = this.world;
    const { app, ui } = update(before, message);
    this.world = { ...before, app, ui };
    this.told.push(...this.desk.after(before.app, this.world, message).map(({ text }) => text));
    return this;
  }
  rings = (id = 'c0') =>
    this.gets({
      type: 'event',
      event: { type: 'call.changed', call: call({ call: id.repeat(16), direction: 'in', phase: 'ringing' }) },
    });
  hears = (text = 'hi', from = 'bobby1', change = {}) =>
    this.gets({ type: 'event', event: { type: 'chat.message', line: chatLine(text, { with: from, ...change }) } });
  links = (connection: AppState['connection']) =>
    this.gets({ type: 'event', event: { type: 'link.changed', connection, supernode: null, trouble: null } });
}

const settings = (change: Partial<typeof DEFAULT_SCREEN_SETTINGS>): Partial<AppState> => ({
  settings: { ...DEFAULT_SCREEN_SETTINGS, ...change },
});

test('calls and messages are told once, by whom and not what; what we wrote or nobody did is none', () => {
  const scene = new Scene().rings().rings().hears('secret');
  scene.hears('mine', 'carol1', { direction: 'out' }).hears('a note', 'carol1', { kind: 'missed-call' });
  expect(scene.told).toEqual(['bobby1 is calling you', 'bobby1 wrote to you']);
  expect(new Scene(settings({ alertText: true })).hears('see\nyou').told).toEqual(['bobby1: see you']);
});

test('each kind can be switched off, and do-not-disturb is all of them off', () => {
  const all = (scene: Scene) => scene.rings().hears().links('offline').later(LOST_AFTER_MS).told;
  expect(all(new Scene())).toHaveLength(3);
  expect(all(new Scene(settings({ alertCalls: false })))).not.toContain('bobby1 is calling you');
  expect(all(new Scene(settings({ alertMessages: false })))).not.toContain('bobby1 wrote to you');
  expect(all(new Scene(settings({ alertConnection: false })))).not.toContain('the connection is lost');
  expect(all(new Scene({ presence: 'do-not-disturb' }))).toEqual([]);
});

test('a connection that comes back in time is no loss; one that does not is told once', () => {
  const back = new Scene()
    .links('connecting')
    .later(LOST_AFTER_MS - 1)
    .links('online')
    .later(LOST_AFTER_MS);
  expect(back.told).toEqual([]);
  const lost = new Scene().links('connecting').links('offline').later(LOST_AFTER_MS).links('connecting').later(60_000);
  expect(lost.told).toEqual(['the connection is lost']);
  const agentGone = new Scene().gets({ type: 'link-lost', code: 'agent-unreachable' }).later(LOST_AFTER_MS);
  expect(agentGone.told).toEqual(['the connection is lost']);
  // The clock of the screen goes on; it is the same loss, until the connection was there again.
  for (let minute = 0; minute < 10; minute++) agentGone.gets({ type: 'tick' }).later(60_000);
  expect(agentGone.told).toEqual(['the connection is lost']);
  agentGone.gets({ type: 'linked', state: agentGone.world.app });
  expect(agentGone.gets({ type: 'link-lost', code: 'agent-unreachable' }).later(LOST_AFTER_MS).told).toHaveLength(2);
});

test('a flood of messages and calls is told at a bearable pace, and who reads is not told', () => {
  const flood = new Scene();
  for (let i = 0; i < 600; i++)
    flood
      .hears(`${i}`, i % 2 === 0 ? 'bobby1' : `other${i}`)
      .rings(i % 2 === 0 ? 'aa' : 'bb')
      .later(100);
  expect(flood.told.length).toBeLessThanOrEqual(61);
  expect(flood.told.filter((text) => text.startsWith('bobby1 wrote')).length).toBeLessThanOrEqual(7);
  const reader = new Scene();
  reader.world = { ...reader.world, ui: { ...reader.world.ui, focus: 'chat', selected: 'bobby1' } };
  reader.desk.typed(reader.world.nowMs);
  expect(reader.hears().told).toEqual([]);
  expect(reader.later(61_000).hears().told).toEqual(['bobby1 wrote to you']);
});

const ALERT = { kind: 'call', text: 'bobby1 is calling you' } as const;
const bytes = (change: Partial<typeof DEFAULT_SCREEN_SETTINGS>, env: Record<string, string>, tmuxPasses = false) =>
  alertBytes(ALERT, alertWays({ ...DEFAULT_SCREEN_SETTINGS, ...change }, env, tmuxPasses));
const OSC9 = '\x1b]9;wren: bobby1 is calling you\x1b\\';
const OSC777 = '\x1b]777;notify;wren;bobby1 is calling you\x1b\\';
const wrapped = (osc: string) => `\x1bPtmux;${osc.replaceAll('\x1b', '\x1b\x1b')}\x1b\\`;

test.each([
  [{}, { TERM: 'xterm-256color' }, false, '\x07'],
  [{ alertBell: false }, { TERM: 'xterm-256color' }, false, ''],
  [{}, { TERM: 'foot' }, false, `\x07${OSC777}`],
  [{}, { TERM: 'xterm-256color', VTE_VERSION: '7200' }, false, `\x07${OSC777}`],
  [{}, { TERM: 'xterm-256color', LC_TERMINAL: 'iTerm2' }, false, `\x07${OSC9}`],
  [{ alertOsc9: 'off' }, { TERM: 'xterm-kitty' }, false, '\x07'],
  [{ alertBell: false, alertOsc9: 'on', alertOsc777: 'on' }, { TERM: 'xterm' }, false, OSC9 + OSC777],
  [{ alertOsc9: 'on' }, { TERM: 'tmux-256color', TMUX: '/x' }, false, '\x07'],
  [{ alertOsc9: 'on' }, { TERM: 'tmux-256color', TMUX: '/x' }, true, `\x07${wrapped(OSC9)}`],
  [{ alertOsc9: 'on', alertTmux: 'off' }, { TERM: 'tmux-256color', TMUX: '/x' }, true, '\x07'],
  [{ alertOsc9: 'on', alertTmux: 'on' }, { TERM: 'tmux-256color', TMUX: '/x' }, false, `\x07${wrapped(OSC9)}`],
] as const)('with %j in %j, tmux open: %s, an alert is %j', (change, env, passes, expected) => {
  expect(bytes(change, env, passes)).toBe(expected);
});

test('no name or message whatever becomes a control code, another command, or a long text', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.constant('9;9;x\x1b]0;owned\x07\x9b2J')),
      (text) => {
        const scene = new Scene(settings({ alertText: true }));
        const message = { type: 'event', event: { type: 'chat.message', line: chatLine(text) } } as const;
        const [alert] = scene.desk.after(scene.world.app, scene.world, message);
        if (!alert) return;
        expect(widthOf(alert.text)).toBeLessThanOrEqual(ALERT_COLUMNS_MAX);
        const sent = alertBytes(alert, { bell: false, osc9: true, osc777: true, wrapped: false });
        expect(sent).toMatch(
          /^\x1b\]9;wren: [^\x00-\x1f\x7f-\x9f]*\x1b\\\x1b\]777;notify;wren;[^\x00-\x1f\x7f-\x9f;]*\x1b\\$/,
        );
      },
    ),
  );
});
