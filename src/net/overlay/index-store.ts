/**
 * The records of the Global Index that one supernode holds, and searches over them (pure but for what it stores). A
 * search is a function of the set of records and of `asOfMs` alone: every supernode with the same records gives the
 * same answer, byte for byte (global-index.md 4.4).
 *
 *   order of hits: the name itself, names that begin so, names that fit a wildcard, words of display names; then by name
 *   a page ends with a cursor; the next begins behind it
 */
import { foldName, type NodeId } from '../protocol/ids.ts';
import { PAGE_HITS_MAX, SEARCH_SCANNED_MAX } from '../protocol/overlay-params.ts';
import { compareVersions, hidesFrom, type IndexRecord, isCurrent, newestFirst } from './index-record.ts';
import { OrderedTexts } from './ordered-texts.ts';
import {
  matchesParts,
  matchesWords,
  type Rank,
  readPattern,
  type SearchPattern,
  type WildcardPattern,
  type WordsPattern,
  wordsOf,
} from './search-pattern.ts';

export interface Query {
  readonly pattern: string;
  /** Hits of a page, 1 to PAGE_HITS_MAX. */
  readonly limit: number;
  /** Where the page before ended; empty for the first. */
  readonly after: string;
  /** Wall clock that decides what has ended, rounded to a minute. */
  readonly asOfMs: number;
  /** Folded name of the person who asks: whoever hides from them is not shown. */
  readonly viewer?: string;
}

export interface Hit {
  readonly name: string;
  readonly displayName: string;
}

export interface Page {
  readonly hits: readonly Hit[];
  /** Empty: that was all. */
  readonly next: string;
  /** False: the pattern fits so many that not all were looked at. */
  readonly whole: boolean;
}

/** Between a word and the name whose display name has it: below every character of a word. */
export const GAP = '\0';

/** The name behind a word. */
export function nameIn(posting: string): string {
  return posting.slice(posting.indexOf(GAP) + 1);
}

export class IndexStore {
  readonly #byNode = new Map<NodeId, IndexRecord>();
  readonly #byName = new Map<string, Map<NodeId, IndexRecord>>();
  readonly #names = new OrderedTexts();
  readonly #words = new OrderedTexts();
  #sweep: Iterator<IndexRecord> | undefined;

  get size(): number {
    return this.#byNode.size;
  }

  get(node: NodeId): IndexRecord | undefined {
    return this.#byNode.get(node);
  }

  records(): IterableIterator<IndexRecord> {
    return this.#byNode.values();
  }

  /** Takes a record that was read and found good. False when what is here is as new. */
  put(record: IndexRecord): boolean {
    const old = this.#byNode.get(record.nodeId);
    if (old && compareVersions(record, old) <= 0) return false;
    if (old) this.delete(old.nodeId);
    this.#byNode.set(record.nodeId, record);
    const nodes = this.#byName.get(record.key) ?? new Map<NodeId, IndexRecord>();
    this.#byName.set(record.key, nodes.set(record.nodeId, record));
    this.#names.add(record.key);
    for (const word of wordsOf(record.displayName)) this.#words.add(`${word}${GAP}${record.key}`);
    return true;
  }

  delete(node: NodeId): void {
    const record = this.#byNode.get(node);
    if (!record) return;
    this.#byNode.delete(node);
    const nodes = this.#byName.get(record.key);
    nodes?.delete(node);
    const others = [...(nodes?.values() ?? [])];
    if (others.length === 0) {
      this.#byName.delete(record.key);
      this.#names.delete(record.key);
    }
    const kept = new Set(others.flatMap(({ displayName }) => wordsOf(displayName)));
    for (const word of wordsOf(record.displayName)) {
      if (!kept.has(word)) this.#words.delete(`${word}${GAP}${record.key}`);
    }
  }

  /** Looks at so many records, all in turn, and names those that have ended. */
  ended(wallMs: number, count: number): IndexRecord[] {
    const ended: IndexRecord[] = [];
    this.#sweep ??= this.#byNode.values();
    for (let i = 0; i < count; i += 1) {
      const { value, done } = this.#sweep.next();
      if (done) {
        this.#sweep = undefined;
        break;
      }
      if (!isCurrent(value, wallMs)) ended.push(value);
    }
    return ended;
  }

  /** The current records of all nodes of the person of exactly this name, listed or not; newest first. */
  find(name: string, asOfMs: number): IndexRecord[] {
    const nodes = this.#byName.get(foldName(name))?.values() ?? [];
    const current = [...nodes].filter((one) => isCurrent(one, asOfMs));
    return current.sort(newestFirst);
  }

