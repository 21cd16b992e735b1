/**
 * Devices that their account has revoked, as all supernodes know them (PROTOCOL.md 9.15): words of the authority, each of
 * which ends when no certificate of that device is good any more. They come from clients and from other supernodes; what
 * is new here is told to a few others, who do the same, and copies are compared, so that everybody has them in seconds and
 * after a partition too. The registrar asks `of` before it lets anybody in, and hears of each that is new.
 *
 *   client, supernode --RevokedTold--> known? rate? signed? --> `revoked` (registrar, index), `to-store`
 *        new --after REVOKED_GATHER_MS--> four others --REVOKED_SPREAD_AGAIN_MS--> four more
 *   compare: RevokedCompare {root} -> {digests} -> {buckets, prints} -> RevokedTold {words, wanted} -> RevokedTold
 *
 * A word names one device of one account and proves itself, so nobody is thrown out by a stranger, whoever hands it on.
 */
import { createHash } from 'node:crypto';
import type { Millis, Random, WallClock } from '../protocol/core.ts';
import { foldName, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  REVOKED_CLIENT_BURST,
  REVOKED_CLIENT_REFILL_MS,
  REVOKED_COMPARE_MS,
  REVOKED_COMPARE_NEW,
  REVOKED_COMPARE_SOON_MS,
  REVOKED_GATHER_MS,
  REVOKED_PER_ACCOUNT_MAX,
  REVOKED_PER_COMPARISON_MAX,
  REVOKED_PER_MESSAGE_MAX,
  REVOKED_PRINTS_MAX,
  REVOKED_SPREAD,
  REVOKED_SPREAD_AGAIN_MS,
  REVOKED_STORE_MS,
  REVOKED_SUPERNODE_BURST,
  REVOKED_SUPERNODE_REFILL_MS,
  REVOKED_SWEEP_MS,
  REVOKED_TELL_ALL,
  REVOKED_WORDS_MAX,
} from '../protocol/overlay-params.ts';
import { RateLimit } from '../protocol/rate-limit.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { DIGEST_BYTES, differing, emptyDigests, rootOf, xorInto } from './slot-versions.ts';

/** As it travels. */
export interface SealedWord {
  readonly revocation: Buffer;
  readonly signature: Buffer;
}

/** One device of one account (`login/revocation.ts`). */
export interface RevokedWord {
  readonly name: UserName;
  readonly nodeId: NodeId;
  /** Wall clock, ms. */
  readonly untilMs: number;
  readonly signed: SealedWord;
}

export interface RevokedOptions {
  readonly random: Random;
  readonly wallClock: WallClock;
  /** The other supernodes that live. */
  readonly others: () => readonly NodeId[];
  /** What a word says; cheap. Undefined for garbage. */
  readonly read: (wire: { revocation?: Uint8Array | null; signature?: Uint8Array | null }) => RevokedWord | undefined;
  /** Has the authority signed it? Dear. */
  readonly isSigned: (word: RevokedWord) => boolean;
  readonly isInForce: (word: RevokedWord, wallMs: number) => boolean;
}

export type RevokedOutput =
  | { readonly type: 'to-supernode'; readonly to: NodeId; readonly message: Message }
  /** From now on this device is let in nowhere. */
  | { readonly type: 'revoked'; readonly word: RevokedWord }
  /** All that is known, to be kept over a restart. */
  | { readonly type: 'to-store'; readonly words: readonly SealedWord[] };

interface Kept {
  readonly word: RevokedWord;
  readonly key: string;
  readonly print: Buffer;
}

/** Told twice, for a part of those who hear it may be gone. */
interface Spreading {
  readonly words: Kept[];
  at: Millis;
  round: number;
}

const NEVER: Millis = Number.POSITIVE_INFINITY;
type Wire = Parameters<RevokedOptions['read']>[0];

