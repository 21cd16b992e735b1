/** Where the running call is to go on: one's own other devices that are online. */
import { currentCall } from '../../store/state.ts';
import { deviceRows, otherDevices } from '../rows/device-rows.ts';
import { span } from '../text/spans.ts';
import type { Dialog } from '../ui-state.ts';
import { ListDialog, listColumns, wordsBelow } from './list-dialog.tsx';
import type { ViewProps } from './view-props.ts';

const COLUMNS = 66;
const WORDS_ROWS = 3;

export const TransferDialog = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'transfer' }> }) => {
  const { world, glyphs, dialog } = props;
  const columns = listColumns(props, COLUMNS);
  const list = otherDevices(world.app);
  const rows = deviceRows(list, dialog.chosen, { columns, glyphs });
  const peer = currentCall(world.app)?.peer;
  const words = 'It is asked first. Until it has taken the call, the call goes on here.';
  return (
    <ListDialog
      view={props}
      title={peer === undefined ? 'The call is over' : `The call with ${peer} goes on at`}
      wanted={COLUMNS}
      rows={rows.length > 0 ? rows : [[span('No other device of yours is online any more.', 'muted')]]}
      chosen={dialog.chosen}
      rowsMax={8}
      below={wordsBelow(words, columns, WORDS_ROWS)}
    />
  );
};
