/** The port mapping of this machine: its gateways, its clock. `port-mapping.ts` does the work. */
import { networkInterfaces } from 'node:os';
import type { Carrier } from '../protocol/endpoint.ts';
import { gatewayCandidates } from './default-gateway.ts';
import { systemClock } from './driver.ts';
import { PortControlGateway } from './port-gateway-control.ts';
import { NatPmpGateway } from './port-gateway-nat-pmp.ts';
import { UpnpGateway } from './port-gateway-upnp.ts';
import { type PortMapped, PortMapping } from './port-mapping.ts';

export interface PortMappingWish {
  readonly port: number;
  readonly carriers: readonly [Carrier, ...Carrier[]];
  /** The built child that speaks NAT-PMP and UPnP (`port-mapper-child.ts`). */
  readonly mapperEntry: string;
  /** Without, PCP and NAT-PMP alone are tried. */
  readonly upnp: boolean;
  readonly onChange: (mapped: PortMapped | undefined) => void;
}

/** Not started yet. */
export function openPortMapping({ port, carriers, mapperEntry, upnp, onChange }: PortMappingWish): PortMapping {
  const hosts = gatewayCandidates(networkInterfaces());
  const control = hosts.map((host) => new PortControlGateway(host, new NatPmpGateway(mapperEntry, host)));
  const gateways = upnp ? [...control, new UpnpGateway(mapperEntry)] : control;
  return new PortMapping({ port, carriers, gateways, clock: systemClock, onChange });
}
