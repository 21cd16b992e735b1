/**
 * Starts programs of a person, beside the agent and never in its way: a few at once, a bounded queue behind them, a bounded time for each
 * and for all that it leaves behind, JSON on stdin, no shell. What goes wrong with a program is told once in the log, until it is changed.
 * `agent-hooks.ts` hands in what is to run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { HOOK_MS_MAX, HOOK_STDERR_BYTES_MAX, HOOKS_AT_ONCE, HOOKS_WAITING_MAX } from '../net/protocol/params.ts';

export interface HookRun {
  readonly file: string;
  readonly args: readonly string[];
  readonly stdin: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface HookRunnerOptions {
  /** Where the programs run. */
  readonly folder: string;
  /** `HOOK_MS_MAX` unless a test is in a hurry. */
  readonly msMax?: number;
  /** The same `key` is told once. */
  readonly trouble: (key: string, what: string, fields: Readonly<Record<string, string | number>>) => void;
}

export class HookRunner {
  readonly #options: HookRunnerOptions;
  readonly #running = new Map<ChildProcess, NodeJS.Timeout>();
  /** Groups of those that have ended and left programs running; these have the rest of their time. */
  readonly #left = new Map<ChildProcess, NodeJS.Timeout>();
  readonly #waiting: HookRun[] = [];
  #isClosed = false;

  constructor(options: HookRunnerOptions) {
    this.#options = options;
  }

  /** Takes it at once and runs it as soon as there is room; with too many waiting it is dropped. Never throws. */
  run(hook: HookRun): void {
    if (this.#isClosed) return;
    if (this.#waiting.length >= HOOKS_WAITING_MAX) {
      this.#options.trouble('queue', 'too many hooks at once: some were dropped', { waiting: HOOKS_WAITING_MAX });
      return;
    }
    this.#waiting.push(hook);
    this.#next();
  }

  /** What waits is dropped, what runs is ended. */
  close(): void {
    this.#isClosed = true;
    this.#waiting.length = 0;
    for (const child of [...this.#running.keys(), ...this.#left.keys()]) end(child);
  }

  #next(): void {
    while (this.#running.size < HOOKS_AT_ONCE) {
      const hook = this.#waiting.shift();
      if (!hook) return;
      this.#start(hook);
    }
  }

  #start({ file, args, stdin, env }: HookRun): void {
    const { folder, trouble, msMax = HOOK_MS_MAX } = this.#options;
    let child: ChildProcess;
    try {
      child = spawn(file, args, {
        cwd: folder,
        env: { ...process.env, ...env },
        stdio: ['pipe', 'ignore', 'pipe'],
        shell: false,
        // A group of its own, so that all that it starts ends with it.
        detached: true,
      });
    } catch (error) {
      trouble(file, 'a hook cannot be started', { file, error: String(error) });
      return;
    }
    let said = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      said = (said + bytes).slice(0, HOOK_STDERR_BYTES_MAX);
    });
    const timer = setTimeout(() => this.#timeIsUp(child, file), msMax);
    timer.unref();
    this.#running.set(child, timer);
    const over = (): void => {
      if (!this.#running.delete(child)) return;
      if (hasLeft(child)) this.#leave(child, timer);
      else clearTimeout(timer);
      this.#next();
    };
    child.on('error', (error) => {
      trouble(file, 'a hook cannot be started', { file, error: error.message });
      over();
    });
    child.on('exit', (code) => {
      if (code !== null && code !== 0) trouble(`${file} exit`, 'a hook failed', { file, code, said: said.trim() });
      over();
    });
    // It may end without reading, or close its stdin.
    child.stdin?.on('error', () => {});
    child.stdin?.end(stdin);
    child.unref();
  }

  #timeIsUp(child: ChildProcess, file: string): void {
    const { trouble, msMax = HOOK_MS_MAX } = this.#options;
    const isLeft = this.#left.delete(child);
    if (isLeft && !hasLeft(child)) return;
    const what = isLeft ? 'what a hook left running was ended' : 'a hook took too long and was ended';
    trouble(`${file} time`, what, { file, afterMs: msMax });
    end(child);
  }

  /** `play ring.wav &` is heard to its end; what never ends, or piles up, is ended. */
  #leave(child: ChildProcess, timer: NodeJS.Timeout): void {
    this.#left.set(child, timer);
    const [oldest] = this.#left;
    if (this.#left.size <= HOOKS_WAITING_MAX || oldest === undefined) return;
    this.#left.delete(oldest[0]);
    clearTimeout(oldest[1]);
    end(oldest[0]);
  }
}

/** Programs of its group that still run, after it has ended. */
function hasLeft(child: ChildProcess): boolean {
  try {
    return child.pid !== undefined && process.kill(-child.pid, 0);
  } catch {
    return false;
  }
}

function end(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

export interface HookFile {
  readonly path: string;
  /** Why it does not run; absent where it may. */
  readonly trouble?: string;
}

/**
 * Programs in `folder` for this event: files of that name, with or without an ending (`ringing`, `ringing.sh`), in order of their names.
 * Read anew each time, since people add and mend them. One that others could write, or that cannot be started, is named with what is wrong.
 */
export function hookFiles(folder: string, event: string): readonly HookFile[] {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  const mine = names.filter(
    (name) => name === event || (name.startsWith(`${event}.`) && !/(~|\.bak|\.swp)$/.test(name)),
  );
  return mine.sort().flatMap((name): HookFile[] => {
    const path = join(folder, name);
    try {
      const file = statSync(path);
      if (!file.isFile()) return [];
      const { mode, uid } = file;
      if (process.platform === 'win32') return [{ path }];
      if ((mode & 0o022) !== 0) return [{ path, trouble: 'others may write it: chmod go-w' }];
      if (uid !== 0 && uid !== process.getuid?.()) return [{ path, trouble: 'it belongs to somebody else' }];
      return (mode & 0o100) === 0 ? [{ path, trouble: 'it is not executable: chmod u+x' }] : [{ path }];
    } catch {
      return [];
    }
  });
}
