import { expect, test } from 'vitest';
import { Renewal } from '../../../src/net/node/renewal.ts';
import {
  CERTIFICATE_LIFETIME_MS,
  CERTIFICATE_RENEW_SHARE,
  RENEW_RETRY_EXPIRED_MS,
  RENEW_RETRY_MS,
} from '../../../src/net/protocol/params.ts';

/** Of the wall clock, at the node's 0. */
const WALL_MS = 1_700_000_000_000;

function scene() {
  let now = 0;
  const random = { bytes: (count: number) => Buffer.alloc(count), fraction: () => 0.5 };
  const renewal = new Renewal(random, () => WALL_MS + now);
  /** Asks at each time that it names, until then. */
  const asks = (until: number): number[] => {
    const times: number[] = [];
    for (now = renewal.wakeAt(); now <= until; now = renewal.wakeAt()) if (renewal.due(now)) times.push(now);
    return times;
  };
  return { renewal, asks };
}

test('nothing is due before there is a certificate, nor when there is none any more', () => {
  const { renewal } = scene();
  expect([renewal.due(1e12), renewal.wakeAt()]).toEqual([false, Number.POSITIVE_INFINITY]);
  renewal.schedule(0, WALL_MS);
  renewal.stop();
  expect([renewal.due(1e12), renewal.wakeAt()]).toEqual([false, Number.POSITIVE_INFINITY]);
});

test('it is asked for in time, then every few minutes, and more often once the certificate has ended', () => {
  const { renewal, asks } = scene();
  renewal.schedule(0, WALL_MS + CERTIFICATE_LIFETIME_MS);
  const first = CERTIFICATE_LIFETIME_MS * (1 - CERTIFICATE_RENEW_SHARE);
  expect(asks(first + 2 * RENEW_RETRY_MS)).toEqual([first, first + RENEW_RETRY_MS, first + 2 * RENEW_RETRY_MS]);
  const late = asks(CERTIFICATE_LIFETIME_MS + RENEW_RETRY_MS + 3 * RENEW_RETRY_EXPIRED_MS);
  expect(late.at(-1)! - late.at(-2)!).toBeCloseTo(RENEW_RETRY_EXPIRED_MS);
});

test('a new one begins it anew; one that has ended already is due at once', () => {
  const { renewal, asks } = scene();
  renewal.schedule(0, WALL_MS - 1);
  expect(asks(0)).toEqual([0]);
  renewal.schedule(RENEW_RETRY_EXPIRED_MS, WALL_MS + CERTIFICATE_LIFETIME_MS);
  expect(renewal.wakeAt()).toBe(CERTIFICATE_LIFETIME_MS * (1 - CERTIFICATE_RENEW_SHARE));
});
