/**
 * Letters to sleepers, a supernode's side of PROTOCOL.md 9.16: it takes letters from its clients to the supernodes that
 * are to hold them, holds those that are its to hold (`mail-shelf.ts`), and brings a client what the others hold for it.
 * The comparing of holders is in `mail-repair.ts`. No I/O, no sessions: messages come with the session of a client, or the
 * id of a supernode, and go out the same way.
 *
 *   client MailDeposit --> MailPut to 12 --> MailTaken --> MailKept            too few, or no room: Failure
 *   client MailCollect --> MailAsk to 16 --> MailList --> MailAsk (keys) of one holder each --> MailBatch
 *   client MailDone    --> shelf, and MailDone to 16: thrown away, and not taken again
 *
 * Everything is bounded: the rate of an account, open questions, and the shelf itself.
 */

import type { Millis, Random, WallClock } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { bytesOf, foldName, hexOf, ID_BYTES, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  LETTER_SIZES,
  MAIL_ASKED,
  MAIL_CLOCK_MS,
  MAIL_COLLECT_BURST,
  MAIL_COLLECT_REFILL_MS,
  MAIL_COLLECTIONS_MAX,
  MAIL_DEPOSIT_BURST,
  MAIL_DEPOSIT_REFILL_MS,
  MAIL_DEPOSITS_MAX,
  MAIL_KEPT_AT,
  MAIL_KEPT_GRACE_MS,
  MAIL_KEYS_MAX,
  MAIL_LIFETIME_MS,
  MAIL_PAGE_LETTERS,
  MAIL_PUT_MS,
  MAIL_REPLICAS,
} from '../protocol/mail-params.ts';
import { RateLimit } from '../protocol/rate-limit.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { type KeptLetter, keptOf, type WireLetter, wireOf } from './kept-letter.ts';
import { MailCollection, PLACE_BYTES } from './mail-collection.ts';
import { type CollectOrder, readCollect, readDone, unpackKeys } from './mail-order.ts';
import { placesOf } from './mail-places.ts';
import { MailRepair } from './mail-repair.ts';
import { MailShelf } from './mail-shelf.ts';

export interface MailClient {
  readonly session: number;
  readonly node: NodeId;
  readonly name: UserName;
  /** Of its certificate (SPKI, DER): it leaves it out of its orders, for we have it. Undefined: we do not. */
  readonly publicKey?: Buffer | undefined;
}

export type MailRoomOutput =
  | { readonly type: 'to-client'; readonly session: number; readonly message: Message }
  | { readonly type: 'to-supernode'; readonly to: NodeId; readonly message: Message };

export interface MailRoomOptions {
  readonly self: NodeId;
  readonly random: Random;
  readonly wallClock: WallClock;
  /** The other supernodes that live. */
  readonly others: () => readonly NodeId[];
}

interface Deposit {
  readonly session: number;
  readonly requestId: number;
  readonly untilMs: number;
  readonly waitFor: Set<NodeId>;
  readonly enough: number;
  held: number;
  full: boolean;
  /** When enough have it. */
  answerAt: Millis;
  readonly giveUpAt: Millis;
}

const SWEEP_MS = 60_000;

/** Is it what a client says to this room? */
export function isOfMail({ kind }: Message): boolean {
  return kind === 'mailDeposit' || kind === 'mailCollect' || kind === 'mailDone';
}

export class MailRoom {
  readonly #options: MailRoomOptions;
  readonly shelf = new MailShelf();
  readonly #repair: MailRepair;
  readonly #deposits = new Map<number, Deposit>();
  readonly #collections = new Map<number, MailCollection>();
  readonly #depositRate = new RateLimit(MAIL_DEPOSIT_BURST, MAIL_DEPOSIT_REFILL_MS);
  readonly #collectRate = new RateLimit(MAIL_COLLECT_BURST, MAIL_COLLECT_REFILL_MS);
  #requestId = 0;
  #sweepAt: Millis = Number.POSITIVE_INFINITY;
  /** Words of no sense, or of nobody who may say them. Only rises. */
  refused = 0;
  #out: MailRoomOutput[] = [];

