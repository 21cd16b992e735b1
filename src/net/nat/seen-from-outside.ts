/**
 * What it means that our supernode sees us at some address (`observed` of its answers): whether anybody translates
 * between us and it. `node/ordinary-node.ts` asks at every attachment, a person reads the answer in `wren status`.
 * Mapping and filtering (RFC 4787) would need two supernodes to ask; this needs one.
 */
import { type Endpoint, isPrivateHost } from '../protocol/endpoint.ts';

export type NatSeen = 'unknown' | 'public' | 'behind-nat';

/**
 * `behind-nat`: seen at an address that is none of ours. `public`: seen at one of ours that the whole internet can
 * reach. `unknown`: not told, or the supernode is within our own network, so that what lies beyond was not passed.
 * Only hosts count, since a stream leaves from another port than we listen at.
 */
export function natSeen(observed: Endpoint | undefined, ours: readonly Endpoint[]): NatSeen {
  if (observed === undefined || ours.length === 0) return 'unknown';
  if (!ours.some((one) => one.host === observed.host)) return 'behind-nat';
  return isPrivateHost(observed.host) ? 'unknown' : 'public';
}
