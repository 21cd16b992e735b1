/**
 * What a search pattern matches (pure). Without `*` a pattern is a prefix of the name, or of any word of the display
 * name; several words must all match. `*` stands for any run of characters of the name. Case never matters.
 */
import { foldName } from '../protocol/ids.ts';

/** So much of a pattern counts. */
export const PATTERN_LENGTH_MAX = 64;
const WORDS_MAX = 8;

/** 4: the name itself, 3: begins the name, 2: wildcard in the name, 1: words of the display name, 0: no match. */
export type Rank = 0 | 1 | 2 | 3 | 4;

export interface WildcardPattern {
  readonly kind: 'wildcard';
  /** What stands between the stars, the first at the start of the name and the last at its end. */
  readonly parts: readonly string[];
}

export interface WordsPattern {
  readonly kind: 'words';
  /** As a name or its beginning. */
  readonly text: string;
  readonly words: readonly string[];
}

export type SearchPattern = WildcardPattern | WordsPattern;

/** Undefined for one that would match everybody, or nothing: of stars and blanks only. */
export function readPattern(pattern: string): SearchPattern | undefined {
  const folded = foldName(pattern.slice(0, PATTERN_LENGTH_MAX).normalize('NFKC').trim());
  if (folded.replaceAll('*', '') === '') return undefined;
  if (folded.includes('*')) return { kind: 'wildcard', parts: folded.split(/\*+/) };
  return { kind: 'words', text: folded, words: folded.split(/\s+/).slice(0, WORDS_MAX) };
}

/** The words of a display name, folded, each once. */
export function wordsOf(displayName: string): string[] {
  const words = displayName
    .normalize('NFKC')
    .toLowerCase()
    .split(/[\s\p{Cc},.;:_-]+/u);
  return [...new Set(words)].filter((word) => word !== '');
}

/** Is each word the beginning of one of the display name's? */
export function matchesWords(displayName: string, words: readonly string[]): boolean {
  const shown = wordsOf(displayName);
  return words.every((word) => shown.some((part) => part.startsWith(word)));
}

/** `parts` in order, the first at the start and the last at the end; linear, so no pattern is expensive. */
export function matchesParts(name: string, parts: readonly string[]): boolean {
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  const end = name.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
