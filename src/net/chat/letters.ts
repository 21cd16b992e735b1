/**
 * What is to be written to people who are not there: for each message, which of the person's devices has it (a receipt
 * came), for which the network keeps a letter, and for which one is due. The messenger says what it sends; whoever is not
 * seen is written to a moment later, whoever is seen but gives no receipt after a while. Sealing, keeping and collecting
 * are others' (`node/mail-desk.ts`), so this is bookkeeping only, and survives no restart: the messenger restores lines,
 * and a letter that is deposited again is the same letter, by its id.
 *
 *   post -> due -(not seen for MAIL_UNSEEN_MS, seen for MAIL_SEEN_MS without receipt)-> under way -> kept -> (72 h) due
 *                  receipt of that device: reached
 */

import { createHash } from 'node:crypto';
import type { Millis, WallClock } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { bytesOf, foldName, hexOf, ID_BYTES, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  MAIL_AGAIN_BEFORE_MS,
  MAIL_COPIES_SAFE,
  MAIL_FAILED_RETRY_MS,
  MAIL_FULL_RETRY_MS,
  MAIL_LIFETIME_MS,
  MAIL_NOTES_MAX,
  MAIL_SEEN_MS,
  MAIL_UNDER_WAY_MAX,
  MAIL_UNSEEN_MS,
} from '../protocol/mail-params.ts';
import type { Message } from '../wire/messages.ts';
import type { PeerInput } from '../wire/peers.ts';
import { Reach } from './reach.ts';

export interface Posted {
  readonly to: UserName;
  /** 32 hex digits: of the message that it is about. */
  readonly id: string;
  readonly message: Message;
  /** To this device of theirs alone. */
  readonly node?: NodeId;
  /** Nobody waits for a receipt: it is done with once it is kept. Devices that are seen do not need it. */
  readonly isNote?: boolean;
  /** Kept already, since an earlier run, until then (wall clock). */
  readonly keptUntilMs?: number;
}

export type LettersOutput =
  /** To be sealed and deposited; answer with `kept` or `failed`. */
  | {
      readonly type: 'letter';
      readonly letter: string;
      readonly to: UserName;
      readonly node: NodeId;
      readonly message: Message;
    }
  /** No device of theirs is without a letter, or the message itself. `untilMs`: wall clock. */
  | { readonly type: 'kept'; readonly to: UserName; readonly id: string; readonly untilMs: number }
  /** There is no room for it in the network; it is tried again. Told once. */
  | { readonly type: 'mail-refused'; readonly to: UserName; readonly id: string; readonly code: FailureCode };

interface Copy {
  state: 'due' | 'under-way' | 'kept' | 'reached';
  /** When it is due (again). */
  at: Millis;
  letter: string;
  /** Letters of one message that were thrown away uncollected. */
  round: number;
  copies: number;
  untilMs: number;
  /** What it was sealed to; undefined: nobody knows. */
  key?: Uint8Array | undefined;
}

interface Post extends Posted {
  readonly devices: Map<NodeId, Copy>;
  isDelivered: boolean;
  isTold: boolean;
  isRefusalTold: boolean;
}

const NEVER: Millis = Number.POSITIVE_INFINITY;
/** After these a letter is tried again so much later; after anything else a minute. `busy` names a time itself. */
const PAUSES: Partial<Record<FailureCode, Millis>> = {
  'mailbox-full': MAIL_FULL_RETRY_MS,
  busy: 0,
  'unreachable-network': 1_000,
};

export interface LettersOptions {
  /** Those that letters can be sealed for. */
  readonly devicesOf: (name: UserName) => readonly NodeId[];
  /** What letters to this device are sealed to from now on. `sinceMs`: by its wall clock. */
  readonly keyOf?: (
    name: UserName,
    node: NodeId,
  ) => { readonly mailKey: Uint8Array; readonly sinceMs: number } | undefined;
  readonly wallClock: WallClock;
}

