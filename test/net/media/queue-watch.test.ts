import { describe, expect, it } from 'vitest';
import { type Feedback, QueueWatch } from '../../../src/net/media/queue-watch.ts';
import { surelyRising } from '../../../src/net/media/trend-line.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const report = (over: Partial<Feedback>): Feedback => ({
  ...{ expected: 100, received: 100, gaps: 0, highest: 100, rttMs: 60, delay: undefined },
  ...over,
});
const delay = (standingMs: number, growth: number) => report({ delay: { standingMs, growth, atMs: 0 } });

describe('a queue', () => {
  it('is of our making when it is there and grows', () => {
    const watch = new QueueWatch();
    const told = (standingMs: number, growth: number) => {
      return new QueueWatch().isCongested(watch.see(0, delay(standingMs, growth)), undefined);
    };
    expect(told(60, 200)).toBe(true);
    expect(told(60, 0)).toBe(false);
    expect(told(10, 500)).toBe(false);
    expect(told(300, -300)).toBe(false);
  });

  it('counts sooner while a step up is being tried, once what was sent since has come', () => {
    const seen = new QueueWatch().see(0, delay(25, 30));
    expect(new QueueWatch().isCongested(seen, undefined)).toBe(false);
    expect(new QueueWatch().isCongested(seen, 90)).toBe(true);
    expect(new QueueWatch().isCongested(seen, 99)).toBe(false);
  });

  it('that grows too slowly to be seen between packets is seen within seconds', () => {
    const watch = new QueueWatch();
    let first: number | undefined;
    for (let at = 0; at < 6_000; at += 200) {
      if (watch.isCongested(watch.see(at, delay((at * 58) / 1_000, 0)), undefined)) first ??= at;
    }
    expect(first).toBeLessThan(3_000);
  });

  it('that is always there is usual, and only more than that counts', () => {
    const watch = new QueueWatch();
    for (let at = 0; at < 20_000; at += 200) watch.learn(watch.see(at, delay(80, 0)));
    expect(watch.isCongested(watch.see(20_000, delay(100, 60)), undefined)).toBe(false);
    expect(watch.emptyMs).toBeGreaterThan(100);
    expect(watch.isCongested(watch.see(20_200, delay(400, 300)), undefined)).toBe(true);
    watch.forget();
    expect(watch.emptyMs).toBe(40);
  });

  it('of a peer that does not measure shows in the round trip', () => {
    const watch = new QueueWatch();
    watch.see(0, report({ rttMs: 60 }));
    watch.see(200, report({ rttMs: 160 }));
    const seen = watch.see(400, report({ rttMs: 260 }));
    expect(seen).toMatchObject({ queueMs: 100, growth: 500 });
    expect(watch.isCongested(seen, undefined)).toBe(true);
    expect(watch.see(600, report({ rttMs: undefined }))).toMatchObject({ queueMs: 0, growth: 0 });
  });
});

describe('a rise', () => {
  it('is sure when the points lie on it, and none when they only scatter', () => {
    expect(
      surelyRising(
        10,
        (n) => n,
        (n) => 3 * n + 7,
        2,
      ),
    ).toBeCloseTo(3, 9);
    expect(
      surelyRising(
        10,
        (n) => n,
        (n) => -2 * n,
        2,
      ),
    ).toBeCloseTo(-2, 9);
    expect(
      surelyRising(
        2,
        (n) => n,
        (n) => n,
        2,
      ),
    ).toBe(0);
    expect(
      surelyRising(
        5,
        () => 4,
        (n) => n,
        2,
      ),
    ).toBe(0);
    const random = seededRandom('scatter');
    let alarms = 0;
    for (let run = 0; run < 1_000; run++) {
      const values = Array.from({ length: 20 }, () => random.fraction() * 30);
      if (
        surelyRising(
          20,
          (n) => n * 20,
          (n) => values[n] ?? 0,
          2,
        ) > 0.04
      )
        alarms += 1;
    }
    expect(alarms).toBeLessThan(3);
  });
});
