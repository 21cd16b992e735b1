/** The ways to a server, in their order. */
import { expect, test } from 'vitest';
import type { Endpoint } from '../../../src/net/protocol/endpoint.ts';
import { isByTls, WAY_NAMES, waysTo } from '../../../src/net/protocol/ways.ts';

const SERVER: Endpoint = { carrier: 'udp', host: '192.0.2.1', port: 4000 };
const names = (server: Endpoint, byProxy = false): string[] => waysTo(server, byProxy).map(({ name }) => name);

test('TLS stands next to plain TCP at port 443, whose reset makes room for it', () => {
  expect(names(SERVER)).toEqual(['udp', 'tcp', 'tcp443', 'tls443', 'tcp80']);
  expect(names({ ...SERVER, carrier: 'tcp' })).toEqual(['tcp', 'tcp443', 'tls443', 'tcp80']);
});

test('a server whose own port is 443 is asked there once without TLS, and once inside it', () => {
  expect(names({ ...SERVER, port: 443 })).toEqual(['udp', 'tcp', 'tls443', 'tcp80']);
  const [, , tls] = waysTo({ ...SERVER, port: 443 }, false);
  expect(tls?.endpoint).toEqual({ carrier: 'tcp', host: '192.0.2.1', port: 443 });
});

test('a proxy adds its own', () => {
  expect(names(SERVER, true)).toEqual(['udp', 'tcp', 'proxy443', 'tcp443', 'tls443', 'tcp80', 'proxy']);
});

test('one name of all is by TLS', () => {
  expect(WAY_NAMES.filter(isByTls)).toEqual(['tls443']);
});
