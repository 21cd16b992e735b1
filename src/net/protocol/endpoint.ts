/**
 * Where a packet comes from or goes to: carrier, host and port. Text form `udp:192.0.2.7:4000`,
 * `tcp:[2001:db8::1]:443`; host names are allowed only in invites and are resolved by `io`. An IPv6 address is kept in
 * one form only, the one that systems report (RFC 5952), so that equal hosts are equal texts.
 */
import { BlockList, isIP } from 'node:net';

export type Carrier = 'udp' | 'tcp';
export interface Endpoint {
  readonly carrier: Carrier;
  readonly host: string;
  readonly port: number;
}

const TEXT = /^(udp|tcp):(?:\[([0-9A-Fa-f:.%a-z]+)\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/;

/** Parses the text form; undefined when it is not one. Never throws. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = TEXT.exec(text);
  if (!match) return undefined;
  const port = Number(match[4]);
  const host = match[2] ?? match[3] ?? '';
  if (port < 1 || port > 65535) return undefined;
  if (match[2] !== undefined && isIP(match[2]) !== 6) return undefined;
  return { carrier: match[1] as Carrier, host: canonicalHost(host), port };
}

/** Small letters, zeros compressed, IPv4-mapped ones as IPv4; names, and addresses with a zone, as they are. */
export function canonicalHost(host: string): string {
  if (isIP(host) !== 6 || host.includes('%')) return host;
  const text = new URL(`http://[${host}]/`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(text) ?? [];
  if (high === undefined || low === undefined) return text;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join('.');
}

export function printEndpoint(endpoint: Endpoint): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `${endpoint.carrier}:${host}:${endpoint.port}`;
}

export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.carrier === b.carrier && a.port === b.port && a.host === b.host;
}

/** `::ffff:192.0.2.1` as a dual-stack socket reports it becomes `192.0.2.1`. */
export function plainHost(host: string): string {
  return /^::ffff:/i.test(host) ? canonicalHost(host) : host;
}

/** 4, 6, or 0 for what is no literal address. */
export function familyOf(host: string): 0 | 4 | 6 {
  return isIP(host) as 0 | 4 | 6;
}

/** Loopback, private (RFC 1918, RFC 4193), shared (RFC 6598) or link-local: reachable only from nearby. */
export function isPrivateHost(host: string): boolean {
  if (isIP(host) === 6) return /^(::1$|f[cd]|fe[89ab])/i.test(host);
  const [a = -1, b = -1] = host.split('.').map(Number);
  return (
    a === 10 ||
    a === 127 ||
    (a === 172 && b >= 16 && b <= 31) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b <= 127)
  );
}

export function isLoopbackHost(host: string): boolean {
  return host === '::1' || host === 'localhost' || host.startsWith('127.');
}

/**
 * Addresses that name no single machine: this network, multicast, reserved with broadcast (RFC 6890), unspecified; and
 * IPv6 link-local ones, which mean something only together with an interface.
 */
const NOT_UNICAST = new BlockList();
NOT_UNICAST.addSubnet('0.0.0.0', 8, 'ipv4');
NOT_UNICAST.addSubnet('224.0.0.0', 4, 'ipv4');
NOT_UNICAST.addSubnet('240.0.0.0', 4, 'ipv4');
NOT_UNICAST.addAddress('::', 'ipv6');
NOT_UNICAST.addSubnet('ff00::', 8, 'ipv6');
NOT_UNICAST.addSubnet('fe80::', 10, 'ipv6');

/** True for the literal address of one machine; false for names, for addresses with a zone, and for all others. */
export function isUnicastHost(host: string): boolean {
  const family = isIP(host);
  if (family === 0 || host.includes('%')) return false;
  return !NOT_UNICAST.check(host, family === 6 ? 'ipv6' : 'ipv4');
}
