/** Changing keys on the screen: a line of the table is chosen, and the next key pressed becomes its own, if it can. */
import { keyLabel } from '../key-bindings.ts';
import { remapped, wishNamesOf } from '../key-remap.ts';
import { changeableKeys } from '../rows/keys-rows.ts';
import type { Dialog, UiState } from '../ui-state.ts';
import { lineAfter } from './choices.ts';
import { preferenceChanged } from './preference-changes.ts';
import { type Step, step, type World } from './world.ts';

type KeysDialog = Extract<Dialog, { type: 'keys' }>;

export function keysMoved(ui: UiState, dialog: KeysDialog, by: number): UiState {
  const { length } = changeableKeys(ui.keys, dialog.filter.text);
  return { ...ui, dialog: { ...dialog, error: '', chosen: lineAfter(dialog.chosen, by, length) } };
}

export function captureBegun(ui: UiState, dialog: KeysDialog): UiState {
  return { ...ui, dialog: { ...dialog, error: '', capturing: changeableKeys(ui.keys, dialog.filter.text).length > 0 } };
}

/** The key after that: Escape leaves all as it is, Backspace gives back what the table came with. */
export function captured({ ui }: World, key: string): Step {
  const { dialog } = ui;
  if (dialog?.type !== 'keys') return step(ui);
  const waiting: KeysDialog = { ...dialog, capturing: false, error: '' };
  const line = changeableKeys(ui.keys, dialog.filter.text)[dialog.chosen];
  if (!line || key === 'escape') return step({ ...ui, dialog: waiting });
  if (key === 'paste' || key === 'click' || key.startsWith('wheel-')) return step(ui);
  const names = wishNamesOf(line.at);
  const others = Object.entries(ui.preferences.keys).filter(([name]) => !names.includes(name));
  const wish = key === 'backspace' ? [] : [[names[0] ?? '', key] as const];
  const keys = Object.fromEntries([...others, ...wish]);
  const problem = remapped(keys).problems.find((one) => !ui.problems.includes(one));
  if (problem !== undefined) return step({ ...ui, dialog: { ...waiting, error: problem } });
  const { ui: changed, effects } = preferenceChanged(ui, { keys });
  const error = key === 'backspace' ? '' : `${keyLabel(key)} it is.`;
  return step({ ...changed, dialog: { ...waiting, error } }, ...effects);
}
