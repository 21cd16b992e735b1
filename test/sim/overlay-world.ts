/**
 * Many supernodes in virtual time: membership and index cores on a network with latency and loss, and people who sign
 * in at them. Nothing is encrypted or signed (a record counts when this world made it), so that thousands fit into one
 * process; messages are those of the real cores, handed over as objects, with every SAMPLED-th encoded for its size.
 */
import type { GlobalIndexOutput, Ticket } from '../../src/net/overlay/global-index.ts';
import {
  compareVersions,
  type IndexRecord,
  isCurrent,
  type RecordReader,
  type SealedRecord,
} from '../../src/net/overlay/index-record.ts';
import { IndexStore, type Page, type Query } from '../../src/net/overlay/index-store.ts';
import { NAMES_LEAF, orderedKeys, separatorBetween } from '../../src/net/overlay/leaf-map.ts';
import { viewOf } from '../../src/net/overlay/member-table.ts';
import { Membership, type MembershipOutput } from '../../src/net/overlay/membership.ts';
import { placementView, ScoreBook } from '../../src/net/overlay/placement.ts';
import { SlotIndex } from '../../src/net/overlay/slot-index.ts';
import { bytesOf, foldName, type NodeId } from '../../src/net/protocol/ids.ts';
import {
  decodeMessage,
  encodeBody,
  encodeMessage,
  type Message,
  type MessageKind,
  message,
} from '../../src/net/wire/messages.ts';
import { Chance } from './chance.ts';
import { Timeline } from './timeline.ts';

const WALL_MS = Date.UTC(2026, 5, 1);
/** An entry comes and a session is made. */
const CONNECT_MS = 150;
const SAMPLED = 32;
/** A lost piece of a reliable message comes again after so long. */
const REPEAT_MS = 250;

export interface Person {
  readonly name: string;
  readonly displayName: string;
  readonly nodeId: NodeId;
  readonly listed: boolean;
}

export interface Supernode {
  readonly id: NodeId;
  readonly membership: Membership;
  readonly index: SlotIndex;
  /** Where it is: on a square whose side is 80 ms. */
  readonly x: number;
  readonly y: number;
}

export interface Answer {
  readonly complete: boolean;
  readonly tookMs: number;
  readonly page: Page | undefined;
  readonly records: readonly IndexRecord[];
}

const CERTIFICATE = Buffer.alloc(760, 7);
const SIGNATURE = Buffer.alloc(256, 9);
const made = new WeakMap<Buffer, IndexRecord>();

function standInReader(): Pick<RecordReader, 'read' | 'refused'> {
  const refused = { malformed: 0, oversized: 0, expired: 0, early: 0, known: 0, misplaced: 0, forged: 0, revoked: 0 };
  return {
    refused,
    read: (wallMs, wire, known) => {
      const record = made.get(wire.record as Buffer);
      if (!record) refused.forged += 1;
      else if (!isCurrent(record, wallMs)) refused.expired += 1;
      else {
        const older = known(record.nodeId);
        if (!older || compareVersions(record, older) > 0) return record;
        refused.known += 1;
      }
      return undefined;
    },
  };
}

export class OverlayWorld {
  /** Everybody's newest record: what a full copy holds. */
  readonly oracle = new IndexStore();
  readonly counts = new Map<MessageKind, number>();
  /** Of each kind, extrapolated from the samples. */
  readonly bytes = new Map<MessageKind, number>();
  readonly alive = new Map<NodeId, Supernode>();
  readonly ids: NodeId[];
  loss: number;
  /** Supernodes with different numbers don't hear each other. */
  readonly part = new Map<NodeId, number>();
  readonly chance: Chance;
  readonly #seed: number;
  readonly #timeline = new Timeline(0);
  readonly #scores = new ScoreBook();
  readonly #wakes = new Map<NodeId, { readonly at: number; readonly cancel: () => void }>();
  readonly #waiting = new Map<string, { readonly askedAt: number; readonly then: (answer: Answer) => void }>();
  readonly #templates = new Map<MessageKind, object>();
  #lives = 0;
  #here: readonly NodeId[] | undefined;
  #sequence = 0;

