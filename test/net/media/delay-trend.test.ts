import { describe, expect, it } from 'vitest';
import { DelayTrend } from '../../../src/net/media/delay-trend.ts';
import { seededRandom } from '../../support/seeded-random.ts';

/** Packets `everyMs` apart, each with this delay; media time wraps where it does. */
function hear(trend: DelayTrend, count: number, delayOf: (n: number) => number, { from = 0, everyMs = 20 } = {}): void {
  for (let n = from; n < from + count; n++)
    trend.arrived(1_000 + n * everyMs + delayOf(n), ((n * everyMs) / 10) & 0xffff);
}

describe('the trend of delay', () => {
  it('is nothing on an even way, whatever its length and however the clocks differ', () => {
    for (const delay of [0, 80, 5_000_000]) {
      const trend = new DelayTrend();
      hear(trend, 5_000, () => delay);
      expect(trend.standingMs).toBe(0);
      expect(Math.abs(trend.growth)).toBeLessThan(1);
    }
  });

  it('shows a queue that grows, by how much, within six packets of 20 ms and four of 60', () => {
    for (const [everyMs, packets] of [
      [20, 6],
      [60, 4],
    ] as const) {
      const trend = new DelayTrend();
      hear(trend, 100, () => 50, { everyMs });
      hear(trend, packets, (n) => 50 + (n - 99) * 2 * everyMs, { from: 100, everyMs });
      expect(trend.standingMs).toBeGreaterThanOrEqual(40);
      expect(trend.growth).toBeGreaterThan(200);
      hear(trend, 30, (n) => 50 + (n - 99) * 2 * everyMs, { from: 100 + packets, everyMs });
      expect(trend.growth).toBeCloseTo(2_000, -1);
    }
  });

  it('takes neither jitter nor a burst after a stall for a queue', () => {
    const random = seededRandom('jitter');
    const trend = new DelayTrend();
    let last = 0;
    let alarms = 0;
    for (let n = 0; n < 30_000; n++) {
      // As in a queue: nothing overtakes. Every 5 s the radio is away for 150 ms.
      const spike = n % 250 < 8 ? 150 - (n % 250) * 20 : 0;
      last = Math.max(last, n * 20 + random.fraction() * 30 + spike);
      trend.arrived(last, (n * 2) & 0xffff);
      if (trend.standingMs >= 40 && trend.growth >= 40) alarms += 1;
    }
    expect(alarms).toBe(0);
  });

  it('falls while a queue empties', () => {
    const trend = new DelayTrend();
    hear(trend, 100, () => 0);
    hear(trend, 50, (n) => 500 - (n - 100) * 5, { from: 100 });
    expect(trend.standingMs).toBeGreaterThan(200);
    expect(trend.growth).toBeLessThan(-200);
  });

  it('forgets a shorter way after ten seconds, and everything at once when it is told to', () => {
    const trend = new DelayTrend();
    hear(trend, 100, () => 20);
    hear(trend, 100, () => 150, { from: 100 });
    expect(trend.standingMs).toBe(130);
    hear(trend, 600, () => 150, { from: 200 });
    expect(trend.standingMs).toBe(0);
    trend.reset();
    expect(trend.growth).toBe(0);
    hear(trend, 20, () => 900, { from: 800 });
    expect(trend.standingMs).toBe(0);
  });

  it('is not moved by doubles, old packets or wild media times', () => {
    const trend = new DelayTrend();
    hear(trend, 100, () => 20);
    for (const units of [0, 100, 190, 198, 40_000]) trend.arrived(3_500, units);
    hear(trend, 10, () => 20, { from: 100 });
    expect(trend.standingMs).toBe(0);
    expect(Number.isFinite(trend.growth)).toBe(true);
  });
});
