/** What makes two looks at a machine's addresses the same network. */
import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { nameServers, networkPrint } from '../../../src/net/io/network-print.ts';

function info(address: string, internal = false): NetworkInterfaceInfo {
  const family = address.includes(':') ? 'IPv6' : 'IPv4';
  return {
    address,
    family,
    internal,
    netmask: '',
    mac: '00:00:00:00:00:00',
    cidr: null,
    scopeid: 0,
  } as NetworkInterfaceInfo;
}

const HOME = { eth0: [info('192.168.1.2'), info('2001:db8:1:2:a::1'), info('fe80::1')] };
const DNS = ['192.168.1.1'];

test('another address in the same house is the same network', () => {
  const moved = { wlan0: [info('2001:db8:1:2:b:c:d:e'), info('192.168.1.77')], lo: [info('127.0.0.1', true)] };
  expect(networkPrint(moved, DNS)).toBe(networkPrint(HOME, DNS));
  expect(networkPrint(HOME, DNS)).toMatch(/^[0-9a-f]{16}$/);
});

test('bridges of containers and link-local addresses do not count', () => {
  const more = { ...HOME, docker0: [info('172.17.0.1')], veth12: [info('10.9.9.9')], usb0: [info('169.254.3.3')] };
  expect(networkPrint(more, DNS)).toBe(networkPrint(HOME, DNS));
});

test('another prefix or another name server is another network', () => {
  const prints = [
    networkPrint(HOME, DNS),
    networkPrint(HOME, ['192.168.1.254']),
    networkPrint({ eth0: [info('192.168.2.2')] }, DNS),
    networkPrint({ eth0: [info('192.168.1.2')] }, DNS),
    networkPrint({ ...HOME, tun0: [info('10.8.0.2')] }, DNS),
    networkPrint({ eth0: [info('::1:2:3')] }, DNS),
  ];
  expect(new Set(prints).size).toBe(prints.length);
});

test('without any address there is no network to know again', () => {
  expect(networkPrint({ lo: [info('127.0.0.1', true)] }, DNS)).toBe('');
});

test('the name servers of this machine can be told', () => {
  expect(Array.isArray(nameServers())).toBe(true);
});
