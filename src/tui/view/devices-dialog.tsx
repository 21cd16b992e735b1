/** The devices of the account, and shutting one out. */
import { deviceRows } from '../rows/device-rows.ts';
import { span } from '../text/spans.ts';
import type { Dialog } from '../ui-state.ts';
import { ListDialog, listColumns, wordsBelow } from './list-dialog.tsx';
import type { ViewProps } from './view-props.ts';

const COLUMNS = 66;
const WORDS_ROWS = 3;

export const DevicesDialog = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'devices' }> }) => {
  const { world, glyphs, dialog } = props;
  const { devices } = world.app;
  const columns = listColumns(props, COLUMNS);
  const rows = devices ? deviceRows(devices.list, dialog.chosen, { columns, glyphs }) : [];
  const gone = devices?.revoked.length ?? 0;
  const words = `Enter revokes one that was lost: it is shut out for ever.${gone === 0 ? '' : ` ${gone} revoked before.`}`;
  return (
    <ListDialog
      view={props}
      title="Your devices"
      wanted={COLUMNS}
      rows={rows.length > 0 ? rows : [[span('No list of devices yet: sign in again to make one.', 'muted')]]}
      chosen={dialog.chosen}
      rowsMax={16}
      below={wordsBelow(words, columns, WORDS_ROWS)}
    />
  );
};
