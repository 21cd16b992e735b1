/**
 * `wren chat`: send a message, or read what was said. The agent stores a message first and delivers it, or leaves it with
 * the network, so sending is done once it is stored; a moment is given to say which of these it was.
 */
import type { Command } from 'commander';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { foldName, isServiceName } from '../../src/net/protocol/ids.ts';
import { CHAT_TEXT_BYTES_MAX, HISTORY_PAGE_LINES_MAX } from '../../src/net/protocol/params.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import type { ChatLine } from '../../src/store/state.ts';
import { settle } from './buddies.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { clock, plain, plainLines } from './layout.ts';
import { conversationValue, examples, UsageProblem, wholeNumberValue } from './usage.ts';

/** How long a buddy has to confirm, or the network to keep it, before we say that it waits. */
const DELIVERY_PATIENCE_MS = 3_000;
const HISTORY_LINES_DEFAULT = 50;

interface ChatOptions {
  readonly history?: boolean;
  readonly search?: string;
  readonly limit: number;
}

export function addChat(program: Command, act: Act): void {
  program
    .command('chat')
    .argument('<name>', 'with whom, or in which group', conversationValue)
    .argument('[text...]', 'the message; "-" reads it from stdin, all lines as one message')
    .option('--history', 'read what was said instead, oldest first')
    .option('--search <words>', 'with --history: only messages with these words')
    .option(
      '--limit <n>',
      'with --history: the newest so many',
      wholeNumberValue(1, HISTORY_PAGE_LINES_MAX),
      HISTORY_LINES_DEFAULT,
    )
    .description('send a message, or read the conversation')
    .addHelpText(
      'after',
      examples(
        'wren chat bobby1 "lunch at one?"',
        'uptime | wren chat bobby1 -',
        'wren chat bobby1 --history --search lunch',
        'wren chat \'#lunch\' "at one?"',
      ),
    )
    .action(
      act((invocation, name: string, words: string[], options: ChatOptions) =>
        options.history || options.search !== undefined
          ? history(invocation, name, words, options)
          : send(invocation, name, words),
      ),
    );
}

async function send(invocation: Invocation, name: string, words: readonly string[]): Promise<ExitCode> {
  const text = words.length === 1 && words[0] === '-' ? await standardInput(invocation) : words.join(' ');
  if (text.trim() === '') {
    throw new UsageProblem('there is nothing to send', `wren chat ${name} "TEXT", or - to read it from stdin`);
  }
  if (Buffer.byteLength(text) > CHAT_TEXT_BYTES_MAX) {
    throw new UsageProblem(`one message holds at most ${CHAT_TEXT_BYTES_MAX} bytes`, 'it in parts');
  }
  const { output } = invocation;
  await withAgent(invocation, { start: true }, async (agent) => {
    await settle(agent);
    const watch = watchDelivery(agent);
    const { buddies } = await agent.request({ type: 'subscribe' });
    const line = await agent.request({ type: 'chat.send', to: name, text });
    output.object({ event: 'sent', id: line.id, to: line.with, at: line.sentAtMs });
    const buddy = buddies.find((one) => foldName(one.name) === foldName(name));
    const answers = buddy?.relation === 'both' || isServiceName(name) || name.startsWith('#');
    const outcome = await watch(line, answers ? DELIVERY_PATIENCE_MS : 0);
    if (outcome === 'delivered')
      output.tell({ event: 'delivered', id: line.id, to: line.with }, `Delivered to ${name}.`);
    else if (outcome === 'kept') {
      const words = `The network keeps it for ${name}, for 72 hours: it arrives when they come, also when you are gone.`;
      output.tell({ event: 'kept', id: line.id, to: line.with }, words);
    } else if (!output.json) output.say(`Waits here for ${name}; it goes out when you are both online.`);
  });
  return EXIT.done;
}

