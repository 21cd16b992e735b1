/** Endpoints as text: one form for each, whoever wrote it and however. */

import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalHost,
  isPrivateHost,
  isUnicastHost,
  parseEndpoint,
  plainHost,
  printEndpoint,
} from '../../../src/net/protocol/endpoint.ts';

const printed = (text: string) => {
  const endpoint = parseEndpoint(text);
  return endpoint && printEndpoint(endpoint);
};

describe('an endpoint', () => {
  test.each([
    ['udp:192.0.2.7:4000', 'udp:192.0.2.7:4000'],
    ['tcp:Wren.example.org:443', 'tcp:Wren.example.org:443'],
    ['udp:[2001:DB8:0:0:0:0:0:1]:4000', 'udp:[2001:db8::1]:4000'],
    ['udp:[2001:0db8::0001]:4000', 'udp:[2001:db8::1]:4000'],
    ['udp:[::FFFF:192.0.2.7]:4000', 'udp:192.0.2.7:4000'],
    ['udp:[::ffff:c000:207]:4000', 'udp:192.0.2.7:4000'],
    ['udp:[fe80::1%eth0]:4000', 'udp:[fe80::1%eth0]:4000'],
  ])('%s is read as %s', (text, canonical) => {
    expect(printed(text)).toBe(canonical);
  });

  test.each([
    'udp:2001:db8::1:4000',
    'udp:[192.0.2.7]:4000',
    'udp:[2001:db8::g]:1',
    'udp:[::1]:0',
    'udp:[]:1',
    '[::1]:1',
  ])('%s is none', (text) => expect(printed(text)).toBeUndefined());

  test('is the same text again after it was printed, for every address', () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(address, fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        const once = canonicalHost(host);
        expect(isIP(once)).toBeGreaterThan(0);
        expect(canonicalHost(once)).toBe(once);
        expect(parseEndpoint(printEndpoint({ carrier: 'udp', host: once, port }))).toEqual({
          carrier: 'udp',
          host: once,
          port,
        });
      }),
    );
  });
});

describe('an address', () => {
  test('that is IPv4 in the clothes of IPv6 counts as IPv4', () => {
    expect(['::ffff:10.0.0.1', '::FFFF:a00:1', '2001:db8::1', '10.0.0.1'].map(plainHost)).toEqual([
      '10.0.0.1',
      '10.0.0.1',
      '2001:db8::1',
      '10.0.0.1',
    ]);
  });

  test('of IPv6 is private as ULA, no single machine as multicast, unspecified or link-local', () => {
    expect(['fd00::1', 'fc00::1', '::1', '2001:db8::1', '2a00::1'].map(isPrivateHost)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(['2001:db8::1', 'fd00::1', 'ff02::1', '::', 'fe80::1', 'fe80::1%eth0'].map(isUnicastHost)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
