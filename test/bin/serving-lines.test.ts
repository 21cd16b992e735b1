import { expect, test } from 'vitest';
import { servingDetails, servingLines } from '../../bin/commands/serving-lines.ts';
import type { ServingReport } from '../../src/store/state.ts';

const SERVES: ServingReport = {
  ...{ role: 'supernode', reason: 'serves', why: 'others reach this machine, and you agreed' },
  ...{ consent: 'auto', consentBy: 'setting', answer: 'yes', asks: false },
  duties: ['keeps people connected', 'answers searches'],
  caps: { clients: 100, relayKbps: 400 },
  cost: {
    ...{ clients: 1, standbys: 2, relayedBytes: 12_300_000, relayedPackets: 60_000 },
    ...{ cpuPercent: 0.4, memoryBytes: 77_000_000 },
  },
  endpoint: 'udp:203.0.113.5:4400',
  facts: {
    ...{ uptimeS: 25, busyPercent: 3, freeMemoryBytes: 4_000_000_000, upKbps: 800 },
    ...{ dialBack: { of: 3, udp: 3, tcp: 3 }, supernodes: 4, loadPermille: 120 },
  },
  refuse: 'wren serve never',
};

test('whoever serves reads why, how to end it, the duties, the caps, and what it costs now', () => {
  expect(servingLines(SERVES)).toEqual([
    'as a supernode at 203.0.113.5:4400: others reach this machine, and you agreed; to end it: wren serve never',
    'duties: keeps people connected; answers searches',
    'caps: 100 people, 400 kbit/s relayed',
    'now: one person (2 more in standby), 12.3 MB relayed, 0.4 % of a core, 77 MB of memory',
  ]);
});

test('whoever does not reads why not, and how to answer where that is asked', () => {
  const not = { role: 'ordinary', reason: 'nat-closed', why: 'a NAT keeps others out', cost: null } as const;
  expect(servingLines({ ...SERVES, ...not })).toEqual(['no: a NAT keeps others out']);
  const asked = { role: 'candidate', reason: 'to-be-asked', why: 'fit to serve', asks: true, cost: null } as const;
  expect(servingLines({ ...SERVES, ...asked })).toEqual(['not now: fit to serve; wren serve yes, or wren serve no']);
  expect(servingLines(undefined)).toEqual([]);
});

test('wren serve tells what was chosen and measured, and that the address is public', () => {
  const words = servingDetails({ ...SERVES, consent: 'always', consentBy: 'environment' }).join('\n');
  expect(words).toContain('Chosen: always, by WREN_SUPERNODE');
  expect(words).toContain('reached by 3 (UDP) and 3 (TCP) of 3 supernodes, 800 kbit/s up, 3 % busy, 4000 MB free');
  expect(words).toContain('Its address is known to everybody in the network');
});
