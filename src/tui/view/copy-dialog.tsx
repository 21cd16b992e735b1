/** Links and messages of the conversation, to be copied. */
import { innerColumns } from '../layout.ts';
import { copyable, copyRows } from '../rows/copy-rows.ts';
import { span } from '../text/spans.ts';
import { conversationOf, type Dialog } from '../ui-state.ts';
import { dialogPlace } from './dialog-frame.tsx';
import { ListDialog } from './list-dialog.tsx';
import type { ViewProps } from './view-props.ts';

const COLUMNS = 76;

export const CopyDialog = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'copy' }> }) => {
  const { world, glyphs, dialog } = props;
  const { ui } = world;
  const columns = innerColumns(dialogPlace(props, COLUMNS, 1).columns);
  const rows = copyRows(copyable(conversationOf(ui, ui.selected).lines), dialog.chosen, columns, glyphs);
  return (
    <ListDialog
      view={props}
      title={`Copy from ${ui.selected}`}
      wanted={COLUMNS}
      rows={rows.length > 0 ? rows : [[span('No messages yet.', 'muted')]]}
      chosen={dialog.chosen}
      rowsMax={12}
    />
  );
};
