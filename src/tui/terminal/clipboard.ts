/**
 * Text to the clipboard of the terminal, over ssh too: OSC 52 (xterm ctlseqs). The terminal does not say whether it took
 * it. Inside tmux the code goes out twice: tmux takes one itself where `set-clipboard` is on, and hands the other one
 * through where `allow-passthrough` is.
 */
import { throughTmux } from './tmux.ts';

/** Base64 of more is cut off by several terminals (xterm's limit for a control string is 100 kB of it). */
export const COPY_BYTES_MAX = 54_000;

/** The control string that copies `text`; what is too long is cut between characters. */
export function clipboardCode(text: string, env: Readonly<Record<string, string | undefined>>): string {
  const base64 = Buffer.from(bounded(text)).toString('base64');
  const code = `\x1b]52;c;${base64}\x07`;
  if (!env.TMUX) return code;
  return code + throughTmux(code);
}

function bounded(text: string): string {
  if (Buffer.byteLength(text) <= COPY_BYTES_MAX) return text;
  const bytes = Buffer.from(text).subarray(0, COPY_BYTES_MAX);
  // The first bytes of a character that did not fit whole are left out.
  return bytes.toString().replace(/\ufffd+$/u, '');
}
