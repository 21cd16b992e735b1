/**
 * The plainest text: signs that are one character and one column each, whatever stands beside them. Nearly all that a screen shows is
 * of that kind, and for it neither Unicode's rules for characters (`Intl.Segmenter`, 10 ms when first used) nor those for emoji (40 ms) need
 * ever be loaded. The build puts this before the same work in Ink's libraries too (`bin/build.mjs`).
 */

/**
 * ASCII, Latin (without the soft hyphen), Greek, Cyrillic (without its combining marks), punctuation, arrows, mathematics, box drawing,
 * blocks, geometric shapes (without the two that are emoji), check marks and crosses.
 */
const SIGNS =
  '\\x20-\\x7e\\xa1-\\xac\\xae-\\u02ff\\u0370-\\u0482\\u048a-\\u052f\\u1e00-\\u1eff\\u2010-\\u2027\\u2030-\\u205e\\u2190-\\u22ff\\u2500-\\u25fc\\u25ff\\u2713-\\u2718';
const PLAIN = new RegExp(`^[${SIGNS}]*$`);
const PLAIN_WITH_CODES = new RegExp(`^[\\x1b${SIGNS}]*$`);

/** Each UTF-16 unit of the text is then one character of one column. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

/** Characters and their places, as `Intl.Segmenter` would give them, of plain text with SGR codes; undefined for any other. */
export function plainSegments(text: string): { readonly segment: string; readonly index: number }[] | undefined {
  return PLAIN_WITH_CODES.test(text) ? Array.from(text, (segment, index) => ({ segment, index })) : undefined;
}
