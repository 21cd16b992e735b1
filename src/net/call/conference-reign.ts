/**
 * Who mixes now and since when, as one member sees it: it follows the highest term that anybody tells, and says when a
 * new one must begin. What makes the mix stay where it is (hysteresis) is here; who is best is `conference-mixer.ts`.
 */
import { CONFERENCE_BETTER_MS, CONFERENCE_DEPOSED_MS, CONFERENCE_REIGN_MS } from '../protocol/conference-params.ts';
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import { betterMixer, type Candidate, rankMixers } from './conference-mixer.ts';
import type { MixerFacts, Reign } from './conference-record.ts';

/** One who is in, as this member sees it now. */
export interface Seen {
  readonly node: NodeId;
  readonly facts: MixerFacts;
  readonly held: boolean;
  /** Something came of it lately; of ourselves always. */
  readonly alive: boolean;
  /** Does not hear the mixer of our term. */
  readonly deaf: boolean;
}

export interface ReignView {
  readonly me: NodeId;
  readonly seen: readonly Seen[];
  /** The mixer is known to have left, or was removed. */
  readonly mixerLeft: boolean;
  /** We began the conference, and choose first. */
  readonly isFounder: boolean;
  /** The two whose call this was. */
  readonly grown: readonly NodeId[];
}

export class ReignKeeper {
  #reign: Reign;
  #since: Millis;
  /** Until when these do not mix again. */
  readonly #deposed = new Map<NodeId, Millis>();
  #better: { readonly node: NodeId; readonly since: Millis } | undefined;

  constructor(now: Millis, reign: Reign) {
    this.#reign = reign;
    this.#since = now;
  }

  get reign(): Reign {
    return this.#reign;
  }

  get since(): Millis {
    return this.#since;
  }

  /** We come back: who mixes has time to be heard. */
  again(now: Millis): void {
    this.#since = now;
    this.#better = undefined;
  }

  /** Somebody tells of a term; true when it is higher than ours, and ours now. `deaf`: the former mixer was not heard. */
  follow(now: Millis, reign: Reign, deaf: boolean): boolean {
    if (!isHigher(reign, this.#reign)) return false;
    this.#begin(now, reign, deaf);
    return true;
  }

  /** A new term begins if it must; true when it does. */
  judge(now: Millis, view: ReignView): boolean {
    const { term, mixer } = this.#reign;
    const next = this.#successor(now, view);
    if (next === undefined || (next === mixer && term > 0)) return false;
    this.#begin(now, { term: term + 1, mixer: next }, isLost(view, mixer));
    return true;
  }

  /** Those who could mix, best first. */
  ranked(now: Millis, view: ReignView): readonly NodeId[] {
    return rankMixers(this.#candidates(now, view), this.#grown(view)).map(({ node }) => node);
  }

  wakeAt(): Millis {
    const better = this.#better ? Math.max(this.#better.since + CONFERENCE_BETTER_MS, this.#calmAt()) : Infinity;
    return Math.min(better, ...this.#deposed.values());
  }

  #successor(now: Millis, view: ReignView): NodeId | undefined {
    const { term, mixer } = this.#reign;
    for (const [node, until] of this.#deposed) if (now >= until) this.#deposed.delete(node);
    const candidates = this.#candidates(now, view);
    const others = candidates.filter(({ node }) => node !== mixer);
    if (term === 0 && view.isFounder) return this.#first(view, candidates);
    const mixing = view.seen.find(({ node }) => node === mixer);
    if (view.mixerLeft || mixing?.held || isLost(view, mixer)) {
      this.#better = undefined;
      // Alone nobody needs a mixer, and whoever comes back from nowhere shall not bring a higher term.
      const company = view.seen.filter(({ node, alive }) => alive && node !== mixer).length > 1;
      return view.mixerLeft || mixing?.held || company ? rankMixers(others)[0]?.node : undefined;
    }
    return this.#betterOne(now, candidates, mixer, view);
  }

  /** The founder's choice, when there is somebody to choose; of a call that grew, between those two. */
  #first(view: ReignView, candidates: readonly Candidate[]): NodeId | undefined {
    const grown = view.grown;
    const those = grown.length > 0 ? candidates.filter(({ node }) => grown.includes(node)) : candidates;
    return those.length < 2 ? undefined : rankMixers(those)[0]?.node;
  }

  #betterOne(now: Millis, candidates: readonly Candidate[], mixer: NodeId, view: ReignView): NodeId | undefined {
    const node = betterMixer(candidates, mixer, this.#grown(view));
    if (node === undefined) {
      this.#better = undefined;
      return undefined;
    }
    if (this.#better?.node !== node) this.#better = { node, since: now };
    const cannotTalk = view.seen.some(({ facts }) => facts.deafTo.includes(mixer));
    const calm = cannotTalk || now >= this.#calmAt();
    return calm && now >= this.#better.since + CONFERENCE_BETTER_MS ? node : undefined;
  }

  /** The first choice was made when only two were there, so it is looked at again soon. */
  #calmAt(): Millis {
    return this.#since + (this.#reign.term <= 1 ? CONFERENCE_BETTER_MS : CONFERENCE_REIGN_MS);
  }

  #grown({ grown }: ReignView): readonly NodeId[] {
    return this.#reign.term <= 1 && grown.includes(this.#reign.mixer) ? grown : [];
  }

  #candidates(now: Millis, view: ReignView): Candidate[] {
    return view.seen.map(({ node, facts, held, alive }) => {
      const deposed = now < (this.#deposed.get(node) ?? 0) && node !== this.#reign.mixer;
      return { node, facts, eligible: alive && !held && !deposed };
    });
  }

  #begin(now: Millis, reign: Reign, deaf: boolean): void {
    const former = this.#reign.mixer;
    if (deaf && former !== reign.mixer) this.#deposed.set(former, now + CONFERENCE_DEPOSED_MS);
    this.#reign = reign;
    this.#since = now;
    this.#better = undefined;
  }
}

export function isHigher(a: Reign, b: Reign): boolean {
  return a.term > b.term || (a.term === b.term && a.mixer > b.mixer);
}

/** More than half of those others who are there do not hear it. */
export function isLost({ seen, me }: ReignView, mixer: NodeId): boolean {
  if (mixer === me) return false;
  const others = seen.filter(({ node, held, alive }) => node !== mixer && alive && !held);
  const deaf = others.filter((one) => one.deaf);
  return deaf.length > 0 && deaf.length * 2 > others.length;
}
