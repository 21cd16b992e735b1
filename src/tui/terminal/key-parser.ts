/**
 * Bytes of the keyboard -> key presses. One layer for the whole screen, because keys arrive glued ("ab\rc" in one
 * read), torn (ESC in one read and "[A" in the next, a letter of two bytes over two reads) and pasted, over ssh above
 * all. Reads xterm's key codes (ctlseqs, "PC-Style Function Keys"), bracketed paste, clicks and wheel of SGR mouse
 * reports, and what a terminal answers to a question (OSC). Focus and unknown sequences are swallowed. Owns no timer:
 * `wantsFlush` tells the reader how long to wait before `flush`.
 */
import { StringDecoder } from 'node:string_decoder';

/**
 * One press. `name` is what the key table speaks of: a printable character as itself (`a`, `?`), else `enter`, `tab`,
 * `shift-tab`, `escape`, `backspace`, `delete`, `up`, `page-up`, `home`, `f1`, `space`, ..., with `ctrl-`, `alt-`,
 * `shift-` in front, or `paste`; `answer` is what the terminal says of itself. `text` is what a text field takes in;
 * empty for keys that are no text.
 */
export interface Key {
  readonly name: string;
  readonly text: string;
  /** Where, of `click`, `wheel-up` and `wheel-down`: from 0, at the left and at the top. */
  readonly at?: { readonly column: number; readonly row: number };
}

/** A lone ESC is the Escape key when nothing follows for this long; over a slow link the rest of a code may be late. */
export const ESCAPE_WAIT_MS = 30;
/** While the terminal owes an answer, a lone ESC may be its beginning, torn off on the way. */
const ANSWER_WAIT_MS = 250;
/** A paste whose end mark never comes is taken as ended. */
export const PASTE_WAIT_MS = 2_000;
/** No terminal sends a longer code; what is longer is noise. */
const SEQUENCE_LENGTH_MAX = 64;
const ANSWER_LENGTH_MAX = 256;
/** Chat text may have 16 KiB, an invite a few hundred bytes; the rest of a larger paste is dropped. */
const PASTE_LENGTH_MAX = 65_536;

const ESC = '\x1b';
/** No key sends it: Alt-] is not followed by a digit. */
const OSC = /^\x1b\]\d/;
const PASTE_START = '200~';
const PASTE_END = '\x1b[201~';

const FINALS: Readonly<Record<string, string>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  E: 'begin',
  F: 'end',
  H: 'home',
  P: 'f1',
  Q: 'f2',
  R: 'f3',
  S: 'f4',
  Z: 'shift-tab',
};
const TILDES: Readonly<Record<string, string>> = {
  1: 'home',
  2: 'insert',
  3: 'delete',
  4: 'end',
  5: 'page-up',
  6: 'page-down',
  7: 'home',
  8: 'end',
  11: 'f1',
  12: 'f2',
  13: 'f3',
  14: 'f4',
  15: 'f5',
  17: 'f6',
  18: 'f7',
  19: 'f8',
  20: 'f9',
  21: 'f10',
  23: 'f11',
  24: 'f12',
};
const MOUSE: Readonly<Record<number, string>> = { 0: 'click', 64: 'wheel-up', 65: 'wheel-down' };
const CONTROLS: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\t': 'tab',
  '\x7f': 'backspace',
  '\b': 'backspace',
  '\0': 'ctrl-space',
};

export class KeyParser {
  private readonly decoder = new StringDecoder('utf8');
  /** What could not be told apart yet: the start of a sequence. */
  private rest = '';
  /** Text of a paste under way; undefined outside of one. */
  private paste: string | undefined;
  /** The terminal was asked something, and may answer among the keys. */
  awaitsAnswer = false;

  /** Takes one read of the keyboard; returns the presses that are complete. Never throws. */
  feed(bytes: Buffer): Key[] {
    this.rest += this.decoder.write(bytes);
    return this.take(false);
  }

  /** Nothing more came for the time that `wantsFlush` gave: a lone ESC is the Escape key, an open paste ends. */
  flush(): Key[] {
    if (this.paste === undefined) return this.take(true);
    const text = this.paste + this.rest;
    this.rest = '';
    this.paste = undefined;
    return text === '' ? [] : [{ name: 'paste', text }];
  }

  /** How long to wait for more before `flush`, ms; undefined when nothing is pending. */
  wantsFlush(): number | undefined {
    if (this.paste !== undefined) return PASTE_WAIT_MS;
    if (this.rest === '') return undefined;
    if (OSC.test(this.rest)) return PASTE_WAIT_MS;
    return this.awaitsAnswer ? ANSWER_WAIT_MS : ESCAPE_WAIT_MS;
  }

  private take(final: boolean): Key[] {
    const keys: Key[] = [];
    while (this.rest !== '') {
      if (this.paste !== undefined) {
        if (!this.takePaste(keys)) break;
        continue;
      }
      const used = this.rest[0] === ESC ? this.takeEscape(keys, final) : this.takePlain(keys);
      if (used === 0) break;
      this.rest = this.rest.slice(used);
    }
    return keys;
  }

  /** False when the end mark has not come yet; a possible first half of it stays in `rest`. */
  private takePaste(keys: Key[]): boolean {
    const end = this.rest.indexOf(PASTE_END);
    const keep = end >= 0 ? end : this.rest.length - halfMarkLength(this.rest);
    this.paste = ((this.paste ?? '') + this.rest.slice(0, keep)).slice(0, PASTE_LENGTH_MAX);
    this.rest = this.rest.slice(end >= 0 ? end + PASTE_END.length : keep);
    if (end < 0) return false;
    if (this.paste !== '') keys.push({ name: 'paste', text: this.paste });
    this.paste = undefined;
    return true;
  }

