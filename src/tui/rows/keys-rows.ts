/** The keys as lines that can be changed: every binding of the table with the place where it acts. */
import { type Binding, type KeyContext, type KeyTable, keyLabel } from '../key-bindings.ts';
import { fuzzyMatch, WHOLE_WORDS } from '../text/fuzzy.ts';
import { inReverse, type Row, span, spread } from '../text/spans.ts';
import type { Glyphs } from '../theme.ts';

export interface KeyLine {
  /** Index in the table. */
  readonly at: number;
  readonly binding: Binding;
}

/** What the places of the table are called to a person. */
const PLACE_WORDS: Readonly<Record<KeyContext, string>> = {
  everywhere: 'everywhere',
  editing: 'typing',
  browsing: 'list',
  writing: 'message',
  filtering: 'filter',
  searching: 'search',
  palette: 'commands',
  form: 'forms',
  menu: 'menus',
  tuning: 'settings',
  confirming: 'questions',
  quitting: 'quitting',
  helping: 'help',
  starting: 'start',
};

/** All that match what is typed: descriptions, names of the table, keys; in the order of the table. */
export function changeableKeys({ bindings }: KeyTable, wanted: string): readonly KeyLine[] {
  return bindings.flatMap((binding, at) => {
    const text = `${binding.description} ${binding.command} ${PLACE_WORDS[binding.context]}`;
    const isKey = binding.keys.some((key) => keyLabel(key).toLowerCase() === wanted.trim().toLowerCase());
    const words = fuzzyMatch(wanted, text);
    // Letters that stand all over the text find too much here.
    return isKey || wanted.trim() === '' || (words?.score ?? 0) >= WHOLE_WORDS ? [{ at, binding }] : [];
  });
}

export interface KeyLineStyle {
  readonly columns: number;
  readonly glyphs: Glyphs;
  readonly chosen: boolean;
  readonly capturing: boolean;
  /** Other keys than the table came with. */
  readonly changed: boolean;
}

export function keyLineRow({ binding }: KeyLine, { columns, glyphs, chosen, capturing, changed }: KeyLineStyle): Row {
  const keys = capturing && chosen ? 'press the new key' : binding.keys.map(keyLabel).join(', ') || 'no key';
  const row = spread(
    [
      span(chosen ? `${glyphs.chosen} ` : '  ', 'accent'),
      span(binding.description),
      span(`  (${PLACE_WORDS[binding.context]})`, 'muted'),
    ],
    [span(changed ? 'yours: ' : '', 'accent'), span(keys, changed ? 'strong' : 'muted')],
    columns,
  );
  return chosen ? inReverse(row, columns) : row;
}
