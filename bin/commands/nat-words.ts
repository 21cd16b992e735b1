/** What kind of NAT somebody is behind, in words for people: of `wren status` and `wren check`. Pure. */
import type { AppState, NatReport, PortsReport } from '../../src/store/state.ts';
import { plain, whereOf } from './layout.ts';

const CLASSES: Readonly<Record<NatReport['class'], string>> = {
  public: 'a public address, nothing in the way',
  firewalled: 'a public address behind a firewall',
  'full-cone': 'full cone: anybody may answer',
  'address-restricted': 'address-restricted: answers from where we wrote',
  'port-restricted': 'port-restricted: answers only from the port we wrote to',
  symmetric: 'symmetric: another port for each other end',
  'no-udp': 'no UDP gets through',
  unknown: 'not found out',
};

const PORTS: Readonly<Record<NatReport['portAllocation'], string>> = {
  preserving: 'our port kept',
  sequential: 'ports one after the other',
  random: 'ports at random',
  other: 'another port than ours',
  unknown: '',
};

/** `behind NAT, seen as 203.0.113.5:4000`: what others see of our address. */
export function natWords({ nat, observed }: Pick<AppState, 'nat' | 'observed'>): string {
  const words = { unknown: 'unknown', public: 'public', 'behind-nat': 'behind NAT' }[nat] ?? plain(nat);
  return observed === null ? words : `${words}, seen as ${whereOf(observed)}`;
}

/** `port-restricted: answers only ...`; undefined while it is not found out. */
export function natClassWords({ natKind }: Pick<AppState, 'natKind'>): string | undefined {
  if (!natKind) return undefined;
  return CLASSES[natKind.class] ?? plain(natKind.class);
}

/** `mapping endpoint-independent, filtering address-dependent, our port kept` (RFC 4787); undefined likewise. */
export function natDetailWords({ natKind }: Pick<AppState, 'natKind'>): string | undefined {
  if (natKind?.udp !== 'works') return undefined;
  const { mapping, filtering, portAllocation, portDelta, evidence } = natKind;
  const parts = [`mapping ${mapping}`, `filtering ${filtering}`];
  const ports = mapping === 'none' ? '' : (PORTS[portAllocation] ?? plain(portAllocation));
  if (ports !== '') parts.push(portDelta === null ? ports : `${ports} (${portDelta > 0 ? '+' : ''}${portDelta})`);
  if (evidence.filtering === 'one-address') parts.push('as far as one supernode can tell');
  return parts.join(', ');
}

/** `port 203.0.113.9:5000 passed on to us by PCP`; undefined when none is. */
export function mappingWords({ portMapping }: Pick<AppState, 'portMapping'>): string | undefined {
  if (!portMapping) return undefined;
  const by = { pcp: 'PCP', 'nat-pmp': 'NAT-PMP', upnp: 'UPnP' }[portMapping.by] ?? plain(portMapping.by);
  return `the router passes ${whereOf(portMapping.endpoint)} on to us (${by})`;
}

const LACKS: Readonly<Record<PortsReport['missing'][number]['why'], string>> = {
  taken: 'taken by another program',
  'not-allowed': 'not allowed',
  unavailable: 'not to be had',
  claimed: 'left to a server of this machine',
};

/** `37123 (UDP and TCP), TCP 443, not TCP 80 (taken by another program)`; undefined before there are any. */
export function portWords({ ports }: Pick<AppState, 'ports'>): string | undefined {
  // An agent of an older version tells of none.
  if (!ports) return undefined;
  const { port, alsoTcp, missing } = ports;
  const whys = [...new Set(missing.map(({ why }) => why))];
  const lacks = whys.map((why) => {
    const those = missing.filter((one) => one.why === why).map((one) => one.port);
    return `not TCP ${those.join(' and ')} (${LACKS[why] ?? plain(why)})`;
  });
  const more = alsoTcp.length > 0 ? [`TCP ${alsoTcp.join(' and ')}`] : [];
  return [`${port} (UDP and TCP)`, ...more, ...lacks].join(', ');
}
