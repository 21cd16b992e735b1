import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  candidateAt,
  compareRated,
  measure,
  probeOffsetMs,
  replaces,
  score,
  worthProbing,
} from '../../../src/net/nat/candidate.ts';
import { type Endpoint, isUnicastHost, parseEndpoint, printEndpoint } from '../../../src/net/protocol/endpoint.ts';
import { CANDIDATES_MAX } from '../../../src/net/protocol/params.ts';

const at = (text: string): Endpoint => parseEndpoint(text) as Endpoint;
const OURS = ['udp:192.168.1.5:4000', 'udp:[2001:db8::5]:4000', 'udp:127.0.0.1:4000'].map(at);

describe('an offered address', () => {
  it.each([
    ['udp:192.0.2.7:4000', true, 'a public address'],
    ['udp:192.168.1.9:4000', true, 'one of our own net'],
    ['udp:127.0.0.1:4001', true, 'another program on this machine'],
    ['udp:[2001:db8::7]:4000', true, 'IPv6'],
    ['udp:[::ffff:192.0.2.7]:4000', true, 'IPv4 in the clothes of IPv6'],
    ['udp:192.168.1.5:4000', false, 'our own'],
    ['udp:127.0.0.1:4000', false, 'our own loopback'],
    ['tcp:192.0.2.7:4000', false, 'another carrier'],
    ['udp:example.org:4000', false, 'a name: resolving it would tell a stranger things'],
    ['udp:192.0.2.7:0', false, 'port 0'],
    ['udp:192.0.2.7:65536', false, 'no port at all'],
    ['udp:0.0.0.0:4000', false, 'unspecified'],
    ['udp:0.1.2.3:4000', false, '"this network"'],
    ['udp:[::]:4000', false, 'unspecified'],
    ['udp:224.0.0.251:5353', false, 'multicast'],
    ['udp:239.255.255.250:1900', false, 'multicast'],
    ['udp:[ff02::1]:4000', false, 'multicast'],
    ['udp:[::ffff:e000:1]:4000', false, 'multicast in the clothes of IPv6'],
    ['udp:255.255.255.255:4000', false, 'broadcast'],
    ['udp:240.0.0.1:4000', false, 'reserved'],
    ['udp:[fe80::1%eth0]:4000', false, 'a zone that means something elsewhere'],
    ['udp:[fe80::1]:4000', false, 'an address that needs a zone'],
    ['udp:[fd00::7]:4000', true, 'IPv6 of a house'],
    ['', false, 'nothing'],
    ['udp:::::1', false, 'rubbish'],
  ])('%s is worth a probe: %s (%s)', (text, worth) => {
    expect(worthProbing([text], OURS)).toHaveLength(worth ? 1 : 0);
  });

  it('of loopback, or of a family we have no address of, is not', () => {
    const public4 = [at('udp:203.0.113.5:4000')];
    expect(worthProbing(['udp:127.0.0.1:4001', 'udp:[2001:db8::7]:4000'], public4)).toEqual([]);
    expect(worthProbing(['udp:127.0.0.1:4001', 'udp:[2001:db8::7]:4000'], [])).toHaveLength(2);
    const only6 = ['udp:[2001:db8::5]:4000', 'udp:127.0.0.1:4000'].map(at);
    expect(worthProbing(['udp:192.0.2.7:4000', 'udp:[2001:db8::7]:4000'], only6)).toEqual([
      at('udp:[2001:db8::7]:4000'),
    ]);
  });

  it('counts once, the nearest first, and no more than sixteen', () => {
    const many = Array.from({ length: 40 }, (_, i) => `udp:198.51.100.${i + 1}:4000`);
    const offered = ['udp:198.51.100.1:4000', 'udp:198.51.100.1:4000', 'udp:192.168.1.9:4000', ...many];
    const found = worthProbing(offered, OURS);
    expect(found.length).toBeLessThanOrEqual(CANDIDATES_MAX);
    expect(printEndpoint(found[0] as Endpoint)).toBe('udp:192.168.1.9:4000');
    expect(new Set(found.map(printEndpoint)).size).toBe(found.length);
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 80 }), { maxLength: 30 }), (texts) => {
        for (const endpoint of worthProbing(texts, OURS)) expect(isUnicastHost(endpoint.host)).toBe(true);
      }),
    );
  });
});

describe('judgements', () => {
  it('probes at 0, 50, 100, 200, 400, 800 ms, then every 2 s for 10 s, then every 10 s', () => {
    const offsets = Array.from({ length: 14 }, (_, step) => probeOffsetMs(step));
    expect(offsets).toEqual([0, 50, 100, 200, 400, 800, 2_800, 4_800, 6_800, 8_800, 10_800, 20_800, 30_800, 40_800]);
  });

  it.each([
    ['udp:192.168.1.9:4000', 'lan'],
    ['udp:10.1.2.3:4000', 'lan'],
    ['udp:127.0.0.1:4000', 'lan'],
    ['udp:[fd00::7]:4000', 'lan'],
    ['udp:192.0.2.7:4000', 'direct'],
    ['udp:[2001:db8::7]:4000', 'direct'],
  ])('calls the path to %s %s', (text, kind) => {
    expect(candidateAt(0, at(text), { learned: false }).kind).toBe(kind);
  });

  it.each([
    ['lan', 90, 'direct', 5, 'now', 'nearer wins, whatever it scores'],
    ['direct', 1, 'lan', 90, 'no', 'and is not given up'],
    ['direct', 10, 'direct', 40, 'later', 'clearly better'],
    ['direct', 36, 'direct', 40, 'no', 'less than 5 ms better'],
    ['direct', 190, 'direct', 200, 'no', 'less than a tenth better'],
    ['lan', 1, 'lan', 2, 'no', 'hair-splitting'],
  ] as const)('%s of %i against %s of %i: %s (%s)', (kind, value, usedKind, usedValue, verdict, _why) => {
    expect(replaces({ kind, score: value }, { kind: usedKind, score: usedValue })).toBe(verdict);
  });

  it('orders by nearness, then by score', () => {
    const rated = [
      { kind: 'direct', score: 1 },
      { kind: 'lan', score: 9 },
      { kind: 'lan', score: 3 },
    ] as const;
    expect([...rated].sort(compareRated).map((one) => one.score)).toEqual([3, 9, 1]);
  });

  it('measures round trips smoothly, and scores one way plus jitter', () => {
    let state = measure({ name: 'trial' }, 40, 0);
    expect(score(state as { rttMs: number; jitterMs: number })).toBe(40);
    for (let i = 1; i < 100; i += 1) state = measure(state, 60, i);
    expect(state).toMatchObject({ name: 'valid', answeredAt: 99 });
    expect(score(state as { rttMs: number; jitterMs: number })).toBeCloseTo(30, 0);
  });
});
