/** Supernodes on a bus that loses packets: who is there, who died, who only seemed to (figures N2, N6). */
import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../../src/net/protocol/ids.ts';
import { message } from '../../../src/net/wire/messages.ts';
import { seeds } from '../../sim/seeded.ts';
import { SwimBus } from './swim-bus.ts';

const SOME = 50;

/** All of them, joined through the first, and of one mind. */
function network(seed: number, count: number): SwimBus {
  const bus = new SwimBus(seed, count);
  const first = bus.ids[0] as NodeId;
  for (const id of bus.ids) {
    bus.start(id, id === first ? [] : [first]);
    bus.advance(20);
  }
  bus.until(() => bus.agreed(), 60_000);
  return bus;
}

/** From its end until the last of the others held it for dead. */
function deathKnownMs(bus: SwimBus, id: NodeId): number {
  bus.kill(id);
  return bus.until(() => bus.ids.every((other) => other === id || !bus.of(other).alive().includes(id)), 30_000);
}

describe('supernodes that know one another', () => {
  test('find all others through a single one, within some seconds', () => {
    const bus = new SwimBus(1, SOME);
    const first = bus.ids[0] as NodeId;
    for (const id of bus.ids) bus.start(id, id === first ? [] : [first]);
    expect(bus.until(() => bus.agreed(), 60_000)).toBeLessThan(10_000);
  });

  test('know of a death within six seconds, all fifty of them (N6)', () => {
    const took: number[] = [];
    for (const seed of seeds(3)) {
      const bus = network(seed, SOME);
      bus.loss = 0.05;
      for (const id of bus.ids.slice(10, 22)) {
        took.push(deathKnownMs(bus, id));
        bus.ids.splice(bus.ids.indexOf(id), 1);
      }
    }
    took.sort((a, b) => a - b);
    expect(took.at(-1)).toBeLessThanOrEqual(6_000);
    expect(took[Math.floor(took.length / 2)]).toBeLessThanOrEqual(5_000);
  });

  test('hold nobody for dead in an hour with 5 % loss (N6)', () => {
    const bus = network(1, SOME);
    bus.loss = 0.05;
    bus.changes.length = 0;
    bus.advance(3_600_000);
    expect(bus.changes).toEqual([]);
    expect(bus.agreed()).toBe(true);
  });

  test('go on by turns when so many die in a round that hardly anybody is left', () => {
    for (const seed of seeds(20)) {
      const bus = network(seed, 6);
      for (const id of bus.ids.splice(2)) {
        bus.kill(id);
        bus.advance(700);
      }
      bus.advance(20_000);
      expect(bus.ids.map((id) => bus.of(id).alive().length)).toEqual([1, 1]);
    }
  });

  test('hear of a good-bye at once, without a time-out', () => {
    const bus = network(1, SOME);
    const id = bus.ids[7] as NodeId;
    bus.stop(id);
    expect(bus.until(() => bus.agreed(), 10_000)).toBeLessThan(1_500);
  });

  test('become one again after the network was cut in two', () => {
    const bus = network(1, 20);
    for (const id of bus.ids.slice(0, 10)) bus.part.set(id, 1);
    expect(bus.until(() => bus.of(bus.ids[0] as NodeId).alive().length === 9, 60_000)).toBeLessThan(60_000);
    bus.part.clear();
    expect(bus.until(() => bus.agreed(), 300_000)).toBeLessThan(90_000);
  });

  test('take back one that was away for a while, with a new life of its own', () => {
    const bus = network(1, 20);
    const id = bus.ids[5] as NodeId;
    bus.kill(id);
    bus.until(() => bus.agreed(), 30_000);
    bus.start(id, [bus.ids[0] as NodeId]);
    expect(bus.until(() => bus.agreed(), 60_000)).toBeLessThan(10_000);
  });

  test('spend the same on it, however many they are', () => {
    const perSecond = [16, 128].map((count) => {
      const bus = network(1, count);
      [bus.sent, bus.sentBytes] = [0, 0];
      bus.advance(60_000);
      return { packets: bus.sent / count / 60, bytes: bus.sentBytes / count / 60 };
    });
    const [few, many] = perSecond;
    expect(many?.packets).toBeLessThan(1.2 * (few?.packets ?? 0));
    expect(many?.packets).toBeLessThan(5);
  });
});

