/** Codes for the terminal outside of tmux: they travel in a DCS of tmux's with every ESC doubled (tmux(1), `allow-passthrough`). Pure. */

/** `code` as tmux hands it on, where its option lets that through; elsewhere tmux swallows it. */
export function throughTmux(code: string): string {
  return `\x1bPtmux;${code.replaceAll('\x1b', '\x1b\x1b')}\x1b\\`;
}
