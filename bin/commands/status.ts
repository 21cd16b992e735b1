/**
 * `wren status` and `wren wait`. Status prints the agent's whole state: for scripts as the tree it is (AppState plus
 * `agent` and `ways`), for people as aligned `label: words` lines that read well aloud, with what to do about what is not well.
 */
import type { Command } from 'commander';
import { type FailureCode, isFailureCode } from '../../src/net/protocol/failures.ts';
import type { RelayCap } from '../../src/net/protocol/relay-cap.ts';
import type { AgentStatus, CallWays } from '../../src/store/port.ts';
import {
  type AppState,
  type AudioReport,
  type Call,
  currentCall,
  type Quality,
  safetyOf,
} from '../../src/store/state.ts';
import { wayLines } from '../../src/tui/monitor/way-rows.ts';
import { nobodySentence } from '../../src/tui/wording.ts';
import { pathWords, safetyWord } from './call-words.ts';
import { devicesWords } from './devices.ts';
import { EXIT } from './exit-codes.ts';
import { sentence } from './failure.ts';
import { protectionWords } from './history.ts';
import { type Act, withAgent } from './invocation.ts';
import { clock, columns, figure, plain, span, stopwatch, whereOf } from './layout.ts';
import { waysOf } from './monitor.ts';
import { mappingWords, natClassWords, natDetailWords, natWords, portWords } from './nat-words.ts';
import { servingLines } from './serving-lines.ts';
import { filterWords } from './sound.ts';
import { examples, secondsValue } from './usage.ts';

/** Without `--for`, `wait` is patient for a day: longer is an agent that somebody should look at. */
const WAIT_SECONDS_DEFAULT = 86_400;

export function addStatus(program: Command, act: Act): void {
  program
    .command('status')
    .description('who I am, how I am connected, calls, and what sound goes through')
    .addHelpText('after', examples('wren status', 'wren status --json'))
    .action(
      act(async (invocation) => {
        const { output } = invocation;
        await withAgent(invocation, { start: true }, async (agent) => {
          const state = await agent.request({ type: 'status' });
          const status = await agent.request({ type: 'agent.status' });
          const ways = await waysOf(agent, state);
          output.object({ ...state, agent: status, ways });
          for (const line of statusLines(state, status, Date.now(), ways)) output.line(line);
        });
        return EXIT.done;
      }),
    );
}

export function addWait(program: Command, act: Act): void {
  program
    .command('wait')
    .option('--for <seconds>', 'give up after so many seconds', secondsValue)
    .description('return when signed in and usable')
    .addHelpText('after', examples('wren wait --for 10 && wren call bobby1'))
    .action(
      act(async (invocation, options: { for?: number }) => {
        const seconds = options.for ?? WAIT_SECONDS_DEFAULT;
        await withAgent(invocation, { start: true }, async (agent) => {
          await agent.request({ type: 'wait', forMs: Math.round(seconds * 1000) });
          const { account, supernode } = await agent.request({ type: 'status' });
          const name = account?.name ?? null;
          invocation.output.tell({ event: 'ready', name, supernode }, `Signed in as ${name}, and reachable.`);
        });
        return EXIT.done;
      }),
    );
}

/** Missed calls that are named; there may be more. */
const MISSED_SHOWN = 5;

