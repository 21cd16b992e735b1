/**
 * The questions that every shell's completion asks, answered as functions of the shell: which words may follow a command, which
 * flags it has, and what stands in for the value of a flag or for an argument. Bash and zsh share them; fish has a syntax
 * of its own. Made of the table behind `--help`. Pure.
 */
import { everyCommand, goesEverywhere, type TableCommand, type TableFlag, type Wanted } from './command-table.ts';

/** A word or flag as the shell is to be told of it: quoted, with what it does where the shell shows that. */
type Print = (name: string, about: string) => string;

/** `_wren_words PATH`, `_wren_flags PATH`, `_wren_value PATH FLAG` and `_wren_argument PATH COUNT`, for bash and zsh. */
export function questionFunctions(table: TableCommand, print: Print): string {
  return [
    questionFunction('_wren_words', wordBranches(table, print)),
    questionFunction('_wren_flags', flagBranches(table, print)),
    questionFunction('_wren_value', valueBranches(table)),
    questionFunction('_wren_argument', argumentBranches(table)),
  ].join('\n');
}

function questionFunction(name: string, branches: readonly string[]): string {
  return [`${name}() {`, '  case "$1" in', ...branches, '  esac', '}'].join('\n');
}

/** `names`, `files`, `folders`, `words a b c`; empty for what a shell cannot know. */
function wantedText(wanted: Wanted): string {
  if (wanted.kind === 'words') return `words ${wanted.words.join(' ')}`;
  return wanted.kind === 'nothing' ? '' : wanted.kind;
}

export function pathText({ path }: TableCommand): string {
  return path.join(' ');
}

/** Of the command, then of the program: those that go with every command. */
export function flagsOf(command: TableCommand, table: TableCommand): readonly TableFlag[] {
  if (command === table) return table.flags;
  return [...command.flags, ...table.flags.filter(goesEverywhere)];
}

/** Branches for `case "$1" in`: path of a command -> a word a line of what follows it. */
function wordBranches(table: TableCommand, print: Print): string[] {
  return everyCommand(table)
    .filter(({ commands }) => commands.length > 0)
    .map((one) => {
      const words = one.commands.map(({ path, about }) => print(path.at(-1) ?? '', about));
      return branch(pathText(one), words);
    });
}

function flagBranches(table: TableCommand, print: Print): string[] {
  return everyCommand(table).map((one) => {
    const words = flagsOf(one, table).flatMap(({ names, about }) => names.map((name) => print(name, about)));
    return branch(pathText(one), words);
  });
}

/** `PATH --flag` -> what its value is; flags that take none have no branch. */
function valueBranches(table: TableCommand): string[] {
  return everyCommand(table).flatMap((one) =>
    flagsOf(one, table).flatMap(({ names, wants }) =>
      wants === undefined
        ? []
        : names.map((name) => branch(`${pathText(one)} ${name}`, [quote(wantedText(wants) || 'nothing')])),
    ),
  );
}

/** `PATH 0` -> what the first argument is, and so on; the last of several stands for all that follow. */
function argumentBranches(table: TableCommand): string[] {
  return everyCommand(table).flatMap((one) =>
    one.arguments.flatMap(({ wants, variadic }, at) => {
      const wanted = wantedText(wants);
      if (wanted === '') return [];
      const place = `${quote(`${pathText(one)} `)}${variadic ? '*' : at}`;
      return [`    ${place}) printf '%s\\n' ${quote(wanted)} ;;`];
    }),
  );
}

function branch(path: string, words: readonly string[]): string {
  return `    ${quote(path)}) printf '%s\\n' ${words.join(' ')} ;;`;
}

/** For sh, bash and zsh. */
export function quote(words: string): string {
  return `'${words.replaceAll("'", "'\\''")}'`;
}
