/**
 * Questions to the replicas of one slot. Four are asked first (what five have taken, one of four knows); all others as
 * well when an answer is missing for READ_HEDGE_MS or comes from one that is learning. The first gives records, the
 * others versions only, which is a fortieth of it; a record that only they know is fetched from them. So an answer is
 * the union, by the newest version, and a liar can leave out, but neither change nor be alone in leaving out.
 *
 *   ask --> 4 replicas (ourselves among them cost nothing) --> 4 answers that count --> done
 *                        --READ_HEDGE_MS--> the other 4 --READ_ENOUGH_MS--> 4 of 8 are enough
 *                        --READ_LIMIT_MS--> done, not complete
 */
import type { Millis, Random } from '../protocol/core.ts';
import { bytesOf, type NodeId } from '../protocol/ids.ts';
import {
  INDEX_VERSIONS_MAX,
  READ_ANSWERS,
  READ_ENOUGH_MS,
  READ_HEDGE_MS,
  READ_LIMIT_MS,
} from '../protocol/overlay-params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { compareVersions, type IndexRecord, type OwnRecord, type RecordReader } from './index-record.ts';
import { LEAF_VERSION_BYTES } from './leaf-versions.ts';
import { draw } from './lots.ts';
import type { Placement } from './placement.ts';
import { readVersion, versionIn } from './slot-versions.ts';

export type SlotQuestion = Partial<Omit<Body<'slotAsk'>, 'requestId' | 'full' | 'nodeIds'>>;

/** What we, as one of the replicas, would answer ourselves. */
export interface OwnAnswer {
  readonly learning: boolean;
  readonly records: readonly IndexRecord[];
  /** Of each leaf asked for, one after the other; empty: not told. */
  readonly leafVersions: Uint8Array;
}

type Version = Pick<OwnRecord, 'signedInAtMs' | 'sequence'>;

interface Told {
  readonly version: Version;
  /** Who says to have it, and was not asked for it yet. */
  readonly by: NodeId[];
}

interface Read {
  readonly slot: number;
  readonly question: SlotQuestion;
  readonly startedAt: Millis;
  readonly asked: Set<NodeId>;
  readonly answered: Set<NodeId>;
  /** Answers that count. */
  counts: number;
  hedged: boolean;
  /** READ_ENOUGH_MS have passed. */
  late: boolean;
  /** Who was asked for records first. */
  giver: NodeId | undefined;
  /** Replicas that we wait for some records from, and since when. */
  readonly fetching: Map<NodeId, Millis>;
  readonly records: Map<NodeId, IndexRecord>;
  /** The newest version first: a version that nobody shows must not hide what others have. */
  readonly told: Map<NodeId, Told[]>;
  /** How many of the answers that count have each version of a record. */
  readonly votes: Map<string, number>;
  /** By leaf. */
  readonly versions: Map<string, string | undefined>;
}

export interface ReadDone {
  readonly id: number;
  readonly records: readonly IndexRecord[];
  /** Of each leaf asked for; undefined when those who answered do not agree. */
  readonly versions: ReadonlyMap<string, string | undefined>;
  /** Did enough replicas that know their slot answer? */
  readonly complete: boolean;
  /** Does an answer that counts lack this record, or have another version of it? */
  readonly denied: (record: IndexRecord) => boolean;
}

export class SlotReads {
  readonly #self: NodeId;
  readonly #placement: Placement;
  readonly #reader: Pick<RecordReader, 'read' | 'refused'>;
  readonly #random: Random;
  readonly #wallClock: () => number;
  readonly #answerOwn: (slot: number, question: SlotQuestion) => OwnAnswer;
  readonly #reads = new Map<number, Read>();
  #lastId = 0;
  #done: ReadDone[] = [];
  #out: { readonly to: NodeId; readonly message: Message }[] = [];

