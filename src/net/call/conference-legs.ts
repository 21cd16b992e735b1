/**
 * The legs of one member: media sessions with the mixer, or of the mixer with everybody. `conference.ts` says which there
 * should be; this opens, keeps, lets linger and closes them, and remembers what the other ends said of where they are.
 */
import { createHash } from 'node:crypto';
import { CONFERENCE_LINGER_MS, CONFERENCE_MEMBERS_MAX } from '../protocol/conference-params.ts';
import type { Millis } from '../protocol/core.ts';
import { bytesOf, type CallId, type NodeId, type UserName } from '../protocol/ids.ts';
import { type Body, message } from '../wire/messages.ts';
import { boundCandidates, boundRelays } from './call-record.ts';
import type { ConferenceId, ConferenceOutput, Member, Statement } from './conference-record.ts';
import { idOf } from './conference-wire.ts';

export interface WishedLeg {
  readonly wire: CallId;
  readonly other: Statement;
  readonly mixes: boolean;
  readonly held: boolean;
}

interface Leg {
  /** What media calls it here. */
  readonly key: CallId;
  readonly wire: CallId;
  readonly node: NodeId;
  readonly peer: UserName;
  mixes: boolean;
  held: boolean;
  closeAt: Millis;
  readonly openedAt: Millis;
  heardAt: Millis;
}

interface Reach {
  readonly wire: CallId;
  readonly remoteCandidates: readonly string[];
  readonly remoteRelays: readonly NodeId[];
}

/** The id of the leg between mixer and member in this term. */
export function legId(conference: ConferenceId, term: number, mixer: Member, other: Member): CallId {
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value >>> 0);
    return bytes;
  };
  const hash = createHash('sha256').update('wren conference leg').update(bytesOf(conference)).update(number(term));
  for (const { node, incarnation } of [mixer, other]) hash.update(bytesOf(node)).update(number(incarnation));
  return hash.digest('hex').slice(0, 32);
}

export class ConferenceLegs {
  readonly #conference: ConferenceId;
  readonly #call: CallId;
  readonly #legs = new Map<CallId, Leg>();
  /** What was said of a leg that is not open yet. */
  readonly #reach = new Map<NodeId, Reach>();
  /** The media session that runs already, of a call that grew. */
  #running: { readonly key: CallId; readonly wire: CallId } | undefined;
  #candidates: readonly string[] = [];
  #relays: readonly NodeId[] = [];
  #out: ConferenceOutput[] = [];

  constructor(conference: ConferenceId, call: CallId) {
    this.#conference = conference;
    this.#call = call;
  }

  /** A call that grew brought its media session along. */
  adopt(running: { readonly key: CallId; readonly wire: CallId }): void {
    this.#running = running;
  }

