/**
 * What the leaves at one replica hold for a search (pure): the part of `IndexStore.search` that lies in some leaves. The
 * asker puts the parts of all leaves together (`slot-search.ts`) and has the page that a full copy would give.
 */
import type { IndexRecord } from './index-record.ts';
import { type IndexStore, nameIn, rarestOf } from './index-store.ts';
import { NAMES_LEAF, textEnd } from './leaf-map.ts';
import { matchesParts, matchesWords, readPattern, type SearchPattern, type WordsPattern } from './search-pattern.ts';

export interface LeafQuery {
  readonly pattern: string;
  /** Names behind this one; empty for the first page. */
  readonly after: string;
  readonly asOfMs: number;
  readonly limit: number;
}

/** From one key on, to another that is left out. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

/** At most `limit` records, each the newest of its name, in the order of names; all of the leaves are names or words. */
export function searchLeaves(store: IndexStore, ranges: readonly KeyRange[], query: LeafQuery): IndexRecord[] {
  const pattern = readPattern(query.pattern);
  if (!pattern) return [];
  const found = new Map<string, IndexRecord>();
  for (const range of ranges) {
    const part =
      range.from.startsWith(NAMES_LEAF) || pattern.kind === 'wildcard'
        ? namesIn(store, range, pattern, query)
        : wordsIn(store, range, pattern, query);
    for (const record of part) found.set(record.key, record);
  }
  return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, query.limit);
}

function* namesIn(store: IndexStore, { from, to }: KeyRange, pattern: SearchPattern, query: LeafQuery) {
  const head = headOf(pattern);
  const begin = later(later(from.slice(2), head), query.after);
  let count = 0;
  for (const key of store.names(begin, textEnd(from, to))) {
    if (!key.startsWith(head) || count >= query.limit) return;
    if (query.after !== '' && key <= query.after) continue;
    if (pattern.kind === 'wildcard' && !matchesParts(key, pattern.parts)) continue;
    // By its exact name everybody is found.
    const exact = pattern.kind === 'words' && key === pattern.text;
    const record = exact ? store.find(key, query.asOfMs)[0] : store.shown(key, query.asOfMs);
    if (!record) continue;
    count += 1;
    yield record;
  }
}

function* wordsIn(store: IndexStore, { from, to }: KeyRange, pattern: WordsPattern, query: LeafQuery) {
  const rarest = rarestOf(pattern);
  const begin = later(from.slice(2), rarest);
  for (const posting of store.postings(begin, textEnd(from, to))) {
    if (!posting.startsWith(rarest)) return;
    const key = nameIn(posting);
    if (key <= query.after || key.startsWith(pattern.text)) continue;
    const record = store.shown(key, query.asOfMs);
    if (record && matchesWords(record.displayName, pattern.words)) yield record;
  }
}

/** What all names that fit begin with. */
export function headOf(pattern: SearchPattern): string {
  return pattern.kind === 'wildcard' ? (pattern.parts[0] ?? '') : pattern.text;
}

function later(one: string, other: string | undefined): string {
  // A question that was handed over without travelling may lack the field: then nothing is left out.
  return other !== undefined && other > one ? other : one;
}
