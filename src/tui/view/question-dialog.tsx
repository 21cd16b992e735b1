/** Questions before something that cannot be taken back: remove, block, sign out, quit during a call. */

import type { SafetyReport } from '../../store/port.ts';
import { type AppState, currentCall } from '../../store/state.ts';
import { type CommandName, keyOf } from '../key-bindings.ts';
import { innerColumns } from '../layout.ts';
import { type Row, span } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import type { Dialog } from '../ui-state.ts';
import { DialogFrame, dialogPlace } from './dialog-frame.tsx';
import { Lines } from './line.tsx';
import type { ViewProps } from './view-props.ts';

type Question = Extract<Dialog, { type: 'confirm' | 'quit' }>;

export const QuestionDialog = (props: ViewProps & { readonly dialog: Question }) => {
  const { world, context, glyphs, dialog } = props;
  const { app } = world;
  const peer = currentCall(app)?.peer ?? '';
  const wide = dialogPlace(props, 58, 0);
  const columns = innerColumns(wide.columns);
  const text = wrap(questionOf(dialog, peer, app), columns).map((line): Row => [span(line)]);
  const rows: readonly Row[] = [
    ...wordRows(dialog, columns),
    ...text,
    [],
    ...answersOf(dialog).map(
      ([command, words]): Row => [span(`  ${keyOf(command, context, world.ui.keys)}`, 'strong'), span(`  ${words}`)],
    ),
  ];
  return (
    <DialogFrame title={titleOf(dialog)} glyphs={glyphs} place={dialogPlace(props, 58, rows.length)} tone="warn">
      <Lines rows={rows} />
    </DialogFrame>
  );
};

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

function titleOf(dialog: Question): string {
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
