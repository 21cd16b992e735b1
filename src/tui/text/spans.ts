/**
 * A line of the screen before Ink draws it: pieces of text with a meaning each. Rows are made, cut and filled here as
 * plain data, so that what a person sees can be tested without a terminal.
 */
import type { Tone } from '../theme.ts';
import { truncate, widthOf } from './width.ts';

export interface Span {
  readonly text: string;
  readonly tone?: Tone;
  /** Drawn in reverse: the chosen row of the pane that has the focus. */
  readonly inverse?: boolean;
  readonly bold?: boolean;
}

export type Row = readonly Span[];

export function span(text: string, tone: Tone = 'plain'): Span {
  return { text, tone };
}

export function rowWidth(row: Row): number {
  return row.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** `row` in at most `columns` columns. */
export function fitRow(row: Row, columns: number): Row {
  if (rowWidth(row) <= columns) return row;
  const fitted: Span[] = [];
  let room = columns;
  for (const piece of row) {
    const text = truncate(piece.text, room);
    // One without text is no end of the room.
    if (text === '' && piece.text !== '') break;
    fitted.push({ ...piece, text });
    room -= widthOf(text);
    if (text !== piece.text) break;
  }
  return fitted;
}

/** `left` and `right` at the two ends of exactly `columns` columns; `left` is cut when they do not both fit. */
export function spread(left: Row, right: Row, columns: number, filler = ' ', fillerTone: Tone = 'plain'): Row {
  const end = fitRow(right, columns);
  const room = columns - rowWidth(end);
  const start = fitRow(left, end.length > 0 ? Math.max(0, room - 1) : room);
  const gap = columns - rowWidth(start) - rowWidth(end);
  return [...start, { text: filler.repeat(Math.max(0, gap)), tone: fillerTone }, ...end];
}

/** `row` in exactly `columns` columns. */
export function padRow(row: Row, columns: number): Row {
  return spread(row, [], columns);
}

/** The chosen row, over all columns: in reverse, where a colour might not be read. */
export function inReverse(row: Row, columns: number): Row {
  return padRow(row, columns).map(({ text }) => ({ text, inverse: true }));
}

/** `pieces` with `separator` between those that are not empty. */
export function joinSpans(pieces: readonly (Span | undefined)[], separator: string): Row {
  const row: Span[] = [];
  for (const piece of pieces) {
    if (!piece || piece.text === '') continue;
    if (row.length > 0) row.push(span(separator, 'muted'));
    row.push(piece);
  }
  return row;
}

/** As many of `pieces` as fit with `separator` between them, from the first on. */
export function joinFitting(pieces: readonly Row[], separator: string, columns: number): Row {
  let row: Row = [];
  for (const piece of pieces) {
    if (rowWidth(piece) === 0) continue;
    const longer = row.length === 0 ? piece : [...row, span(separator, 'muted'), ...piece];
    if (rowWidth(longer) > columns) break;
    row = longer;
  }
  return row;
}

export function plainText(row: Row): string {
  return row.map(({ text }) => text).join('');
}
