/**
 * Alerts of wren inside a real tmux: what reaches the terminal outside of it, with `allow-passthrough` off and on. The terminal outside
 * is a pseudo-terminal on which a client of that tmux shows one pane, and in the pane runs line mode with a scripted agent.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { newCall } from '../../src/store/new-call.ts';
import { DEFAULT_SCREEN_SETTINGS } from '../../src/store/screen-settings.ts';
import { buddy, type ScriptedAgent, SIGNED_IN, scriptedAgent } from '../support/scripted-agent.ts';
import { hasTerminals, openTerminal, pause, type TestTerminal } from '../support/terminal.ts';
import { type BuiltWren, buildWren } from '../support/wren-command.ts';

const hasTmux = spawnSync('tmux', ['-V']).status === 0;
if (!hasTmux || !hasTerminals())
  console.log('SKIPPED alerts in a real tmux: tmux or pseudo-terminals are missing here');

const SERVER = `wren-test-${process.pid}`;
const BELL = '\x07';
const OSC9 = '\x1b]9;wren: bobby1 is calling you\x1b\\';
const OSC777 = '\x1b]777;notify;wren;bobby1 is calling you\x1b\\';
/** Of the inner tmux: whoever runs the tests may sit in another one, and in a terminal that is known. */
const BARE = { TMUX: '', TMUX_PANE: '', TERM_PROGRAM: '', LC_TERMINAL: '', VTE_VERSION: '', KITTY_WINDOW_ID: '' };

let wren: BuiltWren;
let agent: ScriptedAgent | undefined;
let outside: TestTerminal | undefined;
beforeAll(() => {
  if (!hasTmux) return;
  wren = buildWren();
  wren.buildBeside('lines');
});
afterEach(async () => {
  spawnSync('tmux', ['-L', SERVER, 'kill-server']);
  outside?.kill();
  await agent?.close();
});
afterAll(() => wren?.remove());

/** Somebody calls while wren runs in tmux; resolves with all that the terminal outside was sent from then on. */
async function rungInTmux(passthrough: string, settings: Partial<typeof DEFAULT_SCREEN_SETTINGS>): Promise<string> {
  const profile = wren.profile();
  const state = { ...SIGNED_IN, buddies: [buddy('bobby1')], settings: { ...DEFAULT_SCREEN_SETTINGS, ...settings } };
  agent = await scriptedAgent(profile, {}, state);
  const program = [process.execPath, `${wren.folder}/wren.cjs`, '--plain', '--profile', profile];
  const tmux = ['-L', SERVER, '-f', '/dev/null', 'new-session', '-s', 'wren', 'sh'];
  outside = openTerminal('tmux', tmux, { columns: 100, env: BARE });
  await outside.until(/[$#] ?$/m);
  execFileSync('tmux', ['-L', SERVER, 'set-option', '-g', 'allow-passthrough', passthrough]);
  outside.type(`${program.join(' ')}\r`);
  await outside.until(/bobby1|alice1/);
  // tmux is asked at the start, beside everything else.
  await pause(400);
  const before = outside.sent().length;
  const call = { ...newCall('c0'.repeat(16), 'bobby1', 'in', Date.now()), phase: 'ringing' } as const;
  agent.push({ type: 'call.changed', call });
  await outside.until(/bobby1 is calling|calls you/i);
  await pause(100);
  return outside.sent().slice(before);
}

const inTmux = test.skipIf(!hasTmux || !hasTerminals());

inTmux('where it lets nothing through, the bell alone comes out, and no remains of a notification', async () => {
  const sent = await rungInTmux('off', { alertOsc9: 'on', alertOsc777: 'on' });
  expect(sent).toContain(BELL);
  expect(sent).not.toMatch(/\]9;|notify;wren/);
});

inTmux('where it lets them through, both notifications reach the terminal outside as they are', async () => {
  const sent = await rungInTmux('on', { alertOsc9: 'on', alertOsc777: 'on' });
  expect(sent).toContain(BELL);
  expect(sent).toContain(OSC9);
  expect(sent).toContain(OSC777);
});
