/**
 * The far side of `wren ssh`: the session that a laptop began. Before a command does its work the endpoint is taken and
 * recorded in the profile, the agent is told, and when the command ends both are undone (PROTOCOL.md 10.4). The session comes
 * in the environment, and leaves it at once: an agent or a tmux server started from here would keep it for ever.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { type EnrolFailure, type Enrolled, endpointsFolder, enrol, readSession } from '../../src/audio/endpoint.ts';
import { connectAgent } from '../../src/store/agent-client-io.ts';
import { openPrivateFolder } from '../../src/store/private-folder-file.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Invocation } from './invocation.ts';
import { UsageProblem } from './usage.ts';

const VARIABLE = 'WREN_SSH_AUDIO';

export type Session = ReturnType<typeof readSession>;

/** What a laptop has put before this command line; undefined without one. */
export function takeSession(env: NodeJS.ProcessEnv): Session {
  const text = env[VARIABLE];
  delete env[VARIABLE];
  return text === undefined ? undefined : readSession(text);
}

const TROUBLE: Readonly<Record<EnrolFailure, string>> = {
  none: 'No sound comes through ssh: the server here forwards no sockets (AllowStreamLocalForwarding in its sshd_config).',
  silent: 'No sound comes through ssh: the laptop does not answer. Connect again.',
  taken: 'Somebody else on this machine has taken the sound of this connection, so it is closed: see who is logged in.',
  refused: 'No sound comes through ssh: the wren of the laptop is of another version. Update the older one.',
};

/** Runs the body with the sound of the laptop at hand. Without a session it only runs it. */
export async function withSessionSound(
  session: Session,
  invocation: Invocation,
  body: (invocation: Invocation) => Promise<ExitCode>,
): Promise<ExitCode> {
  if (session === undefined) return body(invocation);
  const { output, profileDir } = invocation;
  const taken = await enrol(session, endpointsFolder(openPrivateFolder(profileDir)));
  if (typeof taken === 'string') {
    output.say(`wren: ${TROUBLE[taken]}`);
    return body({ ...invocation, sessionTrouble: TROUBLE[taken] });
  }
  return withRecord(taken, invocation, body);
}

async function withRecord(
  record: Enrolled,
  invocation: Invocation,
  body: (invocation: Invocation) => Promise<ExitCode>,
): Promise<ExitCode> {
  // Also when something ends the process on the way; what a lost terminal leaves behind, the agent clears away.
  const forget = (): void => record.forget();
  process.once('exit', forget);
  await tellAgent(invocation);
  try {
    return await body(invocation);
  } finally {
    process.off('exit', forget);
    forget();
    await tellAgent(invocation);
  }
}

/** A running one: one that starts later looks by itself, and one of another version does not know the word. */
async function tellAgent({ profileDir, version }: Invocation): Promise<void> {
  try {
    const agent = await connectAgent({ profileDir, version, start: false });
    // An open connection would keep this process from its end.
    await agent.request({ type: 'sound.attach' }).finally(() => agent.close());
  } catch {
    // None runs.
  }
}

/** `wren ssh-run`: any command, a shell without one, on our terminal; its exit code is ours. */
export function runWithSound(command: readonly string[]): Promise<ExitCode> {
  const [file, ...args] = command.length > 0 ? command : [process.env.SHELL || '/bin/sh', '-l'];
  return new Promise((resolve, reject) => {
    const child = spawn(file!, args, { stdio: 'inherit' });
    // The terminal's keys are for the command; we end when it does.
    const stay = (): void => {};
    process.on('SIGINT', stay);
    child.on('error', () =>
      reject(new UsageProblem(`there is no command "${file}" here`, 'wren ssh --run HOST tmux attach')),
    );
    child.on('exit', (code, signal) => {
      process.off('SIGINT', stay);
      // As a shell tells it.
      resolve((code ?? (signal ? 128 + constants.signals[signal] : 0)) as ExitCode);
    });
  });
}