/** The lines of `wren status` for people. `nowMs` is the wall clock. */
export function statusLines(
  state: AppState,
  agent: AgentStatus,
  nowMs: number,
  ways: readonly CallWays[] = [],
): string[] {
  const rows: [label: string, words: string][] = [
    ['You:', youWords(state)],
    ['Network:', state.network === null ? 'none yet; wren join INVITE' : plain(state.network)],
    ['Connection:', connectionWords(state)],
    ['NAT:', natWords(state)],
    ...[natClassWords(state), natDetailWords(state), mappingWords(state)].flatMap((words): [string, string][] =>
      words ? [['', words]] : [],
    ),
    ...[portWords(state)].flatMap((words): [string, string][] => (words ? [['Ports:', words]] : [])),
    ['Presence:', state.presence.replaceAll('-', ' ')],
    ['Buddies:', buddyWords(state)],
  ];
  const own = devicesWords(state);
  if (own !== undefined) rows.push(['Devices:', own]);
  for (const buddy of state.buddies) {
    if (buddy.relation === 'incoming') {
      rows.push(['Request:', `${plain(buddy.name)} wants to be your buddy; wren buddies accept ${plain(buddy.name)}`]);
    }
  }
  for (const { name, safety } of state.buddies) {
    if (safety === 'changed')
      rows.push(['Key:', `${plain(name)} has another key than before; wren verify ${plain(name)}`]);
  }
  const unread = state.buddies.filter((buddy) => buddy.unread > 0);
  if (unread.length > 0) {
    rows.push(['Unread:', unread.map((buddy) => `${buddy.unread} from ${plain(buddy.name)}`).join(', ')]);
  }
  const missed = (state.missedCalls ?? [])
    .slice(0, MISSED_SHOWN)
    .map(({ peer, atMs }) => `${plain(peer)} at ${clock(atMs)}`);
  if (missed.length > 0)
    rows.push(['Missed:', `${missed.join(', ')}; wren chat ${plain(state.missedCalls?.[0]?.peer ?? '')} --history`]);
  const call = currentCall(state);
  rows.push(['Call:', call === undefined ? 'none' : callWords(state, call, nowMs)]);
  for (const { peer, device } of state.callsElsewhere ?? []) {
    rows.push(['', `with ${plain(peer)} at ${plain(device)}; wren pull`]);
  }
  if (call?.quality && call.phase === 'running') for (const words of qualityLines(call.quality)) rows.push(['', words]);
  for (const { peer, ways: tried } of ways)
    for (const [at, words] of wayLines(tried).entries()) rows.push([at === 0 ? `Ways to ${plain(peer)}:` : '', words]);
  if (state.history) rows.push(['History:', protectionWords(state.history)]);
  for (const [index, words] of servingLines(state.serving).entries()) rows.push([index === 0 ? 'Serving:' : '', words]);
  rows.push(['Sound:', soundWords(state.audio)]);
  const { priority } = state.audio;
  if (priority !== undefined) rows.push(['', PRIORITIES[priority]]);
  const laptop = endpointWords(state.audio);
  if (laptop !== '') rows.push(['', laptop]);
  const filters = filterWords(state.audio);
  if (filters !== undefined) rows.push(['', filters]);
  const sounds = deviceWords(state.audio);
  if (sounds !== '') rows.push(['', sounds]);
  for (const words of [problemWords(state.audio.problem), state.audio.advice])
    if (words !== '') rows.push(['', plain(words, 400)]);
  rows.push(['Agent:', `process ${agent.pid}, up ${span(agent.uptimeS)}, version ${plain(agent.version)}`]);
  return columns(rows);
}

function youWords({ account }: AppState): string {
  if (account === null) return 'not signed in; wren signin NAME, or wren signup NAME';
  const display = plain(account.displayName);
  return display === '' || display === account.name ? plain(account.name) : `${plain(account.name)} (${display})`;
}

function connectionWords(state: AppState): string {
  const { connection, supernode, standby, supernodesKnown, trouble, tried } = state;
  const words: string[] = [connection];
  if (supernode !== null) {
    words.push(`supernode ${whereOf(supernode.endpoint)} over ${supernode.carrier.toUpperCase()}`);
    if (supernode.proxy !== undefined) words.push(`through the proxy ${plain(supernode.proxy)}`);
    if (supernode.rttMs !== null) words.push(`${figure(supernode.rttMs)} ms round trip`);
    if (supernodesKnown !== undefined) words.push(`${supernodesKnown} known`);
    if (supernode.limitedBy !== undefined) words.push(limitWords(supernode.limitedBy));
  }
  if (standby !== null) words.push(`${whereOf(standby)} in standby`);
  if (trouble !== null) words.push(tried ? nobodySentence(tried) : troubleWords(trouble));
  return words.join(', ');
}

const LIMITS: Readonly<Record<RelayCap, string>> = {
  person: 'as much as anybody may have',
  address: 'as much as your address may have',
  supernode: 'it has no more for anybody',
  streams: 'you have too many calls by relay at once',
};

/** `it limits what it relays for you: ...`: calls and lines through it lose packets. */
export function limitWords(cap: RelayCap): string {
  return `it limits what it relays for you: ${LIMITS[cap] ?? plain(cap)}`;
}

function troubleWords(trouble: FailureCode): string {
  return isFailureCode(trouble) ? sentence(trouble) : trouble;
}

function buddyWords({ buddies }: AppState): string {
  const mutual = buddies.filter((buddy) => buddy.relation === 'both');
  if (mutual.length === 0) return 'none yet; wren buddies add NAME';
  const reachable = mutual.filter((buddy) => buddy.presence !== 'offline').length;
  const verified = mutual.filter((buddy) => buddy.safety === 'verified').length;
  const compared = verified > 0 ? `, ${verified} verified` : '';
  return `${mutual.length}, ${reachable === 0 ? 'nobody' : reachable} online${compared}`;
}

