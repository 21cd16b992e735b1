/**
 * The program `screen.cjs`: connects the screen to the agent of the profile, which it starts when none runs. Loaded by
 * `wren` in its own process, or run alone: `node dist/screen.cjs --profile DIR [--audio SPEC] [--proxy URL] [--hint SENTENCE]`.
 */
import { basename } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { connectAgent } from '../src/store/agent-client-io.ts';
import { profileFolder } from '../src/store/profile-file.ts';
import { openScreenFile } from '../src/store/screen-file.ts';
import { runScreen } from '../src/tui/index.ts';

/** Of package.json; put in by the build. */
declare const __WREN_VERSION__: string;

const FLAGS = {
  profile: { type: 'string' },
  audio: { type: 'string' },
  hint: { type: 'string' },
  'log-level': { type: 'string' },
  proxy: { type: 'string' },
} as const;

/** Shows the screen until the person leaves; resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options: FLAGS, strict: false });
  const text = (value: string | boolean | undefined) => (typeof value === 'string' ? value : undefined);
  const profileDir = text(values.profile) ?? profileFolder(undefined, process.env);
  const logLevel = text(values['log-level']);
  const proxy = text(values.proxy);
  return await runScreen({
    connect: async () => {
      const agent = await connectAgent({
        profileDir,
        start: true,
        version: __WREN_VERSION__,
        ...(logLevel === undefined ? {} : { logLevel }),
      });
      if (proxy !== undefined) await agent.request({ type: 'proxy.set', proxy });
      return agent;
    },
    preferences: openScreenFile(profileDir),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    initialHint: text(values.hint),
    audio: text(values.audio),
  });
}

if (basename(process.argv[1] ?? '') === 'screen.cjs') {
  main(process.argv.slice(2)).then((exitCode) => process.exit(exitCode));
}
