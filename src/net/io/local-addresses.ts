/**
 * Where this machine can be reached by its neighbours: the addresses of its network interfaces with our port, as
 * host candidates of the path finder (RFC 8445 section 5.1.1.1). `sockets.ts` asks every two seconds and tells the
 * core when the answer changed, because Node has no event for it.
 */
import type { NetworkInterfaceInfo } from 'node:os';
import type { Endpoint } from '../protocol/endpoint.ts';
import { LOCAL_ENDPOINTS_MAX } from '../protocol/params.ts';

export interface Listening {
  readonly port: number;
  readonly v4: boolean;
  readonly v6: boolean;
  /** Set when we listen at one address only. */
  readonly host?: string | undefined;
}

/** So many places are kept for IPv6, where there is any: a machine may have dozens of bridges with IPv4. */
const IPV6_PLACES = 4;

/**
 * IPv4 first, then IPv6, loopback last (two profiles on one machine meet there); at most LOCAL_ENDPOINTS_MAX.
 * IPv6 link-local addresses are left out: they mean something only together with the name of an interface here.
 */
export function localEndpoints(
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
  listening: Listening,
): Endpoint[] {
  const at = (host: string): Endpoint => ({ carrier: 'udp', host, port: listening.port });
  if (listening.host !== undefined) return [at(listening.host)];
  const outward = Object.values(interfaces).flatMap((list) => (list ?? []).filter((info) => !info.internal));
  const v4 = outward.filter((info) => listening.v4 && info.family === 'IPv4');
  const v6 = outward.filter((info) => listening.v6 && info.family === 'IPv6' && !/^fe[89ab]/i.test(info.address));
  const places = LOCAL_ENDPOINTS_MAX - 1;
  const hosts = [...v4.slice(0, places - Math.min(v6.length, IPV6_PLACES)), ...v6].slice(0, places);
  const loopback = listening.v4 ? '127.0.0.1' : '::1';
  return [...new Set([...hosts.map((info) => info.address), loopback])].map(at);
}
