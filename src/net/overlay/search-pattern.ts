/**
 * What a search pattern matches (pure). Without `*` a pattern is a prefix of the name, or of any word of the display
 * name; several words must all match. `*` stands for any run of characters of the name. Case never matters.
 */
import { foldName } from '../protocol/ids.ts';

const PATTERN_LENGTH_MAX = 64;
const WORDS_MAX = 8;

/** 4: the name itself, 3: begins the name, 2: wildcard in the name, 1: words of the display name, 0: no match. */
export type Rank = 0 | 1 | 2 | 3 | 4;

/** The returned function takes a folded name and a display name as written. */
export function compilePattern(pattern: string): (name: string, displayName: string) => Rank {
  const folded = foldName(pattern.slice(0, PATTERN_LENGTH_MAX).normalize('NFKC').trim());
  if (folded.replaceAll('*', '') === '') return () => 0;
  if (folded.includes('*')) {
    const parts = folded.split(/\*+/);
    return (name) => (matchesParts(name, parts) ? 2 : 0);
  }
  const words = folded.split(/\s+/).slice(0, WORDS_MAX);
  return (name, displayName) => {
    if (name === folded) return 4;
    if (name.startsWith(folded)) return 3;
    const shown = displayName
      .normalize('NFKC')
      .toLowerCase()
      .split(/[\s,.;:_-]+/);
    return words.every((word) => shown.some((part) => part.startsWith(word))) ? 1 : 0;
  };
}

/** `parts` in order, the first at the start and the last at the end; linear, so no pattern is expensive. */
function matchesParts(name: string, parts: readonly string[]): boolean {
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
