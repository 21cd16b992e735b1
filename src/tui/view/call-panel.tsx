/** The call, above everything: a question while it rings here, else who, how long, how it sounds and why. */
import { Box } from 'ink';
import { innerColumns } from '../layout.ts';
import { callRows, callTitle, shownCall } from '../rows/call-rows.ts';
import { padRow, span } from '../text/spans.ts';
import { Frame } from './frame.tsx';
import { Lines } from './line.tsx';
import type { ViewProps } from './view-props.ts';

export const CallPanel = ({ world, layout, context, glyphs }: ViewProps) => {
  const { app, ui, nowMs } = world;
  const call = shownCall(app);
  if (!call || layout.callRows === 0) return null;
  const columns = layout.callFramed ? innerColumns(ui.columns) : ui.columns - 2;
  const details = ui.callDetails && layout.callFramed;
  const rows = callRows(app, { columns, glyphs, nowMs, context, keys: ui.keys, details });
  const ringsHere = call.phase === 'ringing' && call.direction === 'in';
  const lines = <Lines rows={rows.map((row) => padRow(row, columns))} />;
  if (!layout.callFramed) {
    return (
      <Box flexDirection="column" paddingX={1} height={layout.callRows} flexShrink={0}>
        {lines}
      </Box>
    );
  }
  return (
    <Frame
      title={[span(callTitle(call), 'strong')]}
      columns={ui.columns}
      rows={layout.callRows}
      glyphs={glyphs}
      heavy={ringsHere}
      tone={ringsHere ? 'warn' : 'good'}
    >
      {lines}
    </Frame>
  );
};
