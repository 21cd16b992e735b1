/**
 * The running call as rows: who, what it is doing, how long, the verdict in words, then the figures behind it. A call
 * that rings here becomes a question with its keys, which never are keys of text while a text is being typed.
 */
import { type AppState, type Call, currentCall, ringingCall, safetyOf } from '../../store/state.ts';
import { type KeyContext, type KeyTable, keyOf } from '../key-bindings.ts';
import { fitRow, joinFitting, joinSpans, type Row, rowWidth, span, spread } from '../text/spans.ts';
import type { Glyphs, Tone } from '../theme.ts';
import { clockWords, pathWords, phaseWords, VERDICT_WORDS } from '../wording.ts';
import { conferenceRowCount, conferenceRows } from './conference-rows.ts';

export interface CallRowsStyle {
  readonly columns: number;
  readonly glyphs: Glyphs;
  readonly nowMs: number;
  readonly context: KeyContext;
  /** The table in force; absent: as it came. */
  readonly keys?: KeyTable | undefined;
  readonly details: boolean;
}

/** Loudness range of the meter, dB below full scale: a quiet room to a shout. */
const METER_FLOOR_DB = -54;
const METER_CELLS = 10;

/** The call that the panel shows: one that rings here before one that runs. */
export function shownCall(app: AppState): Call | undefined {
  return ringingCall(app) ?? currentCall(app);
}

/** Rows of the panel without its frame; empty when there is no call. */
export function callRows(app: AppState, style: CallRowsStyle): readonly Row[] {
  const call = shownCall(app);
  if (!call) return [];
  if (call.phase === 'ringing' && call.direction === 'in') return ringingRows(app, call, style);
  const people = conferenceRows(call, style.columns, style.glyphs);
  if (call.phase === 'dialling' || call.phase === 'ringing') return [dialRow(app, call, style), ...people];
  const rows = [talkRow(app, call, style), figuresRow(call, style), ...people];
  return style.details ? [...rows, ...detailRows(call, style)] : rows;
}

/** How many rows `callRows` makes; does not depend on time. */
export function callRowCount(app: AppState, details: boolean): number {
  const call = shownCall(app);
  if (!call) return 0;
  if (call.phase === 'ringing' && call.direction === 'in') return 2;
  const people = conferenceRowCount(call);
  if (call.phase === 'dialling' || call.phase === 'ringing') return 1 + people;
  return (details ? 5 : 2) + people;
}

export function callTitle(call: Call): string {
  if (call.phase === 'ringing' && call.direction === 'in')
    return call.conference ? 'Incoming conference' : 'Incoming call';
  if (call.conference) return 'Conference';
  return call.phase === 'dialling' || call.phase === 'ringing' ? 'Calling' : 'Call';
}

/** Time since the call was answered, or since it began to ring. */
export function callClock(call: Call, nowMs: number): string {
  return clockWords(nowMs - (call.answeredAtMs ?? call.startedAtMs));
}

function ringingRows(app: AppState, call: Call, { columns, nowMs, context, keys }: CallRowsStyle): readonly Row[] {
  const display = app.buddies.find(({ name }) => name === call.peer)?.displayName ?? '';
  const who = display !== '' && display !== call.peer ? `${call.peer} (${display})` : call.peer;
  const answer = keyOf('call.answer', context, keys);
  const decline = keyOf('call.decline', context, keys);
  return [
    spread(
      [span(who, 'strong'), ...safetySpans(app, call), span(callingWords(call))],
      [span(callClock(call, nowMs), 'muted')],
      columns,
    ),
    fitRow(
      [span(answer, 'strong'), span(' answer    ', 'good'), span(decline, 'strong'), span(' decline', 'bad')],
      columns,
    ),
  ];
}

function callingWords({ conference }: Call): string {
  if (!conference) return ' is calling you';
  const { others, blocked = [] } = conference;
  const name = (one: string): string => (blocked.includes(one) ? `${one} (blocked by you)` : one);
  return others.length === 0
    ? ' calls you into a conference'
    : ` calls you into a conference with ${others.map(name).join(', ')}`;
}

function dialRow(app: AppState, call: Call, { columns, nowMs, context, keys }: CallRowsStyle): Row {
  return spread(
    [span(call.peer, 'strong'), ...safetySpans(app, call), span(`  ${phaseWords(call)}...`)],
    [span(`${keyOf('call.end', context, keys)} hang up  `, 'muted'), span(callClock(call, nowMs), 'muted')],
    columns,
  );
}

function mutedWords(app: AppState, context: KeyContext, keys: KeyTable | undefined): string {
  const key = keyOf('call.talk', context, keys) || keyOf('call.mute', context, keys);
  return app.audio.talk?.talk === 'push' && key !== '' ? `${key} to talk` : 'microphone muted';
}

/** Behind the name: the words were compared, or the key is another one than before. */
function safetySpans(app: AppState, { peer }: Call): Row {
  const safety = safetyOf(app, peer);
  if (safety === 'verified') return [span(' verified', 'good')];
  return safety === 'changed' ? [span(' NEW KEY', 'bad')] : [];
}

/** Whoever is recorded must see it. */
function recordedSpans({ recordedBy = 'nobody', peer }: Call): Row[] {
  if (recordedBy === 'nobody') return [];
  const words = { me: 'you record', them: `${peer} RECORDS`, both: 'both record' };
  return [[span(words[recordedBy], 'bad')]];
}

