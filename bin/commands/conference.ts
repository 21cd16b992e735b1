/**
 * `wren add NAME...`, `remove NAME`, `rejoin`, `conference`: act on the running call from scripts and hotkeys, as `hangup` and `mute`
 * do. `add` makes a conference of a call of two. They never start an agent: without one there is no call either.
 */
import type { Command } from 'commander';
import { Refusal } from '../../src/net/protocol/failures.ts';
import type { AgentCommand } from '../../src/store/port.ts';
import { currentCall } from '../../src/store/state.ts';
import { conferenceWords } from './call-words.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { conversationValue, eachValue, examples, nameValue } from './usage.ts';

type ConferenceWord = Extract<AgentCommand, { type: 'conference.add' | 'conference.remove' | 'conference.rejoin' }>;

export function addConference(program: Command, act: Act): void {
  program
    .command('add')
    .argument('<name...>', 'whom to call into it', eachValue(conversationValue))
    .description('call others into the running call: it becomes a conference')
    .addHelpText('after', `${examples('wren add carol1', 'wren add carol1 david1')}\n${AFTERWORDS}`)
    .action(
      act((invocation, names: string[]) =>
        say(invocation, { type: 'conference.add', names }, { event: 'adding', names }, `Calling ${names.join(', ')}.`),
      ),
    );
  program
    .command('remove')
    .argument('<name>', 'whom to remove', nameValue)
    .description('remove somebody whom you, or those whom you invited, called into the conference')
    .addHelpText('after', examples('wren remove carol1'))
    .action(
      act((invocation, name: string) =>
        say(invocation, { type: 'conference.remove', name }, { event: 'removed', peer: name }, `${name} is out.`),
      ),
    );
  program
    .command('rejoin')
    .description('go back into the conference that you left last')
    .addHelpText('after', examples('wren rejoin'))
    .action(
      act((invocation) => {
        const { audio } = invocation;
        const spec = audio === undefined ? {} : { audio };
        return say(invocation, { type: 'conference.rejoin', ...spec }, { event: 'rejoining' }, 'Going back.');
      }),
    );
  program
    .command('conference')
    .description('who is in the running conference, who speaks, who mixes')
    .addHelpText('after', examples('wren conference', 'wren conference --json'))
    .action(act(show));
}

const AFTERWORDS = `
One machine mixes: the one best placed, by its connection and processor. It hears
everybody, as any member does. When it dies another takes over within two seconds.
Whoever is in may call others, eight people at most; "wren hangup" leaves.`;

async function say(invocation: Invocation, command: ConferenceWord, event: object, done: string): Promise<ExitCode> {
  await withCall(invocation, (agent) => agent.request(command));
  invocation.output.tell(event, done);
  return EXIT.done;
}

async function show(invocation: Invocation): Promise<ExitCode> {
  const state = await withCall(invocation, (agent) => agent.request({ type: 'status' }));
  const call = currentCall(state);
  if (!call) throw new Refusal('no-call');
  if (!call.conference) throw new Refusal('no-call', 'a call of two is no conference');
  const { id, term, mixer, iMix, people } = call.conference;
  const speaking = people.filter((one) => one.speaking).map(({ name }) => name);
  const of = { event: 'conference', call: call.call, peer: call.peer, at: Date.now() } as const;
  const event = { ...of, conference: id, term, mixer, iMix, speaking, people };
  invocation.output.tell(event, conferenceWords(event));
  return EXIT.done;
}

async function withCall<T>(invocation: Invocation, body: Parameters<typeof withAgent<T>>[2]): Promise<T> {
  try {
    return await withAgent(invocation, { start: false, audio: 'per-call' }, body);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'agent-unreachable') throw new Refusal('no-call');
    throw error;
  }
}
