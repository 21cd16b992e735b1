/**
 * A whole private network out of the real program: `wren up`, commands and agents as child processes, profiles in a
 * temporary folder. For the few runs that show that the parts fit; everything else is in virtual time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const WREN = join(import.meta.dirname, '..', '..', 'bin', 'wren');
export const PASSWORD = 'correct horse battery';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Lines of stdout as JSON; a line that is none fails the test. */
  readonly events: readonly Record<string, unknown>[];
  readonly tookMs: number;
}

/** A command that runs on while the test goes on. */
export class Running {
  readonly child: ChildProcess;
  readonly done: Promise<Outcome>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    const startedAt = performance.now();
    this.child = spawn(process.execPath, [WREN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    this.child.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.done = new Promise((resolve) => {
      this.child.on('close', (code) => {
        const { stdout, stderr } = this;
        const tookMs = performance.now() - startedAt;
        resolve({ code, stdout, stderr, tookMs, events: args.includes('--json') ? parseLines(stdout) : [] });
      });
    });
  }

  /** Resolves when stdout (or stderr) holds the pattern; rejects when the command ends or time is up first. */
  async saw(pattern: RegExp, limitMs = 10_000): Promise<void> {
    await until(
      () => pattern.test(this.stdout) || pattern.test(this.stderr),
      limitMs,
      () => `${pattern} in:\n${this.stdout}\n${this.stderr}`,
    );
  }

  events(): Record<string, unknown>[] {
    return parseLines(this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1));
  }
}

export class PrivateNetwork {
  readonly folder = mkdtempSync(join(tmpdir(), 'wren-test-'));
  readonly #env: NodeJS.ProcessEnv;
  readonly #running: Running[] = [];
  up: Running | undefined;
  loginServer: Running | undefined;
  supernode: Running | undefined;
  invite = '';

  private constructor(env: NodeJS.ProcessEnv) {
    const { CI: _ci, WREN_PROFILE: _profile, ...inherited } = process.env;
    // Nobody becomes a supernode unless the test is about that.
    this.#env = { ...inherited, WREN_PASSWORD: PASSWORD, WREN_SUPERNODE: 'never', ...env };
  }

  static async start(env: NodeJS.ProcessEnv = {}): Promise<PrivateNetwork> {
    const network = new PrivateNetwork(env);
    network.startUp();
    await network.ready();
    return network;
  }

  /** Nothing runs yet: the caller starts what it wants. */
  static empty(env: NodeJS.ProcessEnv = {}): PrivateNetwork {
    return new PrivateNetwork(env);
  }

  /** Login server and supernode as two processes, so that each can be killed alone. No echo service. */
  static async startApart(env: NodeJS.ProcessEnv = {}): Promise<PrivateNetwork> {
    const network = new PrivateNetwork(env);
    await network.startLoginServer();
    await network.startSupernode();
    return network;
  }

  async startLoginServer(): Promise<void> {
    this.loginServer = this.run(['login-server', '--dir', this.path('login'), '--host', '127.0.0.1', '--json']);
    await this.loginServer.saw(/"ready"/, 15_000);
    this.invite ||= String(this.loginServer.events()[0]?.invite);
  }

  async startSupernode(): Promise<void> {
    this.supernode = await this.#supernodeIn('supernode');
    this.invite = String(this.supernode.events()[0]?.invite);
  }

  /** Another one beside it, which the invite does not name; people hear of it from the login server. */
  startSecondSupernode(): Promise<Running> {
    return this.#supernodeIn('second-supernode');
  }

  /** So many; each names itself in the invite that it prints. */
  startSupernodes(count: number): Promise<Running[]> {
    return Promise.all(Array.from({ length: count }, (_, i) => this.#supernodeIn(`supernode-${i + 1}`)));
  }

  static async startLogin(env: NodeJS.ProcessEnv = {}): Promise<PrivateNetwork> {
    const network = new PrivateNetwork(env);
    await network.startLoginServer();
    return network;
  }

  async #supernodeIn(folder: string): Promise<Running> {
    const options = ['--dir', this.path(folder), '--invite', this.invite, '--host', '127.0.0.1', '--json'];
    const supernode = this.run(['supernode', ...options]);
    await supernode.saw(/"ready"/, 15_000);
    return supernode;
  }

  /** `wren up` again on the same folder, as after a crash. */
  startUp(): Running {
    const up = this.run(['up', '--dir', join(this.folder, 'network'), '--host', '127.0.0.1', '--json']);
    this.up = up;
    return up;
  }

  async ready(): Promise<void> {
    await this.up?.saw(/"ready"/, 15_000);
    this.invite = String(this.up?.events()[0]?.invite);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
    const running = new Running(args, { ...this.#env, ...env });
    this.#running.push(running);
    return running;
  }

  /** As one of the people: `wren --profile P ...`, to its end. */
  wren(profile: string, ...args: string[]): Promise<Outcome> {
    return this.go(profile, ...args).done;
  }

  go(profile: string, ...args: string[]): Running {
    return this.run(['--profile', this.path(profile), ...args]);
  }

  /** A joined, signed-up profile. */
  async person(profile: string, name: string): Promise<void> {
    await this.succeed(profile, 'join', this.invite);
    await this.succeed(profile, 'signup', name);
  }

  async succeed(profile: string, ...args: string[]): Promise<Outcome> {
    const outcome = await this.wren(profile, ...args);
    if (outcome.code !== 0)
      throw new Error(`wren ${args.join(' ')} ended ${outcome.code}:\n${outcome.stdout}\n${outcome.stderr}`);
    return outcome;
  }

  async befriend(a: { profile: string; name: string }, b: { profile: string; name: string }): Promise<void> {
    await this.succeed(a.profile, 'buddies', 'add', b.name);
    await this.untilBuddy(b.profile, a.name, 'incoming');
    await this.succeed(b.profile, 'buddies', 'accept', a.name);
    await this.untilBuddy(a.profile, b.name, 'both');
  }

  async untilBuddy(profile: string, name: string, relation: string): Promise<void> {
    await untilAsync(
      async () => {
        const { events } = await this.wren(profile, 'buddies', '--json');
        return events.some((buddy) => buddy.name === name && buddy.relation === relation);
      },
      10_000,
      () => `${name} ${relation} in ${profile}`,
    );
  }

  async agentPid(profile: string): Promise<number> {
    const { events } = await this.wren(profile, 'agent', 'status', '--json');
    return Number(events[0]?.pid);
  }

  /** Kills everything and removes the folder. */
  async stop(): Promise<void> {
    for (const running of this.#running) running.child.kill('SIGKILL');
    await Promise.all(this.#running.map((running) => running.done.catch(() => undefined)));
    for (const pid of agentsUnder(this.folder)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone already.
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Agents and voice children are detached: found by the profile in their command line. */
function agentsUnder(folder: string): number[] {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
      } catch {
        return false;
      }
    });
}

export async function until(condition: () => boolean, limitMs: number, what: () => string): Promise<void> {
  await untilAsync(async () => condition(), limitMs, what);
}

export async function untilAsync(
  condition: () => Promise<boolean>,
  limitMs: number,
  what: () => string,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function parseLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
