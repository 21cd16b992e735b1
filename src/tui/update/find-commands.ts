/** Finding, erasing and verifying from the list: what was said with the chosen person, and whose key it is. */
import { isGroup } from '../people-groups.ts';
import { EMPTY_EDITOR } from '../text/editor.ts';
import { conversationOf, type Dialog, selectedBuddy, type UiState } from '../ui-state.ts';
import { lineAfter } from './choices.ts';
import { withConversation } from './conversations.ts';
import { type HistoryReply, request, type SafetyReply, type Step, step, type World } from './world.ts';

/** More than anybody reads through; the words can be made more. */
const FOUND_MAX = 200;
const READABLE_MS = 700;

export const FIND_HANDLERS = {
  'find.open': ({ app, ui }: World): Step =>
    selectedBuddy(app, ui) ? step({ ...ui, dialog: findDialog(ui.selected) }) : step(ui),
  'history.erase': ({ app, ui }: World): Step =>
    selectedBuddy(app, ui) ? step({ ...ui, dialog: { type: 'confirm', what: 'erase', name: ui.selected } }) : step(ui),
  'safety.open': ({ app, ui }: World): Step =>
    selectedBuddy(app, ui) && !isGroup(ui.selected)
      ? step(ui, request({ type: 'safety.words', name: ui.selected }, { for: 'safety', name: ui.selected }))
      : step(ui),
} as const;

function findDialog(name: string): Dialog {
  return {
    ...{ type: 'find', name, pattern: EMPTY_EDITOR, searched: null, busySinceMs: null },
    ...{ lines: [], top: 0, error: '' },
  };
}

/** Enter: the messages with these words. */
export function findGo({ ui, nowMs }: World): Step {
  const { dialog } = ui;
  if (dialog?.type !== 'find' || dialog.busySinceMs !== null) return step(ui);
  const search = dialog.pattern.text.trim();
  if (search === '') return step(ui);
  return step(
    { ...ui, dialog: { ...dialog, busySinceMs: nowMs, error: '' } },
    request({ type: 'chat.history', with: dialog.name, limit: FOUND_MAX, search }, { for: 'find', words: search }),
  );
}

export function findMoved(ui: UiState, by: number): UiState {
  const { dialog } = ui;
  if (dialog?.type !== 'find') return ui;
  const top = lineAfter(dialog.top, by, dialog.lines.length);
  return { ...ui, dialog: { ...dialog, top } };
}

/** Newest first: what somebody looks for is seldom the oldest. */
export function withFound(ui: UiState, words: string, found: HistoryReply): UiState {
  const { dialog } = ui;
  if (dialog?.type !== 'find') return ui;
  const lines = found.toReversed();
  return { ...ui, dialog: { ...dialog, searched: words, busySinceMs: null, lines, top: 0 } };
}

/** The words to compare, as a question that no key answers which was on its way; nothing opens over what was opened meanwhile. */
export function withSafety({ ui, nowMs }: World, report: SafetyReply): UiState {
  if (ui.dialog !== null) return ui;
  const readableAtMs = nowMs + READABLE_MS;
  return { ...ui, dialog: { type: 'confirm', what: 'verify', name: report.name, readableAtMs, safety: report } };
}

/** What is gone is not shown any more: what is left is asked for again. */
export function withoutErased(ui: UiState, name: string | null): UiState {
  return Object.keys(ui.conversations)
    .filter((one) => name === null || one.toLowerCase() === name.toLowerCase())
    .reduce((next, one) => {
      const known = conversationOf(next, one);
      return withConversation(next, one, { ...known, lines: [], loaded: 'new', anchor: null });
    }, ui);
}
