/**
 * The words of `wren ssh`: which are ours, which are ssh's, and which go to the `wren` over there; and the command line that
 * ssh carries to it. Pure. As with ssh itself, options stand before HOST, and what follows HOST belongs to the other side.
 */
import { FLAGS_WITH_VALUE, UsageProblem } from './usage.ts';

export interface SshWish {
  /** For ssh, as they were typed. */
  readonly options: readonly string[];
  readonly host: string;
  /** For the wren over there, or with `run` a command with its arguments. */
  readonly args: readonly string[];
  /** The program over there: a name in its PATH, or a path. */
  readonly wren: string;
  readonly run: boolean;
  /** The audio SPEC of this machine as it was typed; undefined: as for calls of its own. */
  readonly audio: string | undefined;
  readonly reconnect: boolean;
}

/** Of ssh(1): those that take a value. */
const WITH_VALUE = 'BbcDEeFIiJLlmOopPQRSWw';
/** With these ssh runs no command. */
const WITHOUT_SESSION = 'NfGVQOWs';
const REMEDY = 'wren ssh --help';

/** Throws `UsageProblem`. */
export function readSshWords(words: readonly string[]): SshWish {
  const options: string[] = [];
  const wish = { options, wren: 'wren', run: false, audio: undefined as string | undefined, reconnect: true };
  let at = 0;
  const value = (name: string): string => {
    const text = words[++at];
    if (text === undefined) throw new UsageProblem(`${name} wants a value`, REMEDY);
    return text;
  };
  for (; at < words.length; at++) {
    const word = words[at]!;
    const [, name = word, attached] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    if (word === '--') {
      at++;
      break;
    }
    if (name === '--wren') wish.wren = attached ?? value(name);
    else if (name === '--audio') wish.audio = attached ?? value(name);
    else if (name === '--run') wish.run = true;
    else if (name === '--no-reconnect') wish.reconnect = false;
    else if (name.startsWith('--')) throw new UsageProblem(`unknown option '${name}'`, REMEDY);
    else if (word.startsWith('-') && word.length > 1) {
      options.push(word);
      if (wantsValue(word)) options.push(value(word));
    } else break;
  }
  const [host, ...rest] = words.slice(at);
  if (host === undefined) throw new UsageProblem("missing required argument 'host'", 'wren ssh HOST');
  // ssh would take it for an option.
  if (host.startsWith('-') || host === '') throw new UsageProblem(`'${host}' is no host`, 'wren ssh HOST');
  const args = rest[0] === '--' ? rest.slice(1) : rest;
  return { ...wish, host, args };
}

/** True where the value is the next word. */
function wantsValue(word: string): boolean {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at]!;
    if (WITHOUT_SESSION.includes(letter))
      throw new UsageProblem(`with -${letter} ssh runs no command, and wren ssh is about one`, REMEDY);
    if (WITH_VALUE.includes(letter)) break;
  }
  return valueIsNext(word);
}

function valueIsNext(word: string): boolean {
  const at = [...word].findIndex((letter, index) => index > 0 && WITH_VALUE.includes(letter));
  return at > 0 && at === word.length - 1;
}

/** Flags of every command that stand between `ssh` and HOST: they are for this side, as those before `ssh` are. */
export function apartFromOwn(words: readonly string[]): { readonly own: string[]; readonly rest: string[] } {
  const own: string[] = [];
  const rest: string[] = [];
  let at = 0;
  for (; at < words.length && words[at]!.startsWith('-') && words[at] !== '--'; at++) {
    const word = words[at]!;
    const [name = ''] = word.split('=', 1);
    const isLong = word.startsWith('--');
    const isOwn = name === '--json' || (FLAGS_WITH_VALUE.has(name) && name !== '--audio');
    const hasNext = isLong
      ? !word.includes('=') && (FLAGS_WITH_VALUE.has(name) || name === '--wren')
      : valueIsNext(word);
    (isOwn ? own : rest).push(word, ...(hasNext ? words.slice(++at, at + 1) : []));
  }
  return { own, rest: [...rest, ...words.slice(at)] };
}

/** Whether the other side shows its screen: then the connection is worth having again, and nothing is done twice. */
export function opensScreen({ run, args }: Pick<SshWish, 'run' | 'args'>): boolean {
  if (run) return false;
  for (let at = 0; at < args.length; at++) {
    if (FLAGS_WITH_VALUE.has(args[at]!)) at++;
    else if (!args[at]!.startsWith('-')) return false;
  }
  return !args.some((word) => ['--help', '-h', '--version', '-V', '--json', '--demo'].includes(word));
}

/** Programs that take up what runs over there already; any other command would do its work a second time. */
const ATTACHING: ReadonlySet<string> = new Set(['tmux', 'screen', 'zellij', 'dtach', 'abduco', 'byobu']);

/** Whether the same command line may run again when the connection broke. A shell does nothing by itself. */
export function isWorthAgain(wish: Pick<SshWish, 'run' | 'args'>): boolean {
  if (!wish.run) return opensScreen(wish);
  const command = wish.args[flagsBefore(wish.args)];
  return command === undefined || ATTACHING.has(command.replace(/^.*\//s, ''));
}

/** What the far end ends with when wren is nowhere: 127 may be that of a command of `--run`. */
export const NO_WREN = 254;

/**
 * Finds wren also where a command of ssh gets a shorter PATH than a person does: that of the login shell, and the usual
 * folders. The session is gone from the list of processes as soon as wren runs. No `!`, for csh.
 */
const FIND_AND_RUN = [
  'WREN_SSH_AUDIO="$1"; export WREN_SSH_AUDIO; w="$2"; shift 2',
  'command -v "$w" >/dev/null 2>&1 && exec "$w" "$@"',
  'p="$("$SHELL" -lc \'printf "\\nWRENPATH=%s\\n" "$PATH"\' </dev/null 2>/dev/null | sed -n "s/^WRENPATH=//p" | tail -n 1)"',
  'PATH="$p:$PATH:$HOME/.local/bin:$HOME/bin:$HOME/.npm-global/bin:$HOME/.volta/bin:/usr/local/bin:/opt/homebrew/bin"',
  'for d in "$HOME"/.nvm/versions/node/*/bin; do PATH="$PATH:$d"; done; export PATH',
  'command -v "$w" >/dev/null 2>&1 && exec "$w" "$@"',
  `rm -f "$(printf %s "$WREN_SSH_AUDIO" | sed "s/:[0-9a-f]*$//")"; exit ${NO_WREN}`,
].join('; ');

/** What ssh hands to the login shell of the other side. `session`: `PATH:CODE` of the endpoint. */
export function farCommand({ wren, run, args }: Pick<SshWish, 'wren' | 'run' | 'args'>, session: string): string {
  const command = run ? flagsBefore(args) : 0;
  const words = [session, wren, ...args.slice(0, command), ...(run ? ['ssh-run', '--'] : []), ...args.slice(command)];
  return ['exec sh -c', quoted(FIND_AND_RUN), 'wren-ssh', ...words.map(quoted)].join(' ');
}

/** How many words are flags of wren (`--profile DIR`) before a command that is to be run. */
function flagsBefore(args: readonly string[]): number {
  let at = 0;
  while (args[at]?.startsWith('--')) at += FLAGS_WITH_VALUE.has(args[at]!) ? 2 : 1;
  return at;
}

/** One word for sh, bash, zsh, fish and csh. Between quotes fish reads backslashes and csh reads `!`, so those stand outside. */
function quoted(word: string): string {
  return `'${word.replaceAll(/['\\!]/g, "'\\$&'")}'`;
}
