/**
 * Random lives of a few people, replayed from a seed: whatever is lost, doubled, turned round or restarted, every
 * line is read once and in order, two lists agree in the end, and the blocked hear nothing. A failure names its seed;
 * `WREN_SEED=17 npx vitest run test/net/chat/world.test.ts` replays that one alone.
 */
import { describe, expect, test } from 'vitest';
import { mergeBuddies } from '../../../src/store/buddy-merge.ts';
import { FAIR, type Machine, WILD, World } from './world.ts';

const ONLY = process.env.WREN_SEED;
const seeds = (count: number): number[] =>
  ONLY === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(ONLY)];

const MINUTE_MS = 60_000;

/** Everybody starts, and adds everybody. */
function friends(world: World, ...machines: Machine[]): void {
  for (const machine of machines) machine.start();
  for (const machine of machines) {
    for (const other of machines) if (other.name !== machine.name) machine.wish('add', other.name);
  }
  world.run(MINUTE_MS);
}

/** One random thing befalls one of them. */
function befall(world: World, machines: readonly Machine[]): void {
  const machine = world.pick(machines);
  const other = world.pick(machines);
  const dice = world.fraction();
  if (dice < 0.6) {
    if (other.name !== machine.name) machine.write(other.name);
  } else if (dice < 0.7) machine.crash();
  else if (dice < 0.9) machine.start();
  else if (dice < 0.95) machine.blink();
  else if (other !== machine) world.cut(machine, other);
  world.run(world.fraction() * (world.fraction() < 0.1 ? 10 * MINUTE_MS : 800));
}

/** All are there and nothing happens for long. */
function calm(world: World, machines: readonly Machine[]): void {
  world.conditions = FAIR;
  for (const machine of machines) {
    machine.crashChance = 0;
    machine.start();
  }
  world.run(20 * MINUTE_MS);
}

const readFrom = (reader: Machine, writer: Machine): number[] =>
  reader.disk.read.filter((line) => line.from === writer.name).map((line) => line.sequence);
const writtenTo = (writer: Machine, reader: Machine): number[] =>
  writer.disk.written.filter((line) => line.to === reader.name).map((line) => line.sequence);
const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

describe('every line is read exactly once', () => {
  test.each(seeds(25))('and in order, through ended sessions, crashes and restarts (seed %i)', (seed) => {
    const world = new World(seed, FAIR);
    const alice = world.add('alice1');
    const bobby = world.add('bobby1', 'home', -7 * MINUTE_MS);
    friends(world, alice, bobby);
    bobby.crashChance = 0.05;
    for (let i = 0; i < 150; i += 1) befall(world, [alice, bobby]);
    calm(world, [alice, bobby]);
    expect(readFrom(bobby, alice)).toEqual(writtenTo(alice, bobby));
    expect(readFrom(alice, bobby)).toEqual(writtenTo(bobby, alice));
    expect(writtenTo(alice, bobby)).not.toEqual([]);
    expect([...alice.disk.written, ...bobby.disk.written].every((line) => line.delivered)).toBe(true);
    expect(world.wrongs).toEqual([]);
  });

  test.each(seeds(25))('also where each message may be lost, doubled or seconds late (seed %i)', (seed) => {
    const world = new World(seed, FAIR);
    const alice = world.add('alice1');
    const bobby = world.add('bobby1');
    friends(world, alice, bobby);
    world.conditions = WILD;
    for (let i = 0; i < 120; i += 1) befall(world, [alice, bobby]);
    calm(world, [alice, bobby]);
    expect(sorted(readFrom(bobby, alice))).toEqual(writtenTo(alice, bobby));
    expect(sorted(readFrom(alice, bobby))).toEqual(writtenTo(bobby, alice));
    expect([...alice.disk.written, ...bobby.disk.written].every((line) => line.delivered)).toBe(true);
    expect(world.wrongs).toEqual([]);
  });

  test.each(seeds(10))('disorder of less than two seconds is put right (seed %i)', (seed) => {
    const world = new World(seed, FAIR);
    const alice = world.add('alice1');
    const bobby = world.add('bobby1');
    friends(world, alice, bobby);
    world.conditions = { ...WILD, loss: 0, delayMsMax: 1900 };
    for (let i = 0; i < 100; i += 1) {
      world.pick([alice, bobby]).write(world.pick(['alice1', 'bobby1']));
      world.run(world.fraction() * 500);
    }
    calm(world, [alice, bobby]);
    expect(readFrom(bobby, alice)).toEqual(writtenTo(alice, bobby));
    expect(readFrom(alice, bobby)).toEqual(writtenTo(bobby, alice));
    expect(world.wrongs).toEqual([]);
  });

  test.each(seeds(15))(
    'by somebody with two machines: each line by one of them, in order by both (seed %i)',
    (seed) => {
      const world = new World(seed, FAIR);
      const alice = world.add('alice1');
      const desk = world.add('bobby1', 'desk');
      const lap = world.add('bobby1', 'lap');
      friends(world, alice, desk, lap);
      for (let i = 0; i < 120; i += 1) befall(world, [alice, desk, lap]);
      calm(world, [alice, desk, lap]);
      const byDesk = readFrom(desk, alice);
      const byLap = readFrom(lap, alice);
      expect(byDesk).toEqual(sorted(byDesk));
      expect(byLap).toEqual(sorted(byLap));
      expect(sorted([...new Set([...byDesk, ...byLap])])).toEqual(writtenTo(alice, desk));
      expect(alice.disk.written.every((line) => line.delivered)).toBe(true);
      expect(world.wrongs).toEqual([]);
    },
  );
});

