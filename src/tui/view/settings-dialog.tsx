/** The settings: a line each, and what the chosen one means. */
import { innerColumns } from '../layout.ts';
import { SETTING_ITEMS, settingsRows, settingWords } from '../rows/settings-rows.ts';
import { type Row, span } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import type { Dialog } from '../ui-state.ts';
import { dialogPlace } from './dialog-frame.tsx';
import { ListDialog, rowsOf } from './list-dialog.tsx';
import type { ViewProps } from './view-props.ts';

const COLUMNS = 68;
const WORDS_ROWS = 4;

export const SettingsDialog = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'settings' }> }) => {
  const { world, glyphs, dialog } = props;
  const { app, ui } = world;
  const columns = innerColumns(dialogPlace(props, COLUMNS, 1).columns);
  const item = SETTING_ITEMS[dialog.chosen] ?? 'sound';
  const words = wrap(settingWords(item, app, ui), columns).map((line): Row => [span(line, 'muted')]);
  return (
    <ListDialog
      view={props}
      title="Settings"
      wanted={COLUMNS}
      rows={settingsRows(app, ui, dialog.chosen, { columns, glyphs })}
      chosen={dialog.chosen}
      rowsMax={SETTING_ITEMS.length}
      below={rowsOf([[], ...words], WORDS_ROWS)}
    />
  );
};