  constructor(options: { readonly seed: number; readonly supernodes: number; readonly loss?: number }) {
    this.#seed = options.seed;
    this.loss = options.loss ?? 0;
    this.chance = new Chance(options.seed, 'world');
    const ids = new Chance(options.seed, 'ids');
    this.ids = Array.from({ length: options.supernodes }, () => ids.bytes(16).toString('hex'));
  }

  get now(): number {
    return this.#timeline.now;
  }

  get wallMs(): number {
    return WALL_MS + Math.floor(this.now);
  }

  /** As a search says it. */
  get asOfMs(): number {
    return Math.floor(this.wallMs / 60_000) * 60_000;
  }

  /**
   * The network stands already: all know all, and these people have signed in, each at some supernode. As after
   * `startAll` and `publish`, without their traffic; what everybody knows alike is in memory once.
   */
  standAll(crowd: readonly Person[] = []): void {
    const members = viewOf(this.ids, this.now);
    const placement = placementView(this.ids, this.wallMs);
    const records = crowd.map((person) => this.#recordOf(person, this.#some(this.ids)));
    const separators = separatorsOf(records);
    const pattern = this.#indexOf(this.ids[0] as NodeId);
    pattern.stand(this.now, placement, separators, []);
    const held = new Map<NodeId, IndexRecord[]>();
    for (const record of records) {
      this.oracle.put(record);
      const holders = new Set(pattern.shelf.slotsOf(record, []).flatMap((slot) => pattern.placement.replicas(slot)));
      for (const id of holders) {
        const here = held.get(id);
        if (here) here.push(record);
        else held.set(id, [record]);
      }
    }
    for (const id of this.ids) {
      const one = this.#make(id);
      one.membership.adopt(this.now, members);
      one.index.stand(this.now, placement, separators, held.get(id) ?? []);
      this.#settle(one);
    }
  }

  /** All at once, each knowing a few that are there and finding the others. */
  startAll(contacts = 5): void {
    for (const id of this.ids) {
      const known = Array.from({ length: contacts }, () => this.#some(this.ids)).filter((one) => one !== id);
      this.start(id, known);
    }
  }

  start(id: NodeId, contacts: readonly NodeId[]): void {
    const one = this.#make(id);
    const { membership } = one;
    for (const contact of contacts) membership.entryKnown(this.now, contact, 1);
    membership.announce(this.now, { loadPermille: 0, entryIssuedAtMs: 1 });
    membership.start(this.now, contacts);
    this.#settle(one);
  }

  #make(id: NodeId): Supernode {
    this.#lives += 1;
    const random = new Chance(this.#seed, `${id} ${this.#lives}`);
    const place = new Chance(this.#seed, `place ${id}`);
    const membership = new Membership({ random, self: id });
    const one = { id, membership, index: this.#indexOf(id), x: place.fraction() * 80, y: place.fraction() * 80 };
    this.alive.set(id, one);
    this.#here = undefined;
    return one;
  }

  #indexOf(id: NodeId): SlotIndex {
    const random = new Chance(this.#seed, `index ${id} ${this.#lives}`);
    const wallClock = (): number => this.wallMs;
    return new SlotIndex({ self: id, random, wallClock, reader: standInReader(), scores: this.#scores });
  }

  /** One that lives, by chance. */
  someone(): NodeId {
    this.#here ??= [...this.alive.keys()];
    return this.#some(this.#here);
  }

  /** It falls silent. */
  kill(id: NodeId): void {
    this.alive.delete(id);
    this.#here = undefined;
    this.#wakes.get(id)?.cancel();
    this.#wakes.delete(id);
  }

  advance(ms: number): void {
    const limit = this.now + ms;
    while (this.#timeline.step(limit));
  }

  /** Runs until it holds; how long that took. Infinity: it never did. */
  until(holds: () => boolean, limitMs: number, everyMs = 100): number {
    const begin = this.now;
    while (this.now - begin < limitMs) {
      if (holds()) return this.now - begin;
      this.advance(everyMs);
    }
    return holds() ? this.now - begin : Number.POSITIVE_INFINITY;
  }

  after(ms: number, happen: () => void): void {
    this.#timeline.after(ms, happen);
  }

  /** Does everybody see exactly all others, and hold all of its slots? */
  settled(): boolean {
    return [...this.alive.values()].every(
      ({ membership, index }) => membership.aliveCount === this.alive.size - 1 && !index.shelf.isLearning,
    );
  }

  /** A person signs in at a supernode, and the oracle knows it. `then` hears whether it was published. */
  publish(at: NodeId, person: Person, then: (answer: Answer) => void = () => {}): void {
    const record = this.#recordOf(person, at);
    this.oracle.put(record);
    this.#ask(at, then, (one) => one.index.publish(this.now, record.nodeId, record.sealed));
  }

  #recordOf({ name, nodeId, displayName, listed }: Person, at: NodeId): IndexRecord {
    this.#sequence += 1;
    const own = { nodeId, displayName, listed, homes: [at], signedInAtMs: this.wallMs, sequence: this.#sequence };
    const bytes = encodeBody('IndexRecord', { ...own, nodeId: bytesOf(nodeId), homes: [bytesOf(at)] });
    const sealed: SealedRecord = { certificate: CERTIFICATE, record: bytes, signature: SIGNATURE };
    const record = { ...own, name, key: foldName(name), sealed };
    made.set(bytes, record);
    return record;
  }

  find(at: NodeId, name: string, then: (answer: Answer) => void): void {
    this.#ask(at, then, (one) => one.index.find(this.now, name, this.asOfMs));
  }

  search(at: NodeId, query: Query, then: (answer: Answer) => void): void {
    this.#ask(at, then, (one) => one.index.search(this.now, query));
  }

  /** Asks and runs until the answer is there. Throws when none comes. */
  answerTo(ask: (then: (answer: Answer) => void) => void): Answer {
    let answer: Answer | undefined;
    ask((one) => {
      answer = one;
    });
    this.until(() => answer !== undefined, 20_000, 10);
    if (!answer) throw new Error('no answer came');
    return answer;
  }

  /** Messages so far, of these kinds. */
  sent(...kinds: readonly MessageKind[]): number {
    const wanted = kinds.length > 0 ? kinds : [...this.counts.keys()];
    return wanted.reduce((sum, kind) => sum + (this.counts.get(kind) ?? 0), 0);
  }

  /** What one supernode has to keep: 31 bytes a member, the signed records, the separators of leaves. */
  stateBytes({ membership, index }: Supernode): number {
    let bytes = 31 * membership.aliveCount;
    for (const { sealed } of index.shelf.store.records()) {
      bytes += sealed.certificate.length + sealed.record.length + sealed.signature.length;
    }
    for (const separator of index.leaves.all()) bytes += separator.length;
    return bytes;
  }

  sentBytes(): number {
    return [...this.bytes.values()].reduce((sum, one) => sum + one, 0);
  }

  #ask(at: NodeId, then: (answer: Answer) => void, ask: (one: Supernode) => Ticket | 'record-refused'): void {
    const one = this.alive.get(at);
    const ticket = one ? ask(one) : 'record-refused';
    if (!one || ticket === 'record-refused') {
      return then({ complete: false, tookMs: 0, page: undefined, records: [] });
    }
    this.#waiting.set(`${at} ${ticket}`, { askedAt: this.now, then });
    this.#settle(one);
  }

  #settle(one: Supernode): void {
    for (let more = true; more; ) {
      const [news, said] = [one.membership.drain(), one.index.drain()];
      for (const output of news) this.#actMembership(one, output);
      for (const output of said) this.#actIndex(one, output);
      more = news.length > 0 || said.length > 0;
    }
    const at = Math.min(one.membership.wakeAt(), one.index.wakeAt());
    const armed = this.#wakes.get(one.id);
    if (armed?.at === at) return;
    armed?.cancel();
    const cancel = this.#timeline.at(Math.max(at, this.now), () => {
      this.#wakes.delete(one.id);
      if (this.alive.get(one.id) !== one) return;
      one.membership.wake(this.now);
      one.index.wake(this.now);
      this.#settle(one);
    });
    this.#wakes.set(one.id, { at, cancel });
  }

  #actMembership(one: Supernode, output: MembershipOutput): void {
    if (output.type === 'send') this.#carry(one, output.to, output.message, output.reliable);
    else if (output.type === 'changed') one.index.setMembers(this.now, one.membership.alive());
    else if (output.type === 'entry-wanted') {
      this.after(CONNECT_MS, () => {
        if (this.alive.get(one.id) !== one) return;
        one.membership.entryKnown(this.now, output.id, 1);
        this.#settle(one);
      });
    }
  }

  #actIndex(one: Supernode, output: GlobalIndexOutput): void {
    if (output.type === 'send') return this.#carry(one, output.to, output.message, true);
    if (output.type === 'record') return;
    const id = `${one.id} ${output.ticket}`;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.then({
      complete: output.type === 'published' ? output.ok : output.complete,
      tookMs: this.now - waiting.askedAt,
      page: output.type === 'page' ? output.page : undefined,
      records: output.type === 'found' ? output.records : [],
    });
  }

  #carry(from: Supernode, to: NodeId, value: Message, reliable: boolean): void {
    const { kind } = value;
    const count = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, count);
    if (count % SAMPLED === 1) {
      this.bytes.set(kind, (this.bytes.get(kind) ?? 0) + SAMPLED * encodeMessage(value).length);
    }
    if ((this.part.get(from.id) ?? 0) !== (this.part.get(to) ?? 0)) return;
    let delayMs = this.#delayMs(from, to);
    while (this.chance.hits(this.loss)) {
      if (!reliable) return;
      delayMs += REPEAT_MS;
    }
    const whole = { kind, body: Object.assign(Object.create(this.#template(kind)), value.body) } as Message;
    this.after(delayMs, () => {
      const one = this.alive.get(to);
      if (!one) return;
      if (!one.membership.receive(this.now, from.id, whole)) one.index.receive(this.now, from.id, whole);
      this.#settle(one);
    });
  }

  #delayMs(from: Supernode, to: NodeId): number {
    const other = this.alive.get(to);
    const distance = other ? Math.hypot(from.x - other.x, from.y - other.y) : 40;
    return 5 + 0.6 * distance + 5 * this.chance.fraction();
  }

  /** Fields that did not travel have their defaults, as after decoding. */
  #template(kind: MessageKind): object {
    let template = this.#templates.get(kind);
    if (!template) {
      template = decodeMessage(encodeMessage(message(kind)))?.body as object;
      this.#templates.set(kind, template);
    }
    return template;
  }

