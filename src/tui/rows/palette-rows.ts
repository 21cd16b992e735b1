/**
 * The palette as rows: every command that a person can give from the panes, found by a few letters of its description, its
 * name in the table or its group, with its keys. What would do nothing now stands below, and says so.
 */
import type { AppState } from '../../store/state.ts';
import { allBindings, type CommandName, type KeyContext, keyLabel } from '../key-bindings.ts';
import { fuzzyMatch } from '../text/fuzzy.ts';
import { inReverse, type Row, type Span, span, spread } from '../text/spans.ts';
import type { Glyphs } from '../theme.ts';
import type { UiState } from '../ui-state.ts';
import { makesSense } from './hint-rows.ts';

export interface PaletteEntry {
  readonly command: CommandName;
  readonly description: string;
  readonly group: string;
  /** As they are printed; empty for a command without one. */
  readonly keys: string;
  /** It would do something now. */
  readonly now: boolean;
  /** Letters of the description that were typed. */
  readonly at: readonly number[];
}

/** Where a command can be given without a dialog. */
const PLACES: readonly KeyContext[] = ['browsing', 'everywhere', 'writing'];
/** As much as several letters at beginnings of words, and less than the whole word that was typed. */
const NOW_WEIGHT = 60;
const LEFT_OUT: readonly CommandName[] = ['palette.open', 'cancel'];

/** All that match, the best first; without anything typed in the order of the table. */
export function paletteEntries(app: AppState, ui: UiState, wanted: string): readonly PaletteEntry[] {
  const under: UiState = { ...ui, dialog: null };
  const found = new Map<CommandName, PaletteEntry & { readonly score: number }>();
  for (const { command, context, keys: own, description, group } of allBindings(ui.keys)) {
    if (!PLACES.includes(context) || LEFT_OUT.includes(command)) continue;
    const labels = own.map(keyLabel).join(', ');
    const known = found.get(command);
    if (known) {
      found.set(command, { ...known, keys: [known.keys, labels].filter((one) => one !== '').join(', ') });
      continue;
    }
    const match = fuzzyMatch(wanted, description);
    const other = match ? undefined : fuzzyMatch(wanted, `${group} ${command}`);
    if (!match && !other) continue;
    // Words of the description count more than the name that nobody sees.
    const score = match ? match.score + 20 : (other?.score ?? 0);
    const now = makesSense(command, app, under);
    found.set(command, { command, description, group, keys: labels, now, at: match?.at ?? [], score });
  }
  const weight = ({ score, now }: { readonly score: number; readonly now: boolean }) => score + (now ? NOW_WEIGHT : 0);
  return [...found.values()].sort((a, b) => weight(b) - weight(a));
}

export interface PaletteStyle {
  readonly columns: number;
  readonly glyphs: Glyphs;
  readonly chosen: boolean;
}

export function paletteRow(entry: PaletteEntry, { columns, glyphs, chosen }: PaletteStyle): Row {
  const name = entry.now ? lettersOf(entry) : [span(entry.description, 'muted')];
  const row = spread(
    [span(chosen ? `${glyphs.chosen} ` : '  ', 'accent'), ...name, span(entry.now ? '' : '  (not now)', 'muted')],
    [span(entry.keys, 'muted')],
    columns,
  );
  return chosen ? inReverse(row, columns) : row;
}

/** The description, what was typed of it strong. */
function lettersOf({ description, at }: PaletteEntry): readonly Span[] {
  const spans: Span[] = [];
  let from = 0;
  for (const place of at) {
    if (place > from) spans.push(span(description.slice(from, place)));
    spans.push(span(description.charAt(place), 'strong'));
    from = place + 1;
  }
  return [...spans, span(description.slice(from))];
}
