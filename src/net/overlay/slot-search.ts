/**
 * A search over the leaves of the index: which leaves are read in which order, and the page that comes of it, the same
 * that one full copy would give (`IndexStore.search`). Names are in order, so their leaves are read one after another
 * until the page is full, more of them each time; hits by words are ordered by name, so all leaves of the rarest word
 * are read at once. Leaves that turn out to have been split meanwhile are read as well.
 */
import { HIDDEN_SLACK, LEAVES_AT_ONCE, PAGE_HITS_MAX, SEARCH_LEAVES_MAX } from '../protocol/overlay-params.ts';
import { type IndexRecord, isCurrent, newestFirst } from './index-record.ts';
import {
  type Cursor,
  type Found,
  isVisible,
  type Page,
  pageOf,
  type Query,
  rarestOf,
  readCursor,
} from './index-store.ts';
import { type LeafMap, NAMES_LEAF, WORDS_LEAF } from './leaf-map.ts';
import { headOf } from './leaf-search.ts';
import { matchesParts, matchesWords, type Rank, readPattern, type SearchPattern } from './search-pattern.ts';

/** No name begins with anything else. */
const NAME_BEGINNING = /^[a-z][a-z0-9._-]*$/;

/** Leaves to be read together. */
export interface LeavesWanted {
  readonly leaves: readonly string[];
  readonly after: string;
  readonly limit: number;
}

export class SlotSearch {
  readonly #query: Query;
  readonly #leaves: LeafMap;
  readonly #pattern: SearchPattern | undefined;
  readonly #cursor: Cursor;
  readonly #limit: number;
  #phase: 'names' | 'words' | 'over';
  #atOnce = LEAVES_AT_ONCE;
  #read = new Set<string>();
  /** By name, of the leaves read in this phase. */
  #found = new Map<string, IndexRecord>();
  #names: Found[] = [];
  #words: Found[] = [];
  #whole = true;
  complete = true;
  /** Somebody who fits hides from whoever asks. */
  hidSomebody = false;

