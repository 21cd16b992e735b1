/** `wren help COMMAND...`: the same as `wren COMMAND... --help`, for commands of commands too (`wren help sound watch`). */
import type { Command } from 'commander';
import { examples, UsageProblem } from './usage.ts';

export function addHelp(program: Command): void {
  program
    .command('help')
    .argument('[command...]', 'which one')
    .description('explain a command')
    .addHelpText('after', examples('wren help call', 'wren help sound watch'))
    .action((words: readonly string[]) => explained(program, words).outputHelp());
}

/** Throws `UsageProblem`. */
function explained(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const [at, word] of words.entries()) {
    const found = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (found === undefined) {
      const known = ['wren', ...words.slice(0, at)].join(' ');
      throw new UsageProblem(`there is no command "${words.slice(0, at + 1).join(' ')}"`, `${known} --help`);
    }
    command = found;
  }
  return command;
}
