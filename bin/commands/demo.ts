/**
 * `wren --demo`, what `npm start` runs: from nothing to the screen with a buddy to call. It starts a private network
 * on this machine (`demo-network.ts`), joins it, makes an account with a random password that stays in the profile,
 * asks `echo` to be a buddy and opens the screen. Every step looks first whether it is done already, so a second
 * start is quick and changes nothing.
 *
 * What it started it also ends when the screen is closed, because a newcomer who quits expects nothing left behind;
 * `--keep` leaves agent and network running, and so does a call that goes on. Account, buddies and messages stay in the demo's own profile either way.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { isPersonName, NAME_LENGTH_MAX, NAME_LENGTH_MIN } from '../../src/net/protocol/ids.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import type { AppState, AudioReport } from '../../src/store/state.ts';
import { problemSentence } from '../../src/tui/wording.ts';
import { type DemoNetwork, ensureNetwork, signalNetwork, stopNetwork } from './demo-network.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type Invocation, withAgent } from './invocation.ts';
import { plain } from './layout.ts';
import { openScreen } from './screen.ts';
import { hasTerminal, type ScreenFlags } from './screen-kind.ts';
import { UsageProblem } from './usage.ts';

const ECHO = 'echo';
const ONLINE_PATIENCE_MS = 20_000;
const ECHO_PATIENCE_MS = 8_000;
const NAME_TRIES_MAX = 3;
/** A screen that was told to go has gone by then, and what we started with it. */
const SCREEN_PATIENCE_MS = 10_000;

export interface DemoFlags extends ScreenFlags {
  /** Leave agent and network running after the screen is closed. */
  readonly keep?: boolean;
}

export async function runDemo(invocation: Invocation, flags: DemoFlags): Promise<ExitCode> {
  const { keep = false } = flags;
  if (invocation.output.json) throw new UsageProblem('the demo has no JSON', 'wren up --json');
  if (!hasTerminal() && !keep) {
    throw new UsageProblem('the demo opens a screen and needs a terminal', '--keep, to leave it running without one');
  }
  const { output, profileDir } = invocation;
  const folder = join(profileDir, 'demo');
  output.say('wren demo: a private network on this machine.');
  const network = await ensureNetwork(join(invocation.programDir, 'wren.cjs'), profileDir, folder);
  output.say(`  Network: ${network.startedHere ? 'started' : 'runs already'}, process ${network.pid}.`);

  let staysUp = keep || !network.startedHere;
  const leftovers = staysUp ? NO_GUARD : guardAgainstLeftovers(network, folder);
  let exit: ExitCode = EXIT.done;
  try {
    const { agentPid } = await prepare(invocation, network, folder);
    leftovers.agentPid = agentPid;
    if (hasTerminal()) {
      leftovers.letScreenLeave();
      const says = 'it says back what it hears.';
      const hint = { keys: `Press c to call ${ECHO}: ${says}`, words: `Type call ${ECHO}: ${says}` };
      exit = await openScreen(invocation, flags, hint);
    }
  } finally {
    // Somebody who left the screen with "keep the call" means it; and a lost terminal never ends a call.
    staysUp ||= await callRuns(invocation);
    if (!staysUp) await cleanUp(invocation, network, folder);
    leftovers.release();
  }
  output.say(
    staysUp ? stillRunningWords(profileDir, network) : `Everything is stopped. What you did stays in ${profileDir}`,
  );
  return exit;
}

/** Joined, signed in, and `echo` a buddy. */
async function prepare(
  invocation: Invocation,
  network: DemoNetwork,
  folder: string,
): Promise<{ readonly agentPid: number }> {
  const { output } = invocation;
  return await withAgent(invocation, { start: true }, async (agent) => {
    const before = await agent.request({ type: 'subscribe' });
    if (network.startedHere || before.network === null) {
      // The network is this machine's own: there is nobody to tell of the installation.
      await agent.request({ type: 'network.join', invite: network.invite, installNotice: false });
    }
    const name = before.account?.name ?? (await enter(agent, folder, invocation.env));
    await agent.request({ type: 'wait', forMs: ONLINE_PATIENCE_MS });
    output.say(`  You:     ${name}, signed in.`);
    const befriended = await befriendEcho(agent);
    output.say(
      befriended ? `  Buddy:   ${ECHO}, for a test call.` : `  Buddy:   ${ECHO} was asked and has not answered yet.`,
    );
    const { audio } = await agent.request({ type: 'status' });
    output.say(`  Sound:   ${soundWords(audio, soundDeviceSeen()).join('\n           ')}`);
    const { pid } = await agent.request({ type: 'agent.status' });
    return { agentPid: pid };
  });
}

/** Signs up, or signs in again with the password kept from an earlier start. Returns the name. */
async function enter(agent: AgentConnection, folder: string, env: NodeJS.ProcessEnv): Promise<string> {
  const password = keptPassword(folder);
  for (let tries = 0; ; tries += 1) {
    const name = tries === 0 ? demoName(env.USER ?? env.USERNAME ?? '') : `demo-${randomBytes(3).toString('hex')}`;
    try {
      const made = await agent.request({ type: 'account.sign-up', name, password });
      return made.name;
    } catch (error) {
      if (!(error instanceof Refusal && error.code === 'name-taken') || tries >= NAME_TRIES_MAX) throw error;
    }
    try {
      const known = await agent.request({ type: 'account.sign-in', name, password });
      return known.name;
    } catch (error) {
      // Somebody else on this network has the name: take another.
      if (!(error instanceof Refusal && error.code === 'password-wrong')) throw error;
    }
  }
}