/** Made before sending, because the confirmation may overtake the reply. */
function watchDelivery(agent: AgentConnection): (line: ChatLine, patienceMs: number) => Promise<ChatLine['mark']> {
  const marks = new Map<string, ChatLine['mark']>();
  let wake = () => {};
  const undo = agent.onEvent((event) => {
    if (event.type !== 'chat.delivered' && event.type !== 'chat.kept') return;
    if (marks.get(event.id) !== 'delivered') marks.set(event.id, event.type === 'chat.kept' ? 'kept' : 'delivered');
    wake();
  });
  return async (line, patienceMs) => {
    const mark = () => marks.get(line.id) ?? line.mark;
    if (mark() === 'waiting' && patienceMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patienceMs);
        wake = () => {
          if (mark() === 'waiting') return;
          clearTimeout(timer);
          resolve();
        };
      });
    }
    undo();
    return mark();
  };
}

/** Everything on stdin as one message, without the line end at its end. Reads no further than a message may be long. */
async function standardInput({ output }: Invocation): Promise<string> {
  if (process.stdin.isTTY) output.say('Type the message, then Ctrl-D on an empty line.');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    // One more than allowed is enough to know; the caller says so.
    if (bytes > CHAT_TEXT_BYTES_MAX + 2) break;
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/(\r?\n)+$/, '');
}

async function history(
  invocation: Invocation,
  name: string,
  words: readonly string[],
  { search, limit }: ChatOptions,
): Promise<ExitCode> {
  if (words.length > 0) {
    throw new UsageProblem('--history reads and sends nothing', `wren chat ${name} --history --search WORDS`);
  }
  const { output } = invocation;
  const lines = await withAgent(invocation, { start: true }, async (agent) => {
    const found = await agent.request({
      type: 'chat.history',
      with: name,
      limit,
      ...(search === undefined ? {} : { search }),
    });
    if (found.length === 0 && search === undefined) await expectKnown(agent, name);
    // A script that looks is not a person who has read.
    if (!output.json && search === undefined && found.length > 0) await markRead(agent, name);
    return found;
  });
  for (const line of lines) output.object({ event: 'message', ...line });
  for (const line of lines) for (const text of historyLines(line)) output.line(text);
  if (lines.length > 0) return EXIT.done;
  if (!output.json) output.say(search === undefined ? 'Nothing was said yet.' : 'No message has these words.');
  return search === undefined ? EXIT.done : EXIT.couldNot;
}

/** Nothing was said, which is no news of a buddy, a service or a group of ours; throws for whoever is not known here. */
export async function expectKnown(agent: AgentConnection, name: string): Promise<void> {
  const isMeant = (one: string): boolean => foldName(one) === foldName(name);
  if (name.startsWith('#')) {
    const groups = await agent.request({ type: 'group.list' });
    if (!groups.some(({ label }) => isMeant(label))) throw new Refusal('group-unknown', name);
    return;
  }
  const { account, buddies } = await agent.request({ type: 'status' });
  if (account && isMeant(account.name)) throw new Refusal('person-self', name);
  if (!isServiceName(name) && !buddies.some((one) => isMeant(one.name))) throw new Refusal('not-a-buddy', name);
}

async function markRead(agent: AgentConnection, name: string): Promise<void> {
  try {
    await agent.request({ type: 'chat.mark-read', with: name });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

const MARKS: Readonly<Record<ChatLine['mark'], string>> = {
  waiting: ' (waiting)',
  kept: ' (kept by the network)',
  delivered: '',
};

/**
 * `2026-11-25 20:50  bobby1: text`, further lines of one message indented below it. `told`: among others' conversations, so
 * our own lines say to whom. What nobody wrote stands between asterisks.
 */
export function historyLines(line: ChatLine, told = false): string[] {
  if (line.kind !== undefined) return [`${clock(line.sentAtMs)}  * ${plainLines(line.text).join(' ')} *`];
  const where = told && line.author !== undefined ? ` in ${plain(line.with)}` : '';
  const mine = told ? `you to ${plain(line.with)}` : 'you';
  const who = line.direction === 'in' ? `${plain(line.author ?? line.with)}${where}` : mine;
  const mark = line.direction === 'out' ? MARKS[line.mark] : '';
  const [first = '', ...more] = plainLines(line.text);
  return [`${clock(line.sentAtMs)}  ${who}: ${first}${mark}`, ...more.map((text) => `                  ${text}`)];
}
