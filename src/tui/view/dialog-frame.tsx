/** A dialog over the middle of the screen. What lies below is painted over with blanks first. */
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { type Row, span } from '../text/spans.ts';
import type { Glyphs, Tone } from '../theme.ts';
import { Frame } from './frame.tsx';
import { Lines } from './line.tsx';
import type { ViewProps } from './view-props.ts';

export interface DialogPlace {
  readonly column: number;
  readonly row: number;
  /** Outer size, frame included. */
  readonly columns: number;
  readonly rows: number;
}

export interface DialogFrameProps {
  readonly title: string;
  readonly glyphs: Glyphs;
  readonly place: DialogPlace;
  readonly tone?: Tone;
  readonly children: ReactNode;
}

/**
 * In the middle of the panes, so that a call that rings stays in sight; the whole width of a narrow window. `content`
 * is the number of rows wanted inside the frame.
 */
export function dialogPlace({ world, layout }: ViewProps, wanted: number, content: number): DialogPlace {
  const window = world.ui.columns;
  const columns = window < wanted + 8 ? window : wanted;
  const rows = Math.min(layout.bodyRows, content + 2);
  return {
    column: Math.floor((window - columns) / 2),
    row: layout.callRows + Math.floor((layout.bodyRows - rows) / 2),
    columns,
    rows,
  };
}

export const DialogFrame = ({ title, glyphs, place, tone = 'accent', children }: DialogFrameProps) => {
  const { column, row, columns, rows } = place;
  const blank: Row = [span(' '.repeat(columns))];
  return (
    <Box position="absolute" marginLeft={column} marginTop={row} width={columns} height={rows}>
      <Box position="absolute" flexDirection="column" width={columns} height={rows}>
        <Lines rows={Array.from({ length: rows }, () => blank)} />
      </Box>
      <Frame title={[span(title, 'strong')]} columns={columns} rows={rows} glyphs={glyphs} tone={tone} focused>
        {children}
      </Frame>
    </Box>
  );
};
