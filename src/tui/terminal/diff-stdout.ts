/**
 * The `stdout` that Ink draws on: takes whole frames (Ink with `debug: true` writes nothing else) and sends the
 * terminal only the cells that changed. Stock Ink rewrites everything on every change: 47 kB/s in a call, against
 * 0.4 kB/s here, which over a 64 kbit/s line is the difference between hearing each other and not.
 *
 *   Ink --frame--> write() ... cursor ... flush() --changed cells--> terminal
 *
 * The owner calls `flush` when a frame is complete and the cursor is known. While the terminal does not keep up,
 * frames are skipped, never queued: the newest one follows when it has drained.
 */
import { EventEmitter } from 'node:events';
import { type CellLine, EMPTY_LINE, parseCells } from './frame-cells.ts';

/** What is asked of a terminal: `process.stdout`, or a stand-in. */
export interface TerminalOutput {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

export interface CursorPlace {
  /** From 0, at the left and at the top. */
  readonly column: number;
  readonly row: number;
}

const ESC = '\x1b[';
/** Unchanged cells between two changes that are cheaper sent again than jumped over: a jump costs 6 to 8 bytes. */
const GAP_CELLS_MAX = 6;
/** A terminal may take a glyph for so much wider than we do (a family of four drawn as four people). */
const SPILL_CELLS = 8;
/** Larger updates are wrapped as one (mode 2026), so that the eye never sees half of them. */
const SYNCHRONIZED_FROM_BYTES = 200;

export class DiffStdout extends EventEmitter {
  /** Bytes sent so far. */
  bytes = 0;
  // Ink sends cursor codes of its own to a TTY; this is none.
  readonly isTTY = false;
  private readonly terminal: TerminalOutput;
  private readonly colour: boolean;
  /** Lines as they stand on the terminal; undefined when that is not known. */
  private shown: CellLine[] | undefined;
  private shownText: string[] = [];
  private frame: string | undefined;
  private cursor: CursorPlace | undefined;
  private shownCursor: CursorPlace | undefined;
  private blocked = false;
  private closed = false;

  /** With `colour` false (NO_COLOR) everything is drawn in the terminal's own two colours. */
  constructor(terminal: TerminalOutput, { colour = true }: { readonly colour?: boolean } = {}) {
    super();
    this.terminal = terminal;
    this.colour = colour;
  }

  get columns(): number {
    return this.terminal.columns || 80;
  }
  get rows(): number {
    return this.terminal.rows || 24;
  }

  /** Takes the next frame. It is sent by `flush`. */
  write(frame: string, done?: () => void): boolean {
    if (frame !== '' && !this.closed) this.frame = frame;
    if (typeof done === 'function') queueMicrotask(done);
    return true;
  }

  /** Where the cursor stands once the frame is sent; undefined hides it. */
  placeCursor(cursor: CursorPlace | undefined): void {
    this.cursor = cursor;
  }

  /** The terminal may show anything (it was resized, or another program drew on it): the next frame is sent whole. */
  invalidate(): void {
    this.shown = undefined;
    this.shownCursor = undefined;
  }

  /** Sends what changed since the last flush. */
  flush(): void {
    if (this.frame === undefined || this.closed || this.blocked) return;
    const lines = this.frame.split('\n').slice(0, this.rows);
    const body = this.shown === undefined ? this.clear() + this.changes(lines) : this.changes(lines);
    const output = this.withCursor(body);
    if (output === '') return;
    this.send(output.length > SYNCHRONIZED_FROM_BYTES ? `${ESC}?2026h${output}${ESC}?2026l` : output);
  }

  /** A control string of our own, such as the bell; not part of the picture. */
  passThrough(control: string): void {
    if (!this.closed && !this.blocked) this.send(control);
  }

  /** Nothing is sent any more, whatever Ink still writes while it unmounts. */
  close(): void {
    this.closed = true;
  }

  private send(output: string): void {
    this.bytes += Buffer.byteLength(output);
    if (this.terminal.write(output)) return;
    this.blocked = true;
    this.terminal.once('drain', () => {
      this.blocked = false;
      this.flush();
    });
  }

  private clear(): string {
    this.shown = [];
    this.shownText = [];
    return `${ESC}?25l${ESC}m${ESC}H${ESC}2J`;
  }

  private changes(lines: readonly string[]): string {
    const shown = this.shown ?? [];
    const pen = new Pen();
    for (let row = 0; row < Math.max(lines.length, shown.length); row++) {
      const text = lines[row] ?? '';
      if (text === (this.shownText[row] ?? '')) continue;
      const next = text === '' ? EMPTY_LINE : parseCells(text, this.columns, this.colour);
      drawLine(pen, row, shown[row] ?? EMPTY_LINE, next, this.forbiddenFrom(row));
      shown[row] = next;
    }
    shown.length = lines.length;
    this.shown = shown;
    this.shownText = [...lines];
    return pen.finish();
  }

  /** Column that must stay empty: writing the last cell of the last row scrolls some terminals (ink issue 971). */
  private forbiddenFrom(row: number): number {
    return row === this.rows - 1 ? this.columns - 1 : Number.POSITIVE_INFINITY;
  }

