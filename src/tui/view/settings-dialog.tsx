/** The settings: a line each, and what the chosen one means. */
import { SETTING_ITEMS, settingsRows, settingWords } from '../rows/settings-rows.ts';
import type { Dialog } from '../ui-state.ts';
import { ListDialog, listColumns, wordsBelow } from './list-dialog.tsx';
import type { ViewProps } from './view-props.ts';

const COLUMNS = 68;
const WORDS_ROWS = 4;

export const SettingsDialog = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'settings' }> }) => {
  const { world, glyphs, dialog } = props;
  const { app, ui } = world;
  const columns = listColumns(props, COLUMNS);
  const item = SETTING_ITEMS[dialog.chosen] ?? 'sound';
  return (
    <ListDialog
      view={props}
      title="Settings"
      wanted={COLUMNS}
      rows={settingsRows(app, ui, dialog.chosen, { columns, glyphs })}
      chosen={dialog.chosen}
      rowsMax={SETTING_ITEMS.length}
      below={wordsBelow(settingWords(item, app, ui), columns, WORDS_ROWS)}
    />
  );
};
