/**
 * The command line as a program: runs what it was given and resolves with the exit code. Built into one file beside `server.cjs`,
 * `screen.cjs` and `agent.cjs`, which are loaded only by the commands that need them. Loaded by the launcher, or run alone.
 */
import { commandLine } from './commands/command-line.ts';
import type { ExitCode } from './commands/exit-codes.ts';
import { reportFailure } from './commands/failure.ts';
import { openOutput } from './commands/output.ts';
import { VERSION } from './version.ts';

const { stdout, stderr, env } = process;

/** `argv`: the words after the program's name. Never rejects. */
export function main(argv: readonly string[]): Promise<ExitCode> {
  const line = commandLine(argv, { stdout, stderr, env, version: VERSION, programDir: __dirname });
  process.on('uncaughtException', (error) => {
    // A program that was loaded into this process has its own way to go down: the screen gives the terminal back first.
    if (process.listenerCount('uncaughtException') === 1) process.exit(line.fail(error));
  });
  return line.run();
}

/** For a screen that was opened without us and could not work: tells why, returns the exit code. */
export function fail(error: unknown, profileDir: string): ExitCode {
  return reportFailure(error, openOutput(false, { stdout, stderr }), profileDir);
}

if (typeof require === 'function' && require.main === module) main(process.argv.slice(2)).then(process.exit);
