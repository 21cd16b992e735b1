/**
 * `npm test`, after build and checks: both floors of `vitest.config.ts` at once. Those in real time (`real`) mostly wait, for
 * calls, for lost links, for programs to start; what they leave of the machine, virtual time (`cores`) takes, at the lowest
 * priority, so that nobody is disturbed. One after the other they take half as long again. Each line of the lower floor
 * stands behind a bar. With arguments it is `vitest run` with these.
 */
import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const VITEST = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const given = process.argv.slice(2);

/** The exit code of `vitest run` with these arguments. */
function run(args, { behind, stdio, priority } = {}) {
  const child = spawn(process.execPath, [VITEST, 'run', ...args], { stdio: stdio ?? ['ignore', 'pipe', 'pipe'] });
  if (priority !== undefined) setPriority(child.pid, priority);
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ]) {
    if (from) createInterface({ input: from }).on('line', (line) => to.write(`${behind}${line}\n`));
  }
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

if (given.length > 0) process.exitCode = await run(given, { stdio: 'inherit' });
else {
  const codes = await Promise.all([
    run(['--project', 'cores'], { behind: '| ', priority: constants.priority.PRIORITY_LOW }),
    run(['--project', 'real'], { behind: '' }),
  ]);
  process.exitCode = Math.max(...codes);
  const words = ['cores', 'real'].map((floor, at) => `${floor} ${codes[at] === 0 ? 'passed' : 'failed'}`);
  console.log(`\n${words.join(', ')}`);
}
