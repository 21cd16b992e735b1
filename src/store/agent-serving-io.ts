/**
 * The outside of `agent-serving.ts`: the child process that serves (`server.cjs promoted`), joined to the agent by lines on
 * its stdin and stdout, and what the machine has to spare. The child leaves by itself when the agent is gone.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { cpus, freemem, platform } from 'node:os';
import { join } from 'node:path';
import { readFromServing } from './agent-serving-lines.ts';
import { readFileIfThere } from './atomic-file.ts';
import { LineSplitter } from './line-splitter.ts';
import { openPrivateFolder } from './private-folder-file.ts';
import type { ServingChild, ServingMeans } from './serving-means.ts';

/** Its clients have this long to go, and a little more for the process. */
const END_MS = 5_500;
const LINE_BYTES_MAX = 16_384;

export interface ServingProgram {
  /** `server.cjs`. */
  readonly entry: string;
  /** The profile; the child has a folder in it. */
  readonly profileDir: string;
  readonly logLevel: string;
}

export function servingMeans(program: ServingProgram, env: NodeJS.ProcessEnv): ServingMeans {
  const kbps = Number(env.WREN_RELAY_KBPS ?? '');
  return {
    environment: env.WREN_SUPERNODE,
    relayKbps: Number.isInteger(kbps) && kbps > 0 ? kbps : undefined,
    isDesktop: isDesktop(env),
    open: (wish) => openChild(program, wish),
    machine: machineSince(),
  };
}

function openChild(
  { entry, profileDir, logLevel }: ServingProgram,
  { invite, relayKbps, onLine, onGone }: Parameters<ServingMeans['open']>[0],
): ServingChild {
  const folder = openPrivateFolder(join(profileDir, 'serving'));
  const log = openSync(join(folder, 'child.log'), 'a', 0o600);
  const args = ['promoted', '--dir', folder, '--invite', invite, '--relay-kbps', String(relayKbps)];
  const child = spawn(process.execPath, [entry, ...args, '--log-level', logLevel], {
    stdio: ['pipe', 'pipe', log],
    cwd: folder,
  });
  closeSync(log);
  const gone = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('exit', () => resolve());
  });
  void gone.then(onGone);
  const lines = new LineSplitter(LINE_BYTES_MAX);
  child.stdout?.on('data', (chunk: Buffer) => {
    for (const text of lines.push(chunk)) {
      const line = readFromServing(text);
      if (line) onLine(line);
    }
  });
  child.stdin?.on('error', () => {});
  return {
    tell: (command) => void (child.stdin?.writable && child.stdin.write(`${JSON.stringify(command)}\n`)),
    async end() {
      child.stdin?.end();
      const killer = setTimeout(() => child.kill('SIGKILL'), END_MS);
      await gone;
      clearTimeout(killer);
    },
  };
}

/** Somebody who uses this machine will see a screen: everywhere but on a Linux without a graphical session. */
function isDesktop(env: NodeJS.ProcessEnv): boolean {
  if (platform() !== 'linux') return true;
  const isSet = (name: string): boolean => (env[name] ?? '') !== '';
  return ['DISPLAY', 'WAYLAND_DISPLAY', 'XDG_CURRENT_DESKTOP'].some(isSet) || existsSync('/tmp/.X11-unix/X0');
}

function machineSince(): ServingMeans['machine'] {
  let before = times();
  let busyPercent = 0;
  return () => {
    const now = times();
    const all = now.all - before.all;
    if (all > 0) busyPercent = Math.round((100 * (now.busy - before.busy)) / all);
    before = now;
    return { busyPercent, freeMemoryBytes: availableMemory() };
  };
}

function times(): { readonly all: number; readonly busy: number } {
  let [all, idle] = [0, 0];
  for (const { times: one } of cpus()) {
    idle += one.idle;
    all += one.user + one.nice + one.sys + one.idle + one.irq;
  }
  return { all, busy: all - idle };
}

/** Linux counts what it would give back at once, which Node before 22 does not. */
function availableMemory(): number {
  const text = platform() === 'linux' ? readFileIfThere('/proc/meminfo')?.toString('latin1') : undefined;
  const [, kB] = /^MemAvailable:\s+(\d+) kB$/m.exec(text ?? '') ?? [];
  return kB === undefined ? freemem() : Number(kB) * 1_024;
}
