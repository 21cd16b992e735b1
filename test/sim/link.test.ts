/** Links and virtual time, by their properties. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Chance } from './chance.ts';
import { CALM, Link, ROUGH } from './link.ts';
import { Timeline } from './timeline.ts';

describe('a link', () => {
  test('with jitter but without reordering keeps the order, and is never faster than its delay', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 100 }), (seed, gaps) => {
        const link = new Link({ ...CALM, delayMs: 25, jitterMs: 80, loss: 0.1 }, new Chance(seed, 'link'));
        let [now, last] = [0, 0];
        for (const gap of gaps) {
          now += gap;
          for (const at of link.pass(now, 100)) {
            expect(at).toBeGreaterThanOrEqual(Math.max(last, now + 25));
            last = at;
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  test('brings a packet at most twice', () => {
    const link = new Link({ ...ROUGH, duplicate: 0.5 }, new Chance(1, 'link'));
    const copies = Array.from({ length: 1_000 }, (_, i) => link.pass(i, 100).length);
    expect(new Set(copies)).toEqual(new Set([0, 1, 2]));
  });

  test('that loses everything brings nothing', () => {
    const link = new Link({ ...CALM, loss: 1, lossBurst: 4 }, new Chance(1, 'link'));
    expect(Array.from({ length: 100 }, (_, i) => link.pass(i, 100)).flat()).toEqual([]);
  });

  test('of a given rate spaces packets by their size', () => {
    const link = new Link({ ...CALM, delayMs: 10, bytesPerSecond: 10_000 }, new Chance(1, 'link'));
    expect([link.pass(0, 100), link.pass(0, 200), link.pass(100, 100)]).toEqual([[20], [40], [120]]);
  });
});

describe('virtual time', () => {
  test('does things in order of time, and of planning where times are equal', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 200 }), (times) => {
        const timeline = new Timeline(0);
        const done: [number, number][] = [];
        for (const [index, at] of times.entries()) timeline.at(at, () => done.push([at, index]));
        while (timeline.step(1_000));
        const want = times.map((at, index): [number, number] => [at, index]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        expect(done).toEqual(want);
        expect(timeline.now).toBe(1_000);
      }),
      { numRuns: 50 },
    );
  });

  test('skips what was undone, and takes the past for now', () => {
    const timeline = new Timeline(100);
    const done: string[] = [];
    const undo = timeline.at(150, () => done.push('undone'));
    timeline.at(20, () => done.push(`past at ${timeline.now}`));
    undo();
    while (timeline.step(200));
    expect(done).toEqual(['past at 100']);
  });
});
