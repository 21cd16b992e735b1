/**
 * Text in columns of a terminal: measuring, cutting to fit, wrapping. A character may take 0, 1 or 2 columns, and
 * several code points may make one character; nothing here ever cuts one in two.
 */
import stringWidth from 'string-width';
import { isPlain } from './plain.ts';

let segmenter: Intl.Segmenter | undefined;

/** Columns that `text` takes; control characters count as none. */
export function widthOf(text: string): number {
  return isPlain(text) ? text.length : stringWidth(text);
}

/** What a person takes for single characters. */
export function graphemesOf(text: string): string[] {
  if (isPlain(text)) return [...text];
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** `text` in at most `columns` columns, with an ellipsis where it was cut. */
export function truncate(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  if (columns <= 0) return '';
  let cut = '';
  let width = 0;
  for (const grapheme of graphemesOf(text)) {
    width += widthOf(grapheme);
    if (width > columns - 1) break;
    cut += grapheme;
  }
  return `${cut}…`;
}

/** `text` in exactly `columns` columns: cut, or filled with blanks at its right. */
export function pad(text: string, columns: number): string {
  const fitted = truncate(text, columns);
  return fitted + ' '.repeat(Math.max(0, columns - widthOf(fitted)));
}

/** Lines of at most `columns` columns (at least 1), broken at blanks where possible. Never empty. */
export function wrap(text: string, columns: number): string[] {
  return text.split('\n').flatMap((line) => wrapLine(line, Math.max(1, columns)));
}

function wrapLine(text: string, columns: number): string[] {
  if (widthOf(text) <= columns) return [text];
  const lines: string[] = [];
  let line = '';
  let width = 0;
  const close = (): void => {
    lines.push(line.trimEnd());
    line = '';
    width = 0;
  };
  // Words with the blanks behind them.
  for (const word of text.match(/\S+\s*|\s+/g) ?? []) {
    const solid = widthOf(word.trimEnd());
    if (width > 0 && width + solid > columns) close();
    if (solid <= columns) {
      line += word;
      width += widthOf(word);
      if (width > columns) close();
      continue;
    }
    for (const grapheme of graphemesOf(word)) {
      const step = widthOf(grapheme);
      if (width + step > columns) close();
      line += grapheme;
      width += step;
    }
  }
  if (line.trimEnd() !== '' || lines.length === 0) close();
  return lines;
}
