/**
 * `wren monitor`: the running call, the network and what this machine carries for it, over time. On a terminal a dashboard;
 * with `--json` the same samples, one object a second, and what happens in between. It only looks: a call goes on without it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { Refusal } from '../../src/net/protocol/failures.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import type { CallWays } from '../../src/store/port.ts';
import { type AppState, currentCall } from '../../src/store/state.ts';
import type { PlacedSupernode } from '../../src/tui/map/map-rows.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { sentence } from './failure.ts';
import { onInterrupt } from './interrupt.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { place } from './map.ts';
import { MonitorFeed } from './monitor-feed.ts';
import { loadMapProgram } from './programs.ts';
import { hasTerminal } from './screen-kind.ts';
import { examples, secondsValue, UsageProblem } from './usage.ts';

const SAMPLE_MS = 1_000;

const AFTERWORDS = `
Keys: 1-4 or Tab for the pages (call, network, log, map), t tests the ways to
the other end, p stops the picture, ? lists all, q leaves. --json prints a
sample each second and a line for what happens.`;

export function addMonitor(program: Command, act: Act): void {
  program
    .command('monitor')
    .option('--for <seconds>', 'end after so many seconds', secondsValue)
    .description('dashboard: round trip, jitter, loss, buffer, bit rate, paths, supernodes and the log over time')
    .addHelpText('after', `${examples('wren monitor', 'wren monitor --json --for 60')}\n${AFTERWORDS}`)
    .action(
      act(async (invocation, options: { for?: number }) => {
        const { output, env } = invocation;
        if (!output.json && (!hasTerminal() || env.TERM === 'dumb')) {
          throw new UsageProblem('the dashboard needs a terminal that can draw', 'wren monitor --json, or wren status');
        }
        const forMs = options.for === undefined ? undefined : options.for * 1000;
        return await withAgent(invocation, { start: true }, (agent) => watch(invocation, agent, forMs));
      }),
    );
}

async function watch(invocation: Invocation, agent: AgentConnection, forMs: number | undefined): Promise<ExitCode> {
  const { output } = invocation;
  const state = await agent.request({ type: 'subscribe' });
  const feed = new MonitorFeed(state, Date.now(), await waysOf(agent, state));
  const listeners = new Set<() => void>();
  const news = (): void => {
    for (const listener of listeners) listener();
  };
  const undo = agent.onEvent((event) => {
    const line = feed.heard(event, Date.now());
    if (!line) return;
    output.object({ event: 'log', at: line.atMs, text: line.text });
    news();
  });
  let isAsking = false;
  const askWays = async (): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    feed.waysTold(await waysOf(agent, feed.state));
    isAsking = false;
  };
  // No second waits for an answer: the ways in it are those of the one before.
  const take = (): void => {
    void askWays();
    output.object(feed.sample(Date.now()));
    news();
  };
  output.object(feed.view().samples[0] ?? {});
  const timer = setInterval(take, SAMPLE_MS);
  try {
    if (output.json) return await untilEnd(invocation, agent, forMs);
    await showOn(invocation, agent, feed, listeners, forMs);
    return EXIT.done;
  } finally {
    clearInterval(timer);
    undo();
  }
}

/** Asked only while a call talks; an agent that cannot tell (an older one, one that has gone) tells of none. */
export async function waysOf(agent: AgentConnection, state: AppState): Promise<readonly CallWays[]> {
  const call = currentCall(state);
  if (call?.phase !== 'running' && call?.phase !== 'held') return [];
  try {
    return await agent.request({ type: 'call.ways' });
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}

/** Until Ctrl-C, the time that was given, a reader that goes, or an agent that does: that is a refusal. */
async function untilEnd({ output }: Invocation, agent: AgentConnection, forMs: number | undefined): Promise<ExitCode> {
  const interrupt = onInterrupt({ outliveTerminal: false });
  try {
    await new Promise<void>((resolve, reject) => {
      interrupt.signal.addEventListener('abort', () => resolve());
      output.onReaderGone(resolve);
      agent.onClose(() => reject(new Refusal('agent-unreachable')));
      if (forMs !== undefined) void sleep(forMs, undefined, { signal: interrupt.signal }).then(resolve, () => {});
    });
    return EXIT.done;
  } finally {
    interrupt.release();
  }
}

async function showOn(
  invocation: Invocation,
  agent: AgentConnection,
  feed: MonitorFeed,
  listeners: Set<() => void>,
  forMs: number | undefined,
): Promise<void> {
  const map = loadMapProgram(invocation);
  const note = (text: string): void => {
    feed.note(text, Date.now());
    for (const listener of listeners) listener();
  };
  agent.onClose(() => note('THE AGENT IS GONE: figures stand still; leave with q, then wren agent start'));
  let placed: readonly PlacedSupernode[] = [];
  const supernodes = async (): Promise<readonly PlacedSupernode[]> => {
    try {
      placed = place(await agent.request({ type: 'supernode.list' }), map.findCountries(invocation.programDir));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
    return placed;
  };
  await map.showMonitor({
    view: () => feed.view(),
    onNews: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    supernodes,
    testWays: () => void testWays(agent, feed, note),
    colour: (invocation.env.NO_COLOR ?? '') === '',
    ...(forMs === undefined ? {} : { forMs }),
  });
}

async function testWays(agent: AgentConnection, feed: MonitorFeed, note: (text: string) => void): Promise<void> {
  const peer = currentCall(feed.state)?.peer;
  if (peer === undefined) return note('no call: wren check NAME tests the ways to somebody');
  note(`testing the ways to ${peer}`);
  try {
    feed.waysTested(peer, await agent.request({ type: 'check.path', name: peer }), Date.now());
    note('');
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    note(`the ways to ${peer} cannot be tested: ${sentence(error.code)}`);
  }
}
