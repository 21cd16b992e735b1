/**
 * A text being typed as rows with a cursor: broken anywhere, because the person must see every blank, and shifted so
 * that the cursor is in sight. Pure; `view/text-prompt.tsx` draws it.
 */
import type { Editor } from '../text/editor.ts';
import { graphemesOf, widthOf } from '../text/width.ts';

export interface PromptRows {
  readonly rows: readonly string[];
  readonly cursor: { readonly column: number; readonly row: number };
}

interface PromptStyle {
  readonly columns: number;
  readonly rowsMax: number;
  /** Drawn instead of every character, for passwords. */
  readonly secret?: string | undefined;
  /** Drawn where a line break stands in a field of one row. */
  readonly lineBreak?: string;
}

/** The rows in sight. The cursor may stand one column behind the last character. */
export function promptRows(editor: Editor, { columns, rowsMax, secret, lineBreak = '↵' }: PromptStyle): PromptRows {
  const rows = [''];
  let width = 0;
  let index = 0;
  let cursor = { column: 0, row: 0 };
  const newRow = (): void => {
    rows.push('');
    width = 0;
  };
  for (const grapheme of graphemesOf(editor.text)) {
    const shown = secret ?? (grapheme === '\n' && rowsMax === 1 ? lineBreak : grapheme);
    const step = shown === '\n' ? 0 : widthOf(shown);
    if (width + step > columns) newRow();
    if (index === editor.cursor) cursor = { column: width, row: rows.length - 1 };
    if (shown === '\n') newRow();
    else {
      rows[rows.length - 1] += shown;
      width += step;
    }
    index += grapheme.length;
  }
  if (index === editor.cursor) {
    // Behind a full row the cursor stands at the start of the next one.
    if (width >= columns) newRow();
    cursor = { column: width, row: rows.length - 1 };
  }
  const first = Math.min(cursor.row, Math.max(0, rows.length - rowsMax));
  return {
    rows: rows.slice(first, first + rowsMax),
    // A line break may stand behind a full row.
    cursor: { column: Math.min(cursor.column, columns), row: cursor.row - first },
  };
}

/** The cursor a row up or down, in the same column if there is one; undefined where no such row is. */
export function moveRow(editor: Editor, columns: number, by: 1 | -1): Editor | undefined {
  const all = { columns, rowsMax: Number.POSITIVE_INFINITY };
  const from = promptRows(editor, all).cursor;
  let best: number | undefined;
  let index = 0;
  for (const grapheme of [...graphemesOf(editor.text), '']) {
    const { cursor } = promptRows({ ...editor, cursor: index }, all);
    if (cursor.row > from.row + by) break;
    if (cursor.row === from.row + by && (best === undefined || cursor.column <= from.column)) best = index;
    index += grapheme.length;
  }
  return best === undefined ? undefined : { ...editor, cursor: best };
}

/** How many rows the text takes, up to `rowsMax`. */
export function promptHeight(editor: Editor, columns: number, rowsMax: number): number {
  return promptRows(editor, { columns, rowsMax }).rows.length;
}