export class RevokedDevices {
  readonly #options: RevokedOptions;
  /** By folded name and node id. */
  readonly #words = new Map<string, Kept>();
  /** How many of each account. */
  readonly #counts = new Map<string, number>();
  readonly #byPrint = new Map<string, Kept>();
  readonly #digests = emptyDigests();
  readonly #clientRate = new RateLimit(REVOKED_CLIENT_BURST, REVOKED_CLIENT_REFILL_MS);
  readonly #supernodeRate = new RateLimit(REVOKED_SUPERNODE_BURST, REVOKED_SUPERNODE_REFILL_MS);
  #members = new Set<NodeId>();
  #partner: NodeId | undefined;
  #spreading: Spreading[] = [];
  #compareAt: Millis = NEVER;
  #sweepAt: Millis = NEVER;
  #storeAt: Millis = NEVER;
  /** Words that were forged, too old, or too many. Only rises. */
  refused = 0;
  #out: RevokedOutput[] = [];

  constructor(options: RevokedOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#words.size;
  }

  /** The word on this device of that person, while it counts. */
  of(name: UserName, node: NodeId): RevokedWord | undefined {
    const word = this.#words.get(keyOf(name, node))?.word;
    return word && this.#options.isInForce(word, this.#options.wallClock()) ? word : undefined;
  }

  /** Kept since an earlier run: looked at like any other. */
  load(now: Millis, words: readonly Wire[]): void {
    for (const wire of words.slice(0, REVOKED_WORDS_MAX)) this.#take(now, wire, () => true);
    this.#spreading = [];
    this.#storeAt = NEVER;
  }

  /** Whoever brings a word: it proves itself. Each device has its own rate, or a stolen one would use up that of its account. */
  fromClient(now: Millis, node: NodeId, { words }: Body<'revokedTold'>): void {
    const mayAsk = () => this.#clientRate.take(now, node) === 0;
    for (const wire of words.slice(0, REVOKED_PER_MESSAGE_MAX)) this.#take(now, wire, mayAsk);
  }

  /** A message of a certified supernode. True when it was ours. */
  fromSupernode(now: Millis, from: NodeId, value: Message): boolean {
    if (value.kind === 'revokedCompare') this.#compared(from, value.body);
    else if (value.kind === 'revokedTold') {
      const mayAsk = () => this.#supernodeRate.take(now, from) === 0;
      for (const wire of value.body.words.slice(0, REVOKED_PER_MESSAGE_MAX)) this.#take(now, wire, mayAsk);
      if (value.body.wanted.length > 0) this.#give(from, this.#printed(value.body.wanted));
    } else return false;
    return true;
  }

