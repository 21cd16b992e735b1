/** The host cache: who is in it, who goes, and in which order its supernodes are tried on a network. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostCache, type RememberedSupernode } from '../../../src/net/overlay/host-cache.ts';
import type { SupernodeRecord } from '../../../src/net/overlay/supernode-entry.ts';
import { type Endpoint, parseEndpoint, printEndpoint } from '../../../src/net/protocol/endpoint.ts';
import { HOST_CACHE_ENTRIES_MAX } from '../../../src/net/protocol/paper.ts';
import {
  HOST_VISITS_MAX,
  MISSED_MS,
  MISSED_MS_MAX,
  SUPERNODE_ENTRY_LIFETIME_MS,
} from '../../../src/net/protocol/params.ts';
import { WAY_NAMES, type Way, waysTo } from '../../../src/net/protocol/ways.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const WALL_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;
const HOME = 'home';
const at = (text: string): Endpoint => parseEndpoint(text) as Endpoint;
const place = (number: number): Endpoint =>
  at(`udp:198.${18 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}:4000`);
const node = (number: number): string => number.toString(16).padStart(32, '0');
const record = (number: number, issuedAtMs = WALL_MS, endpoints = [place(number)]): SupernodeRecord => ({
  nodeId: node(number),
  endpoints,
  issuedAtMs,
});
const fresh = (invite: Endpoint[] = [], stored: RememberedSupernode[] = []) =>
  new HostCache(seededRandom('cache'), invite, stored);
const won = (number: number) => ({ server: place(number), way: 'udp' as const });
const missed = (...numbers: number[]): Way[] => numbers.map((number) => waysTo(place(number), false)[0] as Way);
const order = (cache: HostCache, wallMs = WALL_MS, network = HOME) => cache.order(wallMs, network).map(printEndpoint);
const places = (...numbers: number[]) => numbers.map((number) => printEndpoint(place(number)));

describe('the order', () => {
  it('is that of the invite, then the login server’s by lot, then what supernodes told', () => {
    const firsts = new Set<string>();
    for (let person = 0; person < 40; person++) {
      const cache = new HostCache(seededRandom(`person ${person}`), [place(9), place(8)]);
      cache.name(record(7), 'heard');
      for (const number of [1, 2, 3]) cache.name(record(number), 'login');
      const all = order(cache);
      expect(all.slice(0, 2)).toEqual(places(9, 8));
      expect(all.slice(2, 5).toSorted()).toEqual(places(1, 2, 3));
      expect(all.slice(5)).toEqual(places(7));
      // Asked again it is the same: nobody wanders.
      expect(order(cache)).toEqual(all);
      firsts.add(all[2] ?? '');
    }
    expect(firsts.size).toBe(3);
  });

  it('has where we were last before the others that the login server named', () => {
    for (let person = 0; person < 10; person++) {
      const cache = new HostCache(seededRandom(`person ${person}`), [place(9)]);
      for (const number of [1, 2, 3]) cache.name(record(number), 'login');
      const lastGood = place(2);
      expect(cache.order(WALL_MS, HOME, { lastGood }).map(printEndpoint).slice(0, 2)).toEqual(places(9, 2));
    }
  });

  it('does not change with success: people meet at the first one that is there', () => {
    const cache = fresh([place(1), place(2)]);
    cache.raced(WALL_MS, HOME, won(2), []);
    expect(order(cache)).toEqual(places(1, 2));
  });

  it('has last who missed on this network when another answered; for longer each time, and not for ever', () => {
    const cache = fresh([place(1), place(2)]);
    let now = WALL_MS;
    const missesFor = (ms: number) => {
      cache.raced(now, HOME, won(2), missed(1));
      expect(order(cache, now + ms - 1)).toEqual(places(2, 1));
      expect(order(cache, now, 'elsewhere')).toEqual(places(1, 2));
      expect(order(cache, now + ms)).toEqual(places(1, 2));
      now += ms;
    };
    for (const ms of [MISSED_MS, 2 * MISSED_MS, 4 * MISSED_MS, MISSED_MS_MAX, MISSED_MS_MAX]) missesFor(ms);
    cache.raced(now, HOME, won(1), []);
    now += DAY_MS;
    missesFor(MISSED_MS);
  });

  it('of the others: success here, success elsewhere, then the freshest', () => {
    const cache = fresh();
    for (const number of [1, 2, 3, 4]) cache.name(record(number << 16, WALL_MS - number * DAY_MS), 'heard');
    cache.raced(WALL_MS - DAY_MS, 'elsewhere', won(3 << 16), []);
    cache.raced(WALL_MS - DAY_MS, HOME, won(4 << 16), []);
    expect(order(cache).slice(0, 2)).toEqual(places(4 << 16, 3 << 16));
    const lastGood = place(2 << 16);
    expect(cache.order(WALL_MS, HOME, { lastGood })[0]).toEqual(lastGood);
  });

  it('spreads what supernodes told of over networks', () => {
    const cache = fresh();
    for (const number of [1, 2, 3, 65_537, 65_538, 131_073]) cache.name(record(number), 'heard');
    const first = order(cache)
      .slice(0, 3)
      .map((text) => text.split('.').slice(0, 2).join('.'));
    expect(new Set(first).size).toBe(3);
  });

  it('takes the login server’s word for the life of an entry', () => {
    const cache = fresh();
    cache.name(record(1), 'login');
    cache.name(record(2, WALL_MS + SUPERNODE_ENTRY_LIFETIME_MS), 'login');
    expect(order(cache)).toEqual(places(1, 2));
    expect(order(cache, WALL_MS + SUPERNODE_ENTRY_LIFETIME_MS)).toEqual(places(2, 1));
  });

  it('leaves out a supernode that is in use, with all its addresses', () => {
    const cache = fresh();
    cache.name(record(1, WALL_MS, [place(1), place(11)]), 'login');
    cache.name(record(2), 'login');
    expect(cache.order(WALL_MS, HOME, { except: [place(11)] }).map(printEndpoint)).toEqual(places(2));
  });
});

describe('a supernode', () => {
  it('that moved is found at its new address only; an older word changes nothing', () => {
    const cache = fresh();
    expect(cache.name(record(1), 'login')).toBe(true);
    expect(cache.name(record(1, WALL_MS + 1, [place(5)]), 'heard')).toBe(true);
    expect(cache.name(record(1, WALL_MS - 1, [place(6)]), 'login')).toBe(true);
    expect([order(cache), cache.size, cache.issuedAt(node(1))]).toEqual([places(5), 1, WALL_MS + 1]);
  });

  it('of the invite and of a signed entry is one, and keeps what the invite says first', () => {
    const cache = fresh([place(1)]);
    cache.name(record(0), 'login');
    cache.name(record(7, WALL_MS, [place(1), place(2)]), 'heard');
    expect(cache.size).toBe(2);
    expect(order(cache)).toEqual(places(1, 2, 0));
    cache.name(record(7, WALL_MS + 1, [place(3)]), 'heard');
    expect(order(cache)).toEqual(places(1, 3, 0));
  });

  it('named by an older invite is hearsay at the next start', () => {
    const before = fresh([place(1)]);
    before.raced(WALL_MS, HOME, won(1), []);
    const cache = fresh([place(2)], before.export());
    expect(order(cache)).toEqual(places(2, 1));
  });
});

describe('whatever happens', () => {
  const step = fc.oneof(
    fc.record({
      what: fc.constant('named' as const),
      number: fc.integer({ min: 0, max: 400 }),
      issued: fc.integer({ min: -10, max: 10 }),
      origin: fc.constantFrom('login' as const, 'heard' as const),
    }),
    fc.record({
      what: fc.constant('raced' as const),
      number: fc.integer({ min: 0, max: 400 }),
      others: fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 5 }),
      network: fc.constantFrom('home', 'work', 'train'),
    }),
  );

  it('there are 200 at most, those of the invite among them, each address once, and what is stored comes back', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const invite = [place(500), place(501)];
        const cache = fresh(invite);
        for (const one of steps) {
          if (one.what === 'named') cache.name(record(one.number, WALL_MS + one.issued * DAY_MS), one.origin);
          else cache.raced(WALL_MS, one.network, won(one.number), missed(...one.others));
        }
        expect(cache.size).toBeLessThanOrEqual(HOST_CACHE_ENTRIES_MAX);
        const listed = order(cache);
        expect(new Set(listed).size).toBe(listed.length);
        for (const one of invite) expect(listed).toContain(printEndpoint(one));
        const stored = JSON.parse(JSON.stringify(cache.export())) as RememberedSupernode[];
        for (const { visits } of stored) expect(visits.length).toBeLessThanOrEqual(HOST_VISITS_MAX);
        const again = fresh(invite, stored);
        expect(new Set(order(again))).toEqual(new Set(listed));
        expect(again.size).toBe(cache.size);
      }),
      { numRuns: 60 },
    );
  });

  it('who did well here lately is never driven out by strangers', () => {
    const cache = fresh();
    cache.name(record(1), 'heard');
    cache.raced(WALL_MS, HOME, won(1), []);
    for (let number = 2; number < 600; number++) cache.name(record(number, WALL_MS + DAY_MS), 'login');
    expect(order(cache)).toContain(places(1)[0]);
    expect(cache.size).toBe(HOST_CACHE_ENTRIES_MAX);
  });

  it('any stored text is read without a fault', () => {
    const text = fc.string({ maxLength: 20 });
    const entry = fc.record({
      node: fc.constantFrom('', node(1), node(2)),
      endpoints: fc.array(fc.oneof(text, fc.constantFrom('udp:192.0.2.1:1', 'tcp:[::1]:2')), { maxLength: 20 }),
      origin: fc.constantFrom('invite' as const, 'login' as const, 'heard' as const),
      issuedAtMs: fc.nat(),
      visits: fc.array(
        fc.record({
          network: text,
          way: fc.constantFrom(...WAY_NAMES),
          okAtMs: fc.nat(),
          missedAtMs: fc.nat(),
          misses: fc.nat(),
        }),
        { maxLength: 20 },
      ),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), (stored) => {
        const cache = fresh([], stored);
        expect(cache.order(WALL_MS, HOME).length).toBeGreaterThanOrEqual(0);
        expect(cache.size).toBeLessThanOrEqual(stored.length);
      }),
      { numRuns: 100 },
    );
  });
});