  private withCursor(body: string): string {
    const { cursor, shownCursor } = this;
    if (body === '' && cursor?.column === shownCursor?.column && cursor?.row === shownCursor?.row) return '';
    this.shownCursor = cursor;
    // Small updates are over before the eye could see the cursor jump.
    const hide = shownCursor && (!cursor || body.length > SYNCHRONIZED_FROM_BYTES) ? `${ESC}?25l` : '';
    if (!cursor) return hide + body;
    const show = hide !== '' || !shownCursor ? `${ESC}?25h` : '';
    return `${hide}${body}${ESC}${cursor.row + 1};${cursor.column + 1}H${show}`;
  }
}

/** Collects output and remembers position and style, so that neither is sent twice. */
class Pen {
  private output = '';
  private style = '';
  private column = -1;
  private row = -1;

  moveTo(row: number, column: number): void {
    if (row === this.row && column === this.column) return;
    this.output += column === 0 ? `${ESC}${row + 1}H` : `${ESC}${row + 1};${column + 1}H`;
    this.row = row;
    this.column = column;
  }

  /** Writes a glyph that fills `width` columns. After a doubtful one the position is unknown. */
  put(glyph: string, style: string, width: number, doubtful: boolean): void {
    if (doubtful && width > 1) {
      // A terminal that takes it for narrow would leave the old glyph standing beside it.
      const { row, column } = this;
      this.setStyle(style);
      this.output += ' '.repeat(width);
      this.column += width;
      this.moveTo(row, column);
    }
    this.setStyle(style);
    this.output += glyph;
    this.column = doubtful ? -1 : this.column + width;
  }

  eraseToEnd(): void {
    this.setStyle('');
    this.output += `${ESC}K`;
  }

  finish(): string {
    this.setStyle('');
    return this.output;
  }

  private setStyle(style: string): void {
    if (style === this.style) return;
    // A reset in front: styles hold what is on, not what must go off.
    this.output += style === '' ? `${ESC}m` : this.style === '' ? `${ESC}${style}m` : `${ESC}0;${style}m`;
    this.style = style;
  }
}

/** Draws the difference between two states of one row. Cells from `forbidden` on are left alone. */
function drawLine(pen: Pen, row: number, before: CellLine, after: CellLine, forbidden: number): void {
  const changed = changedCells(before, after);
  const width = Math.min(changed.length, forbidden);
  const inkEnd = plainEnd(after);
  const doubtful = new Set(after.doubtful);
  let column = 0;
  while (column < width) {
    if (!changed[column]) {
      column++;
      continue;
    }
    if (column >= inkEnd) {
      // Nothing but blanks from here to the end of the row.
      pen.moveTo(row, column);
      pen.eraseToEnd();
      return;
    }
    const end = runEnd(changed, doubtful, column, Math.min(width, inkEnd));
    for (let at = column; at < end; at++) {
      const glyph = after.glyphs[at] ?? ' ';
      if (glyph === '') continue;
      pen.moveTo(row, at);
      let cells = 1;
      while (after.glyphs[at + cells] === '') cells++;
      pen.put(glyph, after.styles[at] ?? '', cells, doubtful.has(at));
    }
    column = end;
  }
}

function changedCells(before: CellLine, after: CellLine): boolean[] {
  const width = Math.max(before.glyphs.length, after.glyphs.length);
  const changed: boolean[] = [];
  for (let column = 0; column < width; column++) {
    changed.push(
      (before.glyphs[column] ?? ' ') !== (after.glyphs[column] ?? ' ') ||
        (before.styles[column] ?? '') !== (after.styles[column] ?? ''),
    );
  }
  const spill = (column: number): void => {
    for (let at = column; at < Math.min(width, column + SPILL_CELLS); at++) changed[at] = true;
  };
  // Both halves of a wide glyph change together, in the old line and in the new one.
  for (const { glyphs } of [before, after]) {
    for (let column = width - 1; column > 0; column--) {
      if (glyphs[column] === '' && changed[column]) changed[column - 1] = true;
    }
    for (let column = 1; column < width; column++) {
      if (glyphs[column] === '' && changed[column - 1]) changed[column] = true;
    }
  }
  const doubtful = [...before.doubtful, ...after.doubtful].sort((a, b) => a - b);
  for (const column of doubtful) if (changed[column]) spill(column);
  if (doubtful.length > 0) {
    // The spill may have cut a wide glyph in two.
    for (let column = 1; column < width; column++) {
      if (after.glyphs[column] === '' && changed[column] !== changed[column - 1]) {
        changed[column] = true;
        changed[column - 1] = true;
      }
    }
  }
  return changed;
}

/** Column behind the last cell that is not a plain blank. */
function plainEnd(line: CellLine): number {
  let end = line.glyphs.length;
  while (end > 0 && line.glyphs[end - 1] === ' ' && line.styles[end - 1] === '') end--;
  return end;
}

/** End of a run of changes that starts at `from`, short gaps included; never past `limit`. */
function runEnd(changed: readonly boolean[], doubtful: ReadonlySet<number>, from: number, limit: number): number {
  let end = from + 1;
  for (let column = end; column < limit && column - end <= GAP_CELLS_MAX; column++) {
    if (changed[column]) end = column + 1;
    // Sending a doubtful glyph again would spill over cells that are not sent again.
    else if (doubtful.has(column)) break;
  }
  return end;
}
