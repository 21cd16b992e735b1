/** `--log-level` where the agent runs already. Apart from `invocation.ts`, because the screen needs it too and waits for nothing else of that. */
import { Refusal } from '../../src/net/protocol/failures.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import type { LogLevel } from '../../src/store/log-file.ts';

/** An agent that runs already hears of it; an older one does not know the word, and only its log is as it was. */
export async function setLogLevel(agent: AgentConnection, logLevel: string): Promise<void> {
  try {
    await agent.request({ type: 'log.level', level: logLevel as LogLevel });
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'agent-unreachable') throw error;
  }
}
