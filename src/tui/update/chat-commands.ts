/** Keys of the conversation: sending, scrolling, what was sent before. */
import { innerColumns, layoutOf, promptColumns } from '../layout.ts';
import { scrollRows } from '../rows/message-rows.ts';
import { moveRow } from '../rows/prompt-rows.ts';
import { historyBack, historyForward, insert, remember } from '../text/editor.ts';
import { UNICODE_GLYPHS } from '../theme.ts';
import { conversationOf, draftOf, type UiState } from '../ui-state.ts';
import { AROUND_LINES, atPresent, HISTORY_LINES, withConversation } from './conversations.ts';
import { request, type Step, step, type World } from './world.ts';

export const CHAT_HANDLERS = {
  'chat.send': send,
  'chat.leave': ({ ui }: World): Step => step({ ...ui, focus: 'list', notice: null }),
  'chat.line-break': ({ ui }: World): Step => step(withDraft(ui, (draft) => insert(draft, '\n', { lines: true }))),
  'chat.history-back': (world: World): Step => step(lineMoved(world, -1)),
  'chat.history-forward': (world: World): Step => step(lineMoved(world, 1)),
  'chat.page-up': (world: World): Step => scroll(world, -1),
  'chat.page-down': (world: World): Step => scroll(world, 1),
} as const;

function withDraft(ui: UiState, change: (draft: ReturnType<typeof draftOf>) => ReturnType<typeof draftOf>): UiState {
  return { ...ui, drafts: { ...ui.drafts, [ui.selected]: change(draftOf(ui, ui.selected)) } };
}

function send({ ui }: World): Step {
  const to = ui.selected;
  const draft = draftOf(ui, to);
  const text = draft.text.trim();
  if (text === '') return step(ui);
  const following = atPresent(ui, to);
  const next = withDraft(following, () => remember(draft, draft.text));
  return step(next, request({ type: 'chat.send', to, text: draft.text }, { for: 'send', to, text: draft.text }));
}

/** Between the rows of what is being written, as they are wrapped; past the first and the last one lies what was sent. */
function lineMoved({ app, ui }: World, by: 1 | -1): UiState {
  const columns = promptColumns(layoutOf(app, { ...ui, focus: 'chat' }).chatColumns);
  return withDraft(ui, (draft) => moveRow(draft, columns, by) ?? (by < 0 ? historyBack(draft) : historyForward(draft)));
}

/** A page less one row, so that the eye finds its place again. */
function scroll(world: World, direction: 1 | -1): Step {
  const { messageRows } = layoutOf(world.app, { ...world.ui, focus: 'chat' });
  return scrolledBy(world, direction * Math.max(1, messageRows - 1));
}

/** So many rows; negative is towards older messages. At the oldest loaded row older ones are asked for. */
export function scrolledBy(world: World, by: number): Step {
  const { app, ui, nowMs } = world;
  const { messageRows, chatColumns } = layoutOf(app, { ...ui, focus: 'chat' });
  const conversation = conversationOf(ui, ui.selected);
  const style = { columns: innerColumns(chatColumns), glyphs: UNICODE_GLYPHS, nowMs };
  const { anchor, atTop } = scrollRows(conversation.lines, conversation.anchor, by, messageRows, style);
  const mayAsk = conversation.loaded === 'part' && ui.link.type === 'up';
  const newest = conversation.lines.at(-1);
  // The end of an older part is not that of the conversation.
  if (anchor === null && by > 0 && conversation.isCut && newest) {
    if (!mayAsk) return step(ui);
    const last = { id: newest.id, row: Number.MAX_SAFE_INTEGER };
    const waiting = withConversation(ui, ui.selected, { ...conversation, anchor: last, loaded: 'loading' });
    const { storedAtMs: aroundMs } = newest;
    const command = { type: 'chat.history', with: ui.selected, limit: AROUND_LINES, aroundMs } as const;
    return step(waiting, request(command, { for: 'part', with: ui.selected, aroundMs }));
  }
  const older = atTop && by < 0 && mayAsk;
  const next = { ...conversation, anchor, ...(older ? { loaded: 'loading' as const } : {}) };
  const scrolled = withConversation(ui, ui.selected, next);
  if (!older) return step(scrolled);
  const [first] = conversation.lines;
  const before = first ? { beforeMs: first.storedAtMs, beforeId: first.id } : { beforeMs: nowMs };
  const command = { type: 'chat.history', with: ui.selected, limit: HISTORY_LINES, ...before } as const;
  return step(scrolled, request(command, { for: 'history', with: ui.selected }));
}
