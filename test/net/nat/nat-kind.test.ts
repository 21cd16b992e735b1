/** Addresses as bytes, and what is made of how we were seen. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes, addressText } from '../../../src/net/nat/address-bytes.ts';
import {
  type Mapping,
  mappingOf,
  NAT_UNKNOWN,
  type NatKind,
  natClass,
  portsOf,
  type Sight,
} from '../../../src/net/nat/nat-kind.ts';
import { type Endpoint, parseEndpoint } from '../../../src/net/protocol/endpoint.ts';

const at = (text: string): Endpoint => parseEndpoint(`udp:${text}`)!;
/** `A:1>5000 B:1>5000`: from these of supernodes we were seen at these ports of one address. */
const sights = (text: string): Sight[] =>
  text.split(' ').map((one) => {
    const [, host, port, seen] = /^(.)(\d)>(\d+)$/.exec(one) ?? [];
    return { from: at(`192.0.2.${host?.charCodeAt(0)}:${port}`), observed: at(`203.0.113.5:${seen}`) };
  });
const HOME = [at('192.168.1.2:4000'), at('127.0.0.1:4000')];

describe('addresses', () => {
  it('go to bytes and back', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (host) => {
        const bytes = addressBytes(host)!;
        const text = addressText(bytes)!;
        expect(addressBytes(text)).toEqual(bytes);
        // The same machine in the words of Node.
        if (host.includes(':')) expect(text).toBe(new URL(`http://[${host}]`).hostname.slice(1, -1));
        else expect(text).toBe(host);
      }),
    );
  });

  it('are nothing else', () => {
    for (const host of ['localhost', 'fe80::1%eth0', '', '1.2.3']) expect(addressBytes(host)).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        expect(addressText(bytes) !== undefined).toBe(bytes.length === 4 || bytes.length === 16);
      }),
    );
  });
});

describe('a mapping', () => {
  it.each<[string, Mapping]>([
    ['a1>5000', 'unknown'],
    ['a1>5000 a2>5000', 'endpoint-independent'],
    ['a1>5000 b1>5000', 'endpoint-independent'],
    ['a1>5000 a2>5001', 'address-and-port-dependent'],
    ['a1>5000 a2>5000 b1>5001 b2>5001', 'address-dependent'],
    ['a1>5000 a2>5001 b1>5002 b2>5003', 'address-and-port-dependent'],
    ['a1>5000 b1>5001', 'address-and-port-dependent'],
  ])('seen as %s is %s', (seen, mapping) => {
    expect(mappingOf(sights(seen), HOME)).toBe(mapping);
  });

  it('is none where we are seen at an endpoint of our own, from one supernode on', () => {
    expect(mappingOf(sights('a1>4000'), [at('203.0.113.5:4000')])).toBe('none');
    expect(mappingOf(sights('a1>4000 a2>4001'), [at('203.0.113.5:4000')])).not.toBe('none');
    expect(mappingOf([], HOME)).toBe('unknown');
  });

  it.each([
    ['a1>4000 a2>4000', { portAllocation: 'preserving' }],
    ['a1>5000 a2>5000', { portAllocation: 'other' }],
    ['a1>5000 a2>5001 b1>5002 b2>5004', { portAllocation: 'sequential', portDelta: 1 }],
    ['a1>5008 a2>5006 b1>5004', { portAllocation: 'sequential', portDelta: -2 }],
    ['a1>5000 a2>5001 b1>5000', { portAllocation: 'sequential', portDelta: 1 }],
    ['a1>5000 a2>5001 b1>4990', { portAllocation: 'random' }],
    ['a1>5000 a2>50001', { portAllocation: 'random' }],
  ])('seen as %s gives ports like that', (seen, expected) => {
    const all = sights(seen);
    expect(portsOf(mappingOf(all, HOME), all, HOME)).toEqual(expected);
  });
});

describe('the word for it', () => {
  const kind = (change: Partial<NatKind>): NatKind => ({
    ...NAT_UNKNOWN,
    udp: 'works',
    evidence: { mapping: 'several-addresses', filtering: 'several-addresses' },
    ...change,
  });
  it.each([
    [{ mapping: 'none', filtering: 'endpoint-independent' }, 'public'],
    [{ mapping: 'none', filtering: 'address-and-port-dependent' }, 'firewalled'],
    [{ mapping: 'none', filtering: 'address-dependent' }, 'firewalled'],
    [{ mapping: 'endpoint-independent', filtering: 'endpoint-independent' }, 'full-cone'],
    [{ mapping: 'endpoint-independent', filtering: 'address-dependent' }, 'address-restricted'],
    [{ mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' }, 'port-restricted'],
    [{ mapping: 'address-dependent', filtering: 'endpoint-independent' }, 'symmetric'],
    [{ mapping: 'address-and-port-dependent' }, 'symmetric'],
    [{ mapping: 'endpoint-independent' }, 'unknown'],
    [{ udp: 'blocked' }, 'no-udp'],
    [{}, 'unknown'],
  ] as const)('%o is %s', (change, word) => {
    expect(natClass(kind(change))).toBe(word);
  });
});
