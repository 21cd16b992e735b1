/** A frame with a title in its upper edge. The pane that has the focus shows its title in brackets, not by colour alone. */
import { Box } from 'ink';
import { type ReactNode, useContext } from 'react';
import { type Row, rowWidth, span, spread } from '../text/spans.ts';
import type { FrameGlyphs, Glyphs, Tone } from '../theme.ts';
import { Line } from './line.tsx';
import { ThemeContext } from './theme-context.ts';

export interface FrameProps {
  readonly title: Row;
  /** Stands at the right of the upper edge. */
  readonly aside?: Row;
  readonly columns: number;
  readonly rows: number;
  readonly glyphs: Glyphs;
  readonly focused?: boolean;
  readonly heavy?: boolean;
  readonly tone?: Tone;
  readonly children?: ReactNode;
}

export const Frame = ({ title, aside = [], columns, rows, glyphs, focused, heavy, tone, children }: FrameProps) => {
  const lineTone = tone ?? (focused ? 'accent' : 'muted');
  const edge = heavy ? glyphs.heavyFrame : glyphs.frame;
  const { color, dimColor } = useContext(ThemeContext)[lineTone];
  return (
    <Box flexDirection="column" width={columns} height={rows} flexShrink={0}>
      <Line row={upperEdge({ title, aside, columns, edge, lineTone, focused: focused === true })} />
      <Box
        // Ink forgets that the upper edge is off when only the border style changes: a new box instead.
        key={heavy ? 'heavy' : 'light'}
        flexDirection="column"
        height={rows - 1}
        paddingX={1}
        borderStyle={edge}
        borderTop={false}
        {...(color === undefined ? {} : { borderColor: color })}
        {...(dimColor === undefined ? {} : { borderDimColor: dimColor })}
      >
        {children}
      </Box>
    </Box>
  );
};

interface EdgeParts {
  readonly title: Row;
  readonly aside: Row;
  readonly columns: number;
  readonly edge: FrameGlyphs;
  readonly lineTone: Tone;
  readonly focused: boolean;
}

function upperEdge({ title, aside, columns, edge, lineTone, focused }: EdgeParts): Row {
  const { topLeft, top, topRight } = edge;
  const [open, close] = focused ? ['[ ', ' ]'] : [' ', ' '];
  const start: Row = [span(topLeft + top, lineTone), span(open, lineTone), ...title, span(close, lineTone)];
  const end: Row = rowWidth(aside) === 0 ? [] : [span(' '), ...aside, span(' ')];
  return spread(start, [...end, span(top + topRight, lineTone)], columns, top, lineTone);
}
