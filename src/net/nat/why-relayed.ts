/**
 * Why two ends found no direct way, from what each knows of its own NAT (RFC 4787): for people, and to know beforehand
 * that waiting is in vain. Pure.
 */
import type { Filtering, Mapping, NatKind } from './nat-kind.ts';

/** What an end tells of itself. */
export interface NatTold {
  readonly mapping: Mapping;
  readonly filtering: Filtering;
  readonly udpBlocked: boolean;
}

export type WhyRelayed =
  /** No UDP gets out, here, there, or at both ends. */
  | 'udp-blocked-here'
  | 'udp-blocked-there'
  | 'udp-blocked-both'
  /** Another outer port for each destination at both ends: neither can know where to send. */
  | 'both-symmetric'
  /** It offered no address that could be tried from here. */
  | 'no-address-there'
  /** A direct way came and did not stay. */
  | 'unsteady'
  /** All was tried, and nothing came through. */
  | 'nothing-came-through';

export function toldOf({ mapping, filtering, udp }: NatKind): NatTold {
  return { mapping, filtering, udpBlocked: udp === 'blocked' };
}

/** Why there is no hope but in a shared house; undefined while there is. */
export function hopelessWhy(ours: NatTold, theirs: NatTold): WhyRelayed | undefined {
  if (ours.udpBlocked && theirs.udpBlocked) return 'udp-blocked-both';
  if (ours.udpBlocked) return 'udp-blocked-here';
  if (theirs.udpBlocked) return 'udp-blocked-there';
  return depends(ours.mapping) && depends(theirs.mapping) ? 'both-symmetric' : undefined;
}

/** `offered`: addresses that the other end named. `wasDirect`: a direct way was taken, and left again. */
export function whyRelayed(
  ours: NatTold,
  theirs: NatTold,
  { offered, wasDirect }: { readonly offered: number; readonly wasDirect: boolean },
): WhyRelayed {
  const why = hopelessWhy(ours, theirs);
  if (why) return why;
  if (offered === 0) return 'no-address-there';
  return wasDirect ? 'unsteady' : 'nothing-came-through';
}

function depends(mapping: Mapping): boolean {
  return mapping === 'address-dependent' || mapping === 'address-and-port-dependent';
}
