/** What can be copied of a conversation: every link by itself, and every message, the newest first. */
import type { ChatLine } from '../../store/state.ts';
import { cleanText } from '../text/sanitize.ts';
import { fitRow, inReverse, type Row, span } from '../text/spans.ts';
import type { Glyphs } from '../theme.ts';

export interface Copyable {
  readonly kind: 'link' | 'message';
  /** Harmless: what a terminal is given. */
  readonly text: string;
}

const LINES_MAX = 50;
const ENTRIES_MAX = 100;
/** What stands behind a link more often than in it: the end of a sentence, a bracket around it. */
const LINK =
  /\b(?:(?:https?|ftp|sftp|ssh):\/\/|(?:mailto|wren):)[^\s<>"'`\u{2000}-\u{200f}]*[^\s<>"'`.,;:!?)\]}\u{2000}-\u{200f}]/giu;

export function linksIn(text: string): readonly string[] {
  return [...text.matchAll(LINK)].map(([link]) => link);
}

/** Links before the message that they stand in. */
export function copyable(lines: readonly ChatLine[]): readonly Copyable[] {
  const entries: Copyable[] = [];
  for (const line of lines.slice(-LINES_MAX).toReversed()) {
    if (line.kind !== undefined) continue;
    const text = cleanText(line.text);
    const links = linksIn(text);
    for (const link of links) entries.push({ kind: 'link', text: link });
    if (links[0] !== text.trim()) entries.push({ kind: 'message', text });
  }
  return entries.slice(0, ENTRIES_MAX);
}

export function copyRows(
  entries: readonly Copyable[],
  chosen: number,
  columns: number,
  glyphs: Glyphs,
): readonly Row[] {
  return entries.map(({ kind, text }, index): Row => {
    const isChosen = index === chosen;
    const row = fitRow(
      [
        span(isChosen ? `${glyphs.chosen} ` : '  ', 'accent'),
        span(kind === 'link' ? 'link     ' : 'message  ', 'muted'),
        span(text.replaceAll(/\s*\n\s*/g, ' '), kind === 'link' ? 'strong' : 'plain'),
      ],
      columns,
    );
    return isChosen ? inReverse(row, columns) : row;
  });
}
