/**
 * The Global Index while supernodes are few (to FULL_INDEX_MEMBERS_MAX): each holds all of it. A record that a client
 * publishes goes to all members at once; what was lost on the way is found by comparing copies, one member at a time
 * (global-index.md 4.3, stage 1). The larger index by slots gives the same answers and is tested against this one.
 *
 *   client --Publish--> read, store --gathered--> IndexPut to every member
 *   every INDEX_COMPARE_MS, with one member:
 *     IndexDigest (one number for all) ---> the same: IndexBuckets (none)
 *                                           else: <--- IndexDigest (a number for each bucket)
 *     IndexBuckets (versions in those that differ) --->
 *          <--- IndexGet (what is newer there)  IndexPut --->      <--- IndexPut (what is newer here)
 */
import type { Millis, Random } from '../protocol/core.ts';
import { bytesOf, hexOf, type NodeId } from '../protocol/ids.ts';
import {
  INDEX_COMPARE_MS,
  INDEX_GATHER_MS,
  INDEX_SWEEP_MS,
  INDEX_SWEEP_RECORDS,
  INDEX_VERSIONS_MAX,
  RECORDS_MAX,
  RECORDS_PER_PUT_MAX,
} from '../protocol/overlay-params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { CutOff } from './cut-off.ts';
import {
  compareVersions,
  type IndexRecord,
  isCurrent,
  type PersonJudge,
  RecordReader,
  type RevokedJudge,
} from './index-record.ts';
import { IndexStore } from './index-store.ts';
import {
  DIGEST_BYTES,
  differing,
  readVersion,
  rootOf,
  type Version,
  versionHash,
  versionOf,
  xorInto,
} from './slot-versions.ts';

export type IndexOutput =
  | { readonly type: 'send'; readonly to: NodeId; readonly message: Message }
  /** A record is new here, or newer than it was. */
  | { readonly type: 'record'; readonly record: IndexRecord };

/** So soon copies are compared again, when something may be missing. */
const COMPARE_SOON_MS = 5 * INDEX_GATHER_MS;
/** By the first byte of node ids: a copy is larger than a slot. */
const BUCKETS = 256;

type Wire = Parameters<RecordReader['read']>[1];

export class FullIndex {
  readonly store = new IndexStore();
  readonly reader: RecordReader;
  readonly #random: Random;
  readonly #wallClock: () => number;
  readonly #digests = Buffer.alloc(BUCKETS * DIGEST_BYTES);
  #members: readonly NodeId[] = [];
  #gathered: IndexRecord[] = [];
  #spreadAt: Millis = Number.POSITIVE_INFINITY;
  #compareAt: Millis = 0;
  #sweepAt: Millis = 0;
  /** Has a comparison with somebody shown that nothing is missing here? */
  #compared = false;
  #cutOff = new CutOff();
  #out: IndexOutput[] = [];

  constructor(options: {
    readonly random: Random;
    readonly wallClock: () => number;
    readonly judge: PersonJudge;
    readonly isRevoked?: RevokedJudge | undefined;
  }) {
    this.#random = options.random;
    this.#wallClock = options.wallClock;
    this.reader = new RecordReader(options.judge, options.isRevoked);
  }

