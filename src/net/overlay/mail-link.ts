/**
 * A client's dialogue with its supernode about letters: deposits and their answers, collecting page by page when it
 * attaches and now and then, and the signed word on what it has (`mail-order.ts`). What is in the letters is not seen here;
 * the other half is `mail-room.ts`.
 *
 *   deposit --MailDeposit--> MailKept | Failure --> kept | failed        attached --MailCollect--> MailBatch --> letters
 *   done (the letter is stored) --gathered--> MailDone
 */

import type { Millis, Random, WallClock } from '../protocol/core.ts';
import { type FailureCode, isFailureCode } from '../protocol/failures.ts';
import { bytesOf, type NodeId } from '../protocol/ids.ts';
import {
  MAIL_ANSWER_MS,
  MAIL_COLLECT_FIRST_MS,
  MAIL_COLLECT_MS,
  MAIL_COLLECT_RETRY_MS,
  MAIL_COLLECT_SOON_MS,
  MAIL_DONE_GATHER_MS,
  MAIL_KEYS_MAX,
  MAIL_PAGE_LETTERS,
} from '../protocol/mail-params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { type KeptLetter, keptOf } from './kept-letter.ts';
import { placeBytes } from './mail-collection.ts';
import { type LetterKey, letterKey, type OrderSigner, signCollect, signDone } from './mail-order.ts';

/** Numbers of our requests lie here, so that no answer to another room's question is taken for ours. */
const REQUEST_IDS_FROM = 2 ** 30;
const REQUEST_IDS_TO = 2 ** 31;

export type MailLinkOutput =
  /** Reliably, to our first supernode. */
  | { readonly type: 'send'; readonly message: Message }
  | { readonly type: 'kept'; readonly letter: string; readonly copies: number; readonly untilMs: number }
  | { readonly type: 'failed'; readonly letter: string; readonly code: FailureCode; readonly retryAfterMs: number }
  /** In the order in which they were written. Say `done` of each that is needed no more. */
  | { readonly type: 'letters'; readonly letters: readonly KeptLetter[] };

export class MailLink {
  readonly #wallClock: WallClock;
  readonly #random: Random;
  #signer: OrderSigner | undefined;
  #attached = false;
  #requestId = REQUEST_IDS_FROM;
  /** By request, the oldest first. */
  readonly #deposits = new Map<number, { readonly letter: string; readonly until: Millis }>();
  #collecting: { readonly requestId: number; readonly until: Millis } | undefined;
  #collectAt: Millis = Number.POSITIVE_INFINITY;
  #after: Buffer = Buffer.alloc(0);
  #isFirst = true;
  readonly #done = new Set<LetterKey>();
  #doneAt: Millis = Number.POSITIVE_INFINITY;
  #out: MailLinkOutput[] = [];

  constructor(options: { readonly wallClock: WallClock; readonly random: Random }) {
    this.#wallClock = options.wallClock;
    this.#random = options.random;
  }

  /** Signed in, or out. */
  setSigner(signer: OrderSigner | undefined): void {
    this.#signer = signer;
    if (!signer) this.#done.clear();
  }

