/** The help: every key of the table, filtered by what is typed. */
import { Box } from 'ink';
import { innerColumns } from '../layout.ts';
import { helpHeight, helpRows } from '../rows/help-rows.ts';
import { span } from '../text/spans.ts';
import type { Dialog } from '../ui-state.ts';
import { DialogFrame, dialogPlace } from './dialog-frame.tsx';
import { Line, Lines } from './line.tsx';
import { TextPrompt } from './text-prompt.tsx';
import type { ViewProps } from './view-props.ts';

export const HelpOverlay = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'help' }> }) => {
  const { layout, context, glyphs, dialog } = props;
  const height = helpHeight(layout);
  const place = dialogPlace(props, 78, layout.bodyRows);
  const columns = innerColumns(place.columns);
  const rows = helpRows(dialog.filter.text, columns, glyphs, props.world.ui.keys);
  const below = rows.length - dialog.top - height;
  const note = below > 0 ? `${below} more below` : '';
  return (
    <DialogFrame title="Keys" glyphs={glyphs} place={place}>
      <Box>
        <Line row={[span('Find ', 'muted')]} />
        <TextPrompt
          editor={dialog.filter}
          columns={columns - 5}
          active={context === 'helping'}
          placeholder="type to filter; while you write, letters work with Alt"
        />
      </Box>
      <Lines rows={[[]]} />
      <Box flexDirection="column" height={height} flexShrink={0}>
        <Lines rows={rows.slice(dialog.top, dialog.top + height)} />
      </Box>
      <Lines rows={[[span(note, 'muted')]]} />
    </DialogFrame>
  );
};
