/** The form for a new buddy: a name, and a few words that they see with the request. */
import { Box } from 'ink';
import { innerColumns } from '../layout.ts';
import { type Row, span } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import type { Dialog } from '../ui-state.ts';
import { DialogFrame, dialogPlace } from './dialog-frame.tsx';
import { Line, Lines } from './line.tsx';
import { secondsWords } from './search-dialog.tsx';
import { TextPrompt } from './text-prompt.tsx';
import type { ViewProps } from './view-props.ts';

export const AddDialog = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'add' }> }) => {
  const { world, glyphs, dialog } = props;
  const { nowMs } = world;
  const place = dialogPlace(props, 62, 7);
  const columns = innerColumns(place.columns);
  const busy = dialog.busySinceMs !== null;
  const message: readonly Row[] = busy
    ? [[span(`Asking... ${secondsWords(nowMs - (dialog.busySinceMs ?? nowMs))}`, 'muted')]]
    : wrap(dialog.error, columns).map((line) => [span(line, 'bad')]);
  return (
    <DialogFrame title="New buddy" glyphs={glyphs} place={place}>
      <Box>
        <Line row={[span('Name    ', dialog.field === 0 ? 'accent' : 'muted')]} />
        <TextPrompt
          editor={dialog.name}
          columns={columns - 8}
          active={!busy && dialog.field === 0}
          placeholder="such as bobby1"
        />
      </Box>
      <Lines rows={[[]]} />
      <Box>
        <Line row={[span('Message ', dialog.field === 1 ? 'accent' : 'muted')]} />
        <TextPrompt
          editor={dialog.message}
          columns={columns - 8}
          active={!busy && dialog.field === 1}
          placeholder="they see it with your request; may be empty"
        />
      </Box>
      <Lines rows={[[], ...message]} />
    </DialogFrame>
  );
};
