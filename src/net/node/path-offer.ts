/**
 * What the two ends of a silent path test tell each other (PROTOCOL.md 9.12): where they may be met, through whom, and
 * what their NATs do. Pure; for `path-desk.ts`.
 */
import type { NatKind } from '../nat/nat-kind.ts';
import { type NatTold, toldOf } from '../nat/why-relayed.ts';
import { bytesOf, hexOf, ID_BYTES, type NodeId } from '../protocol/ids.ts';
import { CANDIDATE_LENGTH_MAX, CANDIDATES_MAX, RELAYS_MAX } from '../protocol/params.ts';
import { type Body, NAT_FILTERINGS, NAT_MAPPINGS } from '../wire/messages.ts';

/** The fields of `PathTest` and `PathTestAnswer` that tell where we are: for buddies only. */
export function offerTo(
  here: { readonly candidates: readonly string[]; readonly relays: readonly NodeId[] },
  kind: NatKind,
) {
  const { mapping, filtering, udpBlocked } = toldOf(kind);
  const nat = { mapping: NAT_MAPPINGS.indexOf(mapping), filtering: NAT_FILTERINGS.indexOf(filtering), udpBlocked };
  const relays = here.relays.slice(0, RELAYS_MAX).map(bytesOf);
  return { candidates: here.candidates.slice(0, CANDIDATES_MAX), relays, nat };
}

/** Texts and ids from outside, within bounds. */
export function offerOf({ candidates, relays }: Pick<Body<'pathTest'>, 'candidates' | 'relays'>) {
  const texts = candidates.filter((text) => text.length <= CANDIDATE_LENGTH_MAX).slice(0, CANDIDATES_MAX);
  const theirs = relays.filter(({ length }) => length === ID_BYTES).slice(0, RELAYS_MAX);
  return { remoteCandidates: texts, theirs: theirs.map(hexOf) };
}

/** What the other end says of its NAT; unknown words count as unknown. */
export function readTold(nat: Body<'pathTest'>['nat']): NatTold {
  return {
    mapping: NAT_MAPPINGS[nat?.mapping ?? 0] ?? 'unknown',
    filtering: NAT_FILTERINGS[nat?.filtering ?? 0] ?? 'unknown',
    udpBlocked: nat?.udpBlocked ?? false,
  };
}