describe('a member', () => {
  const [self, other, third] = ['aa', 'bb', 'cc'].map((byte) => byte.repeat(16)) as [NodeId, NodeId, NodeId];
  const idOf = (id: NodeId) => Buffer.from(id, 'hex');

  function alone(): SwimBus {
    const bus = new SwimBus(1, 0);
    bus.start(self, []);
    return bus;
  }

  test('that is said to be dead contradicts, and its word counts', () => {
    const bus = network(1, 5);
    const [liar, victim] = bus.ids as [NodeId, NodeId];
    const incarnation = bus.of(victim).get(victim)?.incarnation ?? 0;
    const news = [{ nodeId: idOf(victim), status: 2, incarnation }];
    for (const id of bus.ids) bus.of(id).receive(bus.now, liar, message('swimNews', { news } as never));
    expect(bus.until(() => bus.agreed(), 10_000)).toBeLessThan(3_000);
    expect(bus.of(liar).get(victim)).toMatchObject({ status: 'alive' });
    expect(bus.of(liar).get(victim)?.incarnation).toBeGreaterThan(incarnation);
  });

  test('that is said to be dead can contradict whatever number the liar names, again and again', () => {
    const bus = network(1, 5);
    const [liar, victim] = bus.ids as [NodeId, NodeId];
    for (const [leap, status] of [2 ** 32 - 2, 2 ** 32 - 1, 2 ** 31 - 1, 2 ** 31 - 1, 5].entries()) {
      const known = bus.of(victim).get(victim)?.incarnation ?? 0;
      const incarnation = leap < 2 ? status : (known + status) % 2 ** 32;
      const news = [{ nodeId: idOf(victim), status: 2, incarnation }];
      for (const id of bus.ids) bus.of(id).receive(bus.now, liar, message('swimNews', { news } as never));
      expect(bus.until(() => bus.agreed(), 10_000)).toBeLessThan(3_000);
    }
  });

  test('that is said to be full by somebody else says how much it has to do', () => {
    const bus = network(1, 5);
    const [liar, victim] = bus.ids as [NodeId, NodeId];
    const incarnation = (bus.of(victim).get(victim)?.incarnation ?? 0) + 1_000;
    const news = [{ nodeId: idOf(victim), status: 0, incarnation, loadPermille: 1_000 }];
    for (const id of bus.ids) bus.of(id).receive(bus.now, liar, message('swimNews', { news } as never));
    bus.of(victim).announce(bus.now, { loadPermille: 7, entryIssuedAtMs: 1 });
    const knows = (id: NodeId): boolean => id === victim || bus.of(id).get(victim)?.loadPermille === 7;
    expect(bus.until(() => bus.ids.every(knows), 60_000)).toBeLessThan(10_000);
  });

  test('believes nothing that makes no sense', () => {
    const bus = alone();
    const member = bus.of(self);
    const good = { nodeId: idOf(other), status: 0, incarnation: 1 };
    const news = [
      { ...good, nodeId: Buffer.alloc(15) },
      { ...good, status: 9 },
    ];
    member.receive(0, third, message('swimNews', { news } as never));
    expect(member.refused).toBe(2);
    expect(member.list()).toHaveLength(1);
  });

  test('is not probed before its entry is there', () => {
    const bus = alone();
    const member = bus.of(self);
    member.receive(0, third, message('swimNews', { news: [{ nodeId: idOf(other), incarnation: 1 }] } as never));
    expect(member.drain()).toEqual([{ type: 'entry-wanted', id: other, from: third }]);
    expect(member.alive()).toEqual([]);
    member.entryKnown(0, other, 5);
    expect(member.alive()).toEqual([other]);
    expect(member.drain()).toEqual([{ type: 'changed', id: other, lives: true }]);
  });

  test('answers no other kind of message', () => {
    expect(
      alone()
        .of(self)
        .receive(0, other, message('keepAlive', { id: 1 })),
    ).toBe(false);
  });
});
