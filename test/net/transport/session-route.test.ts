/** Which way the packets of a session go, and how little a new address gets before it has answered. */
import { describe, expect, it } from 'vitest';
import { CHALLENGE_EVERY_MS, UNPROVEN_BYTES_FACTOR } from '../../../src/net/protocol/params.ts';
import type { Route } from '../../../src/net/protocol/traffic.ts';
import { SessionRoute } from '../../../src/net/transport/session-route.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const udp = (host: string): Route => ({ via: 'udp', endpoint: { carrier: 'udp', host, port: 4000 } });
const OLD = udp('192.0.2.1');
const NEW = udp('203.0.113.9');
const STREAM: Route = { via: 'stream', stream: 1 };
const through = (supernode: string): Route => ({ via: 'forward', node: 'b', through: supernode });

const sessionAt = (route: Route): SessionRoute => new SessionRoute(route, seededRandom('route'));

describe('a new address', () => {
  it('is followed at once, but gets no more than three times what came from there', () => {
    const session = sessionAt(OLD);
    session.heard(0, NEW, 100, true);
    expect(session.route).toEqual(NEW);
    let toNew = 0;
    for (let i = 0; i < 20; i++) if (session.take(90) === NEW) toNew += 90;
    expect(toNew).toBeGreaterThan(0);
    expect(toNew).toBeLessThanOrEqual(UNPROVEN_BYTES_FACTOR * 100);
  });

  it('is challenged with the same bytes until it has answered, and not too often', () => {
    const session = sessionAt(OLD);
    const asked: number[] = [];
    const transactions = new Set<string>();
    for (let now = 0; now < 5 * CHALLENGE_EVERY_MS; now += 20) {
      const transaction = session.heard(now, NEW, 60, true);
      if (!transaction) continue;
      asked.push(now);
      transactions.add(transaction.toString('hex'));
    }
    expect(asked).toEqual([0, 1, 2, 3, 4].map((turn) => turn * CHALLENGE_EVERY_MS));
    expect(transactions.size).toBe(1);
  });

  it('that has answered gets everything; one that answers from elsewhere, or something else, does not', () => {
    const session = sessionAt(OLD);
    const transaction = session.heard(0, NEW, 10, true) ?? Buffer.alloc(0);
    session.answered(OLD, transaction);
    session.answered(NEW, Buffer.alloc(8));
    expect(session.take(1_000)).toEqual(OLD);
    session.answered(NEW, transaction);
    expect(session.take(1_000)).toEqual(NEW);
    expect(session.heard(1_000, NEW, 10, true)).toBeUndefined();
  });

  it('that was forged is left again with the next packet from the true one', () => {
    const session = sessionAt(OLD);
    session.heard(0, NEW, 10, true);
    session.heard(20, OLD, 10, true);
    expect(session.take(1_000)).toEqual(OLD);
    expect(session.heard(40, OLD, 10, true)).toBeUndefined();
  });

  it('is not followed for a packet that was overtaken', () => {
    const session = sessionAt(OLD);
    expect(session.heard(0, NEW, 10, false)).toBeUndefined();
    expect(session.route).toEqual(OLD);
  });

  it('needs no proof when it is a stream', () => {
    const session = sessionAt(OLD);
    expect(session.heard(0, STREAM, 10, true)).toBeUndefined();
    expect(session.take(1_000)).toEqual(STREAM);
  });
});

describe('between people', () => {
  it('answers go through the supernode through which the newest packet came, and by no other way of its own', () => {
    const session = sessionAt(through('one'));
    session.heard(0, through('two'), 10, true);
    expect(session.route).toEqual(through('two'));
    session.heard(0, NEW, 10, true);
    session.heard(0, { via: 'forward', node: 'somebody else', through: 'one' }, 10, true);
    expect(session.route).toEqual(through('two'));
    expect(session.follows).toBe(false);
  });

  it('a way that the node has set stays, whatever is heard through a supernode', () => {
    const session = sessionAt(through('one'));
    session.set(NEW, false);
    session.heard(0, through('two'), 10, true);
    expect(session.take(1_000)).toEqual(NEW);
  });
});
