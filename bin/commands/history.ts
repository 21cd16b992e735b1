/**
 * `wren history`: what was said and who called, over all conversations or one: looked at, searched, exported
 * (`history-export.ts`), erased, and how it lies on the disk. A bare `wren history` lists. What a person reads here does not
 * count as read: that is for `wren chat NAME --history` and the screen.
 */
import { createInterface } from 'node:readline/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { HISTORY_PAGE_LINES_MAX } from '../../src/net/protocol/params.ts';
import type { LoggedCall } from '../../src/store/history-sql.ts';
import type { ChatLine, HistoryReport } from '../../src/store/state.ts';
import { expectKnown, historyLines } from './chat.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type ExportOptions, exportHistory } from './history-export.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { clock, counted, plain, stopwatch } from './layout.ts';
import { Interrupted } from './prompt.ts';
import { conversationValue, examples, UsageProblem, wholeNumberValue } from './usage.ts';

const LINES_DEFAULT = 50;

interface ListOptions {
  readonly search?: string;
  readonly limit: number;
}

interface EraseOptions {
  readonly all?: boolean;
  readonly before?: number;
  readonly yes?: boolean;
}

export function addHistory(program: Command, act: Act): void {
  const history = program
    .command('history')
    .description('what was said and who called: list, search, export, erase, encrypt')
    .addHelpText(
      'after',
      examples('wren history', 'wren history bobby1 --search lunch', 'wren history export all.json'),
    );
  history
    .command('list', { isDefault: true })
    .argument('[name]', 'with whom; without it, everybody', conversationValue)
    .option('--search <words>', 'only messages with these words')
    .option('--limit <n>', 'the newest so many', wholeNumberValue(1, HISTORY_PAGE_LINES_MAX), LINES_DEFAULT)
    .description('messages and calls, oldest first')
    .addHelpText('after', examples('wren history', 'wren history bobby1', 'wren history --search "lunch tomorrow"'))
    .action(act((invocation, name: string | undefined, options: ListOptions) => list(invocation, name, options)));
  history
    .command('export')
    .argument('<file>', 'where to; "-" is stdout')
    .argument('[more]', 'after a NAME: where to; only the conversation with NAME is written')
    .usage('[options] [NAME] <FILE|->')
    .option('--format <form>', 'json: everything, in one document; text: to be read', formValue, 'json')
    .option('--force', 'replace the file if there is one')
    .description('write messages and calls to a file, for your eyes only')
    .addHelpText('after', examples('wren history export all.json', 'wren history export bobby1 --format text -'))
    .action(
      act((invocation, first: string, second: string | undefined, options: ExportOptions) =>
        exportHistory(
          invocation,
          second === undefined ? {} : { with: conversationValue(first) },
          second ?? first,
          options,
        ),
      ),
    );
  addErase(history, act);
  addEncryption(history, act);
}

function addErase(history: Command, act: Act): void {
  history
    .command('erase')
    .argument('[name]', 'the conversation with this person', conversationValue)
    .option('--all', 'everything')
    .option('--before <date>', 'only what is older: 2026-11-26, or 2026-11-26T18:30', dateValue)
    .option('--yes', 'do not ask')
    .description('erase messages and calls for good')
    .addHelpText(
      'after',
      examples('wren history erase bobby1', 'wren history erase --before 2026-01-01', 'wren history erase --all --yes'),
    )
    .action(act((invocation, name: string | undefined, options: EraseOptions) => erase(invocation, name, options)));
}

function addEncryption(history: Command, act: Act): void {
  const words = [
    {
      word: 'encrypt',
      encryption: 'auto',
      description: 'encrypt it where the system has a secret store (the default)',
    },
    { word: 'decrypt', encryption: 'off', description: 'keep it in plain files that only you may read' },
    { word: 'unlock', encryption: 'again', description: "ask the system's secret store for the key once more" },
  ] as const;
  for (const { word, encryption, description } of words) {
    history
      .command(word)
      .description(description)
      .addHelpText('after', examples(`wren history ${word}`))
      .action(
        act(async (invocation) => {
          const report = await withAgent(invocation, { start: true }, (agent) =>
            agent.request({ type: 'history.encrypt', encryption }),
          );
          invocation.output.tell({ event: 'history', ...report }, `${protectionWords(report)}.`);
          return wanted(report, encryption) ? EXIT.done : EXIT.degraded;
        }),
      );
  }
}

function wanted({ protection }: HistoryReport, encryption: 'auto' | 'off' | 'again'): boolean {
  return protection === (encryption === 'off' ? 'file-permissions' : 'secret-store');
}

