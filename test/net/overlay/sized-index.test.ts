/** One face for both forms of the index: which is used, and that nothing is lost in the change. */
import { describe, expect, test } from 'vitest';
import type { GlobalIndexOutput } from '../../../src/net/overlay/global-index.ts';
import { type IndexSizes, SizedIndex } from '../../../src/net/overlay/sized-index.ts';
import { FULL_INDEX_MEMBERS_MAX, SLOT_INDEX_MEMBERS_MIN } from '../../../src/net/protocol/overlay-params.ts';
import { decodeMessage, encodeMessage, type Message, message } from '../../../src/net/wire/messages.ts';
import { Chance } from '../../sim/chance.ts';
import { judge, nodeIdFor, sealed, WALL_MS } from './index-scenes.ts';

const IDS = Array.from({ length: 70 }, (_, number) => nodeIdFor(8_000 + number));
const QUERY = { pattern: 'person', limit: 10, after: '', asOfMs: WALL_MS };

/** As it is after a journey. */
function whole(value: Message): Message {
  return decodeMessage(encodeMessage(value)) as Message;
}

/** Some of them, all of one mind about who lives. */
class Sized {
  now = 0;
  readonly sizes: IndexSizes | undefined;
  readonly indexes = new Map<string, SizedIndex>();
  readonly answers: Exclude<GlobalIndexOutput, { type: 'send' }>[] = [];

  constructor(count: number, sizes?: IndexSizes) {
    this.sizes = sizes;
    for (const self of IDS.slice(0, count)) this.add(self);
    this.tellMembers();
    this.advance(10_000);
  }

  add(self: string): void {
    const random = new Chance(1, self);
    this.indexes.set(
      self,
      new SizedIndex({ self, random, wallClock: () => WALL_MS + this.now, judge, sizes: this.sizes }),
    );
  }

  tellMembers(): void {
    for (const self of this.indexes.keys()) this.tell(self);
  }

  /** One of them learns who lives. */
  tell(self: string): void {
    const others = [...this.indexes.keys()].filter((id) => id !== self);
    this.indexes.get(self)?.setMembers(this.now, others);
  }

  of(place: number): SizedIndex {
    return this.indexes.get(IDS[place] as string) as SizedIndex;
  }

  publish(place: number, number: number): void {
    const own = { displayName: 'Someone', signedInAtMs: WALL_MS + this.now };
    this.of(place).publish(this.now, nodeIdFor(number), sealed(`person-${number}`, number, own));
  }

  forms(): Set<string> {
    return new Set([...this.indexes.values()].map(({ form }) => form));
  }

  /** The answer to the only question. */
  ask(place: number) {
    this.answers.length = 0;
    this.of(place).search(this.now, QUERY);
    this.advance(1_500);
    return this.answers.find(({ type }) => type === 'page');
  }

  advance(ms: number): void {
    for (const until = this.now + ms; this.now < until; this.now += 50) {
      const flying: { readonly from: string; readonly to: string; readonly bytes: Buffer }[] = [];
      for (const [from, index] of this.indexes) {
        if (this.now >= index.wakeAt()) index.wake(this.now);
        for (const output of index.drain()) {
          if (output.type === 'send') flying.push({ from, to: output.to, bytes: encodeMessage(output.message) });
          else this.answers.push(output);
        }
      }
      for (const { from, to, bytes } of flying) {
        const value = decodeMessage(bytes);
        if (value) this.indexes.get(to)?.receive(this.now, from, value);
      }
    }
  }
}

