/** Search for people: a pattern, and who was found, each with what they are to me. */
import { Box } from 'ink';
import { foldName } from '../../net/protocol/ids.ts';
import type { AppState } from '../../store/state.ts';
import { innerColumns } from '../layout.ts';
import { windowTop } from '../rows/buddy-rows.ts';
import { inReverse, type Row, span, spread } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import type { Dialog, SearchHit } from '../ui-state.ts';
import { DialogFrame, dialogPlace } from './dialog-frame.tsx';
import { Line, Lines } from './line.tsx';
import { TextPrompt } from './text-prompt.tsx';
import type { ViewProps } from './view-props.ts';

type SearchState = Extract<Dialog, { type: 'search' }>;

const HITS_ROWS = 10;
const NOT_ALL = 'But not every part of the network answered: try again in a moment.';

export const SearchDialog = (props: ViewProps & { readonly dialog: SearchState }) => {
  const { world, glyphs, dialog } = props;
  const { app, nowMs } = world;
  const place = dialogPlace(props, 62, HITS_ROWS + 4);
  const columns = innerColumns(place.columns);
  const height = place.rows - 6;
  const top = windowTop(Math.max(0, dialog.chosen - height + 1), dialog.chosen, height, dialog.hits.length);
  const rows = dialog.hits
    .slice(top, top + height)
    .map((hit, index) => hitRow(app, hit, columns, top + index === dialog.chosen ? glyphs.chosen : ' '));
  return (
    <DialogFrame title="Search for people" glyphs={glyphs} place={place}>
      <Box>
        <Line row={[span('Name ', 'muted')]} />
        <TextPrompt
          editor={dialog.pattern}
          columns={columns - 5}
          active
          placeholder="bobby1, bob*, or a word of the display name"
        />
      </Box>
      <Lines rows={[[]]} />
      <Box flexDirection="column" height={height} flexShrink={0}>
        <Lines rows={rows.length > 0 ? rows : messageRows(dialog, nowMs, columns).slice(0, height)} />
      </Box>
      <Lines rows={[[], [span(countWords(dialog), 'muted')]]} />
    </DialogFrame>
  );
};

function hitRow(app: AppState, hit: SearchHit, columns: number, mark: string): Row {
  const chosen = mark !== ' ';
  const known = app.buddies.find(({ name }) => foldName(name) === foldName(hit.name));
  const me = foldName(hit.name) === foldName(app.account?.name ?? '');
  const aside = me ? 'you' : known === undefined ? '' : known.relation === 'both' ? 'buddy' : 'in your list';
  const display = hit.displayName === hit.name ? '' : `  ${hit.displayName}`;
  const row = spread(
    [span(`${mark} `, 'accent'), span(hit.name, 'strong'), span(display, 'muted')],
    [span(aside, 'muted')],
    columns,
  );
  return chosen ? inReverse(row, columns) : row;
}

function messageRows(dialog: SearchState, nowMs: number, columns: number): readonly Row[] {
  if (dialog.error !== '') return wrap(dialog.error, columns).map((line): Row => [span(line, 'bad')]);
  if (dialog.busySinceMs !== null) return [[span(`Searching... ${secondsWords(nowMs - dialog.busySinceMs)}`, 'muted')]];
  if (dialog.searched === null) return [];
  const words = `Nobody matches "${dialog.searched}".${dialog.incomplete ? ` ${NOT_ALL}` : ''}`;
  return wrap(words, columns).map((line): Row => [span(line, 'warn')]);
}

function countWords({ hits, more, incomplete, searched }: SearchState): string {
  if (searched === null || hits.length === 0) return '';
  if (incomplete) return `${hits.length} found; not every part of the network answered`;
  return `${hits.length} found${more ? ', the first of more' : ''}`;
}

/** Nothing during the first second: quick answers need no counting. */
export function secondsWords(elapsedMs: number): string {
  return elapsedMs < 1000 ? '' : `${Math.floor(elapsedMs / 1000)} s`;
}
