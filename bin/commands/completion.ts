/**
 * `wren completion SHELL` prints what makes a shell complete commands, flags, choices and buddies' names; `wren man` the man
 * page. Both are made of the tree that parses command lines. Names are asked for while somebody waits with a finger on Tab: of an
 * agent that runs already, and not for long.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Argument, type Command, Option } from 'commander';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { type TableCommand, tableOf } from './command-table.ts';
import { bashCompletion } from './completion-bash.ts';
import { fishCompletion } from './completion-fish.ts';
import { zshCompletion } from './completion-zsh.ts';
import { EXIT } from './exit-codes.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { plain } from './layout.ts';
import { manPage } from './man-page.ts';
import { examples, UsageProblem } from './usage.ts';

const SHELLS: Readonly<Record<string, (table: TableCommand) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};
/** An agent that has not answered by then is too busy to be of help. */
const NAMES_PATIENCE_MS = 500;

const WHERE = `
bash: ~/.local/share/bash-completion/completions/wren   zsh: _wren in a folder of $fpath
fish: ~/.config/fish/completions/wren.fish`;

export function addCompletion(program: Command, act: Act): void {
  program
    .command('completion')
    .addArgument(new Argument('[shell]', 'which one').choices(Object.keys(SHELLS)))
    .addOption(new Option('--names', "buddies' names, for the scripts").hideHelp())
    .description('what makes a shell complete commands, flags and names')
    .addHelpText(
      'after',
      `${examples('wren completion bash > ~/.local/share/bash-completion/completions/wren')}\n${WHERE}`,
    )
    .action(
      act(async (invocation, shell: string | undefined, options: { names?: boolean }) => {
        if (options.names) await tellNames(invocation);
        else if (shell === undefined) throw new UsageProblem('which shell? bash, zsh or fish', 'wren completion bash');
        else tellText(invocation, 'completion', SHELLS[shell]?.(tableOf(program)) ?? '');
        return EXIT.done;
      }),
    );
}

export function addMan(program: Command, act: Act): void {
  program
    .command('man')
    .description('the man page, for man -l')
    .addHelpText('after', examples('wren man > wren.1 && man -l wren.1'))
    .action(
      act(async (invocation) => {
        tellText(invocation, 'man', manPage(tableOf(program), invocation.version));
        return EXIT.done;
      }),
    );
}

function tellText({ output }: Invocation, event: string, text: string): void {
  output.object({ event, text });
  output.line(text.trimEnd());
}

/** One a line, and nothing at all where nobody can tell. */
async function tellNames(invocation: Invocation): Promise<void> {
  const names = withAgent(invocation, { start: false, audio: 'per-call' }, (agent) =>
    agent.request({ type: 'buddy.list' }),
  );
  try {
    const buddies = (await Promise.race([names, sleep(NAMES_PATIENCE_MS, undefined, { ref: false })])) ?? [];
    for (const { name } of buddies) invocation.output.line(plain(name));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}
