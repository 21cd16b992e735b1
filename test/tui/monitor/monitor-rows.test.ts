/** What the dashboard shows and remembers, without a terminal: figures, ranges, gaps, limits, and what is worth a line. */
import { expect, test } from 'vitest';
import { MonitorFeed } from '../../../bin/commands/monitor-feed.ts';
import { newCall } from '../../../src/store/new-call.ts';
import type { CallWay } from '../../../src/store/port.ts';
import type { AppState, Call, Quality, ServingReport } from '../../../src/store/state.ts';
import { INITIAL_STATE } from '../../../src/store/state.ts';
import {
  chartPlaces,
  charts,
  figureLines,
  fittingTitle,
  gauge,
  helpLines,
  keyLine,
  MONITOR_KEYS,
  networkLines,
  sparkline,
  titleLine,
} from '../../../src/tui/monitor/monitor-rows.ts';
import { SAMPLES_MAX } from '../../../src/tui/monitor/samples.ts';

const QUALITY = { rttMs: 20, jitterMs: 2, lossInPct: 0, lossOutPct: 0, bufferMs: 40, bitrate: 24_000, verdict: 'good' };
const CALL: Call = { ...newCall('ab', 'bobby1', 'out', 0), phase: 'running', answeredAtMs: 0, path: 'lan' };
const ONLINE: AppState = {
  ...INITIAL_STATE,
  connection: 'online',
  supernode: { endpoint: 'udp:192.0.2.7:4000', carrier: 'udp', rttMs: 12 },
};
const inCall = (change: Partial<Quality>): Call => ({ ...CALL, quality: { ...(QUALITY as Quality), ...change } });

test('a chart has the seconds that were measured; a missing one is the one before, and the title says it is missing', () => {
  const feed = new MonitorFeed({ ...ONLINE, calls: [inCall({})] }, 1_000);
  feed.heard({ type: 'call.changed', call: inCall({ rttMs: 80 }) }, 1_500);
  feed.sample(2_000);
  feed.heard({ type: 'call.changed', call: inCall({ rttMs: null }) }, 2_500);
  feed.sample(3_000);
  const [rtt, , , , rate] = charts(feed.view().samples, 60);
  expect(rtt).toMatchObject({ title: 'round trip - ms (20 to 80)', values: [20, 80, 80] });
  expect(rate).toMatchObject({ title: 'bit rate 24 kbit/s (24 to 24)', values: [24, 24, 24] });
  for (const line of figureLines(feed.view(), 38, false)) expect(line.length).toBeLessThanOrEqual(38);
});

test('without a call the round trip is that to the supernode, and nothing else is drawn', () => {
  const feed = new MonitorFeed(ONLINE, 1_000);
  const [rtt, jitter] = charts(feed.view().samples, 60);
  expect([rtt?.title, rtt?.values, jitter?.title, jitter?.values]).toEqual([
    'round trip (supernode) 12 ms (12 to 12)',
    [12],
    'jitter -',
    [],
  ]);
});

test('memory is bounded, and so is the log', () => {
  const feed = new MonitorFeed(ONLINE, 0);
  for (let second = 1; second < 2 * SAMPLES_MAX; second++) {
    feed.sample(second * 1_000);
    feed.note(`note ${second}`, second * 1_000);
  }
  const { samples, log } = feed.view();
  expect([samples.length, samples.at(-1)?.at, log.length]).toEqual([SAMPLES_MAX, (2 * SAMPLES_MAX - 1) * 1_000, 200]);
});

test('what is relayed is told against the cap, by the bytes between two reports', () => {
  const serving = (relayedBytes: number) =>
    ({
      ...{ role: 'supernode', caps: { clients: 10, relayKbps: 100 }, facts: { loadPermille: 125 } },
      cost: { clients: 4, standbys: 0, relayedBytes, relayedPackets: 1, cpuPercent: 1, memoryBytes: 1 },
    }) as unknown as ServingReport;
  const feed = new MonitorFeed({ ...ONLINE, serving: serving(0) }, 0);
  feed.heard({ type: 'serving.changed', serving: serving(25_000) }, 3_000);
  expect(feed.sample(4_000).serving).toMatchObject({ relayKbps: 50, relayKbpsMax: 100 });
  expect(feed.sample(5_000).serving?.relayKbps).toBe(50);
  const lines = networkLines(feed.view(), 80);
  expect(lines).toContain('relayed         [##########..........] 50 of 100 kbit/s');
  expect(lines).toContain('supernode load  [###.................] 12.5 %');
});

