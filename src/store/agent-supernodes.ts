/**
 * The agent's part of `wren map`: every supernode that the profile knows, by host cache and invite, and the two that
 * are in use. Addresses are those of supernodes, never of people. The stored host cache is some seconds behind the node
 * at most, and is there when nobody is signed in.
 */
import type { Remembered } from '../net/index.ts';
import { type Endpoint, parseEndpoint } from '../net/protocol/endpoint.ts';
import { Refusal } from '../net/protocol/failures.ts';
import type { AgentCore } from './agent-core.ts';
import type { KnownSupernode } from './port.ts';

/** Throws `no-network` before the profile has joined one. */
export function supernodesOf({ options: { profile, wallClock }, state }: AgentCore): KnownSupernode[] {
  const network = profile.network();
  if (!network) throw new Refusal('no-network');
  return knownSupernodes({
    wallMs: wallClock(),
    active: state.supernode?.endpoint ?? null,
    standby: state.standby,
    remembered: profile.hostCache()?.supernodes ?? [],
    invite: network.supernodes,
  });
}

export interface SupernodeSources {
  readonly wallMs: number;
  /** Text forms of endpoints. */
  readonly active: string | null;
  readonly standby: string | null;
  readonly remembered: Remembered['supernodes'];
  readonly invite: readonly string[];
}

/** Each once: the active one, the standby, then whoever worked last, then the rest in the order in which they came. */
export function knownSupernodes({ wallMs, active, standby, remembered, invite }: SupernodeSources): KnownSupernode[] {
  const known: KnownSupernode[] = remembered
    .filter(({ endpoints }) => endpoints.length > 0)
    .map(({ endpoints, node, visits }) => ({
      endpoints,
      nodeId: node === '' ? null : node,
      state: 'known',
      lastWorkedAtMs: Math.max(0, ...visits.map(({ okAtMs }) => okAtMs)) || null,
    }));
  for (const endpoint of invite) if (placeOf(known, endpoint) < 0) known.push(fresh(endpoint));
  for (const [endpoint, state] of [
    [standby, 'standby'],
    [active, 'active'],
  ] as const) {
    if (endpoint === null) continue;
    const found = placeOf(known, endpoint);
    const [one = fresh(endpoint)] = found < 0 ? [] : known.splice(found, 1);
    known.unshift({ ...one, state, lastWorkedAtMs: wallMs });
  }
  const used = known.filter(({ state }) => state !== 'known');
  const others = known.filter(({ state }) => state === 'known');
  return [...used, ...others.sort((a, b) => (b.lastWorkedAtMs ?? 0) - (a.lastWorkedAtMs ?? 0))];
}

function fresh(endpoint: string): KnownSupernode {
  return { endpoints: [endpoint], nodeId: null, state: 'known', lastWorkedAtMs: null };
}

/** The same host and port by whatever carrier; else the same host, since a link may use port 443 of a supernode. */
function placeOf(known: readonly KnownSupernode[], text: string): number {
  const wanted = parseEndpoint(text);
  if (!wanted) return known.findIndex(({ endpoints }) => endpoints.includes(text));
  const at = (matches: (endpoint: Endpoint) => boolean): number =>
    known.findIndex(({ state, endpoints }) => {
      const places = endpoints.flatMap((one) => parseEndpoint(one) ?? []);
      return state === 'known' && places.some(matches);
    });
  const exact = at(({ host, port }) => host === wanted.host && port === wanted.port);
  return exact >= 0 || wanted.port !== 443 ? exact : at(({ host }) => host === wanted.host);
}
