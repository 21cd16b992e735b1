/**
 * What stands between us and the internet, in the words of RFC 4787, as `discovery.ts` finds it out, and what people
 * call it. Pure data and pure judgements over it.
 */
import { type Endpoint, sameEndpoint } from '../protocol/endpoint.ts';
import { NAT_PORT_STEP_MAX } from '../protocol/params.ts';

/** Which packets of ours leave by the same outer port (RFC 4787, 4.1); `none`: nobody translates our address. */
export type Mapping = 'none' | 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent' | 'unknown';
/** Who may answer to that port (RFC 4787, 5). */
export type Filtering = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent' | 'unknown';
/** Which outer ports are given (RFC 4787, 4.2): ours, others one after the other, or at random; `other`: not ours. */
export type PortAllocation = 'preserving' | 'sequential' | 'random' | 'other' | 'unknown';
/** How many addresses of supernodes it was seen from. */
export type Evidence = 'several-addresses' | 'one-address' | 'none';

export type NatClass =
  | 'public'
  | 'firewalled'
  | 'full-cone'
  | 'address-restricted'
  | 'port-restricted'
  | 'symmetric'
  | 'no-udp'
  | 'unknown';

export interface NatKind {
  readonly udp: 'works' | 'blocked' | 'unknown';
  readonly mapping: Mapping;
  readonly filtering: Filtering;
  readonly portAllocation: PortAllocation;
  /** What the next port is more than the last; of `sequential` only. */
  readonly portDelta?: number;
  /** Our endpoint as the supernode asked first sees it. */
  readonly publicEndpoint?: Endpoint;
  readonly evidence: { readonly mapping: Evidence; readonly filtering: Evidence };
}

export const NAT_UNKNOWN: NatKind = {
  udp: 'unknown',
  mapping: 'unknown',
  filtering: 'unknown',
  portAllocation: 'unknown',
  evidence: { mapping: 'none', filtering: 'none' },
};

/** The word that people use: that of RFC 3489 where it has one, which says nothing of ports and lifetimes. */
export function natClass({ udp, mapping, filtering, evidence }: NatKind): NatClass {
  if (udp === 'blocked') return 'no-udp';
  if (mapping === 'unknown') return 'unknown';
  if (mapping === 'none') {
    // From one address no more can be seen than that another port gets through.
    const isOpen = filtering === 'address-dependent' && evidence.filtering === 'one-address';
    return isOpen || filtering === 'endpoint-independent' ? 'public' : unlessUnknown(filtering, 'firewalled');
  }
  if (mapping !== 'endpoint-independent') return 'symmetric';
  if (filtering === 'endpoint-independent') return 'full-cone';
  return unlessUnknown(filtering, filtering === 'address-dependent' ? 'address-restricted' : 'port-restricted');
}

function unlessUnknown(filtering: Filtering, word: NatClass): NatClass {
  return filtering === 'unknown' ? 'unknown' : word;
}

/** How we were seen from one endpoint of a supernode. In the order in which they were asked. */
export interface Sight {
  readonly from: Endpoint;
  readonly observed: Endpoint;
}

export function mappingOf(sights: readonly Sight[], ours: readonly Endpoint[]): Mapping {
  const [first, ...rest] = sights;
  if (!first) return 'unknown';
  if (sights.every(({ observed }) => ours.some((one) => sameEndpoint(one, observed)))) return 'none';
  if (rest.length === 0) return 'unknown';
  const differ = (a: Sight, b: Sight): boolean => !sameEndpoint(a.observed, b.observed);
  if (!rest.some((one) => differ(one, first))) return 'endpoint-independent';
  const pairs = sights.flatMap((a, i) => sights.slice(i + 1).map((b) => [a, b] as const));
  if (pairs.some(([a, b]) => a.from.host === b.from.host && differ(a, b))) return 'address-and-port-dependent';
  // Seen the same from two ports of one address, and otherwise from another; with one port each we expect the worse.
  const twoPortsAlike = pairs.some(([a, b]) => a.from.host === b.from.host);
  return twoPortsAlike ? 'address-dependent' : 'address-and-port-dependent';
}

export function portsOf(
  mapping: Mapping,
  sights: readonly Sight[],
  ours: readonly Endpoint[],
): Pick<NatKind, 'portAllocation' | 'portDelta'> {
  const ports = [...new Set(sights.map(({ observed }) => observed.port))];
  if (mapping === 'unknown' || ports.length === 0) return { portAllocation: 'unknown' };
  if (ports.every((port) => ours.some((one) => one.port === port))) return { portAllocation: 'preserving' };
  if (ports.length === 1) return { portAllocation: 'other' };
  const deltas = ports.slice(1).map((port, i) => port - (ports[i] ?? 0));
  const smallest = deltas.reduce((a, b) => (Math.abs(b) < Math.abs(a) ? b : a));
  // Others behind the same NAT take ports in between, so a step may be a multiple of the smallest.
  const inStep = deltas.every((one) => Math.sign(one) === Math.sign(smallest) && Math.abs(one) <= NAT_PORT_STEP_MAX);
  return inStep ? { portAllocation: 'sequential', portDelta: smallest } : { portAllocation: 'random' };
}

/** Probes from another address, and from another port of the supernode's: which were sent, and which came. */
export interface ProbesSeen {
  hostAsked: boolean;
  portAsked: boolean;
  hostCame: boolean;
  portCame: boolean;
}

/** `before`: what was found the last time. */
export function filteringOf(
  probes: ProbesSeen | undefined,
  sights: readonly Sight[],
  before: NatKind,
): Pick<NatKind, 'filtering' | 'evidence'> {
  const mapping = addressesIn(sights);
  if (!probes || !(probes.hostAsked || probes.portAsked)) {
    return { filtering: 'unknown', evidence: { mapping, filtering: 'none' } };
  }
  const { hostAsked, hostCame, portCame } = probes;
  const evidence = { mapping, filtering: hostAsked ? 'several-addresses' : 'one-address' } as const;
  if (hostCame) return { filtering: 'endpoint-independent', evidence };
  const filtering = portCame ? 'address-dependent' : 'address-and-port-dependent';
  // Nobody is left to whose address we have not written: what was found when there was counts on, if nothing denies it.
  const isDenied = before.filtering !== filtering && !(portCame && before.filtering === 'endpoint-independent');
  const isElsewhere = before.publicEndpoint?.host !== sights[0]?.observed.host;
  if (hostAsked || isDenied || isElsewhere) return { filtering, evidence };
  return { filtering: before.filtering, evidence: { mapping, filtering: before.evidence.filtering } };
}

export function addressesIn(sights: readonly Sight[]): Evidence {
  const hosts = new Set(sights.map(({ from }) => from.host));
  return hosts.size === 0 ? 'none' : hosts.size === 1 ? 'one-address' : 'several-addresses';
}
