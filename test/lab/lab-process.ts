/**
 * One program that runs in a namespace of the lab. What is started from here is `nsenter`, which waits for the program
 * and ends as it does but passes no signal on; so signals go to its child, which we see by its number out here.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { childrenOf } from '../support/child-processes.ts';
import { until } from '../support/private-network.ts';

export interface Ending {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export class LabProcess {
  /** Resolves when it has ended and closed its outputs; never rejects. */
  readonly done: Promise<Ending>;
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #name: string;

  constructor(
    command: { readonly program: string; readonly args: readonly string[] },
    env: NodeJS.ProcessEnv,
    name: string,
  ) {
    const startedAt = performance.now();
    this.#name = name;
    this.#child = spawn(command.program, command.args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.setEncoding('utf8');
    this.#child.stdout?.on('data', (chunk: string) => {
      this.stdout += chunk;
    });
    this.#child.stderr?.on('data', (chunk: string) => {
      this.stderr += chunk;
    });
    // A program that ended before it read everything is told by `done`.
    this.#child.stdin?.on('error', () => {});
    this.done = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.stderr += String(error);
      });
      this.#child.once('close', (code) => {
        resolve({ code, stdout: this.stdout, stderr: this.stderr, tookMs: performance.now() - startedAt });
      });
    });
  }

  /** Called after each piece of standard output. */
  onOutput(listener: (chunk: string) => void): void {
    this.#child.stdout?.on('data', listener);
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** What stdout holds so far as JSON lines, the unfinished last one left out. Throws when a line is none. */
  events(): Record<string, unknown>[] {
    return this.stdout
      .split('\n')
      .slice(0, -1)
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Resolves when stdout or stderr holds the pattern; rejects when the program ends, or time is up, first. */
  async saw(pattern: RegExp, limitMs = 10_000): Promise<void> {
    let ended = false;
    void this.done.then(() => {
      ended = true;
    });
    const seen = (): boolean => pattern.test(this.stdout) || pattern.test(this.stderr);
    const told = (): string => `${pattern} of ${this.#name}:\n${this.stdout}\n${this.stderr}`;
    await until(() => seen() || ended, limitMs, told);
    if (!seen()) throw new Error(`ended before ${told()}`);
  }

  /** False when it has ended already. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return false;
    const [program] = childrenOf(this.#child.pid);
    return program === undefined ? this.#child.kill(signal) : process.kill(program, signal);
  }
}