async function list(invocation: Invocation, name: string | undefined, options: ListOptions): Promise<ExitCode> {
  const { output } = invocation;
  const { search, limit } = options;
  const { lines, calls } = await withAgent(invocation, { start: true }, async (agent) => {
    const query = { limit, ...(search === undefined ? {} : { search }) };
    const said =
      name === undefined
        ? await agent.request({ type: 'history.lines', ...query })
        : await agent.request({ type: 'chat.history', with: name, ...query });
    const whom = name === undefined ? {} : { with: name };
    const called = search === undefined ? await agent.request({ type: 'history.calls', limit, ...whom }) : [];
    const isEmpty = said.length + called.length === 0 && search === undefined;
    if (isEmpty && name !== undefined) await expectKnown(agent, name);
    return { lines: said, calls: called };
  });
  const entries = merged(lines, calls).slice(-limit);
  for (const entry of entries) {
    if ('line' in entry) output.object({ event: 'message', ...entry.line });
    else output.object({ event: 'call', ...entry.call });
  }
  for (const entry of entries) {
    const words = 'line' in entry ? historyLines(entry.line, name === undefined) : [callLine(entry.call)];
    for (const text of words) output.line(text);
  }
  if (entries.length > 0) return EXIT.done;
  if (!output.json) output.say(search === undefined ? 'Nothing was said yet.' : 'No message has these words.');
  return search === undefined ? EXIT.done : EXIT.couldNot;
}

type Entry = { readonly atMs: number } & ({ readonly line: ChatLine } | { readonly call: LoggedCall });

/** Oldest first. */
export function merged(lines: readonly ChatLine[], calls: readonly LoggedCall[]): Entry[] {
  const entries: Entry[] = [
    ...lines.map((line) => ({ atMs: line.storedAtMs, line })),
    ...calls.map((call) => ({ atMs: call.startedAtMs, call })),
  ];
  return entries.sort((a, b) => a.atMs - b.atMs);
}

/** `2026-11-25 20:50  call from bobby1, 3:12`. */
export function callLine(call: LoggedCall): string {
  const { peer, direction, startedAtMs, answeredAtMs, endedAtMs, reason, missed } = call;
  const who = `${missed ? 'missed call from' : direction === 'in' ? 'call from' : 'call to'} ${plain(peer)}`;
  const ended = endedAtMs === null ? 'still going on' : answeredAtMs === null ? plain(reason ?? '') : '';
  const talked = answeredAtMs !== null && endedAtMs !== null ? stopwatch(endedAtMs - answeredAtMs) : ended;
  const more = missed || talked === '' ? '' : `, ${talked.replaceAll('-', ' ')}`;
  return `${clock(startedAtMs)}  ${who}${more}`;
}

async function erase(invocation: Invocation, name: string | undefined, options: EraseOptions): Promise<ExitCode> {
  const { all, before, yes } = options;
  if (name === undefined && before === undefined && !all) {
    throw new UsageProblem('what is to be erased?', 'wren history erase NAME, --before DATE, or --all');
  }
  if (name !== undefined && all) throw new UsageProblem('NAME or --all, not both', `wren history erase ${name}`);
  const { output } = invocation;
  if (!yes) await confirm(invocation, `Erase ${whatWords(name, before)} for good?`);
  const erased = await withAgent(invocation, { start: true }, (agent) =>
    agent.request({
      type: 'history.erase',
      ...(name === undefined ? {} : { with: name }),
      ...(before === undefined ? {} : { beforeMs: before }),
      ...(all ? { all } : {}),
    }),
  );
  const gone = `${counted(erased.lines, 'message', 'messages')} and ${counted(erased.calls, 'call', 'calls')}`;
  const kept = erased.waiting > 0 ? ` ${counted(erased.waiting, 'message', 'messages')} not delivered yet stay.` : '';
  const sentence = erased.discarded ? 'Threw away what could not be read any more.' : `Erased ${gone}.${kept}`;
  output.tell({ event: 'erased', with: name ?? null, ...erased }, sentence);
  return EXIT.done;
}

function whatWords(name: string | undefined, beforeMs: number | undefined): string {
  const what = name === undefined ? 'all messages and calls' : `the conversation with ${name} and its calls`;
  return beforeMs === undefined ? what : `${what} before ${clock(beforeMs)}`;
}

/** Throws unless a person at the terminal says yes. */
async function confirm({ output }: Invocation, question: string): Promise<void> {
  if (!process.stdin.isTTY) throw new UsageProblem('nobody is there to be asked', 'the same with --yes');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    terminal.close();
  }
  output.say('Nothing was erased.');
  throw new Interrupted();
}

/** `history`: what `wren status` tells of it. */
export function protectionWords({ protection, why }: HistoryReport): string {
  if (protection === 'secret-store') return `encrypted on this disk, ${plain(why, 200)}`;
  if (protection === 'locked') return `locked, ${plain(why, 200)}; wren history unlock`;
  return `plain on this disk, readable by you and the administrator alone: ${plain(why, 200)}`;
}

function formValue(text: string): 'json' | 'text' {
  if (text === 'json' || text === 'text') return text;
  throw new InvalidArgumentError('It is json or text.');
}

/** The start of a day, or a minute, in the time zone of the machine. */
export function dateValue(text: string): number {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d))?$/.exec(text);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = (match ?? []).slice(1).map((part) => Number(part ?? 0));
  const date = new Date(year, month - 1, day, hour, minute);
  if (match && date.getMonth() === month - 1 && date.getDate() === day && hour < 24 && minute < 60)
    return date.getTime();
  throw new InvalidArgumentError('A date is written 2026-11-26, or 2026-11-26T18:30.');
}