  constructor(query: Query, leaves: LeafMap) {
    this.#query = query;
    this.#leaves = leaves;
    this.#pattern = readPattern(query.pattern);
    this.#cursor = readCursor(query.after);
    this.#limit = Math.min(Math.max(1, query.limit), PAGE_HITS_MAX);
    const isText = this.#pattern?.kind === 'words';
    const words = isText && (this.#cursor.rank < 3 || !NAME_BEGINNING.test(headOf(this.#pattern as SearchPattern)));
    this.#phase = !this.#pattern ? 'over' : words ? 'words' : 'names';
  }

  /** What one replica of those leaves said, or several. */
  add(records: readonly IndexRecord[]): void {
    for (const record of records) {
      // Replicas may lie: nobody is shown for a pattern that they do not fit.
      if (!this.#fits(record)) continue;
      const known = this.#found.get(record.key);
      if (!known || newestFirst(record, known) < 0) this.#found.set(record.key, record);
    }
  }

  #fits(record: IndexRecord): boolean {
    const pattern = this.#pattern as SearchPattern;
    const { key, displayName, listed } = record;
    if (!isCurrent(record, this.#query.asOfMs)) return false;
    if (this.#phase === 'words' && pattern.kind === 'words') {
      const after = this.#cursor.rank === 1 ? this.#cursor.key : '';
      return listed && key > after && !key.startsWith(pattern.text) && matchesWords(displayName, pattern.words);
    }
    if (key <= this.#namesAfter(pattern)) return false;
    if (pattern.kind === 'wildcard') return listed && matchesParts(key, pattern.parts);
    return key === pattern.text || (listed && key.startsWith(pattern.text));
  }

  /** What must be read next, all that was wanted before having come. Undefined: the page is ready. */
  next(): LeavesWanted | undefined {
    if (this.#phase === 'names') {
      const wanted = this.#nextNames();
      if (wanted) return wanted;
      this.#read = new Set();
      this.#found = new Map();
      this.#phase = this.#pattern?.kind === 'words' && this.#names.length <= this.#limit ? 'words' : 'over';
    }
    if (this.#phase === 'words') {
      const wanted = this.#nextWords();
      if (wanted) return wanted;
      this.#phase = 'over';
    }
    return undefined;
  }

  page(): Page {
    const all = [...this.#names, ...this.#words];
    return { ...pageOf(all, this.#limit), whole: this.#whole };
  }

  /** The newest record of a name, as its own replicas have it: what the leaves said of it may be old, or a lie. */
  amend(key: string, newest: IndexRecord | undefined): void {
    const pattern = this.#pattern as SearchPattern;
    const again = ({ rank }: Found): Found[] => {
      const shown = newest && (newest.listed || rank === 4) && isVisible(newest, this.#query.viewer);
      const fits = rank !== 1 || (pattern.kind === 'words' && matchesWords(newest?.displayName ?? '', pattern.words));
      return newest && shown && fits ? [{ record: newest, rank }] : [];
    };
    const amended = (found: Found): Found[] => (found.record.key === key ? again(found) : [found]);
    this.#names = this.#names.flatMap(amended);
    this.#words = this.#words.flatMap(amended);
  }

  /** The hits of the page, and what comes next. */
  records(): IndexRecord[] {
    return [...this.#names, ...this.#words].slice(0, this.#limit + 1).map(({ record }) => record);
  }

  #nextNames(): LeavesWanted | undefined {
    const pattern = this.#pattern as SearchPattern;
    const head = headOf(pattern);
    const after = this.#namesAfter(pattern);
    const sorted = this.#visible();
    this.#names = sorted.map((record) => ({ record, rank: rankOf(pattern, record.key) }));
    const ahead = this.#leaves.covering(`${NAMES_LEAF}${head}`, `${NAMES_LEAF}${after}`);
    const left = ahead.filter((leaf) => !this.#read.has(leaf));
    const one = sorted[this.#limit];
    // The page is full, and what is not read lies behind it.
    const wanted = one ? left.filter((leaf) => leaf <= `${NAMES_LEAF}${one.key}`) : left.slice(0, this.#atOnce);
    this.#atOnce *= 2;
    return this.#wanted(wanted, after);
  }

  #nextWords(): LeavesWanted | undefined {
    const pattern = this.#pattern as Extract<SearchPattern, { kind: 'words' }>;
    const head = `${WORDS_LEAF}${rarestOf(pattern)}`;
    this.#words = this.#visible().map((record) => ({ record, rank: 1 }));
    const left = this.#leaves.covering(head, head).filter((leaf) => !this.#read.has(leaf));
    return this.#wanted(left, this.#cursor.rank === 1 ? this.#cursor.key : '');
  }

  /** What was found, in order, without those who hide; when these are too many, more may lie behind. */
  #visible(): IndexRecord[] {
    const visible = [...this.#found.values()].filter((record) => isVisible(record, this.#query.viewer));
    if (this.#found.size > visible.length) this.hidSomebody = true;
    const hidden = this.#found.size - visible.length;
    if (hidden > HIDDEN_SLACK && this.#found.size > this.#limit + HIDDEN_SLACK) this.#whole = false;
    return visible.sort(byKey);
  }

  #wanted(leaves: readonly string[], after: string): LeavesWanted | undefined {
    const room = SEARCH_LEAVES_MAX - this.#read.size;
    if (leaves.length > room) this.#whole = false;
    const some = leaves.slice(0, room);
    for (const leaf of some) this.#read.add(leaf);
    return some.length > 0 ? { leaves: some, after, limit: this.#limit + 1 + HIDDEN_SLACK } : undefined;
  }

  #namesAfter(pattern: SearchPattern): string {
    if (pattern.kind === 'wildcard') return this.#cursor.rank === 2 ? this.#cursor.key : '';
    if (this.#cursor.rank === 4) return pattern.text;
    return this.#cursor.rank === 3 ? this.#cursor.key : '';
  }
}

function rankOf(pattern: SearchPattern, key: string): Rank {
  if (pattern.kind === 'wildcard') return 2;
  return key === pattern.text ? 4 : 3;
}

function byKey(a: IndexRecord, b: IndexRecord): number {
  return a.key < b.key ? -1 : 1;
}
