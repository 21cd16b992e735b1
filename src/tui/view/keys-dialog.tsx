/** The keys, each to be changed: choose a line, press Enter, press the new key. */
import { Box } from 'ink';
import { DEFAULT_KEYS } from '../key-bindings.ts';
import { changeableKeys, keyLineRow } from '../rows/keys-rows.ts';
import { span } from '../text/spans.ts';
import type { Dialog } from '../ui-state.ts';
import { Line, Lines } from './line.tsx';
import { ListDialog, listColumns, wordsBelow } from './list-dialog.tsx';
import { TextPrompt } from './text-prompt.tsx';
import type { ViewProps } from './view-props.ts';

type KeysState = Extract<Dialog, { type: 'keys' }>;

const COLUMNS = 78;
const LINES_MAX = 14;
const WORDS_ROWS = 3;

export const KeysDialog = (props: ViewProps & { readonly dialog: KeysState }) => {
  const { world, glyphs, dialog } = props;
  const { ui } = world;
  const columns = listColumns(props, COLUMNS);
  const lines = changeableKeys(ui.keys, dialog.filter.text);
  const rows = lines.map((line, index) => {
    const changed = line.binding.keys.join() !== DEFAULT_KEYS.bindings[line.at]?.keys.join();
    const { capturing } = dialog;
    return keyLineRow(line, { columns, glyphs, chosen: index === dialog.chosen, capturing, changed });
  });
  return (
    <ListDialog
      view={props}
      title="Keys"
      wanted={COLUMNS}
      rows={rows.length > 0 ? rows : [[span('No key matches.', 'muted')]]}
      chosen={dialog.chosen}
      rowsMax={LINES_MAX}
      below={wordsBelow(wordsOf(dialog, ui.problems), columns, WORDS_ROWS)}
    >
      <Box>
        <Line row={[span('Find ', 'muted')]} />
        <TextPrompt
          editor={dialog.filter}
          columns={columns - 5}
          active={!dialog.capturing}
          placeholder="words of what it does, or a key"
        />
      </Box>
      <Lines rows={[[]]} />
    </ListDialog>
  );
};

function wordsOf({ capturing, error }: KeysState, problems: readonly string[]): string {
  if (capturing) return 'Press the new key. Esc: leave it as it is. Backspace: as it came.';
  if (error !== '') return error;
  return problems[0] ?? 'Enter, then the new key. They are kept in screen.json of the profile.';
}
