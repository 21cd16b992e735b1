/**
 * What `wren monitor` sees, second by second: folds the agent's events into a state, takes a sample of it each second, and keeps what
 * happened as lines. Time is handed in; `monitor.ts` has the clock and the agent, screen and JSON read from here.
 */

import type { AgentEvent, AgentResults, CallEvent, CallWays } from '../../src/store/port.ts';
import { reduce } from '../../src/store/reduce.ts';
import { type AppState, currentCall } from '../../src/store/state.ts';
import type { LogLine, MonitorView } from '../../src/tui/monitor/monitor-rows.ts';
import { type MonitorSample, SAMPLES_MAX, sampleOf } from '../../src/tui/monitor/samples.ts';
import { callWords, pathWords } from './call-words.ts';
import { stepsOf } from './check-path.ts';
import { sentence } from './failure.ts';
import { plain, whereOf } from './layout.ts';
import { mappingWords, natClassWords } from './nat-words.ts';

/** Of log lines, and of ways tried. */
const LINES_MAX = 200;

export class MonitorFeed {
  #state: AppState;
  #samples: MonitorSample[] = [];
  #log: LogLine[] = [];
  #paths: LogLine[] = [];
  #ways: readonly CallWays[];
  #note = '';
  #verdict = '';
  /** The relayed bytes when they changed last, and the rate since the time before. */
  #relayed: { readonly bytes: number; readonly atMs: number; readonly kbps: number | null } | undefined;

  constructor(state: AppState, nowMs: number, ways: readonly CallWays[] = []) {
    this.#state = state;
    this.#ways = ways;
    const call = currentCall(state);
    if (call?.path) this.#path(nowMs, `call with ${plain(call.peer)}: ${pathWords(call.path, call.via)}`);
    this.sample(nowMs);
  }

  view(): MonitorView {
    return { samples: this.#samples, log: this.#log, paths: this.#paths, note: this.#note };
  }

  get state(): AppState {
    return this.#state;
  }

  /** The state of this second; remembered. */
  sample(nowMs: number): MonitorSample {
    const sample = sampleOf(this.#state, currentCall(this.#state), nowMs, {
      relayKbps: this.#relayKbps(nowMs),
      ways: this.#ways,
    });
    this.#samples = [...this.#samples.slice(1 - SAMPLES_MAX), sample];
    return sample;
  }

  /** Returns what is worth a line, for who reads lines. */
  heard(event: AgentEvent, nowMs: number): LogLine | undefined {
    const before = this.#state;
    this.#state = reduce(before, event);
    if (event.type === 'call.event' && event.event.event === 'path') {
      const { peer, path, via } = event.event;
      this.#path(nowMs, `call with ${plain(peer)}: ${pathWords(path, via)}`);
    }
    if (event.type === 'link.changed' && event.tried && event.tried.ways.length > 0) {
      this.#path(nowMs, `to a supernode in vain: ${event.tried.ways.map((way) => plain(way)).join(', ')}`);
    }
    const words = wordsOf(event, before, this.#state, this.#newVerdict(event));
    return words === undefined ? undefined : this.#line(nowMs, words);
  }

  /** How the ways of the call stand; of the samples from now on. */
  waysTold(ways: readonly CallWays[]): void {
    this.#ways = ways;
  }

  /** The silent test of the ways to somebody, as `wren check NAME` makes it. */
  waysTested(name: string, report: AgentResults['check.path'], nowMs: number): void {
    for (const { name: way, cause } of stepsOf(name, report)) this.#path(nowMs, `${way} to ${plain(name)}: ${cause}`);
  }

  note(text: string, nowMs: number): void {
    this.#note = text;
    if (text !== '') this.#line(nowMs, text);
  }

  #line(atMs: number, text: string): LogLine {
    const line = { atMs, text };
    this.#log = [...this.#log, line].slice(-LINES_MAX);
    return line;
  }

  #path(atMs: number, text: string): void {
    if (this.#paths.at(-1)?.text === text) return;
    this.#paths = [...this.#paths, { atMs, text }].slice(-LINES_MAX);
  }

  /** Undefined unless the event is a second of a call that is judged otherwise than the one before. */
  #newVerdict(event: AgentEvent): string | undefined {
    if (event.type !== 'call.event') return undefined;
    if (event.event.event !== 'quality') {
      this.#verdict = event.event.event === 'ringing' ? '' : this.#verdict;
      return undefined;
    }
    const { verdict, trouble } = event.event;
    if (verdict === this.#verdict) return undefined;
    this.#verdict = verdict;
    return plain(trouble || verdict);
  }

  /** The agent tells of what it carries now and then: the rate is that between the last two times. */
  #relayKbps(nowMs: number): number | null {
    const bytes = this.#state.serving?.cost?.relayedBytes;
    if (bytes === undefined) this.#relayed = undefined;
    else if (!this.#relayed || bytes < this.#relayed.bytes) this.#relayed = { bytes, atMs: nowMs, kbps: null };
    else if (bytes > this.#relayed.bytes && nowMs > this.#relayed.atMs) {
      const kbps = ((bytes - this.#relayed.bytes) * 8) / (nowMs - this.#relayed.atMs);
      this.#relayed = { bytes, atMs: nowMs, kbps };
    }
    return this.#relayed?.kbps ?? null;
  }
}

function wordsOf(
  event: AgentEvent,
  before: AppState,
  after: AppState,
  verdict: string | undefined,
): string | undefined {
  switch (event.type) {
    case 'call.event':
      return verdict ?? (event.event.event === 'quality' ? undefined : callEventWords(event.event, after));
    case 'link.changed':
      return linkWords(before, after);
    case 'nat.changed':
      return `NAT: ${natClassWords(after) ?? 'not found out'}`;
    case 'mapping.changed':
      return mappingWords(after) ?? 'the router passes no port on to us';
    case 'serving.changed':
      return before.serving?.role === after.serving?.role ? undefined : `serving: ${plain(after.serving?.why ?? '')}`;
    case 'account.signed-in':
      return `signed in as ${plain(event.account.name)}`;
    case 'account.signed-out':
      return 'signed out';
    case 'notice':
      return sentence(event.code, event.detail);
    default:
      return undefined;
  }
}

function callEventWords(event: CallEvent, state: AppState): string | undefined {
  const direction = state.calls.find(({ call }) => call === event.call)?.direction ?? 'out';
  return callWords(event, direction);
}

function linkWords(before: AppState, after: AppState): string | undefined {
  const { connection, supernode, trouble } = after;
  const where = (state: AppState): string =>
    `${state.connection} ${state.supernode?.endpoint} ${state.supernode?.carrier}`;
  if (where(before) === where(after) && before.trouble === trouble) {
    if (before.supernode?.limitedBy === supernode?.limitedBy) return undefined;
    return supernode?.limitedBy
      ? `the supernode limits what it relays for us (${supernode.limitedBy})`
      : 'the supernode limits us no more';
  }
  if (supernode === null) return trouble === null ? connection : `${connection}: ${sentence(trouble)}`;
  return `${connection}: supernode ${whereOf(supernode.endpoint)} over ${supernode.carrier.toUpperCase()}`;
}
