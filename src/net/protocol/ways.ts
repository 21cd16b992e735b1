/**
 * The ways to reach one server, best first: its UDP port, the same number by TCP, then TCP 443 and 80, which firewalls
 * let out that let little else (slides, "Ports", "Login Process"). Supernode link and login client race along them; the
 * name of a way is what is remembered of a network that we are on.
 */
import type { Endpoint } from './endpoint.ts';
import { ALSO_TCP_PORTS } from './params.ts';

export const WAY_NAMES = ['udp', 'tcp', 'tcp443', 'tcp80'] as const;
export type WayName = (typeof WAY_NAMES)[number];

export interface Way {
  readonly name: WayName;
  readonly endpoint: Endpoint;
  /** The server as it was named. */
  readonly server: Endpoint;
}

/** Each endpoint once. A server whose address names TCP is not asked by UDP. */
export function waysTo(server: Endpoint): Way[] {
  const others = ALSO_TCP_PORTS.filter((port) => port !== server.port);
  return [
    ...(server.carrier === 'udp' ? [{ name: 'udp' as const, endpoint: server, server }] : []),
    { name: 'tcp', endpoint: { ...server, carrier: 'tcp' }, server },
    ...others.map((port): Way => ({ name: `tcp${port}`, endpoint: { ...server, carrier: 'tcp', port }, server })),
  ];
}
