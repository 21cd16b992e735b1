/**
 * The mailboxes that one supernode holds: sealed letters by recipient, in memory, and the signed words of recipients on
 * what they have (`mail-order.ts`), which keep a letter from coming back with a holder that was away. Nothing is on a
 * disk: what a restart loses, the other holders have. `mail-room.ts` puts, tells and throws away.
 *
 * Everything is bounded, by recipient, sender, the supernode that first brought it, and in all; what is beyond is refused,
 * never something older thrown away for it, so that a flood cannot drive out what was kept for somebody.
 */

import { foldName, isIdHex, type NodeId } from '../protocol/ids.ts';
import {
  MAIL_CLOCK_MS,
  MAIL_DONE_MAX,
  MAIL_DONE_PER_BOX_MAX,
  MAIL_LIFETIME_MS,
  MAIL_OF_ONE_BYTES_MAX,
  MAIL_OF_ONE_LETTERS_MAX,
  MAIL_SHELF_BYTES_MAX,
  MAIL_SHELF_LETTERS_MAX,
  MAILBOX_BY_ONE_LETTERS_MAX,
  MAILBOX_BYTES_MAX,
  MAILBOX_FROM_ONE_BYTES_MAX,
  MAILBOX_FROM_ONE_LETTERS_MAX,
  MAILBOX_LETTERS_MAX,
} from '../protocol/mail-params.ts';
import type { KeptLetter } from './kept-letter.ts';
import { type DoneOrder, type LetterKey, letterKey, readDone } from './mail-order.ts';

/** `gone`: the recipient has it already. */
export type Put = 'taken' | 'known' | 'gone' | 'mailbox-full' | 'request-malformed';

interface Kept extends KeptLetter {
  readonly key: LetterKey;
  readonly by: NodeId;
}

interface Box {
  readonly letters: Map<LetterKey, Kept>;
  readonly done: { readonly order: DoneOrder; readonly keys: ReadonlySet<LetterKey>; readonly untilMs: number }[];
  bytes: number;
}

interface Share {
  letters: number;
  bytes: number;
}

export class MailShelf {
  readonly #boxes = new Map<NodeId, Box>();
  /** Of each account, over all boxes. */
  readonly #accounts = new Map<string, Share>();
  #letters = 0;
  #bytes = 0;
  #done = 0;
  /** Letters for which there was no room. Only rises. */
  refused = 0;

