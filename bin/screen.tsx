/**
 * The program `screen.cjs`: connects the screen to the agent of the profile, which it starts when none runs. Loaded by
 * `wren` in its own process, or run alone: `node dist/screen.cjs --profile DIR [--audio SPEC] [--proxy URL] [--hint SENTENCE]`.
 */
import { basename } from 'node:path';
import process from 'node:process';
import { openScreenFile } from '../src/store/screen-file.ts';
import { runScreen } from '../src/tui/index.ts';
import { readFaceArguments } from './face-arguments.ts';

/** Shows the screen until the person leaves; resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const { profileDir, connect, initialHint, audio } = readFaceArguments(argv);
  return await runScreen({
    connect,
    preferences: openScreenFile(profileDir),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    initialHint,
    audio,
  });
}

if (basename(process.argv[1] ?? '') === 'screen.cjs') {
  main(process.argv.slice(2)).then((exitCode) => process.exit(exitCode));
}
