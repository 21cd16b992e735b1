/**
 * Finds what a person means by a few letters: all of them in order, anywhere in the text. The better match has its
 * letters together and at the beginnings of words. Used by the palette; pure.
 */

export interface FuzzyMatch {
  /** The higher, the better. */
  readonly score: number;
  /** Indexes in the text, UTF-16 units, ascending: what to make bold. */
  readonly at: readonly number[];
}

/** What the whole words as they were typed count beside their letters. */
export const WHOLE_WORDS = 100;
const WORD_START = 8;
const TOGETHER = 5;
const LENGTH_MAX = 200;

/** How `wanted` stands in `text`; undefined when it does not. Case and blanks of `wanted` do not matter. */
export function fuzzyMatch(wanted: string, text: string): FuzzyMatch | undefined {
  const letters = wanted.toLowerCase().replaceAll(/\s+/g, '');
  const lower = text.toLowerCase().slice(0, LENGTH_MAX);
  if (letters === '') return { score: 0, at: [] };
  // The whole words as they were typed stand before any spread of letters.
  const whole = lower.indexOf(wanted.trim().toLowerCase());
  if (whole >= 0) {
    const at = Array.from({ length: wanted.trim().length }, (_, index) => whole + index);
    return { score: WHOLE_WORDS + scoreOf(lower, at) - whole / LENGTH_MAX, at };
  }
  const at = placesOf(letters, lower);
  return at && { score: scoreOf(lower, at), at };
}

/** From each possible start the first letters in order; the best of these. */
function placesOf(letters: string, lower: string): readonly number[] | undefined {
  let best: { readonly at: readonly number[]; readonly score: number } | undefined;
  for (let start = lower.indexOf(letters.charAt(0)); start >= 0; start = lower.indexOf(letters.charAt(0), start + 1)) {
    const at: number[] = [];
    let from = start;
    for (const letter of letters) {
      const next = lower.indexOf(letter, from);
      if (next < 0) return best?.at;
      at.push(next);
      from = next + letter.length;
    }
    const score = scoreOf(lower, at);
    if (!best || score > best.score) best = { at, score };
  }
  return best?.at;
}

function scoreOf(lower: string, at: readonly number[]): number {
  let score = 0;
  for (const [index, place] of at.entries()) {
    if (place === 0 || /[^\p{L}\p{N}]/u.test(lower.charAt(place - 1))) score += WORD_START;
    if (index > 0 && place === (at[index - 1] ?? 0) + 1) score += TOGETHER;
  }
  const spread = (at.at(-1) ?? 0) - (at[0] ?? 0);
  return score - spread / 10;
}
