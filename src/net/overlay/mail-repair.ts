/**
 * Keeps every mailbox at all supernodes that are to hold it: when members come or go its holders tell those that are new
 * what they hold, and from time to time one compares with another. What the other lacks it asks for; what the recipient has
 * already comes back as the recipient's signed word (`mail-order.ts`), so a holder that was away throws it away too. Who is
 * not to hold a mailbox any more gives it up once all others have it. `mail-room.ts` owns it.
 *
 *   holder MailMerge (keys, answer_wanted) --> other: MailMerge (its keys, wanted, done) --> holder: MailPut
 */

import type { Millis, Random, WallClock } from '../protocol/core.ts';
import { bytesOf, hexOf, ID_BYTES, type NodeId } from '../protocol/ids.ts';
import {
  MAIL_COMPARE_MS,
  MAIL_COMPARE_STEP,
  MAIL_KEYS_MAX,
  MAIL_PUT_BYTES_MAX,
  MAIL_SETTLE_MS,
  MAIL_STEP_MS,
  MAIL_WANTED_MS,
} from '../protocol/mail-params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { wireOf } from './kept-letter.ts';
import { type LetterKey, packKeys, unpackKeys } from './mail-order.ts';
import type { MailShelf } from './mail-shelf.ts';

export interface RepairOptions {
  readonly self: NodeId;
  readonly random: Random;
  readonly wallClock: WallClock;
  readonly shelf: MailShelf;
  readonly placesFor: (recipient: NodeId) => readonly NodeId[];
  readonly send: (to: NodeId, value: Message) => void;
}

interface Watched {
  /** Who is to hold it, as we saw it last. */
  places: readonly NodeId[];
  compareAt: Millis;
  /** Those that have all of it, while it is not ours to hold. */
  readonly agreed: Set<NodeId>;
  /** How often it was told in vain since its turn. */
  tries: number;
}

/** Words of a recipient in one message: each has a key and a signature. */
const DONE_PER_MERGE = 32;
const TRIES = 5;

export class MailRepair {
  readonly #options: RepairOptions;
  readonly #watched = new Map<NodeId, Watched>();
  readonly #wantedUntil = new Map<LetterKey, Millis>();
  /** Mailboxes that are to be looked at since members changed. */
  readonly #doubted = new Set<NodeId>();
  #stepAt: Millis = Number.POSITIVE_INFINITY;
  /** When the next mailbox is compared by turns, or before. */
  #turnAt: Millis = Number.POSITIVE_INFINITY;

  constructor(options: RepairOptions) {
    this.#options = options;
  }

