/**
 * The command line client as people run it: `bin/wren.ts` bundled into a folder of its own, with stand-ins for the
 * programs beside it (`agent.cjs`, `server.cjs`, `screen.cjs`), and run as a child process on pipes or on a real
 * pseudo-terminal.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type IPty, spawn as spawnPty } from '@lydell/node-pty';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly cwd?: string;
  /** On a terminal: a shell command that runs there afterwards. */
  readonly afterwards?: string;
}

export interface Running {
  readonly pid: number;
  /** What came so far. */
  stdout(): string;
  stderr(): string;
  signal(name: NodeJS.Signals): void;
  /** Stops reading stdout, as `| head` does. */
  stopReading(): void;
  readonly ended: Promise<Ended>;
}

export interface BuiltWren {
  /** Holds `wren.cjs`. */
  readonly folder: string;
  /** A fresh, empty profile folder. */
  profile(): string;
  start(args: readonly string[], options?: RunOptions): Running;
  run(args: readonly string[], options?: RunOptions): Promise<Ended>;
  onTerminal(args: readonly string[], options?: RunOptions): TerminalRun;
  /** Builds another program beside it, and puts the libraries there that are not bundled. */
  buildBeside(name: 'lines' | 'map'): void;
  /** Puts a stand-in for another program beside it: the body of `main(argv)`. */
  standIn(name: 'server' | 'screen' | 'lines', body: string): void;
  /** Puts the scripted agent beside it, for commands that start one. */
  standInAgent(): void;
  /** Takes the folder away, and what still runs from it. */
  remove(): void;
}

export interface TerminalRun {
  /** Everything printed so far. */
  text(): string;
  type(keys: string): void;
  /** Resolves when the pattern has been printed; rejects with what was printed instead. */
  until(pattern: RegExp): Promise<void>;
  /** Takes the terminal away, as a lost ssh connection does. */
  hangUp(): void;
  readonly pid: number;
  readonly ended: Promise<number>;
}

export function buildWren(): BuiltWren {
  const folder = mkdtempSync(join(tmpdir(), 'wren-bin-'));
  const program = join(folder, 'wren.cjs');
  bundle('bin/wren.ts', program);
  let profiles = 0;
  const start = (args: readonly string[], options: RunOptions = {}): Running => startOnPipes(program, args, options);
  return {
    folder,
    profile: () => {
      profiles += 1;
      const profile = join(folder, `p${profiles}`);
      mkdirSync(profile, { mode: 0o700 });
      chmodSync(profile, 0o700);
      return profile;
    },
    start,
    run: (args, options) => start(args, options).ended,
    onTerminal: (args, options = {}) => startOnTerminal(program, args, options),
    buildBeside: (name) => {
      bundle(`bin/${name}.ts`, join(folder, `${name}.cjs`));
      symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    },
    standIn: (name, body) => {
      writeFileSync(join(folder, `${name}.cjs`), `exports.main = async (argv) => { ${body} };\n`);
    },
    standInAgent: () => bundle('test/support/agent-program.ts', join(folder, 'agent.cjs')),
    remove: () => {
      endLeftovers(folder);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function bundle(entry: string, out: string): void {
  execFileSync(process.execPath, ['bin/build.mjs', entry, out], { cwd: ROOT, stdio: 'pipe' });
}

/** A test that failed halfway may have left an agent or a network running from this folder. */
function endLeftovers(folder: string): void {
  if (process.platform !== 'linux') return;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(folder)) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
}

function environment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { WREN_PROFILE: _profile, WREN_PASSWORD: _password, WREN_INVITE: _invite, ...rest } = process.env;
  return { ...(rest as Record<string, string>), TZ: 'UTC', ...extra };
}

function startOnPipes(program: string, args: readonly string[], { env, stdin, cwd }: RunOptions): Running {
  const child = spawn(process.execPath, [program, ...args], { env: environment(env), cwd, stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  // A command that does not read its stdin may be gone before we have written.
  child.stdin.on('error', () => {});
  child.stdin.end(stdin ?? '');
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    signal: (name) => child.kill(name),
    stopReading: () => child.stdout.destroy(),
    ended: new Promise((resolve) => {
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    }),
  };
}

const UNTIL_MS = 10_000;

function startOnTerminal(program: string, args: readonly string[], options: RunOptions): TerminalRun {
  const { env, cwd, afterwards } = options;
  const command = [process.execPath, program, ...args];
  const [file = '', ...argv] =
    afterwards === undefined ? command : ['sh', '-c', `"$@"; code=$?; ${afterwards}; exit $code`, 'sh', ...command];
  const pty: IPty = spawnPty(file, argv, {
    cols: 100,
    rows: 30,
    env: environment(env),
    ...(cwd === undefined ? {} : { cwd }),
  });
  let text = '';
  let look = () => {};
  pty.onData((chunk) => {
    text += chunk;
    look();
  });
  return {
    text: () => text,
    type: (keys) => pty.write(keys),
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${pattern} in: ${text}`)), UNTIL_MS);
        look = () => {
          if (!pattern.test(text)) return;
          clearTimeout(timer);
          resolve();
        };
        look();
      }),
    // node-pty's types leave it out: closes our end, then sends SIGHUP, as the system does for a lost terminal.
    hangUp: () => (pty as IPty & { destroy(): void }).destroy(),
    pid: pty.pid,
    ended: new Promise((resolve) => {
      pty.onExit(({ exitCode }) => resolve(exitCode));
    }),
  };
}

/** The objects of a `--json` run. Throws unless stdout holds one object a line and nothing else. */
export function jsonLines(stdout: string): Record<string, unknown>[] {
  if (stdout === '') return [];
  if (!stdout.endsWith('\n')) throw new Error(`the last line is cut: ${stdout}`);
  return stdout
    .slice(0, -1)
    .split('\n')
    .map((line) => {
      const value: unknown = JSON.parse(line);
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`no object: ${line}`);
      return value as Record<string, unknown>;
    });
}
