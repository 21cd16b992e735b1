/** The whole screen as a function of the world: chooses the face, lays out panes, dialogs over them. */
import { Box } from 'ink';
import { layoutOf } from '../layout.ts';
import { span } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import type { Glyphs } from '../theme.ts';
import { themeFor } from '../themes.ts';
import { faceOf } from '../ui-state.ts';
import { contextOf } from '../update/context.ts';
import type { World } from '../update/world.ts';
import { SENTENCES } from '../wording.ts';
import { BuddyList } from './buddy-list.tsx';
import { CallPanel } from './call-panel.tsx';
import { ConversationPane } from './conversation-pane.tsx';
import { Dialogs } from './dialogs.tsx';
import { FirstRun } from './first-run.tsx';
import { Foot } from './foot.tsx';
import { Line } from './line.tsx';
import { ThemeContext } from './theme-context.ts';

export interface AppProps {
  readonly world: World;
  readonly glyphs: Glyphs;
}

export const App = ({ world, glyphs }: AppProps) => {
  const { app, ui } = world;
  const layout = layoutOf(app, ui);
  const face = faceOf(app, ui);
  const props = { world, layout, context: contextOf(app, ui), glyphs };
  if (layout.tooSmall) return <Sentence text={SENTENCES.tooSmall} columns={ui.columns} rows={ui.rows} />;
  const theme = themeFor(ui.preferences.theme, ui.background, ui.depth);
  return (
    <ThemeContext.Provider value={theme}>
      <Box flexDirection="column" width={ui.columns} height={ui.rows}>
        {face === 'main' && <CallPanel {...props} />}
        {face === 'main' && (
          <Box height={layout.bodyRows} flexShrink={0}>
            {layout.listColumns > 0 && <BuddyList {...props} />}
            {layout.chatColumns > 0 && <ConversationPane {...props} />}
          </Box>
        )}
        {face === 'walk' && <FirstRun {...props} />}
        {face === 'starting' && <Sentence text={startingText(world)} columns={ui.columns} rows={layout.bodyRows} />}
        <Foot {...props} />
        <Dialogs {...props} />
      </Box>
    </ThemeContext.Provider>
  );
};

function startingText({ ui }: World): string {
  return ui.link.type === 'lost' ? '' : SENTENCES.starting;
}

const Sentence = ({
  text,
  columns,
  rows,
}: {
  readonly text: string;
  readonly columns: number;
  readonly rows: number;
}) => (
  <Box flexDirection="column" width={columns} height={rows} alignItems="center" justifyContent="center" flexShrink={0}>
    {wrap(text, Math.max(1, columns - 4))
      .slice(0, rows)
      .map((line) => (
        <Line key={line} row={[span(line)]} />
      ))}
  </Box>
);