test('a verdict is a line when it changes, a path is one way more that was tried, and a calm second is nothing', () => {
  const feed = new MonitorFeed({ ...ONLINE, calls: [CALL] }, 0);
  const quality = (verdict: Quality['verdict']) =>
    feed.heard(
      {
        type: 'call.event',
        event: { ...(QUALITY as Quality), verdict, event: 'quality', call: 'ab', peer: 'bobby1', at: 1 },
      },
      1,
    );
  expect([quality('good')?.text, quality('good'), quality('you hear gaps')?.text]).toEqual([
    'good',
    undefined,
    'you hear gaps',
  ]);
  const path = { event: 'path', call: 'ab', peer: 'bobby1', at: 2, path: 'tcp' } as const;
  feed.heard({ type: 'call.event', event: path }, 2);
  feed.heard({ type: 'call.event', event: path }, 3);
  expect(feed.view().paths.map(({ text }) => text)).toEqual([
    'call with bobby1: direct in the local network',
    'call with bobby1: over TCP',
  ]);
});

test('every way that the call has tried is a line: how it stands, what it is, its round trip, since when', () => {
  const sinceMs = new Date(2026, 10, 25, 21, 0, 4).getTime();
  const way = (change: Partial<CallWay>): CallWay => ({
    ...{ kind: 'direct', state: 'trying', rttMs: null, sinceMs },
    ...change,
  });
  const ways = [
    way({ kind: 'mapped', ip: 'IPv4', state: 'in-use', rttMs: 23.44 }),
    way({ kind: 'lan', ip: 'IPv6' }),
    way({ kind: 'relay', via: 'udp:192.0.2.7:4000', state: 'spare' }),
    way({ kind: 'tcp443', via: 'tcp:192.0.2.8:443', state: 'failed' }),
    way({ kind: 'a newer kind\u001b[2J' as never }),
  ];
  const feed = new MonitorFeed({ ...ONLINE, calls: [CALL] }, 0, [{ peer: 'bobby1', ways }]);
  const lines = networkLines(feed.view(), 100);
  const from = lines.indexOf('Ways to bobby1:');
  expect(lines.slice(from + 1, from + 6)).toEqual([
    '  in use  direct, by the port that the router passes on, IPv4, 23.4 ms, since 21:00:04',
    '  trying  same network, IPv6, since 21:00:04',
    '  spare   relayed by 192.0.2.7:4000, since 21:00:04',
    '  failed  over TCP port 443 by 192.0.2.8:443, since 21:00:04',
    '  trying  a newer kind[2J, since 21:00:04',
  ]);
  feed.waysTold([{ peer: 'bobby1', ways: [] }]);
  expect(feed.sample(1_000).ways).toEqual([{ peer: 'bobby1', ways: [] }]);
  // Without a call there is nothing to tell.
  feed.heard({ type: 'call.changed', call: { ...CALL, phase: 'ended' } }, 2_000);
  expect(feed.sample(2_000).ways).toEqual([]);
});

test('keys are one table: each has one meaning, all are in the help, the way out is on every line of keys', () => {
  const keys = MONITOR_KEYS.flatMap((one) => one.keys);
  expect(new Set(keys).size).toBe(keys.length);
  expect(helpLines(100)).toHaveLength(MONITOR_KEYS.length);
  expect(helpLines(40)).toContain('Tab, Right, l - the next page');
  for (const columns of [40, 80, 200]) {
    expect(keyLine(columns)).toMatch(/\? help {2}q leave$/);
    expect(keyLine(columns).length).toBeLessThanOrEqual(columns);
    expect(titleLine('log', true, columns)).toMatch(/\[3 log\].*PAUSED$/);
    expect(titleLine('log', true, columns).length).toBeLessThanOrEqual(Math.max(columns, 45));
  }
});

test('charts stand where there is room, and none overlaps another or the lines above and below', () => {
  expect(chartPlaces(70, 24)).toBe(undefined);
  expect(chartPlaces(100, 18)).toBe(undefined);
  for (const [columns, rows] of [
    [80, 24],
    [132, 43],
    [250, 80],
  ] as const) {
    const places = chartPlaces(columns, rows) ?? [];
    expect(places).toHaveLength(6);
    for (const { top, left, columns: width, rows: height } of places) {
      expect(top).toBeGreaterThanOrEqual(1);
      expect([left + width <= columns, top + height <= rows - 1]).toEqual([true, true]);
    }
  }
});

test('a row of signs and a gauge read without colour and without Unicode', () => {
  expect(sparkline([0, 5, null, 10], 6, true)).toBe('  ▁▅ █');
  expect(sparkline([0, 5, null, 10], 3, false)).toBe('+ @');
  expect([gauge(0, 0, 4), gauge(9, 3, 4), gauge(-1, 3, 4)]).toEqual(['[....]', '[####]', '[....]']);
});

test('a title that has no room loses its range, not half of it', () => {
  const title = 'bit rate 46.8 kbit/s (46.8 to 46.8)';
  expect([fittingTitle(title, 35), fittingTitle(title, 34)]).toEqual([title, 'bit rate 46.8 kbit/s']);
});
