/**
 * The program `lines.cjs`: line mode (`wren --plain`, `wren --screen-reader`), connected to the agent of the profile, which it starts
 * when none runs. A program of its own, because it needs neither Ink nor React: it starts in a third of the time. Loaded by `wren` in its own
 * process: `main(['--voice', 'plain', '--profile', DIR, ...])`.
 */
import process from 'node:process';
import { openScreenFile } from '../src/store/screen-file.ts';
import { runLines } from '../src/tui/linear/run-lines.ts';
import { PLAIN_VOICE, READER_VOICE } from '../src/tui/linear/voice.ts';
import { failureExit } from './commands/exit-codes.ts';
import { readFaceArguments } from './face-arguments.ts';

/** Runs until the person leaves or the input ends; resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const { profileDir, connect, initialHint, audio, voice } = readFaceArguments(argv);
  return await runLines({
    connect,
    preferences: openScreenFile(profileDir),
    stdin: process.stdin,
    stdout: process.stdout,
    env: process.env,
    voice: voice === 'screen-reader' ? READER_VOICE : PLAIN_VOICE,
    initialHint,
    audio,
    exitOf: failureExit,
  });
}
