/** Calls of the past, missed ones among them; Enter calls back. */
import { callLogRows } from '../rows/call-log-rows.ts';
import { span } from '../text/spans.ts';
import type { Dialog } from '../ui-state.ts';
import { ListDialog, listColumns } from './list-dialog.tsx';
import type { ViewProps } from './view-props.ts';

const COLUMNS = 66;

export const CallsDialog = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'calls' }> }) => {
  const { world, glyphs, dialog } = props;
  const columns = listColumns(props, COLUMNS);
  const fresh = new Set(world.app.missedCalls?.map(({ call }) => call));
  const running = new Set(world.app.calls.filter(({ phase }) => phase !== 'ended').map(({ call }) => call));
  const rows = callLogRows(dialog.calls ?? [], dialog.chosen, { columns, glyphs, fresh, running });
  const empty = [span(dialog.calls === null ? 'Looking...' : 'No calls yet.', 'muted')];
  return (
    <ListDialog
      view={props}
      title="Calls"
      wanted={COLUMNS}
      rows={rows.length > 0 ? rows : [empty]}
      chosen={dialog.chosen}
      rowsMax={14}
    />
  );
};
