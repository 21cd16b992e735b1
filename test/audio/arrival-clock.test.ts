import { describe, expect, it } from 'vitest';
import { ArrivalClock } from '../../src/audio/arrival-clock.ts';

describe('arrival times on our clock', () => {
  it('stay as they are, but for the shortest trip, when the clocks agree', () => {
    const clock = new ArrivalClock();
    clock.map(1000.2, 1000);
    expect(clock.map(1025, 1020)).toBeCloseTo(1020.2);
    expect(clock.map(1040.1, 1040)).toBeCloseTo(1040.1);
  });

  it('are right though the wall clock was set between the starts of the two processes', () => {
    for (const stepMs of [-3_600_000, 3_600_000]) {
      const clock = new ArrivalClock();
      for (let n = 0; n < 100; n++) {
        const mapped = clock.map(n * 20 + (n % 7 === 0 ? 0.1 : 4), n * 20 + stepMs);
        if (n > 7) expect(mapped).toBeCloseTo(n * 20 + 0.1, 3);
      }
    }
  });

  it('are never later than now and never no number', () => {
    const clock = new ArrivalClock();
    for (const arrival of [Number.NaN, Number.POSITIVE_INFINITY, 1e300, -1e300, 0]) {
      const mapped = clock.map(500, arrival);
      expect(mapped).toBeLessThanOrEqual(500);
      expect(Number.isNaN(mapped)).toBe(false);
    }
  });

  it('are as right when frames lie for a while before they are read, for as long as that goes on', () => {
    const clock = new ArrivalClock();
    for (let n = 0; n < 50; n++) clock.map(n * 20 + 0.1, n * 20 - 700);
    for (let n = 50; n < 3000; n++) {
      expect(clock.map(n * 20 + 15, n * 20 - 700, true)).toBeCloseTo(n * 20 + 0.1, 3);
    }
  });

  it('forget an offset that has changed after ten seconds', () => {
    const clock = new ArrivalClock();
    for (let n = 0; n < 500; n++) clock.map(n * 20, n * 20);
    for (let n = 500; n < 1100; n++) clock.map(n * 20, n * 20 - 5000);
    expect(clock.map(22_000, 17_000)).toBe(22_000);
  });
});
