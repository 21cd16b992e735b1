/** What a search pattern means, one person at a time: what every index is held to. */
import { matchesParts, matchesWords, type Rank, readPattern } from '../../src/net/overlay/search-pattern.ts';

/** The returned function takes a folded name and a display name as written. */
export function compilePattern(pattern: string): (name: string, displayName: string) => Rank {
  const read = readPattern(pattern);
  if (!read) return () => 0;
  if (read.kind === 'wildcard') return (name) => (matchesParts(name, read.parts) ? 2 : 0);
  return (name, displayName) => {
    if (name === read.text) return 4;
    if (name.startsWith(read.text)) return 3;
    return matchesWords(displayName, read.words) ? 1 : 0;
  };
}
