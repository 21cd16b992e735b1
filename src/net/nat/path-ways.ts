/**
 * Every way that the path finder of a call has tried, as people are told of it: what kind of way, how it stands, since when. A
 * pure reading of what path finder, prober and relays know anyway; nothing is counted or sent for it. No address of the other end
 * is in it (a supernode's is public), so it may be shown and sent to strangers.
 */
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import { WAYS_TOLD_MAX } from '../protocol/params.ts';
import type { Candidate } from './candidate.ts';

/**
 * `mapped`: by the port that our gateway passes on to us. `own-port`: by one of the ports that were opened for this call.
 * `ports`: such ports are opened, or theirs looked for, and nothing has come of it yet.
 */
export type WayKind = 'lan' | 'direct' | 'mapped' | 'own-port' | 'ports' | 'relay';
/** `spare`: left alone, since a better one is in use. */
export type WayState = 'in-use' | 'works' | 'trying' | 'spare' | 'failed';

export interface Way {
  readonly kind: WayKind;
  readonly ip?: 'IPv4' | 'IPv6';
  /** Of a relay: whose supernode; undefined: our first one. */
  readonly through?: NodeId;
  readonly state: WayState;
  readonly rttMs: number | null;
  /** It stands so for so long. */
  readonly forMs: Millis;
}

const ORDER: readonly WayState[] = ['in-use', 'works', 'trying', 'spare', 'failed'];

/** Those in use first, of equals the newest; at most WAYS_TOLD_MAX. */
export function inOrder(ways: readonly Way[]): Way[] {
  const sorted = ways.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.forMs - b.forMs);
  return sorted.slice(0, WAYS_TOLD_MAX);
}

/** `inUseSince`: undefined for one that is not. `mapped`: our endpoint that the gateway passes on, as text. */
export function wayOf(
  now: Millis,
  candidate: Candidate,
  about: { readonly inUseSince: Millis | undefined; readonly isNeedless: boolean; readonly mapped: string | undefined },
): Way {
  const { state, endpoint, socket, kind, seen, turned } = candidate;
  const isMapped = about.mapped !== undefined && seen === about.mapped;
  const word = about.inUseSince !== undefined ? 'in-use' : about.isNeedless ? 'spare' : turned.word;
  return {
    kind: socket !== undefined ? 'own-port' : kind === 'direct' && isMapped ? 'mapped' : kind,
    ip: endpoint.host.includes(':') ? 'IPv6' : 'IPv4',
    state: word,
    rttMs: state.name === 'valid' ? state.rttMs : null,
    // The first probe may still be to come.
    forMs: Math.max(0, now - (about.inUseSince ?? turned.at)),
  };
}
