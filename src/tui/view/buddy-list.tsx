/** The left pane: buddies in sections, each with a sign and a word for presence, and what is unread. */
import { Box } from 'ink';
import { type KeyTable, keyOf } from '../key-bindings.ts';
import { innerColumns } from '../layout.ts';
import { buddyRow, listRows } from '../rows/buddy-rows.ts';
import { type Row, span, spread } from '../text/spans.ts';
import { SENTENCES } from '../wording.ts';
import { Frame } from './frame.tsx';
import { Line, Lines } from './line.tsx';
import { TextPrompt } from './text-prompt.tsx';
import type { ViewProps } from './view-props.ts';

export const BuddyList = ({ world, layout, context, glyphs }: ViewProps) => {
  const { app, ui, nowMs } = world;
  const columns = innerColumns(layout.listColumns);
  const focused = ui.focus === 'list' && ui.dialog === null;
  const rows = listRows(app, ui.filter.text, ui.preferences.groups);
  const here = app.buddies.filter(({ relation, presence }) => relation === 'both' && presence !== 'offline').length;
  const showFilter = ui.filtering || ui.filter.text !== '';
  return (
    <Frame
      title={[span('Buddies', focused ? 'strong' : 'plain')]}
      aside={here > 0 ? [span(`${here} here`, 'muted')] : []}
      columns={layout.listColumns}
      rows={layout.bodyRows}
      glyphs={glyphs}
      focused={focused}
    >
      {rows
        .slice(ui.listTop, ui.listTop + layout.listRows)
        .map((row) =>
          row.type === 'section' ? (
            <Line
              key={row.title}
              row={spread([span(row.title, 'muted')], [span(String(row.count), 'muted')], columns)}
            />
          ) : (
            <Line
              key={`buddy ${row.buddy.name}`}
              row={buddyRow(row.buddy, { columns, glyphs, nowMs, chosen: row.buddy.name === ui.selected, focused })}
            />
          ),
        )}
      {rows.length === 0 && <Lines rows={emptyRows(app.buddies.length === 0, ui.keys)} />}
      {showFilter && <Box flexGrow={1} />}
      {showFilter && (
        <Box>
          <Line row={[span(`${keyOf('filter.open', 'browsing', ui.keys)} `, 'accent')]} />
          <TextPrompt editor={ui.filter} columns={columns - 2} active={context === 'filtering'} />
        </Box>
      )}
    </Frame>
  );
};

function emptyRows(nobody: boolean, keys: KeyTable): readonly Row[] {
  if (!nobody) return [[span(SENTENCES.noMatch, 'muted')]];
  return [
    [span(SENTENCES.noBuddies, 'muted')],
    [],
    [span(keyOf('search.open', 'browsing', keys), 'strong'), span(' search for people', 'muted')],
    [span(keyOf('add.open', 'browsing', keys), 'strong'), span(' add one by name', 'muted')],
  ];
}
