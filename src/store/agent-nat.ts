/** What the node found out about our NAT, as the state tells it: text for endpoints, null for what is not there. */
import { type NatKind, natClass } from '../net/index.ts';
import { printEndpoint } from '../net/protocol/endpoint.ts';
import type { NatReport } from './state.ts';

export function natReport(kind: NatKind): NatReport {
  const { udp, mapping, filtering, portAllocation, portDelta = null, publicEndpoint, evidence } = kind;
  return {
    class: natClass(kind),
    udp,
    mapping,
    filtering,
    portAllocation,
    portDelta,
    publicEndpoint: publicEndpoint ? printEndpoint(publicEndpoint) : null,
    evidence,
  };
}
