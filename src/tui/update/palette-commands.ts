/** Keys of the palette: choosing one of all commands, which is then carried out where the person was. */
import { paletteEntries } from '../rows/palette-rows.ts';
import { EMPTY_EDITOR } from '../text/editor.ts';
import { faceOf, type UiState } from '../ui-state.ts';
import { lineAfter } from './choices.ts';
import { captureBegun, keysMoved } from './keys-commands.ts';
import { type Step, step, type World } from './world.ts';

export const PALETTE_HANDLERS = {
  'palette.open': ({ app, ui }: World): Step =>
    // Over a dialog nothing opens: what is half typed there would be lost.
    ui.dialog !== null || faceOf(app, ui) !== 'main'
      ? step(ui)
      : step({ ...ui, dialog: { type: 'palette', filter: EMPTY_EDITOR, chosen: 0 } }),
  'palette.take': take,
  'palette.up': (world: World): Step => step(moved(world, -1)),
  'palette.down': (world: World): Step => step(moved(world, 1)),
} as const;

function take(world: World): Step {
  const { app, ui } = world;
  const { dialog } = ui;
  if (dialog?.type === 'keys') return step(captureBegun(ui, dialog));
  if (dialog?.type !== 'palette') return step(ui);
  const entry = paletteEntries(app, ui, dialog.filter.text)[dialog.chosen];
  if (!entry) return step(ui);
  return { ...step({ ...ui, dialog: null, filtering: false }), next: entry.command };
}

function moved({ app, ui }: World, by: number): UiState {
  const { dialog } = ui;
  if (dialog?.type === 'keys') return keysMoved(ui, dialog, by);
  if (dialog?.type !== 'palette') return ui;
  const { length } = paletteEntries(app, ui, dialog.filter.text);
  return { ...ui, dialog: { ...dialog, chosen: lineAfter(dialog.chosen, by, length) } };
}
