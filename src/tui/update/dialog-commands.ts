/** Keys of the dialogs: search, adding a buddy, questions, the presence menu, help. */
import { foldName, isName } from '../../net/protocol/ids.ts';
import type { AppState, PresenceStatus } from '../../store/state.ts';
import { layoutOf } from '../layout.ts';
import { helpHeight, helpRows } from '../rows/help-rows.ts';
import type { Dialog, UiState } from '../ui-state.ts';
import { failureSentence } from '../wording.ts';
import { lineAfter } from './choices.ts';
import { findGo, findMoved } from './find-commands.ts';
import { groupTaken } from './group-commands.ts';
import { addDialog } from './list-commands.ts';
import { gatherMoved, gatherNext } from './people-group-commands.ts';
import { servingQuestion, settingsAt } from './settings-commands.ts';
import { walkBack, walkMove, walkNext } from './walk-commands.ts';
import { noticed, request, type Step, step, type World } from './world.ts';

export type PresenceChoice = PresenceStatus | 'sign-out' | 'serving';

/** Rows of the presence menu, top down. */
const PRESENCE_MENU: readonly PresenceChoice[] = ['online', 'away', 'do-not-disturb', 'invisible', 'sign-out'];

/** With what this machine does for the network, where the agent tells of it. */
export function presenceMenu(app: AppState): readonly PresenceChoice[] {
  return app.serving ? [...PRESENCE_MENU, 'serving'] : PRESENCE_MENU;
}

/** One page of what supernodes hand out: more than fits the dialog. */
const HITS_MAX = 50;

export const DIALOG_HANDLERS = {
  'dialog.close': ({ ui }: World): Step =>
    step({ ...ui, dialog: ui.dialog?.type === 'keys' ? settingsAt('keys') : null }),
  'search.go': (world: World): Step => (world.ui.dialog?.type === 'find' ? findGo(world) : searchGo(world)),
  'search.up': ({ ui }: World): Step => step(findMoved(chosenMoved(ui, -1), -1)),
  'search.down': ({ ui }: World): Step => step(findMoved(chosenMoved(ui, 1), 1)),
  'form.next': (world: World): Step => {
    const { dialog } = world.ui;
    if (dialog?.type === 'group') return groupTaken(world, dialog);
    if (dialog?.type === 'gather') return gatherNext(world, dialog);
    return dialog ? addNext(world) : walkNext(world);
  },
  'form.down': (world: World): Step => (world.ui.dialog ? step(otherField(world.ui)) : step(walkMove(world, 1))),
  'form.up': (world: World): Step => (world.ui.dialog ? step(otherField(world.ui)) : step(walkMove(world, -1))),
  'form.back': (world: World): Step => {
    const { dialog } = world.ui;
    return dialog ? step({ ...world.ui, dialog: dialog.type === 'add' ? dialog.back : null }) : step(walkBack(world));
  },
  'confirm.yes': confirmed,
  'confirm.no': refused,
  'help.up': (world: World): Step => step(helpMoved(world, -1, 'row')),
  'help.down': (world: World): Step => step(helpMoved(world, 1, 'row')),
  'help.page-up': (world: World): Step => step(helpMoved(world, -1, 'page')),
  'help.page-down': (world: World): Step => step(helpMoved(world, 1, 'page')),
  'help.close': ({ ui }: World): Step => step({ ...ui, dialog: null }),
} as const;

/** Enter in the search: looks for a new pattern; for one that was found already it takes the chosen person. */
function searchGo(world: World): Step {
  const { app, ui, nowMs } = world;
  const { dialog } = ui;
  if (dialog?.type !== 'search' || dialog.busySinceMs !== null) return step(ui);
  const pattern = dialog.pattern.text.trim();
  if (pattern === '') return step(ui);
  const hit = pattern === dialog.searched ? dialog.hits[dialog.chosen] : undefined;
  if (!hit) {
    const busy = { ...dialog, busySinceMs: nowMs, error: '' };
    return step(
      { ...ui, dialog: busy },
      request({ type: 'search', pattern, limit: HITS_MAX }, { for: 'search', pattern }),
    );
  }
  const known = app.buddies.find(({ name }) => foldName(name) === foldName(hit.name));
  if (known) return step({ ...ui, dialog: null, selected: known.name });
  if (foldName(hit.name) === foldName(app.account?.name ?? '')) {
    return step({ ...ui, dialog: { ...dialog, error: failureSentence('person-self') } });
  }
  return step({ ...ui, dialog: addDialog(hit.name, dialog) });
}

function chosenMoved(ui: UiState, by: number): UiState {
  const { dialog } = ui;
  if (dialog?.type !== 'search') return ui;
  const chosen = lineAfter(dialog.chosen, by, dialog.hits.length);
  return { ...ui, dialog: { ...dialog, chosen } };
}

