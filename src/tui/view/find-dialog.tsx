/** Words in what was said with one person: the messages that have them all, newest first. */
import { Box } from 'ink';
import { innerColumns } from '../layout.ts';
import { foundRows } from '../rows/found-rows.ts';
import { type Row, span } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import type { Dialog } from '../ui-state.ts';
import { DialogFrame, dialogPlace } from './dialog-frame.tsx';
import { Line, Lines } from './line.tsx';
import { secondsWords } from './search-dialog.tsx';
import { TextPrompt } from './text-prompt.tsx';
import type { ViewProps } from './view-props.ts';

type FindState = Extract<Dialog, { type: 'find' }>;

const FOUND_ROWS = 12;

export const FindDialog = (props: ViewProps & { readonly dialog: FindState }) => {
  const { world, glyphs, dialog } = props;
  const place = dialogPlace(props, 72, FOUND_ROWS + 4);
  const columns = innerColumns(place.columns);
  const height = place.rows - 6;
  const rows =
    dialog.lines.length > 0
      ? foundRows(dialog.lines, dialog.top, { height, columns, glyphs })
      : sayings(dialog, world.nowMs, columns);
  const count = dialog.lines.length === 0 ? '' : `${dialog.top + 1} of ${dialog.lines.length}`;
  return (
    <DialogFrame title={`Find in messages with ${dialog.name}`} glyphs={glyphs} place={place}>
      <Box>
        <Line row={[span('Words ', 'muted')]} />
        <TextPrompt
          editor={dialog.pattern}
          columns={columns - 6}
          active
          placeholder="lunch, or lun* for its beginnings"
        />
      </Box>
      <Lines rows={[[]]} />
      <Box flexDirection="column" height={height} flexShrink={0}>
        <Lines rows={rows.slice(0, height)} />
      </Box>
      <Lines rows={[[], [span(count, 'muted')]]} />
    </DialogFrame>
  );
};

function sayings({ error, busySinceMs, searched }: FindState, nowMs: number, columns: number): readonly Row[] {
  if (error !== '') return wrap(error, columns).map((line): Row => [span(line, 'bad')]);
  if (busySinceMs !== null) return [[span(`Looking... ${secondsWords(nowMs - busySinceMs)}`, 'muted')]];
  if (searched === null) return [];
  return wrap(`No message has all of "${searched}".`, columns).map((line): Row => [span(line, 'warn')]);
}
