/** Calls of the past as rows: missed ones say so in a word, new ones are marked until the conversation was looked at. */
import { inReverse, type Row, span, spread } from '../text/spans.ts';
import type { Glyphs, Tone } from '../theme.ts';
import type { LoggedCall } from '../ui-state.ts';
import { clockWords, dateWords } from '../wording.ts';

export interface CallLogStyle {
  readonly columns: number;
  readonly glyphs: Glyphs;
  /** Ids of calls that nobody has read of yet. */
  readonly fresh: ReadonlySet<string>;
  /** Ids of calls that have not ended: the log has no length of them yet. */
  readonly running: ReadonlySet<string>;
}

/** Below so many columns whole words and the year would leave no room for the name. */
const NARROW = 48;
const YEAR_COLUMNS = 'YYYY-'.length;

export function callLogRows(calls: readonly LoggedCall[], chosen: number, style: CallLogStyle): readonly Row[] {
  const { columns, glyphs, fresh, running } = style;
  const isNarrow = columns < NARROW;
  return calls.map((call, index): Row => {
    const isChosen = index === chosen;
    const isNew = fresh.has(call.call);
    const [words, tone] = wordsOf(call);
    const date = dateWords(call.startedAtMs).slice(isNarrow ? YEAR_COLUMNS : 0);
    const row = spread(
      [
        span(isChosen ? `${glyphs.chosen} ` : '  ', 'accent'),
        span(words.padEnd(8), tone),
        span(call.peer, isNew ? 'strong' : 'plain'),
        span(isNew ? '  new' : '', 'warn'),
      ],
      [span(`${running.has(call.call) ? 'now' : lengthWords(call, isNarrow)}  ${date}`, 'muted')],
      columns,
    );
    return isChosen ? inReverse(row, columns) : row;
  });
}

function wordsOf({ missed, direction }: LoggedCall): readonly [string, Tone] {
  if (missed) return ['missed', 'warn'];
  return [direction === 'in' ? 'from' : 'to', 'muted'];
}

function lengthWords({ answeredAtMs, endedAtMs, missed }: LoggedCall, isNarrow: boolean): string {
  if (answeredAtMs === null) return missed ? '' : isNarrow ? '-:--' : 'not answered';
  return endedAtMs === null ? '' : clockWords(endedAtMs - answeredAtMs);
}
