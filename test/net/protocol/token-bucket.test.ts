import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../../src/net/protocol/token-bucket.ts';

describe('a token bucket', () => {
  it('starts full, gives a burst, and then what comes back', () => {
    const bucket = new TokenBucket(10, 3);
    expect([1, 2, 3, 4].map(() => bucket.take(0))).toEqual([true, true, true, false]);
    expect([bucket.take(99), bucket.take(100), bucket.take(100)]).toEqual([false, true, false]);
  });

  it('gives all or nothing', () => {
    const bucket = new TokenBucket(1, 10);
    expect(bucket.take(0, 11)).toBe(false);
    expect(bucket.take(0, 10)).toBe(true);
  });

  it('tells how long to wait, to the millisecond', () => {
    const bucket = new TokenBucket(3, 3);
    bucket.take(0, 3);
    const wait = bucket.waitMs(0, 2);
    expect(bucket.take(wait - 1, 2)).toBe(false);
    expect(bucket.take(wait, 2)).toBe(true);
    expect(bucket.waitMs(wait, 4)).toBe(Number.POSITIVE_INFINITY);
  });

  it('never gives more than the burst and what came back since, whoever asks when', () => {
    const asks = fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 1, max: 9 })), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(asks, (steps) => {
        const bucket = new TokenBucket(20, 8);
        let now = 0;
        let given = 0;
        for (const [pauseMs, count] of steps) {
          now += pauseMs;
          if (bucket.take(now, count)) given += count;
          expect(given).toBeLessThanOrEqual(8 + (now * 20) / 1000 + 1e-6);
        }
      }),
    );
  });
});
