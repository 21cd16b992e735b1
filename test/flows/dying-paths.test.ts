/**
 * Figures P6 and P7 by name: what two people hear when a way dies in their call, or rests for half an hour. In virtual
 * time, each over many seeds. `WREN_FIGURES=1` prints what was measured.
 */
import { afterAll, describe, expect, test, vi } from 'vitest';
import { natOf, outerAddressOf, type Place } from '../sim/places.ts';
import type { World } from '../sim/world.ts';
import {
  begin,
  call,
  GapWatch,
  isDirect,
  type Line,
  measured,
  note,
  type Pair,
  pair,
  quantile,
  scene,
} from '../support/two-callers.ts';

vi.setConfig({ testTimeout: 240_000 });

afterAll(() => {
  if (process.env.WREN_FIGURES === '1') console.log(measured.join('\n'));
});

describe('P6: a way that dies in a call', () => {
  /** From now on: the longest time that either heard nothing. */
  function longestGap(both: Pair, forMs: number, happen: () => void): number {
    const { world, alice, bobby } = both;
    const watch = new GapWatch(world, [alice, bobby]);
    happen();
    const until = world.now + forMs;
    while (world.now < until) {
      world.advance(5);
      watch.look();
    }
    return watch.longestMs;
  }

  function direct(world: World, places: readonly [Place, Place], line: Line): Pair {
    const both = pair(world, places, line);
    call(both);
    world.until(() => isDirect(both.alice) && isDirect(both.bobby), 10_000);
    world.advance(3_000);
    return both;
  }

  const between = ({ world }: Pair, ways: 'both' | 'one') => {
    const [a, b] = ['alice1', 'bobby1'].map((name) => outerAddressOf(world.host(name)));
    return world.block(
      ({ carrier, to }, sender) =>
        carrier === 'udp' &&
        ((sender === 'alice1' && to.host === b) || (ways === 'both' && sender === 'bobby1' && to.host === a)),
    );
  };

  test.each([
    ['between them, both ways', 400, (both: Pair) => between(both, 'both')],
    // A third of a second more to tell the other end, who hears all, and for its answer.
    ['in one direction', 500, (both: Pair) => between(both, 'one')],
    ['with the port of one end, which gets another', 400, ({ alice }: Pair) => alice.node.disturb('rebind')],
    ['with the memory of a router', 400, ({ world }: Pair) => natOf(world.host('alice1')).forget()],
  ] as const)('dies %s: nobody hears nothing for longer than %i ms at p95', async (_, limitMs, kill) => {
    const gapMs: number[] = [];
    for (const line of ['L0', 'W100'] as const) {
      for (let seed = 1; seed <= 6; seed += 1) {
        await scene(seed, (world) => {
          const both = direct(world, ['PR', 'PR'], line);
          world.advance(seed * 137);
          gapMs.push(longestGap(both, 4_000, () => kill(both)));
          expect(both.alice.callLog.some((word) => word.startsWith('ended'))).toBe(false);
        });
      }
    }
    note(`P6 ${_}, gap`, gapMs);
    expect(quantile(gapMs, 0.95)).toBeLessThanOrEqual(limitMs);
  });

  test('ends with the network of one end, who comes back by another address: within 1.5 s at p95', async () => {
    const gapMs: number[] = [];
    for (const line of ['L0', 'W100'] as const) {
      for (let seed = 1; seed <= 8; seed += 1) {
        await scene(seed, (world) => {
          const both = direct(world, ['PUB', 'PR'], line);
          gapMs.push(longestGap(both, 6_000, () => world.host('alice1').move('203.0.113.77')));
          expect(isDirect(both.alice) && isDirect(both.bobby)).toBe(true);
        });
      }
    }
    note('P6 another address, gap', gapMs);
    expect(quantile(gapMs, 0.95)).toBeLessThanOrEqual(1_500);
  });

  test('is the supernode, which a direct call does not need: nothing is lost', async () => {
    await scene(1, (world) => {
      const both = direct(world, ['PR', 'PR'], 'W100');
      expect(longestGap(both, 30_000, () => both.people.supernodes.get('super1')?.stop())).toBeLessThanOrEqual(40);
      expect(isDirect(both.alice) && isDirect(both.bobby)).toBe(true);
    });
  });

  test('is every way in turn for half a minute: the call stands, and is direct again in the end', async () => {
    for (let seed = 1; seed <= 4; seed += 1) {
      await scene(seed, (world) => {
        const both = direct(world, ['PR', 'PR'], 'W100');
        const chance = world.random('storm');
        for (let heal = (): void => {}, at = 0; at < 30_000; at += 700) {
          heal();
          heal = () => {};
          const which = Math.floor(chance.fraction() * 4);
          if (which === 0) heal = between(both, 'both');
          else if (which === 1) heal = between(both, 'one');
          else if (which === 2) both.alice.node.disturb('rebind');
          else natOf(world.host('bobby1')).forget();
          world.advance(700);
          if (at + 700 >= 30_000) heal();
        }
        expect([...both.alice.callLog, ...both.bobby.callLog].filter((word) => word.startsWith('ended'))).toEqual([]);
        const heard = [both.alice, both.bobby].map((person) => person.heard.length);
        world.until(() => isDirect(both.alice) && isDirect(both.bobby), 90_000);
        world.advance(1_000);
        for (const [index, person] of [both.alice, both.bobby].entries())
          expect(person.heard.length).toBeGreaterThan((heard[index] ?? 0) + 45);
      });
    }
  });
});

test.each([
  ['PR', 'PR'],
  ['SYM', 'PR'],
] as const)('P7: %s and %s hold for half an hour, and hear one another within 300 ms of resuming', async (a, b) => {
  const soundMs: number[] = [];
  for (let seed = 1; seed <= 3; seed += 1) {
    await scene(seed, (world) => {
      const both = pair(world, [a, b], 'W100');
      const { alice, bobby } = both;
      expect(begin(both, 10_000).directMs).toBeLessThan(10_000);
      alice.call_('hold');
      world.advance(30 * 60_000);
      expect(isDirect(alice) && isDirect(bobby)).toBe(true);
      const heard = [alice, bobby].map((person) => person.heard.length);
      alice.call_('resume');
      const resumedAt = world.now;
      // What either says reaches the other after the word of it and one way.
      world.until(() => [alice, bobby].every((person, index) => person.heard.length > (heard[index] ?? 0) + 1), 5_000);
      soundMs.push(world.now - resumedAt);
    });
  }
  note(`P7 ${a}-${b} W100, from resuming to sound`, soundMs);
  expect(Math.max(...soundMs)).toBeLessThanOrEqual(300);
});
