/** The port mapping of this machine: its gateways, its clock. `port-mapping.ts` does the work. */
import { networkInterfaces } from 'node:os';
import type { Carrier } from '../protocol/endpoint.ts';
import { gatewayCandidates } from './default-gateway.ts';
import { systemClock } from './driver.ts';
import { PortControlGateway } from './port-gateway-control.ts';
import { UpnpGateway } from './port-gateway-upnp.ts';
import { type PortMapped, PortMapping } from './port-mapping.ts';

export interface PortMappingWish {
  readonly port: number;
  readonly carriers: readonly [Carrier, ...Carrier[]];
  /** The built child that speaks UPnP; without it PCP and NAT-PMP alone are tried. */
  readonly upnpEntry: string | undefined;
  readonly onChange: (mapped: PortMapped | undefined) => void;
}

/** Not started yet. */
export function openPortMapping({ port, carriers, upnpEntry, onChange }: PortMappingWish): PortMapping {
  const control = gatewayCandidates(networkInterfaces()).map((host) => new PortControlGateway(host));
  const gateways = upnpEntry === undefined ? control : [...control, new UpnpGateway(upnpEntry)];
  return new PortMapping({ port, carriers, gateways, clock: systemClock, onChange });
}
