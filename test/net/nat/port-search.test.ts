import { expect, it } from 'vitest';
import { PortSearch, searchOrder } from '../../../src/net/nat/port-search.ts';
import type { Probe } from '../../../src/net/nat/prober.ts';
import { PROBE_TIMEOUT_MS, WIDE_NEAR_PORTS, WIDE_PROBES } from '../../../src/net/protocol/params.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const HOST = '203.0.113.7';

function search() {
  return new PortSearch({ callId: 'c0ffee00c0ffee00c0ffee00c0ffee00', random: seededRandom('search') });
}

function run(one: PortSearch, forMs: number, stepMs = 1): { at: number; port: number; probe: Probe }[] {
  const sent = [];
  for (let now = 0; now <= forMs; now += stepMs)
    for (const probe of one.due(now)) sent.push({ at: now, port: probe.to.port, probe });
  return sent;
}

it('tries each port once, all above 1023, as many as allowed', () => {
  for (const known of [undefined, 1_024, 40_000, 65_535]) {
    const order = searchOrder(known, seededRandom(`order ${known}`));
    expect(order).toHaveLength(WIDE_PROBES);
    expect(new Set(order).size).toBe(WIDE_PROBES);
    expect(Math.min(...order)).toBeGreaterThanOrEqual(1_024);
    expect(Math.max(...order)).toBeLessThanOrEqual(65_535);
  }
});

it('begins around the port that is known, and spreads over the others meanwhile', () => {
  const order = searchOrder(40_000, seededRandom('near'));
  expect(order.slice(0, 6).filter((_, index) => index % 2 === 0)).toEqual([40_001, 39_999, 40_002]);
  const far = order.filter((port) => Math.abs(port - 40_000) > WIDE_NEAR_PORTS);
  const quarters = [0, 1, 2, 3].map((quarter) => far.filter((port) => Math.floor((port - 1_024) / 16_128) === quarter));
  for (const ports of quarters) expect(ports.length).toBeGreaterThan(far.length / 8);
});

it('sends 400 probes a second to the one host, until all are out', () => {
  const one = search();
  one.searchMany(0, HOST, undefined);
  const sent = run(one, 4_000);
  expect(sent).toHaveLength(WIDE_PROBES);
  expect(sent.filter(({ at }) => at < 1_000)).toHaveLength(400);
  expect(new Set(sent.map(({ probe }) => probe.to.host))).toEqual(new Set([HOST]));
  expect(one.dueAt()).toBe(Number.POSITIVE_INFINITY);
});

it('makes up for a timer that is a little late, and not for one that is very late', () => {
  const little = search();
  little.searchMany(0, HOST, undefined);
  expect(run(little, 990, 33)).toHaveLength(400);
  const very = search();
  very.searchMany(0, HOST, undefined);
  expect(run(very, 2_000, 500)).toHaveLength(4 + 4 * 20);
});

it('tries named ports three times each', () => {
  const one = search();
  one.searchNamed(0, HOST, [5_000, 6_000]);
  const sent = run(one, 1_000);
  expect(sent.map(({ at, port }) => `${at} ${port}`)).toEqual([
    ...['0 5000', '0 6000', '150 5000', '150 6000', '400 5000', '400 6000'],
  ]);
});

it('takes an answer once, from the port that was asked, in time', () => {
  const one = search();
  one.searchNamed(0, HOST, [5_000]);
  const [{ probe } = { probe: undefined }] = run(one, 0);
  const transaction = probe?.message.body.transaction ?? Buffer.alloc(0);
  const from = (port: number) => ({ carrier: 'udp' as const, host: HOST, port });
  expect(one.answered(20, from(5_001), transaction)).toBeUndefined();
  expect(one.answered(20, from(5_000), Buffer.alloc(8))).toBeUndefined();
  expect(one.answered(20, from(5_000), transaction)).toEqual({ to: from(5_000), rttMs: 20 });
  expect(one.answered(20, from(5_000), transaction)).toBeUndefined();
  const again = search();
  again.searchNamed(0, HOST, [5_000]);
  const [late] = run(again, 0);
  const answer = late?.probe.message.body.transaction ?? Buffer.alloc(0);
  expect(again.answered(PROBE_TIMEOUT_MS + 1, from(5_000), answer)).toBeUndefined();
});
