/**
 * One run of the program: the global flags as they were meant, the output channels, and the way to the agent. Made
 * once by `wren.ts` and handed to the command.
 */
import { chooseProxy } from '../../src/net/io/proxy-url.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import { connectAgent } from '../../src/store/agent-client-io.ts';
import { proxySettingOf } from '../../src/store/settings-file.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Output } from './output.ts';
import { expectSoundFiles } from './sound-files.ts';

export interface Invocation {
  /** Absolute. */
  readonly profileDir: string;
  readonly output: Output;
  /** The audio SPEC of the command line with absolute paths; undefined when none was given. */
  readonly audio: string | undefined;
  readonly logLevel: string | undefined;
  /** As `proxyValue` reads it; undefined: what the profile remembers. */
  readonly proxy: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
  /** One sentence for a person at the other end of `wren ssh` whose sound does not come; absent when all is well. */
  readonly sessionTrouble?: string;
  /** Folder of the built programs: `server.cjs`, `screen.cjs` and `agent.cjs` lie beside this one. */
  readonly programDir: string;
}

export interface AgentUse {
  /** Start the agent when none runs. Without it, `agent-unreachable` means that none does. */
  readonly start: boolean;
  /** `call` and `answer` hand the audio SPEC over with the call; everything else sets it from now on. */
  readonly audio?: 'per-call';
  /** Also an agent of another version: to ask what it is and to stop it. */
  readonly anyVersion?: boolean;
}

/** Connects, runs `body`, and closes the connection however it ends. Rejects with `Refusal` as `connectAgent` does. */
export async function withAgent<T>(
  invocation: Invocation,
  use: AgentUse,
  body: (agent: AgentConnection) => Promise<T>,
): Promise<T> {
  const { profileDir, logLevel, audio, version, proxy, env } = invocation;
  if (audio !== undefined) expectSoundFiles(audio);
  const agent = await connectAgent({
    profileDir,
    version,
    start: use.start,
    // The environment counts that an agent is started in; told here, where somebody reads it.
    ...(proxy === undefined ? { log: () => void chooseProxy(proxySettingOf(profileDir), env) } : {}),
    anyVersion: use.anyVersion === true,
    ...(logLevel === undefined ? {} : { logLevel }),
  });
  try {
    if (proxy !== undefined) await agent.request({ type: 'proxy.set', proxy });
    if (audio !== undefined && use.audio !== 'per-call') await agent.request({ type: 'audio.set', spec: audio });
    return await body(agent);
  } finally {
    agent.close();
  }
}

/** Wraps the body of a command for commander's `.action`: hands it the invocation and keeps its exit code. */
export type Act = <A extends unknown[]>(
  run: (invocation: Invocation, ...args: A) => Promise<ExitCode>,
) => (...args: A) => Promise<void>;
