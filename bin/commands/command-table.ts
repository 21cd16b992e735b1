/**
 * The commands, flags and arguments as plain data, read off the tree that also parses the command line and prints `--help`: so
 * that completion (`completion-bash.ts` and its like) and the man page (`man-page.ts`) can never say anything else. Pure.
 */
import type { EventEmitter } from 'node:events';
import type { Argument, Command, Option } from 'commander';

/** What may stand in a place, as far as a shell can help with it. */
export type Wanted =
  | { readonly kind: 'nothing' | 'names' | 'files' | 'folders' }
  | { readonly kind: 'words'; readonly words: readonly string[] };

export interface TableArgument {
  readonly name: string;
  readonly about: string;
  readonly required: boolean;
  readonly variadic: boolean;
  readonly wants: Wanted;
}

export interface TableFlag {
  /** As `--help` has it: `--for <seconds>`, `-V, --version`. */
  readonly flags: string;
  /** `--for`, and `-V` where there is one. */
  readonly names: readonly string[];
  readonly about: string;
  /** Undefined when it takes no value. */
  readonly wants: Wanted | undefined;
}

/** Flags of the program that go with every command; its others belong to `wren` alone. */
export const EVERYWHERE: ReadonlySet<string> = new Set(['--profile', '--json', '--audio', '--log-level', '--proxy']);

export function goesEverywhere({ names }: TableFlag): boolean {
  return names.some((name) => EVERYWHERE.has(name) || name === '--help');
}

export interface TableCommand {
  /** From below the program's name; empty for the program itself. */
  readonly path: readonly string[];
  /** The heading that it stands under in `--help`. */
  readonly group: string;
  readonly about: string;
  readonly arguments: readonly TableArgument[];
  /** Of its own, in the order of `--help`; some of the program's go with every command. */
  readonly flags: readonly TableFlag[];
  readonly commands: readonly TableCommand[];
  /** What `--help` says below flags: examples, exit codes. */
  readonly afterwords: string;
}

export function tableOf(program: Command): TableCommand {
  return commandOf(program, []);
}

/** The command and all below it, each before those that it holds. */
export function everyCommand(table: TableCommand): TableCommand[] {
  return [table, ...table.commands.flatMap(everyCommand)];
}

function commandOf(command: Command, path: readonly string[]): TableCommand {
  const help = command.createHelp();
  // Below the program `help` only says again what `--help` does.
  const visible = help.visibleCommands(command).filter((child) => path.length === 0 || child.name() !== 'help');
  const own = command.options.filter(({ hidden }) => !hidden);
  return {
    path,
    group: command.helpGroup() ?? '',
    about: command.description(),
    arguments: command.registeredArguments.map((argument) => argumentOf(argument, path)),
    flags: [...own.map(flagOf), ...(path.length === 0 ? [HELP] : [])],
    commands: visible.map((child) => commandOf(child, [...path, child.name()])),
    afterwords: afterwordsOf(command),
  };
}

const HELP: TableFlag = { flags: '-h, --help', names: ['--help', '-h'], about: 'explain', wants: undefined };

/** What `addHelpText('after', ...)` would print. */
function afterwordsOf(command: Command): string {
  let text = '';
  const write = (more: string): void => {
    text += more;
  };
  // Commander's types keep it to themselves that a command is an emitter.
  (command as unknown as EventEmitter).emit('afterHelp', { error: false, command, write });
  return text.trim();
}

/** Whose names are no buddies': one's own, of services, of sound devices. */
const OTHER_NAMES = /^(signup|signin|echo|sound use)$/;

function argumentOf(argument: Argument, path: readonly string[]): TableArgument {
  const name = argument.name();
  return {
    ...{ name, about: argument.description, required: argument.required, variadic: argument.variadic },
    wants: wantedOf(name, argument.argChoices, path.join(' ')),
  };
}

function flagOf(option: Option): TableFlag {
  const { flags, long, short, description, defaultValue } = option;
  const value = /[<[]([\w-]+)/.exec(flags)?.[1];
  const about =
    defaultValue === undefined || defaultValue === true ? description : `${description} (default: ${defaultValue})`;
  return {
    ...{ flags, names: [long, short].filter((one) => one !== undefined), about },
    wants: value === undefined ? undefined : wantedOf(value, option.argChoices, long === '--name' ? 'echo' : ''),
  };
}

/** By the word for the value that `--help` shows. */
function wantedOf(value: string, choices: readonly string[] | undefined, path: string): Wanted {
  if (choices) return { kind: 'words', words: choices };
  if (value === 'name') return { kind: OTHER_NAMES.test(path) ? 'nothing' : 'names' };
  if (value === 'dir') return { kind: 'folders' };
  if (value === 'file' || value === 'more') return { kind: 'files' };
  const words = KNOWN_WORDS[value];
  return words ? { kind: 'words', words } : { kind: 'nothing' };
}

const KNOWN_WORDS: Readonly<Record<string, readonly string[]>> = {
  spec: ['default', 'none', 'device:', 'file:', 'socket:'],
  url: ['auto', 'none', 'http://', 'https://', 'socks5://', 'socks5h://'],
  postgres: ['postgres://'],
  form: ['json', 'text'],
};
