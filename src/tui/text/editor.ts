/**
 * A text being typed: pure functions from one state to the next. The cursor always stands between two graphemes
 * (what a person takes for one character), so a flag or a family is never torn. Used by every field of the screen.
 */
import { cleanText } from './sanitize.ts';
import { graphemesOf } from './width.ts';

export interface Editor {
  readonly text: string;
  /** Index into `text`, in UTF-16 units, at a grapheme boundary. */
  readonly cursor: number;
  /** What was sent from here before, oldest first. */
  readonly history: readonly string[];
  /** Which entry of the history is shown; `history.length` is the draft. */
  readonly historyAt: number;
  /** The draft, while an entry of the history is shown. */
  readonly draft: string;
}

const HISTORY_ENTRIES_MAX = 100;
/** More than anybody may send, so that the refusal comes with a sentence and the text is still there to be cut. */
const TEXT_LENGTH_MAX = 65_536;

export const EMPTY_EDITOR: Editor = { text: '', cursor: 0, history: [], historyAt: 0, draft: '' };

export function editorOf(text: string): Editor {
  return { ...EMPTY_EDITOR, text, cursor: text.length };
}

/** Puts `text` in at the cursor. Line breaks become blanks unless the field has `lines`. */
export function insert(editor: Editor, text: string, { lines = false }: { readonly lines?: boolean } = {}): Editor {
  const before = editor.text.slice(0, editor.cursor);
  const clean = cleanTyped(text, lines).slice(0, Math.max(0, TEXT_LENGTH_MAX - editor.text.length));
  return { ...editor, text: before + clean + editor.text.slice(editor.cursor), cursor: before.length + clean.length };
}

function cleanTyped(text: string, lines: boolean): string {
  // A joiner or an accent typed after its letter is no leading mark here: it belongs to what stands before it.
  const clean = cleanText(`x${text}`).slice(1);
  return lines ? clean : clean.replaceAll(/\s*\n\s*/g, ' ');
}

export function moveLeft(editor: Editor): Editor {
  return { ...editor, cursor: previousBoundary(editor.text, editor.cursor) };
}

export function moveRight(editor: Editor): Editor {
  return { ...editor, cursor: nextBoundary(editor.text, editor.cursor) };
}

export function moveHome(editor: Editor): Editor {
  return { ...editor, cursor: 0 };
}

export function moveEnd(editor: Editor): Editor {
  return { ...editor, cursor: editor.text.length };
}

export function moveWordLeft(editor: Editor): Editor {
  return { ...editor, cursor: wordStart(editor) };
}

export function moveWordRight(editor: Editor): Editor {
  const rest = /^\s*\S+/.exec(editor.text.slice(editor.cursor));
  return { ...editor, cursor: editor.cursor + (rest?.[0].length ?? 0) };
}

export function backspace(editor: Editor): Editor {
  return cutOut(editor, previousBoundary(editor.text, editor.cursor), editor.cursor);
}

export function deleteForward(editor: Editor): Editor {
  return cutOut(editor, editor.cursor, nextBoundary(editor.text, editor.cursor));
}

export function deleteWord(editor: Editor): Editor {
  return cutOut(editor, wordStart(editor), editor.cursor);
}

export function deleteToStart(editor: Editor): Editor {
  return cutOut(editor, 0, editor.cursor);
}

export function deleteToEnd(editor: Editor): Editor {
  return cutOut(editor, editor.cursor, editor.text.length);
}

/** Shows what was sent before; the draft is kept. */
export function historyBack(editor: Editor): Editor {
  return showHistory(editor, editor.historyAt - 1);
}

export function historyForward(editor: Editor): Editor {
  return showHistory(editor, editor.historyAt + 1);
}

/** Empty again, with `text` remembered as the newest entry of the history. */
export function remember(editor: Editor, text: string): Editor {
  const history = [...editor.history.filter((entry) => entry !== text), text].slice(-HISTORY_ENTRIES_MAX);
  return { ...EMPTY_EDITOR, history, historyAt: history.length };
}

function showHistory(editor: Editor, at: number): Editor {
  if (at < 0 || at > editor.history.length) return editor;
  const draft = editor.historyAt === editor.history.length ? editor.text : editor.draft;
  const text = editor.history[at] ?? draft;
  return { ...editor, text, cursor: text.length, historyAt: at, draft };
}

function cutOut(editor: Editor, from: number, to: number): Editor {
  return { ...editor, text: editor.text.slice(0, from) + editor.text.slice(to), cursor: from };
}

function wordStart(editor: Editor): number {
  const before = editor.text.slice(0, editor.cursor);
  return before.replace(/\S+\s*$|\s+$/, '').length;
}

function previousBoundary(text: string, cursor: number): number {
  const last = graphemesOf(text.slice(0, cursor)).at(-1);
  return cursor - (last?.length ?? 0);
}

function nextBoundary(text: string, cursor: number): number {
  const [next] = graphemesOf(text.slice(cursor));
  return cursor + (next?.length ?? 0);
}
