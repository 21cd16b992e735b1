/**
 * The end of a command that could not do its work: one sentence for the person, the remedy where there is one, the
 * exit code, and with `--json` one object `{"event":"error","code","message","exit"}`. Our own mistakes are written
 * with their stack to `command.log` in the profile (the agent keeps its own `agent.log` there); the sentence says so.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FailureCode, Refusal } from '../../src/net/protocol/failures.ts';
import { openPrivateFolder } from '../../src/store/private-folder-file.ts';
import { failureSentence } from '../../src/tui/wording.ts';
import { EXIT, type ExitCode, failureExit } from './exit-codes.ts';
import { plain } from './layout.ts';
import type { Output } from './output.ts';
import { UsageProblem } from './usage.ts';

/** What to type next, where a command cures it; the sentences of `wording.ts` speak to the screen as well. */
const REMEDIES: Partial<Record<FailureCode, string>> = {
  'no-network': 'wren join INVITE, or a network of your own: wren up',
  'not-signed-in': 'wren signin NAME, or wren signup NAME',
  'already-signed-in': 'wren signout',
  'not-a-buddy': 'wren buddies add NAME',
  'person-unknown': 'wren search PATTERN',
  'already-in-call': 'wren hangup',
  'unreachable-network': 'wren status',
  'audio-no-device': '--audio none, or --audio file:IN.wav,OUT.wav',
  'audio-device-busy': '--audio none, or another device',
};

/** Where the sentence of the screen would be wrong: the screen goes on trying, a command has ended. */
const OWN_SENTENCES: Partial<Record<FailureCode, string>> = {
  'agent-unreachable': 'the agent went away or cannot be started.',
  'timed-out': 'the time given has passed.',
  'no-call': 'no such call is running.',
};

/** One sentence for a failure, as a command says it. */
export function sentence(code: FailureCode, detail = ''): string {
  const own = OWN_SENTENCES[code];
  if (own === undefined) return failureSentence(code, plain(detail));
  return detail === '' ? own : `${own} (${plain(detail)})`;
}

/** Tells what went wrong and returns the exit code. Never throws: it is the last thing that can. */
export function reportFailure(error: unknown, output: Output, profileDir: string): ExitCode {
  if (error instanceof UsageProblem) {
    const end = /[?!]$/.test(error.message) ? '' : '.';
    return report(output, 'usage', `${error.message}${end} Try: ${error.remedy}`, EXIT.usage);
  }
  if (error instanceof Refusal) {
    const { code } = error;
    const exit = failureExit(code);
    const words = [sentence(code, error.detail)];
    if (error.retryAfterMs > 0) words.push(`Try again in ${Math.ceil(error.retryAfterMs / 1000)} s.`);
    if (REMEDIES[code] !== undefined) words.push(`Try: ${REMEDIES[code]}`);
    if (exit === EXIT.ourFault) words.push(`The log is ${join(profileDir, 'agent.log')}`);
    return report(output, code, words.join(' '), exit);
  }
  const place = keepStack(error, profileDir);
  return report(output, 'internal', `${sentence('internal')} ${place}`, EXIT.ourFault);
}

function report(output: Output, code: FailureCode, message: string, exit: ExitCode): ExitCode {
  output.say(`wren: ${message}`);
  output.object({ event: 'error', code, message, exit });
  return exit;
}

function keepStack(error: unknown, profileDir: string): string {
  const file = join(profileDir, 'command.log');
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  try {
    openPrivateFolder(profileDir);
    appendFileSync(file, `${new Date().toISOString()} command: ${stack}\n`, { mode: 0o600 });
    return `The log is ${file}`;
  } catch {
    return stack;
  }
}