  constructor(options: MailRoomOptions) {
    this.#options = options;
    const { self, random, wallClock } = options;
    const placesFor = (recipient: NodeId) => this.#places(recipient, MAIL_REPLICAS);
    const send = (to: NodeId, value: Message) => this.#toSupernode(to, value);
    this.#repair = new MailRepair({ self, random, wallClock, shelf: this.shelf, placesFor, send });
  }

  /** A message of an attached client. True when it was ours. */
  fromClient(now: Millis, client: MailClient, value: Message): boolean {
    if (value.kind === 'mailDeposit') this.#deposit(now, client, value.body);
    else if (value.kind === 'mailCollect') this.#collect(now, client, value.body);
    else if (value.kind === 'mailDone') this.#done(now, client, value.body);
    else return false;
    this.#settle(now);
    return true;
  }

  /** A message of a certified supernode. True when it was ours. */
  fromSupernode(now: Millis, from: NodeId, value: Message): boolean {
    switch (value.kind) {
      case 'mailPut':
        this.#put(now, from, value.body);
        break;
      case 'mailTaken':
        this.#taken(now, from, value.body);
        break;
      case 'mailAsk':
        this.#asked(from, value.body);
        break;
      case 'mailList':
        this.#collections.get(value.body.requestId)?.listed(now, from, value.body);
        break;
      case 'mailDone':
        if (!this.shelf.done(this.#options.wallClock(), value.body)) this.refused += 1;
        break;
      case 'mailMerge':
        if (!this.#repair.compared(now, from, value.body)) this.refused += 1;
        break;
      default:
        return false;
    }
    this.#settle(now);
    return true;
  }

  /** Others live than before: mailboxes may be others' to hold. */
  membersChanged(now: Millis): void {
    this.#repair.membersChanged(now);
  }

  /** A client is gone: nobody waits for its answers. */
  sessionClosed(session: number): void {
    for (const [id, one] of this.#deposits) if (one.session === session) this.#deposits.delete(id);
    for (const [id, one] of this.#collections) if (one.session === session) this.#collections.delete(id);
  }

  wake(now: Millis): void {
    for (const [id, deposit] of this.#deposits) {
      if (now >= deposit.answerAt || now >= deposit.giveUpAt) this.#answerDeposit(id, deposit);
    }
    for (const one of this.#collections.values()) one.wake(now);
    if (now >= this.#sweepAt) {
      this.shelf.sweep(this.#options.wallClock());
      this.#sweepAt = now + SWEEP_MS;
    }
    this.#repair.wake(now);
    this.#settle(now);
  }

  wakeAt(): Millis {
    let at = Math.min(this.#sweepAt, this.#repair.wakeAt());
    for (const { answerAt, giveUpAt } of this.#deposits.values()) at = Math.min(at, answerAt, giveUpAt);
    for (const one of this.#collections.values()) at = Math.min(at, one.wakeAt());
    return at;
  }

  drain(): MailRoomOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  // ------------------------------------------------------------------ letters that are brought

  #deposit(now: Millis, client: MailClient, { requestId, letter }: Body<'mailDeposit'>): void {
    const wallMs = this.#options.wallClock();
    const kept = letter && this.#fresh(wallMs, client, letter);
    if (!kept) return this.#refuse(client, requestId, 'request-malformed');
    const waitMs = this.#depositRate.take(now, foldName(client.name));
    if (waitMs > 0) return this.#refuse(client, requestId, 'busy', waitMs);
    if (this.#deposits.size >= MAIL_DEPOSITS_MAX) return this.#refuse(client, requestId, 'busy', MAIL_PUT_MS);
    const places = this.#places(kept.recipient, MAIL_REPLICAS);
    const { self } = this.#options;
    const deposit: Deposit = {
      ...{ session: client.session, requestId, untilMs: kept.untilMs },
      waitFor: new Set(places.filter((id) => id !== self)),
      enough: Math.min(MAIL_KEPT_AT, places.length),
      held: 0,
      full: false,
      answerAt: Number.POSITIVE_INFINITY,
      giveUpAt: now + MAIL_PUT_MS,
    };
    const id = this.#number();
    this.#deposits.set(id, deposit);
    if (places.includes(self)) this.#count(deposit, this.#keep(now, kept, self));
    const put = message('mailPut', { requestId: id, letters: [wireOf(kept)] });
    for (const to of deposit.waitFor) this.#toSupernode(to, put);
    this.#look(now, id, deposit);
  }

  /** As it is kept from now on; undefined for what no honest client sends. */
  #fresh(wallMs: number, client: MailClient, letter: WireLetter): KeptLetter | undefined {
    const { recipient, id, atMs, sealed } = letter;
    if (recipient?.length !== ID_BYTES || id?.length !== ID_BYTES || !sealed || atMs == null) return undefined;
    if (!LETTER_SIZES.includes(sealed.length) || Math.abs(atMs - wallMs) > MAIL_CLOCK_MS) return undefined;
    return {
      recipient: hexOf(recipient),
      sender: client.node,
      senderName: client.name,
      id: hexOf(id),
      atMs,
      untilMs: wallMs + MAIL_LIFETIME_MS,
      sealed: Buffer.from(sealed),
    };
  }

  #taken(now: Millis, from: NodeId, { requestId, code }: Body<'mailTaken'>): void {
    const deposit = this.#deposits.get(requestId);
    if (!deposit?.waitFor.delete(from)) return;
    this.#count(deposit, code);
    this.#look(now, requestId, deposit);
  }

  #count(deposit: Deposit, code: string): void {
    if (code === '') deposit.held += 1;
    else if (code === 'mailbox-full') deposit.full = true;
  }

  #look(now: Millis, id: number, deposit: Deposit): void {
    if (deposit.waitFor.size === 0) return this.#answerDeposit(id, deposit);
    if (deposit.held >= deposit.enough) deposit.answerAt = Math.min(deposit.answerAt, now + MAIL_KEPT_GRACE_MS);
  }

  #answerDeposit(id: number, { session, requestId, held, enough, full, untilMs }: Deposit): void {
    this.#deposits.delete(id);
    if (held >= enough) this.#toClient(session, message('mailKept', { requestId, copies: held, untilMs }));
    else if (full) this.#fail(session, requestId, 'mailbox-full', 0);
    else this.#fail(session, requestId, 'busy', MAIL_PUT_MS);
  }

  #put(now: Millis, from: NodeId, { requestId, letters }: Body<'mailPut'>): void {
    let code = '';
    for (const letter of letters.slice(0, MAIL_KEYS_MAX)) {
      const kept = keptOf(letter);
      const said = kept ? this.#keep(now, kept, from) : 'request-malformed';
      if (said !== '') code = said;
      if (said === 'request-malformed') this.refused += 1;
    }
    if (requestId !== 0) this.#toSupernode(from, message('mailTaken', { requestId, code }));
  }

  /** Empty when the letter is in safety, here or with its recipient. */
  #keep(now: Millis, letter: KeptLetter, by: NodeId): string {
    const said = this.shelf.put(this.#options.wallClock(), letter, by);
    if (this.#sweepAt === Number.POSITIVE_INFINITY) this.#sweepAt = now + SWEEP_MS;
    if (said === 'taken') this.#repair.taken(now, letter.recipient);
    return said === 'mailbox-full' || said === 'request-malformed' ? said : '';
  }

  // ------------------------------------------------------------------ letters that are collected

  #collect(now: Millis, client: MailClient, said: Body<'mailCollect'>): void {
    const { requestId, atMs, signature, after } = said;
    const body = { requestId, publicKey: keyOf(client, said.publicKey), atMs, signature, after };
    const isOwn = this.#isCurrent(body) && readCollect(body) === client.node;
    if (!isOwn || (body.after.length !== 0 && body.after.length !== PLACE_BYTES))
      return this.#refuse(client, requestId, 'not-allowed');
    const waitMs = this.#collectRate.take(now, client.node);
    if (waitMs > 0) return this.#refuse(client, requestId, 'busy', waitMs);
    for (const [id, one] of this.#collections) if (one.session === client.session) this.#collections.delete(id);
    if (this.#collections.size >= MAIL_COLLECTIONS_MAX) return this.#refuse(client, requestId, 'busy', MAIL_PUT_MS);
    const id = this.#number();
    const { self } = this.#options;
    const asked = this.#places(client.node, MAIL_ASKED).filter((one) => one !== self);
    const ask = (to: NodeId, keys: Buffer) =>
      this.#toSupernode(to, message('mailAsk', { requestId: id, order: body, keys }));
    const { session, node } = client;
    const one = new MailCollection({ session, requestId, node, after: body.after, shelf: this.shelf, asked, ask });
    this.#collections.set(id, one);
    one.begin(now);
  }

  #asked(from: NodeId, { requestId, order, keys }: Body<'mailAsk'>): void {
    const node = order && this.#isCurrent(order as CollectOrder) ? readCollect(order as CollectOrder) : undefined;
    const wanted = unpackKeys(keys);
    if (node === undefined || !wanted) {
      this.refused += 1;
      return;
    }
    if (wanted.length > 0) {
      const letters = wanted.slice(0, MAIL_PAGE_LETTERS).flatMap((key) => this.shelf.get(node, key) ?? []);
      return this.#toSupernode(from, message('mailList', { requestId, letters: letters.map(wireOf) }));
    }
    const held = this.shelf.of(node).slice(0, MAIL_KEYS_MAX);
    const items = held.map(({ key, atMs, sealed }) => ({ key: bytesOf(key), atMs, bytes: sealed.length }));
    this.#toSupernode(from, message('mailList', { requestId, items }));
  }

  #isCurrent({ atMs }: CollectOrder): boolean {
    return Math.abs(atMs - this.#options.wallClock()) <= MAIL_CLOCK_MS;
  }

  #done(now: Millis, client: MailClient, said: Body<'mailDone'>): void {
    const { atMs, keys, signature } = said;
    const order = { publicKey: keyOf(client, said.publicKey), atMs, keys, signature };
    if (this.#collectRate.take(now, `done ${client.node}`) > 0 || readDone(order)?.node !== client.node) {
      this.refused += 1;
      return;
    }
    const { self, wallClock } = this.#options;
    this.shelf.done(wallClock(), order);
    if (this.#sweepAt === Number.POSITIVE_INFINITY) this.#sweepAt = now + SWEEP_MS;
    for (const to of this.#places(client.node, MAIL_ASKED)) {
      if (to !== self) this.#toSupernode(to, message('mailDone', order));
    }
  }

  // ------------------------------------------------------------------ saying

  #settle(now: Millis): void {
    for (const [id, one] of this.#collections) {
      const batch = one.result(now);
      if (!batch) continue;
      this.#collections.delete(id);
      const letters = batch.letters.map(wireOf);
      const { requestId, session } = one;
      const rest = { more: batch.more, incomplete: batch.incomplete };
      this.#toClient(session, message('mailBatch', { requestId, letters, ...rest }));
    }
  }

  #places(recipient: NodeId, count: number): NodeId[] {
    const { self, others } = this.#options;
    return placesOf(recipient, [self, ...others()], count);
  }

  #number(): number {
    this.#requestId = (this.#requestId + 1) >>> 0 || 1;
    return this.#requestId;
  }

  #refuse({ session }: MailClient, requestId: number, code: FailureCode, retryAfterMs = 0): void {
    if (code === 'request-malformed' || code === 'not-allowed') this.refused += 1;
    this.#fail(session, requestId, code, retryAfterMs);
  }

  #fail(session: number, requestId: number, code: FailureCode, retryAfterMs: number): void {
    this.#toClient(session, message('failure', { requestId, code, retryAfterMs }));
  }

  #toClient(session: number, value: Message): void {
    this.#out.push({ type: 'to-client', session, message: value });
  }

  #toSupernode(to: NodeId, value: Message): void {
    this.#out.push({ type: 'to-supernode', to, message: value });
  }
}

/** The key that an order is signed with: other supernodes need to be told. */
function keyOf({ publicKey }: MailClient, said: Uint8Array): Uint8Array {
  return said.length === 0 && publicKey ? publicKey : said;
}