  attached(now: Millis): void {
    this.#attached = true;
    this.#isFirst = true;
    this.#collecting = undefined;
    this.#after = Buffer.alloc(0);
    // What is urgent at this moment goes first; and of many who come at once not all ask at once.
    this.#collectAt = now + MAIL_COLLECT_FIRST_MS * (0.7 + 0.6 * this.#random.fraction());
    if (this.#done.size > 0) this.#doneAt = now + MAIL_DONE_GATHER_MS;
  }

  detached(): void {
    this.#attached = false;
    this.#collecting = undefined;
    this.#collectAt = Number.POSITIVE_INFINITY;
    for (const { letter } of this.#deposits.values()) this.#failed(letter, 'unreachable-network', 0);
    this.#deposits.clear();
  }

  /** There may be something that can be read now. */
  collectSoon(now: Millis): void {
    if (this.#attached && !this.#collecting) this.#collectAt = now;
  }

  /** `letter`: our name for it, told with the outcome. */
  deposit(now: Millis, letter: Pick<KeptLetter, 'recipient' | 'id' | 'atMs' | 'sealed'>): void {
    const { recipient, id, atMs, sealed } = letter;
    if (!this.#attached) return this.#failed(id, 'unreachable-network', 0);
    const requestId = this.#number();
    this.#deposits.set(requestId, { letter: id, until: now + MAIL_ANSWER_MS });
    const body = { recipient: bytesOf(recipient), id: bytesOf(id), atMs, sealed };
    this.#send(message('mailDeposit', { requestId, letter: body as never }));
  }

  /** This letter is needed no more. */
  done(now: Millis, sender: NodeId, id: string): void {
    this.#done.add(letterKey(sender, id));
    if (this.#attached) this.#doneAt = Math.min(this.#doneAt, now + MAIL_DONE_GATHER_MS);
  }

  /** A message of our first supernode. True when it answers a question of ours. */
  receive(now: Millis, value: Message): boolean {
    if (value.kind === 'mailKept') this.#kept(value.body);
    else if (value.kind === 'mailBatch') this.#batch(now, value.body);
    else if (value.kind === 'failure' && isOurs(value.body.requestId)) this.#refused(now, value.body);
    else return false;
    return true;
  }

  wake(now: Millis): void {
    for (const [id, { letter, until }] of this.#deposits) {
      if (now < until) break;
      this.#deposits.delete(id);
      this.#failed(letter, 'timed-out', 0);
    }
    if (this.#collecting && now >= this.#collecting.until) this.#collectAgain(now, MAIL_COLLECT_RETRY_MS);
    if (now >= this.#collectAt) this.#collect(now);
    if (now >= this.#doneAt) this.#sayDone();
  }

  wakeAt(): Millis {
    const [oldest] = this.#deposits.values();
    const until = Math.min(
      oldest?.until ?? Number.POSITIVE_INFINITY,
      this.#collecting?.until ?? Number.POSITIVE_INFINITY,
    );
    return Math.min(until, this.#collectAt, this.#doneAt);
  }

  drain(): MailLinkOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #kept({ requestId, copies, untilMs }: Body<'mailKept'>): void {
    const deposit = this.#deposits.get(requestId);
    this.#deposits.delete(requestId);
    if (deposit) this.#out.push({ type: 'kept', letter: deposit.letter, copies, untilMs });
  }

  #refused(now: Millis, { requestId, code, retryAfterMs }: Body<'failure'>): void {
    const deposit = this.#deposits.get(requestId);
    this.#deposits.delete(requestId);
    if (deposit) this.#failed(deposit.letter, isFailureCode(code) ? code : 'server-fault', retryAfterMs);
    else if (this.#collecting?.requestId === requestId) {
      this.#collectAgain(now, Math.max(MAIL_COLLECT_RETRY_MS, Math.min(retryAfterMs, MAIL_COLLECT_MS)));
    }
  }

  #collect(now: Millis): void {
    this.#collectAt = Number.POSITIVE_INFINITY;
    if (!this.#signer || !this.#attached) return;
    const requestId = this.#number();
    this.#collecting = { requestId, until: now + MAIL_ANSWER_MS };
    // Our key is left out: the supernode has it of the handshake.
    const { atMs, signature } = signCollect(this.#signer, Math.floor(this.#wallClock()));
    this.#send(message('mailCollect', { requestId, after: this.#after, atMs, signature }));
  }

  #batch(now: Millis, { requestId, letters, more, incomplete }: Body<'mailBatch'>): void {
    if (this.#collecting?.requestId !== requestId || !this.#signer) return;
    this.#collecting = undefined;
    const own = this.#signer.nodeId;
    const read = letters.slice(0, MAIL_PAGE_LETTERS).flatMap((letter) => keptOf(letter) ?? []);
    const ours = read.filter(({ recipient }) => recipient === own);
    if (ours.length > 0) this.#out.push({ type: 'letters', letters: ours });
    const last = read.at(-1);
    if (more && last) {
      this.#after = placeBytes(last.atMs, letterKey(last.sender, last.id));
      this.#collectAt = now;
    } else this.#collectAgain(now, incomplete ? MAIL_COLLECT_RETRY_MS : this.#pauseMs());
  }

  #collectAgain(now: Millis, pauseMs: Millis): void {
    this.#collecting = undefined;
    this.#after = Buffer.alloc(0);
    this.#collectAt = this.#attached ? now + pauseMs : Number.POSITIVE_INFINITY;
  }

  #pauseMs(): Millis {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    return (isFirst ? MAIL_COLLECT_SOON_MS : MAIL_COLLECT_MS) * (0.8 + 0.4 * this.#random.fraction());
  }

  #sayDone(): void {
    this.#doneAt = Number.POSITIVE_INFINITY;
    if (!this.#signer || !this.#attached) return;
    const keys = [...this.#done];
    for (let at = 0; at < keys.length; at += MAIL_KEYS_MAX) {
      const some = keys.slice(at, at + MAIL_KEYS_MAX);
      const { publicKey: _known, ...order } = signDone(this.#signer, Math.floor(this.#wallClock()), some);
      this.#send(message('mailDone', order));
    }
    this.#done.clear();
  }

  #failed(letter: string, code: FailureCode, retryAfterMs: number): void {
    this.#out.push({ type: 'failed', letter, code, retryAfterMs });
  }

  #number(): number {
    this.#requestId = this.#requestId + 1 < REQUEST_IDS_TO ? this.#requestId + 1 : REQUEST_IDS_FROM;
    return this.#requestId;
  }

  #send(value: Message): void {
    this.#out.push({ type: 'send', message: value });
  }
}

function isOurs(requestId: number): boolean {
  return requestId >= REQUEST_IDS_FROM && requestId < REQUEST_IDS_TO;
}
