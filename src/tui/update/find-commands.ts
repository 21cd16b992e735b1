/** Finding, erasing and verifying from the list: what was said with the chosen person, and whose key it is. */
import type { ChatLine } from '../../store/state.ts';
import { innerColumns, layoutOf } from '../layout.ts';
import { isGroup } from '../people-groups.ts';
import { scrollRows } from '../rows/message-rows.ts';
import { EMPTY_EDITOR } from '../text/editor.ts';
import { UNICODE_GLYPHS } from '../theme.ts';
import { conversationOf, type Dialog, selectedBuddy, type UiState } from '../ui-state.ts';
import { lineAfter } from './choices.ts';
import { AROUND_LINES, withConversation } from './conversations.ts';
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

/** Enter: the messages with these words; of those that were found, the chosen one in its conversation. */
export function findGo(world: World): Step {
  const { ui, nowMs } = world;
  const { dialog } = ui;
  if (dialog?.type !== 'find' || dialog.busySinceMs !== null) return step(ui);
  const search = dialog.pattern.text.trim();
  if (search === '') return step(ui);
  const found = search === dialog.searched ? dialog.lines[dialog.top] : undefined;
  if (found) return jump({ ...world, ui: { ...ui, dialog: null, selected: dialog.name, focus: 'chat' } }, found);
  return step(
    { ...ui, dialog: { ...dialog, busySinceMs: nowMs, error: '' } },
    request({ type: 'chat.history', with: dialog.name, limit: FOUND_MAX, search }, { for: 'find', words: search }),
  );
}

/** Where it was said; what stands around it is asked for when it is not there. */
function jump(world: World, { id, with: name, storedAtMs }: ChatLine): Step {
  const { ui } = world;
  const known = conversationOf(ui, name);
  if (known.lines.some((line) => line.id === id)) return step(shownLine(world, name, id));
  const aroundMs = storedAtMs;
  const command = { type: 'chat.history', with: name, limit: AROUND_LINES, aroundMs } as const;
  const loading = withConversation(ui, name, { ...known, loaded: 'loading' });
  return step(loading, request(command, { for: 'part', with: name, aroundMs, show: id }));
}

/** That line in the middle of the pane, as far as there are lines below it. */
export function shownLine({ app, ui, nowMs }: World, name: string, id: string): UiState {
  const { messageRows, chatColumns } = layoutOf(app, { ...ui, selected: name, focus: 'chat' });
  const conversation = conversationOf(ui, name);
  const style = { columns: innerColumns(chatColumns), glyphs: UNICODE_GLYPHS, nowMs };
  const at = { id, row: Number.MAX_SAFE_INTEGER };
  const { anchor } = scrollRows(conversation.lines, at, Math.floor(messageRows / 2), messageRows, style);
  // The end of an older part is no present to follow.
  const last = conversation.isCut ? conversation.lines.at(-1) : undefined;
  const end = last ? { id: last.id, row: Number.MAX_SAFE_INTEGER } : null;
  return withConversation(ui, name, { ...conversation, anchor: anchor ?? end });
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
      const { isCut: _, ...whole } = known;
      return withConversation(next, one, { ...whole, lines: [], loaded: 'new', anchor: null });
    }, ui);
}
