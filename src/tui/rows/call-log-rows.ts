/** Calls of the past as rows: missed ones say so in a word, new ones are marked until the conversation was looked at. */
import { padRow, type Row, span, spread } from '../text/spans.ts';
import type { Glyphs, Tone } from '../theme.ts';
import type { LoggedCall } from '../ui-state.ts';
import { clockWords, dateWords } from '../wording.ts';

export interface CallLogStyle {
  readonly columns: number;
  readonly glyphs: Glyphs;
  /** Ids of calls that nobody has read of yet. */
  readonly fresh: ReadonlySet<string>;
}

export function callLogRows(calls: readonly LoggedCall[], chosen: number, style: CallLogStyle): readonly Row[] {
  const { columns, glyphs, fresh } = style;
  return calls.map((call, index): Row => {
    const isChosen = index === chosen;
    const isNew = fresh.has(call.call);
    const [words, tone] = wordsOf(call);
    const row = spread(
      [
        span(isChosen ? `${glyphs.chosen} ` : '  ', 'accent'),
        span(words.padEnd(8), tone),
        span(call.peer, isNew ? 'strong' : 'plain'),
        span(isNew ? '  new' : '', 'warn'),
      ],
      [span(lengthWords(call), 'muted'), span(`  ${dateWords(call.startedAtMs)}`, 'muted')],
      columns,
    );
    return isChosen ? padRow(row, columns).map(({ text }) => ({ text, inverse: true })) : row;
  });
}

function wordsOf({ missed, direction }: LoggedCall): readonly [string, Tone] {
  if (missed) return ['missed', 'warn'];
  return [direction === 'in' ? 'from' : 'to', 'muted'];
}

function lengthWords({ answeredAtMs, endedAtMs, missed }: LoggedCall): string {
  if (answeredAtMs === null) return missed ? '' : 'not answered';
  return endedAtMs === null ? '' : clockWords(endedAtMs - answeredAtMs);
}
