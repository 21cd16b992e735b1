/**
 * What `wren monitor` shows, before anything is drawn: the keys, the pages as lines of text, the charts with what stands
 * above them, and how the terminal is divided. Every figure stands there as a word and a number, so that nothing depends on
 * colour or on a chart. Pure; `monitor-screen.ts` draws it.
 */
import type { KnownSupernode } from '../../store/port.ts';
import type { CallPath } from '../../store/state.ts';
import { type ChartedFigure, type MonitorSample, valuesOf } from './samples.ts';
import { time, wayLines } from './way-rows.ts';

export interface LogLine {
  /** Wall clock, ms. */
  readonly atMs: number;
  readonly text: string;
}

export interface MonitorView {
  /** Oldest first; at least one. */
  readonly samples: readonly MonitorSample[];
  /** Oldest first. */
  readonly log: readonly LogLine[];
  /** Ways that were taken or tried, as sentences, oldest first. */
  readonly paths: readonly LogLine[];
  /** What a person should know above all; empty when there is nothing. */
  readonly note: string;
}

export type Page = 'call' | 'network' | 'log' | 'map' | 'help';

/** The keys: one table for what they do, the line at the bottom and the page of help. */
export const MONITOR_KEYS: readonly {
  readonly keys: readonly string[];
  readonly act: MonitorAct;
  readonly help: string;
}[] = [
  { keys: ['1'], act: 'call', help: 'the call: round trip, jitter, loss, buffer, bit rate' },
  { keys: ['2'], act: 'network', help: 'the network: paths tried, supernodes, what this machine relays' },
  { keys: ['3'], act: 'log', help: 'what has happened' },
  { keys: ['4'], act: 'map', help: 'supernodes on a map of the world' },
  { keys: ['tab', 'right', 'l'], act: 'next', help: 'the next page' },
  { keys: ['left', 'h'], act: 'previous', help: 'the page before' },
  { keys: ['up', 'k'], act: 'up', help: 'scroll up' },
  { keys: ['down', 'j'], act: 'down', help: 'scroll down' },
  { keys: ['space', 'p'], act: 'pause', help: 'stop the picture, or let it go on' },
  { keys: ['t'], act: 'test', help: 'test the ways to the person in the call; they notice nothing' },
  { keys: ['r', 'C-l'], act: 'redraw', help: 'draw everything again' },
  { keys: ['?'], act: 'help', help: 'this page, or back' },
  { keys: ['q', 'escape', 'C-c'], act: 'leave', help: 'leave; a call goes on' },
];
export type MonitorAct =
  | Exclude<Page, 'help'>
  | 'next'
  | 'previous'
  | 'up'
  | 'down'
  | 'pause'
  | 'test'
  | 'redraw'
  | 'help'
  | 'leave';

export const PAGES: readonly Page[] = ['call', 'network', 'log', 'map'];

export function keyLine(columns: number): string {
  const long = '1-4 pages  Up/Down scroll  p pause  t test ways  ? help  q leave';
  return columns >= long.length ? long : '1-4 pages  ? help  q leave';
}

/** `[1 call] 2 network 3 log 4 map`: the page that is shown in brackets, so that it is told without colour. */
export function titleLine(page: Page, paused: boolean, columns: number): string {
  const names = PAGES.map((one, at) => (one === page ? `[${at + 1} ${one}]` : ` ${at + 1} ${one} `)).join('');
  const words = `wren monitor ${names}${paused ? ' PAUSED' : ''}`;
  return words.length <= columns ? words : `${names.trim()}${paused ? ' PAUSED' : ''}`;
}

/** Two columns, or where there is no room for them keys and words behind one another. */
export function helpLines(columns: number): string[] {
  const shown = (key: string): string => KEY_NAMES[key] ?? key;
  return MONITOR_KEYS.map(({ keys, help }) => {
    const names = keys.map(shown).join(', ');
    return columns < HELP_COLUMNS_MIN ? `${names} - ${help}` : `${names.padEnd(16)} ${help}`;
  });
}

const HELP_COLUMNS_MIN = 80;

/** The title above a chart of `columns`: the range goes first, before half of it would stand there. */
export function fittingTitle(title: string, columns: number): string {
  return title.length <= columns ? title : title.replace(/ \(\S+ to \S+\)$/, '');
}

const KEY_NAMES: Readonly<Record<string, string>> = {
  ...{ tab: 'Tab', right: 'Right', left: 'Left', up: 'Up', down: 'Down', space: 'Space', escape: 'Esc' },
  ...{ 'C-l': 'Ctrl-L', 'C-c': 'Ctrl-C' },
};

interface Charted {
  readonly figure: ChartedFigure;
  readonly title: string;
  readonly unit: string;
  /** What is shown of one of its own unit. */
  readonly scale: number;
}

