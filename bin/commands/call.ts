/**
 * `wren call`: waits until signed in, places the call, and follows it to its end. The call itself lives in the agent:
 * this command only tells of it, so a lost terminal does not end it, and Ctrl-C here hangs up there.
 */
import type { Command } from 'commander';
import { CONFERENCE_MEMBERS_MAX } from '../../src/net/protocol/conference-params.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import { followCalls } from './call-follower.ts';
import { callExit, EXIT, type ExitCode } from './exit-codes.ts';
import { onInterrupt, unlessInterrupted } from './interrupt.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { pullCall } from './pull.ts';
import { conversationValue, eachValue, examples, secondsValue, UsageProblem } from './usage.ts';

/** A fresh agent is signed in within a second or two; a network that takes longer than this is not there. */
export const SIGN_IN_PATIENCE_MS = 30_000;

const AFTERWORDS = `
Ends 0 when the call was answered and somebody hung up (also by Ctrl-C or --for),
2 when it was not answered, declined, busy, unreachable, or broke off.
Several names are a conference of at most eight people: one machine mixes, and so
hears everybody; '#NAME' is everybody in a group. "wren add NAME" calls others into
the running call.
Ctrl-C hangs up. Closing the terminal does not: the agent keeps the call.`;

export function addCall(program: Command, act: Act): void {
  program
    .command('call')
    .argument('[name...]', 'whom to call', eachValue(conversationValue))
    .option('--for <seconds>', 'hang up so many seconds after the answer', secondsValue)
    .option('--pull', 'instead of a name: go on here with the call that runs at another device of yours')
    .description('call somebody, or several at once, and stay with the call until it ends')
    .addHelpText(
      'after',
      `${examples('wren call bobby1', 'wren call bobby1 carol1 david1', "wren call '#lunch'", 'wren call echo --for 10 --audio file:question.wav,answer.wav')}\n${AFTERWORDS}`,
    )
    .action(
      act(async (invocation, names: string[], options: { for?: number; pull?: boolean }) => {
        if (options.pull && names.length === 0) return pullCall(invocation, { call: undefined, forS: options.for });
        if (names.length === 0)
          throw new UsageProblem("missing required argument 'name'", 'wren call NAME, or wren call --pull');
        if (options.pull) throw new UsageProblem('--pull takes no name: it goes on with a call', 'wren call --pull');
        if (names.length >= CONFERENCE_MEMBERS_MAX) {
          const most = CONFERENCE_MEMBERS_MAX - 1;
          throw new UsageProblem(
            `a conference has room for ${most} others, and ${names.length} names were given`,
            'wren call NAME NAME',
          );
        }
        return await placeCall(invocation, names, options.for);
      }),
    );
}

async function placeCall(
  invocation: Invocation,
  names: readonly string[],
  forS: number | undefined,
): Promise<ExitCode> {
  const interrupt = onInterrupt({ outliveTerminal: forS !== undefined });
  try {
    return await withAgent(invocation, { start: true, audio: 'per-call' }, (agent) =>
      callThrough(agent, invocation, { names, forS, stop: interrupt.signal }),
    );
  } finally {
    interrupt.release();
  }
}

async function callThrough(
  agent: AgentConnection,
  { output, audio }: Invocation,
  {
    names,
    forS,
    stop,
  }: { readonly names: readonly string[]; readonly forS: number | undefined; readonly stop: AbortSignal },
): Promise<ExitCode> {
  const follower = followCalls(agent, output);
  const state = await agent.request({ type: 'subscribe' });
  follower.people(state.buddies);
  if (!output.json && state.connection !== 'online') output.say('Connecting.');
  const ready = agent.request({ type: 'wait', forMs: SIGN_IN_PATIENCE_MS });
  if ((await unlessInterrupted(ready, stop)) === undefined) return EXIT.couldNot;
  if (!output.json) output.say(`Calling ${names.join(', ')}.`);
  const spec = audio === undefined ? {} : { audio };
  const [name = '', ...others] = names;
  const { call } =
    others.length > 0
      ? await agent.request({ type: 'conference.call', names, ...spec })
      : await agent.request({ type: 'call.place', to: name, ...spec });
  const forMs = forS === undefined ? undefined : Math.round(forS * 1000);
  const { reason, answered } = await follower.follow({ call, direction: 'out', forMs, stop });
  follower.close();
  return callExit(reason, answered);
}
