/**
 * `wren agent`: the agent by hand. Commands start it by themselves, so this is for service files, for looking at it,
 * and for the fault switches that let a person watch the network heal.
 */
import { Argument, type Command } from 'commander';
import { Refusal } from '../../src/net/protocol/failures.ts';
import type { AgentCommand } from '../../src/store/port.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { columns, plain, span } from './layout.ts';
import { runProgram } from './programs.ts';
import { examples } from './usage.ts';

/** After `agent.stop` the agent hangs up, flushes and closes its socket. */
const STOP_PATIENCE_MS = 10_000;

type Fault = Extract<AgentCommand, { type: 'debug' }>['fault'];
const FAULTS: Readonly<Record<Fault, string>> = {
  'drop-supernode': 'The supernode was dropped; watch: wren status',
  rebind: 'The sockets were opened anew, as after a change of network.',
  'block-udp': 'UDP is blocked; undo with: wren agent debug unblock-udp',
  'unblock-udp': 'UDP may pass again.',
};

export function addAgent(program: Command, act: Act): void {
  const agent = program
    .command('agent')
    .description('the background process that holds account, network and calls: start, stop, status, debug')
    .addHelpText('after', examples('wren agent status', 'wren agent start --foreground'));
  agent
    .command('start')
    .option('--foreground', 'run in sight instead of in the background')
    .description('start the agent if it does not run')
    .addHelpText('after', examples('wren agent start', 'wren agent start --foreground --log-level debug'))
    .action(act((invocation, options: { foreground?: boolean }) => start(invocation, options.foreground === true)));
  agent
    .command('stop')
    .description('stop the agent; a running call ends')
    .addHelpText('after', examples('wren agent stop'))
    .action(act((invocation) => stop(invocation)));
  agent
    .command('status')
    .description('process, uptime, version and socket of the agent; 2 when none runs')
    .addHelpText('after', examples('wren agent status --json'))
    .action(act((invocation) => status(invocation)));
  agent
    .command('debug')
    .addArgument(new Argument('<fault>', 'what to break or mend').choices(Object.keys(FAULTS)))
    .description('break something on purpose and watch the network heal')
    .addHelpText('after', examples('wren agent debug drop-supernode'))
    .action(act((invocation, fault: Fault) => debug(invocation, fault)));
}

async function start(invocation: Invocation, foreground: boolean): Promise<ExitCode> {
  if (foreground) {
    const { audio } = invocation;
    return await runProgram(invocation, 'agent', ['--foreground', ...(audio === undefined ? [] : ['--audio', audio])]);
  }
  const agent = await withAgent(invocation, { start: true }, (one) => one.request({ type: 'agent.status' }));
  invocation.output.tell({ event: 'started', ...agent }, `The agent runs as process ${agent.pid}.`);
  return EXIT.done;
}

async function stop(invocation: Invocation): Promise<ExitCode> {
  const stopped = await unlessNone(
    withAgent(invocation, { start: false, anyVersion: true }, async (agent) => {
      const gone = new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Refusal('timed-out')), STOP_PATIENCE_MS);
        agent.onClose(() => {
          clearTimeout(timer);
          resolve();
        });
      });
      // The connection may close before the reply is through: that is a stopped agent too.
      const asked = agent.request({ type: 'agent.stop' }).catch((error: unknown) => {
        if (!(error instanceof Refusal && error.code === 'agent-unreachable')) throw error;
      });
      await Promise.all([asked, gone]);
      return true;
    }),
  );
  invocation.output.tell(
    { event: 'stopped', wasRunning: stopped !== undefined },
    stopped === undefined ? 'No agent was running.' : 'The agent has stopped.',
  );
  return EXIT.done;
}

async function status(invocation: Invocation): Promise<ExitCode> {
  const { output } = invocation;
  const agent = await unlessNone(
    withAgent(invocation, { start: false, anyVersion: true }, (one) => one.request({ type: 'agent.status' })),
  );
  if (agent === undefined) {
    output.object({ running: false });
    if (!output.json) output.say('No agent is running. Start it: wren agent start');
    return EXIT.couldNot;
  }
  output.object({ running: true, ...agent });
  const rows = [
    ['Process:', String(agent.pid)],
    ['Running for:', span(agent.uptimeS)],
    ['Version:', plain(agent.version)],
    ['Socket:', plain(agent.socket)],
    ['Voice:', agent.voicePid === null ? 'no call' : `process ${agent.voicePid}`],
  ];
  for (const line of columns(rows)) output.line(line);
  return EXIT.done;
}

async function debug(invocation: Invocation, fault: Fault): Promise<ExitCode> {
  await withAgent(invocation, { start: true }, (agent) => agent.request({ type: 'debug', fault }));
  invocation.output.tell({ event: 'debug', fault }, FAULTS[fault]);
  return EXIT.done;
}

/** Undefined when no agent is running. */
async function unlessNone<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'agent-unreachable') return undefined;
    throw error;
  }
}
