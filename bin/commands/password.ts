/**
 * Where a password comes from, in this order: `--password-file`, the environment, a hidden prompt when a person sits
 * at the terminal. A new password is asked for twice. What is read is bounded and is never printed or logged.
 */
import { fstatSync, openSync, readSync } from 'node:fs';
import { PASSWORD_BYTES_MAX, PASSWORD_LENGTH_MIN } from '../../src/net/protocol/params.ts';
import type { Invocation } from './invocation.ts';
import { openPrompt } from './prompt.ts';
import { UsageProblem } from './usage.ts';

/** The longest password and its line end. */
const PASSWORD_FILE_BYTES_MAX = PASSWORD_BYTES_MAX + 2;
const PROMPT_TRIES_MAX = 3;

export interface PasswordWish {
  readonly file: string | undefined;
  readonly name: string;
  /** A new password: ask twice; short ones are turned down here already, where asking again is easy. */
  readonly confirm: boolean;
  /** Before a person is asked: rejects where the password could be of no use. */
  readonly beforeAsking: () => Promise<void>;
}

/** Rejects with `UsageProblem` when there is no password to be had, and with `Interrupted` on Ctrl-C at the prompt. */
export async function readPassword(invocation: Invocation, wish: PasswordWish): Promise<string> {
  if (wish.file !== undefined) return readPasswordFile(wish.file, (words) => invocation.output.say(words));
  const fromEnvironment = invocation.env.WREN_PASSWORD;
  if (fromEnvironment !== undefined && fromEnvironment !== '') return fromEnvironment;
  if (!process.stdin.isTTY) {
    throw new UsageProblem(
      'no password: stdin is not a terminal to ask at',
      '--password-file FILE, or set WREN_PASSWORD',
    );
  }
  const prompt = openPrompt(process.stdin, process.stderr);
  try {
    // With the terminal silent already: what is typed ahead is not shown either.
    await wish.beforeAsking();
    return wish.confirm
      ? await askTwice(prompt.askHidden, (words) => invocation.output.say(words))
      : await prompt.askHidden(`Password of ${wish.name}: `);
  } finally {
    prompt.close();
  }
}

async function askTwice(ask: (question: string) => Promise<string>, say: (words: string) => void): Promise<string> {
  for (let tries = 0; tries < PROMPT_TRIES_MAX; tries += 1) {
    const first = await ask(`New password (${PASSWORD_LENGTH_MIN} characters or more): `);
    if (first.length < PASSWORD_LENGTH_MIN) {
      say(`That is shorter than ${PASSWORD_LENGTH_MIN} characters.`);
      continue;
    }
    if ((await ask('The same again: ')) === first) return first;
    say('The two differ.');
  }
  throw new UsageProblem('no password was settled on', 'the command again, or --password-file FILE');
}

function readPasswordFile(file: string, say: (words: string) => void): string {
  const bytes = Buffer.alloc(PASSWORD_FILE_BYTES_MAX + 1);
  let length = 0;
  try {
    const descriptor = file === '-' ? 0 : openSync(file, 'r');
    const about = fstatSync(descriptor);
    if (about.isFile() && (about.mode & 0o044) !== 0) {
      say(`Note: others on this machine can read ${file}. Close it: chmod 600 ${file}`);
    }
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(descriptor, bytes, length, bytes.length - length, null);
    }
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new UsageProblem(`the password file ${file} cannot be read (${why})`, 'another --password-file');
  }
  if (length > PASSWORD_FILE_BYTES_MAX) {
    throw new UsageProblem(`the password file ${file} is too long for a password`, 'a file of one short line');
  }
  const password = bytes.toString('utf8', 0, length).replace(/\r?\n$/, '');
  if (password === '') throw new UsageProblem(`the password file ${file} is empty`, 'a file with the password in it');
  return password;
}