function otherField(ui: UiState): UiState {
  const { dialog } = ui;
  if (dialog?.type === 'gather') return gatherMoved(ui, dialog);
  return dialog?.type === 'add' ? { ...ui, dialog: { ...dialog, field: dialog.field === 0 ? 1 : 0 } } : ui;
}

function addNext({ ui, nowMs }: World): Step {
  const { dialog } = ui;
  if (dialog?.type !== 'add' || dialog.busySinceMs !== null) return step(ui);
  const name = dialog.name.text.trim();
  if (!isName(name)) return step({ ...ui, dialog: { ...dialog, field: 0, error: failureSentence('name-malformed') } });
  if (dialog.field === 0) return step({ ...ui, dialog: { ...dialog, field: 1, error: '' } });
  const asked: Dialog = { ...dialog, busySinceMs: nowMs, error: '' };
  const message = dialog.message.text.trim();
  return step({ ...ui, dialog: asked }, request({ type: 'buddy.add', name, message }, { for: 'add', name }));
}

export function presenceMoved({ app, ui }: World, by: number): UiState {
  const { dialog } = ui;
  if (dialog?.type !== 'presence') return ui;
  const chosen = lineAfter(dialog.chosen, by, presenceMenu(app).length);
  return { ...ui, dialog: { ...dialog, chosen } };
}

export function presenceTaken({ app, ui }: World): Step {
  const choice = ui.dialog?.type === 'presence' ? presenceMenu(app)[ui.dialog.chosen] : undefined;
  if (!choice) return step(ui);
  if (choice === 'serving') return step({ ...ui, dialog: servingQuestion(app) });
  if (choice === 'sign-out') return step({ ...ui, dialog: { type: 'confirm', what: 'sign-out', name: '' } });
  return step(
    { ...ui, dialog: null },
    request({ type: 'presence.set', presence: choice }, { for: 'plain', detail: '' }),
  );
}

/** A question that opened by itself under a key that was meant for something else is not answered by it. */
function isTooSoon({ ui, nowMs }: World): boolean {
  return ui.dialog?.type === 'confirm' && nowMs < (ui.dialog.readableAtMs ?? 0);
}

function refused(world: World): Step {
  const { ui } = world;
  if (isTooSoon(world)) return step(ui);
  const isServe = ui.dialog?.type === 'confirm' && ui.dialog.what === 'serve';
  const asked = isServe && world.app.serving?.asks;
  return step({ ...ui, dialog: null }, ...(asked ? [request({ type: 'serving.answer', yes: false })] : []));
}

function confirmed(world: World): Step {
  const { app, ui } = world;
  const { dialog } = ui;
  if (dialog?.type !== 'confirm' || isTooSoon(world)) return step(ui);
  const tag = { for: 'plain', detail: dialog.name } as const;
  const closed = { ...ui, dialog: null };
  if (dialog.what === 'sign-out') return step(closed, request({ type: 'account.sign-out' }, tag));
  if (dialog.what === 'serve-no-more') return step(closed, request({ type: 'serving.set', consent: 'never' }, tag));
  if (dialog.what === 'serve') {
    const again = app.serving?.consent === 'never' ? [request({ type: 'serving.set', consent: 'auto' }, tag)] : [];
    return step(closed, ...again, request({ type: 'serving.answer', yes: true }, tag));
  }
  if (dialog.what === 'revoke') {
    return step(closed, request({ type: 'device.revoke', device: dialog.device ?? dialog.name }, tag));
  }
  if (dialog.what === 'leave') {
    const left = noticed(world, closed, `You left ${dialog.name}; the same key takes it off the list.`);
    return step(left, request({ type: 'group.leave', group: dialog.name }, tag));
  }
  if (dialog.what === 'forget') return step(closed, request({ type: 'group.forget', group: dialog.name }, tag));
  if (dialog.what === 'erase') return step(closed, request({ type: 'history.erase', with: dialog.name }, tag));
  if (dialog.what === 'verify') {
    return step(closed, request({ type: 'safety.verify', name: dialog.name, verified: true }, tag));
  }
  return step(
    closed,
    request({ type: dialog.what === 'remove' ? 'buddy.remove' : 'buddy.block', name: dialog.name }, tag),
  );
}

function helpMoved({ app, ui }: World, direction: 1 | -1, unit: 'row' | 'page'): UiState {
  const { dialog } = ui;
  if (dialog?.type !== 'help') return ui;
  const height = helpHeight(layoutOf(app, ui));
  const hidden = helpRows(dialog.filter.text, ui.columns, undefined, ui.keys).length - height;
  const by = direction * (unit === 'row' ? 1 : Math.max(1, height - 1));
  const top = Math.max(0, Math.min(hidden, dialog.top + by));
  return { ...ui, dialog: { ...dialog, top } };
}
