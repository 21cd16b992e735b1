/** The right pane: messages with one person, and the line being written. Draws only the rows in sight. */
import { Box } from 'ink';
import { type KeyTable, keyOf } from '../key-bindings.ts';
import { innerColumns, promptColumns } from '../layout.ts';
import { signOf } from '../rows/buddy-rows.ts';
import { visibleRows } from '../rows/message-rows.ts';
import { emptyRows, relationRows } from '../rows/person-rows.ts';
import { fitRow, type Row, span, spread } from '../text/spans.ts';
import { widthOf } from '../text/width.ts';
import { conversationOf, draftOf, selectedBuddy } from '../ui-state.ts';
import { buddyWords } from '../wording.ts';
import { Frame } from './frame.tsx';
import { Line, Lines } from './line.tsx';
import { TextPrompt } from './text-prompt.tsx';
import type { ViewProps } from './view-props.ts';

export const ConversationPane = ({ world, layout, context, glyphs }: ViewProps) => {
  const { app, ui, nowMs } = world;
  const buddy = selectedBuddy(app, ui);
  const columns = innerColumns(layout.chatColumns);
  const focused = ui.focus === 'chat' && ui.dialog === null;
  const conversation = conversationOf(ui, ui.selected);
  const about = buddy ? relationRows(buddy, columns, ui.keys) : [];
  const rows = buddy
    ? visibleRows(conversation.lines, conversation.anchor, layout.messageRows - about.length, {
        columns,
        glyphs,
        nowMs,
      })
    : [];
  const [sign, tone] = buddy ? signOf(buddy, glyphs) : ['', 'plain' as const];
  const display =
    buddy && buddy.displayName !== '' && buddy.displayName !== buddy.name ? ` ${glyphs.dot} ${buddy.displayName}` : '';
  const room = columns - widthOf(buddy?.name ?? '') - 8;
  const words = buddy ? (buddyWords(buddy, nowMs).find((one) => widthOf(one) <= room) ?? '') : '';
  const empty = rows.length === 0 && about.length === 0 && conversation.loaded !== 'loading';
  const notes = [...about, ...(empty ? emptyRows(app, buddy, ui.keys) : [])];
  return (
    <Frame
      title={[span(buddy?.name ?? 'Conversation', focused ? 'strong' : 'plain'), span(display, 'muted')]}
      aside={buddy ? [span(sign, tone), span(` ${words}`)] : []}
      columns={layout.chatColumns}
      rows={layout.bodyRows}
      glyphs={glyphs}
      focused={focused}
    >
      <Box flexDirection="column" height={layout.messageRows}>
        {rows.map(({ id, row, spans }) => (
          <Line key={`${id} ${row}`} row={spans} />
        ))}
        <Lines rows={notes.slice(0, layout.messageRows).map((row) => fitRow(row, columns))} />
      </Box>
      {layout.promptRows > 0 && (
        <Line row={ruleRow(conversation.anchor !== null, columns, glyphs.frame.top, ui.keys)} />
      )}
      {layout.promptRows > 0 && (
        <Box>
          <Line row={[span('> ', context === 'writing' ? 'accent' : 'muted')]} />
          <TextPrompt
            editor={draftOf(ui, ui.selected)}
            columns={promptColumns(layout.chatColumns)}
            rowsMax={layout.promptRows}
            active={context === 'writing'}
            placeholder={context === 'writing' ? '' : `${keyOf('list.open', 'browsing', ui.keys)} to write`}
          />
        </Box>
      )}
    </Frame>
  );
};

function ruleRow(scrolled: boolean, columns: number, line: string, keys: KeyTable): Row {
  const note = scrolled
    ? [span(` ${keyOf('chat.page-down', 'writing', keys)} for newer `, 'warn'), span(line.repeat(2), 'muted')]
    : [];
  return spread([], note, columns, line, 'muted');
}
