/**
 * The program `wren`: runs the command line it was given and ends with its exit code. Built into one file beside
 * `server.cjs`, `screen.cjs` and `agent.cjs`, which are loaded only by the commands that need them.
 */
import { commandLine } from './commands/command-line.ts';
import { VERSION } from './version.ts';

const { stdout, stderr, env } = process;
const line = commandLine(process.argv.slice(2), { stdout, stderr, env, version: VERSION, programDir: __dirname });

process.on('uncaughtException', (error) => {
  // A program that was loaded into this process has its own way to go down: the screen gives the terminal back first.
  if (process.listenerCount('uncaughtException') === 1) process.exit(line.fail(error));
});
line.run().then((exit) => process.exit(exit));
