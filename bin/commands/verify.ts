/**
 * `wren verify NAME`: the safety words that two people compare to be sure that nobody stands between them, and what was said of
 * them. Comparing is for people: nothing here can do it for them.
 */
import type { Command } from 'commander';
import type { SafetyReport } from '../../src/store/port.ts';
import type { BuddySafety } from '../../src/store/state.ts';
import { settle } from './buddies.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { clock, columns, plain } from './layout.ts';
import { examples, nameValue, UsageProblem } from './usage.ts';

interface VerifyOptions {
  readonly yes?: boolean;
  readonly no?: boolean;
}

const AFTERWORDS = `
Both of you see the same twelve words. Read them to one another where you know
the voice, or side by side: the upper six belong to one of you, the lower six to
the other. If all are the same, nobody stands between you. The digits say it
again, for languages in which these words are strange.`;

export function addVerify(program: Command, act: Act): void {
  program
    .command('verify')
    .argument('<name>', 'whose key', nameValue)
    .option('--yes', 'the words are the same: mark the person as verified')
    .option('--no', 'take that back')
    .description('safety words to compare with somebody, against people in the middle')
    .addHelpText('after', `${examples('wren verify bobby1', 'wren verify bobby1 --yes')}\n${AFTERWORDS}`)
    .action(act((invocation, name: string, options: VerifyOptions) => verify(invocation, name, options)));
}

async function verify(invocation: Invocation, name: string, { yes, no }: VerifyOptions): Promise<ExitCode> {
  if (yes && no) throw new UsageProblem('--yes or --no, not both', `wren verify ${name} --yes`);
  const { output } = invocation;
  const report = await withAgent(invocation, { start: true }, async (agent) => {
    await settle(agent);
    return yes || no
      ? await agent.request({ type: 'safety.verify', name, verified: yes === true })
      : await agent.request({ type: 'safety.words', name });
  });
  const { halves, ...rest } = report;
  output.object({
    event: 'safety',
    ...rest,
    verified: report.safety === 'verified',
    words: halves.flatMap(({ words }) => words),
    digits: halves.flatMap(({ digits }) => digits),
    halves,
  });
  for (const line of safetyLines(report)) output.line(line);
  return EXIT.done;
}

/** Words, digits, and what was said of them. */
export function safetyLines({ name, safety, sinceMs, halves }: SafetyReport): string[] {
  return [
    ...columns(halves.map((half) => [plain(half.name), half.words.map((word) => plain(word)).join(' ')])),
    ...columns(halves.map((half) => [plain(half.name), half.digits.map((group) => plain(group)).join(' ')])),
    `${SAYINGS[safety].replaceAll('NAME', plain(name))} The key is known since ${clock(sinceMs)}.`,
  ];
}

const SAYINGS: Readonly<Record<BuddySafety, string>> = {
  known: 'Not compared yet. If NAME sees the same: wren verify NAME --yes.',
  verified: 'Verified: you have compared these.',
  changed:
    'NAME HAS ANOTHER KEY THAN BEFORE. Compare these before you trust it; if they are the same: wren verify NAME --yes.',
};
