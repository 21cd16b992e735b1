/**
 * The messages that the screen holds: merged from history, from what arrives and from what is sent, without doubles
 * and in the order of storing. Bounded: a conversation that nobody looked at for long is loaded again when needed.
 */
import type { ChatLine } from '../../store/state.ts';
import { type Conversation, conversationOf, type UiState } from '../ui-state.ts';

/** Around a line that was found; half of them before it. */
export const AROUND_LINES = 60;
/** Asked for at once; two screens full on a tall terminal. */
export const HISTORY_LINES = 100;
const LINES_MAX = 2_000;
const CONVERSATIONS_MAX = 20;

/** `ui` with these messages in the conversation with `name`. */
export function withLines(
  ui: UiState,
  name: string,
  lines: readonly ChatLine[],
  change: Partial<Conversation> = {},
): UiState {
  const known = conversationOf(ui, name);
  const merged = mergeLines(known.lines, lines);
  const kept = merged.slice(-LINES_MAX);
  const loaded = kept.length < merged.length ? { loaded: 'part' as const } : {};
  return withConversation(ui, name, { ...known, lines: kept, ...change, ...loaded });
}

/** `ui` with an older part of the conversation, in place of what was there unless it joins it. */
export function withPart(ui: UiState, name: string, lines: readonly ChatLine[], aroundMs: number): UiState {
  const { isCut: wasCut = false, ...known } = conversationOf(ui, name);
  const ids = new Set(known.lines.map(({ id }) => id));
  const joins = lines.some(({ id }) => ids.has(id));
  const kept = joins ? mergeLines(known.lines, lines).slice(0, LINES_MAX) : lines;
  // An answer may be shorter than it was to be: only one with nothing newer shows the end.
  const reaches = joins && (!wasCut || !lines.some(({ id, storedAtMs }) => storedAtMs > aroundMs && !ids.has(id)));
  return withConversation(ui, name, { ...known, lines: kept, loaded: 'part', ...(reaches ? {} : { isCut: true }) });
}

/** Back to the newest lines, which are asked for. */
export function atPresent(ui: UiState, name: string): UiState {
  const known = conversationOf(ui, name);
  if (known.isCut !== true) return withConversation(ui, name, { ...known, anchor: null });
  return withConversation(ui, name, { lines: [], loaded: 'new', anchor: null });
}

export function withConversation(ui: UiState, name: string, conversation: Conversation): UiState {
  const { [name]: _, ...others } = ui.conversations;
  // The last one asked for is the last in the object, so the first is the one to forget.
  const entries = Object.entries(others).slice(-(CONVERSATIONS_MAX - 1));
  return { ...ui, conversations: { ...Object.fromEntries(entries), [name]: conversation } };
}

/** A message was delivered, or is kept by the network. */
export function withMark(ui: UiState, name: string, id: string, mark: 'kept' | 'delivered'): UiState {
  const known = ui.conversations[name];
  if (!known) return ui;
  const lines = known.lines.map((line) => (line.id === id && line.mark !== 'delivered' ? { ...line, mark } : line));
  return { ...ui, conversations: { ...ui.conversations, [name]: { ...known, lines } } };
}

/** After a new link nobody knows what was missed: everything is asked for again, what is shown stays until then. */
export function allToLoadAgain(ui: UiState): UiState {
  const conversations = Object.fromEntries(
    Object.entries(ui.conversations).map(([name, one]) => {
      // To an older part the newest cannot be joined.
      const { isCut, ...rest } = one;
      return [name, { ...rest, ...(isCut ? { lines: [], anchor: null } : {}), loaded: 'new' as const }];
    }),
  );
  return { ...ui, conversations };
}

function mergeLines(known: readonly ChatLine[], added: readonly ChatLine[]): readonly ChatLine[] {
  const byId = new Map(known.map((line) => [line.id, line]));
  for (const line of added) {
    const before = byId.get(line.id);
    // A reply may be older than the news of delivery.
    byId.set(
      line.id,
      before && before.mark !== 'waiting' && line.mark === 'waiting' ? { ...line, mark: before.mark } : line,
    );
  }
  return [...byId.values()].sort((a, b) => a.storedAtMs - b.storedAtMs || (a.id < b.id ? -1 : 1));
}
