/** Links and messages of the conversation, to be copied. */
import { copyable, copyRows } from '../rows/copy-rows.ts';
import { span } from '../text/spans.ts';
import { conversationOf, type Dialog } from '../ui-state.ts';
import { SENTENCES } from '../wording.ts';
import { ListDialog, listColumns } from './list-dialog.tsx';
import type { ViewProps } from './view-props.ts';

const COLUMNS = 76;

export const CopyDialog = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'copy' }> }) => {
  const { world, glyphs, dialog } = props;
  const { ui } = world;
  const columns = listColumns(props, COLUMNS);
  const rows = copyRows(copyable(conversationOf(ui, ui.selected).lines), dialog.chosen, columns, glyphs);
  return (
    <ListDialog
      view={props}
      title={`Copy from ${ui.selected}`}
      wanted={COLUMNS}
      rows={rows.length > 0 ? rows : [[span(SENTENCES.noLines, 'muted')]]}
      chosen={dialog.chosen}
      rowsMax={12}
    />
  );
};
