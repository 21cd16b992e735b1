/**
 * `wren history export`: messages and calls as one JSON document or as text to be read, to a file for its owner only or to
 * stdout. Read page by page, so that a history of any size passes; a file appears under its name when it is complete.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { HISTORY_PAGE_LINES_MAX } from '../../src/net/protocol/params.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import { isDiskFull } from '../../src/store/atomic-file.ts';
import type { LoggedCall } from '../../src/store/history-sql.ts';
import type { ChatLine } from '../../src/store/state.ts';
import { historyLines } from './chat.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { callLine } from './history.ts';
import { type Invocation, withAgent } from './invocation.ts';
import { counted } from './layout.ts';
import type { Output } from './output.ts';
import { UsageProblem } from './usage.ts';

export interface ExportOptions {
  readonly format: 'json' | 'text';
  readonly force?: boolean;
}

type Whom = { readonly with?: string };
type Write = (text: string) => void;

export async function exportHistory(
  invocation: Invocation,
  whom: Whom,
  file: string,
  { format, force }: ExportOptions,
): Promise<ExitCode> {
  const { output } = invocation;
  const path = file === '-' ? null : resolve(file);
  if (path !== null && !force && existsSync(path)) {
    throw new UsageProblem(`${file} is there already`, 'another name, or the same with --force');
  }
  const counts = await withAgent(invocation, { start: true }, async (agent) => {
    // Another program reads stdout: one object a line, as of every command.
    if (path === null && output.json) return asObjects(agent, whom, output);
    const write = (text: Write) => (format === 'json' ? asJson(agent, whom, text) : asText(agent, whom, text));
    return path === null ? write((text) => void process.stdout.write(text)) : intoFile(path, write);
  });
  if (path !== null) {
    const what = `${counted(counts.lines, 'message', 'messages')} and ${counted(counts.calls, 'call', 'calls')}`;
    output.tell({ event: 'exported', file: path, ...counts }, `Wrote ${what} to ${file}, not encrypted.`);
  }
  return EXIT.done;
}

interface Counts {
  readonly lines: number;
  readonly calls: number;
}

async function asJson(agent: AgentConnection, whom: Whom, write: Write): Promise<Counts> {
  const { account } = await agent.request({ type: 'status' });
  const counts = { lines: 0, calls: 0 };
  write(`{"account":${JSON.stringify(account?.name ?? null)},"exportedAtMs":${Date.now()},"messages":[`);
  for await (const line of linesOf(agent, whom)) write(`${counts.lines++ === 0 ? '' : ','}\n${JSON.stringify(line)}`);
  write('],"calls":[');
  for await (const call of callsOf(agent, whom)) write(`${counts.calls++ === 0 ? '' : ','}\n${JSON.stringify(call)}`);
  write(']}\n');
  return counts;
}

async function asObjects(agent: AgentConnection, whom: Whom, output: Output): Promise<Counts> {
  const counts = { lines: 0, calls: 0 };
  for await (const line of linesOf(agent, whom)) {
    counts.lines += 1;
    output.object({ event: 'message', ...line });
  }
  for await (const call of callsOf(agent, whom)) {
    counts.calls += 1;
    output.object({ event: 'call', ...call });
  }
  output.object({ event: 'exported', file: null, ...counts });
  return counts;
}

async function asText(agent: AgentConnection, whom: Whom, write: Write): Promise<Counts> {
  const counts = { lines: 0, calls: 0 };
  for await (const line of linesOf(agent, whom)) {
    counts.lines += 1;
    write(`${historyLines(line, whom.with === undefined).join('\n')}\n`);
  }
  for await (const call of callsOf(agent, whom)) {
    if (counts.calls++ === 0) write('\nCalls, newest first:\n');
    write(`${callLine(call)}\n`);
  }
  return counts;
}

async function* linesOf(agent: AgentConnection, whom: Whom): AsyncGenerator<ChatLine> {
  for (let after: number | null = 0; after !== null; ) {
    const page: { lines: readonly ChatLine[]; next: number | null } = await agent.request({
      type: 'history.export',
      after,
      ...whom,
    });
    yield* page.lines;
    after = page.next;
  }
}

async function* callsOf(agent: AgentConnection, whom: Whom): AsyncGenerator<LoggedCall> {
  for (let beforeMs = Number.MAX_SAFE_INTEGER; ; ) {
    const calls = await agent.request({ type: 'history.calls', limit: HISTORY_PAGE_LINES_MAX, beforeMs, ...whom });
    yield* calls;
    const last = calls.at(-1);
    if (!last) return;
    beforeMs = last.startedAtMs;
  }
}

function opened(aside: string, path: string): number {
  try {
    return openSync(aside, 'wx', 0o600);
  } catch (error) {
    if (isDiskFull(error)) throw new Refusal('disk-full', path);
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageProblem(`${path} cannot be written (${code})`, 'another place, such as ~/history.json');
  }
}

/** Whole under its name, or not at all. */
async function intoFile(path: string, fill: (write: Write) => Promise<Counts>): Promise<Counts> {
  const aside = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.new`);
  const file = opened(aside, path);
  try {
    const counts = await fill((text) => {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at);
    });
    fsyncSync(file);
    renameSync(aside, path);
    return counts;
  } catch (error) {
    rmSync(aside, { force: true });
    throw isDiskFull(error) ? new Refusal('disk-full', path) : error;
  } finally {
    closeSync(file);
  }
}
