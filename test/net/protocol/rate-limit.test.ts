/** Rate limits in virtual time: bursts, refills, waits that are exact, and a table that does not grow. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostKey, RateLimit } from '../../../src/net/protocol/rate-limit.ts';

describe('a rate limit', () => {
  it('gives a burst, then one token each refill', () => {
    const limit = new RateLimit(3, 1000);
    expect([0, 0, 0, 0].map(() => limit.take(50, 'a'))).toEqual([0, 0, 0, 1000]);
    expect(limit.take(1049, 'a')).toBe(1);
    expect(limit.take(1050, 'a')).toBe(0);
    expect(limit.take(1050, 'a')).toBe(1000);
  });

  it('fills up to the burst and no further', () => {
    const limit = new RateLimit(2, 1000);
    limit.take(0, 'a');
    expect([0, 0, 0].map(() => limit.take(1_000_000, 'a'))).toEqual([0, 0, 1000]);
  });

  it('keeps keys apart', () => {
    const limit = new RateLimit(1, 1000);
    expect(limit.take(0, 'a')).toBe(0);
    expect(limit.take(0, 'b')).toBe(0);
    expect(limit.take(0, 'a')).toBe(1000);
  });

  it('takes nothing when it refuses, so asking does not make the wait longer', () => {
    const limit = new RateLimit(1, 1000);
    limit.take(0, 'a');
    for (let now = 0; now < 1000; now += 100) expect(limit.take(now, 'a')).toBe(1000 - now);
    expect(limit.take(1000, 'a')).toBe(0);
  });

  it('gives back one token, never more than there were', () => {
    const limit = new RateLimit(2, 1000);
    limit.take(0, 'a');
    limit.take(0, 'a');
    limit.giveBack(0, 'a');
    expect([0, 0].map(() => limit.take(0, 'a'))).toEqual([0, 1000]);
    for (let n = 0; n < 9; n++) limit.giveBack(0, 'a');
    limit.giveBack(0, 'stranger');
    expect(limit.size).toBe(0);
    expect([0, 0, 0].map(() => limit.take(0, 'a'))).toEqual([0, 0, 1000]);
  });

  it('remembers a bounded number of keys, those used last', () => {
    const limit = new RateLimit(1, 1000, 3);
    for (const key of ['a', 'b', 'c']) limit.take(0, key);
    limit.take(1000, 'a');
    limit.take(1000, 'd');
    expect(limit.size).toBe(3);
    expect(limit.take(1000, 'a')).toBe(1000);
    expect(limit.take(1000, 'd')).toBe(1000);
    for (let n = 0; n < 1000; n++) limit.take(1000, `flood${n}`);
    expect(limit.size).toBe(3);
  });

  it('never lets more through in any stretch of time than burst and refills allow, and keeps its word', () => {
    const steps = fc.array(fc.nat(400), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), steps, (burst, gaps) => {
        const limit = new RateLimit(burst, 100);
        const takenAt: number[] = [];
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          if (limit.take(now, 'a') === 0) takenAt.push(now);
        }
        for (const [from, start] of takenAt.entries()) {
          for (const [to, end] of takenAt.entries()) {
            if (to >= from) expect(to - from + 1).toBeLessThanOrEqual(burst + Math.floor((end - start) / 100));
          }
        }
        const waitMs = limit.take(now, 'a');
        if (waitMs > 0) expect([limit.take(now + waitMs - 1, 'a'), limit.take(now + waitMs, 'a')]).toEqual([1, 0]);
      }),
    );
  });
});

describe('what counts as one host', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:1::2:3:4:5', '2001:db8:1:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
    ['1:2:3:4:5:6:192.0.2.7', '1:2:3:4::/64'],
    ['somewhere', 'somewhere'],
  ])('%s is %s', (host, key) => {
    expect(hostKey(host)).toBe(key);
  });
});
