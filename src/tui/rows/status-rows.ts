/** The last line of the screen: who I am, how I am connected, the call, what is unread, where help is. */
import { type AppState, type CallElsewhere, currentCall } from '../../store/state.ts';
import { type KeyContext, keyOf } from '../key-bindings.ts';
import { joinFitting, type Row, span, spread } from '../text/spans.ts';
import type { Glyphs } from '../theme.ts';
import { type UiState, unreadTotal } from '../ui-state.ts';
import { presenceWord, servingWords } from '../wording.ts';
import { callClock } from './call-rows.ts';

export interface StatusStyle {
  readonly columns: number;
  readonly glyphs: Glyphs;
  readonly nowMs: number;
  readonly context: KeyContext;
}

export function statusRow(app: AppState, ui: UiState, { columns, glyphs, nowMs, context }: StatusStyle): Row {
  const help = keyOf('help.open', context, ui.keys);
  const right: Row = help === '' ? [] : [span(help, 'strong'), span(' help', 'muted')];
  const unread = unreadTotal(app);
  const call = currentCall(app);
  const linked = ui.link.type === 'up' && app.connection === 'online';
  // In the order of weight: the first ones stay when the window is narrow.
  const pieces: Row[] = [
    meRow(app, glyphs),
    // Before there is an account nothing is meant to be connected.
    ...(linked || (app.account === null && ui.link.type === 'up') ? [] : [linkRow(app, ui, glyphs)]),
    ...(call ? [[span(`${call.peer} ${callClock(call, nowMs)}`, 'accent')]] : []),
    ...(unread > 0 ? [[span(`${unread} unread`, 'warn')]] : []),
    ...(call ? [] : (app.callsElsewhere ?? []).slice(-1).map(elsewhereRow)),
    ...missedRows(app),
    ...(app.serving?.role === 'supernode' ? [[span('supernode '), span(servingWords(app), 'muted')]] : []),
    ...(app.audio.problem !== '' ? [[span(`${glyphs.trouble} ${soundTrouble(app)}`, 'warn')]] : []),
    ...(linked ? [linkRow(app, ui, glyphs)] : []),
  ];
  const room = Math.max(0, columns - right.reduce((sum, { text }) => sum + text.length, 0) - 3);
  return spread(
    [span(' '), ...joinFitting(pieces, columns < 60 ? ` ${glyphs.frame.left} ` : `  ${glyphs.frame.left}  `, room)],
    [...right, span(' ')],
    columns,
  );
}

function meRow(app: AppState, glyphs: Glyphs): Row {
  if (app.account === null) return [span('not signed in', 'muted')];
  const tone = app.presence === 'online' ? 'good' : app.presence === 'do-not-disturb' ? 'bad' : 'warn';
  return [
    span(app.account.name, 'strong'),
    span(' '),
    span(glyphs.presence[app.presence], tone),
    span(` ${presenceWord(app.presence)}`),
  ];
}

function elsewhereRow({ peer, device }: CallElsewhere): Row {
  return [span(`call with ${peer} at ${device}`, 'accent')];
}

function missedRows({ missedCalls = [] }: AppState): Row[] {
  const { length } = missedCalls;
  return length === 0 ? [] : [[span(`${length} missed ${length === 1 ? 'call' : 'calls'}`, 'warn')]];
}

function linkRow(app: AppState, ui: UiState, glyphs: Glyphs): Row {
  if (ui.link.type === 'lost') return [span(`${glyphs.trouble} no agent`, 'bad')];
  if (ui.link.type === 'starting') return [span('starting', 'muted')];
  if (app.connection === 'online') {
    const rttMs = app.supernode?.rttMs ?? null;
    return [
      span('connected'),
      span(rttMs === null || ui.columns < 60 ? '' : ` ${Math.max(1, Math.round(rttMs))} ms`, 'muted'),
    ];
  }
  return app.connection === 'connecting'
    ? [span('connecting...', 'warn')]
    : [span(`${glyphs.trouble} not connected`, 'bad')];
}

/** In two words; the sentence was a notice. */
function soundTrouble({ audio }: AppState): string {
  if (audio.problem.startsWith('audio-only-monitor')) return 'no microphone';
  return audio.problem.startsWith('audio-device-absent') ? 'other sound device' : 'no sound';
}
