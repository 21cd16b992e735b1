/**
 * One line of a frame as Ink writes it (text with SGR codes) -> cells. The screen writer compares cells, so two ways
 * of writing the same picture cost nothing. Whatever is neither printable nor SGR is dropped here: an escape
 * sequence that somebody smuggled through every layer above still never reaches the terminal.
 */
import { graphemesOf, widthOf } from '../text/width.ts';

/** A line of cells, column by column. The second column of a wide character holds an empty string. */
export interface CellLine {
  readonly glyphs: readonly string[];
  /** Parameters of the SGR code that draws the cell from a reset state; empty for plain. */
  readonly styles: readonly string[];
  /** Columns of glyphs that terminals do not agree on the width of, ascending. */
  readonly doubtful: readonly number[];
}

export const EMPTY_LINE: CellLine = { glyphs: [], styles: [], doubtful: [] };

/** SGR; or another complete escape sequence; or a stray control character. */
const CODES =
  /\x1b\[([\d;:]*)m|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?|[\x00-\x1f\x7f-\x9f]/g;
const ASCII = /^[\x20-\x7e]*$/;
/** Scripts and signs of one column everywhere: Latin, Greek, Cyrillic, punctuation, arrows, box drawing, blocks. */
const AGREED =
  /^[\u00a0-\u02ff\u0370-\u03ff\u0400-\u052f\u1e00-\u1eff\u2010-\u2027\u2030-\u205e\u2190-\u21ff\u2500-\u259f]$/u;
/** A base letter under a hundred accents is one column but a flood of bytes. */
const GLYPH_LENGTH_MAX = 32;

type Style = Partial<Record<'bold' | 'dim' | 'italic' | 'underline' | 'inverse' | 'strike' | 'ink' | 'paper', string>>;
const ORDER = ['bold', 'dim', 'italic', 'underline', 'inverse', 'strike', 'ink', 'paper'] as const;
const ON: Readonly<Record<number, keyof Style>> = {
  1: 'bold',
  2: 'dim',
  3: 'italic',
  4: 'underline',
  7: 'inverse',
  9: 'strike',
};
const OFF: Readonly<Record<number, readonly (keyof Style)[]>> = {
  22: ['bold', 'dim'],
  23: ['italic'],
  24: ['underline'],
  27: ['inverse'],
  29: ['strike'],
  39: ['ink'],
  49: ['paper'],
};

/** Cells of `line`, cut at `columns`. With `colour` false (NO_COLOR) foreground and background are left out. */
export function parseCells(line: string, columns: number, colour = true): CellLine {
  const glyphs: string[] = [];
  const styles: string[] = [];
  const doubtful: number[] = [];
  let style: Style = {};
  let sgr = '';
  const put = (glyph: string, width: number): void => {
    for (let column = 0; column < width; column++) {
      glyphs.push(column === 0 ? glyph : '');
      styles.push(sgr);
    }
  };
  const putText = (text: string): void => {
    if (ASCII.test(text)) {
      for (const glyph of text) put(glyph, 1);
      return;
    }
    for (const segment of graphemesOf(text)) {
      const width = widthOf(segment);
      if (width > 0 && !ASCII.test(segment) && !AGREED.test(segment)) doubtful.push(glyphs.length);
      put(segment.length > GLYPH_LENGTH_MAX ? String.fromCodePoint(segment.codePointAt(0) ?? 32) : segment, width);
    }
  };
  let position = 0;
  for (const match of line.matchAll(CODES)) {
    putText(line.slice(position, match.index));
    position = match.index + match[0].length;
    if (match[1] === undefined) continue;
    style = applySgr(style, match[1]);
    sgr = sgrOf(style, colour);
  }
  putText(line.slice(position));
  return cut({ glyphs, styles, doubtful }, columns);
}

function cut(line: CellLine, columns: number): CellLine {
  if (line.glyphs.length <= columns) return line;
  const glyphs = line.glyphs.slice(0, columns);
  // A wide character that would hang over the edge is not drawn at all.
  if (line.glyphs[columns] === '') {
    for (let column = columns - 1; column >= 0; column--) {
      const half = glyphs[column];
      glyphs[column] = ' ';
      if (half !== '') break;
    }
  }
  return { glyphs, styles: line.styles.slice(0, columns), doubtful: line.doubtful.filter((at) => at < columns) };
}

function applySgr(style: Style, parameters: string): Style {
  const parts = parameters.split(/[;:]/).map(Number);
  let next = { ...style };
  for (let index = 0; index < parts.length; index++) {
    const code = parts[index] ?? 0;
    const on = ON[code];
    if (code === 0) next = {};
    else if (on) next[on] = String(code);
    else if (OFF[code]) for (const name of OFF[code]) delete next[name];
    else if (code === 38 || code === 48) {
      const length = parts[index + 1] === 5 ? 3 : 5;
      next[code === 38 ? 'ink' : 'paper'] = parts.slice(index, index + length).join(';');
      index += length - 1;
    } else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) next.ink = String(code);
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) next.paper = String(code);
  }
  return next;
}

function sgrOf(style: Style, colour: boolean): string {
  return ORDER.filter((name) => style[name] !== undefined && (colour || (name !== 'ink' && name !== 'paper')))
    .map((name) => style[name])
    .join(';');
}
