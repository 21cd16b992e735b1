/**
 * Messages as rows of the conversation pane: wrapped, with the time, who wrote it and whether it has arrived, and a
 * line between days. Only the rows in sight are made for drawing; scrolling counts all of them.
 */
import type { ChatLine } from '../../store/state.ts';
import { type Row, span } from '../text/spans.ts';
import { pad, widthOf, wrap } from '../text/width.ts';
import type { Glyphs } from '../theme.ts';
import type { Anchor } from '../ui-state.ts';

export interface MessageRow {
  /** Message that the row belongs to, and which of its rows this is. */
  readonly id: string;
  readonly row: number;
  readonly spans: Row;
}

export interface MessageStyle {
  readonly columns: number;
  readonly glyphs: Glyphs;
  readonly nowMs: number;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const NAME_COLUMNS_MAX = 10;
/** Narrower than this, names stand in fewer columns. */
const ROOMY_COLUMNS = 44;

/** The rows in sight: at most `height` of them, the lowest being `anchor` (or the newest). */
export function visibleRows(
  lines: readonly ChatLine[],
  anchor: Anchor | null,
  height: number,
  style: MessageStyle,
): readonly MessageRow[] {
  let at = anchor ? lines.findIndex((line) => line.id === anchor.id) : -1;
  const anchored = at >= 0;
  if (!anchored) at = lines.length - 1;
  let rows: MessageRow[] = [];
  for (let index = at; index >= 0 && rows.length < height; index--) {
    const own = rowsOf(lines, index, style);
    const upTo = anchored && index === at ? own.slice(0, (anchor?.row ?? 0) + 1) : own;
    rows = [...upTo, ...rows];
  }
  return rows.slice(Math.max(0, rows.length - height));
}

export interface Scrolled {
  readonly anchor: Anchor | null;
  /** The oldest loaded row is in sight. */
  readonly atTop: boolean;
}

/** Where the view stands after moving by `by` rows; negative is towards older messages. */
export function scrollRows(
  lines: readonly ChatLine[],
  anchor: Anchor | null,
  by: number,
  height: number,
  style: MessageStyle,
): Scrolled {
  const rows = lines.flatMap((_, index) => rowsOf(lines, index, style));
  const last = rows.length - 1;
  const found = anchor ? rows.findLastIndex((row) => row.id === anchor.id && row.row <= anchor.row) : -1;
  const from = found >= 0 ? found : last;
  const to = Math.min(last, Math.max(from + by, Math.min(height - 1, last)));
  const row = rows[to];
  return { anchor: to === last || !row ? null : { id: row.id, row: row.row }, atTop: to - height + 1 <= 0 };
}

function rowsOf(lines: readonly ChatLine[], index: number, style: MessageStyle): readonly MessageRow[] {
  const line = lines[index];
  if (!line) return [];
  const before = lines[index - 1];
  const rows: Row[] = [];
  if (!before || dayOf(before.storedAtMs) !== dayOf(line.storedAtMs)) rows.push(dayRow(line.storedAtMs, style));
  rows.push(...messageRows(line, style));
  return rows.map((spans, row) => ({ id: line.id, row, spans }));
}

function messageRows(line: ChatLine, style: MessageStyle): readonly Row[] {
  return line.kind === undefined ? chatRows(line, style) : noteRows(line, style);
}

/** What nobody wrote: across the pane, and in a tone that cannot be taken for chat. */
function noteRows(line: ChatLine, { columns }: MessageStyle): readonly Row[] {
  const tone = line.kind === 'key-changed' ? 'bad' : 'muted';
  const texts = wrap(`* ${line.text} *`, Math.max(4, columns - 6));
  return texts.map((text, row) => [
    span(row === 0 ? `${timeOf(line.storedAtMs)} ` : '      ', 'muted'),
    span(text, tone),
  ]);
}

function chatRows(line: ChatLine, { columns, glyphs }: MessageStyle): readonly Row[] {
  const mine = line.direction === 'out';
  const who = mine ? 'you' : (line.author ?? line.with);
  const nameColumns = Math.min(Math.max(3, widthOf(line.with)), columns >= ROOMY_COLUMNS ? NAME_COLUMNS_MAX : 6);
  const head = [
    span(`${timeOf(line.storedAtMs)} `, 'muted'),
    span(pad(who, nameColumns), mine ? 'muted' : 'accent'),
    span('  '),
  ];
  const indent = 6 + nameColumns + 2;
  // Two columns at the right are kept for the mark, so that it never moves the text.
  const texts = wrap(line.text, Math.max(4, columns - indent - 2));
  return texts.map((text, row) => {
    const start: Row = row === 0 ? head : [span(' '.repeat(indent))];
    const mark = mine && row === texts.length - 1 ? [markOf(line, glyphs)] : [];
    return [...start, span(text), ...mark];
  });
}

function markOf(line: ChatLine, glyphs: Glyphs): Row[number] {
  if (line.mark === 'delivered') return span(` ${glyphs.delivered}`, 'good');
  return line.mark === 'kept' ? span(` ${glyphs.kept}`, 'muted') : span(` ${glyphs.waiting}`, 'warn');
}

function dayRow(atMs: number, { columns, glyphs, nowMs }: MessageStyle): Row {
  const text = ` ${dayWords(atMs, nowMs)} `;
  const side = Math.max(0, Math.min(12, Math.floor((columns - widthOf(text)) / 2)));
  return [span(glyphs.frame.top.repeat(side) + text + glyphs.frame.top.repeat(side), 'muted')];
}

function dayWords(atMs: number, nowMs: number): string {
  const date = new Date(atMs);
  if (dayOf(atMs) === dayOf(nowMs)) return 'Today';
  if (dayOf(atMs) === dayOf(nowMs - 86_400_000)) return 'Yesterday';
  const year = date.getFullYear() === new Date(nowMs).getFullYear() ? '' : ` ${date.getFullYear()}`;
  return `${DAYS[date.getDay()]} ${date.getDate()} ${MONTHS[date.getMonth()]}${year}`;
}

/** Number that is the same for two times of one local day. */
function dayOf(atMs: number): number {
  const date = new Date(atMs);
  return date.getFullYear() * 10_000 + date.getMonth() * 100 + date.getDate();
}

function timeOf(atMs: number): string {
  const date = new Date(atMs);
  return `${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`;
}