  constructor(options: {
    readonly self: NodeId;
    readonly placement: Placement;
    readonly reader: Pick<RecordReader, 'read' | 'refused'>;
    readonly random: Random;
    readonly wallClock: () => number;
    readonly answerOwn: (slot: number, question: SlotQuestion) => OwnAnswer;
  }) {
    this.#self = options.self;
    this.#placement = options.placement;
    this.#reader = options.reader;
    this.#random = options.random;
    this.#wallClock = options.wallClock;
    this.#answerOwn = options.answerOwn;
  }

  get size(): number {
    return this.#reads.size;
  }

  /** The number that `done` will name. */
  ask(now: Millis, slot: number, question: SlotQuestion): number {
    this.#lastId = (this.#lastId + 1) >>> 0 || 1;
    const id = this.#lastId;
    const read: Read = {
      slot,
      question,
      startedAt: now,
      asked: new Set(),
      answered: new Set(),
      counts: 0,
      hedged: false,
      late: false,
      giver: undefined,
      fetching: new Map(),
      records: new Map(),
      told: new Map(),
      votes: new Map(),
      versions: new Map(),
    };
    this.#reads.set(id, read);
    const replicas = this.#placement.replicas(slot);
    const others = replicas.filter((one) => one !== this.#self);
    const own = others.length < replicas.length;
    if (own) {
      const { learning, records, leafVersions } = this.#answerOwn(slot, question);
      for (const record of records) this.#take(read, record);
      if (!learning) {
        count(read, leafVersions);
        const versions = records.map((record): [NodeId, Version] => [record.nodeId, record]);
        vote(read, versions);
      }
    }
    for (const to of draw(others, READ_ANSWERS - read.counts, this.#random)) this.#ask(id, read, to);
    this.#settle(now, id, read);
    return id;
  }

  /** An answer from a certified supernode. */
  receive(now: Millis, from: NodeId, body: Body<'slotAnswer'>): void {
    const read = this.#reads.get(body.requestId);
    if (!read?.asked.has(from)) return;
    for (const entry of body.entries.slice(0, INDEX_VERSIONS_MAX)) {
      const record = this.#reader.read(this.#wallClock(), entry, (id) => read.records.get(id));
      if (record) this.#take(read, record);
    }
    if (read.fetching.delete(from)) return this.#settle(now, body.requestId, read);
    if (read.answered.has(from)) return;
    read.answered.add(from);
    // One of each node: whoever invents many would have each waited for.
    const versions = [...new Map(body.versions.slice(0, INDEX_VERSIONS_MAX).flatMap(readVersion))];
    if (!body.learning) {
      count(read, body.leafVersions);
      vote(read, [...versions, ...body.entries.slice(0, INDEX_VERSIONS_MAX).flatMap(versionIn)]);
    }
    for (const [id, version] of versions) tell(read, id, version, from);
    if (body.learning) this.#askRest(body.requestId, read);
    this.#settle(now, body.requestId, read);
  }

  wake(now: Millis): void {
    for (const [id, read] of this.#reads) {
      if (!read.hedged && now >= read.startedAt + READ_HEDGE_MS) this.#askRest(id, read);
      // Whoever has it shows it as soon as others would: one who only says so must not keep everybody waiting.
      for (const [from, since] of read.fetching) if (now >= since + READ_HEDGE_MS) read.fetching.delete(from);
      this.#settle(now, id, read);
    }
  }

  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const { startedAt, hedged, late, fetching } of this.#reads.values()) {
      const afterMs = late ? READ_LIMIT_MS : hedged ? READ_ENOUGH_MS : READ_HEDGE_MS;
      at = Math.min(at, startedAt + afterMs);
      for (const since of fetching.values()) at = Math.min(at, since + READ_HEDGE_MS);
    }
    return at;
  }

  done(): ReadDone[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }

  drain(): { readonly to: NodeId; readonly message: Message }[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  // ------------------------------------------------------------------ one question

  #ask(id: number, read: Read, to: NodeId): void {
    const full = read.giver === undefined;
    read.giver ??= to;
    read.asked.add(to);
    this.#out.push({ to, message: message('slotAsk', { ...read.question, requestId: id, full }) });
  }

  #askRest(id: number, read: Read): void {
    read.hedged = true;
    if (read.giver !== undefined && !read.answered.has(read.giver)) read.giver = undefined;
    for (const to of this.#placement.replicas(read.slot)) {
      if (to !== this.#self && !read.asked.has(to)) this.#ask(id, read, to);
    }
  }

  #take(read: Read, record: IndexRecord): void {
    const { name = '' } = read.question;
    if (name !== '' && record.key !== name) {
      // Of somebody else: an answer to another question, or a lie.
      this.#reader.refused.misplaced += 1;
      return;
    }
    const known = read.records.get(record.nodeId);
    if (!known || compareVersions(record, known) > 0) read.records.set(record.nodeId, record);
  }

