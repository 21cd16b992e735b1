/**
 * Which machines may be the gateway of this network, by IPv4. Node does not tell; Linux does, in a file. Elsewhere it is
 * nearly always the first address of the network that we are in.
 */
import { readFileSync } from 'node:fs';
import type { NetworkInterfaceInfo } from 'node:os';
import { isPrivateHost } from '../protocol/endpoint.ts';
import { PORT_GATEWAYS_MAX } from '../protocol/params.ts';

/** Candidates, likeliest first. */
export function gatewayCandidates(
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
  routes: string | undefined = readRoutes(),
): string[] {
  const known = routes === undefined ? [] : gatewaysIn(routes);
  const guessed = Object.values(interfaces).flatMap((list) => (list ?? []).flatMap(firstOfNetwork));
  return [...new Set(known.length > 0 ? known : guessed)].slice(0, PORT_GATEWAYS_MAX);
}

function readRoutes(): string | undefined {
  try {
    return readFileSync('/proc/net/route', 'latin1');
  } catch {
    return undefined;
  }
}

/** Lines of `Iface Destination Gateway Flags ...`, addresses as hexadecimal numbers of a little-endian machine. */
function gatewaysIn(routes: string): string[] {
  return routes.split('\n').flatMap((line) => {
    const [, destination, gateway = ''] = line.split('\t');
    if (destination !== '00000000' || !/^[0-9A-F]{8}$/.test(gateway) || gateway === '00000000') return [];
    return [[...Buffer.from(gateway, 'hex')].reverse().join('.')];
  });
}

function firstOfNetwork({ family, internal, address, netmask }: NetworkInterfaceInfo): string[] {
  if (family !== 'IPv4' || internal || !isPrivateHost(address)) return [];
  const mask = netmask.split('.').map(Number);
  const network = address.split('.').map((part, i) => Number(part) & (mask[i] ?? 0));
  const first = [...network.slice(0, 3), (network[3] ?? 0) + 1].join('.');
  return first === address ? [] : [first];
}
