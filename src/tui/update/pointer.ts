/**
 * The mouse, where the person turned it on: a click chooses a buddy or a pane, a second one opens; the wheel moves what
 * it is over. Nothing can be done by it alone that has no key, and a call is never answered or ended by a click.
 */
import { commandFor } from '../key-bindings.ts';
import { layoutOf } from '../layout.ts';
import { listRows } from '../rows/buddy-rows.ts';
import type { Key } from '../terminal/key-parser.ts';
import { faceOf } from '../ui-state.ts';
import { scrolledBy } from './chat-commands.ts';
import { contextOf } from './context.ts';
import { type Step, step, type World } from './world.ts';

/** A page is too far for one notch, a row too little. */
const WHEEL_ROWS = 3;

export function pointed(world: World, { name, at }: Key): Step {
  const { app, ui } = world;
  if (!at || faceOf(app, ui) !== 'main') return step(ui);
  const isUp = name === 'wheel-up';
  const place = ui.dialog ? 'dialog' : placeAt(world, at);
  if (name === 'click')
    return place === 'list' ? clickedList(world, at.row) : step(place === 'chat' ? { ...ui, focus: 'chat' } : ui);
  if (place === 'chat') return scrolledBy(world, isUp ? -WHEEL_ROWS : WHEEL_ROWS);
  if (place === 'none') return step(ui);
  // Elsewhere it is the arrow keys.
  const context = place === 'list' ? 'browsing' : contextOf(app, ui);
  const command = commandFor(context, isUp ? 'up' : 'down', ui.keys);
  return command ? { ...step(ui), next: command } : step(ui);
}

function placeAt({ app, ui }: World, at: { readonly column: number; readonly row: number }): 'list' | 'chat' | 'none' {
  const { callRows, bodyRows, listColumns } = layoutOf(app, ui);
  if (at.row < callRows || at.row >= callRows + bodyRows) return 'none';
  return at.column < listColumns ? 'list' : 'chat';
}

function clickedList({ app, ui }: World, row: number): Step {
  const { callRows, listRows: height } = layoutOf(app, ui);
  // The upper edge of the frame stands before the first row.
  const index = row - callRows - 1;
  const found =
    index >= 0 && index < height ? listRows(app, ui.filter.text, ui.preferences.groups)[ui.listTop + index] : undefined;
  if (found?.type !== 'buddy') return step({ ...ui, focus: 'list' });
  const again = found.buddy.name === ui.selected && ui.focus === 'list';
  return step({ ...ui, selected: found.buddy.name, focus: again ? 'chat' : 'list' });
}
