/**
 * Reading the command line: the values that options and arguments may hold, the sentence for a command line that
 * makes no sense, and the examples under each `--help`. A parser here throws commander's `InvalidArgumentError`;
 * `wren.ts` turns every such throw into one sentence, the remedy, and exit code 3.
 */
import { isAbsolute, resolve } from 'node:path';
import { type Command, type CommanderError, InvalidArgumentError } from 'commander';
import { PROXY_FORMS, parseProxyUrl } from '../../src/net/io/proxy-url.ts';
import { foldName, isName, isPersonName, isServiceName } from '../../src/net/protocol/ids.ts';

/** `--for` of a day is surely a slip. */
const FOR_SECONDS_MAX = 86_400;

/** Flags of every command whose value is the next word. */
export const FLAGS_WITH_VALUE: ReadonlySet<string> = new Set(['--profile', '--audio', '--log-level', '--proxy']);

/** A command line that parsed but makes no sense; `remedy` is what to type instead. */
export class UsageProblem extends Error {
  readonly remedy: string;
  constructor(sentence: string, remedy: string) {
    super(sentence);
    this.remedy = remedy;
  }
}

/** Commander's complaint as one sentence with the remedy of the command it is about. */
export function usageProblemOf(error: CommanderError, command: Command, path: string): UsageProblem {
  const remedy = `${path} --help`;
  if (error.code === 'commander.help') {
    // A command that only groups others.
    const words = command.commands.map((child) => child.name()).join(', ');
    return new UsageProblem(`"${path}" wants one more word: ${words}`, remedy);
  }
  const sentence = error.message
    .replace(/^error: /, '')
    .replace(/^command-argument value /, '')
    .replace(/\s*\n\(Did you mean (.*)\?\)$/s, '; did you mean $1?')
    .replace(/\.$/, '');
  return new UsageProblem(sentence, remedy);
}

/** Text for `addHelpText('after', ...)`. */
export function examples(...lines: readonly string[]): string {
  return `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

/** A name as typed, of a person or a service. */
export function nameValue(text: string): string {
  if (isName(text)) return text;
  throw new InvalidArgumentError(
    'A name is 6 to 32 characters: a letter first, then letters, digits, ".", "_" or "-".',
  );
}

/** A person, or a group by its label, which shells want quoted. */
export function conversationValue(text: string): string {
  if (!text.startsWith('#')) return nameValue(text);
  if (/^#[A-Za-z0-9][A-Za-z0-9._-]{0,35}$/.test(text)) return text;
  throw new InvalidArgumentError('A group is "#" and its name, as wren group list shows it.');
}

/** A parser of an argument that may stand several times: each is read by `one`; a name that was there already counts once. */
export function eachValue(one: (text: string) => string): (text: string, before?: readonly string[]) => string[] {
  return (text, before = []) => {
    const value = one(text);
    return before.some((name) => foldName(name) === foldName(value)) ? [...before] : [...before, value];
  };
}

/** A name that an account may have. */
export function personNameValue(text: string): string {
  if (isPersonName(text)) return text;
  throw new InvalidArgumentError('Choose 6 to 32 characters: a letter first, then letters, digits, ".", "_" or "-".');
}

/** A name that a service may have. */
export function serviceNameValue(text: string): string {
  if (isServiceName(text)) return text;
  throw new InvalidArgumentError('Names of services have 1 to 5 characters, a letter first.');
}

/** Seconds as typed (`8`, `0.5`), in seconds. */
export function secondsValue(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds > 0 && seconds <= FOR_SECONDS_MAX) return seconds;
  throw new InvalidArgumentError(`It takes a number of seconds up to ${FOR_SECONDS_MAX}.`);
}

/** A parser of whole numbers from `least` to `most`. */
export function wholeNumberValue(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It takes a whole number from ${least} to ${most}.`);
  };
}

/** The proxy as typed: a URL, `none`, or `auto` (empty), which is what the environment names. */
export function proxyValue(text: string): string {
  if (text === 'auto') return '';
  if (text === 'none' || parseProxyUrl(text)) return text;
  // Commander would tell the text itself, which may hold a password.
  throw new UsageProblem(
    `what --proxy was given names no proxy: it is ${PROXY_FORMS}, none or auto`,
    '--proxy http://USER:PASSWORD@HOST:PORT',
  );
}

/**
 * The audio SPEC with every path made absolute, because the agent that opens the files works in another folder than
 * the person who typed them. The forms are the contract's: default, none, device:NAME, file:IN.wav[,OUT.wav],
 * socket:PATH.
 */
export function audioSpecValue(folder: string): (text: string) => string {
  const absolute = (path: string) => (path === '' || isAbsolute(path) ? path : resolve(folder, path));
  return (text) => {
    if (text === 'default' || text === 'none' || /^device:./.test(text)) return text;
    if (/^socket:./.test(text)) return `socket:${absolute(text.slice(7))}`;
    const file = /^file:([^,]*)(?:,([^,]*))?$/.exec(text);
    if (file) {
      const out = file[2] === undefined ? '' : `,${absolute(file[2])}`;
      return `file:${absolute(file[1] ?? '')}${out}`;
    }
    throw new InvalidArgumentError('It is default, none, device:NAME, file:IN.wav[,OUT.wav] or socket:PATH.');
  };
}
