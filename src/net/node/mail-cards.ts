/**
 * Mail keys that we were not told in a device list: of members of our groups whom we never met, and of buddies whose list
 * has changed since we met (PROTOCOL.md 9.16). Each device says its mail key in its index record, signed with its certified key,
 * so whoever hands it on can leave it out but not change it. This room says of whom to ask, and keeps what came; `mail-desk.ts`
 * owns it.
 *
 *   wanted --(attached, not asked lately)--> `ask` --> supernode: Lookup --> Whereabouts (records) --> `learn`
 */
import { mailKeyIn, type PersonJudge, RecordReader } from '../overlay/index-record.ts';
import type { Millis, WallClock } from '../protocol/core.ts';
import { foldName, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  MAIL_CARDS_AGAIN_MS,
  MAIL_CARDS_ASKED_AT_ONCE,
  MAIL_CARDS_FIRST_MS,
  MAIL_CARDS_PEOPLE_MAX,
  MAIL_CARDS_RETRY_MS,
} from '../protocol/mail-params.ts';
import { NODES_PER_PERSON_MAX } from '../protocol/params.ts';
import { setRecent } from '../protocol/recent-table.ts';

/** One device, by its own word. */
export interface MailCard {
  readonly nodeId: NodeId;
  /** X25519, 32 bytes. */
  readonly mailKey: Buffer;
  /** Wall clock of the device, ms: since when. */
  readonly sinceMs: number;
}

export interface MailCardsOptions {
  readonly wallClock: WallClock;
  /** Good for certificates that ended while a letter lies. */
  readonly judge: PersonJudge;
}

type Wire = Parameters<RecordReader['read']>[1];

export class MailCards {
  readonly #options: MailCardsOptions;
  readonly #reader: RecordReader;
  /** By folded name, whom we heard of longest ago first. */
  readonly #cards = new Map<string, ReadonlyMap<NodeId, MailCard>>();
  /** Of whom keys are wanted now, by folded name. */
  #wanted: ReadonlyMap<string, UserName> = new Map();
  /** When each may be asked about (again). */
  readonly #askAt = new Map<string, Millis>();
  readonly #asking = new Set<string>();
  #attached = false;
  #out: UserName[] = [];

  constructor(options: MailCardsOptions) {
    this.#options = options;
    this.#reader = new RecordReader(options.judge);
  }

  /** Records that were forged, or of somebody else. Only rises. */
  get dropped(): number {
    return this.#reader.refusedInAll;
  }

  of(name: UserName): readonly MailCard[] {
    return [...(this.#cards.get(foldName(name))?.values() ?? [])];
  }

  /** Those, and nobody else, whose keys would let something be written. */
  want(names: readonly UserName[]): void {
    // More than may be remembered would push one another out for ever.
    this.#wanted = new Map(names.slice(0, MAIL_CARDS_PEOPLE_MAX).map((name) => [foldName(name), name]));
  }

  /** Who has come to be here meanwhile says so; the others are asked for a little later. */
  setAttached(now: Millis, attached: boolean): void {
    this.#attached = attached;
    this.#asking.clear();
    if (attached) for (const [key, at] of this.#askAt) this.#askAt.set(key, Math.min(at, now + MAIL_CARDS_RETRY_MS));
  }

  /** What the index has of this person; `complete`: nobody could know more. True when there is something new. */
  learn(now: Millis, name: UserName, records: readonly Wire[], complete: boolean): boolean {
    const key = foldName(name);
    this.#asking.delete(key);
    setRecent(this.#askAt, key, now + (complete ? MAIL_CARDS_AGAIN_MS : MAIL_CARDS_RETRY_MS), MAIL_CARDS_PEOPLE_MAX);
    const known = new Map(this.#cards.get(key));
    let isNew = false;
    for (const wire of records.slice(0, NODES_PER_PERSON_MAX)) {
      const record = this.#reader.read(this.#options.wallClock(), wire, () => undefined);
      const card = record?.key === key ? mailKeyIn(record.sealed.record) : undefined;
      if (!record || !card) continue;
      const { nodeId } = record;
      const before = known.get(nodeId);
      if (before && (before.sinceMs > card.sinceMs || before.mailKey.equals(card.mailKey))) continue;
      known.set(nodeId, { nodeId, ...card });
      isNew = true;
    }
    if (isNew) setRecent(this.#cards, key, known, MAIL_CARDS_PEOPLE_MAX);
    return isNew;
  }

  wake(now: Millis): void {
    if (!this.#attached) return;
    for (const [key, name] of this.#wanted) {
      if (this.#asking.size >= MAIL_CARDS_ASKED_AT_ONCE) return;
      if (this.#asking.has(key)) continue;
      const at = this.#askAt.get(key);
      // Perhaps the person is seen first.
      if (at === undefined) setRecent(this.#askAt, key, now + MAIL_CARDS_FIRST_MS, MAIL_CARDS_PEOPLE_MAX);
      if (at === undefined || now < at) continue;
      this.#asking.add(key);
      this.#out.push(name);
    }
  }

  /** 0: at once. */
  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    if (!this.#attached || this.#asking.size >= MAIL_CARDS_ASKED_AT_ONCE) return at;
    for (const key of this.#wanted.keys()) {
      if (!this.#asking.has(key)) at = Math.min(at, this.#askAt.get(key) ?? 0);
    }
    return at;
  }

  /** Of whom to ask now. */
  drain(): UserName[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }
}
