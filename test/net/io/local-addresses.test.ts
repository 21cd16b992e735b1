/** Local endpoints: what neighbours can use comes first, loopback last, and the list is bounded. */
import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { localEndpoints } from '../../../src/net/io/local-addresses.ts';
import { LOCAL_ENDPOINTS_MAX } from '../../../src/net/protocol/params.ts';

function info(address: string, internal = false): NetworkInterfaceInfo {
  const rest = { netmask: '', mac: '', internal, cidr: null };
  return address.includes(':')
    ? { ...rest, address, family: 'IPv6', scopeid: 0 }
    : { ...rest, address, family: 'IPv4' };
}

const LOOPBACK = [info('127.0.0.1', true), info('::1', true)];
const hosts = (...args: Parameters<typeof localEndpoints>) => localEndpoints(...args).map((endpoint) => endpoint.host);
const both = { port: 4000, v4: true, v6: true };

test('IPv4 comes first, then IPv6, then loopback; link-local IPv6 does not come', () => {
  const interfaces = { lo: LOOPBACK, eth0: [info('2001:db8::7'), info('fe80::1'), info('192.168.1.7')] };
  expect(hosts(interfaces, both)).toEqual(['192.168.1.7', '2001:db8::7', '127.0.0.1']);
});

test('without a network there is loopback', () => {
  expect(localEndpoints({ lo: LOOPBACK }, both)).toEqual([{ carrier: 'udp', host: '127.0.0.1', port: 4000 }]);
  expect(hosts({ lo: LOOPBACK }, { ...both, v4: false })).toEqual(['::1']);
});

test('a family without a socket is not offered', () => {
  const interfaces = { eth0: [info('2001:db8::7'), info('192.168.1.7')] };
  expect(hosts(interfaces, { ...both, v6: false })).toEqual(['192.168.1.7', '127.0.0.1']);
});

test('bound to one address, only that is told', () => {
  expect(hosts({ eth0: [info('192.168.1.7'), info('10.0.0.7')] }, { ...both, host: '10.0.0.7' })).toEqual(['10.0.0.7']);
});

test('a machine with very many addresses tells a bounded number, loopback among them', () => {
  const many = Array.from({ length: 100 }, (_, i) => info(`172.17.${i}.1`));
  const told = hosts({ docker: many }, both);
  expect([told.length, told.at(-1)]).toEqual([LOCAL_ENDPOINTS_MAX, '127.0.0.1']);
});

test('IPv6 has its places however many bridges with IPv4 there are', () => {
  const bridges = Array.from({ length: 40 }, (_, i) => info(`172.17.${i}.1`));
  const found = hosts({ lo: LOOPBACK, br: bridges, eth0: [info('2001:db8::7'), info('fd00::7')] }, both);
  expect(found).toHaveLength(16);
  expect(found.slice(-3)).toEqual(['2001:db8::7', 'fd00::7', '127.0.0.1']);
});
