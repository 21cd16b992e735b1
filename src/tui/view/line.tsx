/** One line of the screen. The only place that hands text to Ink: everything else makes rows of spans. */
import { Text } from 'ink';
import { useContext } from 'react';
import type { Row } from '../text/spans.ts';
import { ThemeContext } from './theme-context.ts';

export interface LineProps {
  readonly row: Row;
}

export const Line = ({ row }: LineProps) => {
  const theme = useContext(ThemeContext);
  return (
    // An empty text has no height in Ink, but an empty line has.
    <Text wrap="truncate">
      {row.every(({ text }) => text === '')
        ? ' '
        : row.map(({ text, tone = 'plain', inverse = false }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one line have no identity of their own.
            <Text key={index} inverse={inverse} {...theme[tone]}>
              {text}
            </Text>
          ))}
    </Text>
  );
};

export interface LinesProps {
  readonly rows: readonly Row[];
}

/** Several lines, one below the other: what they are is told by where they stand. */
export const Lines = ({ rows }: LinesProps) => (
  <>
    {rows.map((row, index) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place, it has no other identity.
      <Line key={index} row={row} />
    ))}
  </>
);
