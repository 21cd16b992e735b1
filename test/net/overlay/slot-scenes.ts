/** Supernodes with slot indexes for tests: real records and real bytes on links of 50 ms; membership is told from above. */
import type { GlobalIndexOutput, Ticket } from '../../../src/net/overlay/global-index.ts';
import { RecordReader } from '../../../src/net/overlay/index-record.ts';
import { IndexStore, type Page, type Query } from '../../../src/net/overlay/index-store.ts';
import { SlotIndex } from '../../../src/net/overlay/slot-index.ts';
import type { NodeId } from '../../../src/net/protocol/ids.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../src/net/wire/messages.ts';
import { Chance } from '../../sim/chance.ts';
import { Timeline } from '../../sim/timeline.ts';
import { judge, nodeIdFor, recordOf, sealed, WALL_MS } from './index-scenes.ts';

type Own = NonNullable<Parameters<typeof sealed>[2]>;
type Answer = Exclude<GlobalIndexOutput, { type: 'send' | 'record' }>;

export class Slots {
  readonly ids: NodeId[];
  readonly indexes = new Map<NodeId, SlotIndex>();
  /** One full copy of all that was published. */
  readonly oracle = new IndexStore();
  readonly answers = new Map<string, Answer>();
  /** What happens to a message on its way; undefined: it is lost. */
  onTheWay: (from: NodeId, to: NodeId, value: Message) => Message | undefined = (_from, _to, value) => value;
  wallAheadMs = 0;
  readonly #timeline = new Timeline(0);

  constructor(count: number, from = 5_000) {
    this.ids = Array.from({ length: count }, (_, number) => nodeIdFor(from + number));
    for (const id of this.ids) this.add(id);
    this.tellMembers();
    this.advance(30_000);
  }

  get now(): number {
    return this.#timeline.now;
  }

  get wallMs(): number {
    return WALL_MS + Math.floor(this.now) + this.wallAheadMs;
  }

  add(id: NodeId): SlotIndex {
    const random = new Chance(1, `slots ${id}`);
    const index = new SlotIndex({ self: id, random, wallClock: () => this.wallMs, reader: new RecordReader(judge) });
    this.indexes.set(id, index);
    return index;
  }

  of(place: number): SlotIndex {
    return this.indexes.get(this.ids[place] as NodeId) as SlotIndex;
  }

  tellMembers(): void {
    const ids = [...this.indexes.keys()];
    for (const [id, index] of this.indexes) {
      index.setMembers(
        this.now,
        ids.filter((other) => other !== id),
      );
    }
  }

  /** Falls silent; the others know it `afterMs` later. */
  kill(id: NodeId): void {
    this.indexes.delete(id);
  }

  advance(ms: number): void {
    const limit = this.now + ms;
    while (this.now < limit) {
      const next = this.now + 10;
      while (this.#timeline.step(next));
      for (const id of [...this.indexes.keys()]) this.#settle(id);
    }
  }

  publish(place: number, name: string, number: number, own: Own = {}): Ticket | 'record-refused' {
    const whole = { displayName: `Person ${number}`, signedInAtMs: this.wallMs, ...own };
    this.oracle.put(recordOf(name, number, whole));
    const ticket = this.of(place).publish(this.now, nodeIdFor(number), sealed(name, number, whole));
    this.#settle(this.ids[place] as NodeId);
    return ticket;
  }

  search(place: number, query: Partial<Query> & { readonly pattern: string }): Extract<Answer, { type: 'page' }> {
    const ticket = this.of(place).search(this.now, this.query(query));
    const answer = this.answer(place, ticket);
    if (answer.type !== 'page') throw new Error(`${answer.type} instead of a page`);
    return answer;
  }

  expected(query: Partial<Query> & { readonly pattern: string }): Page {
    return this.oracle.search(this.query(query));
  }

  find(place: number, name: string): Extract<Answer, { type: 'found' }> {
    const answer = this.answer(place, this.of(place).find(this.now, name, this.wallMs));
    if (answer.type !== 'found') throw new Error(`${answer.type} instead of records`);
    return answer;
  }

  /** Waits for it. Throws when it does not come. */
  answer(place: number, ticket: Ticket | 'record-refused'): Answer {
    const id = `${this.ids[place]} ${ticket}`;
    for (let i = 0; i < 600 && !this.answers.has(id); i += 1) this.advance(10);
    const answer = this.answers.get(id);
    if (!answer) throw new Error('no answer came');
    return answer;
  }

  query(query: Partial<Query> & { readonly pattern: string }): Query {
    return { limit: 50, after: '', asOfMs: Math.floor(this.wallMs / 60_000) * 60_000, ...query };
  }

  #settle(id: NodeId): void {
    const index = this.indexes.get(id);
    if (index && this.now >= index.wakeAt()) index.wake(this.now);
    for (const output of index?.drain() ?? []) this.#act(id, output);
  }

  #act(from: NodeId, output: GlobalIndexOutput): void {
    if (output.type === 'record') return;
    if (output.type !== 'send') {
      this.answers.set(`${from} ${output.ticket}`, output);
      return;
    }
    const value = this.onTheWay(from, output.to, output.message);
    if (!value) return;
    const bytes = encodeMessage(value);
    this.#timeline.after(50, () => {
      const read = decodeMessage(bytes);
      if (!read || !this.indexes.has(output.to)) return;
      this.indexes.get(output.to)?.receive(this.now, from, read);
      this.#settle(output.to);
    });
  }
}
