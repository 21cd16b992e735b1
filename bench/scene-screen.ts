/** The screen on a pseudo-terminal: first paint beside an Ink hello of the same run, key to glyph, bytes at rest. */
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { PseudoTerminal } from './pseudo-terminal.ts';
import { repeat, type Scene } from './scene.ts';
import { onStage, pause, ROOT, type Stage } from './stage.ts';

const PAINTS = 9;
const REST_MS = 10_000;
/** Signs that no control sequence and no hint on the screen has. */
const SIGNS = ['#', '@', '%', '&', '~', '=', '+', '^', '$', '|'];
const KEYS = 40;

export const screen: Scene = {
  name: 'screen',
  title: 'Screen',
  seconds: 45,
  play: (say) =>
    onStage(async (stage) => {
      await stage.withTwoBuddies();
      const hello = stage.path('hello.cjs');
      execFileSync(process.execPath, ['bin/build.mjs', 'bench/ink-hello.tsx', hello], { cwd: ROOT, stdio: 'pipe' });
      say('first paint');
      const paints = await repeat(PAINTS, async () => ({
        helloMs: await paint(stage, [hello], 'hello from Ink'),
        screenMs: await paint(stage, [`${ROOT}/bin/wren`, '--profile', stage.path('A')], 'bobby1'),
      }));
      say('keys');
      const terminal = openScreen(stage);
      await terminal.firstSaw('bobby1');
      await pause(1_000);
      const restBefore = terminal.bytes;
      await pause(REST_MS);
      const restBytes = terminal.bytes - restBefore;
      // Enter on the chosen buddy: what is typed from here on is a message.
      terminal.type('\r');
      await pause(500);
      const keys = await repeat(KEYS, async (key) => {
        const tookMs = await terminal.press(SIGNS[key % SIGNS.length] ?? '#');
        await pause(60);
        return tookMs;
      });
      await terminal.close();
      return [
        { name: 'Ink hello, first paint', unit: 'ms', values: paints.map((run) => run.helloMs) },
        { name: 'screen, buddy list painted', unit: 'ms', values: paints.map((run) => run.screenMs) },
        {
          name: 'screen against Ink hello',
          unit: 'x',
          values: paints.map((run) => run.screenMs / run.helloMs),
          target: { label: 'M4', most: 1.3 },
        },
        {
          name: 'key to glyph, local terminal',
          unit: 'ms',
          values: keys,
          target: { label: 'M4: what we add to one round trip', most: 20 },
        },
        {
          name: 'bytes written at rest',
          unit: 'B/s',
          values: [(restBytes * 1000) / REST_MS],
          target: { label: 'M5', most: 0 },
          remark: 'times of day once a minute; the round trip to the supernode when it changes',
        },
      ];
    }),
};

export function openScreen(stage: Stage): PseudoTerminal {
  return new PseudoTerminal([`${ROOT}/bin/wren`, '--profile', stage.path('A')], stage.env);
}

async function paint(stage: Stage, args: readonly string[], text: string): Promise<number> {
  const terminal = new PseudoTerminal(args, stage.env);
  const paintedMs = await terminal.firstSaw(text);
  await terminal.close();
  await pause(100);
  return paintedMs;
}
