/** Groups of the buddy list: the person's own, for this profile, and told to nobody. */
import { foldName } from '../../net/protocol/ids.ts';
import { groupTitle } from '../preferences.ts';
import { editorOf } from '../text/editor.ts';
import { type Dialog, selectedBuddy } from '../ui-state.ts';
import { preferenceChanged } from './preference-changes.ts';
import { noticed, type Step, step, type World } from './world.ts';

export const GROUP_HANDLERS = {
  'group.open': (world: World): Step => {
    const { app, ui } = world;
    const buddy = selectedBuddy(app, ui);
    if (!buddy) return step(ui);
    if (buddy.relation !== 'both') return step(noticed(world, ui, 'Only buddies stand in groups.'));
    const group = editorOf(ui.preferences.groups[foldName(buddy.name)] ?? '');
    return step({ ...ui, dialog: { type: 'group', name: buddy.name, group } });
  },
} as const;

/** An empty title takes them out of every group. */
export function groupTaken({ ui }: World, { name, group }: Extract<Dialog, { type: 'group' }>): Step {
  const { [foldName(name)]: _, ...others } = ui.preferences.groups;
  const title = groupTitle(group.text);
  const groups = title === '' ? others : { ...others, [foldName(name)]: title };
  return preferenceChanged({ ...ui, dialog: null }, { groups });
}