  #settle(now: Millis, id: number, read: Read): void {
    if (now >= read.startedAt + READ_LIMIT_MS) return this.#finish(id, read, false);
    if (now >= read.startedAt + READ_ENOUGH_MS) read.late = true;
    const needed = Math.min(READ_ANSWERS, this.#placement.replicas(read.slot).length);
    if (!isPending(read) && read.counts < needed && !read.hedged) this.#askRest(id, read);
    const pending = isPending(read);
    if (pending && !read.late) return;
    this.#fetchMissing(now, id, read);
    const enough = read.counts >= needed;
    if (read.fetching.size === 0 && (enough || !pending)) this.#finish(id, read, enough);
  }

  /** Records of which only the version was told. */
  #fetchMissing(now: Millis, id: number, read: Read): void {
    const wanted = new Map<NodeId, Buffer[]>();
    for (const [node, told] of read.told) {
      const known = read.records.get(node);
      const rest = told.filter(({ version, by }) => by.length > 0 && !(known && compareVersions(known, version) >= 0));
      if (rest.length === 0) read.told.delete(node);
      else read.told.set(node, rest);
      const from = read.fetching.size === 0 ? rest[0]?.by.shift() : undefined;
      if (from !== undefined) wanted.set(from, [...(wanted.get(from) ?? []), bytesOf(node)]);
    }
    for (const [to, nodeIds] of wanted) {
      read.fetching.set(to, now);
      this.#out.push({ to, message: message('slotAsk', { requestId: id, full: true, nodeIds }) });
    }
  }

  #finish(id: number, read: Read, complete: boolean): void {
    this.#reads.delete(id);
    const { records, versions, votes, counts } = read;
    const denied = (record: IndexRecord): boolean => (votes.get(voteOf(record.nodeId, record)) ?? 0) < counts;
    this.#done.push({ id, records: [...records.values()], versions, complete, denied });
  }
}

/** Somebody says to have this version of a record. */
function tell({ told }: Read, id: NodeId, version: Version, by: NodeId): void {
  const known = told.get(id) ?? [];
  const same = known.find((one) => compareVersions(one.version, version) === 0);
  if (same) same.by.push(by);
  else
    told.set(
      id,
      [...known, { version, by: [by] }].sort((a, b) => compareVersions(b.version, a.version)),
    );
}

/** An answer that counts: what it says of the versions of leaves must be what the others say. */
function count(read: Read, leafVersions: Uint8Array): void {
  (read.question.leaves ?? []).forEach((leaf, place) => {
    const at = place * LEAF_VERSION_BYTES;
    const bytes = leafVersions.subarray(at, at + LEAF_VERSION_BYTES);
    const version = bytes.length === LEAF_VERSION_BYTES ? Buffer.from(bytes).toString('hex') : undefined;
    const isFirst = read.counts === 0;
    read.versions.set(leaf, isFirst || read.versions.get(leaf) === version ? version : undefined);
  });
  read.counts += 1;
}

/** Each answer has one vote for a version, however often it says it. */
function vote({ votes }: Read, said: readonly [NodeId, Version][]): void {
  for (const one of new Set(said.map(([id, version]) => voteOf(id, version))))
    votes.set(one, (votes.get(one) ?? 0) + 1);
}

function voteOf(id: NodeId, { signedInAtMs, sequence }: Version): string {
  return `${id} ${signedInAtMs} ${sequence}`;
}

function isPending({ answered, asked }: Read): boolean {
  return answered.size < asked.size;
}
