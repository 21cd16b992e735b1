/** The line of hints: which keys make sense right now, printed as the key table binds them. */
import { type AppState, type Call, currentCall, ringingCall } from '../../store/state.ts';
import { type Binding, bindingsIn, type CommandName, type KeyContext, keyLabel } from '../key-bindings.ts';
import { joinFitting, type Row, span } from '../text/spans.ts';
import {
  conversationOf,
  faceOf,
  selectedBuddy,
  type UiState,
  unreadTotal,
  walkFieldsOf,
  walkStepOf,
} from '../ui-state.ts';
import { otherDevices } from './device-rows.ts';

const NEXT_FIELD = 'next field';

/** As many hints as fit, the most important first. */
export function hintRow(app: AppState, ui: UiState, context: KeyContext, columns: number): Row {
  const bindings = bindingsIn(context, ui.keys);
  // While it rings, nothing comes before the answer.
  const urgent = bindings.filter(({ command }) => command === 'call.answer' || command === 'call.decline');
  const hints = [...urgent, ...bindings.filter((one) => !urgent.includes(one))].flatMap((binding): Row[] => {
    const text = hintOf(binding, app, ui);
    return text === '' ? [] : [[span(keyLabel(binding.keys[0] ?? ''), 'strong'), span(` ${text}`, 'muted')]];
  });
  return joinFitting(hints, '   ', columns);
}

/** The words of a hint; empty when the key would do nothing now. */
function hintOf({ command, hint }: Binding, app: AppState, ui: UiState): string {
  if (!makesSense(command, app, ui)) return '';
  const call = currentCall(app);
  if (command === 'call.mute' && call?.muted) return 'unmute';
  if (command === 'call.talk' && !call?.muted) return 'stop talking';
  if (command === 'call.hold' && (call?.heldBy === 'me' || call?.heldBy === 'both')) return 'resume';
  if (command === 'call.place' && call) return 'add to call';
  if (command === 'calls.open' && (app.missedCalls?.length ?? 0) === 0) return '';
  if (command === 'copy.open' && conversationOf(ui, ui.selected).anchor === null) return '';
  if (command === 'search.go') return searchHint(ui);
  if (command === 'palette.take' && ui.dialog?.type === 'keys') return 'change';
  if (command === 'menu.take' && ui.dialog?.type === 'copy') return 'copy';
  if (command === 'menu.take' && ui.dialog?.type === 'calls') return 'call back';
  if (command === 'menu.take' && ui.dialog?.type === 'transfer') return 'hand over';
  if (command === 'menu.take' && ui.dialog?.type === 'devices') return 'revoke';
  if (command === 'form.next') return formHint(app, ui);
  if (command === 'list.open' && selectedBuddy(app, ui)?.relation !== 'both') return '';
  return hint;
}

/** Nothing runs, or what runs takes another in: not somebody who is in it already. */
function mayAdd(app: AppState, name: string | undefined): boolean {
  const call = currentCall(app);
  if (call === undefined) return true;
  const inside = call.conference?.people.filter(({ state }) => state === 'in').map((one) => one.name) ?? [call.peer];
  return call.phase === 'running' && name !== undefined && !inside.includes(name);
}

/** A call of two that somebody has answered. */
function mayTransfer(call: Call | undefined): boolean {
  return call !== undefined && !call.conference && (call.phase === 'running' || call.phase === 'held');
}

/** True when the key of this command would do something now. */
export function makesSense(command: CommandName, app: AppState, ui: UiState): boolean {
  const call = currentCall(app);
  const ringing = ringingCall(app) !== undefined;
  const buddy = selectedBuddy(app, ui);
  switch (command) {
    case 'call.answer':
    case 'call.decline':
      return ringing;
    case 'call.talk':
      return call !== undefined && !ringing && app.audio.talk?.talk === 'push';
    case 'call.end':
      return call !== undefined && !ringing;
    case 'call.mute':
    case 'call.hold':
      return call?.phase === 'running' || call?.phase === 'held';
    case 'call.place':
      return mayAdd(app, buddy?.name) && ui.dialog === null && buddy?.relation === 'both' && faceOf(app, ui) === 'main';
    case 'call.pull':
      return call === undefined && (app.callsElsewhere?.length ?? 0) > 0;
    case 'call.transfer':
      return mayTransfer(call) && otherDevices(app).length > 0;
    case 'conference.rejoin':
      return call === undefined && app.calls.at(-1)?.conference?.rejoinable === true;
    case 'request.accept':
    case 'request.decline':
      return buddy?.relation === 'incoming';
    case 'unread.next':
      return ui.dialog === null && unreadTotal(app) > 0;
    case 'filter.open':
      return app.buddies.length > 1;
    case 'search.down':
      if (ui.dialog?.type === 'find') return ui.dialog.lines.length > 1;
      return ui.dialog?.type === 'search' && ui.dialog.hits.length > 1;
    case 'tune.test':
      return ui.dialog?.type === 'sound';
    case 'copy.open':
      return buddy !== undefined;
    case 'menu.close':
      return ui.dialog !== null;
    case 'cancel':
      // Elsewhere there is a key that says it better.
      return faceOf(app, ui) === 'walk' && ui.dialog === null;
    case 'form.down':
      return formHint(app, ui) !== NEXT_FIELD && (ui.dialog !== null || walkStepOf(app, ui) === 'account');
    case 'form.back':
      return ui.dialog !== null || walkStepOf(app, ui) === 'account';
    case 'chat.page-up':
      return conversationOf(ui, ui.selected).lines.length > 0;
    default:
      return true;
  }
}

function searchHint(ui: UiState): string {
  if (ui.dialog?.type === 'find') {
    const { pattern, searched, lines } = ui.dialog;
    return lines.length > 0 && pattern.text.trim() === searched ? 'show it there' : 'find';
  }
  if (ui.dialog?.type !== 'search') return '';
  const { pattern, searched, hits, chosen } = ui.dialog;
  const hit = pattern.text.trim() === searched ? hits[chosen] : undefined;
  return hit ? `take ${hit.name}` : 'search';
}

function formHint(app: AppState, ui: UiState): string {
  if (ui.dialog?.type === 'group') return 'put there';
  if (ui.dialog?.type === 'add') return ui.dialog.field === 0 ? NEXT_FIELD : 'ask';
  if (walkStepOf(app, ui) === 'invite') return 'join';
  const { walk } = ui;
  if (walk.field < walkFieldsOf(walk).length - 1) return NEXT_FIELD;
  return walk.mode === 'sign-up' ? 'sign up' : 'sign in';
}