  #some<T>(from: readonly T[]): T {
    return from[Math.floor(this.chance.fraction() * from.length)] as T;
  }
}

/** Keys of a leaf of a network that stands: as full as leaves are on average (global-index.md 4.3). */
const LEAF_KEYS = 390;

function separatorsOf(records: readonly IndexRecord[]): string[] {
  const keys = records.flatMap((record) => [...orderedKeys(record, [])]).sort();
  const words = keys.findIndex((key) => !key.startsWith(NAMES_LEAF));
  const kinds = words < 0 ? [keys] : [keys.slice(0, words), keys.slice(words)];
  return kinds.flatMap((some) => {
    const cuts: string[] = [];
    for (let at = LEAF_KEYS; at < some.length; at += LEAF_KEYS) {
      cuts.push(separatorBetween(some[at - 1] as string, some[at] as string));
    }
    return cuts;
  });
}

const FIRST =
  'anna bob carol dave emma frank grace hugo ida jon kate liam mia noah olga paul rosa sam tina ute vera will'.split(
    ' ',
  );
const LAST =
  'smith jones brown garcia miller davis wilson moore taylor white harris martin young king wright lopez'.split(' ');

/** People with names as people choose them: common beginnings, numbers behind them. */
export function people(count: number, seed = 1): Person[] {
  const chance = new Chance(seed, 'people');
  return Array.from({ length: count }, (_, number) => {
    const first = FIRST[chance.between(0, FIRST.length - 1)] as string;
    const last = LAST[chance.between(0, LAST.length - 1)] as string;
    const name = `${first}.${last}.${number.toString(36)}`;
    const shown = `${first[0]?.toUpperCase()}${first.slice(1)} ${last[0]?.toUpperCase()}${last.slice(1)}`;
    const nodeId = new Chance(number, `node ${seed}`).bytes(16).toString('hex');
    return { name, displayName: shown, nodeId, listed: chance.fraction() > 0.02 };
  });
}