describe('the index of the fitting size', () => {
  test('is of full copies at first, and answers at once', () => {
    const sized = new Sized(1);
    sized.publish(0, 1);
    const find = sized.of(0).find(0, 'person-1', WALL_MS);
    const search = sized.of(0).search(0, QUERY);
    const said = sized.of(0).drain();
    expect(said.map(({ type }) => type).sort()).toEqual(['found', 'page', 'published', 'record']);
    expect(said).toContainEqual(expect.objectContaining({ type: 'found', ticket: find, complete: true }));
    const hits = [{ name: 'person-1', displayName: 'Someone' }];
    expect(said).toContainEqual({
      type: 'page',
      ticket: search,
      page: { hits, next: '', whole: true },
      complete: true,
    });
    expect(sized.of(0).publish(0, nodeIdFor(2), sealed('person-3', 3))).toBe('record-refused');
  });

  test('goes over to slots with the sixty-fifth supernode and back, with the same answers', () => {
    const sized = new Sized(FULL_INDEX_MEMBERS_MAX);
    for (let i = 0; i < 20; i += 1) sized.publish(i, i);
    sized.advance(3_000);
    expect(sized.forms()).toEqual(new Set(['full']));
    const before = sized.ask(3);
    expect(before).toMatchObject({ complete: true });

    sized.add(IDS[FULL_INDEX_MEMBERS_MAX] as string);
    sized.tellMembers();
    expect(sized.forms()).toEqual(new Set(['slots']));
    sized.advance(30_000);
    const after = sized.ask(7);
    expect(after).toMatchObject({ complete: true, page: (before as { page: object }).page });
    const held = [...sized.indexes.values()].map(({ size }) => size);
    expect(Math.max(...held)).toBeLessThanOrEqual(20);

    for (const id of IDS.slice(SLOT_INDEX_MEMBERS_MIN - 1)) sized.indexes.delete(id);
    sized.tellMembers();
    sized.advance(40_000);
    expect(sized.forms()).toEqual(new Set(['full']));
    expect(sized.ask(7)).toMatchObject({ complete: true, page: (before as { page: object }).page });
    for (const { size } of sized.indexes.values()) expect(size).toBe(20);
  });

  test('takes records in either form while others have changed already', () => {
    const sized = new Sized(1);
    const [from] = [IDS[5] as string];
    const entries = [{ entry: sealed('person-1', 1), also: [] }];
    const put = message('slotPut', { requestId: 7, entries: entries as never, leaves: [] });
    expect(sized.of(0).receive(0, from, put)).toBe(true);
    expect(sized.of(0).receive(0, from, message('slotAsk', { requestId: 1 }))).toBe(true);
    expect(sized.of(0).size).toBe(1);
    const [answer] = sized
      .of(0)
      .drain()
      .filter(({ type }) => type === 'send');
    expect(answer).toMatchObject({ to: from, message: { kind: 'slotTaken', body: { requestId: 7 } } });
    sized.of(0).setMembers(0, IDS.slice(1));
    expect(sized.of(0).form).toBe('slots');
    expect(sized.of(0).receive(0, from, message('indexPut', { entries: [sealed('person-2', 2)] as never }))).toBe(true);
    expect(sized.of(0).receive(0, from, message('indexDigest', { digests: Buffer.alloc(2_048) }))).toBe(true);
    expect(sized.of(0).receive(0, from, message('keepAlive', { id: 1 }))).toBe(false);
    expect(sized.of(0).size).toBe(2);
  });

  describe('while supernodes are of different minds about how many they are', () => {
    const SIZES = { fullMembersMax: 12, slotMembersMin: 10 };
    const COUNT = 16;

    /** Somebody signs in every half second, and whoever has done so is looked for everywhere. */
    function lives(sized: Sized, forMs: number, people: { count: number }): void {
      const chance = new Chance(people.count, 'somewhere');
      const until = sized.now + forMs;
      const somewhere = (): SizedIndex =>
        [...sized.indexes.values()][chance.between(0, sized.indexes.size - 1)] as SizedIndex;
      while (sized.now < until) {
        sized.answers.length = 0;
        const number = people.count;
        const own = { displayName: 'Someone', signedInAtMs: WALL_MS + sized.now };
        const said = somewhere().publish(sized.now, nodeIdFor(number), sealed(`person-${number}`, number, own));
        const who = chance.between(0, people.count);
        const ticket = somewhere().find(sized.now, `person-${who}`, WALL_MS + sized.now);
        sized.advance(1_200);
        expect(sized.answers).toContainEqual({ type: 'published', ticket: said, ok: true });
        people.count += 1;
        const found = sized.answers.find((one) => one.type === 'found' && one.ticket === ticket);
        const isJustNow = who === number;
        if (!isJustNow)
          expect(found, `person-${who} at ${sized.now}`).toMatchObject({ records: [{ key: `person-${who}` }] });
      }
    }

    test('nobody is lost as they become more and fewer', () => {
      const chance = new Chance(1, 'minds');
      const sized = new Sized(COUNT - 4, SIZES);
      sized.advance(30_000);
      const people = { count: 0 };
      lives(sized, 10_000, people);
      for (const id of IDS.slice(COUNT - 4, COUNT)) sized.add(id);
      const fresh = IDS.slice(COUNT - 4, COUNT);
      const learnsAt = new Map([...sized.indexes.keys()].map((id) => [id, sized.now + 50_000 * chance.fraction()]));
      for (const id of fresh) sized.tell(id);
      const until = sized.now + 170_000;
      while (sized.now < until) {
        for (const [id, at] of learnsAt) if (sized.now >= at && learnsAt.delete(id)) sized.tell(id);
        lives(sized, 4_000, people);
      }
      expect(sized.forms()).toEqual(new Set(['slots']));
      expect([...sized.indexes.values()].map(({ changing }) => changing)).not.toContain(true);

      // Of sixteen seven leave.
      for (const id of IDS.slice(9, COUNT)) sized.indexes.delete(id);
      for (const id of sized.indexes.keys()) learnsAt.set(id, sized.now + 50_000 * chance.fraction());
      // Slots that lose most of their replicas at once answer again when that is known.
      const later = sized.now + 170_000;
      while (sized.now < later) {
        for (const [id, at] of learnsAt) if (sized.now >= at && learnsAt.delete(id)) sized.tell(id);
        sized.advance(2_000);
        if (learnsAt.size === 0) lives(sized, 4_000, people);
      }
      expect(sized.forms()).toEqual(new Set(['full']));
      expect(new Set([...sized.indexes.values()].map(({ size }) => size))).toEqual(new Set([people.count]));
    });

    test('one that comes when they are few enough for copies, but have slots, has slots too', () => {
      const sized = new Sized(13, SIZES);
      sized.advance(30_000);
      sized.indexes.delete(IDS[12] as string);
      sized.tellMembers();
      const people = { count: 0 };
      lives(sized, 20_000, people);
      sized.advance(120_000);
      expect(sized.forms()).toEqual(new Set(['slots']));
      sized.indexes.delete(IDS[11] as string);
      sized.add(IDS[20] as string);
      sized.tellMembers();
      sized.advance(15_000);
      expect(sized.forms()).toEqual(new Set(['slots']));
      lives(sized, 20_000, people);
    });

    test('one that knew nobody before holds nothing for all there is', () => {
      const sized = new Sized(13, SIZES);
      sized.publish(0, 1);
      sized.advance(120_000);
      sized.add(IDS[30] as string);
      // Nothing reaches it for a moment but who else is there.
      sized.tell(IDS[30] as string);
      const newcomer = sized.indexes.get(IDS[30] as string) as SizedIndex;
      newcomer.wake(sized.now);
      newcomer.drain();
      newcomer.receive(sized.now, IDS[0] as string, whole(message('slotAsk', { requestId: 5, name: 'person-1' })));
      const [answer] = newcomer.drain().filter(({ type }) => type === 'send');
      expect(answer).toMatchObject({ message: { kind: 'slotAnswer', body: { learning: true } } });
    });
  });
});
