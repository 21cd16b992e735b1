/**
 * Who mixes (pure): the order of all members by what they tell of themselves, the same wherever it is computed. Whole
 * numbers only. The formula is in PROTOCOL.md, section 9.18; the classic client took the strongest processor and nothing else
 * (classic-network.md 1.13).
 */
import {
  CONFERENCE_BETTER_POINTS,
  CONFERENCE_GROWN_POINTS,
  CONFERENCE_IDLE_LEAST,
  CONFERENCE_LEG_KBPS,
} from '../protocol/conference-params.ts';
import type { NodeId } from '../protocol/ids.ts';
import type { MixerFacts } from './conference-record.ts';

export interface Candidate {
  readonly node: NodeId;
  readonly facts: MixerFacts;
  /** On hold, not heard, or mixed in vain. */
  readonly eligible: boolean;
}

const REACH_UNKNOWN = 3;

/** How well this node would mix for these. */
export function mixerPoints(candidate: Candidate, all: readonly Candidate[]): number {
  const { facts, node } = candidate;
  const others = all.filter((one) => one.node !== node);
  const needKbps = CONFERENCE_LEG_KBPS * Math.max(1, others.length);
  let points = 100 * (facts.reach || REACH_UNKNOWN);
  if (facts.uplinkKbps > 0 && facts.uplinkKbps < needKbps) points -= 400;
  else if (facts.uplinkKbps > 0) points += 20 * Math.min(5, doublings(needKbps, facts.uplinkKbps));
  points += facts.idleCenticores > 0 ? 10 * Math.min(8, Math.floor(facts.idleCenticores / 50)) : 20;
  if (facts.idleCenticores > 0 && facts.idleCenticores < CONFERENCE_IDLE_LEAST) points -= 200;
  points -= Math.min(150, Math.floor(medianMs(facts, others) / 4));
  for (const other of others) if (other.facts.deafTo.includes(node)) points -= 150;
  return points;
}

/** Best first; without those who cannot. `grown`: two of whom one mixes, and shall go on. */
export function rankMixers(
  all: readonly Candidate[],
  grown: readonly NodeId[] = [],
): readonly { readonly node: NodeId; readonly points: number }[] {
  return all
    .filter(({ eligible }) => eligible)
    .map((one) => {
      const extra = grown.includes(one.node) ? CONFERENCE_GROWN_POINTS : 0;
      return { node: one.node, points: mixerPoints(one, all) + extra };
    })
    .sort((a, b) => b.points - a.points || (a.node < b.node ? -1 : 1));
}

/** The best, if it is so much better than the present mixer that the mix should move; else undefined. */
export function betterMixer(
  all: readonly Candidate[],
  mixer: NodeId,
  grown: readonly NodeId[] = [],
): NodeId | undefined {
  const ranked = rankMixers(all, grown);
  const best = ranked[0];
  const present = ranked.find(({ node }) => node === mixer);
  if (!best || !present || best.node === mixer) return undefined;
  return best.points >= present.points + CONFERENCE_BETTER_POINTS ? best.node : undefined;
}

/** How often `of` may be doubled without exceeding `to`. */
function doublings(of: number, to: number): number {
  let count = 0;
  for (let size = of * 2; size <= to; size *= 2) count += 1;
  return count;
}

function medianMs(facts: MixerFacts, others: readonly Candidate[]): number {
  const known = others.map(({ node }) => facts.roundTrips.get(node)).filter((ms) => ms !== undefined);
  if (known.length === 0) return 0;
  return known.sort((a, b) => a - b)[Math.floor((known.length - 1) / 2)] ?? 0;
}