function callWords(state: AppState, call: Call, nowMs: number): string {
  const peer = `${plain(call.peer)}${safetyWord(safetyOf(state, call.peer))}`;
  if (call.phase === 'dialling') return `calling ${peer}`;
  if (call.phase === 'ringing') {
    return call.direction === 'in' ? `${peer} is calling; wren answer --once` : `ringing at ${peer}`;
  }
  const words = [`with ${peer}`];
  if (call.answeredAtMs !== null) words.push(stopwatch(nowMs - call.answeredAtMs));
  if (call.phase === 'held')
    words.push(call.heldBy === 'them' ? `on hold by ${plain(call.peer)}` : 'on hold; wren resume');
  if (call.path !== null) words.push(pathWords(call.path, call.via));
  if (call.muted) words.push('microphone muted; wren unmute');
  const recorders = {
    me: 'recorded by you; wren record off',
    them: `recorded by ${plain(call.peer)}`,
    both: 'recorded by both',
  };
  if (call.recordedBy && call.recordedBy !== 'nobody') words.push(recorders[call.recordedBy]);
  if (call.leftOpen) words.push('microphone left open; wren mic off');
  if (call.quality !== null) words.push(call.quality.trouble || call.quality.verdict);
  return words.join(', ');
}

/** The figures of a running call, for whoever looks after the line. */
function qualityLines(quality: Quality): string[] {
  const { rttMs, mouthToEarMs, targetMs, latePct, stretchedMs } = quality;
  const ms = (value: number | null, words: string): string[] =>
    value === null ? [] : [`${words} ${figure(value)} ms`];
  const network = [
    ...ms(rttMs, 'round trip'),
    ...ms(quality.jitterMs, 'jitter'),
    `loss ${figure(quality.lossInPct)} % in and ${figure(quality.lossOutPct)} % out`,
    `${figure(quality.bitrate / 1000)} kbit/s, ${quality.redundancy} copies, ${figure(quality.sentPps)} packets/s`,
  ];
  const playout = [
    ...ms(mouthToEarMs, 'mouth to ear'),
    `buffer ${figure(quality.bufferMs)}${targetMs === undefined ? '' : ` of ${figure(targetMs)}`} ms`,
    ...(latePct === undefined ? [] : [`late ${figure(latePct)} %`]),
    `concealed ${figure(quality.concealedPct)} %`,
    ...(stretchedMs === undefined ? [] : [`stretched ${figure(stretchedMs)} ms`]),
    `MOS ${quality.mos.toFixed(1)} (estimated)`,
  ];
  return [network.join(', '), playout.join(', ')];
}

const CODECS = { native: 'native Opus', wasm: 'Opus in WebAssembly', unknown: '' } as const;
const BACKENDS = {
  portaudio: 'PortAudio',
  pulse: 'PulseAudio',
  file: 'files',
  none: 'no sound',
  socket: 'a forwarded endpoint',
  unknown: '',
} as const;
const PRIORITIES = {
  raised: 'raised priority in calls',
  'not allowed': 'ordinary priority in calls: raising it takes root, CAP_SYS_NICE or a nice limit of -10',
} as const;
const FILTERS = { speex: 'filtered by speexdsp', own: "filtered by wren's own", none: 'not filtered' } as const;

/** A code with a detail, as the agent keeps it, or a sentence already. */
export function problemWords(problem: string): string {
  const [, code = '', detail = ''] = /^([a-z-]+): ([\s\S]*)$/.exec(problem) ?? [];
  return isFailureCode(code) ? sentence(code, detail) : problem;
}

/** Which devices the running call uses; empty outside of calls and where nobody can tell. */
function deviceWords({ using }: AudioReport): string {
  if (!using || (using.input === null && using.output === null)) return '';
  return `microphone ${plain(using.input ?? 'not told')}, speaker ${plain(using.output ?? 'not told')}`;
}

/** The laptop of `wren ssh`; empty while there is none. */
function endpointWords({ endpoint, talk }: AudioReport): string {
  if (!endpoint) return '';
  const name = plain(endpoint.name || 'the laptop');
  const { state, rttMs, delayMs } = endpoint;
  if (state === 'ready') return `microphone and speaker of ${name} by ssh`;
  if (state === 'away')
    return `${name} is away, the call is ${talk?.detach ?? 'muted'}; wren ssh from there takes it up`;
  const ways = rttMs === null ? '' : `, ${figure(rttMs)} ms round trip, ${figure(delayMs ?? 0)} ms added to your voice`;
  return `microphone and speaker of ${name} by ssh${ways}`;
}

function soundWords({ spec, backend, codec, filter }: AudioReport): string {
  const by = filter === undefined ? '' : (FILTERS[filter] ?? filter);
  const parts = [BACKENDS[backend] ?? backend, CODECS[codec] ?? codec, by].filter((part) => part !== '');
  const known = parts.length > 0 ? parts.join(', ') : 'not used yet';
  // The place is for programs.
  return spec.startsWith('socket:') ? known : `${plain(spec)}: ${known}`;
}
