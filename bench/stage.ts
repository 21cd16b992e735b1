/**
 * Where a scene plays: a private network of the built program on 127.0.0.1, people with profiles in a temporary
 * folder, and an end in which every process that was started here is gone.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { pidsWith } from './proc.ts';
import { type Ended, TimedProgram } from './timed-program.ts';

export const ROOT = join(import.meta.dirname, '..');
const WREN = join(ROOT, 'bin', 'wren');
const PASSWORD = 'correct horse battery';
/** The login server hears of a new buddy a little later; nothing should be under way when a scene begins. */
const LIST_SYNC_MS = 2_500;

/** Stages that stand: torn down when the run is interrupted. */
const standing = new Set<Stage>();

export class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), 'wren-bench-'));
  readonly #env: NodeJS.ProcessEnv;
  readonly #programs: TimedProgram[] = [];
  /** For the programs of one profile, its agent included. */
  readonly environments = new Map<string, NodeJS.ProcessEnv>();
  up: TimedProgram | undefined;
  invite = '';

  /** `env`: for every program of this stage, agents included. */
  constructor(env: NodeJS.ProcessEnv = {}) {
    const { CI: _ci, WREN_PROFILE: _profile, NODE_OPTIONS: _options, ...inherited } = process.env;
    this.#env = { ...inherited, WREN_PASSWORD: PASSWORD, WREN_NO_INSTALL_PING: '1', WREN_SUPERNODE: 'never', ...env };
    standing.add(this);
  }

  get env(): NodeJS.ProcessEnv {
    return this.#env;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Any program of this Node. */
  node(...args: string[]): TimedProgram {
    return this.#start(args, {});
  }

  #start(args: readonly string[], env: NodeJS.ProcessEnv): TimedProgram {
    const program = new TimedProgram(process.execPath, args, { ...this.#env, ...env });
    this.#programs.push(program);
    return program;
  }

  wren(...args: string[]): TimedProgram {
    return this.node(WREN, ...args);
  }

  /** `wren --profile P ...`. */
  as(profile: string, ...args: string[]): TimedProgram {
    return this.#start([WREN, '--profile', this.path(profile), ...args], this.environments.get(profile) ?? {});
  }

  /** How long until `ready`, ms. */
  async startNetwork(dir = 'network'): Promise<number> {
    this.up = this.wren('up', '--dir', this.path(dir), '--host', '127.0.0.1', '--json');
    const readyMs = await this.up.saw(/"ready".*\n/);
    this.invite = String(this.up.events()[0]?.invite);
    return readyMs;
  }

  async stopNetwork(): Promise<void> {
    this.up?.child.kill('SIGTERM');
    await this.up?.ended;
    this.up = undefined;
  }

  /** A joined, signed-up profile with its agent running. */
  async person(profile: string, name: string): Promise<void> {
    await this.as(profile, 'join', this.invite).success();
    await this.as(profile, 'signup', name).success();
  }

  /** A network with alice1 in profile A and bobby1 in profile B, who are buddies and see one another. */
  async withTwoBuddies(): Promise<void> {
    await this.startNetwork();
    await this.person('A', 'alice1');
    await this.person('B', 'bobby1');
    await this.#befriend('B', 'bobby1');
    await pause(LIST_SYNC_MS);
  }

  /** A network with alice1 in profile A and so many others in P1, P2, ..., named guest01 and so on, who are her buddies. */
  async withGuests(count: number): Promise<readonly { readonly profile: string; readonly name: string }[]> {
    await this.startNetwork();
    await this.person('A', 'alice1');
    const guests = Array.from({ length: count }, (_, n) => ({ profile: `P${n + 1}`, name: `guest0${n + 1}` }));
    for (const { profile, name } of guests) {
      await this.person(profile, name);
      await this.#befriend(profile, name);
    }
    await pause(LIST_SYNC_MS);
    return guests;
  }

  async #befriend(profile: string, name: string): Promise<void> {
    await this.as('A', 'buddies', 'add', name).success();
    await this.#untilBuddy(profile, (buddy) => buddy.relation === 'incoming');
    await this.as(profile, 'buddies', 'accept', 'alice1').success();
    await this.#untilBuddy('A', (buddy) => buddy.name === name && buddy.presence === 'online');
    await this.#untilBuddy(profile, (buddy) => buddy.presence === 'online');
  }

  async agent(profile: string): Promise<{ readonly pid: number; readonly voicePid: number | null }> {
    const { events } = await this.as(profile, 'agent', 'status', '--json').success();
    return events[0] as unknown as { pid: number; voicePid: number | null };
  }

  /** Starts anew whatever ran for the profile; resolves when it is signed in, ms since the start. */
  async restartAgent(profile: string): Promise<number> {
    await this.as(profile, 'agent', 'stop').ended;
    return (await this.as(profile, 'wait', '--for', '20').success()).tookMs;
  }

  /** A call between A and B that is answered, and that A hangs up after `seconds`: both ends' JSON. */
  async call(seconds: number, audio: { readonly a: string; readonly b: string }): Promise<{ a: Ended; b: Ended }> {
    const { a, b } = await this.callBegun(seconds, audio);
    return { a: await a.success(), b: await b.success() };
  }

  /** The same, handed over as soon as it is answered. */
  async callBegun(
    seconds: number,
    audio: { readonly a: string; readonly b: string },
  ): Promise<{ a: TimedProgram; b: TimedProgram; answeredMs: number }> {
    const b = this.as('B', 'answer', '--once', '--audio', audio.b, '--json');
    // It says nothing when it is ready; by then it has long been connected.
    await pause(800);
    const a = this.as('A', 'call', 'bobby1', '--for', String(seconds), '--audio', audio.a, '--json');
    const answeredMs = await a.saw(/"answered"/);
    return { a, b, answeredMs };
  }

  async #untilBuddy(profile: string, holds: (buddy: Record<string, unknown>) => boolean): Promise<void> {
    for (let tries = 0; tries < 40; tries++) {
      const { events } = await this.as(profile, 'buddies', '--json').success();
      if (events.some(holds)) return;
      await pause(150);
    }
    throw new Error(`the buddies of ${profile} never came to be`);
  }

  /** Ends agents politely, everything else at once, and removes the folder. */
  async close(): Promise<void> {
    for (const program of this.#programs) if (program !== this.up) program.child.kill('SIGKILL');
    this.sweep('SIGTERM');
    for (let tries = 0; tries < 30 && pidsWith(this.folder).length > 0; tries++) await pause(100);
    this.sweep('SIGKILL');
    await Promise.all(this.#programs.map((program) => program.ended));
    rmSync(this.folder, { recursive: true, force: true });
    standing.delete(this);
  }

  /** Agents are detached: they are known by the folder in their command line, which is of this stage alone. */
  sweep(signal: NodeJS.Signals): void {
    for (const pid of pidsWith(this.folder)) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended by itself.
      }
    }
  }
}

/** For an interrupted run. */
export function clearStages(): void {
  for (const stage of standing) {
    stage.sweep('SIGKILL');
    rmSync(stage.folder, { recursive: true, force: true });
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Plays a scene on a stage of its own. */
export async function onStage<T>(play: (stage: Stage) => Promise<T>, env: NodeJS.ProcessEnv = {}): Promise<T> {
  const stage = new Stage(env);
  try {
    return await play(stage);
  } finally {
    await stage.close();
  }
}
