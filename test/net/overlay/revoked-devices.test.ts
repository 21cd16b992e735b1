/** Words on revoked devices among supernodes: whose are taken, how they go round, and what floods cost. */
import { describe, expect, it } from 'vitest';
import { isInForce, type Revocation } from '../../../src/net/login/revocation.ts';
import { RevokedDevices, type RevokedOutput } from '../../../src/net/overlay/revoked-devices.ts';
import {
  REVOKED_CLIENT_BURST,
  REVOKED_COMPARE_MS,
  REVOKED_PER_ACCOUNT_MAX,
} from '../../../src/net/protocol/overlay-params.ts';
import { decodeMessage, encodeMessage, type MessageOf, message } from '../../../src/net/wire/messages.ts';
import { WALL_MS } from '../../support/identities.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const HOUR_MS = 3_600_000;

/** A word of plain text stands for a signed one: `good` is what the authority would have signed. */
function word(name: string, number: number, untilMs = WALL_MS + 72 * HOUR_MS, signature = 'good') {
  const text = `${name} ${number.toString(16).padStart(32, '0')} ${untilMs}`;
  return { revocation: Buffer.from(text), signature: Buffer.from(signature) };
}

function read(wire: { revocation?: Uint8Array | null; signature?: Uint8Array | null }): Revocation | undefined {
  const [name, nodeId, untilMs] = Buffer.from(wire.revocation ?? '')
    .toString()
    .split(' ');
  if (!name || !nodeId) return undefined;
  const signed = { revocation: Buffer.from(wire.revocation ?? ''), signature: Buffer.from(wire.signature ?? '') };
  return { name, nodeId, untilMs: Number(untilMs), signed };
}

const nodeOf = (number: number): string => number.toString(16).padStart(32, '0');
/** Over the wire and back. */
function tells(...words: ReturnType<typeof word>[]): MessageOf<'revokedTold'> {
  const value = decodeMessage(encodeMessage(message('revokedTold', { words: words as never })));
  if (value?.kind !== 'revokedTold') throw new Error('the words do not survive the wire');
  return value;
}
const told = (...words: ReturnType<typeof word>[]) => tells(...words).body;

/** Supernodes that hear one another 20 ms later, unless they are apart. */
class Bus {
  now = 0;
  wallMs = WALL_MS;
  checks = 0;
  readonly books = new Map<string, RevokedDevices>();
  readonly #sides = new Map<string, number>();
  readonly outputs: { at: string; output: RevokedOutput }[] = [];
  #mail: { due: number; from: string; to: string; bytes: Buffer }[] = [];
  messages = 0;

  add(count: number): void {
    for (let at = 0; at < count; at += 1) this.start(nodeOf(this.books.size + 1));
    this.membersChanged();
  }

  start(id: string): RevokedDevices {
    const book = new RevokedDevices({
      random: seededRandom(`book ${id}`),
      wallClock: () => this.wallMs,
      others: () => [...this.books.keys()].filter((other) => other !== id && this.#side(other) === this.#side(id)),
      read,
      isSigned: ({ signed }) => {
        this.checks += 1;
        return signed.signature.toString() === 'good';
      },
      isInForce,
    });
    this.books.set(id, book);
    return book;
  }

  at(number: number): RevokedDevices {
    return this.books.get(nodeOf(number)) as RevokedDevices;
  }

  part(side: (number: number) => number): void {
    for (const id of this.books.keys()) this.#sides.set(id, side(Number.parseInt(id, 16)));
    this.membersChanged();
  }

  membersChanged(): void {
    for (const book of this.books.values()) book.membersChanged(this.now);
  }

  know(name: string, number: number): number {
    return [...this.books.values()].filter((book) => book.of(name, nodeOf(number)) !== undefined).length;
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      this.#collect();
      const wakes = [...this.books.values()].map((book) => book.wakeAt());
      const next = Math.min(end, ...wakes, ...this.#mail.map(({ due }) => due));
      this.wallMs += Math.max(0, next - this.now);
      this.now = Math.max(this.now, next);
      for (const book of this.books.values()) if (book.wakeAt() <= this.now) book.wake(this.now);
      const due = this.#mail.filter((one) => one.due <= this.now);
      this.#mail = this.#mail.filter((one) => one.due > this.now);
      for (const { from, to, bytes } of due) {
        const value = decodeMessage(bytes);
        if (value && this.#side(from) === this.#side(to)) this.books.get(to)?.fromSupernode(this.now, from, value);
      }
      if (this.now >= end && due.length === 0) return this.#collect();
    }
  }

  #side(id: string): number {
    return this.#sides.get(id) ?? 0;
  }

  #collect(): void {
    for (const [from, book] of this.books) {
      for (const output of book.drain()) {
        this.outputs.push({ at: from, output });
        if (output.type !== 'to-supernode') continue;
        this.messages += 1;
        this.#mail.push({ due: this.now + 20, from, to: output.to, bytes: encodeMessage(output.message) });
      }
    }
  }
}

