/**
 * Makes text from the network harmless to show: a chat message may hold an escape sequence that writes the clipboard
 * (OSC 52) or the window title, a bidirectional override that swaps a sentence round, or a thousand accents on one
 * letter. Applied to everything that the agent says, before it is measured, wrapped or drawn.
 */

/** C0 but newline, DEL, C1, bidi controls, invisible separators, variation tags, unpaired surrogates. */
const UNSAFE =
  /[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}\p{Cs}]/u;
const UNSAFE_ALL = new RegExp(UNSAFE.source, 'gu');
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)/g;
/** More marks on one letter than any living script puts there. */
const ACCENTS = /(\p{M}{6})\p{M}+/gu;
/** A mark that stands first would join whatever is drawn before the text, such as a border. */
const LEADING_MARK = /^(?:\p{M}|\u200c|\u200d|[\u{1f3fb}-\u{1f3ff}])/u;

/** Harmless form of `text`: one line break kind, tabs as spaces, no control characters of any sort. */
export function cleanText(text: string): string {
  let clean = text;
  if (UNSAFE.test(clean)) {
    clean = clean
      .replaceAll(/\r\n?|[\u2028\u2029]/g, '\n')
      .replaceAll('\t', '    ')
      .replaceAll(ESCAPES, '')
      .replaceAll(UNSAFE_ALL, '');
  }
  clean = clean.replaceAll(ACCENTS, '$1');
  return LEADING_MARK.test(clean) ? `\u25cc${clean}` : clean;
}

/** The same for a place that has one line only. */
export function cleanLine(text: string): string {
  return cleanText(text).replaceAll(/\n+/g, ' ');
}

/** Fields that are shown as paragraphs; every other text has one line of the screen. */
const PARAGRAPHS = ['text', 'message'];

/** A copy of plain data with every text in it made harmless. Depth is bounded by the port's line length. */
export function cleanData<T>(data: T): T {
  return cleanValue(data, '') as T;
}

function cleanValue(value: unknown, key: string): unknown {
  if (typeof value === 'string') return PARAGRAPHS.includes(key) ? cleanText(value) : cleanLine(value);
  if (Array.isArray(value)) return value.map((item) => cleanValue(item, key));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, cleanValue(part, name)]));
}