/** What two lists may say about one another when everything that can be told was told. */
const AGREED = [/^both both$/, /^(none|declined) (none|declined)$/, /^blocked /, / blocked$/];
/** One has not answered yet, perhaps about somebody who has lost interest meanwhile. */
const PENDING = [...AGREED, /^incoming /, / incoming$/];

function relations(machines: readonly Machine[]): string[] {
  return machines.flatMap((a, i) => machines.slice(i + 1).map((b) => `${a.relation(b.name)} ${b.relation(a.name)}`));
}

/** Each meets each: some leave and come back. */
function mingle(world: World, machines: readonly Machine[]): void {
  for (let round = 0; round < 2; round += 1) {
    for (const machine of machines) {
      machine.crash();
      world.run(1000);
      machine.start();
      world.run(5000);
    }
  }
}

describe('relations', () => {
  const WISHES = ['add', 'add', 'accept', 'decline', 'remove', 'block', 'unblock'] as const;

  test.each(seeds(40))('of three people agree in the end, whatever they did and missed (seed %i)', (seed) => {
    const world = new World(seed, seed % 2 === 0 ? FAIR : WILD);
    const people = [
      world.add('alice1', 'home', 4 * MINUTE_MS),
      world.add('bobby1'),
      world.add('carol1', 'home', -9 * MINUTE_MS),
    ];
    for (const machine of people) machine.start();
    for (let i = 0; i < 150; i += 1) {
      const machine = world.pick(people);
      const dice = world.fraction();
      if (dice < 0.7) machine.wish(world.pick(WISHES), world.pick(people).name);
      else if (dice < 0.8) machine.crash();
      else machine.start();
      world.run(world.fraction() * (world.fraction() < 0.2 ? 20 * MINUTE_MS : 2000));
    }
    calm(world, people);
    mingle(world, people);
    for (const pair of relations(people))
      expect(
        PENDING.some((shape) => shape.test(pair)),
        pair,
      ).toBe(true);

    for (const machine of people) {
      for (const other of people) {
        if (machine.relation(other.name) === 'incoming') machine.wish(world.pick(['accept', 'decline']), other.name);
        world.run(1000);
      }
    }
    mingle(world, people);
    for (const pair of relations(people))
      expect(
        AGREED.some((shape) => shape.test(pair)),
        pair,
      ).toBe(true);
    for (const machine of people) {
      for (const other of people) {
        if (other === machine) continue;
        const isBuddy = machine.relation(other.name) === 'both' && other.relation(machine.name) === 'both';
        expect(machine.shown.get(other.name) ?? 'offline').toBe(isBuddy ? 'online' : 'offline');
      }
    }
    expect(world.wrongs).toEqual([]);
  });

  test.each(seeds(15))('of somebody with two machines agree once their lists are merged (seed %i)', (seed) => {
    const world = new World(seed, FAIR);
    const alice = world.add('alice1', 'home', 4 * MINUTE_MS);
    const desk = world.add('bobby1', 'desk');
    const lap = world.add('bobby1', 'lap', -2000);
    const machines = [alice, desk, lap];
    const merge = () => {
      const merged = mergeBuddies([...desk.disk.entries.values()], [...lap.disk.entries.values()]);
      for (const machine of [desk, lap]) machine.replace(merged);
    };
    for (let i = 0; i < 100; i += 1) {
      const machine = world.pick(machines);
      const dice = world.fraction();
      if (dice < 0.6) machine.wish(world.pick(WISHES), machine === alice ? 'bobby1' : 'alice1');
      else if (dice < 0.7) machine.crash();
      else if (dice < 0.9) machine.start();
      else merge();
      world.run(world.fraction() * (world.fraction() < 0.2 ? 20 * MINUTE_MS : 2000));
    }
    for (let round = 0; round < 3; round += 1) {
      calm(world, machines);
      merge();
      mingle(world, machines);
    }
    merge();
    expect(desk.relation('alice1')).toBe(lap.relation('alice1'));
    for (const pair of relations([alice, desk]))
      expect(
        PENDING.some((shape) => shape.test(pair)),
        pair,
      ).toBe(true);
    expect(world.wrongs).toEqual([]);
  });

  test('survive a restart of both', () => {
    const world = new World(1, FAIR);
    const alice = world.add('alice1');
    const bobby = world.add('bobby1');
    friends(world, alice, bobby);
    alice.crash();
    bobby.crash();
    alice.start();
    bobby.start();
    world.run(1000);
    expect(relations([alice, bobby])).toEqual(['both both']);
    expect(alice.shown.get('bobby1')).toBe('online');
  });
});

