/** What the login server makes of a display name: one line of visible text, bounded, before it is stored or told. */
import { DISPLAY_NAME_LENGTH_MAX } from '../protocol/params.ts';

/**
 * Controls, line and paragraph separators, surrogates, private use, and format characters: bidirectional overrides,
 * which let a name show as another one, are among these. The two joiners stay: scripts and emoji need them.
 */
const UNFIT = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/** `text` cleaned and cut to DISPLAY_NAME_LENGTH_MAX characters; `fallback` when nothing visible is left. */
export function cleanDisplayName(text: string, fallback: string): string {
  // Cut before cleaning too, so that a long text costs nothing; four times leaves room for what is stripped.
  const line = text
    .slice(0, 4 * DISPLAY_NAME_LENGTH_MAX)
    .normalize('NFC')
    .replace(/\s+/gu, ' ')
    .replace(UNFIT, '');
  const cut = [...line].slice(0, DISPLAY_NAME_LENGTH_MAX).join('').replace(/ +/g, ' ').trim();
  return /[^\s\u200c\u200d]/u.test(cut) ? cut : fallback;
}
