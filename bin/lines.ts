/**
 * The program `lines.cjs`: line mode (`wren --plain`, `wren --screen-reader`), connected to the agent of the profile, which it starts
 * when none runs. A program of its own, because it needs neither Ink nor React: it starts in a third of the time. Loaded by `wren` in its own
 * process: `main(['--voice', 'plain', '--profile', DIR, ...])`.
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { connectAgent } from '../src/store/agent-client-io.ts';
import { profileFolder } from '../src/store/profile-file.ts';
import { runLines } from '../src/tui/linear/run-lines.ts';
import { PLAIN_VOICE, READER_VOICE } from '../src/tui/linear/voice.ts';
import { failureExit } from './commands/exit-codes.ts';

/** Of package.json; put in by the build. */
declare const __WREN_VERSION__: string;

const FLAGS = {
  voice: { type: 'string' },
  profile: { type: 'string' },
  audio: { type: 'string' },
  hint: { type: 'string' },
  'log-level': { type: 'string' },
  proxy: { type: 'string' },
} as const;

/** Runs until the person leaves or the input ends; resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options: FLAGS, strict: false });
  const text = (value: string | boolean | undefined) => (typeof value === 'string' ? value : undefined);
  const profileDir = text(values.profile) ?? profileFolder(undefined, process.env);
  const logLevel = text(values['log-level']);
  const proxy = text(values.proxy);
  return await runLines({
    connect: async () => {
      const agent = await connectAgent({
        ...{ profileDir, start: true, version: __WREN_VERSION__ },
        ...(logLevel === undefined ? {} : { logLevel }),
      });
      if (proxy !== undefined) await agent.request({ type: 'proxy.set', proxy });
      return agent;
    },
    stdin: process.stdin,
    stdout: process.stdout,
    env: process.env,
    voice: values.voice === 'screen-reader' ? READER_VOICE : PLAIN_VOICE,
    initialHint: text(values.hint),
    audio: text(values.audio),
    exitOf: failureExit,
  });
}
