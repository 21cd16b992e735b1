/**
 * The private network of `wren --demo`: a `wren up` of its own in the background, with its state and its log in a
 * folder of the demo. A later start finds it running by the process number it noted, and makes sure that this number
 * still is that process before it trusts or ends it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { openPrivateFolder } from '../../src/store/private-folder-file.ts';
import { plain } from './layout.ts';

export interface DemoNetwork {
  readonly pid: number;
  readonly invite: string;
  /** False when an earlier demo had started it; then it is not ours to end. */
  readonly startedHere: boolean;
}

/** `wren up` prints its invite within 3 s on an idle machine; a first start also makes an authority key. */
const READY_PATIENCE_MS = 20_000;
const STOP_PATIENCE_MS = 5_000;
const LOOK_AGAIN_MS = 50;

/**
 * Finds or starts the network whose state lies in `folder`. `programFile` is this program. Rejects with
 * `Refusal('unreachable-network')`, the server's own last words as detail.
 */
export async function ensureNetwork(programFile: string, profileDir: string, folder: string): Promise<DemoNetwork> {
  openPrivateFolder(folder);
  const known = readNote(folder);
  if (known !== undefined && isRunning(known.pid, folder)) return { ...known, startedHere: false };

  const readyFile = join(folder, 'up.json');
  const logFile = join(folder, 'up.log');
  const stdout = openSync(readyFile, 'w', 0o600);
  const stderr = openSync(logFile, 'w', 0o600);
  const state = stateFolder(folder);
  const argv = [programFile, 'up', '--dir', state, '--host', '127.0.0.1', '--json', '--profile', profileDir];
  // A password in our environment is not for a server that lives on.
  const { WREN_PASSWORD: _, ...env } = process.env;
  const child = spawn(process.execPath, argv, { detached: true, stdio: ['ignore', stdout, stderr], env });
  child.unref();
  closeSync(stdout);
  closeSync(stderr);
  const invite = await inviteOf(child, readyFile, logFile);
  const pid = child.pid ?? 0;
  writeFileSync(join(folder, 'network.json'), `${JSON.stringify({ pid, invite })}\n`, { mode: 0o600 });
  return { pid, invite, startedHere: true };
}

/** Ends the network, politely first. Resolves when it is gone. */
export async function stopNetwork({ pid }: DemoNetwork, folder: string): Promise<void> {
  signalNetwork(pid, folder, 'SIGTERM');
  for (let waitedMs = 0; isRunning(pid, folder); waitedMs += LOOK_AGAIN_MS) {
    if (waitedMs >= STOP_PATIENCE_MS) {
      signalNetwork(pid, folder, 'SIGKILL');
      break;
    }
    await delay(LOOK_AGAIN_MS);
  }
  rmSync(join(folder, 'network.json'), { force: true });
}

/** At once and without waiting, for the last moment of a process. */
export function signalNetwork(pid: number, folder: string, signal: NodeJS.Signals): void {
  if (!isRunning(pid, folder)) return;
  try {
    process.kill(pid, signal);
  } catch {
    // Gone between the look and the signal.
  }
}

async function inviteOf(child: ChildProcess, readyFile: string, logFile: string): Promise<string> {
  let exited = false;
  child.on('exit', () => {
    exited = true;
  });
  child.on('error', () => {
    exited = true;
  });
  for (let waitedMs = 0; waitedMs < READY_PATIENCE_MS && !exited; waitedMs += LOOK_AGAIN_MS) {
    const invite = /"invite":"(wren:[^"]+)"/.exec(readFileSync(readyFile, 'utf8'))?.[1];
    if (invite !== undefined) return invite;
    await delay(LOOK_AGAIN_MS);
  }
  child.kill();
  const lastWords = readFileSync(logFile, 'utf8').trim().split('\n').at(-1) ?? '';
  throw new Refusal('unreachable-network', plain(lastWords));
}

function readNote(folder: string): { readonly pid: number; readonly invite: string } | undefined {
  try {
    const { pid, invite } = JSON.parse(readFileSync(join(folder, 'network.json'), 'utf8')) as Record<string, unknown>;
    const sound = Number.isSafeInteger(pid) && Number(pid) > 1 && typeof invite === 'string';
    return sound ? { pid: Number(pid), invite } : undefined;
  } catch {
    return undefined;
  }
}

/** True when `pid` lives and is the server of this folder: process numbers are used again by the system. */
function isRunning(pid: number, folder: string): boolean {
  try {
    process.kill(pid, 0);
    return commandLineOf(pid).includes(stateFolder(folder));
  } catch {
    return false;
  }
}

function stateFolder(folder: string): string {
  return join(folder, 'state');
}

function commandLineOf(pid: number): string {
  if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  return execFileSync('ps', ['-p', String(pid), '-o', 'args='], { encoding: 'utf8' });
}
