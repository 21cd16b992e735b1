/**
 * A text being typed as rows with a cursor: broken anywhere, because the person must see every blank, and shifted so
 * that the cursor is in sight. Pure; `view/text-prompt.tsx` draws it.
 */
import type { Editor } from '../text/editor.ts';
import { graphemesOf, widthOf } from '../text/width.ts';

interface Place {
  readonly column: number;
  readonly row: number;
}

export interface PromptRows {
  readonly rows: readonly string[];
  readonly cursor: Place;
}

interface PromptStyle {
  readonly columns: number;
  readonly rowsMax: number;
  /** Drawn instead of every character, for passwords. */
  readonly secret?: string | undefined;
  /** Drawn where a line break stands in a field of one row. */
  readonly lineBreak?: string;
}

/**
 * All rows of a text. `visit` is told where the cursor stands before each grapheme and behind the last; behind a full row
 * that is the start of one more, which is not among the rows.
 */
function brokenRows(text: string, style: PromptStyle, visit: (index: number, place: Place) => void): string[] {
  const { columns, rowsMax, secret, lineBreak = '↵' } = style;
  const rows = [''];
  let width = 0;
  let index = 0;
  const newRow = (): void => {
    rows.push('');
    width = 0;
  };
  for (const grapheme of graphemesOf(text)) {
    const shown = secret ?? (grapheme === '\n' && rowsMax === 1 ? lineBreak : grapheme);
    const step = shown === '\n' ? 0 : widthOf(shown);
    if (width + step > columns) newRow();
    // A line break may stand behind a full row.
    visit(index, { column: Math.min(width, columns), row: rows.length - 1 });
    if (shown === '\n') newRow();
    else {
      rows[rows.length - 1] += shown;
      width += step;
    }
    index += grapheme.length;
  }
  visit(index, width >= columns ? { column: 0, row: rows.length } : { column: width, row: rows.length - 1 });
  return rows;
}

/** The rows in sight. The cursor may stand one column behind the last character. */
export function promptRows(editor: Editor, style: PromptStyle): PromptRows {
  let cursor: Place = { column: 0, row: 0 };
  const rows = brokenRows(editor.text, style, (index, place) => {
    if (index === editor.cursor) cursor = place;
  });
  if (cursor.row === rows.length) rows.push('');
  const first = Math.min(cursor.row, Math.max(0, rows.length - style.rowsMax));
  return {
    rows: rows.slice(first, first + style.rowsMax),
    cursor: { column: cursor.column, row: cursor.row - first },
  };
}

/** The cursor a row up or down, in the same column if there is one; undefined where no such row is. */
export function moveRow(editor: Editor, columns: number, by: 1 | -1): Editor | undefined {
  const all = { columns, rowsMax: Number.POSITIVE_INFINITY };
  const from = promptRows(editor, all).cursor;
  let best: number | undefined;
  brokenRows(editor.text, all, (index, { column, row }) => {
    if (row === from.row + by && (best === undefined || column <= from.column)) best = index;
  });
  return best === undefined ? undefined : { ...editor, cursor: best };
}

/** How many rows the text takes, up to `rowsMax`. */
export function promptHeight(editor: Editor, columns: number, rowsMax: number): number {
  return promptRows(editor, { columns, rowsMax }).rows.length;
}
