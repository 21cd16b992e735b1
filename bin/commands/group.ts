/** `wren group`: conversations of several people: make, add, remove, leave, list. What is said in them is `wren chat '#NAME'`. */
import { type Command, InvalidArgumentError } from 'commander';
import { isGroupTitle } from '../../src/net/chat/group-state.ts';
import type { AgentCommand } from '../../src/store/port.ts';
import type { Group } from '../../src/store/state.ts';
import { settle } from './buddies.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { columns, plain } from './layout.ts';
import { eachValue, examples, nameValue, UsageProblem } from './usage.ts';

export function addGroup(program: Command, act: Act): void {
  const group = program
    .command('group')
    .description('conversations of several people: make, add, remove, leave, forget, list')
    .addHelpText(
      'after',
      examples('wren group make lunch bobby1 carol1', 'wren chat \'#lunch\' "at one?"', "wren call '#lunch'"),
    );
  group
    .command('list', { isDefault: true })
    .description('list your groups and who is in them')
    // A mistyped word lands here, because `list` is what a bare `wren group` means.
    .allowExcessArguments()
    .addHelpText('after', examples('wren group', 'wren group list --json'))
    .action(act((invocation, _options: unknown, { args }: Command) => list(invocation, args)));
  group
    .command('make')
    .alias('new')
    .argument('<name>', 'what it is called: a word of letters, digits, ".", "_" and "-"', titleValue)
    .argument('<member...>', 'buddies of yours', eachValue(nameValue))
    .description('begin a group with these buddies')
    .addHelpText('after', examples('wren group make lunch bobby1 carol1'))
    .action(act((invocation, title: string, names: string[]) => make(invocation, title, names)));
  group
    .command('add')
    .argument('<group>', 'as wren group lists it')
    .argument('<member...>', 'buddies of yours', eachValue(nameValue))
    .description('take more buddies into a group')
    .addHelpText('after', examples("wren group add '#lunch' david1"))
    .action(act((invocation, named: string, names: string[]) => add(invocation, named, names)));
  group
    .command('remove')
    .argument('<group>', 'as wren group lists it')
    .argument('<member...>', 'members of it', eachValue(nameValue))
    .description('take members out of a group: they are told, and hear nothing more of it')
    .addHelpText('after', examples("wren group remove '#lunch' david1"))
    .action(act((invocation, named: string, names: string[]) => remove(invocation, named, names)));
  group
    .command('leave')
    .argument('<group>', 'as wren group lists it')
    .description('leave a group; what was said stays here')
    .addHelpText('after', examples("wren group leave '#lunch'"))
    .action(act((invocation, named: string) => leave(invocation, named)));
  group
    .command('forget')
    .argument('<group>', 'as wren group lists it')
    .description('take a group that you left off the list; what was said stays here')
    .addHelpText('after', examples("wren group forget '#lunch'"))
    .action(act((invocation, named: string) => forget(invocation, named)));
}

/** With or without the sign, which shells want quoted. */
function labelOf(text: string): string {
  return text.startsWith('#') ? text : `#${text}`;
}

function titleValue(text: string): string {
  if (isGroupTitle(text)) return text;
  throw new InvalidArgumentError('A name is one word of at most 32 letters, digits, ".", "_" or "-".');
}

async function list(invocation: Invocation, [word]: readonly string[]): Promise<ExitCode> {
  if (word !== undefined) throw new UsageProblem(`there is no "wren group ${word}"`, 'wren group --help');
  const { output } = invocation;
  const groups = await withAgent(invocation, { start: true }, (agent) => agent.request({ type: 'group.list' }));
  for (const group of groups) output.object({ event: 'group', ...group });
  for (const line of groupLines(groups)) output.line(line);
  return EXIT.done;
}

function make(invocation: Invocation, title: string, names: string[]): Promise<ExitCode> {
  return change(invocation, { type: 'group.new', title, members: names });
}

function add(invocation: Invocation, named: string, names: string[]): Promise<ExitCode> {
  return change(invocation, { type: 'group.add', group: labelOf(named), members: names });
}

function remove(invocation: Invocation, named: string, names: string[]): Promise<ExitCode> {
  return change(invocation, { type: 'group.remove', group: labelOf(named), members: names });
}

async function change(
  invocation: Invocation,
  command: Extract<AgentCommand, { type: 'group.new' | 'group.add' | 'group.remove' }>,
): Promise<ExitCode> {
  const group = await withAgent(invocation, { start: true }, async (agent) => {
    await settle(agent);
    return agent.request(command);
  });
  const { label, members } = group;
  invocation.output.tell(
    { event: 'group', ...group },
    `${plain(label)}: ${members.map((one) => plain(one)).join(', ')}.`,
  );
  return EXIT.done;
}

async function leave(invocation: Invocation, named: string): Promise<ExitCode> {
  const label = labelOf(named);
  await withAgent(invocation, { start: true }, (agent) => agent.request({ type: 'group.leave', group: label }));
  invocation.output.tell({ event: 'left', label }, `You left ${plain(label)}.`);
  return EXIT.done;
}

async function forget(invocation: Invocation, named: string): Promise<ExitCode> {
  const label = labelOf(named);
  await withAgent(invocation, { start: true }, (agent) => agent.request({ type: 'group.forget', group: label }));
  invocation.output.tell({ event: 'forgotten', label }, `${plain(label)} is off the list.`);
  return EXIT.done;
}

/** A line for each group. */
function groupLines(groups: readonly Group[]): string[] {
  if (groups.length === 0) return ['No groups yet: wren group make NAME MEMBER...'];
  return columns(
    groups.map(({ label, members, left, unread }) => [
      plain(label),
      left ? 'left' : `${members.length} members`,
      unread > 0 ? `${unread} unread` : '',
      members.map((one) => plain(one)).join(', '),
    ]),
  );
}
