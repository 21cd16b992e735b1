/**
 * `wren answer`: answers calls by itself, one after another. With `--from` everybody else is left ringing for the
 * screen. Calls that already ring when it starts are answered too.
 */
import type { Command } from 'commander';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { foldName } from '../../src/net/protocol/ids.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import type { CallEvent } from '../../src/store/port.ts';
import { SIGN_IN_PATIENCE_MS } from './call.ts';
import { type CallEnding, type CallFollower, followCalls } from './call-follower.ts';
import { callExit, EXIT, type ExitCode } from './exit-codes.ts';
import { onInterrupt, unlessInterrupted } from './interrupt.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { examples, nameValue, secondsValue } from './usage.ts';

const AFTERWORDS = `
--for hangs up so many seconds after each answer. Ctrl-C hangs up and ends.
Ends 0 when a call was answered, 2 when none was or when the one of --once broke off.`;

interface AnswerWish {
  readonly from?: string;
  readonly once?: boolean;
  readonly for?: number;
}

export function addAnswer(program: Command, act: Act): void {
  program
    .command('answer')
    .option('--from <name>', 'answer only this person; others go on ringing', nameValue)
    .option('--once', 'end after one call')
    .option('--for <seconds>', 'hang up so many seconds after the answer', secondsValue)
    .description('answer calls automatically')
    .addHelpText(
      'after',
      `${examples('wren answer', 'wren answer --from bobby1 --once --audio file:,heard.wav')}\n${AFTERWORDS}`,
    )
    .action(
      act(async (invocation, wish: AnswerWish) => {
        const interrupt = onInterrupt({ outliveTerminal: wish.for !== undefined });
        try {
          return await withAgent(invocation, { start: true, audio: 'per-call' }, (agent) =>
            answerCalls(agent, invocation, wish, interrupt.signal),
          );
        } finally {
          interrupt.release();
        }
      }),
    );
}

async function answerCalls(
  agent: AgentConnection,
  invocation: Invocation,
  wish: AnswerWish,
  stop: AbortSignal,
): Promise<ExitCode> {
  const { output } = invocation;
  // When nobody reads what it says any more, no new call is taken behind a person's back.
  const unheard = new AbortController();
  output.onReaderGone(() => unheard.abort());
  const noMore = AbortSignal.any([stop, unheard.signal]);
  const ringing = ringingCalls(agent, wish.from);
  const follower = followCalls(agent, output);
  const state = await agent.request({ type: 'subscribe' });
  follower.people(state.buddies);
  for (const { call, peer, phase, direction, startedAtMs } of state.calls) {
    if (phase !== 'ringing') continue;
    const event = { event: 'ringing', call, peer, direction, at: startedAtMs } as const;
    follower.recall(event);
    ringing.take(event);
  }
  await signedIn(agent, invocation, noMore);
  if (!output.json && !noMore.aborted) output.say(`Waiting for calls${wish.from ? ` from ${wish.from}` : ''}.`);

  let exit: ExitCode = EXIT.couldNot;
  for (;;) {
    const event = await unlessInterrupted(ringing.next(), noMore);
    if (event === undefined) return exit;
    const ending = await answerOne(agent, follower, invocation, event, wish, stop);
    if (ending === undefined) continue;
    if (wish.once) return callExit(ending.reason, ending.answered);
    if (ending.answered) exit = EXIT.done;
  }
}

/** Not being connected yet is no reason to end: calls come when the network does. Having no account is. */
async function signedIn(agent: AgentConnection, { output }: Invocation, stop: AbortSignal): Promise<void> {
  try {
    await unlessInterrupted(agent.request({ type: 'wait', forMs: SIGN_IN_PATIENCE_MS }), stop);
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'timed-out')) throw error;
    output.say('Not connected yet; calls will be answered as soon as the agent is.');
  }
}

type RingingEvent = Extract<CallEvent, { event: 'ringing' }>;

/** Incoming calls that ring for us, in order of arrival; one that stops ringing first is taken out again. */
function ringingCalls(agent: AgentConnection, from: string | undefined) {
  const waiting = new Map<string, RingingEvent>();
  let wake: (() => void) | undefined;
  let gone: Refusal | undefined;
  const take = (event: RingingEvent) => {
    const wanted = from === undefined || foldName(event.peer) === foldName(from);
    if (event.direction !== 'in' || !wanted || waiting.has(event.call)) return;
    waiting.set(event.call, event);
    wake?.();
  };
  agent.onEvent((event) => {
    if (event.type !== 'call.event') return;
    if (event.event.event === 'ringing') take(event.event);
    if (event.event.event === 'ended') waiting.delete(event.event.call);
  });
  agent.onClose(() => {
    gone = new Refusal('agent-unreachable');
    wake?.();
  });
  const next = async (): Promise<RingingEvent> => {
    for (;;) {
      const [first] = waiting.values();
      if (first !== undefined) {
        waiting.delete(first.call);
        return first;
      }
      if (gone !== undefined) throw gone;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { take, next };
}

/** Undefined when there was nothing to answer any more. */
async function answerOne(
  agent: AgentConnection,
  follower: CallFollower,
  { audio }: Invocation,
  { call }: RingingEvent,
  wish: AnswerWish,
  stop: AbortSignal,
): Promise<CallEnding | undefined> {
  try {
    await agent.request({ type: 'call.answer', call, ...(audio === undefined ? {} : { audio }) });
  } catch (error) {
    if (error instanceof Refusal && error.code === 'no-call') return undefined;
    throw error;
  }
  const forMs = wish.for === undefined ? undefined : Math.round(wish.for * 1000);
  return await follower.follow({ call, direction: 'in', forMs, stop });
}