/** Written before the account is made, so that no account can exist whose password is lost. */
function keptPassword(folder: string): string {
  const file = join(folder, 'password');
  try {
    const kept = readFileSync(file, 'utf8').trim();
    if (kept !== '') return kept;
  } catch {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  const password = randomBytes(18).toString('base64url');
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  return password;
}

/** A valid name made of a login name: `ann` becomes `ann-demo`, `x.y@corp` becomes `x.ycorp`. */
export function demoName(login: string): string {
  const letters = login.toLowerCase().replace(/[^a-z0-9._-]/g, '');
  const begun = /^[a-z]/.test(letters) ? letters : `guest${letters}`;
  const name = begun.length < NAME_LENGTH_MIN ? `${begun}-demo` : begun.slice(0, NAME_LENGTH_MAX);
  return isPersonName(name) ? name : 'guest-demo';
}

/** True once `echo` is a buddy; it accepts by itself, so this takes a moment the first time and none later. */
async function befriendEcho(agent: AgentConnection): Promise<boolean> {
  let undo = () => {};
  const accepted = new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), ECHO_PATIENCE_MS);
    undo = agent.onEvent((event) => {
      if (event.type !== 'buddy.changed' || event.buddy.name !== ECHO || event.buddy.relation !== 'both') return;
      clearTimeout(timer);
      resolve(true);
    });
  });
  try {
    const { buddies }: Pick<AppState, 'buddies'> = await agent.request({ type: 'status' });
    const echo = buddies.find((buddy) => buddy.name === ECHO);
    if (echo?.relation === 'both') return true;
    if (echo === undefined) await agent.request({ type: 'buddy.add', name: ECHO, message: '' });
    return await accepted;
  } finally {
    undo();
  }
}

/** What to say about sound before the first call. `deviceSeen` is undefined where there is no telling. */
export function soundWords(audio: AudioReport, deviceSeen: boolean | undefined): string[] {
  if (audio.problem !== '') return [plain(problemSentence(audio.problem), 400)];
  if (audio.spec === 'default' && deviceSeen === false) {
    return [
      'no sound card here: calls connect and run, in silence.',
      'files work too: npm start -- --audio file:IN.wav,OUT.wav',
    ];
  }
  return audio.advice === '' ? ['ready.'] : [plain(audio.advice, 400)];
}

/** Whether the system shows a sound card or a PulseAudio server; undefined where it cannot be seen from files. */
function soundDeviceSeen(): boolean | undefined {
  if (process.platform !== 'linux') return undefined;
  if (process.env.PULSE_SERVER) return true;
  try {
    if (readdirSync('/dev/snd').some((entry) => entry.startsWith('pcm'))) return true;
  } catch {
    // No such folder: no card that ALSA knows of.
  }
  const runtime = process.env.XDG_RUNTIME_DIR;
  return runtime !== undefined && statSync(join(runtime, 'pulse', 'native'), { throwIfNoEntry: false }) !== undefined;
}

async function callRuns(invocation: Invocation): Promise<boolean> {
  try {
    const { calls } = await withAgent({ ...invocation, audio: undefined }, { start: false }, (agent) =>
      agent.request({ type: 'status' }),
    );
    return calls.some(({ phase }) => phase === 'running' || phase === 'held');
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

async function cleanUp(invocation: Invocation, network: DemoNetwork, folder: string): Promise<void> {
  try {
    await withAgent({ ...invocation, audio: undefined }, { start: false }, (agent) =>
      agent.request({ type: 'agent.stop' }),
    );
  } catch (error) {
    // Already gone, or gone before its reply: what we wanted.
    if (!(error instanceof Refusal)) throw error;
  }
  await stopNetwork(network, folder);
}

interface Leftovers {
  /** Of the agent to end; 0 before it is known. */
  agentPid: number;
  /** From now on a signal is the screen's to act on, which gives the terminal back first; within reason. */
  letScreenLeave(): void;
  release(): void;
}

const NO_GUARD: Leftovers = { agentPid: 0, letScreenLeave: () => {}, release: () => {} };

/** However this process ends, what it started is asked to end too, at the last moment and without waiting. */
function guardAgainstLeftovers(network: DemoNetwork, folder: string): Leftovers {
  let patienceMs = 0;
  const end = () => process.exit(EXIT.couldNot);
  const leave = () => {
    if (patienceMs === 0) end();
    else setTimeout(end, patienceMs).unref();
  };
  const atExit = () => {
    signalNetwork(network.pid, folder, 'SIGTERM');
    try {
      if (guard.agentPid > 1) process.kill(guard.agentPid, 'SIGTERM');
    } catch {
      // Gone already.
    }
  };
  const guard: Leftovers = {
    agentPid: 0,
    letScreenLeave: () => {
      patienceMs = SCREEN_PATIENCE_MS;
    },
    release: () => {
      process.off('exit', atExit).off('SIGTERM', leave).off('SIGHUP', leave).off('SIGINT', leave);
    },
  };
  process.on('exit', atExit).on('SIGTERM', leave).on('SIGHUP', leave).on('SIGINT', leave);
  return guard;
}

function stillRunningWords(profileDir: string, { pid }: DemoNetwork): string {
  const lines = [`  wren agent stop --profile ${profileDir}`, `  kill ${pid}`];
  return ['Agent and network go on running. To stop them:', ...lines].join('\n');
}
