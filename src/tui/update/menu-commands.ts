/** Keys of lists in which one line is chosen: presence, the devices of the account, calls of the past, the first choice. */
import { foldName } from '../../net/protocol/ids.ts';
import { copyable } from '../rows/copy-rows.ts';
import { conversationOf, type Dialog, selectedBuddy, type UiState } from '../ui-state.ts';
import { lineAfter } from './choices.ts';
import { presenceMoved, presenceTaken } from './dialog-commands.ts';
import { settingsAt } from './settings-commands.ts';
import { transferMoved, transferTaken } from './transfer-commands.ts';
import { walkMenuMove, walkMenuTake } from './walk-commands.ts';
import { type CallsReply, noticed, request, type Step, step, type World } from './world.ts';

/** More than anybody scrolls through. */
const CALLS_MAX = 100;
/** So that with the fewest rows nothing is passed over unseen. */
const MENU_PAGE = 5;

export const MENU_HANDLERS = {
  'menu.up': (world: World): Step => step(moved(world, -1)),
  'menu.down': (world: World): Step => step(moved(world, 1)),
  'menu.page-up': (world: World): Step => step(moved(world, -MENU_PAGE)),
  'menu.page-down': (world: World): Step => step(moved(world, MENU_PAGE)),
  'menu.first': (world: World): Step => step(moved(world, Number.NEGATIVE_INFINITY)),
  'menu.last': (world: World): Step => step(moved(world, Number.POSITIVE_INFINITY)),
  'menu.take': taken,
  'menu.close': ({ ui }: World): Step =>
    step({ ...ui, dialog: ui.dialog?.type === 'devices' ? settingsAt('devices') : null }),
  'copy.open': ({ app, ui }: World): Step =>
    step(ui.dialog || !selectedBuddy(app, ui) ? ui : { ...ui, dialog: { type: 'copy', chosen: 0 } }),
  'calls.open': ({ ui }: World): Step =>
    step(
      { ...ui, dialog: { type: 'calls', chosen: 0, calls: null } },
      request({ type: 'history.calls', limit: CALLS_MAX }, { for: 'calls' }),
    ),
} as const;

/** Calls of the past have been looked for. */
export function withCalls(ui: UiState, calls: CallsReply): UiState {
  return ui.dialog?.type === 'calls' ? { ...ui, dialog: { ...ui.dialog, calls } } : ui;
}

function moved(world: World, by: number): UiState {
  const { app, ui } = world;
  const { dialog } = ui;
  if (!dialog) return walkMenuMove(ui, by);
  if (dialog.type === 'devices') return chosenMoved(ui, dialog, by, app.devices?.list.length ?? 0);
  if (dialog.type === 'transfer') return transferMoved(world, dialog, by);
  if (dialog.type === 'copy')
    return chosenMoved(ui, dialog, by, copyable(conversationOf(ui, ui.selected).lines).length);
  if (dialog.type === 'calls') return chosenMoved(ui, dialog, by, dialog.calls?.length ?? 0);
  return presenceMoved(world, by);
}

function chosenMoved(
  ui: UiState,
  dialog: Extract<Dialog, { type: 'devices' | 'calls' | 'copy' }>,
  by: number,
  count: number,
): UiState {
  return { ...ui, dialog: { ...dialog, chosen: lineAfter(dialog.chosen, by, count) } };
}

function taken(world: World): Step {
  const { ui } = world;
  const { dialog } = ui;
  if (!dialog) return step(walkMenuTake(ui));
  if (dialog.type === 'devices') return revoke(world, dialog.chosen);
  if (dialog.type === 'transfer') return transferTaken(world, dialog);
  if (dialog.type === 'copy') return copied(world, dialog.chosen);
  if (dialog.type === 'calls') return callBack(world, dialog);
  return presenceTaken(world);
}

function revoke(world: World, chosen: number): Step {
  const { app, ui } = world;
  const device = app.devices?.list[chosen];
  if (!device) return step(ui);
  if (device.thisOne) return step(noticed(world, ui, 'That is this device: signing out takes it off the list.'));
  return step({ ...ui, dialog: { type: 'confirm', what: 'revoke', name: device.label, device: device.id } });
}

/** Nobody can know whether the terminal took it, so nothing more is said. */
function copied(world: World, chosen: number): Step {
  const { ui } = world;
  const what = copyable(conversationOf(ui, ui.selected).lines)[chosen];
  if (!what) return step({ ...ui, dialog: null });
  const words = what.kind === 'link' ? 'The link was sent' : 'The message was sent';
  return step(noticed(world, { ...ui, dialog: null }, `${words} to the clipboard of your terminal.`), {
    type: 'copy',
    text: what.text,
  });
}

/** The person of a call of two is chosen and called; a conference has no single one to call. */
function callBack(world: World, { calls, chosen }: Extract<Dialog, { type: 'calls' }>): Step {
  const { app, ui } = world;
  const peer = calls?.[chosen]?.peer ?? '';
  const buddy = app.buddies.find(({ name }) => foldName(name) === foldName(peer));
  if (!buddy)
    return step(peer === '' ? ui : noticed(world, ui, `${peer} is not in your list: add them first.`, 'warn'));
  return { ...step({ ...ui, dialog: null, selected: buddy.name }), next: 'call.place' };
}