/** The laptop of `wren ssh`: what ssh adds, or that the call goes on without it. */
function endpointSpans({ audio: { endpoint } }: AppState): Row[] {
  if (!endpoint || endpoint.state === 'ready') return [];
  if (endpoint.state === 'away') return [[span(`${endpoint.name || 'laptop'} away`, 'warn')]];
  return endpoint.delayMs === null ? [] : [[span(`ssh ${endpoint.delayMs} ms`, 'muted')]];
}

function talkRow(app: AppState, call: Call, { columns, glyphs, nowMs, context, keys }: CallRowsStyle): Row {
  const clock = span(callClock(call, nowMs), 'strong');
  const state = joinFitting(
    [
      [span(call.peer, 'strong'), ...safetySpans(app, call)],
      ...(call.heldBy === 'nobody' ? [] : [[span(phaseWords(call), 'warn')]]),
      ...(call.muted ? [[span(mutedWords(app, context, keys), 'warn')]] : []),
      ...recordedSpans(call),
      ...endpointSpans(app),
      ...(call.leftOpen ? [[span('microphone left open', 'warn')]] : []),
      ...(call.heldBy === 'nobody' ? [[verdictSpan(call, columns - SENTENCE_BESIDE_COLUMNS)]] : []),
    ],
    ` ${glyphs.dot} `,
    columns - rowWidth([clock]) - 1,
  );
  const meters = call.heldBy === 'nobody' ? meterRow(call, glyphs) : [];
  const right =
    rowWidth(state) + rowWidth(meters) + rowWidth([clock]) + 4 <= columns ? [...meters, span('  '), clock] : [clock];
  return spread(state, right, columns);
}

/** Name, meters and clock, which stand beside the sentence of what is wrong. */
const SENTENCE_BESIDE_COLUMNS = 48;

function verdictSpan(call: Call, columns: number): Row[number] {
  if (call.reconnecting) return span('reconnecting...', 'bad');
  const verdict = call.quality?.verdict;
  if (!verdict) return span('listening...', 'muted');
  const trouble = call.quality?.trouble ?? '';
  const words = trouble !== '' && trouble.length <= columns ? trouble : VERDICT_WORDS[verdict];
  return span(words, trouble === '' && verdict === 'good' ? 'good' : verdict === 'no sound arrives' ? 'bad' : 'warn');
}

function meterRow(call: Call, glyphs: Glyphs): Row {
  const bar = (db: number, tone: Tone): Row => {
    const filled = Math.round(((Math.min(0, db) - METER_FLOOR_DB) / -METER_FLOOR_DB) * METER_CELLS);
    const on = Math.max(0, Math.min(METER_CELLS, filled));
    return [span(glyphs.meterOn.repeat(on), tone), span(glyphs.meterOff.repeat(METER_CELLS - on), 'muted')];
  };
  const microphone = call.muted
    ? []
    : [span('mic ', 'muted'), ...bar(call.inputDb, call.speaking === false ? 'muted' : 'good'), span('  ')];
  return [...microphone, span('ear ', 'muted'), ...bar(call.outputDb, 'accent')];
}

function figuresRow(call: Call, { columns, glyphs }: CallRowsStyle): Row {
  const { quality } = call;
  const figures: Row[] = [[span(pathWords(quality?.path ?? call.path, call.via))]];
  if (quality) {
    if (quality.rttMs !== null) figures.push([span(`round trip ${whole(quality.rttMs)} ms`)]);
    figures.push([span(`loss ${percent(quality.lossInPct)} in, ${percent(quality.lossOutPct)} out`)]);
    figures.push([span(`jitter ${whole(quality.jitterMs)} ms`)]);
  }
  return joinFitting(figures, ` ${glyphs.dot} `, columns);
}

function detailRows(call: Call, { columns, glyphs }: CallRowsStyle): readonly Row[] {
  const { quality } = call;
  const separator = ` ${glyphs.dot} `;
  if (!quality) return [[span('No figures yet.', 'muted')], [], []];
  const rows: readonly (readonly string[])[] = [
    [
      quality.mouthToEarMs === null ? '' : `mouth to ear ${whole(quality.mouthToEarMs)} ms`,
      `buffer ${whole(quality.bufferMs)}${aim(quality.targetMs)} ms`,
      `concealed ${percent(quality.concealedPct)}`,
    ],
    [
      `sent ${whole(quality.sentPps)} packets/s`,
      `received ${whole(quality.recvPps)}`,
      `${quality.payloadBytes} bytes each`,
    ],
    [
      `${(quality.bitrate / 1000).toFixed(0)} kbit/s`,
      `redundancy ${quality.redundancy}`,
      `MOS ${quality.mos.toFixed(1)}`,
      ...(quality.latePct === undefined ? [] : [`late ${percent(quality.latePct)}`]),
      ...(quality.stretchedMs === undefined ? [] : [`stretched ${whole(quality.stretchedMs)} ms`]),
    ],
  ];
  return rows.map((texts) =>
    fitRow(
      joinSpans(
        texts.map((text) => span(text, 'muted')),
        separator,
      ),
      columns,
    ),
  );
}

function aim(targetMs: number | undefined): string {
  return targetMs === undefined ? '' : ` of ${whole(targetMs)}`;
}

function whole(value: number): string {
  return String(Math.round(value));
}

function percent(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} %`;
}
