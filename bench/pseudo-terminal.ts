/** A program on a pseudo-terminal, its bytes under a stopwatch. No emulator: that would take time of its own. */
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { type IPty, spawn } from '@lydell/node-pty';

const COLUMNS = 100;
const ROWS = 30;
const PATIENCE_MS = 15_000;

export class PseudoTerminal {
  readonly #pty: IPty;
  readonly #startedAt: number;
  readonly #ended: Promise<void>;
  #text = '';
  #watch: { readonly text: string; readonly from: number; readonly seen: () => void } | undefined;
  /** Bytes that the program has written. */
  bytes = 0;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#startedAt = performance.now();
    const options = { cols: COLUMNS, rows: ROWS, env: { ...env, TERM: 'xterm-256color' } as Record<string, string> };
    this.#pty = spawn(process.execPath, [...args], options);
    this.#pty.onData((data) => {
      this.bytes += Buffer.byteLength(data);
      this.#text += data;
      this.#look();
    });
    this.#ended = new Promise((resolve) => this.#pty.onExit(() => resolve()));
  }

  get pid(): number {
    return this.#pty.pid;
  }

  /** When the text was first written, ms since the start of the program. */
  async firstSaw(text: string): Promise<number> {
    await this.#until(text, 0);
    return performance.now() - this.#startedAt;
  }

  /** Presses a key; how long until `glyph` was written, ms. */
  async press(key: string, glyph = key): Promise<number> {
    const from = this.#text.length;
    const pressedAt = performance.now();
    const seen = this.#until(glyph, from);
    this.#pty.write(key);
    await seen;
    return performance.now() - pressedAt;
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  async close(): Promise<void> {
    try {
      process.kill(this.#pty.pid, 'SIGTERM');
    } catch {
      // It has ended by itself.
    }
    await this.#ended;
  }

  #until(text: string, from: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#missed(text)), PATIENCE_MS);
      const seen = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#watch = { text, from, seen };
      this.#look();
    });
  }

  #missed(text: string): Error {
    return new Error(`never saw ${JSON.stringify(text)} in ${JSON.stringify(this.#text.slice(-2_000))}`);
  }

  #look(): void {
    const watch = this.#watch;
    if (!watch || !this.#text.includes(watch.text, watch.from)) return;
    this.#watch = undefined;
    watch.seen();
  }
}
