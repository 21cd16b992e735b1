/**
 * A child process for tests of what survives a process: bundles a few lines of TypeScript and runs them with node,
 * talking over its standard output. The caller kills it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../..');

/** Bundles `source` (imports start with `#store/`) to a CommonJS program inside the repository's ignored folder. */
export async function bundleProgram(source: string): Promise<{ readonly path: string; remove(): void }> {
  const folder = mkdtempSync(join(ROOT, 'node_modules', '.store-test-'));
  const entry = join(folder, 'program.ts');
  writeFileSync(entry, source.replaceAll('#store/', `${join(ROOT, 'src/store')}/`));
  const path = join(folder, 'program.cjs');
  await build({
    entryPoints: [entry],
    outfile: path,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['libsql'],
    logLevel: 'error',
  });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export interface StoreChild {
  readonly process: ChildProcess;
  /** The next line of its output; rejects when it ended without one. */
  line(): Promise<string>;
  /** Ends it without mercy and waits until it is gone. */
  kill(): Promise<void>;
}

export function runProgram(path: string, args: readonly string[]): StoreChild {
  const child = spawn(process.execPath, ['--expose-gc', path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    async line() {
      const { value, done } = await lines.next();
      if (done) throw new Error('the child ended without a word');
      return value;
    },
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