const CHARTED: readonly Charted[] = [
  { figure: 'rttMs', title: 'round trip', unit: 'ms', scale: 1 },
  { figure: 'jitterMs', title: 'jitter', unit: 'ms', scale: 1 },
  { figure: 'lossInPct', title: 'loss in', unit: '%', scale: 1 },
  { figure: 'bufferMs', title: 'buffer', unit: 'ms', scale: 1 },
  { figure: 'bitrate', title: 'bit rate', unit: 'kbit/s', scale: 0.001 },
];
const LOSS_OUT: Charted = { figure: 'lossOutPct', title: 'loss out', unit: '%', scale: 1 };

export interface Chart {
  readonly figure: ChartedFigure;
  /** `round trip 24 ms (12 to 80)`. */
  readonly title: string;
  /** In the unit of the title, oldest first; the second before stands in for one that is missing. */
  readonly values: readonly number[];
}

/** Empty values: nothing was measured in these seconds. */
export function charts(samples: readonly MonitorSample[], seconds: number): Chart[] {
  const shown = samples.slice(-seconds);
  const out = valuesOf(shown, 'lossOutPct').findLast((value) => value !== null) ?? null;
  return CHARTED.map((one) => {
    const title = titleOf(one, shown);
    const lossIn = valuesOf(shown, 'lossInPct').at(-1) ?? null;
    const both = lossIn === null || out === null ? title : `loss ${short(lossIn)} % in, ${short(out)} % out`;
    return { figure: one.figure, title: one.figure === 'lossInPct' ? both : title, values: filled(scaled(one, shown)) };
  });
}

function scaled({ figure, scale }: Charted, samples: readonly MonitorSample[]): (number | null)[] {
  return valuesOf(samples, figure).map((value) => (value === null ? null : value * scale));
}

function titleOf(one: Charted, samples: readonly MonitorSample[]): string {
  const values = scaled(one, samples);
  const known = values.filter((value) => value !== null);
  const last = values.at(-1) ?? null;
  const where = one.figure === 'rttMs' && samples.at(-1)?.call === null ? `${one.title} (supernode)` : one.title;
  if (known.length === 0) return `${where} -`;
  const range = `(${short(Math.min(...known))} to ${short(Math.max(...known))})`;
  return `${where} ${last === null ? '-' : short(last)} ${one.unit} ${range}`;
}

function filled(values: readonly (number | null)[]): number[] {
  const first = values.findIndex((value) => value !== null);
  let before = 0;
  return (first < 0 ? [] : values.slice(first)).map((value) => {
    before = value ?? before;
    return before;
  });
}

const BLOCKS = [...'▁▂▃▄▅▆▇█'];
const SIGNS = [...'_.-=+*#@'];

/** One sign a value, the newest at the right; a value that is missing is a blank. */
export function sparkline(values: readonly (number | null)[], columns: number, unicode: boolean): string {
  const steps = unicode ? BLOCKS : SIGNS;
  const shown = values.slice(-Math.max(0, columns));
  const most = Math.max(...shown.map((value) => value ?? 0), Number.MIN_VALUE);
  const signs = shown.map((value) =>
    value === null ? ' ' : (steps[Math.min(steps.length - 1, Math.floor((value / most) * steps.length))] ?? ' '),
  );
  return signs.join('').padStart(Math.max(0, columns));
}