  /** Folded names from one on, to another that is left out, in order. */
  *names(from: string, to: string): Generator<string, void> {
    for (const key of this.#names.from(from)) {
      if (key >= to) return;
      yield key;
    }
  }

  /** Words with the names behind them, likewise. */
  *postings(from: string, to: string): Generator<string, void> {
    for (const posting of this.#words.from(from)) {
      if (posting >= to) return;
      yield posting;
    }
  }

  search(query: Query): Page {
    const pattern = readPattern(query.pattern);
    const limit = Math.min(Math.max(1, query.limit), PAGE_HITS_MAX);
    const found: Found[] = [];
    let whole = true;
    for (const one of pattern ? this.#matches(pattern, readCursor(query.after), query.asOfMs) : []) {
      if (one === 'too-many') whole = false;
      else if (isVisible(one.record, query.viewer)) found.push(one);
      if (found.length > limit) break;
    }
    return { ...pageOf(found, limit), whole };
  }

  *#matches(pattern: SearchPattern, after: Cursor, asOfMs: number): Generator<Found | 'too-many', void> {
    if (pattern.kind === 'wildcard') return yield* this.#byWildcard(pattern, after, asOfMs);
    if (after.rank > 4) {
      const [exact] = this.find(pattern.text, asOfMs);
      if (exact) yield { record: exact, rank: 4 };
    }
    if (after.rank >= 3) yield* this.#byBeginning(pattern.text, after.rank === 3 ? after.key : pattern.text, asOfMs);
    yield* this.#byWords(pattern, after, asOfMs);
  }

  *#byWildcard(pattern: WildcardPattern, after: Cursor, asOfMs: number): Generator<Found | 'too-many', void> {
    let scanned = 0;
    for (const key of this.#names.beginningWith(pattern.parts[0] ?? '', after.rank === 2 ? after.key : '')) {
      scanned += 1;
      if (scanned > SEARCH_SCANNED_MAX) return yield 'too-many';
      const record = matchesParts(key, pattern.parts) ? this.shown(key, asOfMs) : undefined;
      if (record) yield { record, rank: 2 };
    }
  }

  *#byBeginning(head: string, after: string, asOfMs: number): Generator<Found, void> {
    for (const key of this.#names.beginningWith(head, after)) {
      const record = this.shown(key, asOfMs);
      if (record) yield { record, rank: 3 };
    }
  }

  *#byWords(pattern: WordsPattern, after: Cursor, asOfMs: number): Generator<Found | 'too-many', void> {
    const rarest = rarestOf(pattern);
    const found = new Map<string, IndexRecord>();
    let scanned = 0;
    for (const posting of this.#words.beginningWith(rarest)) {
      scanned += 1;
      if (scanned > SEARCH_SCANNED_MAX) {
        yield 'too-many';
        break;
      }
      const key = nameIn(posting);
      const record = found.has(key) || key.startsWith(pattern.text) ? undefined : this.shown(key, asOfMs);
      if (record && matchesWords(record.displayName, pattern.words)) found.set(key, record);
    }
    for (const key of [...found.keys()].sort()) {
      const record = found.get(key);
      if (record && (after.rank > 1 || key > after.key)) yield { record, rank: 1 };
    }
  }

  /** The newest current record of a name, if its owner wants to be shown. */
  shown(key: string, asOfMs: number): IndexRecord | undefined {
    const [newest] = this.find(key, asOfMs);
    return newest?.listed ? newest : undefined;
  }
}

/** A record that fits, and how well. */
export interface Found {
  readonly record: IndexRecord;
  readonly rank: Rank;
}

/** Whoever hides from the viewer is neither shown nor named. */
export function isVisible(record: IndexRecord, viewer: string | undefined): boolean {
  return viewer === undefined || !hidesFrom(record, viewer);
}

/** The page of these, in order; one more than the limit when there is more. */
export function pageOf(found: readonly Found[], limit: number): Omit<Page, 'whole'> {
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  const hits = shown.map(({ record }) => ({ name: record.name, displayName: record.displayName }));
  return { hits, next: found.length > limit && last ? `${last.rank} ${last.record.key}` : '' };
}

/** The last hit of the page before; a rank above all for the first page. */
export interface Cursor {
  readonly rank: number;
  readonly key: string;
}

export function readCursor(text: string): Cursor {
  const [, rank, key] = /^([1-4]) ([a-z][a-z0-9._-]{0,31})$/.exec(text) ?? [];
  return rank !== undefined && key !== undefined ? { rank: Number(rank), key } : { rank: 5, key: '' };
}

/** The longest word is likely the rarest; any of them would give the same hits. */
export function rarestOf({ words }: WordsPattern): string {
  const [rarest = ''] = words.toSorted((a, b) => b.length - a.length || (a < b ? -1 : 1));
  return rarest;
}
