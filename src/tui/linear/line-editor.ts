/**
 * A line being typed in line mode: keys in, what to send to the terminal out. Only printing characters, Backspace and
 * Carriage Return are ever sent, so it works on every terminal there is, and a screen reader follows the cursor as in a shell.
 * Where that cannot show the change (a line longer than a row), the whole line is written anew below. Pure but for what it holds.
 */
import type { Key } from '../terminal/key-parser.ts';
import {
  backspace,
  deleteForward,
  deleteToEnd,
  deleteToStart,
  deleteWord,
  type Editor,
  EMPTY_EDITOR,
  editorOf,
  historyBack,
  historyForward,
  insert,
  moveEnd,
  moveHome,
  moveLeft,
  moveRight,
  moveWordLeft,
  moveWordRight,
  remember,
} from '../text/editor.ts';
import { graphemesOf, widthOf } from '../text/width.ts';

const KEYS: Readonly<Record<string, (editor: Editor) => Editor>> = {
  left: moveLeft,
  right: moveRight,
  home: moveHome,
  end: moveEnd,
  'ctrl-a': moveHome,
  'ctrl-e': moveEnd,
  'alt-b': moveWordLeft,
  'ctrl-left': moveWordLeft,
  'alt-f': moveWordRight,
  'ctrl-right': moveWordRight,
  backspace,
  delete: deleteForward,
  'ctrl-w': deleteWord,
  'alt-backspace': deleteWord,
  'ctrl-u': deleteToStart,
  'ctrl-k': deleteToEnd,
  up: historyBack,
  down: historyForward,
};

/** What a key came to, beside what is to be written. */
export type Typed =
  | { readonly type: 'nothing' }
  | { readonly type: 'line'; readonly text: string }
  | { readonly type: 'cancel' }
  | { readonly type: 'end' }
  | { readonly type: 'suspend' }
  | { readonly type: 'complete' };

export class LineEditor {
  #editor: Editor = EMPTY_EDITOR;
  #prompt = '';
  #secret = false;
  readonly #columns: () => number;

  /** `columns`: of the terminal, now. */
  constructor(columns: () => number) {
    this.#columns = columns;
  }

  get text(): string {
    return this.#editor.text;
  }

  /** What stands on the row where the person types; a password is never shown. */
  get row(): string {
    return this.#prompt + (this.#secret ? '' : this.#editor.text);
  }

  /** The same as it is written, the cursor in its place. */
  get written(): string {
    return this.#secret ? this.#prompt : this.row + back(this.#editor.text.slice(this.#editor.cursor));
  }

  /** It fits one row, so that a Carriage Return leads to its start. */
  get fitsRow(): boolean {
    return widthOf(this.row) < this.#columns();
  }

  ask(prompt: string, secret: boolean): void {
    this.#prompt = prompt;
    this.#secret = secret;
  }

  press(key: Key): { readonly echo: string; readonly typed: Typed } {
    const before = this.#editor;
    switch (key.name) {
      case 'enter':
      case 'ctrl-j': {
        this.#editor = this.#secret || before.text.trim() === '' ? this.#emptied() : remember(before, before.text);
        return { echo: '\n', typed: { type: 'line', text: before.text } };
      }
      case 'ctrl-c':
        this.#editor = this.#emptied();
        return { echo: '\n', typed: before.text === '' ? { type: 'cancel' } : { type: 'nothing' } };
      case 'ctrl-d':
        if (before.text === '') return { echo: '\n', typed: { type: 'end' } };
        break;
      case 'ctrl-z':
        return { echo: '\n', typed: { type: 'suspend' } };
      case 'ctrl-l':
        return { echo: `\n${this.written}`, typed: { type: 'nothing' } };
      case 'tab':
        return { echo: '', typed: this.#secret ? { type: 'nothing' } : { type: 'complete' } };
    }
    const change = KEYS[key.name === 'ctrl-d' ? 'delete' : key.name];
    if (!change && key.text === '') return { echo: '', typed: { type: 'nothing' } };
    const isHistory = key.name === 'up' || key.name === 'down';
    if (this.#secret && isHistory) return { echo: '', typed: { type: 'nothing' } };
    return { echo: this.#became(change ? change(before) : insert(before, key.text)), typed: { type: 'nothing' } };
  }

  /** Puts the text behind the cursor. */
  add(text: string): string {
    return this.#became(insert(this.#editor, text));
  }

  #emptied(): Editor {
    const { history } = this.#editor;
    return { ...editorOf(''), history, historyAt: history.length };
  }

  /** The next state, and what makes the terminal show it. */
  #became(next: Editor): string {
    const before = this.#editor;
    const isLong = widthOf(this.#prompt) + Math.max(widthOf(before.text), widthOf(next.text)) >= this.#columns();
    // In a row that has wrapped no Backspace leads up: there the cursor stays at the end.
    this.#editor = isLong ? { ...next, cursor: next.text.length } : next;
    if (this.#secret) return '';
    if (before.cursor === before.text.length && next.text.startsWith(before.text)) {
      const added = next.text.slice(before.text.length);
      return added + back(this.#editor.text.slice(this.#editor.cursor));
    }
    if (!isLong) return rewritten(before, next);
    return next.text === before.text ? '' : `\n${this.row}`;
  }
}

/** From one text to another on the same row. */
function rewritten(before: Editor, after: Editor): string {
  if (before.text === after.text) return moved(before, after.cursor);
  const same = sameLength(before.text, after.text);
  const left = Math.max(0, widthOf(before.text.slice(same)) - widthOf(after.text.slice(same)));
  const written = after.text.slice(same) + ' '.repeat(left) + '\b'.repeat(left);
  return moved(before, same) + written + back(after.text.slice(after.cursor));
}

/** The cursor to another place of the text as it stands: what lies between is written over itself, or gone back over. */
function moved({ text, cursor }: Editor, to: number): string {
  return to <= cursor ? back(text.slice(to, cursor)) : text.slice(cursor, to);
}

function back(text: string): string {
  return '\b'.repeat(widthOf(text));
}

/** Length of the longest common beginning, in whole graphemes. */
function sameLength(a: string, b: string): number {
  const others = graphemesOf(b);
  let length = 0;
  for (const [index, grapheme] of graphemesOf(a).entries()) {
    if (others[index] !== grapheme) break;
    length += grapheme.length;
  }
  return length;
}
