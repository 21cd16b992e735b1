/**
 * `wren check`: the connectivity doctor. Goes from the agent outwards to the sound of a test call, tells each step as
 * it is known, and ends with one sentence and an exit code. With `--every` it goes on, for monitoring; the exit code is
 * then that of the last round. With `--brief` a round is one line, as monitoring plugins print it.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { foldName } from '../../src/net/protocol/ids.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import { type Brief, briefOf } from './check-brief.ts';
import { echoStep } from './check-call.ts';
import { pathSteps } from './check-path.ts';
import { hostCacheSteps, port443Step, tcpStep } from './check-reach.ts';
import { askedSoundStep } from './check-sound.ts';
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
  proxyStep,
  type Step,
  step,
  stepLine,
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
import type { Output } from './output.ts';
import { examples, nameValue, secondsValue } from './usage.ts';

/** A fresh agent is attached within a second or two; one that is not by then has something to be told. */
const ATTACH_PATIENCE_MS = 8_000;

const AFTERWORDS = `
Ends 0 when voice can go direct, 1 when it works but degraded (relayed, over TCP only, or with
a warning), 2 when it cannot get through; a missing sound device is told and does not count.
The test call is silent unless --audio says otherwise, and nobody's telephone rings: the way to
NAME is tested between the two programs, and NAME sees and hears nothing of it. With --every the
exit code is the last round's; Ctrl-C ends it. --brief is for Nagios, Icinga and their like: 0 is
OK, 1 WARNING, 2 CRITICAL, 3 (usage) UNKNOWN; allow it 30 seconds.`;

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
    .option('--brief', 'one line: WREN OK, WARNING or CRITICAL, what is wrong, and figures')
    .description('what stands between you and a good call, step by step, with causes and remedies')
    .addHelpText(
      'after',
      `${examples('wren check', 'wren check bobby1', 'wren check --json --every 60', 'wren check --brief')}\n${AFTERWORDS}`,
    )
    .action(
      act(async (invocation, name: string | undefined, options: { every?: number; brief?: boolean }) => {
        const interrupt = onInterrupt({ outliveTerminal: false });
        const { every: everyS, brief = false } = options;
        try {
          return await rounds(invocation, { name, everyS, brief, stop: interrupt.signal });
        } finally {
          interrupt.release();
        }
      }),
    );
}

interface Wish extends Examination {
  readonly everyS: number | undefined;
  readonly brief: boolean;
}

/** What is to be looked at. */
export interface Examination {
  /** The buddy to whom the way is tested. */
  readonly name: string | undefined;
  readonly stop: AbortSignal;
}

async function rounds(invocation: Invocation, wish: Wish): Promise<ExitCode> {
  const { everyS, stop } = wish;
  let readerGone = false;
  invocation.output.onReaderGone(() => {
    readerGone = true;
  });
  for (;;) {
    if (everyS !== undefined && !wish.brief) invocation.output.line(clock(Date.now()));
    const exit = await oneRound(invocation, wish);
    if (everyS === undefined || stop.aborted || readerGone) return exit;
    await sleep(everyS * 1000, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted || readerGone) return exit;
  }
}

async function oneRound(invocation: Invocation, wish: Wish): Promise<ExitCode> {
  const { output } = invocation;
  const beganAt = performance.now();
  const told = await examined(invocation, wish, (one) => {
    if (wish.brief) return;
    output.object(one);
    output.line(stepLine(one));
  });
  const verdict = worst(told);
  // Whoever is interrupted has not been told all, so it is no success.
  const exit = wish.stop.aborted && wish.everyS === undefined ? EXIT.couldNot : checkExit(verdict);
  if (wish.brief) tellBrief(output, briefOf(told, performance.now() - beganAt), exit);
  else {
    output.object({ event: 'done', verdict, exit });
    output.line(ENDINGS[verdict]);
  }
  return exit;
}

function tellBrief(output: Output, { line, ...brief }: Brief, exit: ExitCode): void {
  output.object({ event: 'done', ...brief, exit, line });
  output.line(line);
}

/** Examines, tells each step as it is known, and returns all. What ended it early is a step too: it never rejects with a `Refusal`. */
export async function examined(
  invocation: Invocation,
  examination: Examination,
  tell: (one: Step) => void = () => {},
): Promise<Step[]> {
  const told: Step[] = [];
  const note = (...steps: readonly Step[]): void => {
    for (const one of steps) {
      told.push(one);
      tell(one);
    }
  };
  try {
    await withAgent(invocation, { start: true, audio: 'per-call' }, (agent) =>
      examine(agent, invocation, examination, note),
    );
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const remedy = 'wren agent status; the log is agent.log in the profile';
    note(step('agent', 'fail', sentence(error.code), remedy, { code: error.code }));
  }
  return told;
}

async function examine(
  agent: AgentConnection,
  { audio }: Invocation,
  { name, stop }: Examination,
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
  tell(proxyStep(found, attached), ...loginSteps(found, attached), ...tlsSteps(found), accountStep(state));
  tell(...hostCacheSteps(found, attached));
  if (state.account === null) {
    tell(tcpStep(found), port443Step(found));
    return;
  }
  tell(supernodeStep(state, found), udpStep(found), tcpStep(found), port443Step(found));
  if (attached) tell(addressStep(state), natStep(state));
  tell(certificateStep(state.account, Date.now()), clockStep(found), await askedSoundStep(agent, state));
  if (name !== undefined && foldName(name) !== 'echo') {
    tell(buddyStep(state, name));
    if (isTestable(state, name) && !stop.aborted) tell(...(await pathSteps(agent, name)));
  }
  if (attached && !stop.aborted) tell(await echoStep(agent, state, audio ?? 'none', stop));
}
