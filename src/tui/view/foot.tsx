/** The lines below everything: what is wrong while it is, then hints or a notice, then the status. */
import { Box } from 'ink';
import { hintRow } from '../rows/hint-rows.ts';
import { statusRow } from '../rows/status-rows.ts';
import { span } from '../text/spans.ts';
import { Line } from './line.tsx';
import type { ViewProps } from './view-props.ts';

export const Foot = ({ world, layout, context, glyphs }: ViewProps) => {
  const { app, ui, nowMs } = world;
  const { troubleLines, noticeLines } = layout;
  return (
    <Box flexDirection="column" flexShrink={0}>
      {troubleLines.map((text, index) => (
        <Line key={text} row={[span(index === 0 ? ` ${glyphs.trouble} ` : '   ', 'bad'), span(text, 'bad')]} />
      ))}
      {noticeLines.map((text, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows of one wrapped text, which may repeat and never move
        <Line key={index} row={[span(' '), span(text, ui.notice?.tone ?? 'plain')]} />
      ))}
      {noticeLines.length === 0 && <Line row={[span(' '), ...hintRow(app, ui, context, ui.columns - 2)]} />}
      <Line row={statusRow(app, ui, { columns: ui.columns, glyphs, nowMs, context })} />
    </Box>
  );
};
