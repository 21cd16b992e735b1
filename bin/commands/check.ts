/**
 * `wren check`: the connectivity doctor. Goes from the agent outwards to the sound of a test call, tells each step as
 * it is known, and ends with one sentence and an exit code. With `--every` it goes on, for monitoring; the exit code is
 * then that of the last round.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { foldName } from '../../src/net/protocol/ids.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import { echoStep } from './check-call.ts';
import { pathSteps } from './check-path.ts';
import {
  accountStep,
  addressStep,
  agentStep,
  buddyStep,
  type CheckVerdict,
  certificateStep,
  checkExit,
  clockStep,
  isTestable,
  loginSteps,
  natStep,
  networkStep,
  proxySteps,
  type Step,
  soundStep,
  step,
  supernodeStep,
  tlsSteps,
  udpStep,
  worst,
} from './check-steps.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { sentence } from './failure.ts';
import { onInterrupt } from './interrupt.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { clock } from './layout.ts';
import { examples, nameValue, secondsValue } from './usage.ts';

/** A fresh agent is attached within a second or two; one that is not by then has something to be told. */
const ATTACH_PATIENCE_MS = 8_000;

const AFTERWORDS = `
Ends 0 when voice can go direct, 1 when it works but degraded (relayed, over TCP only, or with
a warning), 2 when it cannot get through; a missing sound device is told and does not count.
The test call is silent unless --audio says otherwise, and nobody's telephone rings: the way to
NAME is tested between the two programs, and NAME sees and hears nothing of it. With --every the
exit code is the last round's; Ctrl-C ends it.`;

const ENDINGS: Readonly<Record<CheckVerdict, string>> = {
  pass: 'Voice can go direct.',
  warn: 'It works, but not as well as it could: see what is marked warn.',
  fail: 'Voice cannot get through: see what is marked fail.',
};

export function addCheck(program: Command, act: Act): void {
  program
    .command('check')
    .argument('[name]', 'a buddy: tests silently whether a direct way leads to them', nameValue)
    .option('--every <seconds>', 'check again and again, so many seconds apart', secondsValue)
    .description('what stands between you and a good call, step by step, with causes and remedies')
    .addHelpText(
      'after',
      `${examples('wren check', 'wren check bobby1', 'wren check --json --every 60')}\n${AFTERWORDS}`,
    )
    .action(
      act(async (invocation, name: string | undefined, options: { every?: number }) => {
        const interrupt = onInterrupt({ outliveTerminal: false });
        try {
          return await rounds(invocation, { name, everyS: options.every, stop: interrupt.signal });
        } finally {
          interrupt.release();
        }
      }),
    );
}

interface Wish {
  readonly name: string | undefined;
  readonly everyS: number | undefined;
  readonly stop: AbortSignal;
}

async function rounds(invocation: Invocation, wish: Wish): Promise<ExitCode> {
  const { everyS, stop } = wish;
  let readerGone = false;
  invocation.output.onReaderGone(() => {
    readerGone = true;
  });
  for (;;) {
    if (everyS !== undefined) invocation.output.line(clock(Date.now()));
    const exit = await oneRound(invocation, wish);
    if (everyS === undefined || stop.aborted || readerGone) return exit;
    await sleep(everyS * 1000, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted || readerGone) return exit;
  }
}

async function oneRound(invocation: Invocation, wish: Wish): Promise<ExitCode> {
  const { output } = invocation;
  const told: Step[] = [];
  const tell = (...steps: readonly Step[]): void => {
    for (const one of steps) {
      told.push(one);
      output.object(one);
      output.line(stepLine(one));
    }
  };
  try {
    await withAgent(invocation, { start: true, audio: 'per-call' }, (agent) => examine(agent, invocation, wish, tell));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const remedy = 'wren agent status; the log is agent.log in the profile';
    tell(step('agent', 'fail', sentence(error.code), remedy, { code: error.code }));
  }
  // Whoever is interrupted has not been told all, so it is no success.
  const exit = wish.stop.aborted && wish.everyS === undefined ? EXIT.couldNot : checkExit(worst(told));
  output.object({ event: 'done', verdict: worst(told), exit });
  output.line(ENDINGS[worst(told)]);
  return exit;
}

async function examine(
  agent: AgentConnection,
  { audio }: Invocation,
  { name, stop }: Wish,
  tell: (...steps: readonly Step[]) => void,
): Promise<void> {
  tell(agentStep(await agent.request({ type: 'agent.status' })));
  let state = await agent.request({ type: 'subscribe' });
  tell(networkStep(state));
  if (state.network === null) return;
  // Not signed in, or not attached in time: the steps will say so.
  await agent.request({ type: 'wait', forMs: ATTACH_PATIENCE_MS }).catch(() => {});
  const found = await agent.request({ type: 'check' });
  state = await agent.request({ type: 'status' });
  const attached = state.connection === 'online';
  tell(...proxySteps(found, attached), ...loginSteps(found, attached), ...tlsSteps(found), accountStep(state));
  if (state.account === null) return;
  tell(supernodeStep(state, found), udpStep(found));
  if (attached) tell(addressStep(state), natStep(state));
  tell(certificateStep(state.account, Date.now()), clockStep(found), soundStep(state));
  if (name !== undefined && foldName(name) !== 'echo') {
    tell(buddyStep(state, name));
    if (isTestable(state, name) && !stop.aborted) tell(...(await pathSteps(agent, name)));
  }
  if (attached && !stop.aborted) tell(await echoStep(agent, state, audio ?? 'none', stop));
}

/** `warn  udp           blocked: no supernode answers by UDP. Try: ...` */
function stepLine({ name, verdict, cause, remedy }: Step): string {
  const words = `${verdict}  ${name.padEnd(12)}  ${cause}`;
  return remedy === '' ? words : `${words}. Try: ${remedy}`;
}