  private takePlain(keys: Key[]): number {
    const text = String.fromCodePoint(this.rest.codePointAt(0) ?? 0);
    const key = plainKey(text);
    if (key) keys.push(key);
    return text.length;
  }

  /** `rest` starts with ESC. Returns how much was used; 0 to wait for more. */
  private takeEscape(keys: Key[], final: boolean): number {
    const second = this.rest[1];
    if (second === undefined) {
      if (!final) return 0;
      keys.push({ name: 'escape', text: '' });
      return 1;
    }
    if (second === '[' || second === 'O') {
      const used = this.takeSequence(keys, 1);
      if (used > 0) return used;
      if (!final) return 0;
    }
    if (second === ']') {
      if (this.rest[2] === undefined && !final) return 0;
      if (OSC.test(this.rest)) return this.takeAnswer(keys, final);
    }
    // ESC ESC [ A is Alt-Up; ESC ESC alone is Escape twice.
    if (second === ESC) {
      const third = this.rest[2];
      if (third === undefined && !final) return 0;
      if (third === '[' || third === 'O') {
        const used = this.takeSequence(keys, 2);
        if (used > 0) return used;
        if (!final) return 0;
      }
      keys.push({ name: 'escape', text: '' });
      return 1;
    }
    const text = String.fromCodePoint(this.rest.codePointAt(1) ?? 0);
    const key = plainKey(text);
    if (key) keys.push({ name: `alt-${key.name}`, text: '' });
    return 1 + text.length;
  }

  /** `rest` starts with an OSC. What never ends is dropped: it was no key. */
  private takeAnswer(keys: Key[], final: boolean): number {
    const end = /\x07|\x1b\\/.exec(this.rest);
    if (!end) return final || this.rest.length > ANSWER_LENGTH_MAX ? this.rest.length : 0;
    keys.push({ name: 'answer', text: this.rest.slice(2, end.index) });
    this.awaitsAnswer = false;
    return end.index + end[0].length;
  }

  /** A code whose `[` or `O` stands at `start`. Returns how much was used; 0 when it is not complete. */
  private takeSequence(keys: Key[], start: number): number {
    const match =
      this.rest[start] === 'O'
        ? /^O([0-9;]*)([A-Za-z~])/.exec(this.rest.slice(start))
        : /^\[([0-?]*[ -/]*)([@-~])/.exec(this.rest.slice(start));
    // A control character inside a code means that the code was cut short.
    if (!match) return brokenLength(this.rest, start);
    const [whole, params = '', final = ''] = match;
    const used = start + whole.length;
    if (whole === `[${PASTE_START}`) {
      this.paste = '';
      return used;
    }
    const key = sequenceKey(params, final, start === 2);
    if (key) keys.push(key);
    return used;
  }
}

/** Length of the longest end of `text` that is a beginning of the mark that ends a paste. */
function halfMarkLength(text: string): number {
  for (let length = Math.min(PASTE_END.length - 1, text.length); length > 0; length--) {
    if (PASTE_END.startsWith(text.slice(-length))) return length;
  }
  return 0;
}

/** How much of an unfinished code to throw away: none while it may still be completed. */
function brokenLength(rest: string, start: number): number {
  const stray = rest.slice(start + 1).search(/[^ -?]/);
  if (stray >= 0) return start + 1 + stray;
  return rest.length > SEQUENCE_LENGTH_MAX ? rest.length : 0;
}

function plainKey(text: string): Key | undefined {
  const named = CONTROLS[text];
  if (named !== undefined) return { name: named, text: '' };
  if (text === ' ') return { name: 'space', text };
  const code = text.codePointAt(0) ?? 0;
  if (code >= 1 && code <= 26) return { name: `ctrl-${String.fromCharCode(code + 96)}`, text: '' };
  if (code < 32 || (code >= 0x80 && code < 0xa0) || code === 0xfffd) return undefined;
  return { name: text, text };
}

function sequenceKey(params: string, final: string, withEscape: boolean): Key | undefined {
  if (params.startsWith('<')) return mouseKey(params, final);
  const [number = '', modifier = ''] = params.split(';');
  const base = final === '~' ? TILDES[number] : /^[?>]/.test(params) ? undefined : FINALS[final];
  if (base === undefined) return undefined;
  // xterm: modifier less one is a bit set of shift, alt, ctrl.
  const bits = Math.max(0, (Number(modifier) || 1) - 1);
  const prefix = `${bits & 4 ? 'ctrl-' : ''}${bits & 2 || withEscape ? 'alt-' : ''}${bits & 1 ? 'shift-' : ''}`;
  return { name: prefix + base, text: '' };
}

/** SGR report (mode 1006): button, column and row from 1; `M` is a press. Shift, Alt and Ctrl with it do not matter. */
function mouseKey(params: string, final: string): Key | undefined {
  const [button = 0, column = 1, row = 1] = params.slice(1).split(';').map(Number);
  const name = MOUSE[button & ~0b11100];
  if (final !== 'M' || name === undefined) return undefined;
  return { name, text: '', at: { column: Math.max(0, column - 1), row: Math.max(0, row - 1) } };
}