/** `[#####.....]`: how much of a limit is used. */
export function gauge(value: number, most: number, width: number): string {
  const share = most > 0 ? Math.min(1, Math.max(0, value / most)) : 0;
  const full = Math.round(share * width);
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`;
}

/** What stands beside the charts, and alone where there is no room for charts. */
export function callLines({ samples, note }: MonitorView): string[] {
  const last = samples.at(-1);
  if (!last) return [];
  const lines = note === '' ? [] : [note];
  const { call } = last;
  if (!call) return [...lines, 'no call', ...linkLines(last)];
  const seconds = call.answeredAtMs === null ? null : Math.max(0, Math.round((last.at - call.answeredAtMs) / 1000));
  const others = call.people > 2 ? ` and ${call.people - 2} more` : '';
  lines.push(
    `${PHASES[call.phase] ?? call.phase} ${printable(call.peer)}${others}${seconds === null ? '' : `, ${span(seconds)}`}`,
  );
  lines.push(`path ${pathWords(call.path, call.via)}${call.reconnecting ? ', looking for another' : ''}`);
  const { quality } = call;
  if (!quality) return [...lines, 'no figures yet'];
  lines.push(printable(quality.trouble || quality.verdict));
  lines.push(`MOS ${quality.mos.toFixed(1)}, concealed ${short(quality.concealedPct)} %`);
  if (quality.mouthToEarMs !== null) lines.push(`mouth to ear ${short(quality.mouthToEarMs)} ms`);
  lines.push(`${short(quality.sentPps)} packets/s out, ${short(quality.recvPps)} in`);
  if (call.muted) lines.push('microphone muted');
  return lines;
}

const PHASES: Readonly<Record<string, string>> = {
  ...{ dialling: 'calling', ringing: 'ringing:', running: 'call with', held: 'on hold:', ended: 'ended:' },
};

/** One line a figure, with its last seconds as a row of signs. */
export function figureLines({ samples }: MonitorView, columns: number, unicode: boolean): string[] {
  return [...CHARTED.slice(0, 3), LOSS_OUT, ...CHARTED.slice(3)].map((one) => {
    const values = scaled(one, samples);
    const last = values.at(-1) ?? null;
    const figure = `${one.title.padEnd(10)} ${(last === null ? '-' : short(last)).padStart(5)} ${one.unit.padEnd(6)} `;
    return `${figure}${sparkline(values, columns - figure.length, unicode)}`;
  });
}

function linkLines({ connection, supernode, standby, supernodesKnown }: MonitorSample): string[] {
  if (!supernode) return [`${connection}, no supernode`];
  const by = supernode.proxy === null ? '' : ', through the proxy';
  return [
    `${connection}, supernode ${place(supernode.endpoint)} over ${supernode.carrier.toUpperCase()}${by}`,
    `round trip ${supernode.rttMs === null ? '-' : `${short(supernode.rttMs)} ms`}, ${standby === null ? 'no standby' : `standby ${place(standby)}`}${supernodesKnown === null ? '' : `, ${supernodesKnown} known`}`,
  ];
}

const GAUGE_WIDTH = 20;

export function networkLines(view: MonitorView, columns: number): string[] {
  const last = view.samples.at(-1);
  if (!last) return [];
  const { serving, supernode, supernodeLoadPct } = last;
  const width = Math.min(GAUGE_WIDTH, Math.max(6, columns - 30));
  const lines = [...(view.note === '' ? [] : [view.note]), ...linkLines(last)];
  if (supernode?.limitedBy)
    lines.push(`IT LIMITS WHAT IT RELAYS FOR US (cap of the ${printable(supernode.limitedBy)})`);
  lines.push(
    supernodeLoadPct === null
      ? 'supernode load not told to this machine'
      : `supernode load  ${gauge(supernodeLoadPct, 100, width)} ${short(supernodeLoadPct)} %`,
  );
  if (serving) {
    const { clients, clientsMax, relayedBytes, relayKbps, relayKbpsMax, cpuPercent } = serving;
    lines.push(
      `this machine serves: ${size(relayedBytes)} relayed, ${short(cpuPercent)} % of a core`,
      `people          ${gauge(clients, clientsMax, width)} ${clients} of ${clientsMax}`,
      `relayed         ${gauge(relayKbps ?? 0, relayKbpsMax, width)} ${relayKbps === null ? '-' : short(relayKbps)} of ${relayKbpsMax} kbit/s`,
    );
  } else lines.push('this machine relays for nobody');
  for (const { peer, ways } of last.ways)
    lines.push('', `Ways to ${printable(peer)}:`, ...wayLines(ways).map((line) => `  ${line}`));
  lines.push('', 'Paths tried:');
  if (view.paths.length === 0) lines.push('  none yet; in a call t tests the ways to the other end');
  for (const { atMs, text } of [...view.paths].reverse()) lines.push(`  ${time(atMs)} ${text}`);
  return lines;
}

/** The newest first, so that it stands where the eye begins. */
export function logLines({ log }: MonitorView): string[] {
  if (log.length === 0) return ['nothing has happened since this was opened'];
  return [...log].reverse().map(({ atMs, text }) => `${time(atMs)} ${text}`);
}

export interface ChartPlace {
  readonly top: number;
  readonly left: number;
  readonly columns: number;
  readonly rows: number;
}

/** Three beside three: five charts and the words. Undefined where a chart would be too small to be read. */
export function chartPlaces(columns: number, rows: number): ChartPlace[] | undefined {
  const width = Math.floor(columns / 3);
  const height = Math.floor((rows - FRAME_ROWS) / 2);
  if (width < CHART_COLUMNS_MIN || height < CHART_ROWS_MIN) return undefined;
  return Array.from({ length: 6 }, (_, at) => ({
    ...{ top: 1 + height * Math.floor(at / 3), left: width * (at % 3) },
    ...{ columns: width - 1, rows: height },
  }));
}

/** Title and keys. */
const FRAME_ROWS = 2;
const CHART_COLUMNS_MIN = 26;
const CHART_ROWS_MIN = 9;

function pathWords(path: CallPath | null, via: string | null): string {
  if (path === null) return 'none yet';
  if (path === 'relay') return via === null ? 'relayed' : `relayed by ${place(via)}`;
  return { direct: 'direct', lan: 'direct, local network', tcp: 'over TCP', tcp443: 'over TCP 443' }[path] ?? path;
}

/** Host and port, and nothing that a terminal would obey. */
function place(endpoint: KnownSupernode['endpoints'][number]): string {
  return printable(endpoint).replace(/^(udp|tcp):/, '');
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '');
}

function short(value: number): string {
  return String(Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 10) / 10);
}

function span(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
}

function size(bytes: number): string {
  if (bytes < 1e6) return `${short(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${short(bytes / 1e6)} MB` : `${short(bytes / 1e9)} GB`;
}
