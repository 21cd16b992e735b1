import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DelayHistogram } from '../../src/audio/delay-histogram.ts';
import { TargetDelay } from '../../src/audio/target-delay.ts';

function fed(seconds: number, delayOf: (n: number) => number, target = new TargetDelay(), from = 0): TargetDelay {
  for (let n = from; n < from + seconds * 50; n++) target.arrived(n * 20 + 20 + delayOf(n), n * 20, 20, false);
  return target;
}

describe('the target delay', () => {
  it('starts at 60 ms and falls to its least on an even network', () => {
    expect(new TargetDelay().targetMs).toBe(60);
    expect(fed(0.4, () => 35).targetMs).toBe(60);
    expect(fed(2, () => 35).targetMs).toBe(20);
  });

  it('covers the jitter that it sees, but not what costs more than it is worth', () => {
    const jittery = fed(20, (n) => 10 + ((n * 37) % 90));
    expect(jittery.targetMs).toBeGreaterThanOrEqual(80);
    expect(jittery.targetMs).toBeLessThanOrEqual(92);
    // One frame in a hundred 100 ms late: 20 ms for that percent are cheaper than 100 of waiting.
    expect(fed(30, (n) => (n % 100 === 0 ? 100 : 5)).targetMs).toBe(20);
    // Every tenth: now it pays.
    expect(fed(30, (n) => (n % 10 === 0 ? 100 : 5)).targetMs).toBeGreaterThanOrEqual(95);
  });

  it('spares no delay that nobody feels: small hiccups of a machine are covered, however rare in frames', () => {
    expect(fed(30, (n) => 5 + (n % 250 === 0 ? 25 : 0)).targetMs).toBeGreaterThanOrEqual(25);
    expect(fed(30, (n) => 5 + (n % 250 === 0 ? 80 : 0)).targetMs).toBe(20);
  });

  it('rises within a second when it becomes worse, and falls in more than ten', () => {
    const target = fed(30, () => 5);
    fed(1, (n) => 5 + ((n * 37) % 60), target, 1500);
    expect(target.targetMs).toBeGreaterThanOrEqual(50);
    fed(5, () => 5, target, 1550);
    expect(target.targetMs).toBeGreaterThanOrEqual(35);
    fed(60, () => 5, target, 1800);
    expect(target.targetMs).toBe(20);
  });

  it('waits for copies that bring what was lost, when more is lost than the waiting costs', () => {
    for (const [everyNth, waits] of [
      [10, true],
      [200, false],
    ] as const) {
      const target = new TargetDelay();
      for (let n = 0; n < 1500; n++) {
        const arrivalMs = n * 20 + 25;
        if (n % everyNth === 2) target.repaired(arrivalMs, n * 20 - 40, 20);
        target.arrived(arrivalMs, n * 20, 20, false);
      }
      expect(target.targetMs).toBe(waits ? 42.5 : 20);
    }
  });

  it('counts a late packet for nothing when its frame had come in a copy', () => {
    const target = new TargetDelay();
    for (let n = 0; n < 1500; n++) target.arrived(n * 20 + 20 + (n % 5 === 0 ? 200 : 5), n * 20, 20, n % 5 === 0);
    expect(target.targetMs).toBe(20);
  });

  it('stays within 20 to 400 ms whatever comes, within 60 to 600 over a stream', () => {
    const wild = fed(10, (n) => (n % 25) * 1e6);
    expect(wild.targetMs).toBe(400);
    wild.overStream(true);
    expect(wild.targetMs).toBe(600);
    const even = fed(10, () => 5);
    even.overStream(true);
    expect(even.targetMs).toBe(60);
  });

  it('follows clocks that drift apart, and a network that becomes slower for good', () => {
    expect(fed(60, (n) => 10 + n * 0.01).targetMs).toBe(20);
    const slower = fed(10, (n) => (n < 250 ? 5 : 105));
    fed(4, () => 105, slower, 500);
    expect(slower.baseMs(20)).toBe(125);
    expect(slower.targetMs).toBe(20);
  });

  it('has the same zero for frames of any length', () => {
    const target = new TargetDelay();
    for (let n = 0; n < 50; n++) target.arrived(n * 60 + 65, n * 60, 60, false);
    expect(target.baseMs(60)).toBe(65);
    expect(target.baseMs(20)).toBe(25);
    for (let n = 0; n < 50; n++) target.arrived(3000 + n * 20 + 25, 3000 + n * 20, 20, false);
    expect(target.targetMs).toBe(20);
  });

  it('forgets its zero, not its experience, when another stream begins', () => {
    const target = fed(20, (n) => (n % 10) * 10);
    const learnt = target.targetMs;
    target.rebase();
    expect(target.baseMs(20)).toBe(Number.POSITIVE_INFINITY);
    target.arrived(50_000, 7, 20, true);
    expect(target.baseMs(20)).toBe(49_993);
    expect(target.targetMs).toBe(learnt);
  });

  it('knows when a frame more or less of slack would be the better bargain', () => {
    const even = fed(30, () => 5);
    expect([9, 11, 29, 31].map((slackMs) => even.isTooShort(slackMs))).toEqual([true, false, false, false]);
    expect([9, 29, 32, 34].map((slackMs) => even.isTooLong(slackMs))).toEqual([false, false, false, true]);
    const jittery = fed(30, (n) => (n * 37) % 60);
    expect(jittery.isTooShort(40)).toBe(true);
    expect(jittery.isTooLong(58)).toBe(false);
    expect(jittery.isTooLong(90)).toBe(true);
  });
});

describe('a histogram that forgets', () => {
  it('tells quantiles and the cheapest delay', () => {
    const histogram = new DelayHistogram(0.999);
    expect(histogram.cheapestMs()).toBe(2.5);
    for (let n = 0; n < 1000; n++) histogram.add(n % 100);
    expect(histogram.quantileMs(0.5)).toBeCloseTo(50, -1);
    expect(histogram.quantileMs(0.95)).toBeCloseTo(95, -1);
    expect(histogram.cheapestMs()).toBe(100);
    expect(histogram.costMs(100)).toBe(100);
    expect(histogram.costMs(50)).toBeGreaterThan(900);
  });

  it('gives new delays their share for ever', () => {
    const histogram = new DelayHistogram(0.9);
    for (let n = 0; n < 5000; n++) histogram.add(10);
    for (let n = 0; n < 60; n++) histogram.add(200);
    expect(histogram.quantileMs(0.02)).toBe(202.5);
    histogram.lower(40);
    expect(histogram.quantileMs(0.5)).toBe(102.5);
  });

  it('stays a number whatever is added', () => {
    const delays = fc.array(fc.double({ noNaN: true, min: -1e12, max: 1e12 }), { maxLength: 300 });
    fc.assert(
      fc.property(delays, fc.nat(300), (all, buckets) => {
        const histogram = new DelayHistogram(0.5);
        for (const delay of all) histogram.add(delay);
        histogram.lower(buckets);
        for (const told of [histogram.quantileMs(0.95), histogram.cheapestMs(), histogram.costMs(33)]) {
          expect(told).toBeGreaterThan(0);
          expect(told).toBeLessThan(3000);
        }
      }),
      { numRuns: 100 },
    );
  });
});
