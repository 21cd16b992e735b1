/**
 * Questions before something that cannot be taken back, as rows: what is asked, and the answers with their keys. Where the window
 * has room for it each answer has a row; else they share the last one, and what is asked is scrolled above it, so that no word
 * of it is lost. Pure; `update/dialog-commands.ts` scrolls, `view/question-dialog.tsx` draws.
 */
import type { SafetyReport } from '../../store/port.ts';
import { type AppState, currentCall } from '../../store/state.ts';
import { type CommandName, type KeyContext, keyOf } from '../key-bindings.ts';
import { innerColumns, layoutOf } from '../layout.ts';
import { type Row, rowWidth, span, spread } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import type { Dialog, UiState } from '../ui-state.ts';

export type Question = Extract<Dialog, { type: 'confirm' | 'quit' }>;

/** Outer columns that a question wants. */
export const QUESTION_COLUMNS = 58;

/** In a window of these panes, the whole of it; `rows` is what is in sight. */
export function questionRows(
  app: AppState,
  ui: UiState,
  dialog: Question,
  context: KeyContext,
): { readonly rows: readonly Row[]; readonly topMax: number } {
  const columns = innerColumns(ui.columns < QUESTION_COLUMNS + 8 ? ui.columns : QUESTION_COLUMNS);
  const height = layoutOf(app, ui).bodyRows - 2;
  const peer = currentCall(app)?.peer ?? '';
  const asked = wrap(questionOf(dialog, peer, app), columns).map((line): Row => [span(line)]);
  const text = [...wordRows(dialog, columns), ...asked];
  const answers = answersOf(dialog).map(([command, words]): Row => {
    return [span(`  ${keyOf(command, context, ui.keys)}`, 'strong'), span(`  ${words}`)];
  });
  const whole = [...text, [], ...answers];
  if (whole.length <= height) return { rows: whole, topMax: 0 };
  const room = Math.max(1, height - 1);
  const topMax = Math.max(0, text.length - room);
  const top = Math.min(topMax, dialog.type === 'confirm' ? (dialog.top ?? 0) : 0);
  const more = topMax - top;
  const key = keyOf(more > 0 ? 'confirm.down' : 'confirm.up', context, ui.keys);
  const left = columns - rowWidth(answers.flat()) - 1;
  const long = more > 0 ? `${key}: ${more} more` : `${key}: above`;
  const words = topMax === 0 ? '' : ([long, more > 0 ? `+${more}` : ''].find((one) => one.length <= left) ?? '');
  const last = spread(answers.flat(), [span(words, 'warn')], columns);
  return { rows: [...text.slice(top, top + room), last], topMax };
}

/** What a person must know before: what is done, what it costs at most, and that the address becomes public. */
function serveQuestion({ serving }: AppState): string {
  const caps = serving ? `at most ${serving.caps.clients} people and ${serving.caps.relayKbps} kbit/s` : 'within caps';
  return (
    'May this machine help the network as a supernode, when it is needed? It passes on sealed packets and finds people ' +
    `for others: ${caps}. Its address, not your name, is then known to everybody in the network. You can end it at any ` +
    'time: key p, or wren serve never.'
  );
}

/** The safety words, each half below whom it belongs to. */
function wordRows(dialog: Question, columns: number): readonly Row[] {
  if (dialog.type !== 'confirm' || !dialog.safety) return [];
  return [
    ...dialog.safety.halves.flatMap(({ name, words }): Row[] => [
      [span(name, 'muted')],
      ...wrap(words.join(' '), columns - 2).map((line): Row => [span('  '), span(line, 'strong')]),
    ]),
    [],
  ];
}

function verifyQuestion({ name, safety }: SafetyReport): string {
  const before = safety === 'changed' ? `${name} HAS ANOTHER KEY THAN BEFORE. ` : '';
  const after = safety === 'verified' ? ' You have said yes before.' : '';
  return `${before}Does ${name} see the same words? Compare them in a call, or side by side.${after}`;
}

function questionOf(dialog: Question, peer: string, app: AppState): string {
  if (dialog.type === 'quit') return `You are in a call with ${peer}. The call can go on without this screen.`;
  if (dialog.what === 'remove') return `Remove ${dialog.name} from your buddies? Messages stay on this machine.`;
  if (dialog.what === 'forget') return `Take ${dialog.name} off the list? What was said stays on this machine.`;
  if (dialog.what === 'leave') return `Leave ${dialog.name}? The others are told. What was said stays on this machine.`;
  if (dialog.what === 'erase')
    return `Erase what was said with ${dialog.name}, and the calls, for good? Only here, not there.`;
  if (dialog.safety) return verifyQuestion(dialog.safety);
  if (dialog.what === 'serve') return serveQuestion(app);
  if (dialog.what === 'serve-no-more') {
    return 'Serve the network no longer? Whoever uses this machine now is handed over to other supernodes first.';
  }
  if (dialog.what === 'revoke') {
    return `Revoke ${dialog.name}? It is signed out and shut out of your account for ever: for a machine that was lost.`;
  }
  if (dialog.what === 'block') return `Block ${dialog.name}? They see you offline, and cannot write or call.`;
  return 'Sign out? You can be called again after signing in.';
}

export function titleOf(dialog: Question): string {
  if (dialog.type === 'quit') return 'A call is running';
  if (dialog.what === 'verify') return 'Safety words';
  return dialog.what === 'serve' ? 'A supernode here?' : 'Sure?';
}

function answersOf(dialog: Question): readonly (readonly [CommandName, string])[] {
  if (dialog.type === 'quit') {
    return [
      ['quit.hang-up', 'hang up and quit'],
      ['quit.keep', 'quit and keep the call'],
      ['quit.cancel', 'stay'],
    ];
  }
  return [
    ['confirm.yes', 'yes'],
    ['confirm.no', 'no'],
  ];
}
