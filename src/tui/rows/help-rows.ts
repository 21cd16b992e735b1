/** The help as rows, drawn from the key table: what is printed here is what works. */
import { allBindings, type Binding, DEFAULT_KEYS, type KeyTable, keyLabel } from '../key-bindings.ts';
import { fitRow, type Row, span } from '../text/spans.ts';
import { pad, widthOf } from '../text/width.ts';
import { type Glyphs, UNICODE_GLYPHS } from '../theme.ts';
import { presenceWord } from '../wording.ts';

const KEYS_COLUMNS_MAX = 24;
const KEYS_COLUMNS_MIN = 12;

interface HelpEntry {
  readonly group: string;
  readonly keys: string;
  readonly description: string;
}

/** Rows of keys in sight; frame, filter and the note at the end take the rest. */
export function helpHeight({ bodyRows }: { readonly bodyRows: number }): number {
  return Math.max(1, bodyRows - 5);
}

/** All rows that match `filter` (part of a key, a description or a group). */
export function helpRows(
  filter: string,
  columns: number,
  glyphs: Glyphs = UNICODE_GLYPHS,
  table: KeyTable = DEFAULT_KEYS,
): readonly Row[] {
  const wanted = filter.trim().toLowerCase();
  const entries = [...keyEntries(table), ...signEntries(glyphs)].filter(({ group, keys, description }) =>
    `${group} ${keys} ${description}`.toLowerCase().includes(wanted),
  );
  const keysColumns = Math.max(KEYS_COLUMNS_MIN, Math.min(KEYS_COLUMNS_MAX, Math.floor(columns / 3)));
  const groups = [...new Set(entries.map(({ group }) => group))];
  const rows = groups.flatMap((group, index): Row[] => [
    ...(index === 0 ? [] : [[]]),
    [span(group, 'accent')],
    ...entries.filter((entry) => entry.group === group).map((entry) => entryRow(entry, keysColumns, columns)),
  ]);
  return rows.length === 0 ? [[span('No key matches.', 'muted')]] : rows;
}

function entryRow({ keys, description }: HelpEntry, keysColumns: number, columns: number): Row {
  const room = Math.max(keysColumns, widthOf(keys) + 1);
  return fitRow([span('  '), span(pad(keys, room), 'strong'), span(description)], columns);
}

/** One entry a command and group, with all of its keys: the letter first, then the same with Alt. */
function keyEntries(table: KeyTable): HelpEntry[] {
  const merged = new Map<string, { readonly binding: Binding; readonly keys: string[] }>();
  for (const binding of allBindings(table)) {
    if (binding.keys.length === 0) continue;
    const id = `${binding.group} ${binding.command}`;
    const known = merged.get(id) ?? { binding, keys: [] };
    for (const key of binding.keys) if (!known.keys.includes(key)) known.keys.push(key);
    merged.set(id, known);
  }
  return [...merged.values()].map(({ binding, keys }) => ({
    group: binding.group,
    keys: keys.map(keyLabel).join(', '),
    description: binding.description,
  }));
}

function signEntries(glyphs: Glyphs): HelpEntry[] {
  const group = 'Signs';
  const presences = ['online', 'away', 'do-not-disturb', 'invisible', 'offline'] as const;
  return [
    ...presences.map((one) => ({ group, keys: glyphs.presence[one], description: presenceWord(one) })),
    { group, keys: glyphs.incoming, description: 'wants to be your buddy' },
    { group, keys: glyphs.outgoing, description: 'was asked by you' },
    { group, keys: glyphs.blocked, description: 'blocked by you, or declined' },
    { group, keys: glyphs.waiting, description: 'message waits for its reader to come online' },
    { group, keys: glyphs.kept, description: 'message is kept by the network until they come' },
    { group, keys: glyphs.delivered, description: 'message was delivered' },
  ];
}
