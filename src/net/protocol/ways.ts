/**
 * The ways to reach one server, best first: its UDP port, the same number by TCP, then TCP 443 and 80, which firewalls
 * let out that let little else (slides, "Ports", "Login Process"), at 443 inside genuine TLS too; and through a proxy,
 * where there is one. Supernode link and login client race along them; the name of a way is what is remembered of a
 * network that we are on.
 */
import type { Endpoint } from './endpoint.ts';
import { ALSO_TCP_PORTS } from './params.ts';

export const WAY_NAMES = ['udp', 'tcp', 'tcp443', 'tcp80', 'proxy443', 'proxy', 'tls443'] as const;
export type WayName = (typeof WAY_NAMES)[number];

export interface Way {
  readonly name: WayName;
  readonly endpoint: Endpoint;
  /** The server as it was named. */
  readonly server: Endpoint;
}

/** Whether a way goes inside TLS. */
export function isByTls(name: WayName): boolean {
  return name === 'tls443';
}

/** Whether a way goes through the proxy of this machine. */
export function isByProxy(name: WayName): boolean {
  return name === 'proxy443' || name === 'proxy';
}

/**
 * Each endpoint once by each face. A server whose address names TCP is not asked by UDP. `byProxy`: this machine has a proxy, and
 * whoever has one mostly needs it; most let nobody through but to port 443.
 */
export function waysTo(server: Endpoint, byProxy = false): Way[] {
  const straight = straightWaysTo(server);
  if (!byProxy) return straight;
  const there: Endpoint = { ...server, carrier: 'tcp' };
  const first: Way = { name: 'proxy443', endpoint: { ...there, port: 443 }, server };
  const last: Way = { name: 'proxy', endpoint: there, server };
  const early = straight.findIndex(({ name }) => name === 'tcp') + 1;
  return [...straight.slice(0, early), first, ...straight.slice(early), ...(server.port === 443 ? [] : [last])];
}

function straightWaysTo(server: Endpoint): Way[] {
  const at = (name: WayName, port: number): Way => ({ name, endpoint: { ...server, carrier: 'tcp', port }, server });
  const others = ALSO_TCP_PORTS.filter((port) => port !== server.port).map((port) => at(`tcp${port}`, port));
  return [
    ...(server.carrier === 'udp' ? [{ name: 'udp' as const, endpoint: server, server }] : []),
    at('tcp', server.port),
    ...others.filter(({ name }) => name === 'tcp443'),
    // Next to it: who resets what is not TLS makes room for this at once.
    at('tls443', 443),
    ...others.filter(({ name }) => name !== 'tcp443'),
  ];
}
