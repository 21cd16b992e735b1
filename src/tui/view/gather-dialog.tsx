/** The form for a group: what it is called, and who is in it. For one that there is: whom to take in. */
import { Box } from 'ink';
import { innerColumns } from '../layout.ts';
import { type Row, span } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import type { Dialog } from '../ui-state.ts';
import { DialogFrame, dialogPlace } from './dialog-frame.tsx';
import { Line, Lines } from './line.tsx';
import { TextPrompt } from './text-prompt.tsx';
import type { ViewProps } from './view-props.ts';

export const GatherDialog = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'gather' }> }) => {
  const { glyphs, dialog } = props;
  const { into, field, busySinceMs, error } = dialog;
  const place = dialogPlace(props, 62, 7);
  const columns = innerColumns(place.columns);
  const busy = busySinceMs !== null;
  const rows: readonly Row[] = wrap(error, columns).map((line) => [span(line, 'bad')]);
  return (
    <DialogFrame title={into === '' ? 'New group' : `Take into ${into}`} glyphs={glyphs} place={place}>
      {into === '' && (
        <Box>
          <Line row={[span('Name    ', field === 0 ? 'accent' : 'muted')]} />
          <TextPrompt
            editor={dialog.title}
            columns={columns - 8}
            active={!busy && field === 0}
            placeholder="one word, such as lunch"
          />
        </Box>
      )}
      {into === '' && <Lines rows={[[]]} />}
      <Box>
        <Line row={[span('People  ', field === 1 ? 'accent' : 'muted')]} />
        <TextPrompt
          editor={dialog.people}
          columns={columns - 8}
          active={!busy && field === 1}
          placeholder="buddies, such as bobby1 carol1"
        />
      </Box>
      <Lines rows={[[], ...rows]} />
    </DialogFrame>
  );
};
