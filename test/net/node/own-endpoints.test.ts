import { expect, test } from 'vitest';
import type { NatKind } from '../../../src/net/nat/nat-kind.ts';
import { OwnEndpoints } from '../../../src/net/node/own-endpoints.ts';
import { type Endpoint, parseEndpoint } from '../../../src/net/protocol/endpoint.ts';

const at = (text: string): Endpoint => parseEndpoint(text) as Endpoint;

const KIND: NatKind = {
  ...{ udp: 'works', mapping: 'endpoint-independent', filtering: 'address-dependent', portAllocation: 'preserving' },
  evidence: { mapping: 'several-addresses', filtering: 'several-addresses' },
};

test('candidates are what is seen from outside, what the gateway passes on, and the UDP addresses of the machine, each once', () => {
  const own = new OwnEndpoints();
  own.local = [at('udp:192.168.1.2:4000'), at('tcp:192.168.1.2:4000')];
  expect(own.candidates).toEqual(['udp:192.168.1.2:4000']);
  own.mapped = at('udp:203.0.113.9:4400');
  own.observed('udp:203.0.113.9:4000');
  expect(own.candidates).toEqual(['udp:203.0.113.9:4000', 'udp:203.0.113.9:4400', 'udp:192.168.1.2:4000']);
  own.mapped = at('udp:203.0.113.9:4000');
  own.spares = [at('udp:203.0.113.9:46976')];
  expect(own.candidates).toEqual(['udp:203.0.113.9:4000', 'udp:203.0.113.9:46976', 'udp:192.168.1.2:4000']);
});

test.each(['tcp:203.0.113.9:4000', 'udp:0.0.0.0:4000', 'nonsense', ''])(
  'seen at %o, nobody can write to us there',
  (text) => {
    const own = new OwnEndpoints();
    own.observed('udp:203.0.113.9:4000');
    expect(own.observed(text)).toBeUndefined();
    expect(own.candidates).toEqual([]);
  },
);

test('who is seen at an address of its own is not translated', () => {
  const own = new OwnEndpoints();
  own.local = [at('udp:203.0.113.9:4000')];
  own.observed('udp:203.0.113.9:4000');
  expect(own.seenAs(KIND)).toEqual({ reflexive: at('udp:203.0.113.9:4000'), mapping: 'none' });
});

test('a mapping that was the same for one address only is not counted on', () => {
  const own = new OwnEndpoints();
  own.local = [at('udp:192.168.1.2:4000')];
  own.observed('udp:203.0.113.9:4000');
  expect(own.seenAs(KIND).mapping).toBe('endpoint-independent');
  const evidence = { mapping: 'one-address', filtering: 'none' } as const;
  expect(own.seenAs({ ...KIND, evidence }).mapping).toBe('unknown');
  expect(own.seenAs({ ...KIND, evidence, mapping: 'address-dependent' }).mapping).toBe('address-dependent');
});

test('what is of a family that this machine has not is left out, names and loopback never', () => {
  const own = new OwnEndpoints();
  const all = ['udp:198.51.100.1:1', 'udp:[2001:db8::1]:1', 'udp:super.example.org:1', 'udp:[::1]:1'].map(at);
  expect(own.within(all)).toEqual(all);
  own.local = [at('udp:127.0.0.1:4000')];
  expect(own.within(all)).toEqual(all);
  own.local = [at('udp:192.168.1.2:4000')];
  expect(own.within(all)).toEqual([all[0], all[2], all[3]]);
});
