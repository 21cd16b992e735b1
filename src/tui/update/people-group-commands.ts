/**
 * Groups from the list: making one, and taking more people into the chosen one. Leaving and calling stand with what they
 * are for people.
 */
import type { Group } from '../../store/state.ts';
import { isGroup } from '../people-groups.ts';
import { EMPTY_EDITOR, editorOf } from '../text/editor.ts';
import { type Dialog, selectedBuddy, type UiState } from '../ui-state.ts';
import { noticed, request, type Step, step, type World } from './world.ts';

type Gather = Extract<Dialog, { type: 'gather' }>;

export const PEOPLE_GROUP_HANDLERS = {
  'people-group.open': ({ app, ui }: World): Step => {
    const chosen = selectedBuddy(app, ui);
    const into = chosen && isGroup(chosen.name) && chosen.relation === 'both' ? chosen.name : '';
    const who = chosen && !isGroup(chosen.name) && chosen.relation === 'both' ? `${chosen.name} ` : '';
    const field = into === '' ? 0 : 1;
    const gather = { type: 'gather', into, field, title: EMPTY_EDITOR, people: editorOf(who) } as const;
    return step({ ...ui, dialog: { ...gather, busySinceMs: null, error: '' } });
  },
} as const;

/** Enter: from the name to the people, then it is made. */
export function gatherNext({ ui, nowMs }: World, dialog: Gather): Step {
  if (dialog.busySinceMs !== null) return step(ui);
  const title = dialog.title.text.trim().replace(/^#/, '');
  const members = dialog.people.text.split(/[\s,]+/).filter((name) => name !== '');
  if (dialog.into === '' && title === '') {
    return step({ ...ui, dialog: { ...dialog, field: 0, error: 'A group needs a name: one word.' } });
  }
  if (dialog.field === 0) return step({ ...ui, dialog: { ...dialog, field: 1, error: '' } });
  if (members.length === 0) return step({ ...ui, dialog: { ...dialog, error: 'Say who: names of buddies.' } });
  const command =
    dialog.into === ''
      ? ({ type: 'group.new', title, members } as const)
      : ({ type: 'group.add', group: dialog.into, members } as const);
  return step({ ...ui, dialog: { ...dialog, busySinceMs: nowMs, error: '' } }, request(command, { for: 'gather' }));
}

export function gatherMoved(ui: UiState, dialog: Gather): UiState {
  return dialog.into === '' ? { ...ui, dialog: { ...dialog, field: dialog.field === 0 ? 1 : 0 } } : ui;
}

/** The group is there: its conversation opens. */
export function gathered(world: World, { label }: Group): UiState {
  const { ui } = world;
  if (ui.dialog?.type !== 'gather') return ui;
  return noticed(world, { ...ui, dialog: null, selected: label, focus: 'chat' }, `${label} is ready.`, 'good');
}
