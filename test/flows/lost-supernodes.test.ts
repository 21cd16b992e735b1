/**
 * An idle client whose supernodes die without a word (figure N2), in virtual time with the real cores: how long until it
 * is with one that lives. Each case is played by a crowd at random moments of their rounds; the table says what the worst
 * of them may need (`WREN_TABLE=1` prints it, `WREN_RUNS=20` has more of them). What finds the death:
 *
 *   one of two   the other supernode hears of it from its kind (SWIM), and has its clients look
 *   the second   nobody is away; the next keep-alive to it
 *   both         nobody is left who could tell: a keep-alive every 12.5 s, by turns, then three quick ones to the other
 *   slept        the machine notices that it has slept, and looks
 */
import { afterAll, expect, test } from 'vitest';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { type Scene, seeded } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

const SUPERNODES = ['super1', 'super2', 'super3', 'super4'];
/** Supernodes have found one another. */
const MET_MS = 8_000;
/** Clients have found a second supernode, and their keep-alives take turns. */
const SETTLED_MS = 90_000;
const CROWD = 6;
/** Longer than sessions are kept unheard. */
const ASLEEP_MS = 240_000;

const table: { readonly what: string; readonly backMs: number[]; readonly worstMs: number }[] = [];

afterAll(() => {
  if (process.env.WREN_TABLE === undefined) return;
  for (const { what, backMs } of table) {
    const inOrder = backMs.toSorted((a, b) => a - b);
    const at = (share: number): string => ((inOrder[Math.ceil(share * inOrder.length) - 1] ?? 0) / 1_000).toFixed(1);
    console.log(`${what.padEnd(60)} median ${at(0.5)} s, p95 ${at(0.95)} s, worst ${at(1)} s of ${inOrder.length}`);
  }
});

/** Who is where: names of hosts. */
function at(person: Person, which: 'link' | 'standby'): string {
  const event = person.node.events.findLast((one) => one.type === which);
  const address = event && 'endpoint' in event ? event.endpoint?.host : undefined;
  return SUPERNODES.find((name) => person.world.world.host(name).address === address) ?? '';
}

function crowded(world: World, buddies: boolean): { people: PeopleWorld; crowd: Person[] } {
  const people = new PeopleWorld(world, SUPERNODES);
  world.advance(MET_MS);
  const crowd = Array.from({ length: CROWD }, (_, i) => people.person(`idle-${i}`));
  for (const one of crowd) {
    one.signUp();
    world.advance(3_000 * world.random(`phase ${one.label}`).fraction());
  }
  for (let i = 1; buddies && i < crowd.length; i += 1) crowd[i - 1]?.befriend(crowd[i] as Person);
  world.advance(SETTLED_MS + 25_000 * world.random('moment').fraction());
  return { people, crowd };
}

/** How long each is away from a supernode that lives. */
function timed(people: PeopleWorld, crowd: readonly Person[], dead: ReadonlySet<string>): number[] {
  const { world } = people;
  const since = world.now;
  const away = new Set(crowd.filter((one) => dead.has(at(one, 'link'))));
  expect(away.size).toBeGreaterThan(0);
  const backMs: number[] = [];
  const isBack = (one: Person): boolean => one.online && !dead.has(at(one, 'link'));
  world.until(() => {
    for (const one of away) {
      if (!isBack(one)) continue;
      away.delete(one);
      backMs.push(world.now - since);
    }
    return away.size === 0;
  }, 60_000);
  return backMs;
}

function scene(what: string, worstMs: number, play: (world: World) => number[]): void {
  const row = { what, backMs: [] as number[], worstMs };
  table.push(row);
  const run: Scene = (world) => {
    row.backMs.push(...play(world));
  };
  seeded(what, run, { runs: 1 });
}

for (const buddies of [false, true]) {
  const whom = buddies ? 'with buddies' : 'without buddies';
  scene(`${whom}: the first of two dies`, 6_000, (world) => {
    const { people, crowd } = crowded(world, buddies);
    const dead = at(crowd[0] as Person, 'link');
    people.supernodes.get(dead)?.stop();
    return timed(people, crowd, new Set([dead]));
  });

  scene(`${whom}: both die at once`, 15_500, (world) => {
    const { people, crowd } = crowded(world, buddies);
    const [one] = crowd as [Person];
    const dead = new Set([at(one, 'link'), at(one, 'standby')]);
    expect(dead.size).toBe(2);
    for (const name of dead) people.supernodes.get(name)?.stop();
    return timed(people, crowd, dead);
  });
}

scene('the second dies, and the first three seconds later', 15_500, (world) => {
  const { people, crowd } = crowded(world, false);
  const [one] = crowd as [Person];
  const [first, second] = [at(one, 'link'), at(one, 'standby')];
  people.supernodes.get(second)?.stop();
  world.advance(3_000);
  people.supernodes.get(first)?.stop();
  return timed(people, crowd, new Set([first, second]));
});

scene('a laptop wakes, and its supernodes live', 4_500, (world) => {
  const { crowd } = crowded(world, false);
  const sleepers = crowd.slice(0, 4);
  for (const one of sleepers) world.host(one.label).sleep();
  world.advance(ASLEEP_MS);
  const linksThen = new Map(sleepers.map((one) => [one, one.count('link')]));
  for (const one of sleepers) world.host(one.label).awake();
  const since = world.now;
  const away = new Set(sleepers);
  const backMs: number[] = [];
  world.until(() => {
    for (const one of away) {
      if (one.count('link') === linksThen.get(one) || !one.online) continue;
      away.delete(one);
      backMs.push(world.now - since);
    }
    return away.size === 0;
  }, 60_000);
  return backMs;
});

scene('a laptop wakes, and both have died', 6_000, (world) => {
  const { people, crowd } = crowded(world, false);
  const [one] = crowd as [Person];
  const dead = new Set([at(one, 'link'), at(one, 'standby')]);
  const sleepers = crowd.filter((other) => dead.has(at(other, 'link')) && dead.has(at(other, 'standby')));
  for (const other of sleepers) world.host(other.label).sleep();
  world.advance(ASLEEP_MS / 2);
  for (const name of dead) people.supernodes.get(name)?.stop();
  world.advance(ASLEEP_MS / 2);
  for (const other of sleepers) world.host(other.label).awake();
  return timed(people, sleepers, dead);
});

test('all of them are back in time', () => {
  for (const { what, backMs, worstMs } of table) expect(Math.max(...backMs), what).toBeLessThanOrEqual(worstMs);
});