  /** Something was put into this mailbox. */
  taken(now: Millis, recipient: NodeId): void {
    if (this.#watched.has(recipient)) return;
    const watched = {
      places: this.#options.placesFor(recipient),
      compareAt: this.#turn(now),
      agreed: new Set<NodeId>(),
      tries: 0,
    };
    this.#watched.set(recipient, watched);
    this.#turnAt = Math.min(this.#turnAt, watched.compareAt);
    if (!watched.places.includes(this.#options.self)) this.#doubt(now, recipient);
  }

  membersChanged(now: Millis): void {
    for (const recipient of this.#watched.keys()) this.#doubt(now, recipient);
  }

  wake(now: Millis): void {
    if (now >= this.#stepAt) {
      const some = [...this.#doubted].slice(0, MAIL_COMPARE_STEP);
      for (const recipient of some) this.#look(recipient);
      this.#stepAt = this.#doubted.size > 0 ? now + MAIL_STEP_MS : Number.POSITIVE_INFINITY;
    }
    if (now < this.#turnAt) return;
    this.#turnAt = Number.POSITIVE_INFINITY;
    for (const [recipient, watched] of this.#watched) {
      if (now >= watched.compareAt) this.#compareByTurn(now, recipient, watched);
      if (this.#watched.has(recipient)) this.#turnAt = Math.min(this.#turnAt, watched.compareAt);
    }
  }

  wakeAt(): Millis {
    return Math.min(this.#stepAt, this.#turnAt);
  }

  /** What another holder says of a mailbox. False when it makes no sense. */
  compared(now: Millis, from: NodeId, body: Body<'mailMerge'>): boolean {
    const [keys, wanted] = [unpackKeys(body.keys), unpackKeys(body.wanted)];
    if (body.recipient.length !== ID_BYTES || !keys || !wanted) return false;
    const recipient = hexOf(body.recipient);
    const { shelf, wallClock } = this.#options;
    let sound = true;
    for (const order of body.done.slice(0, DONE_PER_MERGE)) {
      sound = shelf.done(wallClock(), order as Body<'mailDone'>) && sound;
    }
    if (wanted.length > 0) {
      this.#put(from, recipient, wanted);
      this.#lookAgain(now, recipient);
    }
    if (body.answerWanted) this.#answer(now, from, recipient, keys);
    else if (keys.length > 0 || wanted.length === 0) this.#heard(now, from, recipient, keys);
    return sound;
  }

  // ------------------------------------------------------------------ telling

  /** Members have changed: those who are to hold it and were not are told what there is. */
  #look(recipient: NodeId): void {
    this.#doubted.delete(recipient);
    const watched = this.#watched.get(recipient);
    const { self, shelf, placesFor } = this.#options;
    if (!watched) return;
    if (shelf.of(recipient).length === 0) {
      this.#watched.delete(recipient);
      return;
    }
    const places = placesFor(recipient);
    const isOurs = places.includes(self);
    const fresh = places.filter((id) => id !== self && (!isOurs || !watched.places.includes(id)));
    watched.places = places;
    if (isOurs) watched.agreed.clear();
    for (const to of fresh) this.#tell(to, recipient);
  }

  #compareByTurn(now: Millis, recipient: NodeId, watched: Watched): void {
    const { self, random, shelf, placesFor } = this.#options;
    if (shelf.of(recipient).length === 0) {
      this.#watched.delete(recipient);
      return;
    }
    watched.compareAt = this.#turn(now);
    watched.tries = 0;
    const others = placesFor(recipient).filter((id) => id !== self);
    const one = others[Math.floor(random.fraction() * others.length)];
    if (others.length + 1 > placesFor(recipient).length) this.#doubt(now, recipient);
    else if (one !== undefined) this.#tell(one, recipient);
  }

  #tell(to: NodeId, recipient: NodeId): void {
    const keys = packKeys(this.#keys(recipient));
    this.#options.send(to, message('mailMerge', { recipient: bytesOf(recipient), keys, answerWanted: true }));
  }

  // ------------------------------------------------------------------ hearing

  /** Another tells what it holds: what we lack is wanted, what the recipient has is said, and what we hold is told. */
  #answer(now: Millis, from: NodeId, recipient: NodeId, keys: readonly LetterKey[]): void {
    const { shelf, send } = this.#options;
    const gone = shelf.gone(recipient, keys);
    const wanted = this.#lacking(now, recipient, keys);
    const body = { recipient: bytesOf(recipient), keys: packKeys(this.#keys(recipient)), wanted: packKeys(wanted) };
    send(from, message('mailMerge', { ...body, done: gone.orders.slice(0, DONE_PER_MERGE) }));
  }

  /** The answer to what we told. */
  #heard(now: Millis, from: NodeId, recipient: NodeId, keys: readonly LetterKey[]): void {
    const { self, shelf, send } = this.#options;
    const wanted = this.#lacking(now, recipient, keys);
    if (wanted.length > 0) {
      send(from, message('mailMerge', { recipient: bytesOf(recipient), wanted: packKeys(wanted) }));
    }
    const watched = this.#watched.get(recipient);
    if (!watched || watched.places.includes(self)) return;
    const theirs = new Set(keys);
    if (this.#keys(recipient).every((key) => theirs.has(key))) watched.agreed.add(from);
    else this.#lookAgain(now, recipient);
    if (!watched.places.every((id) => watched.agreed.has(id))) return;
    shelf.giveUp(recipient);
    this.#watched.delete(recipient);
  }

  /** Of these, what is ours to hold and not here, nor with the recipient, nor asked for a moment ago. */
  #lacking(now: Millis, recipient: NodeId, keys: readonly LetterKey[]): LetterKey[] {
    const { self, shelf, placesFor } = this.#options;
    if (keys.length === 0 || !placesFor(recipient).includes(self)) return [];
    const gone = new Set(shelf.gone(recipient, keys).keys);
    const wanted = keys.filter(
      (key) => !gone.has(key) && !shelf.get(recipient, key) && now >= (this.#wantedUntil.get(key) ?? 0),
    );
    if (this.#wantedUntil.size > MAIL_KEYS_MAX) this.#wantedUntil.clear();
    for (const key of wanted) this.#wantedUntil.set(key, now + MAIL_WANTED_MS);
    return wanted;
  }

  #put(to: NodeId, recipient: NodeId, keys: readonly LetterKey[]): void {
    const { shelf, send } = this.#options;
    let letters: ReturnType<typeof wireOf>[] = [];
    let bytes = 0;
    for (const key of keys) {
      const letter = shelf.get(recipient, key);
      if (!letter) continue;
      if (bytes + letter.sealed.length > MAIL_PUT_BYTES_MAX && letters.length > 0) {
        send(to, message('mailPut', { letters }));
        [letters, bytes] = [[], 0];
      }
      letters.push(wireOf(letter));
      bytes += letter.sealed.length;
    }
    if (letters.length > 0) send(to, message('mailPut', { letters }));
  }

  #keys(recipient: NodeId): LetterKey[] {
    const letters = this.#options.shelf.of(recipient);
    return letters.slice(0, MAIL_KEYS_MAX).map(({ key }) => key);
  }

  #doubt(now: Millis, recipient: NodeId): void {
    this.#doubted.add(recipient);
    // Some time for others to see the same members, and not all at once.
    const { random } = this.#options;
    if (this.#stepAt === Number.POSITIVE_INFINITY)
      this.#stepAt = now + MAIL_SETTLE_MS * (0.7 + 0.6 * random.fraction());
  }

  /** Whether others have by now what is not ours to hold; some may have no room, so not for ever. */
  #lookAgain(now: Millis, recipient: NodeId): void {
    const watched = this.#watched.get(recipient);
    if (!watched || watched.places.includes(this.#options.self) || watched.tries >= TRIES) return;
    watched.tries += 1;
    this.#doubt(now, recipient);
  }

  #turn(now: Millis): Millis {
    return now + MAIL_COMPARE_MS * (0.5 + this.#options.random.fraction());
  }
}