  /** How we may be met: told to the other ends of legs, and to nobody else. */
  setOwn(candidates: readonly string[], relays: readonly NodeId[]): void {
    if (this.#candidates.join() === candidates.join() && this.#relays.join() === relays.join()) return;
    this.#candidates = candidates;
    this.#relays = relays;
    for (const leg of this.#legs.values()) this.#tellReach(leg);
  }

  /** Opens what is missing; what is too much goes, later if `lingers` says so of its other end. */
  set(now: Millis, wished: readonly WishedLeg[], lingers: (node: NodeId) => boolean): void {
    for (const leg of [...this.#legs.values()]) {
      if (wished.some(({ wire }) => wire === leg.wire)) leg.closeAt = Number.POSITIVE_INFINITY;
      else if (!lingers(leg.node)) this.#close(leg);
      else leg.closeAt = Math.min(leg.closeAt, now + CONFERENCE_LINGER_MS);
    }
    for (const wish of wished) {
      const leg = this.#legs.get(wish.wire) ?? this.#open(now, wish);
      if (leg.held !== wish.held) {
        leg.held = wish.held;
        this.#out.push({ type: 'media-hold', call: leg.key, on: wish.held });
      }
    }
  }

  /** The call that grew is of no use any more. */
  letRunningGo(): void {
    const running = this.#running;
    if (!running || this.#legs.has(running.wire)) return;
    this.#running = undefined;
    this.#out.push({ type: 'media-stop', call: running.key, wire: running.wire });
  }

  told(node: NodeId, body: Body<'conferenceLeg'>): void {
    const wire = idOf(body.legId);
    if (wire === undefined) return;
    const reach = {
      wire,
      remoteCandidates: boundCandidates(body.candidates),
      remoteRelays: boundRelays(body.relays),
    };
    const leg = this.#legs.get(wire);
    if (leg?.node === node) this.#pass(leg, reach);
    else if (this.#reach.size < 2 * CONFERENCE_MEMBERS_MAX || this.#reach.has(node)) this.#reach.set(node, reach);
  }

  /** Voice of this leg came; `key` as media calls it. */
  heard(now: Millis, key: CallId): NodeId | undefined {
    for (const leg of this.#legs.values()) {
      if (leg.key !== key) continue;
      leg.heardAt = now;
      return leg.node;
    }
    return undefined;
  }

  /** When voice came last by this leg; 0: none yet. Undefined: there is no such leg. */
  heardAt(wire: CallId): { readonly heardAt: Millis; readonly openedAt: Millis } | undefined {
    return this.#legs.get(wire);
  }

  closeAll(): void {
    for (const leg of [...this.#legs.values()]) this.#close(leg);
    this.letRunningGo();
    this.#reach.clear();
  }

  wake(now: Millis): void {
    for (const leg of [...this.#legs.values()]) if (now >= leg.closeAt) this.#close(leg);
  }

  wakeAt(): Millis {
    return Math.min(...[...this.#legs.values()].map(({ closeAt }) => closeAt), Number.POSITIVE_INFINITY);
  }

  drain(): ConferenceOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #open(now: Millis, { wire, other, mixes, held }: WishedLeg): Leg {
    const { node, name: peer, relays } = other;
    const running = this.#running?.wire === wire ? this.#running : undefined;
    const key = running?.key ?? wire;
    const closeAt = Number.POSITIVE_INFINITY;
    const leg: Leg = { key, wire, node, peer, mixes, held: false, closeAt, openedAt: now, heardAt: 0 };
    this.#legs.set(wire, leg);
    this.#out.push({ type: 'leg', call: this.#call, leg: key, peer, node, on: true, mixes });
    if (running) return leg;
    const known = this.#reach.get(node);
    const reach = known?.wire === wire ? known : { wire, remoteCandidates: [], remoteRelays: relays };
    const { remoteCandidates, remoteRelays } = reach;
    this.#out.push({
      type: 'media-start',
      ...{ call: key, wire, node, peer, remoteCandidates, remoteRelays },
      role: mixes ? 'callee' : 'caller',
      tellsLast: remoteCandidates.length > 0,
    });
    this.#reach.delete(node);
    this.#tellReach(leg);
    if (held) this.#out.push({ type: 'media-hold', call: key, on: true });
    leg.held = held;
    return leg;
  }

  #close(leg: Leg): void {
    const { key, wire, node, peer, mixes } = leg;
    this.#legs.delete(wire);
    if (this.#running?.wire === wire) this.#running = undefined;
    this.#out.push({ type: 'media-stop', call: key, wire });
    this.#out.push({ type: 'leg', call: this.#call, leg: key, peer, node, on: false, mixes });
  }

  #pass(leg: Leg, { remoteCandidates, remoteRelays }: Reach): void {
    const { key: call, peer } = leg;
    this.#out.push({ type: 'media-candidates', call, peer, remoteCandidates, remoteRelays });
  }

  #tellReach({ wire, peer, node }: Leg): void {
    const body = {
      conferenceId: bytesOf(this.#conference),
      legId: bytesOf(wire),
      candidates: [...this.#candidates],
      relays: this.#relays.map(bytesOf),
    };
    this.#out.push({ type: 'send', to: peer, node, message: message('conferenceLeg', body) });
  }
}
