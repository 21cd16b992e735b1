/** Messages that were found, as rows: when, who, and the text wrapped below it. Pure. */

import type { ChatLine } from '../../store/state.ts';
import { type Row, span } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import type { Glyphs } from '../theme.ts';
import { dateWords } from '../wording.ts';

/** From the line `top` on, as many rows as fit into `height`. */
export function foundRows(
  lines: readonly ChatLine[],
  top: number,
  { height, columns, glyphs }: { readonly height: number; readonly columns: number; readonly glyphs: Glyphs },
): readonly Row[] {
  const rows: Row[] = [];
  for (const [index, line] of lines.slice(top).entries()) {
    if (rows.length >= height) break;
    const who = line.kind !== undefined ? '*' : line.direction === 'out' ? 'you' : (line.author ?? line.with);
    // The first in sight is the chosen one.
    rows.push([
      span(index === 0 ? `${glyphs.chosen} ` : '  ', 'accent'),
      span(`${dateWords(line.storedAtMs)}  `, 'muted'),
      span(who, line.direction === 'out' ? 'muted' : 'accent'),
    ]);
    for (const text of wrap(line.text, Math.max(4, columns - 4))) rows.push([span('    '), span(text)]);
  }
  return rows.slice(0, height);
}
