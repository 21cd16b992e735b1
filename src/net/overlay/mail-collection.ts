/**
 * One client's question for its letters, at its supernode: all holders say what they hold, then each letter of the page is
 * had from one of them, and from another when that one is silent. Letters are told by time, and those of one sender in the
 * order in which they were written, whoever held them. `mail-room.ts` owns one for each open question.
 *
 *   listing --(all have answered, or MAIL_LIST_MS)--> fetching --(all there, or nobody left)--> result
 */

import type { Millis } from '../protocol/core.ts';
import { bytesOf, hexOf, type NodeId } from '../protocol/ids.ts';
import {
  MAIL_GET_MS,
  MAIL_KEYS_MAX,
  MAIL_LIST_MS,
  MAIL_PAGE_BYTES,
  MAIL_PAGE_LETTERS,
} from '../protocol/mail-params.ts';
import type { Body } from '../wire/messages.ts';
import { type KeptLetter, keptOf } from './kept-letter.ts';
import { LETTER_KEY_BYTES, type LetterKey, packKeys } from './mail-order.ts';
import type { MailShelf } from './mail-shelf.ts';

interface Item {
  readonly key: LetterKey;
  readonly atMs: number;
  readonly bytes: number;
  /** Who could be asked for it. */
  readonly holders: NodeId[];
}

/** A page begins behind such a place: time (8), key (32). */
export const PLACE_BYTES = 8 + LETTER_KEY_BYTES;

export interface CollectionOptions {
  readonly session: number;
  readonly requestId: number;
  readonly node: NodeId;
  /** Where the page before ended. */
  readonly after: Uint8Array;
  readonly shelf: MailShelf;
  /** Other supernodes that may hold something. */
  readonly asked: readonly NodeId[];
  readonly ask: (to: NodeId, keys: Buffer) => void;
}

export interface MailPage {
  readonly letters: readonly KeptLetter[];
  readonly more: boolean;
  readonly incomplete: boolean;
}

export class MailCollection {
  readonly #options: CollectionOptions;
  readonly #items = new Map<LetterKey, Item>();
  readonly #silent: Set<NodeId>;
  #page: readonly Item[] | undefined;
  readonly #letters = new Map<LetterKey, KeptLetter>();
  /** Letters that are under way, by whom they were asked of. */
  readonly #wanted = new Map<NodeId, Set<LetterKey>>();
  #more = false;
  #incomplete = false;
  #until: Millis = 0;

  constructor(options: CollectionOptions) {
    this.#options = options;
    this.#silent = new Set(options.asked);
  }

  get session(): number {
    return this.#options.session;
  }

  get requestId(): number {
    return this.#options.requestId;
  }

  begin(now: Millis): void {
    const { shelf, node, asked, ask } = this.#options;
    for (const { key, atMs, sealed } of shelf.of(node)) {
      this.#items.set(key, { key, atMs, bytes: sealed.length, holders: [] });
    }
    this.#until = now + MAIL_LIST_MS;
    for (const to of asked) ask(to, Buffer.alloc(0));
    if (asked.length === 0) this.#turn(now);
  }

  /** What a holder says. */
  listed(now: Millis, from: NodeId, body: Body<'mailList'>): void {
    if (this.#page) return this.#given(now, from, body);
    if (!this.#silent.delete(from)) return;
    for (const item of body.items.slice(0, MAIL_KEYS_MAX)) {
      if (item.key?.length !== LETTER_KEY_BYTES) continue;
      const key = hexOf(item.key);
      const known = this.#items.get(key) ?? { key, atMs: item.atMs ?? 0, bytes: item.bytes ?? 0, holders: [] };
      known.holders.push(from);
      this.#items.set(key, known);
    }
    if (this.#silent.size === 0) this.#turn(now);
  }

  wake(now: Millis): void {
    if (now < this.#until) return;
    if (!this.#page) return this.#turn(now);
    // Who is silent is not asked again.
    const late = [...this.#wanted.values()].flatMap((keys) => [...keys]);
    this.#wanted.clear();
    this.#fetch(now, late);
  }

  wakeAt(): Millis {
    return this.#until;
  }

  /** Once it is known. */
  result(_now: Millis): MailPage | undefined {
    if (!this.#page || this.#wanted.size > 0) return undefined;
    const letters = this.#page.flatMap(({ key }) => this.#letters.get(key) ?? []);
    const lacking = letters.length < this.#page.length;
    return { letters, more: this.#more, incomplete: this.#incomplete || lacking };
  }

  /** All that could be heard of is known: now for the letters. */
  #turn(now: Millis): void {
    const { shelf, node } = this.#options;
    const after = hexOf(this.#options.after);
    const all = [...this.#items.values()]
      .filter((item) => placeOf(item) > after && shelf.gone(node, [item.key]).keys.length === 0)
      .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
    let bytes = 0;
    const fits = all.findIndex((item, index) => {
      bytes += item.bytes;
      return index >= MAIL_PAGE_LETTERS || (index > 0 && bytes > MAIL_PAGE_BYTES);
    });
    this.#page = fits < 0 ? all : all.slice(0, fits);
    this.#more = fits >= 0;
    this.#incomplete = this.#silent.size > 0;
    this.#fetch(
      now,
      this.#page.map(({ key }) => key),
    );
  }

  #fetch(now: Millis, keys: readonly LetterKey[]): void {
    const { shelf, node, ask } = this.#options;
    const asks = new Map<NodeId, LetterKey[]>();
    for (const key of keys) {
      const own = shelf.get(node, key);
      if (own) this.#letters.set(key, own);
      const holder = own ? undefined : this.#items.get(key)?.holders.shift();
      if (holder !== undefined) asks.set(holder, [...(asks.get(holder) ?? []), key]);
    }
    this.#until = asks.size > 0 ? now + MAIL_GET_MS : Number.POSITIVE_INFINITY;
    for (const [holder, some] of asks) {
      this.#wanted.set(holder, new Set(some));
      ask(holder, packKeys(some));
    }
  }

  #given(now: Millis, from: NodeId, { letters }: Body<'mailList'>): void {
    const wanted = this.#wanted.get(from);
    // A list that comes late.
    if (!wanted || (letters.length === 0 && wanted.size === 0)) return;
    this.#wanted.delete(from);
    for (const wire of letters.slice(0, MAIL_PAGE_LETTERS)) {
      const letter = keptOf(wire);
      const key = letter && letter.sender + letter.id;
      if (!key || letter.recipient !== this.#options.node || !wanted.delete(key)) continue;
      this.#letters.set(key, letter);
    }
    // It had them, and has them no more.
    if (wanted.size > 0) this.#fetch(now, [...wanted]);
    else if (this.#wanted.size === 0) this.#until = Number.POSITIVE_INFINITY;
  }
}

/** Letters stand in this order, and a page begins behind such a place: time and key, as hex digits. */
function placeOf({ atMs, key }: Item): string {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(Math.max(0, Math.floor(atMs))));
  return hexOf(time) + key;
}

/** The place of a letter, as a client says it. */
export function placeBytes(atMs: number, key: LetterKey): Buffer {
  return bytesOf(placeOf({ atMs, key, bytes: 0, holders: [] }));
}