  get letters(): number {
    return this.#letters;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** `by`: the supernode that brings it. */
  put(wallMs: number, letter: KeptLetter, by: NodeId): Put {
    const key = letterKey(letter.sender, letter.id);
    if (!isIdHex(letter.recipient) || key.length !== 64 || !isDue(wallMs, letter.untilMs)) return 'request-malformed';
    const box = this.#boxes.get(letter.recipient);
    if (box?.letters.has(key)) return 'known';
    if (box?.done.some(({ keys }) => keys.has(key))) return 'gone';
    if (!this.#hasRoom(box, letter, by)) {
      this.refused += 1;
      return 'mailbox-full';
    }
    const kept: Box = box ?? { letters: new Map(), done: [], bytes: 0 };
    this.#boxes.set(letter.recipient, kept);
    kept.letters.set(key, { ...letter, key, by });
    this.#count(kept, letter, 1);
    return 'taken';
  }

  /** Of one recipient, by time. */
  of(recipient: NodeId): readonly (KeptLetter & { readonly key: LetterKey })[] {
    const letters = [...(this.#boxes.get(recipient)?.letters.values() ?? [])];
    return letters.sort((a, b) => a.atMs - b.atMs || (a.key < b.key ? -1 : 1));
  }

  get(recipient: NodeId, key: LetterKey): KeptLetter | undefined {
    return this.#boxes.get(recipient)?.letters.get(key);
  }

  /** The word of a recipient: these letters are thrown away, and not taken again. False when it is nobody's word. */
  done(wallMs: number, order: DoneOrder): boolean {
    const said = readDone(order);
    if (!said) return false;
    const box: Box = this.#boxes.get(said.node) ?? { letters: new Map(), done: [], bytes: 0 };
    const fresh = said.keys.filter((key) => !box.done.some(({ keys }) => keys.has(key)));
    for (const key of said.keys) this.#take(box, key);
    if (fresh.length > 0 && this.#done < MAIL_DONE_MAX) {
      this.#boxes.set(said.node, box);
      if (box.done.length >= MAIL_DONE_PER_BOX_MAX && box.done.shift()) this.#done -= 1;
      const kept = { publicKey: Buffer.from(order.publicKey), signature: Buffer.from(order.signature) };
      const whole = { ...kept, atMs: order.atMs, keys: Buffer.from(order.keys) };
      // Longer than any letter that it names can be kept.
      const untilMs = wallMs + MAIL_LIFETIME_MS + MAIL_CLOCK_MS;
      box.done.push({ order: whole, keys: new Set(said.keys), untilMs });
      this.#done += 1;
    }
    this.#tidy(said.node);
    return true;
  }

  /** Which of these the recipient has, and the words that say so. */
  gone(recipient: NodeId, keys: readonly LetterKey[]): { readonly keys: LetterKey[]; readonly orders: DoneOrder[] } {
    const done = this.#boxes.get(recipient)?.done ?? [];
    const known = keys.filter((key) => done.some((one) => one.keys.has(key)));
    const said = done.filter((one) => known.some((key) => one.keys.has(key)));
    return { keys: known, orders: said.map(({ order }) => order) };
  }

  /** Others hold this mailbox, and we are not to any more. */
  giveUp(recipient: NodeId): void {
    const box = this.#boxes.get(recipient);
    for (const key of [...(box?.letters.keys() ?? [])]) this.#take(box as Box, key);
    this.#tidy(recipient);
  }

  /** Throws away what is too old. */
  sweep(wallMs: number): void {
    for (const [recipient, box] of this.#boxes) {
      for (const [key, { untilMs }] of box.letters) if (wallMs >= untilMs) this.#take(box, key);
      const before = box.done.length;
      box.done.splice(0, before, ...box.done.filter(({ untilMs }) => wallMs < untilMs));
      this.#done -= before - box.done.length;
      this.#tidy(recipient);
    }
  }

  #take(box: Box, key: LetterKey): void {
    const letter = box.letters.get(key);
    if (!letter) return;
    box.letters.delete(key);
    this.#count(box, letter, -1);
  }

  #tidy(recipient: NodeId): void {
    const box = this.#boxes.get(recipient);
    if (box && box.letters.size === 0 && box.done.length === 0) this.#boxes.delete(recipient);
  }

  #count(box: Box, { senderName, sealed }: KeptLetter, sign: 1 | -1): void {
    const account = foldName(senderName);
    const share = this.#accounts.get(account) ?? { letters: 0, bytes: 0 };
    share.letters += sign;
    share.bytes += sign * sealed.length;
    if (share.letters === 0) this.#accounts.delete(account);
    else this.#accounts.set(account, share);
    box.bytes += sign * sealed.length;
    this.#letters += sign;
    this.#bytes += sign * sealed.length;
  }

  #hasRoom(box: Box | undefined, letter: KeptLetter, by: NodeId): boolean {
    const bytes = letter.sealed.length;
    if (this.#letters >= MAIL_SHELF_LETTERS_MAX || this.#bytes + bytes > MAIL_SHELF_BYTES_MAX) return false;
    const account = foldName(letter.senderName);
    const all = this.#accounts.get(account);
    if (all && (all.letters >= MAIL_OF_ONE_LETTERS_MAX || all.bytes + bytes > MAIL_OF_ONE_BYTES_MAX)) return false;
    if (!box) return true;
    if (box.letters.size >= MAILBOX_LETTERS_MAX || box.bytes + bytes > MAILBOX_BYTES_MAX) return false;
    let [own, ownBytes, brought] = [0, 0, 0];
    for (const other of box.letters.values()) {
      if (other.by === by) brought += 1;
      if (foldName(other.senderName) !== account) continue;
      own += 1;
      ownBytes += other.sealed.length;
    }
    const isModest = own < MAILBOX_FROM_ONE_LETTERS_MAX && ownBytes + bytes <= MAILBOX_FROM_ONE_BYTES_MAX;
    return isModest && brought < MAILBOX_BY_ONE_LETTERS_MAX;
  }
}

function isDue(wallMs: number, untilMs: number): boolean {
  return untilMs > wallMs && untilMs <= wallMs + MAIL_LIFETIME_MS + MAIL_CLOCK_MS;
}
