/**
 * Text from other people, made harmless before it is stored, shown or printed: a terminal obeys control characters,
 * and bidirectional controls let a text look like another one (Boucher & Anderson 2021, "Trojan Source"). Every
 * service that takes in text hands it through here; what comes out is NFC (Unicode annex 15), well-formed and short.
 */

export interface TextRules {
  /** The result has at most so many bytes of UTF-8; what is beyond is cut off between two characters. */
  readonly bytesMax: number;
  /** `many`: newline and tab stay (chat). `one`: they become spaces, and the ends are trimmed (names, requests). */
  readonly lines: 'one' | 'many';
}

/** Whole escape sequences (ECMA-48 CSI, OSC), so that no `[31m` stays behind. Linear: no part can match an ESC. */
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?)/g;
const LINE_ENDS = /\r\n?|[\u0085\u2028\u2029]/g;
/** C0 but tab and newline, DEL, C1; bidirectional marks, embeddings, overrides, isolates; annotations; BOM. */
const CONTROLS =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ufeff]/g;

/** Never throws; the same text again when it is already clean. */
export function cleanText(text: string, rules: TextRules): string {
  // Cut first: normalising may take quadratic time in long runs of combining marks.
  const short = cutToBytes(text, rules.bytesMax);
  const safe = short.replace(ESCAPES, '').replace(LINE_ENDS, '\n').replace(CONTROLS, '').normalize('NFC');
  if (rules.lines === 'many') return cutToBytes(safe, rules.bytesMax);
  return cutToBytes(safe.replace(/[\t\n]/g, ' ').trim(), rules.bytesMax).trimEnd();
}

/** The longest beginning of whole characters that fits; a lone surrogate becomes U+FFFD. */
function cutToBytes(text: string, bytesMax: number): string {
  // Three bytes a UTF-16 unit at most: the encoder never sees more than can matter.
  const bytes = Buffer.from(text.slice(0, bytesMax + 1), 'utf8');
  if (bytes.length <= bytesMax) return bytes.toString('utf8');
  let end = bytesMax;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString('utf8');
}
