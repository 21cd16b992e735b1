/** Messages that were found, as rows: when, who, and the text wrapped below it. Pure. */

import type { ChatLine } from '../../store/state.ts';
import { type Row, span } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import { dateWords } from '../wording.ts';

/** From the line `top` on, as many rows as fit into `height`. */
export function foundRows(lines: readonly ChatLine[], top: number, height: number, columns: number): readonly Row[] {
  const rows: Row[] = [];
  for (const line of lines.slice(top)) {
    if (rows.length >= height) break;
    const who = line.kind !== undefined ? '*' : line.direction === 'out' ? 'you' : line.with;
    rows.push([
      span(`${dateWords(line.storedAtMs)}  `, 'muted'),
      span(who, line.direction === 'out' ? 'muted' : 'accent'),
    ]);
    for (const text of wrap(line.text, Math.max(4, columns - 2))) rows.push([span('  '), span(text)]);
  }
  return rows.slice(0, height);
}
