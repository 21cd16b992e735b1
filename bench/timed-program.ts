/** A program under a stopwatch: when it wrote what, when it ended. Times are ms since it was spawned. */
import { type ChildProcess, spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';

export type JsonLine = Readonly<Record<string, unknown>>;

export interface Ended {
  readonly code: number | null;
  readonly tookMs: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Lines of stdout that are JSON. */
  readonly events: readonly JsonLine[];
}

interface Watch {
  readonly pattern: RegExp;
  readonly seen: (atMs: number) => void;
  readonly missed: (error: Error) => void;
}

export class TimedProgram {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly #startedAt = performance.now();
  #stdout = '';
  #stderr = '';
  #watches: Watch[] = [];

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(command, [...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.on('data', (chunk) => {
      this.#stdout += chunk;
      this.#look();
    });
    this.child.stderr?.on('data', (chunk) => {
      this.#stderr += chunk;
    });
    this.ended = new Promise((resolve) => {
      // `exit` for the time: `close` waits for a pipe that a started agent may hold.
      let tookMs = 0;
      this.child.on('exit', () => {
        tookMs = this.#sinceMs();
      });
      this.child.on('close', (code) => {
        const [stdout, stderr] = [this.#stdout, this.#stderr];
        for (const { pattern, missed } of this.#watches)
          missed(new Error(`ended (${code}) before ${pattern}: ${stderr}`));
        resolve({ code, tookMs, stdout, stderr, events: jsonLines(stdout) });
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** When stdout first held the pattern. Rejects when the program ends before, or after `limitMs`. */
  saw(pattern: RegExp, limitMs = 20_000): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${pattern} within ${limitMs} ms: ${this.#stderr}`)), limitMs);
      const end = (finish: () => void): void => {
        clearTimeout(timer);
        finish();
      };
      const seen = (atMs: number): void => end(() => resolve(atMs));
      this.#watches.push({ pattern, seen, missed: (error) => end(() => reject(error)) });
      this.#look();
    });
  }

  /** JSON lines written so far. */
  events(): readonly JsonLine[] {
    return jsonLines(this.#stdout.slice(0, this.#stdout.lastIndexOf('\n') + 1));
  }

  async success(): Promise<Ended> {
    const ended = await this.ended;
    if (ended.code !== 0) throw new Error(`${this.child.spawnargs.join(' ')} ended ${ended.code}: ${ended.stderr}`);
    return ended;
  }

  #look(): void {
    const atMs = this.#sinceMs();
    this.#watches = this.#watches.filter(({ pattern, seen }) => {
      if (!pattern.test(this.#stdout)) return true;
      seen(atMs);
      return false;
    });
  }

  #sinceMs(): number {
    return performance.now() - this.#startedAt;
  }
}

function jsonLines(text: string): JsonLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as JsonLine];
    } catch {
      return [];
    }
  });
}
