/**
 * The program `screen.cjs`: connects the screen to the agent of the profile, which it starts when none runs. Loaded by
 * `wren` in its own process, or run alone: `node dist/screen.cjs --profile DIR [--audio SPEC] [--proxy URL] [--hint SENTENCE]`.
 */
import { basename } from 'node:path';
import process from 'node:process';
import { openScreenFile } from '../src/store/screen-file.ts';
import { AgentLink } from '../src/tui/agent-link.ts';
import { SENTENCES } from '../src/tui/wording.ts';
import { hasTerminal } from './commands/screen-kind.ts';
import { readFaceArguments } from './face-arguments.ts';

const COULD_NOT = 2;

/** Shows the screen until the person leaves; resolves with the exit code, which is 2 without a terminal. */
export async function main(argv: readonly string[]): Promise<number> {
  const { profileDir, connect, initialHint, audio } = readFaceArguments(argv);
  const { stdin, stdout, stderr, env } = process;
  if (!hasTerminal() || env.TERM === 'dumb') {
    stderr.write(`${SENTENCES.notATerminal}\n`);
    return COULD_NOT;
  }
  const link = new AgentLink(connect);
  void link.keep();
  // Ink takes much longer to load than the agent to answer.
  await turn();
  const { runScreen } = await import('../src/tui/index.ts');
  return await runScreen({
    link,
    preferences: openScreenFile(profileDir),
    stdin,
    stdout,
    stderr,
    env,
    initialHint,
    audio,
  });
}

/** One turn of the event loop: what has arrived is heard, what is to be sent is sent. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

if (basename(process.argv[1] ?? '') === 'screen.cjs') {
  main(process.argv.slice(2)).then((exitCode) => process.exit(exitCode));
}
