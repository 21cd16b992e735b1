/** The palette: what can be done, by a few letters. */
import { Box } from 'ink';
import { innerColumns } from '../layout.ts';
import { windowTop } from '../rows/buddy-rows.ts';
import { paletteEntries, paletteRow } from '../rows/palette-rows.ts';
import { span } from '../text/spans.ts';
import type { Dialog } from '../ui-state.ts';
import { DialogFrame, dialogPlace } from './dialog-frame.tsx';
import { Line, Lines } from './line.tsx';
import { TextPrompt } from './text-prompt.tsx';
import type { ViewProps } from './view-props.ts';

const ENTRY_ROWS = 14;

export const PaletteDialog = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'palette' }> }) => {
  const { world, glyphs, dialog } = props;
  const place = dialogPlace(props, 68, ENTRY_ROWS + 2);
  const columns = innerColumns(place.columns);
  const height = Math.max(1, place.rows - 4);
  const entries = paletteEntries(world.app, world.ui, dialog.filter.text);
  const top = windowTop(Math.max(0, dialog.chosen - height + 1), dialog.chosen, height, entries.length);
  const rows = entries
    .slice(top, top + height)
    .map((entry, index) => paletteRow(entry, { columns, glyphs, chosen: top + index === dialog.chosen }));
  return (
    <DialogFrame title="Commands" glyphs={glyphs} place={place}>
      <Box>
        <Line row={[span('Do ', 'muted')]} />
        <TextPrompt
          editor={dialog.filter}
          columns={columns - 3}
          active
          placeholder="a few letters, such as mic or rec"
        />
      </Box>
      <Lines rows={[[]]} />
      <Box flexDirection="column" height={height} flexShrink={0}>
        <Lines rows={rows.length > 0 ? rows : [[span('No command has these letters.', 'muted')]]} />
      </Box>
    </DialogFrame>
  );
};
