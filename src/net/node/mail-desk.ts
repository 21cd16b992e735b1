/**
 * A person's letters: it introduces those who know what is to be written to whom (`chat/letters.ts`), how a letter is
 * sealed (`transport/letter.ts`) and who keeps it (`overlay/mail-link.ts`), and opens what comes. `ordinary-node.ts` owns
 * it while somebody is signed in.
 *
 *   letters `letter` -> seal -> mail link -> supernode        mail link `letters` -> open -> `opened` -> people
 *   people say that it is stored, or nothing to keep -> `done` -> mail link
 */

import { createPublicKey, type KeyObject } from 'node:crypto';
import { Letters, type LettersOutput, type Posted } from '../chat/letters.ts';
import { spkiOf } from '../login/credential.ts';
import type { MailKeyWord } from '../overlay/index-record.ts';
import type { KeptLetter } from '../overlay/kept-letter.ts';
import { MailLink, type MailLinkOutput } from '../overlay/mail-link.ts';
import type { Millis, Random, WallClock } from '../protocol/core.ts';
import { foldName, type NodeId, type UserName } from '../protocol/ids.ts';
import { MAIL_CLOCK_MS, MAIL_LIFETIME_MS, MAIL_OPEN_MAX } from '../protocol/mail-params.ts';
import { type EphemeralKey, ephemeralKey } from '../transport/keys.ts';
import { openLetter, sealLetter } from '../transport/letter.ts';
import type { Judgement } from '../transport/trust.ts';
import { decodeMessage, encodeMessage, type Message } from '../wire/messages.ts';
import type { PeerInput } from '../wire/peers.ts';
import { MailCards } from './mail-cards.ts';

/** One device of a person, as the person's account signed it. */
export interface MailDevice {
  readonly nodeId: NodeId;
  /** X25519, 32 bytes. */
  readonly mailKey: Uint8Array;
  /** Since when, by its wall clock, ms. */
  readonly mailKeyAtMs?: number;
}

export interface MailIdentity {
  readonly name: UserName;
  readonly nodeId: NodeId;
  readonly privateKey: KeyObject;
  readonly certificateDer: Buffer;
  /** X25519 private keys, 32 bytes each: the one in our device list, and those that it replaced (MAIL_KEY_KEPT_MS). */
  readonly mailSeeds: readonly Buffer[];
  /** Since when the first of them is told; wall clock, ms. */
  readonly mailSinceMs: number;
}

export interface MailDeskOptions {
  readonly random: Random;
  readonly wallClock: WallClock;
  /** Good for certificates that ended while a letter lay. */
  readonly judge: (certificateDer: Uint8Array) => Judgement;
  /** As the account signed it; undefined: no list is known. */
  readonly devicesOf: (name: UserName) => readonly MailDevice[] | undefined;
  /** May this node speak for that person? `unlisted`: perhaps, when we hear of their newest list. */
  readonly standing: (name: UserName, node: NodeId) => 'listed' | 'unlisted' | 'revoked';
}

export type MailDeskOutput =
  | { readonly type: 'to-supernode'; readonly message: Message }
  /** Hand it to the people, and say `opened` what they made of it. */
  | {
      readonly type: 'opened';
      readonly letter: OpenLetter;
      readonly from: UserName;
      readonly node: NodeId;
      readonly message: Message;
    }
  /** The index is to be asked for mail keys of this person; `cardsTold` brings the answer. */
  | { readonly type: 'ask-cards'; readonly name: UserName }
  | Exclude<LettersOutput, { type: 'letter' }>;

/** By which a letter that came is thrown away. */
export interface OpenLetter {
  readonly sender: NodeId;
  readonly id: string;
}

/** What may be in a letter. */
const KINDS: ReadonlySet<Message['kind']> = new Set(['chatMessage', 'chatReceipt', 'missedCall']);

export class MailDesk {
  readonly #options: MailDeskOptions;
  readonly #letters: Letters;
  readonly #link: MailLink;
  readonly #cards: MailCards;
  #identity: MailIdentity | undefined;
  #mailKeys: readonly EphemeralKey[] = [];
  #atMs = 0;
  /** Handed on and not stored yet: by person and message, the oldest first. */
  readonly #open = new Map<string, OpenLetter[]>();
  /** Letters that were forged, or could not be read. Only rises. */
  dropped = 0;
  #out: MailDeskOutput[] = [];