describe('a word on a revoked device', () => {
  it('goes round sixty supernodes within two seconds, and costs each a few messages', () => {
    const bus = new Bus();
    bus.add(60);
    bus.advance(5_000);
    const before = bus.messages;
    bus.at(1).fromClient(bus.now, 'alice1', told(word('alice1', 7)));
    bus.advance(2_000);
    expect(bus.know('alice1', 7)).toBeGreaterThanOrEqual(59);
    expect(bus.messages - before).toBeLessThan(60 * 10);
    bus.advance(2 * REVOKED_COMPARE_MS);
    expect(bus.know('alice1', 7)).toBe(60);
    expect(bus.outputs.filter(({ output }) => output.type === 'revoked')).toHaveLength(60);
  });

  it('comes to the other side of a partition within seconds of its end', () => {
    const bus = new Bus();
    bus.add(12);
    bus.part((number) => number % 2);
    bus.at(1).fromClient(bus.now, 'alice1', told(word('alice1', 7)));
    bus.at(2).fromClient(bus.now, 'bobby1', told(word('bobby1', 8)));
    bus.advance(60_000);
    expect([bus.know('alice1', 7), bus.know('bobby1', 8)]).toEqual([6, 6]);
    bus.part(() => 0);
    bus.advance(3_000);
    expect([bus.know('alice1', 7), bus.know('bobby1', 8)]).toEqual([12, 12]);
  });

  it('is learnt by whoever starts anew, from others or from what was stored', () => {
    const bus = new Bus();
    bus.add(3);
    for (let number = 100; number < 700; number += 1) {
      bus.at(1).fromSupernode(bus.now, nodeOf(2), tells(word(`person-${number}`, number)));
    }
    bus.advance(30_000);
    const words = bus.outputs.findLast(({ output }) => output.type === 'to-store')?.output;
    bus.books.delete(nodeOf(3));
    bus.membersChanged();
    bus.start(nodeOf(3));
    bus.membersChanged();
    bus.advance(30_000);
    expect(bus.at(3).size).toBe(600);
    const alone = new Bus();
    const book = alone.start(nodeOf(1));
    if (words?.type === 'to-store') book.load(0, words.words);
    expect(book.size).toBe(600);
    expect(book.drain().filter(({ type }) => type !== 'revoked')).toEqual([]);
  });

  it('is about that account alone', () => {
    const bus = new Bus();
    bus.add(1);
    bus.at(1).fromClient(0, 'mallory', told(word('mallory', 7)));
    expect(bus.at(1).of('mallory', nodeOf(7))).toBeDefined();
    expect(bus.at(1).of('alice1', nodeOf(7))).toBeUndefined();
  });

  it('ends, and nothing is left of it', () => {
    const bus = new Bus();
    bus.add(2);
    bus.at(1).fromClient(0, 'alice1', told(word('alice1', 7, WALL_MS + HOUR_MS)));
    bus.advance(HOUR_MS + 120_000);
    expect([bus.at(1).size, bus.at(2).size, bus.know('alice1', 7)]).toEqual([0, 0, 0]);
    expect(bus.at(1).wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('a flood of words', () => {
  it('of forgeries is dropped and counted, and a client has a few looked at only', () => {
    const bus = new Bus();
    bus.add(1);
    for (let number = 0; number < 500; number += 1) {
      bus.at(1).fromClient(0, 'mallory', told(word('alice1', number, WALL_MS + HOUR_MS, 'forged')));
    }
    expect([bus.checks, bus.at(1).size, bus.at(1).refused]).toEqual([REVOKED_CLIENT_BURST, 0, 500]);
  });

  it('from a stolen device does not keep out the word of its owner, who is of the same account', () => {
    const bus = new Bus();
    bus.add(1);
    const [stolen, owner] = [nodeOf(901), nodeOf(902)];
    for (let number = 0; number < 500; number += 1)
      bus.at(1).fromClient(0, stolen, told(word('alice1', number, WALL_MS + HOUR_MS, 'forged')));
    bus.at(1).fromClient(0, owner, told(word('alice1', 901)));
    expect(bus.at(1).of('alice1', stolen)).toBeDefined();
  });

  it('that ended, or claim to last for ever, costs no look at a signature', () => {
    const bus = new Bus();
    bus.add(1);
    bus.at(1).fromClient(0, 'mallory', told(word('alice1', 1, WALL_MS - 1), word('alice1', 2, WALL_MS * 2)));
    expect([bus.checks, bus.at(1).refused]).toEqual([0, 2]);
  });

  it('of one account leaves the same few everywhere, those that end last', () => {
    const [one, other] = [new Bus(), new Bus()];
    for (const bus of [one, other]) bus.add(1);
    const words = Array.from({ length: 2 * REVOKED_PER_ACCOUNT_MAX }, (_, number) =>
      word('mallory', number, WALL_MS + HOUR_MS + number),
    );
    const from = (bus: Bus, some: typeof words): void => {
      for (const one of some) bus.at(1).fromSupernode(0, nodeOf(2), tells(one));
    };
    from(one, words);
    from(other, words.toReversed());
    for (const bus of [one, other]) {
      expect(bus.at(1).size).toBe(REVOKED_PER_ACCOUNT_MAX);
      const known = words.map((_, number) => bus.at(1).of('mallory', nodeOf(number)) !== undefined);
      expect(known.indexOf(true)).toBe(REVOKED_PER_ACCOUNT_MAX);
    }
  });
});
