/**
 * What the screen and line mode, the two faces of `wren`, are started with: the flags that `wren` hands on, and by them the way to
 * the agent of the profile, which is started when none runs. For `screen.tsx` and `lines.ts`.
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { AgentConnection } from '../src/store/agent-client.ts';
import { connectAgent } from '../src/store/agent-client-io.ts';
import { profileFolder } from '../src/store/profile-folder.ts';
import { setLogLevel } from './commands/log-level.ts';
import { VERSION } from './version.ts';

export interface FaceArguments {
  readonly profileDir: string;
  /** Rejects with `Refusal` as `connectAgent` does. */
  readonly connect: () => Promise<AgentConnection>;
  readonly initialHint: string | undefined;
  readonly audio: string | undefined;
  /** Of line mode. */
  readonly voice: string | undefined;
}

const FLAGS = {
  voice: { type: 'string' },
  profile: { type: 'string' },
  audio: { type: 'string' },
  hint: { type: 'string' },
  'log-level': { type: 'string' },
  proxy: { type: 'string' },
} as const;

export function readFaceArguments(argv: readonly string[]): FaceArguments {
  const { values } = parseArgs({ args: [...argv], options: FLAGS, strict: false });
  const text = (value: string | boolean | undefined) => (typeof value === 'string' ? value : undefined);
  const profileDir = text(values.profile) ?? profileFolder(undefined, process.env);
  const logLevel = text(values['log-level']);
  const proxy = text(values.proxy);
  return {
    profileDir,
    connect: async () => {
      const level = logLevel === undefined ? {} : { logLevel };
      // The snapshot would be told before a proxy or level that is still to be set.
      const subscribes = proxy === undefined && logLevel === undefined;
      const agent = await connectAgent({ profileDir, start: true, version: VERSION, subscribes, ...level });
      if (logLevel !== undefined) await setLogLevel(agent, logLevel);
      if (proxy !== undefined) await agent.request({ type: 'proxy.set', proxy });
      return agent;
    },
    initialHint: text(values.hint),
    audio: text(values.audio),
    voice: text(values.voice),
  };
}
