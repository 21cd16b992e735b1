/** A dialog that is a list: the chosen line stays in sight, and words on it stand below. */
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { innerColumns } from '../layout.ts';
import { windowTop } from '../rows/buddy-rows.ts';
import { type Row, span } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import { DialogFrame, dialogPlace } from './dialog-frame.tsx';
import { Lines } from './line.tsx';
import type { ViewProps } from './view-props.ts';

export interface ListDialogProps {
  readonly view: ViewProps;
  readonly title: string;
  /** Outer columns wanted. */
  readonly wanted: number;
  readonly rows: readonly Row[];
  readonly chosen: number;
  /** The list takes so many rows where there is room. */
  readonly rowsMax: number;
  /** Always so many rows below the list, that nothing jumps. */
  readonly below?: readonly Row[];
  /** A field above the list; it takes two rows. */
  readonly children?: ReactNode;
}

export const ListDialog = ({ view, title, wanted, rows, chosen, rowsMax, below = [], children }: ListDialogProps) => {
  const head = children === undefined ? 0 : 2;
  const place = dialogPlace(view, wanted, Math.min(rowsMax, Math.max(1, rows.length)) + below.length + head);
  // In a low window the words go first.
  const spare = place.rows - 2 - head;
  const words = spare - below.length >= Math.min(3, rows.length) ? below : [];
  const height = Math.max(1, spare - words.length);
  const top = windowTop(Math.max(0, chosen - height + 1), chosen, height, rows.length);
  return (
    <DialogFrame title={title} glyphs={view.glyphs} place={place}>
      {children}
      <Box flexDirection="column" height={height} flexShrink={0}>
        <Lines rows={rows.slice(top, top + height)} />
      </Box>
      <Lines rows={words} />
    </DialogFrame>
  );
};

/** Columns of a row in a list dialog that wants `wanted` outer ones. */
export function listColumns(view: ViewProps, wanted: number): number {
  return innerColumns(dialogPlace(view, wanted, 0).columns);
}

/** `words` and a blank row above them as exactly `count` rows. */
export function wordsBelow(words: string, columns: number, count: number): readonly Row[] {
  const lines: readonly Row[] = [[], ...wrap(words, columns).map((line): Row => [span(line, 'muted')])];
  return Array.from({ length: count }, (_, index) => lines[index] ?? []);
}
