import { expect, test } from 'vitest';
import { knownSupernodes, type SupernodeSources } from '../../src/store/agent-supernodes.ts';

const NODE = 'ab'.repeat(32);
const NOTHING: SupernodeSources = { wallMs: 9_000, active: null, standby: null, remembered: [], invite: [] };
type Stored = SupernodeSources['remembered'][number];

function remembered(endpoint: string, change: Partial<Stored> = {}): Stored {
  return { node: '', endpoints: [endpoint], origin: 'heard', issuedAtMs: 0, visits: [], ...change };
}
const worked = (okAtMs: number) => ({ network: 'n', way: 'udp' as const, okAtMs, missedAtMs: 0, misses: 0 });
const shape = (sources: Partial<SupernodeSources>) =>
  knownSupernodes({ ...NOTHING, ...sources }).map(({ state, endpoints, lastWorkedAtMs }) => [
    state,
    endpoints[0],
    lastWorkedAtMs,
  ]);

test('a profile that knows nobody lists nobody', () => {
  expect(shape({})).toEqual([]);
});

test('the active one comes first, then the standby, then whoever worked last', () => {
  const rows = shape({
    active: 'udp:192.0.2.3:4000',
    standby: 'udp:192.0.2.4:4000',
    remembered: [
      remembered('udp:192.0.2.1:4000'),
      remembered('udp:192.0.2.2:4000', { visits: [worked(5_000), worked(7_000)] }),
      remembered('udp:192.0.2.3:4000', { visits: [worked(1_000)] }),
    ],
  });
  expect(rows).toEqual([
    ['active', 'udp:192.0.2.3:4000', 9_000],
    ['standby', 'udp:192.0.2.4:4000', 9_000],
    ['known', 'udp:192.0.2.2:4000', 7_000],
    ['known', 'udp:192.0.2.1:4000', null],
  ]);
});

test('one that is known by invite, cache and link is listed once, with its node and all addresses', () => {
  const endpoints = ['udp:192.0.2.1:4000', 'udp:[2001:db8::1]:4000'];
  const known = knownSupernodes({
    ...NOTHING,
    active: 'tcp:192.0.2.1:4000',
    invite: ['udp:192.0.2.1:4000'],
    remembered: [remembered('', { node: NODE, endpoints })],
  });
  expect(known).toEqual([{ endpoints, nodeId: NODE, state: 'active', lastWorkedAtMs: 9_000 }]);
});

test('a link to port 443 of a supernode is a link to that supernode', () => {
  expect(shape({ active: 'tcp:192.0.2.1:443', invite: ['udp:192.0.2.1:4000'] })).toEqual([
    ['active', 'udp:192.0.2.1:4000', 9_000],
  ]);
});

test('two supernodes of one machine stay two', () => {
  const invite = ['udp:127.0.0.1:4001', 'udp:127.0.0.1:4002'];
  expect(shape({ invite, active: 'udp:127.0.0.1:4002', standby: 'udp:127.0.0.1:4001' })).toEqual([
    ['active', 'udp:127.0.0.1:4002', 9_000],
    ['standby', 'udp:127.0.0.1:4001', 9_000],
  ]);
});
