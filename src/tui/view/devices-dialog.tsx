/** The devices of the account, and shutting one out. */
import { innerColumns } from '../layout.ts';
import { deviceRows } from '../rows/device-rows.ts';
import { type Row, span } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import type { Dialog } from '../ui-state.ts';
import { dialogPlace } from './dialog-frame.tsx';
import { ListDialog, rowsOf } from './list-dialog.tsx';
import type { ViewProps } from './view-props.ts';

const COLUMNS = 66;

export const DevicesDialog = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'devices' }> }) => {
  const { world, glyphs, dialog } = props;
  const { devices } = world.app;
  const columns = innerColumns(dialogPlace(props, COLUMNS, 1).columns);
  const rows = devices ? deviceRows(devices, dialog.chosen, { columns, glyphs }) : [];
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
      below={rowsOf([[], ...wrap(words, columns).map((line): Row => [span(line, 'muted')])], 3)}
    />
  );
};