describe('presence', () => {
  test.each(seeds(20))('shows everybody as they are in the end (seed %i)', (seed) => {
    const world = new World(seed, FAIR);
    const people = [world.add('alice1'), world.add('bobby1'), world.add('carol1')];
    friends(world, ...people);
    for (let i = 0; i < 60; i += 1) {
      const machine = world.pick(people);
      const dice = world.fraction();
      if (dice < 0.5) machine.setStatus(world.pick(['online', 'away', 'do-not-disturb', 'invisible']));
      else if (dice < 0.6) machine.crash();
      else if (dice < 0.8) machine.start();
      else machine.blink();
      world.run(world.fraction() * 5000);
    }
    world.run(10_000);
    for (const machine of people.filter((one) => one.isUp)) {
      for (const other of people.filter((one) => one !== machine)) {
        const expected = other.isUp && other.status !== 'invisible' ? other.status : 'offline';
        expect(machine.shown.get(other.name) ?? 'offline', `${machine.name} sees ${other.name}`).toBe(expected);
      }
    }
  });

  test('a blocked person sees one as offline from that moment, and hears nothing until unblocked', () => {
    const world = new World(3, FAIR);
    const alice = world.add('alice1');
    const bobby = world.add('bobby1');
    friends(world, alice, bobby);
    expect(bobby.shown.get('alice1')).toBe('online');
    alice.wish('block', 'bobby1');
    world.run(1000);
    expect(bobby.shown.get('alice1')).toBe('offline');
    expect(bobby.relation('alice1')).toBe('both');

    bobby.write('alice1');
    alice.setStatus('away');
    bobby.crash();
    bobby.start();
    world.run(10 * MINUTE_MS);
    expect(bobby.shown.get('alice1') ?? 'offline').toBe('offline');
    expect(alice.disk.read).toEqual([]);
    expect(world.wrongs).toEqual([]);

    alice.wish('unblock', 'bobby1');
    world.run(10 * MINUTE_MS);
    expect(bobby.shown.get('alice1')).toBe('away');
    expect(alice.disk.read).toMatchObject([{ from: 'bobby1', sequence: 1 }]);
  });
});
