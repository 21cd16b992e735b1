/** `wren buddies`: the list, and everything that changes it. A bare `wren buddies` lists. */
import type { Command } from 'commander';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { foldName } from '../../src/net/protocol/ids.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import type { AgentCommand } from '../../src/store/port.ts';
import type { Buddy } from '../../src/store/state.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { clock, columns, plain } from './layout.ts';
import { examples, nameValue, UsageProblem } from './usage.ts';

/** An agent that this very command started needs a moment to connect; longer is offline, and the agent says so. */
export const CONNECT_PATIENCE_MS = 5_000;

type Change = Extract<AgentCommand, { type: `buddy.${string}`; name: string }>['type'];
const CHANGES: readonly {
  readonly word: string;
  readonly type: Exclude<Change, 'buddy.add'>;
  readonly event: string;
  readonly description: string;
  readonly done: string;
}[] = [
  {
    word: 'accept',
    type: 'buddy.accept',
    event: 'accepted',
    description: 'say yes to a request',
    done: 'NAME is your buddy now.',
  },
  { word: 'decline', type: 'buddy.decline', event: 'declined', description: 'say no to a request', done: 'Declined.' },
  {
    word: 'remove',
    type: 'buddy.remove',
    event: 'removed',
    description: 'take somebody off the list',
    done: 'NAME is off the list.',
  },
  {
    word: 'block',
    type: 'buddy.block',
    event: 'blocked',
    description: 'no calls, messages or presence from this person',
    done: 'NAME is blocked. Undo with: wren buddies unblock NAME',
  },
  { word: 'unblock', type: 'buddy.unblock', event: 'unblocked', description: 'lift a block', done: 'NAME may write.' },
];

export function addBuddies(program: Command, act: Act): void {
  const buddies = program
    .command('buddies')
    .description('the buddy list: list, add, accept, decline, remove, block, unblock')
    .addHelpText('after', examples('wren buddies', 'wren buddies add bobby1 "Alice from the workshop"'));
  buddies
    .command('list', { isDefault: true })
    .description('list buddies and requests')
    // A mistyped word lands here, because `list` is what a bare `wren buddies` means.
    .allowExcessArguments()
    .addHelpText('after', examples('wren buddies', 'wren buddies list --json'))
    .action(act((invocation, _options: unknown, { args }: Command) => list(invocation, args)));
  buddies
    .command('add')
    .argument('<name>', 'whom to ask', nameValue)
    .argument('[message...]', 'a line that goes with the request')
    .description('ask somebody to be your buddy')
    .addHelpText('after', examples('wren buddies add bobby1', 'wren buddies add bobby1 "Alice from the workshop"'))
    .action(act((invocation, name: string, message: string[]) => ask(invocation, name, message.join(' '))));
  for (const { word, type, event, description, done } of CHANGES) {
    buddies
      .command(word)
      .argument('<name>', 'of whom', nameValue)
      .description(description)
      .addHelpText('after', examples(`wren buddies ${word} bobby1`))
      .action(
        act((invocation, name: string) => change(invocation, { type, name }, event, done.replaceAll('NAME', name))),
      );
  }
}

async function list(invocation: Invocation, [word]: readonly string[]): Promise<ExitCode> {
  if (word !== undefined) throw new UsageProblem(`there is no "wren buddies ${word}"`, 'wren buddies --help');
  const { output } = invocation;
  const buddies = await withAgent(invocation, { start: true }, (agent) => agent.request({ type: 'buddy.list' }));
  for (const buddy of buddies) output.object({ event: 'buddy', ...buddy });
  for (const line of buddyLines(buddies)) output.line(line);
  if (buddies.length === 0 && !output.json) output.say('Nobody yet. Ask somebody: wren buddies add NAME');
  return EXIT.done;
}

async function ask(invocation: Invocation, name: string, message: string): Promise<ExitCode> {
  const isFound = await withAgent(invocation, { start: true }, async (agent) => {
    await settle(agent);
    await agent.request({ type: 'buddy.add', name, message });
    return await canBeFound(agent, name);
  });
  const { output } = invocation;
  output.tell({ event: 'asked', name, ...(isFound ? {} : { found: false }) }, `Asked ${name}.`);
  if (!isFound)
    output.say(`Nobody of that name can be found now: if it is spelt right, ${name} is asked when they come.`);
  return EXIT.done;
}

/** False only where the whole network has answered. */
async function canBeFound(agent: AgentConnection, name: string): Promise<boolean> {
  try {
    const report = await agent.request({ type: 'search', pattern: name, limit: 1 });
    return !report?.complete || report.hits.some((hit) => foldName(hit.name) === foldName(name));
  } catch (error) {
    if (error instanceof Refusal) return true;
    throw error;
  }
}

async function change(
  invocation: Invocation,
  command: Extract<AgentCommand, { type: Exclude<Change, 'buddy.add'> }>,
  event: string,
  done: string,
): Promise<ExitCode> {
  await withAgent(invocation, { start: true }, async (agent) => {
    await settle(agent);
    await agent.request(command);
  });
  invocation.output.tell({ event, name: command.name }, done);
  return EXIT.done;
}

/** Gives an agent that is still connecting a moment; what to do without a connection is the agent's to say. */
export async function settle(agent: AgentConnection): Promise<void> {
  const { connection } = await agent.request({ type: 'status' });
  if (connection !== 'connecting') return;
  try {
    await agent.request({ type: 'wait', forMs: CONNECT_PATIENCE_MS });
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'agent-unreachable') throw error;
  }
}

/** The list for people: requests first, then who is there, then the rest. */
export function buddyLines(buddies: readonly Buddy[]): string[] {
  const rank = (buddy: Buddy) => {
    if (buddy.relation === 'incoming') return 0;
    if (buddy.relation !== 'both') return 3;
    return buddy.presence === 'offline' ? 2 : 1;
  };
  const sorted = [...buddies].sort((a, b) => rank(a) - rank(b));
  return columns(sorted.map((buddy) => [plain(buddy.name), standing(buddy), about(buddy)]));
}

function standing(buddy: Buddy): string {
  if (buddy.relation === 'incoming') return 'asks to be your buddy';
  if (buddy.relation === 'outgoing') return 'asked, no answer yet';
  if (buddy.relation === 'declined') return 'declined';
  if (buddy.relation === 'blocked') return 'blocked';
  return buddy.presence.replaceAll('-', ' ');
}

function about(buddy: Buddy): string {
  const words: string[] = [];
  const display = plain(buddy.displayName);
  if (display !== '' && display !== buddy.name) words.push(display);
  if (buddy.relation === 'incoming' && buddy.message !== '') words.push(`"${plain(buddy.message)}"`);
  if (buddy.safety === 'verified') words.push('verified');
  if (buddy.safety === 'changed') words.push(`ANOTHER KEY THAN BEFORE: wren verify ${plain(buddy.name)}`);
  if (buddy.unread > 0) words.push(`${buddy.unread} unread`);
  if (buddy.relation === 'both' && buddy.presence === 'offline' && buddy.lastSeenAtMs > 0) {
    words.push(`last seen ${clock(buddy.lastSeenAtMs)}`);
  }
  return words.join(', ');
}
