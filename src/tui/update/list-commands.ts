/** Keys of the buddy list: moving, filtering, opening, and what can be done to the chosen person. */
import { layoutOf } from '../layout.ts';
import { isGroup } from '../people-groups.ts';
import { buddiesOf, listRows } from '../rows/buddy-rows.ts';
import { EMPTY_EDITOR, moveEnd } from '../text/editor.ts';
import { type Dialog, selectedBuddy, type UiState } from '../ui-state.ts';
import { failureSentence } from '../wording.ts';
import { lineAfter } from './choices.ts';
import { noticed, request, type Step, step, type World } from './world.ts';

const EMPTY_SEARCH: Dialog = {
  type: 'search',
  pattern: EMPTY_EDITOR,
  searched: null,
  busySinceMs: null,
  hits: [],
  more: false,
  incomplete: false,
  chosen: 0,
  error: '',
};

export const LIST_HANDLERS = {
  'list.up': (world: World): Step => step(moved(world, -1)),
  'list.down': (world: World): Step => step(moved(world, 1)),
  'list.page-up': (world: World): Step => step(moved(world, -pageOf(world))),
  'list.page-down': (world: World): Step => step(moved(world, pageOf(world))),
  'list.first': (world: World): Step => step(moved(world, Number.NEGATIVE_INFINITY)),
  'list.last': (world: World): Step => step(moved(world, Number.POSITIVE_INFINITY)),
  'list.open': ({ ui }: World): Step => step({ ...ui, focus: 'chat' }),
  'list.clear': ({ ui }: World): Step => step({ ...ui, notice: null, filter: EMPTY_EDITOR, focus: 'list' }),
  'pane.next': ({ ui }: World): Step => step({ ...ui, focus: ui.focus === 'list' ? 'chat' : 'list' }),
  'unread.next': nextUnread,
  'filter.open': ({ ui }: World): Step => step({ ...ui, focus: 'list', filtering: true, filter: moveEnd(ui.filter) }),
  'filter.done': ({ ui }: World): Step => step({ ...ui, filtering: false }),
  'filter.clear': ({ ui }: World): Step => step({ ...ui, filtering: false, filter: EMPTY_EDITOR }),
  'search.open': ({ ui }: World): Step => step({ ...ui, dialog: EMPTY_SEARCH }),
  'add.open': ({ ui }: World): Step => step({ ...ui, dialog: addDialog('', null) }),
  'presence.open': ({ ui }: World): Step => step({ ...ui, dialog: { type: 'presence', chosen: 0 } }),
  'help.open': ({ ui }: World): Step => step({ ...ui, dialog: { type: 'help', filter: EMPTY_EDITOR, top: 0 } }),
  'request.accept': (world: World): Step => answerRequest(world, 'buddy.accept'),
  'request.decline': (world: World): Step => answerRequest(world, 'buddy.decline'),
  'buddy.remove': ({ app, ui }: World): Step => {
    const chosen = selectedBuddy(app, ui);
    if (!chosen) return step(ui);
    const what = !isGroup(chosen.name) ? 'remove' : chosen.relation === 'both' ? 'leave' : 'forget';
    return step({ ...ui, dialog: { type: 'confirm', what, name: chosen.name } });
  },
  'buddy.block': block,
} as const;

/** The form for a new buddy; `back` is where Escape leads. */
export function addDialog(name: string, back: Dialog | null): Dialog {
  const editor = { ...EMPTY_EDITOR, text: name, cursor: name.length };
  const field = name === '' ? 0 : 1;
  return { type: 'add', name: editor, message: EMPTY_EDITOR, field, busySinceMs: null, error: '', back };
}

function pageOf({ app, ui }: World): number {
  return Math.max(1, layoutOf(app, ui).listRows - 1);
}

function moved({ app, ui }: World, by: number): UiState {
  const buddies = buddiesOf(listRows(app, ui.filter.text, ui.preferences.groups));
  const at = buddies.findIndex(({ name }) => name === ui.selected);
  const to = lineAfter(at, by, buddies.length);
  return { ...ui, selected: buddies[to]?.name ?? ui.selected };
}

/** The next buddy with something unread, behind the chosen one, round the end. */
function nextUnread(world: World): Step {
  const { app, ui } = world;
  const buddies = buddiesOf(listRows(app, '', ui.preferences.groups));
  const at = buddies.findIndex(({ name }) => name === ui.selected);
  const next = [...buddies.slice(at + 1), ...buddies.slice(0, at + 1)].find(({ unread }) => unread > 0);
  if (!next) return step(noticed(world, ui, 'Nothing is unread.'));
  return step({ ...ui, selected: next.name, focus: 'chat', filter: EMPTY_EDITOR, filtering: false, dialog: null });
}

function answerRequest(world: World, type: 'buddy.accept' | 'buddy.decline'): Step {
  const { app, ui } = world;
  const buddy = selectedBuddy(app, ui);
  if (!buddy) return step(ui);
  if (buddy.relation !== 'incoming') {
    return step(noticed(world, ui, `${buddy.name}: ${failureSentence('nothing-pending')}`));
  }
  return step(ui, request({ type, name: buddy.name }, { for: 'plain', detail: buddy.name }));
}

function block({ app, ui }: World): Step {
  const buddy = selectedBuddy(app, ui);
  if (!buddy || isGroup(buddy.name)) return step(ui);
  if (buddy.relation === 'blocked') {
    return step(ui, request({ type: 'buddy.unblock', name: buddy.name }, { for: 'plain', detail: buddy.name }));
  }
  return step({ ...ui, dialog: { type: 'confirm', what: 'block', name: buddy.name } });
}