  /** Others came or went. Who is new, or was cut off, may know more, or less. */
  membersChanged(now: Millis): void {
    const { random, others } = this.#options;
    const members = new Set(others());
    const fresh = [...members].filter((id) => !this.#members.has(id));
    const wasAlone = this.#members.size === 0;
    this.#members = members;
    if (fresh.length === 0) return;
    // Of many who know a newcomer a few look, or all would at once.
    const isChosen = wasAlone || random.fraction() < (REVOKED_COMPARE_NEW * fresh.length) / members.size;
    if (!isChosen || (this.#words.size === 0 && !wasAlone)) return;
    this.#partner = fresh[Math.floor(random.fraction() * fresh.length)];
    this.#compareAt = Math.min(this.#compareAt, now + REVOKED_COMPARE_SOON_MS * random.fraction());
  }

  wake(now: Millis): void {
    for (const spreading of this.#spreading) if (now >= spreading.at) this.#spread(now, spreading);
    this.#spreading = this.#spreading.filter(({ at }) => at < NEVER);
    if (now >= this.#compareAt) this.#compare(now);
    if (now >= this.#sweepAt) this.#sweep(now);
    if (now < this.#storeAt) return;
    this.#storeAt = NEVER;
    this.#out.push({ type: 'to-store', words: [...this.#words.values()].map(({ word }) => word.signed) });
  }

  wakeAt(): Millis {
    const spreadAt = Math.min(NEVER, ...this.#spreading.map(({ at }) => at));
    const compareAt = this.#members.size > 0 ? this.#compareAt : NEVER;
    return Math.min(spreadAt, compareAt, this.#sweepAt, this.#storeAt);
  }

  drain(): RevokedOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  // ------------------------------------------------------------------ taking words

  #take(now: Millis, wire: Wire, mayAsk: () => boolean): void {
    const { read, isSigned, isInForce, wallClock } = this.#options;
    const word = read(wire);
    const isKnown = word && this.#words.has(keyOf(word.name, word.nodeId));
    if (isKnown) return;
    if (!word || !isInForce(word, wallClock()) || !mayAsk() || !isSigned(word) || !this.#hasRoom(word)) {
      this.refused += 1;
      return;
    }
    const kept = { word, key: foldName(word.name), print: printOf(word) };
    this.#keep(kept);
    this.#out.push({ type: 'revoked', word });
    this.#storeAt = Math.min(this.#storeAt, now + REVOKED_STORE_MS);
    this.#sweepAt = Math.min(this.#sweepAt, now + REVOKED_SWEEP_MS);
    this.#compareAt = Math.min(this.#compareAt, now + this.#pauseMs());
    // What comes within a moment goes round together.
    const gathering = this.#spreading.find(({ round, words }) => round === 0 && words.length < REVOKED_PER_MESSAGE_MAX);
    if (gathering) gathering.words.push(kept);
    else this.#spreading.push({ words: [kept], at: now + REVOKED_GATHER_MS, round: 0 });
  }

  /** The same words stay everywhere, in whatever order they came: of one account those that end last. */
  #hasRoom(word: RevokedWord): boolean {
    const key = foldName(word.name);
    const own = this.#counts.get(key) ?? 0;
    if (own >= REVOKED_PER_ACCOUNT_MAX) return this.#replaceFirstOf(key, word);
    if (this.#words.size < REVOKED_WORDS_MAX) return true;
    let [most, count] = ['', own + 1];
    for (const [other, many] of this.#counts) if (many > count) [most, count] = [other, many];
    return most !== '' && this.#replaceFirstOf(most);
  }

  #replaceFirstOf(key: string, by?: RevokedWord): boolean {
    const own = [...this.#words.values()].filter((kept) => kept.key === key);
    const [first] = own.sort((a, b) => a.word.untilMs - b.word.untilMs || (a.word.nodeId < b.word.nodeId ? -1 : 1));
    if (!first) return false;
    const { untilMs, nodeId } = first.word;
    if (by && (by.untilMs < untilMs || (by.untilMs === untilMs && by.nodeId < nodeId))) return false;
    this.#forget(first);
    return true;
  }

  #keep(kept: Kept): void {
    this.#words.set(keyOf(kept.word.name, kept.word.nodeId), kept);
    this.#byPrint.set(kept.print.toString('hex'), kept);
    this.#counts.set(kept.key, (this.#counts.get(kept.key) ?? 0) + 1);
    this.#mark(kept);
  }

  #forget(kept: Kept): void {
    this.#words.delete(keyOf(kept.word.name, kept.word.nodeId));
    this.#byPrint.delete(kept.print.toString('hex'));
    const count = (this.#counts.get(kept.key) ?? 1) - 1;
    if (count > 0) this.#counts.set(kept.key, count);
    else this.#counts.delete(kept.key);
    this.#mark(kept);
  }

  /** In and out alike. */
  #mark({ print }: Kept): void {
    const at = bucketOf(print) * DIGEST_BYTES;
    xorInto(this.#digests.subarray(at, at + DIGEST_BYTES), print);
  }

  #sweep(now: Millis): void {
    const wallMs = this.#options.wallClock();
    for (const kept of [...this.#words.values()]) {
      if (this.#options.isInForce(kept.word, wallMs)) continue;
      this.#forget(kept);
      this.#storeAt = Math.min(this.#storeAt, now + REVOKED_STORE_MS);
    }
    this.#sweepAt = this.#words.size > 0 ? now + REVOKED_SWEEP_MS : NEVER;
    if (this.#words.size === 0) this.#compareAt = NEVER;
  }

  // ------------------------------------------------------------------ telling others

  #spread(now: Millis, spreading: Spreading): void {
    const others = [...this.#options.others()];
    const isFew = others.length <= REVOKED_TELL_ALL;
    const chosen = isFew ? others : this.#drawn(others);
    for (const to of chosen) this.#give(to, spreading.words);
    spreading.round += 1;
    spreading.at = isFew || spreading.round > 1 ? NEVER : now + REVOKED_SPREAD_AGAIN_MS;
  }

  #drawn(others: NodeId[]): NodeId[] {
    for (let at = 0; at < REVOKED_SPREAD; at += 1) {
      const other = at + Math.floor(this.#options.random.fraction() * (others.length - at));
      [others[at], others[other]] = [others[other] as NodeId, others[at] as NodeId];
    }
    return others.slice(0, REVOKED_SPREAD);
  }

  #compare(now: Millis): void {
    const others = this.#options.others();
    const to = this.#partner ?? others[Math.floor(this.#options.random.fraction() * others.length)];
    this.#partner = undefined;
    // Who knows of none is told by those who do.
    this.#compareAt = this.#words.size > 0 ? now + this.#pauseMs() : NEVER;
    if (to !== undefined) this.#send(to, message('revokedCompare', { root: rootOf(this.#digests) }));
  }

  #compared(from: NodeId, { root, digests, buckets, prints }: Body<'revokedCompare'>): void {
    if (root.length === DIGEST_BYTES) {
      if (rootOf(this.#digests).equals(root)) return;
      this.#send(from, message('revokedCompare', { digests: Buffer.from(this.#digests) }));
    } else if (digests.length === this.#digests.length) {
      const told: number[] = [];
      const mine: Buffer[] = [];
      for (const bucket of differing(this.#digests, digests)) {
        const own = this.#inBucket(bucket);
        // Whole buckets only: who is not told of a word takes it for missing.
        if (told.length > 0 && mine.length + own.length > REVOKED_PRINTS_MAX) break;
        told.push(bucket);
        mine.push(...own.map(({ print }) => print));
      }
      const body = { buckets: Buffer.from(told), prints: Buffer.concat(mine) };
      if (told.length > 0) this.#send(from, message('revokedCompare', body));
    } else if (buckets.length > 0) this.#settle(from, buckets, prints);
  }

  /** What the other lacks is given, what we lack is asked for. */
  #settle(from: NodeId, buckets: Uint8Array, prints: Uint8Array): void {
    const theirs = new Set(splitPrints(prints));
    const own = [...new Set(buckets)].flatMap((bucket) => this.#inBucket(bucket));
    const lacking = own.filter(({ print }) => !theirs.has(print.toString('hex')));
    this.#give(from, lacking.slice(0, REVOKED_PER_COMPARISON_MAX));
    const wanted = [...theirs].filter((print) => !this.#byPrint.has(print)).slice(0, REVOKED_PER_COMPARISON_MAX);
    if (wanted.length === 0) return;
    this.#send(from, message('revokedTold', { wanted: Buffer.from(wanted.join(''), 'hex') }));
  }

  #printed(prints: Uint8Array): Kept[] {
    const wanted = splitPrints(prints).slice(0, REVOKED_PER_COMPARISON_MAX);
    return wanted.flatMap((print) => this.#byPrint.get(print) ?? []);
  }

  #inBucket(bucket: number): Kept[] {
    return [...this.#words.values()].filter(({ print }) => bucketOf(print) === bucket);
  }

  #give(to: NodeId, words: readonly Kept[]): void {
    for (let at = 0; at < words.length; at += REVOKED_PER_MESSAGE_MAX) {
      const some = words.slice(at, at + REVOKED_PER_MESSAGE_MAX).map(({ word }) => word.signed);
      this.#send(to, message('revokedTold', { words: some as never }));
    }
  }

  #pauseMs(): Millis {
    return REVOKED_COMPARE_MS * (0.8 + 0.4 * this.#options.random.fraction());
  }

  #send(to: NodeId, value: Message): void {
    this.#out.push({ type: 'to-supernode', to, message: value });
  }
}

function keyOf(name: UserName, node: NodeId): string {
  return `${foldName(name)} ${node}`;
}

function printOf({ name, nodeId }: RevokedWord): Buffer {
  const hash = createHash('sha256').update('wren revoked device').update(foldName(name)).update(Buffer.of(0));
  return Buffer.from(hash.update(nodeId, 'hex').digest().subarray(0, DIGEST_BYTES));
}

function bucketOf(print: Buffer): number {
  return (print[0] ?? 0) >> 4;
}

/** In hex; what is no whole print is nobody's. */
function splitPrints(bytes: Uint8Array): string[] {
  return (
    Buffer.from(bytes.subarray(0, REVOKED_PRINTS_MAX * DIGEST_BYTES))
      .toString('hex')
      .match(/.{16}/g) ?? []
  );
}
