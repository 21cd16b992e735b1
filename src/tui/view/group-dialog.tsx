/** One field: the group that a buddy stands in. */
import { Box } from 'ink';
import { innerColumns } from '../layout.ts';
import { type Row, span } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import type { Dialog } from '../ui-state.ts';
import { DialogFrame, dialogPlace } from './dialog-frame.tsx';
import { Line, Lines } from './line.tsx';
import { TextPrompt } from './text-prompt.tsx';
import type { ViewProps } from './view-props.ts';

export const GroupDialog = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'group' }> }) => {
  const { world, glyphs, dialog } = props;
  const place = dialogPlace(props, 56, 5);
  const columns = innerColumns(place.columns);
  const known = [...new Set(Object.values(world.ui.preferences.groups))].sort((a, b) => a.localeCompare(b, 'en'));
  const words =
    known.length === 0 ? 'Such as work or family; empty: none. Nobody is told.' : `There are: ${known.join(', ')}.`;
  return (
    <DialogFrame title={`Group of ${dialog.name}`} glyphs={glyphs} place={place}>
      <Box>
        <Line row={[span('Group ', 'accent')]} />
        <TextPrompt editor={dialog.group} columns={columns - 6} active placeholder="empty: none" />
      </Box>
      <Lines rows={[[], ...wrap(words, columns).map((line): Row => [span(line, 'muted')])].slice(0, place.rows - 3)} />
    </DialogFrame>
  );
};