  constructor(options: MailDeskOptions) {
    this.#options = options;
    const { wallClock, random, judge } = options;
    this.#cards = new MailCards({ wallClock, judge });
    const nodesOf = (name: UserName) =>
      this.#devicesOf(name)
        .map(({ nodeId }) => nodeId)
        .filter((node) => node !== this.#identity?.nodeId);
    const keyOf = (name: UserName, node: NodeId) => {
      const device = this.#devicesOf(name).find(({ nodeId }) => nodeId === node);
      return device && { mailKey: device.mailKey, sinceMs: device.mailKeyAtMs ?? 0 };
    };
    this.#letters = new Letters({ devicesOf: nodesOf, keyOf, wallClock });
    this.#link = new MailLink({ wallClock, random });
  }

  setIdentity(identity: MailIdentity): void {
    this.#identity = identity;
    this.#mailKeys = identity.mailSeeds.map((seed) => ephemeralKey(seed));
    const publicKeySpki = spkiOf(createPublicKey(identity.privateKey));
    this.#link.setSigner({ nodeId: identity.nodeId, publicKeySpki, privateKey: identity.privateKey });
  }

  /** What is said of us in the index. */
  get ownKey(): MailKeyWord | undefined {
    const [own] = this.#mailKeys;
    return own && { mailKey: own.publicBytes, sinceMs: this.#identity?.mailSinceMs ?? 0 };
  }

  /** Our first supernode is another, or none. */
  setAttached(now: Millis, attached: boolean): void {
    if (attached) this.#link.attached(now);
    else this.#link.detached();
    this.#cards.setAttached(now, attached);
    this.#settle(now);
  }

  tell(now: Millis, input: PeerInput): void {
    this.#letters.receive(now, input);
  }

  post(now: Millis, posted: Posted): void {
    this.#letters.post(now, posted);
    this.#look();
  }

  reached(name: UserName, node: NodeId, id: string): void {
    this.#letters.reached(name, node, id);
    this.#look();
  }

  /** It is to be written to them no more. */
  withdrawn(name: UserName, id: string): void {
    this.#letters.forget(name, id);
    this.#look();
  }

  /** This person is no buddy any more. */
  parted(name: UserName): void {
    this.#letters.parted(name);
    this.#look();
  }

  /** Letters may be readable that were not. */
  collectSoon(now: Millis): void {
    this.#link.collectSoon(now);
  }

  /** There is another list of this person's devices: more can be written, and perhaps read. */
  devicesChanged(now: Millis, name: UserName): void {
    this.#letters.devicesChanged(now, name);
    this.#link.collectSoon(now);
    this.#look();
  }

  /** What the index has of this person. */
  cardsTold(now: Millis, name: UserName, records: Parameters<MailCards['learn']>[2], complete: boolean): void {
    const isNew = this.#cards.learn(now, name, records, complete);
    if (isNew) this.#letters.devicesChanged(now, name);
    else if (complete) this.#letters.nobodyKnows(name);
    this.#settle(now);
  }

  /** What the people made of a letter: to be thrown away now, or when the message of this id is stored. */
  opened(now: Millis, letter: OpenLetter, from: UserName, awaits: string | undefined): void {
    if (awaits === undefined) return this.#link.done(now, letter.sender, letter.id);
    const key = `${foldName(from)} ${awaits}`;
    this.#open.set(key, [...(this.#open.get(key) ?? []), letter].slice(-4));
    const [oldest] = this.#open.keys();
    // It comes again.
    if (this.#open.size > MAIL_OPEN_MAX && oldest !== undefined) this.#open.delete(oldest);
  }

  /** A message of that person is in the history. */
  stored(now: Millis, from: UserName, id: string): void {
    const key = `${foldName(from)} ${id}`;
    for (const { sender, id: letter } of this.#open.get(key) ?? []) this.#link.done(now, sender, letter);
    this.#open.delete(key);
  }

  /** A message of our first supernode. True when it was ours. */
  receive(now: Millis, value: Message): boolean {
    const isOurs = this.#link.receive(now, value);
    if (isOurs) this.#settle(now);
    return isOurs;
  }

  wake(now: Millis): void {
    this.#letters.wake(now);
    this.#link.wake(now);
    this.#cards.wake(now);
    this.#settle(now);
  }

  wakeAt(): Millis {
    return Math.min(this.#letters.wakeAt(), this.#link.wakeAt(), this.#cards.wakeAt());
  }

  drain(): MailDeskOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #settle(now: Millis): void {
    for (const output of this.#link.drain()) this.#fromLink(now, output);
    for (const output of this.#letters.drain()) {
      if (output.type === 'letter') this.#write(now, output);
      else this.#out.push(output);
    }
    for (const output of this.#link.drain()) this.#fromLink(now, output);
    for (const name of this.#cards.drain()) this.#out.push({ type: 'ask-cards', name });
    this.#look();
  }

  /** Of whom a key would let something be written. */
  #look(): void {
    this.#cards.want(this.#letters.sleepers);
  }

  /** By the account's word; of whom that is not known, or not lately, by the devices' own. */
  #devicesOf(name: UserName): readonly MailDevice[] {
    const listed = this.#options.devicesOf(name);
    const cards = this.#cards.of(name).map(({ sinceMs, ...card }) => ({ ...card, mailKeyAtMs: sinceMs }));
    if (!listed) return cards;
    // Each is the word of a device that is in the list, and signed with the very key after which it is named.
    return listed.map((device) => {
      const card = cards.find(({ nodeId }) => nodeId === device.nodeId);
      return card && card.mailKeyAtMs > (device.mailKeyAtMs ?? 0) ? { ...device, ...card } : device;
    });
  }

  #fromLink(now: Millis, output: MailLinkOutput): void {
    if (output.type === 'send') this.#out.push({ type: 'to-supernode', message: output.message });
    else if (output.type === 'kept') this.#letters.kept(now, output.letter, output.copies, output.untilMs);
    else if (output.type === 'failed') this.#letters.failed(now, output.letter, output.code, output.retryAfterMs);
    else for (const letter of output.letters) this.#read(now, letter);
  }

  #write(now: Millis, { letter, to, node, message }: Extract<LettersOutput, { type: 'letter' }>): void {
    const { wallClock, random } = this.#options;
    const device = this.#devicesOf(to).find(({ nodeId }) => nodeId === node);
    const writer = this.#identity;
    // Rising, so that they are told in the order in which they were written.
    this.#atMs = Math.max(this.#atMs + 1, Math.floor(wallClock()));
    const head = { recipient: node, id: letter, atMs: this.#atMs };
    const sealed =
      device &&
      writer &&
      sealLetter(head, encodeMessage(message), { mailKey: device.mailKey, seed: random.bytes(32), writer });
    if (sealed) this.#link.deposit(now, { ...head, sealed });
    else this.#letters.failed(now, letter, 'too-large', 0);
  }

  #read(now: Millis, letter: KeptLetter): void {
    const { recipient, sender, id, atMs, sealed } = letter;
    const { judge, standing } = this.#options;
    const opened = openLetter({ recipient, id, atMs }, sealed, { mailKeys: this.#mailKeys, judge });
    const message = opened.ok ? decodeMessage(opened.content) : undefined;
    // Whoever brought it says so too, or it is somebody else's letter brought again.
    const isSound = opened.ok && message && opened.node === sender && KINDS.has(message.kind) && this.#isCurrent(atMs);
    const stands = isSound ? standing(opened.name, opened.node) : 'revoked';
    if (!isSound || stands === 'revoked') {
      this.dropped += 1;
      this.#link.done(now, sender, id);
    } else if (stands === 'listed') {
      this.#out.push({ type: 'opened', letter: { sender, id }, from: opened.name, node: opened.node, message });
    }
  }

  #isCurrent(atMs: number): boolean {
    const ageMs = this.#options.wallClock() - atMs;
    return ageMs >= -MAIL_CLOCK_MS && ageMs <= MAIL_LIFETIME_MS + MAIL_CLOCK_MS;
  }
}
