/**
 * `wren hangup`, `hold`, `resume`, `mute`, `unmute`, `mic on|off`: act on the running call, for scripts and hotkeys.
 * They never start an agent: without one there is no call either.
 */
import { Argument, type Command } from 'commander';
import { Refusal } from '../../src/net/protocol/failures.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import type { AgentCommand } from '../../src/store/port.ts';
import { currentCall } from '../../src/store/state.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { examples } from './usage.ts';

type Control = Extract<AgentCommand, { call?: string }>['type'] & `call.${string}`;
type CallControl = Exclude<Control, 'call.answer' | 'call.decline' | 'call.transfer'>;

interface CallWord {
  readonly word: string;
  readonly type: CallControl;
  readonly event: string;
  readonly description: string;
  readonly done: string;
}

const MUTE: CallWord = {
  word: 'mute',
  type: 'call.mute',
  event: 'muted',
  description: 'turn the microphone off for the running call',
  done: 'The microphone is off.',
};
const UNMUTE: CallWord = {
  word: 'unmute',
  type: 'call.unmute',
  event: 'unmuted',
  description: 'turn the microphone on again',
  done: 'The microphone is on.',
};

const CONTROLS: readonly CallWord[] = [
  { word: 'hangup', type: 'call.hang-up', event: 'hung-up', description: 'end the running call', done: 'Hung up.' },
  {
    word: 'hold',
    type: 'call.hold',
    event: 'held',
    description: 'put the running call on hold',
    done: 'On hold. Go on with: wren resume',
  },
  { word: 'resume', type: 'call.resume', event: 'resumed', description: 'take the call off hold', done: 'Off hold.' },
  MUTE,
  UNMUTE,
];

export function addCallControls(program: Command, act: Act): void {
  for (const control of CONTROLS) {
    program
      .command(control.word)
      .description(control.description)
      .addHelpText('after', examples(`wren ${control.word}`))
      .action(act((invocation) => carryOut(invocation, control)));
  }
  program
    .command('mic')
    .addArgument(new Argument('<state>', 'on, off or toggle').choices(['on', 'off', 'toggle']))
    .description('open or close the microphone of the running call: for hotkeys')
    .addHelpText('after', `${examples('wren mic off', 'wren mic toggle')}\n${MIC_AFTERWORDS}`)
    .action(
      act(async (invocation, state: 'on' | 'off' | 'toggle') => {
        const on = state === 'toggle' ? await isMuted(invocation) : state === 'on';
        return carryOut(invocation, on ? UNMUTE : MUTE);
      }),
    );
}

const MIC_AFTERWORDS = `
Push-to-talk: after "wren sound talk push" every call begins with the
microphone off. A terminal cannot see a key being let go, so the screen's key
opens and closes in turn; a desktop that sees it can run "wren mic on" when a
key goes down and "wren mic off" when it comes up.`;

async function isMuted(invocation: Invocation): Promise<boolean> {
  const state = await ofCall(invocation, (agent) => agent.request({ type: 'status' }));
  return currentCall(state)?.muted ?? false;
}

async function carryOut(invocation: Invocation, { type, event, done }: CallWord): Promise<ExitCode> {
  await ofCall(invocation, (agent) => agent.request({ type }));
  invocation.output.tell({ event }, done);
  return EXIT.done;
}

/** Asks a running agent about its call. Throws `Refusal('no-call')` also where no agent runs. */
export async function ofCall<T>(invocation: Invocation, ask: (agent: AgentConnection) => Promise<T>): Promise<T> {
  try {
    return await withAgent(invocation, { start: false }, ask);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'agent-unreachable') throw new Refusal('no-call');
    throw error;
  }
}
