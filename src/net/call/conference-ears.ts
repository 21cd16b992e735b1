/**
 * Does this member hear the mixer, and what it states of itself for the choice of one: round trips, load, reach, and whom it
 * cannot hear though others can. Looked at now and then, so that not every statement is a new one.
 */
import {
  CONFERENCE_DEAF_MS,
  CONFERENCE_DEAF_PAIR_MS,
  CONFERENCE_FACTS_MS,
  CONFERENCE_FIRST_VOICE_MS,
  CONFERENCE_RTT_STEP_MS,
} from '../protocol/conference-params.ts';
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import type { MixerFacts, OwnFacts } from './conference-record.ts';

export interface EarsOptions {
  /** Round trip of the signalling with a node, ms. */
  readonly rttMs: (node: NodeId) => number | undefined;
  readonly ownFacts: () => OwnFacts;
}

/** How it stands with the mixer of this term. */
export interface Listening {
  readonly mixer: NodeId;
  /** We mix, or are on hold: there is nothing to hear. */
  readonly idle: boolean;
  /** Since when it is the mixer. */
  readonly since: Millis;
  /** The leg with it; undefined: none yet. */
  readonly leg: { readonly heardAt: Millis; readonly openedAt: Millis } | undefined;
  /** The others who are in. */
  readonly present: ReadonlySet<NodeId>;
}

export class ConferenceEars {
  readonly #options: EarsOptions;
  #hears = true;
  /** Since when we do not hear the mixer though others do. */
  #deafSince: Millis = Number.POSITIVE_INFINITY;
  #factsAt: Millis = Number.NEGATIVE_INFINITY;
  #facts: MixerFacts;

  constructor(options: EarsOptions) {
    this.#options = options;
    this.#facts = { ...options.ownFacts(), roundTrips: new Map(), deafTo: [] };
  }

  get hears(): boolean {
    return this.#hears;
  }

  get facts(): MixerFacts {
    return this.#facts;
  }

  /** When the mixer counts as not heard, if nothing comes. */
  deafAt({ idle, since, leg }: Listening): Millis {
    const first = since + CONFERENCE_FIRST_VOICE_MS;
    if (idle) return Number.POSITIVE_INFINITY;
    if (!leg || leg.heardAt === 0) return first;
    return Math.max(leg.heardAt + CONFERENCE_DEAF_MS, Math.min(first, leg.openedAt + CONFERENCE_FIRST_VOICE_MS));
  }

  listen(now: Millis, listening: Listening): void {
    const { mixer, leg, present } = listening;
    this.#hears = now < this.deafAt(listening);
    this.#deafSince = this.#hears ? Number.POSITIVE_INFINITY : Math.min(this.#deafSince, now);
    const deaf = new Set(this.#facts.deafTo.filter((node) => present.has(node)));
    if (this.#hears && leg?.heardAt) deaf.delete(mixer);
    if (now >= this.#deafSince + CONFERENCE_DEAF_PAIR_MS && present.has(mixer)) deaf.add(mixer);
    this.#gather(now, [...deaf].sort(), present);
  }

  wakeAt(listening: Listening): Millis {
    return this.#hears ? this.deafAt(listening) : Number.POSITIVE_INFINITY;
  }

  #gather(now: Millis, deafTo: readonly NodeId[], present: ReadonlySet<NodeId>): void {
    const { roundTrips } = this.#facts;
    if (now < this.#factsAt && [...present].every((node) => roundTrips.has(node))) {
      if (this.#facts.deafTo.join() !== deafTo.join()) this.#facts = { ...this.#facts, deafTo };
      return;
    }
    this.#factsAt = now + CONFERENCE_FACTS_MS;
    this.#facts = { ...this.#options.ownFacts(), roundTrips: this.#measured(present), deafTo };
  }

  /** In steps, and as before where little has changed. */
  #measured(present: ReadonlySet<NodeId>): Map<NodeId, number> {
    const found = new Map<NodeId, number>();
    for (const node of [...present].sort()) {
      const ms = this.#options.rttMs(node);
      const old = this.#facts.roundTrips.get(node);
      if (ms === undefined) continue;
      const stays = old !== undefined && Math.abs(ms - old) <= Math.max(CONFERENCE_RTT_STEP_MS, old / 4);
      found.set(node, stays ? old : Math.round(ms / CONFERENCE_RTT_STEP_MS) * CONFERENCE_RTT_STEP_MS);
    }
    return found;
  }
}