  /** Is what is here all there is, as far as we know? */
  get complete(): boolean {
    return (this.#members.length === 0 || this.#compared) && !this.#cutOff.inDoubt;
  }

  /** Has a comparison shown that another has no more? */
  get compared(): boolean {
    return this.#compared;
  }

  /** Its account has revoked this node: it is not found any more. */
  revoked(key: string, node: NodeId): void {
    const record = this.store.get(node);
    if (record?.key === key) this.#forget(record);
  }

  /** Takes over what the index by slots holds here. */
  adopt(records: Iterable<IndexRecord>): void {
    for (const record of records) this.#put(record);
  }

  /** Hands all over, and is empty. */
  release(): IndexRecord[] {
    const records = [...this.store.records()];
    for (const record of records) this.#forget(record);
    this.#gathered = [];
    this.#compared = false;
    this.#cutOff = new CutOff();
    return records;
  }

  /** The other supernodes that live. One that is new is compared with soon. `left`: this one said good-bye. */
  setMembers(now: Millis, members: readonly NodeId[], left?: NodeId): void {
    this.#cutOff.setMembers(now, members, left);
    const known = new Set(this.#members);
    const fresh = members.some((id) => !known.has(id));
    this.#members = [...members];
    if (members.length === 0) this.#compared = false;
    if (fresh) this.#compareAt = Math.min(this.#compareAt, now + INDEX_GATHER_MS * this.#random.fraction());
  }

  /** What a client says of itself, from a session that has proven `node`. Undefined: taken, or known already. */
  publish(now: Millis, node: NodeId, wire: Wire): 'record-refused' | undefined {
    const before = this.reader.refused.known;
    const record = this.reader.read(this.#wallClock(), wire, (id) => this.store.get(id), node);
    if (!record) return this.reader.refused.known > before ? undefined : 'record-refused';
    if (!this.#put(record)) return 'record-refused';
    this.#gathered.push(record);
    if (this.#spreadAt === Number.POSITIVE_INFINITY) this.#spreadAt = now + INDEX_GATHER_MS;
    return undefined;
  }

  /** A message from a certified supernode. True when it was ours. */
  receive(now: Millis, from: NodeId, value: Message): boolean {
    switch (value.kind) {
      case 'indexPut':
        for (const wire of value.body.entries.slice(0, RECORDS_PER_PUT_MAX)) this.#take(wire);
        return true;
      case 'indexDigest':
        this.#compare(now, from, value.body);
        return true;
      case 'indexBuckets':
        this.#settle(now, from, value.body);
        return true;
      case 'indexGet':
        this.#give(
          from,
          value.body.nodeIds.slice(0, INDEX_VERSIONS_MAX).flatMap((id) => this.store.get(hexOf(id)) ?? []),
        );
        return true;
      default:
        return false;
    }
  }

  wake(now: Millis): void {
    if (now >= this.#spreadAt) {
      this.#spreadAt = Number.POSITIVE_INFINITY;
      for (const to of this.#members) this.#give(to, this.#gathered);
      this.#gathered = [];
    }
    if (now >= this.#compareAt) {
      this.#cutOff.wake(now);
      const back = this.#cutOff.next();
      const usualMs = INDEX_COMPARE_MS * (0.8 + 0.4 * this.#random.fraction());
      this.#compareAt = now + (back === undefined ? usualMs : COMPARE_SOON_MS);
      const to = back ?? this.#members[Math.floor(this.#random.fraction() * this.#members.length)];
      if (to !== undefined) this.#send(to, message('indexDigest', { root: rootOf(this.#digests) }));
    }
    if (now >= this.#sweepAt) {
      this.#sweepAt = now + INDEX_SWEEP_MS;
      const wallMs = this.#wallClock();
      for (const ended of this.store.ended(wallMs, INDEX_SWEEP_RECORDS)) this.#forget(ended);
    }
  }

  wakeAt(): Millis {
    const compareAt = this.#members.length > 0 ? this.#compareAt : Number.POSITIVE_INFINITY;
    return Math.min(this.#spreadAt, compareAt, this.store.size > 0 ? this.#sweepAt : Number.POSITIVE_INFINITY);
  }

  drain(): IndexOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  // ------------------------------------------------------------------ comparing

  /** Another's copy in one number, which is answered with all of ours when they differ; or in all: what differs is told by versions. */
  #compare(now: Millis, from: NodeId, { digests, root }: Body<'indexDigest'>): void {
    if (digests.length === 0 && root.length === DIGEST_BYTES) {
      if (rootOf(this.#digests).equals(root)) this.#send(from, message('indexBuckets', {}));
      else this.#send(from, message('indexDigest', { digests: Buffer.from(this.#digests) }));
      return;
    }
    if (digests.length !== this.#digests.length) return;
    // What comes of it is seen by comparing soon again.
    this.#compareAt = Math.min(this.#compareAt, now + COMPARE_SOON_MS);
    const versions: Version[] = [];
    const buckets: number[] = [];
    const inBuckets = this.#byBucket(differing(this.#digests, digests));
    for (const [bucket, records] of inBuckets) {
      // Whole buckets only: who is not told of a record takes it for missing.
      if (buckets.length > 0 && versions.length + records.length > INDEX_VERSIONS_MAX) break;
      buckets.push(bucket);
      versions.push(...records.map(versionOf));
    }
    this.#send(from, message('indexBuckets', { buckets: Buffer.from(buckets), versions }));
  }

  /** What the other holds in the buckets that differ: ask for what is newer there, give what is newer here. */
  #settle(now: Millis, from: NodeId, { buckets, versions }: Body<'indexBuckets'>): void {
    if (buckets.length === 0) return this.#equals(from);
    const wallMs = this.#wallClock();
    const theirs = new Map(versions.slice(0, INDEX_VERSIONS_MAX).flatMap(readVersion));
    const wanted: Buffer[] = [];
    for (const [id, version] of theirs) {
      const mine = this.store.get(id);
      const newer = !mine || compareVersions(version, mine) > 0;
      if (newer && isCurrent(version, wallMs)) wanted.push(bytesOf(id));
    }
    if (wanted.length > 0) this.#send(from, message('indexGet', { nodeIds: wanted }));
    else this.#equals(from);
    const mine = [...this.#byBucket(new Set(buckets)).values()].flat();
    const lacking = mine.filter((one) => {
      const version = theirs.get(one.nodeId);
      return isCurrent(one, wallMs) && (!version || compareVersions(one, version) > 0);
    });
    this.#give(from, lacking.slice(0, INDEX_VERSIONS_MAX));
    // Not all could be told at once, perhaps; the next comparison need not wait its turn.
    if (wanted.length > 0) this.#compareAt = Math.min(this.#compareAt, now + COMPARE_SOON_MS);
  }

  /** Nothing that this one has is missing here. */
  #equals(from: NodeId): void {
    this.#compared = true;
    this.#cutOff.compared(from);
  }

  #byBucket(wanted: ReadonlySet<number>): Map<number, IndexRecord[]> {
    const found = new Map<number, IndexRecord[]>([...wanted].map((bucket) => [bucket, []]));
    if (wanted.size > 0) for (const record of this.store.records()) found.get(bucketOf(record.nodeId))?.push(record);
    return found;
  }

  // ------------------------------------------------------------------ records

  #take(wire: Wire): void {
    const record = this.reader.read(this.#wallClock(), wire, (id) => this.store.get(id));
    if (record) this.#put(record);
  }

  #put(record: IndexRecord): boolean {
    const old = this.store.get(record.nodeId);
    if (!old && this.store.size >= RECORDS_MAX) return false;
    if (!this.store.put(record)) return false;
    if (old) this.#mark(old);
    this.#mark(record);
    this.#out.push({ type: 'record', record });
    return true;
  }

  #forget(record: IndexRecord): void {
    this.store.delete(record.nodeId);
    this.#mark(record);
  }

  /** In and out of a bucket's digest alike: it is the exclusive or of all versions in it. */
  #mark(record: IndexRecord): void {
    const at = bucketOf(record.nodeId) * DIGEST_BYTES;
    xorInto(this.#digests.subarray(at, at + DIGEST_BYTES), versionHash(record));
  }

  #give(to: NodeId, records: readonly IndexRecord[]): void {
    for (let at = 0; at < records.length; at += RECORDS_PER_PUT_MAX) {
      const entries = records.slice(at, at + RECORDS_PER_PUT_MAX).map(({ sealed }) => sealed);
      this.#send(to, message('indexPut', { entries }));
    }
  }

  #send(to: NodeId, value: Message): void {
    this.#out.push({ type: 'send', to, message: value });
  }
}

/** Node ids are hashes, so their first byte spreads them evenly. */
function bucketOf(node: NodeId): number {
  return Number.parseInt(node.slice(0, 2), 16);
}
