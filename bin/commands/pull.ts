/**
 * `wren pull`, also as `wren call --pull`: a call that runs at another device of this account goes on here, and this
 * command follows it to its end, as `wren call` does. The other device is told where it went.
 */
import type { Command } from 'commander';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import { SIGN_IN_PATIENCE_MS } from './call.ts';
import { followCalls } from './call-follower.ts';
import { callExit, EXIT, type ExitCode } from './exit-codes.ts';
import { onInterrupt, unlessInterrupted } from './interrupt.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { plain } from './layout.ts';
import { examples, secondsValue } from './usage.ts';

export interface PullWish {
  /** Id of the call; the only one when not said. */
  readonly call: string | undefined;
  readonly forS: number | undefined;
}

export function addPull(program: Command, act: Act): void {
  program
    .command('pull')
    .argument('[call]', 'its id, when several run; wren status --json has them')
    .option('--for <seconds>', 'hang up so many seconds after it goes on here', secondsValue)
    .description('go on here with a call that runs at another device of yours')
    .addHelpText('after', examples('wren pull', 'wren call --pull'))
    .action(
      act((invocation, call: string | undefined, options: { for?: number }) =>
        pullCall(invocation, { call, forS: options.for }),
      ),
    );
}

export async function pullCall(invocation: Invocation, wish: PullWish): Promise<ExitCode> {
  const interrupt = onInterrupt({ outliveTerminal: wish.forS !== undefined });
  try {
    return await withAgent(invocation, { start: true, audio: 'per-call' }, (agent) =>
      pullThrough(agent, invocation, wish, interrupt.signal),
    );
  } finally {
    interrupt.release();
  }
}

async function pullThrough(
  agent: AgentConnection,
  { output, audio }: Invocation,
  { call: wanted, forS }: PullWish,
  stop: AbortSignal,
): Promise<ExitCode> {
  const follower = followCalls(agent, output);
  await agent.request({ type: 'subscribe' });
  const ready = agent.request({ type: 'wait', forMs: SIGN_IN_PATIENCE_MS });
  if ((await unlessInterrupted(ready, stop)) === undefined) return EXIT.couldNot;
  const ask = { ...(wanted === undefined ? {} : { call: wanted }), ...(audio === undefined ? {} : { audio }) };
  const { call, peer } = await agent.request({ type: 'call.pull', ...ask });
  if (!output.json) output.say(`Taking over the call with ${plain(peer)}.`);
  const forMs = forS === undefined ? undefined : Math.round(forS * 1000);
  const { reason, answered } = await follower.follow({ call, direction: 'out', forMs, stop });
  follower.close();
  return callExit(reason, answered);
}
