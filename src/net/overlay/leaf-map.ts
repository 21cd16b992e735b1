/**
 * How the ordered keys of the Global Index are cut into leaves: a set of separators that only grows (pure). A leaf is
 * named by the separator that it begins with, and reaches to the next one. Splitting a leaf adds one separator, so maps
 * of different age are joined by union, in any order, and all end in the same map; whoever works with an older one is
 * told the separators that he lacks.
 *
 *   keys: 'u:' name                      leaf 'u:' from the first
 *         'w:' word \0 name              leaf 'w:' from the first
 */
import { createHash } from 'node:crypto';
import { LEAF_TEXT_MAX, LEAVES_MAX } from '../protocol/overlay-params.ts';
import { GAP } from './index-store.ts';
import { placeIn } from './ordered-texts.ts';
import { wordsOf } from './search-pattern.ts';

export const NAMES_LEAF = 'u:';
export const WORDS_LEAF = 'w:';
const DIGEST_BYTES = 8;
/** Separators that came last are told first. */
const RECENT = 128;

export class LeafMap {
  readonly #leaves: string[] = [NAMES_LEAF, WORDS_LEAF];
  readonly #digest = Buffer.alloc(DIGEST_BYTES);
  #recent: string[] = [];

  get size(): number {
    return this.#leaves.length;
  }

  /** Equal in equal maps. A copy. */
  get digest(): Buffer {
    return Buffer.from(this.#digest);
  }

  recent(): readonly string[] {
    return this.#recent;
  }

  all(): readonly string[] {
    return this.#leaves;
  }

  /** Takes separators that others told; those which were new here. */
  learn(separators: readonly string[]): string[] {
    return separators.filter((one) => this.#add(one));
  }

  /** The leaf that a key lies in. */
  leafOf(key: string): string {
    const at = placeIn(this.#leaves, key);
    return this.#leaves[at] === key ? key : (this.#leaves[at - 1] ?? NAMES_LEAF);
  }

  /** Where a leaf ends, that key left out; the end of all keys of its kind for the last. */
  endOf(leaf: string): string {
    const kind = leaf.slice(0, 2);
    const next = this.#leaves[placeIn(this.#leaves, `${leaf}${GAP}`)];
    return next?.startsWith(kind) ? next : kindEnd(kind);
  }

  /** The leaves that hold keys from `from` on, to those that begin with `head`, in order. */
  covering(head: string, from: string): string[] {
    const found: string[] = [];
    const begin = from > head ? from : head;
    let leaf = this.leafOf(begin);
    for (;;) {
      found.push(leaf);
      const next = this.endOf(leaf);
      if (next === kindEnd(leaf.slice(0, 2)) || !(next.startsWith(head) || next < head)) return found;
      leaf = next;
    }
  }

  #add(separator: string): boolean {
    if (!isSeparator(separator) || this.#leaves.length >= LEAVES_MAX) return false;
    const at = placeIn(this.#leaves, separator);
    if (this.#leaves[at] === separator) return false;
    this.#leaves.splice(at, 0, separator);
    const hash = createHash('sha256').update(separator).digest();
    for (let i = 0; i < DIGEST_BYTES; i += 1) this.#digest[i]! ^= hash[i]!;
    this.#recent = [separator, ...this.#recent.slice(0, RECENT - 1)];
    return true;
  }
}

const keysKept = new WeakMap<object, readonly string[]>();

/** All ordered keys of a record: its name, its words and those of earlier records that it is filed under as well. */
export function orderedKeys(record: { readonly key: string; readonly displayName: string }, also: Iterable<string>) {
  let own = keysKept.get(record);
  if (!own) {
    const { key, displayName } = record;
    own = [`${NAMES_LEAF}${key}`, ...wordsOf(displayName).map((word) => wordKey(word, key))];
    keysKept.set(record, own);
  }
  const others = [...also].map((word) => wordKey(word, record.key));
  return others.length === 0 ? own : [...own, ...others];
}

function wordKey(word: string, name: string): string {
  return `${WORDS_LEAF}${word}${GAP}${name}`;
}

/** The shortest text above `left` that is not above `right`. */
export function separatorBetween(left: string, right: string): string {
  for (let length = 1; length < right.length; length += 1) {
    const cut = right.slice(0, length);
    if (cut > left) return cut;
  }
  return right;
}

/** The end of a leaf without its kind, as the store has texts; the last leaf of a kind has none. */
export function textEnd(leaf: string, end: string): string {
  return end.startsWith(leaf.slice(0, 2)) ? end.slice(2) : '\uffff';
}

function isSeparator(text: string): boolean {
  return (text.startsWith(NAMES_LEAF) || text.startsWith(WORDS_LEAF)) && text.length <= LEAF_TEXT_MAX;
}

function kindEnd(kind: string): string {
  return kind === NAMES_LEAF ? 'u;' : 'w;';
}
