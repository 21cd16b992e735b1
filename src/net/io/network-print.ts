/**
 * By what this machine knows again a network that it was on: the prefixes of its addresses (/24 and /64) and the
 * addresses of its name servers, hashed. It is compared with those that the profile remembers, and never sent anywhere.
 * Two homes may look alike (192.168.1.0/24 and the router as name server); then the way that worked in one is tried
 * first in the other, which costs nothing.
 */
import { createHash } from 'node:crypto';
import { Resolver } from 'node:dns';
import type { NetworkInterfaceInfo } from 'node:os';

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Bridges and ends of containers and virtual machines: they come and go while the network stays. */
const VIRTUAL = /^(docker|br-|veth|virbr|lxc|lxd|cni|podman|vmnet|vboxnet|cali|flannel)/i;
const PRINT_HEX_DIGITS = 16;

/** 16 hex digits; empty without any address beyond this machine's own. */
export function networkPrint(interfaces: Interfaces, nameServers: readonly string[]): string {
  const prefixes = Object.entries(interfaces)
    .filter(([name]) => !VIRTUAL.test(name))
    .flatMap(([, list]) => list ?? [])
    .filter((info) => !info.internal && !/^(fe[89ab]|169\.254\.)/i.test(info.address))
    .map((info) => (info.family === 'IPv4' ? prefix4(info.address) : prefix6(info.address)));
  if (prefixes.length === 0) return '';
  const parts = [...new Set(prefixes)].sort().concat('|', [...new Set(nameServers)].sort());
  return createHash('sha256').update(parts.join(' ')).digest('hex').slice(0, PRINT_HEX_DIGITS);
}

/** As the system has them now: a new resolver reads them anew, which Node's own does only once. */
export function nameServers(): string[] {
  try {
    return new Resolver().getServers();
  } catch {
    return [];
  }
}

function prefix4(address: string): string {
  return address.split('.').slice(0, 3).join('.');
}

/** The first four groups; Node writes addresses in the short form, where `::` may stand for some of them. */
function prefix6(address: string): string {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right].slice(0, 4).join(':');
}
