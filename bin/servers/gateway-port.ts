/**
 * Has the gateway pass a supernode's port on to it, UDP and TCP, when all its addresses are private and it was told no
 * other: then people elsewhere can use it. In the background; off with WREN_NO_PORT_MAPPING=1.
 */
import { networkInterfaces } from 'node:os';
import process from 'node:process';
import { localEndpoints, openPortMapping, type PortMapped } from '../../src/net/io/index.ts';
import { type Endpoint, isLoopbackHost, isPrivateHost } from '../../src/net/protocol/endpoint.ts';
import { besideRunningProgram } from '../../src/store/agent-client-io.ts';
import type { Log } from '../../src/store/log-file.ts';

export interface GatewayPort {
  /** What others reach it at through the gateway, UDP. */
  endpoints(): readonly Endpoint[];
  /** A gateway is asked at all. */
  readonly asks: boolean;
  /** Gives it back; takes a second at most. */
  close(): Promise<void>;
}

export interface GatewayPortWish {
  /** What we were told to listen at. */
  readonly host: string | undefined;
  readonly port: number;
  readonly log: Log;
  readonly onChange: (endpoints: readonly Endpoint[]) => void;
}

export function openGatewayPort({ host, port, log, onChange }: GatewayPortWish): GatewayPort {
  if (!isBehindNat(host)) return { asks: false, endpoints: () => [], close: async () => {} };
  let endpoints: readonly Endpoint[] = [];
  const changed = (mapped: PortMapped | undefined): void => {
    endpoints = mapped?.endpoints.filter(({ carrier }) => carrier === 'udp') ?? [];
    log.info('gateway', mapped ? 'port mapped' : 'no port mapped', { by: mapped?.by ?? null });
    onChange(endpoints);
  };
  const mapperEntry = besideRunningProgram('port-mapper.cjs');
  const mapping = openPortMapping({ port, carriers: ['udp', 'tcp'], mapperEntry, upnp: true, onChange: changed });
  void mapping.start();
  return { asks: true, endpoints: () => endpoints, close: () => mapping.close() };
}

function isBehindNat(host: string | undefined): boolean {
  if (host !== undefined || process.env.WREN_NO_PORT_MAPPING === '1') return false;
  const all = localEndpoints(networkInterfaces(), { port: 1, v4: true, v6: false });
  const outward = all.filter((one) => !isLoopbackHost(one.host));
  return outward.length > 0 && outward.every((one) => isPrivateHost(one.host));
}