export class Letters {
  readonly #options: LettersOptions;
  readonly #reach = new Reach();
  /** By folded name and id, the oldest first. */
  readonly #posts = new Map<string, Post>();
  /** Those for which no device is known that could be written to. */
  readonly #lacking = new Map<string, Post>();
  /** How much there is for each person, by folded name. */
  readonly #people = new Map<string, { readonly name: UserName; posts: number }>();
  readonly #byLetter = new Map<string, { readonly post: Post; readonly node: NodeId }>();
  #underWay = 0;
  #online = false;
  #notBefore: Millis = 0;
  /** Devices whose mailbox is full. */
  readonly #fullUntil = new Map<NodeId, Millis>();
  #wakeAt: Millis = NEVER;
  #isDirty = false;
  #out: LettersOutput[] = [];

  constructor(options: LettersOptions) {
    this.#options = options;
  }

  post(now: Millis, posted: Posted): void {
    const key = keyOf(posted.to, posted.id);
    if (this.#posts.has(key)) return;
    const post: Post = { ...posted, devices: new Map(), isDelivered: false, isTold: false, isRefusalTold: false };
    this.#posts.set(key, post);
    this.#count(posted.to, 1);
    this.#equip(now, post);
    if (posted.isNote) this.#dropOldNotes();
    if (posted.isNote && post.devices.size === 0 && !this.#lacking.has(key)) this.#drop(post);
    this.#isDirty = true;
  }

  /** Whom there is something for, and who is not here: of these it is worth knowing which keys their devices have. */
  get sleepers(): UserName[] {
    return [...this.#people.values()].map(({ name }) => name).filter((name) => !this.#reach.has(name));
  }

  /** Nobody could tell of any: what is only a note waits no longer. */
  nobodyKnows(name: UserName): void {
    for (const post of [...this.#lacking.values()]) {
      if (post.isNote && foldName(post.to) === foldName(name)) this.#drop(post);
    }
  }

  /** This device has the message. */
  reached(to: UserName, node: NodeId, id: string): void {
    const post = this.#posts.get(keyOf(to, id));
    if (!post) return;
    post.isDelivered = true;
    const copy = post.devices.get(node);
    if (copy) this.#set(copy, 'reached', NEVER);
    this.#settle(post);
  }

  /** The message is no matter any more. */
  forget(to: UserName, id: string): void {
    const post = this.#posts.get(keyOf(to, id));
    if (post) this.#drop(post);
  }

  /** They are no buddies any more: nobody tells them of calls. Receipts of what they said themselves go. */
  parted(name: UserName): void {
    for (const post of [...this.#posts.values()]) {
      if (post.message.kind === 'missedCall' && foldName(post.to) === foldName(name)) this.#drop(post);
    }
  }

  /** What is known of the devices of this person has changed. */
  devicesChanged(now: Millis, name: UserName): void {
    for (const post of [...this.#posts.values()]) {
      if (foldName(post.to) !== foldName(name)) continue;
      this.#equip(now, post);
      this.#sealAnew(now, post);
    }
    this.#isDirty = true;
  }

  receive(now: Millis, input: PeerInput): void {
    if (input.type === 'peer-seen') {
      this.#reach.seen(input.name, input.node);
      this.#moveDue(input.name, input.node, (at) => Math.max(at, now + MAIL_SEEN_MS));
    } else if (input.type === 'peer-gone') {
      this.#reach.gone(input.name, input.node);
      this.#moveDue(input.name, input.node, (at) => Math.min(at, now + MAIL_UNSEEN_MS));
    } else if (input.type === 'online') this.#setOnline(now, input.online);
  }

  /** `untilMs`: wall clock. `copies`: supernodes that hold it. */
  kept(now: Millis, letter: string, copies: number, untilMs: number): void {
    const found = this.#byLetter.get(letter);
    const copy = found?.post.devices.get(found.node);
    if (!found || copy?.state !== 'under-way') return;
    const leftMs = untilMs - this.#options.wallClock() - MAIL_AGAIN_BEFORE_MS;
    this.#set(copy, 'kept', now + Math.max(MAIL_FAILED_RETRY_MS, leftMs));
    copy.copies = copies;
    copy.untilMs = untilMs;
    // What we heard of meanwhile.
    this.#sealAnew(now, found.post);
    this.#settle(found.post);
  }

  failed(now: Millis, letter: string, code: FailureCode, retryAfterMs: number): void {
    const found = this.#byLetter.get(letter);
    const copy = found?.post.devices.get(found.node);
    if (!found || copy?.state !== 'under-way') return;
    const { post, node } = found;
    if (code === 'mailbox-full') {
      this.#fullUntil.set(node, now + MAIL_FULL_RETRY_MS);
      if (!post.isRefusalTold) this.#out.push({ type: 'mail-refused', to: post.to, id: post.id, code });
      post.isRefusalTold = true;
    } else if (code === 'busy') this.#notBefore = now + Math.max(retryAfterMs, 1_000);
    const pauseMs = PAUSES[code] ?? MAIL_FAILED_RETRY_MS;
    this.#set(copy, 'due', now + pauseMs);
  }

  wake(now: Millis): void {
    if (!this.#online || now < this.wakeAt()) return;
    this.#isDirty = true;
    for (const post of [...this.#posts.values()]) {
      for (const [node, copy] of post.devices) {
        if (copy.at > now) continue;
        if (copy.state === 'kept') this.#expired(now, post, node, copy);
        else if (copy.state === 'due') this.#send(now, post, node, copy);
      }
    }
  }

  wakeAt(): Millis {
    if (!this.#isDirty) return this.#wakeAt;
    this.#isDirty = false;
    this.#wakeAt = NEVER;
    if (!this.#online) return NEVER;
    const isFull = this.#underWay >= MAIL_UNDER_WAY_MAX;
    for (const { devices } of this.#posts.values()) {
      for (const [node, { state, at }] of devices) {
        if (state === 'kept') this.#wakeAt = Math.min(this.#wakeAt, at);
        if (state !== 'due' || isFull) continue;
        this.#wakeAt = Math.min(this.#wakeAt, Math.max(at, this.#notBefore, this.#fullUntil.get(node) ?? 0));
      }
    }
    return this.#wakeAt;
  }

  drain(): LettersOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #send(now: Millis, post: Post, node: NodeId, copy: Copy): void {
    if (this.#underWay >= MAIL_UNDER_WAY_MAX || now < this.#notBefore) return;
    if (now < (this.#fullUntil.get(node) ?? 0)) return;
    this.#fullUntil.delete(node);
    this.#set(copy, 'under-way', NEVER);
    copy.key = this.#options.keyOf?.(post.to, node)?.mailKey;
    this.#out.push({ type: 'letter', letter: copy.letter, to: post.to, node, message: post.message });
  }

  /** Nobody has collected it, as far as we heard: another letter with the same message. */
  #expired(now: Millis, post: Post, node: NodeId, copy: Copy): void {
    this.#byLetter.delete(copy.letter);
    copy.round += 1;
    copy.letter = letterId(post.id, node, copy.round);
    this.#byLetter.set(copy.letter, { post, node });
    this.#set(copy, 'due', now);
    post.isTold = false;
  }

  /**
   * What was left for a device after it had another key, by somebody who had not heard of that, it may not be able to open
   * when it comes; what was left before, it can.
   */
  #sealAnew(now: Millis, post: Post): void {
    for (const [node, copy] of post.devices) {
      if (copy.state !== 'kept') continue;
      const key = this.#options.keyOf?.(post.to, node);
      if (!key || !copy.key || Buffer.compare(copy.key, key.mailKey) === 0) continue;
      if (copy.untilMs - MAIL_LIFETIME_MS > key.sinceMs) this.#expired(now, post, node, copy);
    }
  }

  #count(name: UserName, by: 1 | -1): void {
    const key = foldName(name);
    const person = this.#people.get(key) ?? { name, posts: 0 };
    person.posts += by;
    if (person.posts > 0) this.#people.set(key, person);
    else this.#people.delete(key);
  }

  /** Every device of theirs gets its place; those that are no more lose it. */
  #equip(now: Millis, post: Post): void {
    const { to, node: only, isNote, keptUntilMs = 0 } = post;
    const wallMs = this.#options.wallClock();
    const all = this.#options.devicesOf(to);
    const known = all.filter((node) => only === undefined || node === only);
    if (all.length === 0) this.#lacking.set(keyOf(to, post.id), post);
    else this.#lacking.delete(keyOf(to, post.id));
    for (const [node, { letter, state }] of post.devices) {
      if (known.includes(node)) continue;
      if (state === 'under-way') this.#underWay -= 1;
      this.#byLetter.delete(letter);
      post.devices.delete(node);
    }
    for (const node of known) {
      if (post.devices.has(node)) continue;
      const isSeen = this.#reach.nodes(to).has(node);
      if (isSeen && isNote) continue;
      const isKept = keptUntilMs > wallMs;
      const at = isKept ? now + keptUntilMs - wallMs : now + (isSeen ? MAIL_SEEN_MS : isNote ? 0 : MAIL_UNSEEN_MS);
      const letter = letterId(post.id, node, 0);
      const state = isKept ? 'kept' : 'due';
      // Most likely to what we would seal it to now.
      const key = isKept ? this.#options.keyOf?.(to, node)?.mailKey : undefined;
      post.devices.set(node, { state, at, letter, round: 0, copies: MAIL_COPIES_SAFE, untilMs: keptUntilMs, key });
      this.#byLetter.set(letter, { post, node });
    }
    if (keptUntilMs > wallMs) post.isTold = true;
  }

  #set(copy: Copy, state: Copy['state'], at: Millis): void {
    if (copy.state === 'under-way') this.#underWay -= 1;
    if (state === 'under-way') this.#underWay += 1;
    copy.state = state;
    copy.at = at;
    this.#isDirty = true;
  }

  #settle(post: Post): void {
    const copies = [...post.devices.values()];
    if (!copies.every(({ state }) => state === 'kept' || state === 'reached')) return;
    const kept = copies.filter(({ state }) => state === 'kept');
    if (kept.length === 0 || post.isNote || post.isDelivered) return this.#drop(post);
    if (post.isTold) return;
    post.isTold = true;
    const untilMs = Math.min(...kept.map((one) => one.untilMs));
    this.#out.push({ type: 'kept', to: post.to, id: post.id, untilMs });
  }

  #drop(post: Post): void {
    for (const { letter, state } of post.devices.values()) {
      if (state === 'under-way') this.#underWay -= 1;
      this.#byLetter.delete(letter);
    }
    if (this.#posts.delete(keyOf(post.to, post.id))) this.#count(post.to, -1);
    this.#lacking.delete(keyOf(post.to, post.id));
    this.#isDirty = true;
  }

  #moveDue(name: UserName, node: NodeId, move: (at: Millis) => Millis): void {
    for (const post of this.#posts.values()) {
      const copy = foldName(post.to) === foldName(name) ? post.devices.get(node) : undefined;
      if (copy?.state === 'due') copy.at = move(copy.at);
    }
    this.#isDirty = true;
  }

  #setOnline(now: Millis, online: boolean): void {
    this.#online = online;
    this.#isDirty = true;
    if (!online) this.#reach.clear();
    for (const post of this.#posts.values()) {
      for (const copy of post.devices.values()) {
        if (!online && copy.state === 'under-way') this.#set(copy, 'due', now);
        // What few supernodes hold may be lost with one of them: it is brought again, which costs little.
        if (online && copy.state === 'kept' && copy.copies < MAIL_COPIES_SAFE)
          this.#set(copy, 'due', now + MAIL_SEEN_MS);
        // Who is here is seen within a moment of our coming.
        if (online && copy.state === 'due') copy.at = Math.max(copy.at, now + MAIL_UNSEEN_MS);
      }
    }
  }

  #dropOldNotes(): void {
    let notes = 0;
    for (const { isNote } of this.#posts.values()) if (isNote) notes += 1;
    for (const post of this.#posts.values()) {
      if (notes <= MAIL_NOTES_MAX) return;
      if (!post.isNote) continue;
      this.#drop(post);
      notes -= 1;
    }
  }
}

function keyOf(to: UserName, id: string): string {
  return `${foldName(to)} ${id}`;
}

/** The same for the same message, device and round, and nothing that tells of the message to whoever does not know it. */
function letterId(id: string, node: NodeId, round: number): string {
  const hash = createHash('sha256').update('wren letter id').update(bytesOf(id)).update(bytesOf(node));
  return hexOf(
    hash
      .update(Buffer.of(round & 0xff))
      .digest()
      .subarray(0, ID_BYTES),
  );
}
