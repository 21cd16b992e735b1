/** Handing the running call to another device of one's own: the list of those that are there, and the wish. */
import { currentCall } from '../../store/state.ts';
import { otherDevices } from '../rows/device-rows.ts';
import type { Dialog, UiState } from '../ui-state.ts';
import { failureSentence, SENTENCES } from '../wording.ts';
import { lineAfter } from './choices.ts';
import { noticed, request, type Step, step, type TransferReply, type World } from './world.ts';

type TransferDialog = Extract<Dialog, { type: 'transfer' }>;

export const TRANSFER_HANDLERS = {
  'call.transfer': (world: World): Step => {
    const { app, ui } = world;
    if (ui.dialog) return step(ui);
    const call = currentCall(app);
    if (call?.phase !== 'running' && call?.phase !== 'held')
      return step(noticed(world, ui, SENTENCES.nothingToTransfer));
    if (call.conference) return step(noticed(world, ui, failureSentence('conference-stays')));
    if (otherDevices(app).length === 0) return step(noticed(world, ui, SENTENCES.noOtherDevice));
    return step({ ...ui, notice: null, dialog: { type: 'transfer', chosen: 0 } });
  },
} as const;

export function transferMoved({ app, ui }: World, dialog: TransferDialog, by: number): UiState {
  return { ...ui, dialog: { ...dialog, chosen: lineAfter(dialog.chosen, by, otherDevices(app).length) } };
}

/** The list may have become shorter under the eyes of the person: then nothing is chosen. */
export function transferTaken(world: World, { chosen }: TransferDialog): Step {
  const device = otherDevices(world.app)[chosen];
  if (!device) return step({ ...world.ui, dialog: null });
  const { id, label } = device;
  const ui = noticed(world, { ...world.ui, dialog: null }, `${label} is asked to take the call...`);
  return step(ui, request({ type: 'call.transfer', device: id }, { for: 'transfer', device: label }));
}

export function transferred(world: World, { peer, device }: TransferReply): UiState {
  return noticed(world, world.ui, `The call with ${peer} goes on at ${device}.`, 'good');
}
